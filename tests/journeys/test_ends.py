"""There is no authorization yet, or it ends: logged out, or revoked."""

from __future__ import annotations

import pytest

from tests.harness import editors


COMMAND = 'pwb login -site:sandbox:en'


def stops(owner, words=''):
    """Check that a script without a terminal ends, and says why."""
    before = editors(owner.wiki)
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert words in done.stdout
    assert done.stdout.rstrip().endswith(COMMAND)
    assert editors(owner.wiki) == before


def answers(owner, edits):
    """Let a script edit in a terminal, and paste what it asks for."""
    with owner.terminal(owner.script(), str(edits)) as terminal:
        terminal.type(owner.wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
    assert editors(owner.wiki) == ['Bot'] * edits
    return shown


# Of a script, tests/journeys/test_migration.py shows it.
def test_without_a_terminal_the_command_for_a_login_is_named(owner, wiki):
    shown = owner.alone('login').stdout
    assert 'Bot has not authorized the client' in shown
    assert COMMAND in shown
    assert 'Not logged in on sandbox:en.' in shown
    assert 'Traceback' not in shown
    assert wiki.count('/authorize') == 0


def test_after_a_logout_scripts_need_another_login(owner):
    owner.authorize()
    before = owner.token_file().read_text()
    # That of Pywikibot changes nothing but says what to do.
    shown = owner.alone('login', '-logout').stdout
    assert 'pwb oauth2 -logout' in shown
    assert 'Traceback' not in shown
    assert owner.token_file().read_text() == before
    secrets = owner.stored()['token'].values()
    assert owner.alone('oauth2', '-logout').returncode == 0
    text = owner.token_file().read_text()
    assert not [value for value in secrets if str(value) in text]
    stops(owner)
    owner.log_in()


@pytest.mark.both_servers
def test_after_a_revocation_each_run_names_the_command(owner, wiki):
    owner.authorize()
    wiki.revoke('Bot', owner.client)
    for reason in ('The authorization of Bot has ended', 'has ended'):
        stops(owner, reason)
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
