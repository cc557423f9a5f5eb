"""From user-config.py to the first edit, in a terminal with a browser."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from urllib.parse import parse_qsl, urlsplit

from tests.harness import LOGGED_IN, dialogs, editors
from tests.sandbox import browser


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

    # Neither a script nor a terminal is asked again.
    assert owner.edit(2) == ''
    assert editors(wiki) == ['Bot', 'Bot']
    assert wiki.edits[0].tags == (f'OAuth CID: {owner.client.number}',)
    assert owner.in_terminal('login').startswith(LOGGED_IN)
    assert dialogs(wiki) == wiki.count('/access_token') == 1


def test_ctrl_c_gives_back_the_terminal_and_the_port(owner):
    with owner.terminal('login') as terminal:
        assert terminal.address
        assert not terminal.is_restored()
        terminal.type('\x03')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert 'Traceback' not in shown
    assert 'Logged in' not in shown
    # Through a forwarded port the browser comes back, and nothing is pasted.
    with owner.terminal('login') as terminal:
        person = [sys.executable, browser.__file__, terminal.address]
        subprocess.run(person, check=True, stdout=subprocess.DEVNULL)
        assert LOGGED_IN in terminal.wait()


def test_a_script_asks_in_the_browser_and_may_be_run_again_after_cancel(
    owner, wiki
):
    owner.has_browser('--cancel')
    shown = owner.in_terminal(owner.script(), '1')
    assert (
        'The authorization was cancelled.\nTo start again, run:\n'
        '  pwb login -site:sandbox:en\n'
    ) in shown
    assert not owner.token_file().exists()
    owner.has_browser()
    shown = owner.in_terminal(owner.script(), '1')
    assert 'Bot has authorized the client' in shown
    assert not [secret for secret in wiki.secrets if secret in shown]
    assert editors(wiki) == ['Bot']
