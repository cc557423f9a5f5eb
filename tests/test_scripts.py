#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of scripts that run on while tokens expire."""
from __future__ import annotations

import importlib.util
import os

import pytest


pytest.importorskip('termios')

from tests.journey import Owner, dialogs, grants


needs_scripts = pytest.mark.skipif(
    importlib.util.find_spec('pywikibot_scripts') is None
    and not os.environ.get('CI'),
    reason='the package pywikibot-scripts is not installed')

# How the wiki or its gateway refuses a dead token, and what the sandbox
# calls that.
SHAPES = {False: 'mwoauth-invalid-authorization', True: 'invalid_token',
          'unquoted': 'invalid_token'}

# In user-config.py: a clock that goes on with each request, and faster
# than the wiki's, so that the client is always the first to know.
FAST_CLOCK = """
import itertools as _itertools, time as _time
_seconds = _itertools.count(_time.time(), 1.5)
_clock = lambda: next(_seconds)
"""


@pytest.fixture
def owner(tmp_path, wiki):
    owner = Owner(tmp_path, wiki)
    for number in range(3):
        wiki.add_page(f'Page {number}', 'colour')
    return owner


def hurry(wiki, life):
    """Let a token live for so many requests, of whatever kind.

    The client believes in seconds, so each expiry takes it by surprise.
    """
    start = wiki.clock()
    wiki.token_life = life
    wiki.clock = lambda: start + len(wiki.requests)
    wiki.expire_access_tokens()


def said(done):
    """Return what a script printed, without what is to be expected.

    On MediaWiki each access token has a session of its own; after a
    refresh Pywikibot fetches a new CSRF token, and says so.
    """
    assert done.returncode == 0, done.stdout
    return done.stdout.replace(
        'WARNING: API error badtoken: Invalid CSRF token.\n', '')


def run_scripts(owner):
    """Run unchanged scripts; check what they did and said."""
    wiki = owner.wiki
    for command in (
            ['add_text', '-start:Page', '-text:hello', '-always'],
            ['touch', '-start:Page'],
            ['replace', '-start:Page', '-always', '-summary:spelling',
             'colour', 'color'],
            ['listpages', '-start:Page', '-format:3']):
        output = said(owner.alone(*command))
        assert 'ERROR' not in output, output
        assert 'WARNING' not in output, output
    assert output.startswith('Page 0\nPage 1\nPage 2\nSandbox\n')
    assert len(wiki.edits) == 4 + 3  # to touch changes nothing
    texts = {edit.title: edit.text for edit in wiki.edits}
    assert texts == {'Page 0': 'color\nhello', 'Page 1': 'color\nhello',
                     'Page 2': 'color\nhello',
                     'Sandbox': 'This is the sandbox.\nhello'}


def check_edits(wiki):
    """Check that all edits were made under the authorization, unasked."""
    assert {edit.user for edit in wiki.edits} == {'Bot'}
    assert {edit.tags for edit in wiki.edits} == {('OAuth CID: 1',)}
    assert dialogs(wiki) == 0  # the login was pasted
    assert grants(wiki, 'authorization_code') == 1
    assert wiki.count('/access_token', error=None) \
        == wiki.count('/access_token')


def check_bot(wiki):
    """Check that the bot of 40 edits has made each of them once."""
    assert [edit.text.splitlines()[-1] for edit in wiki.edits] == [
        f'* edit {number}' for number in range(40)]
    check_edits(wiki)


@needs_scripts
def test_unchanged_scripts_run_on_while_tokens_expire(owner, wiki):
    wiki.token_life = 1
    owner.log_in()
    run_scripts(owner)
    check_edits(wiki)
    assert grants(wiki, 'refresh_token') >= 1


@needs_scripts
@pytest.mark.parametrize('shape', [False, True])
def test_unchanged_scripts_run_on_when_the_wiki_refuses_tokens(
        owner, wiki, shape):
    owner.log_in()
    wiki.gateway = shape
    hurry(wiki, 11)
    run_scripts(owner)
    check_edits(wiki)
    assert grants(wiki, 'refresh_token') >= 3
    assert wiki.count('/api.php', error=SHAPES[shape]) >= 3


def test_a_bot_edits_without_pause_through_ten_expiries(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, extra=FAST_CLOCK, options=', clock=_clock')
    owner.log_in()
    hurry(wiki, 11)
    assert said(owner.alone(owner.script(edits=40))) == ''
    check_bot(wiki)
    assert grants(wiki, 'refresh_token') >= 10
    # One, for the token that was there when time began to hurry.
    assert wiki.count(error=SHAPES[False]) == 1


@pytest.mark.parametrize('shape', [False, True, 'unquoted'])
def test_a_bot_edits_through_ten_expiries_that_the_wiki_tells(
        owner, wiki, shape):
    owner.log_in()
    wiki.gateway = shape
    hurry(wiki, 9)
    assert said(owner.alone(owner.script(edits=40))) == ''
    check_bot(wiki)
    refused = [request for request in wiki.requests
               if request.error == SHAPES[shape]]
    assert len(refused) >= 10
    assert len(refused) == grants(wiki, 'refresh_token')
    # It happened to reading and to editing.
    assert {'query', 'edit'} <= {request.form.get('action')
                                 for request in refused}
