"""What stands in the README and on the pages of docs/ is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import pywikibot

from pywikibot_oauth2 import OAuth2Auth
from pywikibot_oauth2.scripts import oauth2
from tests.harness import Owner


TOP = Path(__file__).parents[1]
PAGES = [TOP / 'README.md', *sorted((TOP / 'docs').rglob('*.md'))]


def blocks(language):
    """Return the code blocks of a language, with the names of the pages."""
    return [
        pytest.param(block, id=f'{page.stem}-{number}')
        for page in PAGES
        for number, block in enumerate(
            re.findall(
                rf'^```{language}\n(.*?)^```$',
                page.read_text(),
                re.MULTILINE | re.DOTALL,
            )
        )
    ]


@pytest.mark.parametrize('text', blocks('python'))
def test_a_snippet_can_be_compiled(text):
    flags = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compile(text, 'page', 'exec', flags, dont_inherit=True)


@pytest.mark.parametrize(
    'text',
    [each for each in blocks('python') if ' as _oauth2' in each.values[0]],
)
def test_a_snippet_for_a_configuration_works(text, tmp_path, monkeypatch):
    monkeypatch.setattr(pywikibot.config, 'base_dir', str(tmp_path))
    monkeypatch.setenv('PYWIKIBOT_OAUTH2_ACCESS_TOKEN', 'token')
    credentials = tmp_path / '.pywikibot-oauth2.json'
    credentials.write_text('{"access_token": "token"}')
    credentials.chmod(0o600)
    # The password manager of the snippets.
    command = tmp_path / 'pass'
    command.write_text(f'#!/bin/sh\ncat {credentials}\n')
    command.chmod(0o700)
    monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
    entries = {}
    exec(text, {'authenticate': entries})
    assert entries
    assert all(isinstance(entry, OAuth2Auth) for entry in entries.values())


@pytest.mark.parametrize('text', blocks('sh'))
def test_a_command_has_only_options_and_targets_that_exist(text):
    targets = re.findall(
        r'^([a-z-]+):', (TOP / 'Makefile').read_text(), re.MULTILINE
    )
    for line in text.splitlines():
        options = re.search(r'\boauth2((?: -\S+)+)', line)
        for option in options[1].split() if options else ():
            name = option.partition(':')[0]
            if name not in ('-site', '-user', '-family', '-lang'):
                assert name in oauth2.__doc__, line
        target = re.match(r'make ([a-z-]+)', line)
        assert target is None or target[1] in targets, line


def test_the_readme_is_short():
    assert len((TOP / 'README.md').read_text().splitlines()) <= 150


def test_the_example_of_a_configuration_loads(tmp_path, wiki):
    owner = Owner(tmp_path, wiki)
    owner.config.write_text((TOP / 'user-config.example.py').read_text())
    shown = owner.python(
        'import pywikibot\nprint(sorted(pywikibot.config.authenticate))'
    )
    assert "'*.wikipedia.org'" in shown
