"""From user-config.py to the first edit, in a terminal with a browser."""

from __future__ import annotations

import re

from tests.harness import LOGGED_IN, dialogs, editors


def test_one_click_is_enough_for_the_scripts_that_follow(owner, wiki):
    owner.has_browser()
    with owner.terminal('login') as terminal:
        shown = terminal.wait()
        assert terminal.process.returncode == 0
        assert terminal.is_restored()
    assert LOGGED_IN in shown
    assert re.search('^200 .*You can close this page', shown, re.MULTILINE)
    # Neither a script nor a terminal is asked again.
    assert owner.edit(2) == ''
    assert editors(wiki) == ['Bot', 'Bot']
    assert wiki.edits[0].tags == (f'OAuth CID: {owner.client.number}',)
    assert owner.in_terminal('login').startswith(LOGGED_IN)
    assert dialogs(wiki) == wiki.count('/access_token') == 1


def test_ctrl_c_gives_back_the_terminal_and_the_port(owner):
    with owner.terminal('login') as terminal:
        assert terminal.address
        terminal.type('\x03')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert 'Traceback' not in shown
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')


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
