"""From user-config.py to the first edit, with a browser or without one."""

from __future__ import annotations

import re

import pytest

from tests.harness import LOGGED_IN, Owner, dialogs, editors
from tests.journeys.conftest import stops


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
        'The authorization was cancelled.\nRun this in a terminal to try'
        ' again:\n  pwb login -site:sandbox:en\n'
    ) in shown
    assert not owner.token_file().exists()
    owner.has_browser()
    shown = owner.in_terminal(owner.script(), '1')
    assert 'Bot has authorized the client' in shown
    assert not [secret for secret in wiki.secrets if secret in shown]
    assert editors(wiki) == ['Bot']


@pytest.mark.parametrize('is_fixed', [True, False])
def test_with_an_owner_only_client_a_script_edits_until_it_is_reset(
    tmp_path, wiki, is_fixed
):
    client = wiki.register(owner_only=True)
    owner = Owner(tmp_path, wiki, client=client, has_oauth=False)
    if is_fixed:
        owner.use_fixed_token(wiki.issue(client).access_token)
    else:
        owner.use_oauth(', owner_only=True')
    assert owner.edit(3) == ''
    assert editors(wiki) == ['Bot'] * 3
    if is_fixed:
        assert LOGGED_IN in owner.alone('login').stdout

    wiki.expire_access_tokens()
    wiki.disable_client(client)
    assert 'Special:OAuthConsumerRegistration/list' in stops(owner, last='')
