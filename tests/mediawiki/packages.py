"""What has to be installed for a test, and how it gets installed."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest


MEDIAWIKI = Path('/usr/share/mediawiki')
PHP_MODULES = {'intl', 'mbstring', 'pdo_sqlite', 'xml'}


def need_mediawiki():
    """Install MediaWiki, or skip the test (in CI: let it fail)."""
    packages = 'mediawiki php-cli php-sqlite3 php-mbstring php-xml php-intl'
    _need(_has_mediawiki, packages)


def need_chromium():
    """Install Chromium and its driver, or skip the test (in CI: fail)."""
    programs = 'chromium', 'chromedriver'
    _need(lambda: all(map(shutil.which, programs)), 'chromium chromium-driver')


def _has_mediawiki():
    if not (MEDIAWIKI / 'api.php').exists() or not shutil.which('php'):
        return False
    modules = subprocess.check_output(['php', '-m'], text=True).split()
    return PHP_MODULES.issubset(modules)


def _need(is_there, packages):
    if is_there():
        return
    _install(packages)
    if not is_there():
        missing = f'run "apt-get install {packages}" to have these tests run'
        if os.environ.get('CI'):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


@functools.lru_cache(None)
def _install(packages):
    """Try once to install packages, if this is a machine for tests."""
    is_root = hasattr(os, 'geteuid') and os.geteuid() == 0
    if not shutil.which('apt-get') or not (is_root or os.environ.get('CI')):
        return
    install = 'install --yes --no-install-recommends'
    for arguments in ('update', f'{install} {packages}'):
        subprocess.run(
            ['apt-get', '--quiet', *arguments.split()],
            env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'},
            stdin=subprocess.DEVNULL,
        )
