"""README.md, PARITY.md, docs/ and user-config.example.py are right."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest

from pywikibot_oauth2.scripts import oauth2
from tests.harness import Owner


TOP = Path(__file__).parents[1]
PAGES = [TOP / 'README.md', *sorted((TOP / 'docs').rglob('*.md'))]


def blocks(language):
    """Return the code blocks of a language by page and number."""
    pattern = rf'^( *)```{language}\n(.*?)^\1```$'
    return {
        f'{page.stem}-{number}': textwrap.dedent(text)
        for page in PAGES
        for number, (_, text) in enumerate(
            re.findall(pattern, page.read_text(), re.MULTILINE | re.DOTALL)
        )
    }


# Pywikibot runs user-config.py like this, with its own names around it.
RUN = """
import json, sys
import pywikibot
from pywikibot import config
for name, text in json.load(open(sys.argv[1])).items():
    config.authenticate.clear()
    names = {**vars(config), '__name__': 'snippet'}
    exec(compile(text, name, 'exec'), names)
    for auth in config.authenticate.values():
        auth.client.check()
    print('ran', name, *sorted(config.authenticate))
"""


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody who has all that the snippets refer to."""
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure("usernames['wikipedia']['*'] = 'Bot'\n")
    values = {'client_id': 'a' * 32, 'client_secret': 'secret'}
    owner.write('.pywikibot-oauth2.json', json.dumps(values))
    script = f"#!/bin/sh\necho '{json.dumps(values)}'\n"
    Path(owner.write('pass', script)).chmod(0o755)
    owner.environment['PATH'] += f':{tmp_path}'
    owner.environment['PYTHONWARNINGS'] = 'error'
    for name, value in values.items():
        owner.environment[f'PYWIKIBOT_OAUTH2_{name.upper()}'] = value
    return owner


def test_each_snippet_runs(owner):
    snippets = blocks('python')
    example = (TOP / 'user-config.example.py').read_text(encoding='utf-8')
    # A statement in a comment begins with '# ', its other lines begin with
    # more blanks.
    pattern = r'(?m)^# ((?:usernames|authenticate)\[.*(?:\n#  .*)*)'
    found = [
        each.replace('\n#', '\n') for each in re.findall(pattern, example)
    ]
    assert len(found) >= 7
    snippets['example'] = '\n'.join([example, *found]).replace('…', 'x')
    path = owner.write('snippets', json.dumps(snippets))
    shown = owner.python(RUN, path)
    assert re.findall(r'^ran (\S+)', shown, re.MULTILINE) == list(snippets)
    assert shown.count('.wikipedia.org') >= 11
    keys = '*.wikidata.org *.wikimedia.org *.wikipedia.org'
    assert f'ran example {keys}\n' in shown


@pytest.mark.parametrize('text', blocks('sh').values(), ids=blocks('sh'))
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
        assert re.match(
            r'pwb (oauth2|login|touch)|make|chmod 600|python3 -m (pip|venv)|\. ',
            line,
        ), 'a command that no test runs'


def test_the_readme_is_short():
    assert len((TOP / 'README.md').read_text().splitlines()) <= 150


def test_the_parity_table_names_only_existing_tests():
    table = (TOP / 'PARITY.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\|(.*)\|$', table, re.MULTILINE)
    named = re.findall(r'`(\w+\.py)::(test_\w+)`', table)
    assert len(named) >= 40
    assert len(rows) > len({test for _, test in named})
    for file, test in named:
        text = (TOP / 'tests' / file).read_text(encoding='utf-8')
        assert f'def {test}(' in text, f'{file}::{test}'
