"""An authorization ends: by a logout, a revocation, a client of no use."""

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


def log_out(owner):
    done = owner.alone('oauth2', '-logout')
    assert done.returncode == 0, done.stdout


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


def test_a_damaged_token_file_is_named_and_left_alone(owner):
    file, damaged = owner.token_file(), '{"version": 1, "auth'
    owner.write(file.name, damaged)
    stops(owner, f'{file} is damaged', f'mv {file} ')
    assert file.read_text() == damaged
    file.unlink()
    assert LOGGED_IN in owner.log_in()


# Logged out


def test_after_a_logout_scripts_need_another_login(owner, wiki):
    owner.authorize()
    # That of Pywikibot changes nothing but says what to do.
    done = owner.alone('login', '-logout')
    assert 'pwb oauth2 -logout' in done.stdout
    assert 'Traceback' not in done.stdout
    owner.edit()
    secrets = owner.stored()['token'].values()
    log_out(owner)
    text = owner.token_file().read_text()
    assert not [value for value in secrets if str(value) in text]
    stops(owner)
    assert LOGGED_IN in owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot'] * 2


def test_a_logout_stops_a_script_that_runs(owner, wiki, after_first_edit):
    owner.authorize()

    def end():
        log_out(owner)
        wiki.expire_access_tokens()

    after_first_edit(end)
    assert owner.alone(owner.script(), '5').returncode != 0
    assert editors(wiki) == ['Bot']


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


def test_a_login_while_a_script_runs_serves_it_too(
    owner, wiki, after_first_edit
):
    owner.authorize()

    def begin_anew():
        wiki.revoke('Bot', owner.client)
        owner.log_in()

    after_first_edit(begin_anew)
    owner.edit(3)
    assert editors(wiki) == ['Bot'] * 3


# A client that nobody approved expires, or an administrator disables it


@pytest.mark.both_servers
def test_a_client_of_no_use_is_reported_at_once(owner, wiki):
    owner.authorize()
    wiki.set_stage(owner.client, 'expired')
    wiki.expire_access_tokens()
    stops(
        owner,
        'not approved within 30 days and has expired',
        'Special:OAuthConsumerRegistration/list',
    )
    assert wiki.count('/access_token') <= 2
    # A login begins anew, and tells what an error page means.
    reason = 'A new authorization is needed.'
    done = owner.alone('login')
    assert (reason if wiki.is_master else 'has ended') in done.stdout
    assert 'Traceback' not in done.stdout
    end = f'  {COMMAND}\nNot logged in on sandbox:en.\n'
    assert end in done.stdout
    owner.has_browser()
    with owner.terminal('login') as terminal:
        assert terminal.address
        terminal.expect('If the wiki shows an error instead of "Allow"')
        terminal.type('\x03')
        assert 'Traceback' not in terminal.wait()

    # Usable again; 1.43 has used the refresh token up.
    wiki.set_stage(owner.client, 'approved')
    if not wiki.is_master:
        stops(owner)
        assert LOGGED_IN in owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot']
