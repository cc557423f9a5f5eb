"""From user-config.py to the first edit, in a terminal with a browser."""

from __future__ import annotations

import re
import stat
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.harness import LOGGED_IN, dialogs, editors


@pytest.mark.both_servers
def test_one_click_is_enough_for_the_scripts_that_follow(owner, wiki):
    owner.has_browser()
    with owner.terminal('login') as terminal:
        address = terminal.address
        shown = terminal.wait()
        assert terminal.process.returncode == 0
        assert terminal.is_restored()
    query = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
    assert query['redirect_uri'] == owner.client.redirect_uri
    assert query['code_challenge_method'] == 'S256'
    assert 'Bot has authorized the client on sandbox:en with' in shown
    assert f'The token is kept in {owner.token_file()}\n' in shown
    assert LOGGED_IN in shown
    assert re.search('^200 .*You can close this page', shown, re.MULTILINE)
    assert stat.S_IMODE(owner.token_file().stat().st_mode) == 0o600

    assert owner.edit(2) == ''
    assert editors(wiki) == ['Bot', 'Bot']
    assert wiki.edits[0].tags == (f'OAuth CID: {owner.client.number}',)
    # Neither a terminal nor cron is asked again.
    assert owner.in_terminal('login').startswith(LOGGED_IN)
    assert LOGGED_IN in owner.alone('login').stdout
    assert dialogs(wiki) == wiki.count('/access_token') == 1


def test_a_script_in_a_terminal_asks_and_then_edits(owner, wiki):
    owner.has_browser()
    shown = owner.in_terminal(owner.script(), '1')
    assert 'Bot has authorized the client' in shown
    assert editors(wiki) == ['Bot']


def test_cancel_ends_the_login_and_the_next_one_may_succeed(owner):
    owner.has_browser('--cancel')
    shown = owner.in_terminal('login')
    assert (
        'The authorization was cancelled.\nTo start again, run:\n'
        '  pwb login -site:sandbox:en\nNot logged in on sandbox:en.'
    ) in shown
    assert not owner.token_file().exists()
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')


def test_allow_as_somebody_else_is_reported_and_not_kept(owner, wiki):
    owner.has_browser('--user', 'Admin')
    with owner.terminal(owner.script(), '1') as terminal:
        shown = terminal.wait()
        assert terminal.process.returncode != 0
    assert '"Allow" was clicked as Admin, not as Bot' in shown
    assert "usernames['sandbox']['en'] = 'Admin'" in shown
    assert not owner.token_file().exists()
    assert editors(wiki) == []
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')


def test_ctrl_c_gives_back_the_terminal_and_the_port(owner):
    with owner.terminal('login') as terminal:
        assert terminal.address
        assert not terminal.is_restored()
        terminal.type('\x03')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert 'Traceback' not in shown
    assert 'Logged in' not in shown
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')
