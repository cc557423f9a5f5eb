"""An authorization ends: the bot owner logs out, or revokes it."""

from __future__ import annotations

import pytest

from tests.harness import editors
from tests.journeys.conftest import stops


def answers(owner, edits):
    """Let a script edit in a terminal, and paste what it asks for."""
    with owner.terminal(owner.script(), str(edits)) as terminal:
        terminal.type(owner.wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
    assert editors(owner.wiki) == ['Bot'] * edits
    return shown


def test_after_a_logout_scripts_need_another_login(owner):
    owner.authorize()
    before = owner.token_file().read_text()
    # Pywikibot's own logout changes nothing but says what to do.
    shown = owner.alone('login', '-logout').stdout
    assert 'pwb oauth2 -logout' in shown
    assert 'Traceback' not in shown
    assert owner.token_file().read_text() == before
    assert owner.alone('oauth2', '-logout').returncode == 0
    stops(owner)
    owner.log_in()


@pytest.mark.both_servers
def test_after_a_revocation_each_run_names_the_command(owner, wiki):
    owner.authorize()
    wiki.revoke('Bot', owner.client)
    for reason in ('The authorization of Bot has ended', 'has ended'):
        assert reason in stops(owner)
    # A refresh token that was refused is not sent a second time.
    assert wiki.count('/access_token') == 1
    # In a terminal the script asks, and goes on.
    answers(owner, 2)


def test_a_revocation_while_a_script_runs_asks_again(owner, wiki):
    owner.authorize()
    save = wiki.pages.save

    def save_and_revoke(*arguments):
        if not wiki.edits:
            wiki.revoke('Bot', owner.client)
        return save(*arguments)

    wiki.pages.save = save_and_revoke
    assert 'The authorization of Bot has ended' in answers(owner, 3)
