#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of "pwb login", in real terminals."""
from __future__ import annotations

import re
import socket
import stat
from urllib.parse import parse_qsl, urlsplit

import pytest


pytest.importorskip('termios')

from tests.journey import Owner, free_port, grants


LOGGED_IN = 'Logged in on sandbox:en as Bot.'
NOT_LOGGED_IN = 'Not logged in on sandbox:en.'
COMMAND = 'pwb login -site:sandbox:en'
AUTHORIZED = ('Bot is authorized on sandbox:en with the grants basic,'
              ' highvolume, editpage, createeditmovepage.')


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


def editors(wiki):
    """Return who has edited, in order."""
    return [edit.user for edit in wiki.edits]


def paste(owner, answer, *arguments):
    """Log in by pasting what *answer* makes of the callback address."""
    with owner.terminal(*(arguments or ['login'])) as terminal:
        callback = owner.wiki.approve(terminal.address)
        terminal.type(answer(callback) + '\n')
        return terminal.wait()


# Allow


def test_login_needs_one_click_and_says_what_was_done(owner, wiki):
    owner.has_browser()
    with owner.terminal('login') as terminal:
        address = urlsplit(terminal.address)
        shown = terminal.wait()
        assert terminal.process.returncode == 0
        assert terminal.is_restored()
    assert f'{AUTHORIZED}\n' in shown
    assert f'The token is kept in {owner.token_file()}\n' in shown
    assert f'{LOGGED_IN}\n' in shown
    assert stat.S_IMODE(owner.token_file().stat().st_mode) == 0o600
    assert re.search('^200 Authorized.* Authorized '
                     f'{AUTHORIZED} You can close this page.$', shown,
                     re.MULTILINE)
    query = dict(parse_qsl(address.query, strict_parsing=True))
    assert query.pop('state')
    assert len(query.pop('code_challenge')) == 43
    assert query == {'response_type': 'code', 'client_id': owner.client.id,
                     'redirect_uri': owner.client.redirect_uri,
                     'code_challenge_method': 'S256'}
    request, = (request for request in wiki.requests
                if request.path.endswith('/access_token'))
    form = dict(request.form)
    assert len(form.pop('code')) >= 760
    assert len(form.pop('code_verifier')) == 64
    assert form == {'grant_type': 'authorization_code',
                    'client_id': owner.client.id,
                    'client_secret': owner.client.secret,
                    'redirect_uri': owner.client.redirect_uri}
    assert request.bearer is None
    assert request.cookies == {}


@pytest.mark.parametrize('answer', [
    pytest.param(lambda callback: callback, id='address'),
    pytest.param(lambda callback: '?' + urlsplit(callback).query,
                 id='query-string'),
    pytest.param(lambda callback: urlsplit(callback).query,
                 id='query-string-without-question-mark'),
    pytest.param(lambda callback: re.search('code=(\\w+)', callback)[1],
                 id='bare-code'),
])
def test_the_answer_may_be_pasted_as(owner, wiki, answer):
    shown = paste(owner, answer)
    assert AUTHORIZED in shown
    assert f'The token is kept in {owner.token_file()}\n' in shown
    assert LOGGED_IN in shown
    assert not [secret for secret in wiki.secrets if secret in shown]


def test_a_wrong_paste_does_not_end_the_login(owner, wiki):
    with owner.terminal('login') as terminal:
        address = terminal.address
        callback = wiki.approve(address)
        state = re.search('state=([^&]+)', address)[1]
        for count, wrong in enumerate([
                'what is this?', 'https://en.wikipedia.org/wiki/OAuth?x=1',
                callback[:600], callback[:-3],
                wiki.approve(address.replace(state, 'another'))], 1):
            terminal.type(f'{wrong}\n')
            terminal.expect('Waiting for another answer.', count)
        assert grants(wiki, 'authorization_code') == 0
        terminal.type(f'{callback}\n')
        shown = terminal.wait()
    assert 'That is no address with an authorization code' in shown
    assert 'The address is cut off' in shown
    assert shown.count('That address belongs to another login') == 2
    assert LOGGED_IN in shown
    assert grants(wiki, 'authorization_code') == 1


def test_logging_in_again_asks_nothing(owner, wiki):
    owner.log_in()
    shown = owner.in_terminal('login')
    assert shown.startswith(LOGGED_IN)
    assert LOGGED_IN in owner.alone('login').stdout
    assert wiki.count('/access_token') == 1


def test_a_public_client_needs_no_secret(tmp_path, wiki):
    client = wiki.register(confidential=False,
                           redirect_uri=f'http://127.0.0.1:{free_port()}/')
    owner = Owner(tmp_path, wiki, client=client)
    config = tmp_path / 'user-config.py'
    config.write_text(config.read_text().replace(repr(client.secret),
                                                 'None'))
    owner.log_in()
    request, = (request for request in wiki.requests
                if request.path.endswith('/access_token'))
    assert request.form.keys() == {'grant_type', 'client_id', 'code',
                                   'code_verifier', 'redirect_uri'}


# Not allowed


def test_a_click_on_cancel_ends_the_login_with_the_reason(owner):
    owner.has_browser('--cancel')
    shown = owner.in_terminal('login')
    reason = ('The wiki did not authorize the client: User has rejected the'
              ' request from client application. Run "pwb login" again.')
    assert re.search(f'^400 Not authorized.* Not authorized {reason}$',
                     shown, re.MULTILINE)
    assert f'ERROR: {reason}\n' in shown
    assert NOT_LOGGED_IN in shown
    assert not owner.token_file().exists()


def test_a_pasted_denial_ends_the_login_with_the_reason(owner, wiki):
    with owner.terminal('login') as terminal:
        terminal.type(wiki.deny(terminal.address) + '\n')
        shown = terminal.wait()
    assert 'User has rejected the request' in shown
    assert NOT_LOGGED_IN in shown
    assert not owner.token_file().exists()


def test_allow_as_another_user_is_said_and_nothing_is_kept(owner, wiki):
    owner.has_browser('--user Admin')
    with owner.terminal(owner.script()) as terminal:
        shown = terminal.wait()
        assert terminal.process.returncode != 0
    who = '"Allow" was clicked as Admin, but user-config.py says Bot'
    assert '400 Not authorized' in shown
    assert shown.count(who) >= 2  # in the browser and in the terminal
    assert "usernames['sandbox']['en'] = 'Admin'" in shown
    assert COMMAND in shown
    assert not owner.token_file().exists()
    assert editors(wiki) == []
    # And it is asked again rather than remembered.
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')


def test_nobody_answers(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, options=', login_timeout=0.5')
    with owner.terminal('login') as terminal:
        shown = terminal.wait()
        assert terminal.is_restored()
    assert 'Nobody answered within 0.5 s.' in shown
    assert COMMAND in shown
    assert NOT_LOGGED_IN in shown


def test_ctrl_c_gives_back_the_port_and_the_terminal(owner):
    with owner.terminal('login') as terminal:
        assert terminal.address
        assert not terminal.is_restored()
        terminal.type('\x03')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert 'Traceback' not in shown
    assert 'Logged in' not in shown
    # By the browser, which needs the port.
    owner.has_browser()
    assert LOGGED_IN in owner.in_terminal('login')


# Where the listener, the browser or the terminal is missing


def test_if_the_port_is_taken_it_says_so_and_takes_the_paste(tmp_path, wiki):
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        owner = Owner(tmp_path, wiki,
                      redirect_uri=f'http://127.0.0.1:{port}/')
        shown = paste(owner, str)
    assert f'http://127.0.0.1:{port}/ cannot be listened on' in shown
    assert 'Address already in use' in shown
    assert LOGGED_IN in shown


def test_a_callback_that_is_not_on_this_machine_is_pasted(tmp_path, wiki):
    owner = Owner(tmp_path, wiki,
                  redirect_uri='https://bot.example.org/callback')
    shown = paste(owner, str)
    assert 'cannot be listened on' not in shown
    assert 'Then paste the address of the page that you are sent to' in shown
    assert LOGGED_IN in shown


def test_without_a_terminal_login_does_not_wait(owner, wiki):
    done = owner.alone('login')
    assert 'Bot has not authorized the client' in done.stdout
    assert COMMAND in done.stdout
    assert NOT_LOGGED_IN in done.stdout
    assert 'Traceback' not in done.stdout
    assert wiki.count('/authorize') == 0


def test_without_a_terminal_a_script_ends_and_says_why(owner, wiki):
    done = owner.alone(owner.script())
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith(COMMAND)
    assert editors(wiki) == []


def test_a_script_in_a_terminal_asks_and_goes_on(owner, wiki):
    shown = paste(owner, str, owner.script())
    assert AUTHORIZED in shown
    assert editors(wiki) == ['Bot']


# Other accounts, other ways


def test_a_password_session_in_the_cookie_jar_is_no_login(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, password=wiki.password('Bot'))
    config = (tmp_path / 'user-config.py').read_text()
    (tmp_path / 'user-config.py').write_text(
        config.partition('import pywikibot_oauth2')[0])
    assert LOGGED_IN in owner.alone('login').stdout
    assert (tmp_path / 'pywikibot-Bot.lwp').exists()

    (tmp_path / 'user-config.py').write_text(config)
    done = owner.alone('login')
    assert NOT_LOGGED_IN in done.stdout
    assert COMMAND in done.stdout
    assert owner.alone(owner.script()).returncode != 0
    assert editors(wiki) == []

    # MediaWiki 1.47 refuses a cookie of another session beside a token.
    wiki.version = '1.47'
    owner.log_in()
    assert owner.alone(owner.script()).returncode == 0
    assert wiki.edits[0].tags == ('OAuth CID: 1',)
    assert not [request for request in wiki.requests
                if request.bearer and request.cookies]


def test_another_account_has_its_own_token(owner, wiki):
    wiki.add_user('Other')
    owner.log_in()
    mine = owner.token_file().read_bytes()
    script = owner.script()
    done = owner.alone(script, '-user:Other')
    assert done.returncode != 0
    assert 'Other has not authorized the client' in done.stdout
    assert f'{COMMAND} -user:Other\n' in done.stdout
    assert editors(wiki) == []

    owner.has_browser('--user Other')
    shown = owner.in_terminal('login', '-user:Other')
    assert 'Other is authorized on sandbox:en' in shown
    assert f'The token is kept in {owner.token_file("Other")}\n' in shown
    assert 'Logged in on sandbox:en as Other.' in shown
    assert owner.token_file().read_bytes() == mine

    assert owner.alone(script).returncode == 0
    assert owner.alone(script, '-user:Other').returncode == 0
    assert editors(wiki) == ['Bot', 'Other']


@pytest.mark.parametrize('place', [1, 0])
def test_another_account_with_a_password_logs_in_by_it(
        tmp_path, wiki, place):
    wiki.add_user('Other')
    owner = Owner(tmp_path, wiki, extra="password_file = 'passwords.py'\n")
    passwords = tmp_path / 'passwords.py'
    passwords.touch(mode=0o600)
    passwords.write_text(f'({"Other"!r}, {wiki.password("Other")!r})\n')
    # Behind the name of the script, and before it.
    command = [owner.script()]
    command.insert(place, '-user:Other')
    done = owner.alone(*command)
    assert done.returncode == 0, done.stdout
    assert ('Other has no OAuth 2.0 token, but a password in the password'
            ' file: OAuth 2.0 is off for sandbox:en.') in done.stdout
    assert [(edit.user, edit.tags) for edit in wiki.edits] == [('Other', ())]
    assert not owner.token_file('Other').exists()
    # And again, when the session is in the cookie jar.
    assert owner.alone(*command).returncode == 0
    assert editors(wiki) == ['Other', 'Other']


# What goes wrong


def test_a_damaged_token_file_is_reported_and_left_alone(owner, wiki):
    owner.token_file().touch(mode=0o600)
    owner.token_file().write_text('{"version": 1, "sess')
    done = owner.alone(owner.script())
    assert done.returncode != 0
    assert f'The token file {owner.token_file()} cannot be used' \
        in done.stdout
    shown = owner.in_terminal('login')
    assert f'The token file {owner.token_file()} cannot be used' in shown
    assert 'It was left as it is.' in ' '.join(shown.split())
    assert NOT_LOGGED_IN in shown
    assert 'Traceback' not in shown
    assert owner.token_file().read_text() == '{"version": 1, "sess'
    assert editors(wiki) == []


def test_a_login_survives_an_endpoint_that_is_down_for_a_moment(owner, wiki):
    wiki.fail_next('status', times=2, status=503)
    owner.has_browser()
    shown = owner.in_terminal('login')
    assert LOGGED_IN in shown
    assert shown.count('HTTP status 503') == 2
    assert '200 Authorized' in shown
    assert grants(wiki, 'authorization_code') == 1


def test_a_wrong_client_secret_is_said(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, secret='of another client')
    owner.has_browser()
    shown = owner.in_terminal('login')
    reason = f'does not accept the client {owner.client.id}'
    assert shown.count(reason) >= 2  # in the browser and in the terminal
    assert 'client secret in user-config.py' in ' '.join(shown.split())
    assert NOT_LOGGED_IN in shown
    assert 'Traceback' not in shown
    assert not owner.token_file().exists()


def test_after_a_revocation_a_script_ends_and_says_why(owner, wiki):
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    script = owner.script()
    for message in ('The authorization of Bot has ended', COMMAND):
        done = owner.alone(script)
        assert done.returncode != 0
        assert message in done.stdout
        assert done.stdout.rstrip().endswith(COMMAND)
    assert editors(wiki) == []
    # A refresh token that was refused is not sent a second time.
    assert wiki.count('/access_token', error='invalid_request') == 1


def test_after_a_revocation_a_script_in_a_terminal_goes_on(owner, wiki):
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    shown = paste(owner, str, owner.script(edits=2))
    assert 'The authorization of Bot has ended' in shown
    assert AUTHORIZED in shown
    assert editors(wiki) == ['Bot', 'Bot']


def test_a_revocation_while_a_script_runs_asks_again(owner, wiki):
    owner.log_in()
    save = wiki.pages.save

    def save_and_revoke(*args, **options):
        if not wiki.edits:
            wiki.revoke('Bot', owner.client)
        return save(*args, **options)

    wiki.pages.save = save_and_revoke
    shown = paste(owner, str, owner.script(edits=3))
    assert 'The authorization of Bot has ended' in shown
    assert editors(wiki) == ['Bot', 'Bot', 'Bot']
