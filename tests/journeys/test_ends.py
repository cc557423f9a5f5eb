"""There is no authorization yet, or it ends: logged out, or revoked."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, editors


COMMAND = 'pwb login -site:sandbox:en'


def stops(owner, *words):
    """Check that a script without a terminal ends, and says why."""
    before = editors(owner.wiki)
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    for each in words:
        assert each in done.stdout
    assert editors(owner.wiki) == before
    return done.stdout.rstrip()


# Nobody has logged in yet


def test_without_a_terminal_the_command_for_a_login_is_named(owner, wiki):
    done = owner.alone('login')
    assert 'Bot has not authorized the client' in done.stdout
    assert COMMAND in done.stdout
    assert 'Not logged in on sandbox:en.' in done.stdout
    assert 'Traceback' not in done.stdout
    assert wiki.count('/authorize') == 0
    assert stops(owner).endswith(COMMAND)
    owner.authorize()
    assert owner.alone(owner.script(), '1').returncode == 0
    assert editors(wiki) == ['Bot']


# Logged out


def test_after_a_logout_scripts_need_another_login(owner, wiki):
    owner.authorize()
    # That of Pywikibot changes nothing but says what to do.
    done = owner.alone('login', '-logout')
    assert 'pwb oauth2 -logout' in done.stdout
    assert 'Traceback' not in done.stdout
    owner.edit()
    secrets = owner.stored()['token'].values()
    assert owner.alone('oauth2', '-logout').returncode == 0
    text = owner.token_file().read_text()
    assert not [value for value in secrets if str(value) in text]
    stops(owner)
    assert LOGGED_IN in owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot'] * 2


# Revoked


@pytest.mark.both_servers
def test_after_a_revocation_each_run_names_the_command(owner, wiki):
    owner.authorize()
    wiki.revoke('Bot', owner.client)
    for reason in ('The authorization of Bot has ended', 'has ended'):
        assert stops(owner, reason).endswith(COMMAND)
    # A refresh token that was refused is not sent a second time.
    assert wiki.count('/access_token') == 1
    # In a terminal the script asks, and goes on.
    with owner.terminal(owner.script(), '2') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        terminal.wait()
    assert editors(wiki) == ['Bot', 'Bot']


def test_a_revocation_while_a_script_runs_asks_again(owner, wiki):
    owner.authorize()
    save = wiki.pages.save

    def save_and_revoke(*arguments):
        if not wiki.edits:
            wiki.revoke('Bot', owner.client)
        return save(*arguments)

    wiki.pages.save = save_and_revoke
    with owner.terminal(owner.script(), '3') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
    assert 'The authorization of Bot has ended' in shown
    assert editors(wiki) == ['Bot'] * 3
