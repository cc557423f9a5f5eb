#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Every refusal in words: what it means, and what to do."""
from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest


pytest.importorskip('termios')

from pywikibot_oauth2 import (
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    OAuth2Auth,
    OAuth2Client,
    OAuth2Session,
)
from tests.journey import Owner, free_port
from tests.sandbox import Sandbox
from tests.sandbox.api import INVALID, ApiError
from tests.sandbox.oauth import AuthorizeError


LIST = 'Special:OAuthConsumerRegistration/list'
AGAIN = 'pwb login'


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


@pytest.fixture
def session(wiki):
    """Return a session whose login is pending."""
    return new_session(wiki, wiki.register())


def new_session(wiki, registered, **changes):
    """Return a session of a client that is registered."""
    values = {'client_secret': registered.secret,
              'redirect_uri': registered.redirect_uri, **changes}
    return OAuth2Session(OAuth2Client(registered.id, **values), wiki.api_url,
                         user='Bot', clock=wiki.clock)


def pasted(owner, answer):
    """Log in in a terminal and paste this; return the words shown."""
    with owner.terminal('login') as terminal:
        callback = answer(terminal.address)
        terminal.type(callback + '\n')
        terminal.expect('\nExecution time')
        return words(terminal.wait())


def still_waiting(owner, answer, times=1):
    """Paste something that is no answer; return the words shown."""
    with owner.terminal('login') as terminal:
        terminal.type(answer(terminal.address) + '\n')
        terminal.expect('Waiting for another answer.', times)
        # And it does: the right answer is still taken.
        terminal.type(owner.wiki.approve(terminal.address) + '\n')
        shown = words(terminal.wait())
    assert 'Logged in on sandbox:en as Bot.' in shown
    return shown


def words(text):
    return ' '.join(text.split())


# The person


def test_denied(owner, wiki):
    shown = pasted(owner, wiki.deny)
    assert 'The wiki did not authorize the client' in shown
    assert 'User has rejected the request' in shown
    assert f'Run "{AGAIN}" again.' in shown


def test_denied_where_the_wiki_does_not_send_the_browser_back(tmp_path, wiki):
    # Without redirect_uri the client never hears of it.
    owner = Owner(tmp_path, wiki, options=', login_timeout=0.5')
    config = tmp_path / 'user-config.py'
    config.write_text(re.sub(" redirect_uri='[^']*'", ' redirect_uri=None',
                             config.read_text()))
    with owner.terminal('login') as terminal:
        assert wiki.deny(terminal.address) is None
        assert 'Nobody answered within 0.5 s' in terminal.wait()


def test_timed_out(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, options=', login_timeout=0.5')
    shown = words(owner.in_terminal('login'))
    assert 'Nobody answered within 0.5 s. Run it again:' in shown
    assert f'{AGAIN} -site:sandbox:en' in shown


def test_timed_out_since_the_browser_showed_an_error_page(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, options=', login_timeout=0.5')
    shown = words(owner.in_terminal('login'))
    # The wiki says there neither which client nor which callback URL.
    assert 'an error page of the wiki' in shown
    assert f'client ID {owner.client.id}' in shown
    assert f'callback URL {owner.client.redirect_uri}' in shown
    assert LIST in shown


# What was pasted


def test_the_answer_to_another_login(owner, wiki):
    state = re.compile('state=[^&]+')
    shown = still_waiting(owner, lambda address: wiki.approve(
        state.sub('state=another', address)))
    assert 'That address belongs to another login' in shown


def test_no_address_with_a_code(owner):
    shown = still_waiting(
        owner, lambda _: 'https://en.wikipedia.org/wiki/OAuth')
    assert ('That is no address with an authorization code (?code=…).'
            in shown)


@pytest.mark.parametrize('length', [1024, 4096])
def test_a_paste_that_was_cut_off(tmp_path, wiki, length):
    # 1,024 is what macOS takes in a line, 4,096 is Linux.
    owner = Owner(tmp_path, wiki,
                  redirect_uri=f'http://127.0.0.1:{free_port()}'
                  f'/{"x" * (length - 400)}/')
    shown = still_waiting(owner,
                          lambda address: wiki.approve(address)[:length])
    assert f'({length} characters)' in shown
    assert 'The address is cut off' in shown


@pytest.mark.parametrize('length', [2000, 8000])
def test_a_long_paste_arrives_whole(tmp_path, wiki, length):
    owner = Owner(tmp_path, wiki,
                  redirect_uri=f'http://127.0.0.1:{free_port()}'
                  f'/{"x" * length}/')
    with owner.terminal('login') as terminal:
        callback = wiki.approve(terminal.address)
        assert len(callback) > length
        terminal.type(callback + '\n')
        shown = terminal.wait()
    assert f'({len(callback)} characters)' in shown
    assert 'Logged in on sandbox:en as Bot.' in shown


def test_half_a_code(owner, wiki):
    # 820 hexadecimal characters: it looks like a bare code.
    shown = still_waiting(owner, lambda address: re.search(
        'code=([0-9a-f]{600})', wiki.approve(address))[1])
    assert ('What was pasted is no authorization code of this wiki; perhaps'
            ' only a part of it was.') in shown


# The code


def test_a_code_that_is_too_old(owner, wiki):
    def late(address):
        callback = wiki.approve(address)
        wiki.clock.advance(61)
        return callback

    assert 'The authorization code is too old.' in still_waiting(owner, late)


def test_a_code_that_was_used(session, wiki):
    callback = wiki.approve(session.authorization_url())
    pending = session.serialize()
    session.complete(callback)
    again = OAuth2Session.deserialize(pending, session.client)
    with pytest.raises(AuthorizationError) as caught:
        again.complete(callback)
    assert 'The authorization code has been used already.' in str(
        caught.value)
    assert AGAIN in str(caught.value)


def test_a_code_of_another_login(session, wiki):
    other = new_session(wiki, next(iter(wiki.oauth.clients.values())))
    code = re.search('code=[^&]+',
                     wiki.approve(other.authorization_url()))[0]
    session.authorization_url()
    with pytest.raises(AuthorizationError,
                       match='belongs to another login than this one'):
        session.complete(f'?{code}&state={session.state}')


def test_no_login_is_waiting(session):
    with pytest.raises(AuthorizationError, match='No login is waiting'):
        session.complete('?code=x&state=y')


# The client


@pytest.mark.parametrize('arrange', ['unknown', 'disabled', 'secret'])
def test_a_client_that_the_wiki_refuses_at_the_login(
        tmp_path, wiki, arrange):
    owner = Owner(tmp_path, wiki,
                  secret='wrong' if arrange == 'secret' else None)

    def answer(address):
        callback = wiki.approve(address)
        if arrange == 'unknown':
            wiki.delete_client(owner.client)
        elif arrange == 'disabled':
            wiki.disable_client(owner.client)
        return callback

    shown = pasted(owner, answer)
    assert f'does not accept the client {owner.client.id}' in shown
    assert 'Compare the client ID and the client secret' in shown
    assert 'not approved, was disabled or deleted' in shown
    assert LIST in shown
    assert 'Not logged in on sandbox:en.' in shown


def test_a_client_that_the_wiki_refuses_at_a_refresh(owner, wiki):
    owner.log_in()
    wiki.disable_client(owner.client)
    wiki.expire_access_tokens()
    shown = words(owner.alone(owner.script()).stdout)
    assert f'does not accept the client {owner.client.id}' in shown
    assert 'not approved, was disabled or deleted' in shown
    assert wiki.edits == []


def test_a_client_that_is_not_approved_for_others(tmp_path, wiki):
    client = wiki.register(
        approved=False, owner='Admin',
        redirect_uri=f'http://127.0.0.1:{free_port()}/')
    owner = Owner(tmp_path, wiki, client=client,
                  options=', login_timeout=0.5')
    with owner.terminal('login') as terminal:
        with pytest.raises(AuthorizeError):
            wiki.approve(terminal.address)
        shown = words(terminal.wait())
    assert 'Until it is approved only the account that registered it' in shown


def test_a_client_whose_approval_was_withdrawn(owner, wiki):
    owner.log_in()
    owner.client.approved = False
    owner.client.owner = wiki.accounts.users['Admin']
    shown = words(owner.alone(owner.script()).stdout)
    assert 'not approved for this account, or was disabled' in shown
    assert 'only the account that registered it can use it' in shown
    assert LIST in shown
    assert wiki.edits == []


def test_a_public_client_that_the_wiki_wants_a_secret_of(wiki):
    registered = wiki.register(confidential=False)
    session = new_session(wiki, registered, client_secret=None)
    session.complete(wiki.approve(session.authorization_url()))
    with pytest.raises(ClientRefusedError) as caught:
        session.refresh()
    assert 'before MediaWiki 1.46 a public client needs it to refresh' \
        in words(str(caught.value))
    assert 'T323855' in str(caught.value)


def test_a_callback_url_that_is_not_the_registered_one(session, wiki):
    callback = wiki.approve(session.authorization_url())
    data = session.serialize()
    wrong = OAuth2Client(
        session.client.client_id,
        session.client.credentials()['client_secret'],
        redirect_uri='http://127.0.0.1:9999/other')
    with pytest.raises(AuthorizationError) as caught:
        OAuth2Session.deserialize(data, wrong).complete(callback)
    message = words(str(caught.value))
    assert 'is not the one that the code was issued for' \
        in message
    assert 'http://127.0.0.1:9999/other' in message


def test_a_port_that_the_wiki_ignores_does_not_matter_for_a_paste(owner, wiki):
    # From MediaWiki 1.47 on the port is not compared on 127.0.0.1.
    wiki.version = '1.47'
    with owner.terminal('login') as terminal:
        parts = urlsplit(wiki.approve(terminal.address))
        terminal.type(parts._replace(netloc='127.0.0.1:1').geturl() + '\n')
        assert 'Logged in on sandbox:en as Bot.' in terminal.wait()


# The token in use


def edit(owner):
    """Run a script that edits; return the words it showed."""
    done = owner.alone(owner.script())
    assert done.returncode != 0
    return words(done.stdout)


def refuse(wiki, code):
    """Let the wiki answer each request that carries a token so."""
    def valid(token):
        raise ApiError(code, 'The wiki has said so.')

    wiki.oauth.valid = valid


@pytest.fixture
def reader(tmp_path, wiki):
    """Return a bot owner whose client has no grant to edit."""
    return Owner(tmp_path, wiki, client=wiki.register(
        grants=('basic', 'highvolume'),
        redirect_uri=f'http://127.0.0.1:{free_port()}/'))


def test_a_client_that_can_edit_nothing_is_told_at_the_login(reader, wiki):
    shown = pasted(reader, wiki.approve)
    assert 'with the grants basic, highvolume.' in shown
    assert 'It cannot edit' in shown
    assert 'Edit existing pages' in shown
    assert 'Logged in on sandbox:en as Bot.' in shown


def test_a_grant_that_is_missing_for_what_the_script_tried(reader, wiki):
    reader.log_in()
    # Pywikibot itself looks at the rights before most of what it does.
    script = reader.folder / 'edit.py'
    script.write_text("""
import pywikibot
pywikibot.handle_args()
site = pywikibot.Site()
site.login()
site.simple_request(action='edit', title='Sandbox', text='x',
                    token=site.tokens['csrf']).submit()
""")
    shown = words(reader.alone(str(script)).stdout)
    assert 'answered permissiondenied to action=edit.' in shown
    assert 'the client lacks the grant for it: "Edit existing pages"' in shown
    assert LIST in shown
    assert wiki.edits == []


@pytest.mark.parametrize(('suffix', 'meaning'), [
    ('-wrong-wiki', 'The client is registered for another wiki'),
    ('-invalid-user', 'The account does not exist on this wiki. Log in to it'
                      ' once in the browser'),
    ('-blocked-user', 'The account is blocked or locked.'),
    ('-not-approved', 'The client is not approved for this account, or was'
                      ' disabled.')])
def test_what_a_new_token_would_not_mend(owner, wiki, suffix, meaning):
    owner.log_in()
    refuse(wiki, INVALID + suffix)
    shown = edit(owner)
    assert f'{wiki.url} answered {INVALID}{suffix}' in shown
    assert meaning in shown
    assert f'The client is {owner.client.id}' in shown
    # It is no reason to refresh, or to ask anybody for a login.
    assert wiki.count('/access_token') == 1
    assert wiki.edits == []


def test_an_account_that_is_blocked(owner, wiki):
    owner.log_in()
    wiki.block('Bot')
    shown = edit(owner)
    assert 'answered blocked' in shown
    assert 'The account is blocked.' in shown
    assert wiki.edits == []


def test_an_authorization_that_was_revoked(owner, wiki):
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    shown = edit(owner)
    assert 'The authorization of Bot has ended.' in shown
    assert 'no longer accepts the refresh token' in shown
    assert f'{AGAIN} -site:sandbox:en' in shown


def test_a_token_of_another_wiki(tmp_path, wiki):
    with Sandbox() as other:
        owner = Owner(tmp_path, wiki)
        stranger = other.register()
        tokens = other.issue(stranger)
        owner.log_in()
        path = owner.token_file()
        path.write_text(re.sub(
            '"access_token": "[^"]*"',
            f'"access_token": "{tokens.access_token}"', path.read_text()))
        # The refresh token is still the right one, and mends it.
        assert owner.alone(owner.script()).returncode == 0
        path.write_text(re.sub(
            '"refresh_token": "[^"]*"',
            f'"refresh_token": "{tokens.refresh_token}"', path.read_text()))
        wiki.expire_access_tokens()
        assert 'Cannot decrypt the refresh token' in edit(owner)


def test_the_account_is_another_than_the_configured_one(owner, wiki):
    shown = pasted(owner, lambda address: wiki.approve(address, 'Admin'))
    assert '"Allow" was clicked as Admin, but user-config.py says Bot' in shown
    assert "usernames['sandbox']['en'] = 'Admin'" in shown
    assert not owner.token_file().exists()


# Coming from OAuth 1.0a


@pytest.mark.parametrize('values', [
    ('a' * 32, 'b' * 40, 'c' * 32, 'd' * 40),
    (('a' * 32, 'b' * 40, 'c' * 32, 'd' * 40),)])
def test_the_four_values_of_oauth_1_are_known_as_such(values):
    with pytest.raises(ConfigurationError) as caught:
        OAuth2Auth(*values)
    message = words(str(caught.value))
    assert 'OAuth 1.0a' in message
    assert 'OAuth 2.0' in message
    assert not [value for value in 'bcd' if value * 32 in message]


def test_oauth_1_login_is_said_to_be_another_way(owner):
    with owner.terminal('login', '-oauth') as terminal:
        terminal.expect('OAuth consumer key')
        shown = words(terminal.text)
        terminal.type('\x03')
        terminal.wait()
    assert '-oauth is for OAuth 1.0a' in shown
    assert 'run "pwb login" without it' in shown


def test_ctrl_c_ends_a_login_in_a_thread(owner):
    with owner.terminal('login', '-all', '-async') as terminal:
        assert terminal.address
        terminal.type('\x03')
        terminal.wait()
        assert terminal.is_restored()
