"""Tests of what "pip install" installs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


TOP = Path(__file__).parents[1]
PACKAGE = 'pywikibot_oauth2'
# What pip needs to build it; not the tests, nor what was built before.
NEEDED = ('README.md', 'LICENSE', 'pyproject.toml', 'setup.cfg')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the sources."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    files = [TOP / name for name in NEEDED] + [
        path
        for path in (TOP / PACKAGE).rglob('*')
        if path.is_file() and path.parent.name != '__pycache__'
    ]
    for path in files:
        copy = source / path.relative_to(TOP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    pip('wheel', '--wheel-dir', folder, source)
    (built,) = folder.glob('*.whl')
    return built


def pip(command, *arguments):
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            command,
            '--quiet',
            '--no-deps',
            '--disable-pip-version-check',
            *map(str, arguments),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {
            name for name in archive.namelist() if '.dist-info/' not in name
        }
    assert names == {
        path.relative_to(TOP).as_posix()
        for path in (TOP / PACKAGE).rglob('*')
        if path.suffix == '.py' or path.name == 'py.typed'
    }


def test_what_the_wheel_installs_works_without_the_sources(wheel, tmp_path):
    pip('install', '--target', tmp_path, wheel)
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            f'import {PACKAGE}\n'
            f'from {PACKAGE}.login import OAuth2LoginManager\n'
            f'print({PACKAGE}.__file__, {PACKAGE}.OAuth2Auth("id", "secret"))',
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            'PYTHONPATH': str(tmp_path),
            'HOME': str(tmp_path),
            'PYWIKIBOT_NO_USER_CONFIG': '2',
        },
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / PACKAGE) in done.stdout
    assert 'secret' not in done.stdout
    assert not done.stderr
