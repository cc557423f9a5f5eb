#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Every command and snippet of the README is run, as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.journey import Owner, free_port


TOP = Path(__file__).parent.parent
README = (TOP / 'README.md').read_text()


def blocks(language):
    """Return the code blocks of a language in the README."""
    return re.findall(
        rf'^```{language}\n(.*?)^```$', README, re.MULTILINE | re.DOTALL
    )


def commands():
    """Return the command lines of the README."""
    return [line for block in blocks('sh') for line in block.splitlines()]


def configurations():
    """Return the snippets for user-config.py."""
    return [block for block in blocks('python') if 'authenticate' in block]


def run(command, **options):
    """Run a command line; return what it printed."""
    if 'env' not in options:
        # As if these tests were not run by make.
        options['env'] = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith('MAKE')
        }
    result = subprocess.run(
        shlex.split(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        **options,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_all_commands_of_the_readme_are_known_here():
    assert commands() == [
        'make demo',
        'make test',
        'python3 -m pip install .',
        'chmod 600 user-config.py',
        'pwb login',
        'pwb touch -page:Sandbox',
    ]


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
def test_make_demo_ends_as_it_should():
    if not os.environ.get('CI') and not (TOP / '.venv/installed').exists():
        pytest.skip('make demo would install a virtual environment')
    last = run('make demo', cwd=TOP).splitlines()[-1]
    assert re.fullmatch(
        r'demo: OK authorized=1 refreshes=[1-9]\d* edits=[1-9]\d*'
        r' questions=0',
        last,
    )


@pytest.mark.skipif(not shutil.which('make'), reason='needs make')
def test_make_test_runs_these_tests():
    assert '-m pytest' in run('make -n test', cwd=TOP)


def test_the_install_line_installs_the_package(tmp_path):
    source = tmp_path / 'copy'
    shutil.copytree(
        TOP,
        source,
        ignore=shutil.ignore_patterns(
            '.*', 'build', '*.egg-info', '__pycache__'
        ),
    )
    venv.create(tmp_path / 'venv', with_pip=True)
    program = tmp_path / 'venv' / 'bin' / 'python3'
    run(
        f'{program} -m pip install .',
        cwd=source,
        env={
            **os.environ,
            'PIP_NO_DEPS': '1',
            'PIP_DISABLE_PIP_VERSION_CHECK': '1',
        },
    )
    listed = run(f'{program} -m pip show --files pywikibot-oauth2')
    assert 'pywikibot_oauth2/py.typed' in listed
    assert 'Version: 0.1.0' in listed


@pytest.mark.parametrize('snippet', configurations())
def test_snippets_for_user_config_load_without_a_warning(
    snippet, tmp_path, wiki
):
    owner = Owner(tmp_path, wiki)
    (tmp_path / 'user-config.py').write_text(snippet)
    shown = run(
        f'{sys.executable} -W error -c "import pywikibot; '
        'print(sorted(pywikibot.config.authenticate))"',
        env=owner.environment,
        cwd=tmp_path,
    )
    assert shown.startswith("['*.wikipedia.org'")


def test_the_way_of_a_bot_owner_works_as_written(tmp_path, wiki):
    pytest.importorskip('pywikibot_scripts')
    redirect_uri = f'http://127.0.0.1:{free_port()}/'
    client = wiki.register(redirect_uri=redirect_uri)
    lines = configurations()[0]
    for written, real in (
        ('*.wikipedia.org', wiki.netloc),
        ('client id', client.id),
        ('client secret', client.secret),
        ('http://127.0.0.1:8080/', redirect_uri),
    ):
        assert written in lines
        lines = lines.replace(written, real)
    owner = Owner(tmp_path, wiki, client=client)
    config = tmp_path / 'user-config.py'
    config.write_text(
        config.read_text().partition('import pywikibot_oauth2')[0] + lines
    )
    run('chmod 600 user-config.py', cwd=tmp_path)
    owner.has_browser()
    shown = owner.in_terminal('login')
    for line in blocks('text')[0].splitlines():
        words = re.sub(r'the grants .*|/home/.*', '', line)
        assert words.replace('wikipedia:en', 'sandbox:en').rstrip() in shown
    assert 'saved' not in shown
    shown = owner.in_terminal('touch', '-page:Sandbox')
    assert 'Page [[Sandbox]]' in shown
    assert [
        request.user
        for request in wiki.requests
        if request.form.get('action') == 'edit'
    ] == ['Bot']


def test_the_snippet_for_programs_prints_an_authorization_url(capsys):
    (snippet,) = (
        block for block in blocks('python') if 'OAuth2Session' in block
    )
    exec(compile(snippet, 'README.md', 'exec'), {})
    assert capsys.readouterr().out.startswith(
        'https://en.wikipedia.org/w/rest.php/oauth2/authorize?'
    )
