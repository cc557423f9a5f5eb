#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the session: authorizing, completing, refreshing, storing."""
from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Client,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.callback import authorization_code
from tests.sandbox import Sandbox


CALLBACK = 'http://127.0.0.1:8080/'
STATE = 'a-state_of-32-characters'


def client_of(registered, redirect_uri=CALLBACK, *, secret=True):
    return OAuth2Client(registered.id, registered.secret if secret else None,
                        redirect_uri=redirect_uri)


@pytest.fixture
def registered(wiki):
    return wiki.register(redirect_uri=CALLBACK)


@pytest.fixture
def session(wiki, registered, clock):
    return OAuth2Session(client_of(registered), wiki.api_url, user='Bot',
                         clock=clock)


@pytest.fixture
def complete(wiki, session):
    """Return a session that was authorized, and forget how."""
    session.complete(wiki.approve(session.authorization_url()))
    wiki.requests.clear()
    return session


def query_of(url):
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def stored(session, client=None):
    """Return the session after it was written as JSON and read again."""
    data = json.loads(json.dumps(session.serialize()))
    return OAuth2Session.deserialize(data, client or session.client,
                                     clock=session._clock)


def forms(wiki):
    """Return the forms that were posted, checked to be nothing but that."""
    for request in wiki.requests:
        assert request.method == 'POST'
        assert request.path == f'{wiki.path}/rest.php/oauth2/access_token'
        assert request.query_string == ''
        # No field came twice.
        assert request.body_length == len(urlencode(request.form))
    return [request.form for request in wiki.requests]


# The authorization URL

def test_authorization_url_has_exactly_these_parameters(wiki, session):
    url = session.authorization_url()
    assert url.partition('?')[0] == f'{wiki.url}/rest.php/oauth2/authorize'
    query = query_of(url)
    fields = dict(query)
    assert len(fields) == len(query)
    challenge, state = fields.pop('code_challenge'), fields.pop('state')
    assert fields == {'response_type': 'code',
                      'client_id': session.client.client_id,
                      'redirect_uri': CALLBACK,
                      'code_challenge_method': 'S256'}
    assert re.fullmatch(r'[\w-]{43}', challenge)
    assert re.fullmatch(r'[\w-]{32}', state)
    assert state == session.state
    assert urlsplit(url).fragment == ''


def test_authorization_url_lies_below_the_script_path(clock):
    with Sandbox(clock=clock, path='/w') as wiki:
        session = OAuth2Session(client_of(wiki.register()), wiki.api_url,
                                clock=clock)
        url = session.authorization_url()
        assert url.startswith(f'{wiki.server}/w/rest.php/oauth2/authorize?')
        session.complete(wiki.approve(url))
        assert session.is_complete
        assert session.wiki == f'{wiki.server}/w/api.php'


def test_authorization_url_of_an_https_wiki_stays_https():
    session = OAuth2Session(OAuth2Client('id'),
                            'https://wiki.example:8443/w/api.php?action=query')
    assert session.authorization_url().startswith(
        'https://wiki.example:8443/w/rest.php/oauth2/authorize?')


def test_authorization_url_is_the_same_each_time(wiki, session):
    url = session.authorization_url()
    assert session.authorization_url() == url
    again = stored(session)
    assert again.authorization_url() == url
    assert stored(again).authorization_url() == url
    again.complete(wiki.approve(url))
    assert again.is_complete


def test_authorization_url_is_another_one_for_each_session(session, wiki):
    fields = [dict(query_of(each.authorization_url())) for each in (
        session, OAuth2Session(session.client, wiki.api_url))]
    assert fields[0]['state'] != fields[1]['state']
    assert fields[0]['code_challenge'] != fields[1]['code_challenge']


def test_authorization_url_holds_no_secret(wiki, session):
    url = session.authorization_url()
    assert session.client.credentials()['client_secret'] not in url
    assert session.serialize()['pending']['verifier'] not in url


def test_making_the_authorization_url_asks_the_wiki_nothing(wiki, session):
    session.authorization_url()
    assert wiki.requests == []


# Completing

def test_completing_sends_exactly_these_fields(wiki, session):
    url = session.authorization_url()
    verifier = session.serialize()['pending']['verifier']
    callback = wiki.approve(url)
    session.complete(callback)
    assert forms(wiki) == [{
        'grant_type': 'authorization_code',
        'code': dict(query_of(callback))['code'],
        'code_verifier': verifier,
        'redirect_uri': CALLBACK,
        'client_id': session.client.client_id,
        'client_secret': session.client.credentials()['client_secret']}]
    assert session.is_complete
    assert session.state is None


def test_the_verifier_matches_the_challenge(session):
    challenge = dict(query_of(session.authorization_url()))['code_challenge']
    verifier = session.serialize()['pending']['verifier']
    assert re.fullmatch(r'[A-Za-z0-9._~-]{64}', verifier)
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode() == challenge + '='


def test_another_sessions_code_does_not_pass_the_wiki(wiki, session):
    other = OAuth2Session(session.client, wiki.api_url)
    callback = wiki.approve(other.authorization_url())
    session.authorization_url()
    # As if an attacker had guessed the state.
    callback = callback.replace(other.state, session.state)
    with pytest.raises(AuthorizationError, match='another login') as info:
        session.complete(callback)
    assert not info.value.is_final
    assert not session.is_complete


def test_without_a_redirect_uri_none_is_sent_to_either_endpoint(
        wiki, registered, clock):
    session = OAuth2Session(client_of(registered, None), wiki.api_url,
                            clock=clock)
    url = session.authorization_url()
    assert 'redirect_uri' not in dict(query_of(url))
    session.complete(wiki.approve(url))
    form, = forms(wiki)
    assert 'redirect_uri' not in form
    assert session.is_complete


@pytest.mark.parametrize('redirect_uri', [
    CALLBACK, 'https://tool.example/wiki/back?next=%2F&x=ä+b',
    'http://localhost:12345/oauth/callback'])
def test_the_redirect_uri_is_the_same_at_both_endpoints(
        wiki, clock, redirect_uri):
    registered = wiki.register(redirect_uri=redirect_uri)
    session = OAuth2Session(client_of(registered, redirect_uri), wiki.api_url,
                            clock=clock)
    url = session.authorization_url()
    assert dict(query_of(url))['redirect_uri'] == redirect_uri
    session.complete(wiki.approve(url))
    assert forms(wiki)[0]['redirect_uri'] == redirect_uri


@pytest.mark.parametrize('version', ['1.43', '1.46', '1.47'])
def test_a_public_client_completes_without_a_secret(wiki, clock, version):
    wiki.version = version
    registered = wiki.register(redirect_uri=CALLBACK, confidential=False)
    session = OAuth2Session(client_of(registered, secret=False), wiki.api_url,
                            clock=clock)
    session.complete(wiki.approve(session.authorization_url()))
    form, = forms(wiki)
    assert 'client_secret' not in form
    assert form['client_id'] == registered.id
    assert session.is_complete


def test_the_token_expires_when_the_wiki_says(wiki, session, clock):
    wiki.token_life = 20
    before = clock()
    session.complete(wiki.approve(session.authorization_url()))
    after = clock()
    assert before + 20 <= session.token.expires_at <= after + 20
    assert session.token.lifetime == 20


def absolute(callback):
    return callback


def relative(callback):
    return '/' + callback.partition('8080/')[2]


def query_only(callback):
    return '?' + callback.partition('?')[2]


def with_blanks(callback):
    return f' \t{callback} \n'


def with_fragment(callback):
    return f'{callback}#_=_'


def with_more_fields(callback):
    return f'{callback}&utm_source=mail&x'


def without_scheme(callback):
    return callback.partition('://')[2]


@pytest.mark.parametrize('form', [
    absolute, relative, query_only, with_blanks, with_fragment,
    with_more_fields, without_scheme], ids=lambda form: form.__name__)
def test_the_callback_is_taken_in_every_form(wiki, session, form):
    session.complete(form(wiki.approve(session.authorization_url())))
    assert session.is_complete


def test_a_session_completes_after_it_was_stored(wiki, session):
    callback = wiki.approve(session.authorization_url())
    again = stored(session)
    again.complete(callback)
    assert again.is_complete
    assert wiki.oauth.valid(again.token.access_token)


def test_a_denial_is_reported_in_the_wikis_words(wiki, session):
    callback = wiki.deny(session.authorization_url())
    assert 'state' not in callback
    with pytest.raises(AuthorizationError, match='User has rejected') as info:
        session.complete(callback)
    assert info.value.is_final
    assert not session.is_complete
    assert wiki.requests == []


@pytest.mark.parametrize('callback', [
    '?error=access_denied', '?error=access_denied&error_description=',
    f'?error=access_denied&state={STATE}'])
def test_a_denial_without_words_is_a_denial_too(callback):
    with pytest.raises(AuthorizationError, match='not authorize') as info:
        authorization_code(callback, STATE)
    assert 'access_denied' in str(info.value)
    assert info.value.is_final


def test_a_denial_prints_nothing_that_a_terminal_obeys():
    words = quote('\x1b]0;pwned\x07\x1b[2J\r\nline\x9b2J\u202e ende')
    with pytest.raises(AuthorizationError) as info:
        authorization_code(f'?error=x&error_description={words}', STATE)
    assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f]', str(info.value))


def test_a_foreign_denial_does_not_end_the_login():
    with pytest.raises(AuthorizationError) as info:
        authorization_code('?error=access_denied&state=foreign', STATE)
    assert not info.value.is_final


BAD_CALLBACKS = [
    ('nothing', '', 'no address'),
    ('blank', ' \n', 'no address'),
    ('words', 'I clicked it', 'no address'),
    ('favicon', '/favicon.ico', 'no address'),
    ('no code', f'?state={STATE}', 'no address'),
    ('empty code', f'?code=&state={STATE}', 'no address'),
    ('bad address', 'http://[::1?code=abc&state=x', 'no address'),
    ('bad port', f'http://x:port/?cod=abc&state={STATE}', 'no address'),
    ('many fields', '?' + 'a=b&' * 60 + f'code=a&state={STATE}',
     'no address'),
    ('code in the fragment', f'/#code=abc&state={STATE}', 'no address'),
    ('cut in the code', '?code=def5020', 'cut off'),
    ('cut before the state', '?code=def50200&sta', 'cut off'),
    ('foreign state', '?code=abc&state=foreign', 'another login'),
    ('empty state', '?code=abc&state=', 'another login'),
    ('cut in the state', f'?code=abc&state={STATE[:-1]}', 'another login'),
    ('longer state', f'?code=abc&state={STATE}x', 'another login'),
    ('other case', f'?code=abc&state={STATE.upper()}', 'another login'),
    ('state twice', f'?code=abc&state={STATE}&state={STATE}',
     'another login'),
    ('foreign state second', f'?code=abc&state={STATE}&state=foreign',
     'another login'),
    ('code twice', f'?code=abc&code=def&state={STATE}', 'another login'),
    ('not ASCII', '?code=abc&state=%C3%A4%00%FF', 'another login'),
    ('surrogate', '?code=abc&state=\udcff', 'another login'),
]


@pytest.mark.parametrize(('callback', 'words'),
                         [case[1:] for case in BAD_CALLBACKS],
                         ids=[case[0] for case in BAD_CALLBACKS])
def test_a_bad_callback_is_refused_and_the_login_goes_on(callback, words):
    with pytest.raises(AuthorizationError, match=words) as info:
        authorization_code(callback, STATE)
    assert not info.value.is_final
    assert STATE not in str(info.value)


def test_after_a_bad_callback_the_good_one_completes(wiki, session):
    callback = wiki.approve(session.authorization_url())
    with pytest.raises(AuthorizationError, match='cut off'):
        session.complete(callback.partition('&')[0])
    with pytest.raises(AuthorizationError, match='another login'):
        session.complete(callback + 'x')
    assert wiki.requests == []
    session.complete(callback)
    assert session.is_complete


def test_a_code_with_a_surrogate_is_an_error_of_this_package(wiki, session):
    session.authorization_url()
    with pytest.raises((AuthorizationError, EndpointError)):
        session.complete(f'?code=\udcff&state={session.state}')


def test_a_code_is_not_taken_before_there_is_a_login(wiki, session):
    with pytest.raises(AuthorizationError, match='No login is waiting'):
        session.complete('?code=abc&state=')
    assert wiki.requests == []


def test_a_callback_counts_once(wiki, session):
    callback = wiki.approve(session.authorization_url())
    session.complete(callback)
    token = session.token
    with pytest.raises(AuthorizationError, match='No login is waiting'):
        session.complete(callback)
    assert session.token is token
    assert len(wiki.requests) == 1


def test_a_used_code_says_so(wiki, session):
    callback = wiki.approve(session.authorization_url())
    again = stored(session)
    session.complete(callback)
    with pytest.raises(AuthorizationError, match='has been used already'):
        again.complete(callback)


def test_an_old_code_says_so(wiki, session, clock):
    callback = wiki.approve(session.authorization_url())
    clock.advance(61)
    with pytest.raises(AuthorizationError, match='is too old'):
        session.complete(callback)


def test_part_of_a_code_says_so(wiki, session):
    session.authorization_url()
    with pytest.raises(AuthorizationError, match='only a part of it'):
        session.complete(f'?code=def50200&state={session.state}')


def test_another_redirect_uri_says_so(wiki, registered, session):
    callback = wiki.approve(session.authorization_url())
    again = stored(session, client_of(registered, CALLBACK + 'x'))
    with pytest.raises(AuthorizationError, match='not the one that the code'):
        again.complete(callback)


def test_a_wrong_secret_says_so(wiki, registered, clock):
    session = OAuth2Session(OAuth2Client(registered.id, 'wrong',
                                         redirect_uri=CALLBACK),
                            wiki.api_url, clock=clock)
    callback = wiki.approve(session.authorization_url())
    with pytest.raises(ClientRefusedError, match='client secret'):
        session.complete(callback)


def test_the_same_callback_can_be_tried_again_after_a_failure(wiki, session):
    callback = wiki.approve(session.authorization_url())
    wiki.fail_next('status', status=503)
    with pytest.raises(EndpointError):
        session.complete(callback)
    assert not session.is_complete
    session.complete(callback)
    assert session.is_complete


# Refreshing

def test_refreshing_sends_exactly_these_fields(wiki, complete):
    old = complete.token
    complete.refresh()
    assert forms(wiki) == [{
        'grant_type': 'refresh_token',
        'refresh_token': old.refresh_token,
        'client_id': complete.client.client_id,
        'client_secret': complete.client.credentials()['client_secret']}]
    assert complete.token.access_token != old.access_token
    assert complete.token.refresh_token != old.refresh_token
    assert wiki.oauth.valid(complete.token.access_token)
    assert not wiki.oauth.valid(old.access_token)


def test_a_token_can_be_refreshed_again_and_again(wiki, complete, clock):
    for _ in range(3):
        clock.advance(wiki.token_life + 1)
        assert complete.profile() is None
        complete.refresh()
        assert complete.profile()['username'] == 'Bot'
    assert wiki.count('/access_token', status=200) == 3


def test_refresh_keeps_the_old_refresh_token_if_none_is_returned(
        wiki, complete):
    old = complete.token
    wiki.fail_next('rewrite', change=lambda data: {
        name: data[name] for name in data if name != 'refresh_token'})
    complete.refresh()
    assert complete.token.refresh_token == old.refresh_token
    assert complete.token.access_token != old.access_token


@pytest.mark.parametrize('value', [None, '', 5, []])
def test_refresh_keeps_the_old_refresh_token_if_nonsense_is_returned(
        wiki, complete, value):
    old = complete.token
    wiki.fail_next('rewrite',
                   change=lambda data: {**data, 'refresh_token': value})
    complete.refresh()
    assert complete.token.refresh_token == old.refresh_token


@pytest.mark.parametrize('expires_in', [
    None, 0, -1, '', 'soon', True, 10 ** 400, 'Infinity', float('nan'),
    [3600], {}])
def test_refresh_loses_no_token_to_a_senseless_expiry(
        wiki, complete, expires_in):
    old = complete.token
    wiki.fail_next('rewrite',
                   change=lambda data: {**data, 'expires_in': expires_in})
    complete.refresh()
    assert complete.token.expires_at is None
    assert complete.token.refresh_token != old.refresh_token
    complete.refresh()
    assert complete.token.lifetime == wiki.token_life


@pytest.mark.parametrize('kind', ['html', 'empty', 'half', 'reset_before'])
def test_refresh_keeps_everything_if_it_fails(wiki, complete, kind):
    old = complete.token
    wiki.fail_next(kind)
    with pytest.raises(EndpointError):
        complete.refresh()
    assert complete.token is old
    assert complete.is_complete


def test_without_a_refresh_token_nothing_is_asked(wiki, session):
    with pytest.raises(AuthorizationEndedError, match='no refresh token'):
        session.refresh()
    assert wiki.requests == []


@pytest.mark.parametrize('version', ['1.46', '1.47'])
def test_a_public_client_refreshes_without_a_secret(wiki, clock, version):
    wiki.version = version
    registered = wiki.register(redirect_uri=CALLBACK, confidential=False)
    session = OAuth2Session(client_of(registered, secret=False), wiki.api_url,
                            clock=clock)
    session.complete(wiki.approve(session.authorization_url()))
    wiki.requests.clear()
    refresh_token = session.token.refresh_token
    session.refresh()
    assert forms(wiki) == [{'grant_type': 'refresh_token',
                            'refresh_token': refresh_token,
                            'client_id': registered.id}]


def test_a_public_client_with_its_secret_refreshes_everywhere(wiki, clock):
    registered = wiki.register(redirect_uri=CALLBACK, confidential=False)
    session = OAuth2Session(client_of(registered), wiki.api_url, clock=clock)
    session.complete(wiki.approve(session.authorization_url()))
    session.refresh()
    assert session.profile()['username'] == 'Bot'


# What it is

def test_it_is_complete_only_with_a_token_that_has_not_ended(wiki, session):
    assert not session.is_complete
    url = session.authorization_url()
    assert not session.is_complete
    session.complete(wiki.approve(url))
    assert session.is_complete
    session.ended = 'revoked'
    assert not session.is_complete
    assert not stored(session).is_complete


def test_a_new_authorization_revives_a_session_that_ended(wiki, complete):
    complete.ended = 'revoked'
    old = complete.token
    complete.complete(wiki.approve(complete.authorization_url()))
    assert complete.is_complete
    assert complete.ended is None
    assert complete.token != old


def test_making_a_session_does_nothing():
    session = OAuth2Session(OAuth2Client('id'),
                            'http://wiki.example/w/api.php')
    assert (session.token, session.state, session.ended) == (None, None, None)
    assert session.wiki == 'http://wiki.example/w/api.php'


@pytest.mark.parametrize('wiki', [
    '', 'https://wiki.example/', 'https://wiki.example/w/index.php',
    'wiki.example', '/api.php', 'https://wiki.example/api.phpx'])
def test_what_is_no_api_is_a_configuration_error(wiki):
    with pytest.raises(ConfigurationError, match='not the address'):
        OAuth2Session(OAuth2Client('id'), wiki)


def test_its_representation_shows_no_secret(wiki, session):
    shown = [repr(session)]
    callback = wiki.approve(session.authorization_url())
    verifier = session.serialize()['pending']['verifier']
    shown += [repr(session), repr(session._pending)]
    session.complete(callback)
    shown += [repr(session), str(session), f'{session}']
    session.ended = 'revoked'
    shown += [repr(session)]
    for text in shown:
        for secret in [*wiki.secrets, verifier]:
            assert secret not in text
    statuses = [text.rpartition(', ')[2] for text in shown if 'client' in text]
    assert statuses == ['new>', 'pending>', 'complete>', 'complete>',
                        'complete>', 'ended>']


# The profile

def test_the_profile_says_who_and_what(wiki, complete):
    profile = complete.profile()
    assert profile['username'] == 'Bot'
    assert profile['grants'] == ['basic', 'highvolume', 'editpage',
                                 'createeditmovepage']
    request, = wiki.requests
    assert request.method == 'GET'
    assert request.path == '/rest.php/oauth2/resource/profile'
    assert request.query_string == ''
    assert request.headers['authorization'] == complete.token.header


def test_without_a_token_nobody_is_asked_for_a_profile(wiki, session):
    assert session.profile() is None
    assert wiki.requests == []


@pytest.mark.parametrize('gateway', [False, True, 'unquoted'])
def test_a_dead_token_has_no_profile(wiki, complete, gateway):
    wiki.gateway = gateway
    wiki.expire_access_tokens()
    assert complete.profile() is None


@pytest.mark.parametrize('kind', ['html', 'empty', 'reset_before', 'half'])
def test_a_profile_that_cannot_be_read_is_an_endpoint_error(
        wiki, complete, kind):
    wiki.fail_next(kind, path='profile')
    with pytest.raises(EndpointError):
        complete.profile()


# Stored and read again

def test_a_stored_session_is_the_same(wiki, complete):
    again = stored(complete)
    assert again.serialize() == complete.serialize()
    assert again.token == complete.token
    # A microsecond may get lost.
    assert again.token.expires_at == pytest.approx(
        complete.token.expires_at, abs=1e-5)
    assert (again.user, again.wiki) == ('Bot', wiki.api_url)
    again.refresh()
    assert again.profile()['username'] == 'Bot'


def test_a_stored_session_holds_no_client_secret(wiki, session):
    secret = session.client.credentials()['client_secret']
    texts = [json.dumps(session.serialize())]
    session.complete(wiki.approve(session.authorization_url()))
    texts += [json.dumps(session.serialize())]
    for text in texts:
        assert secret not in text


def test_a_stored_session_has_exactly_these_fields(wiki, complete):
    assert complete.serialize() == {
        'version': 1, 'client_id': complete.client.client_id,
        'wiki': wiki.api_url, 'user': 'Bot',
        'token': complete.token.serialize(), 'ended': None, 'pending': None}


def test_the_clock_goes_with_the_session(complete, clock, wiki):
    again = stored(complete)
    clock.advance(86400)
    again.refresh()
    assert again.token.expires_at > clock() + wiki.token_life - 60


def damaged(data, *path, value):
    """Return a copy of nested dicts with another value at a path."""
    if not path:
        return value
    return {**data, path[0]: damaged(data[path[0]], *path[1:], value=value)}


DAMAGES = [
    (('version',), 2), (('version',), '1'), (('version',), None),
    (('version',), 0), (('client_id',), 'another'), (('client_id',), None),
    (('client_id',), ['a']), (('wiki',), None), (('wiki',), ''),
    (('wiki',), '/api.php'), (('wiki',), 'https://wiki.example/'),
    (('wiki',), 5), (('user',), 5), (('user',), ['Bot']), (('token',), 'abc'),
    (('token',), 5), (('token',), [1]), (('token', 'access_token'), None),
    (('token', 'access_token'), 'a\r\nb'), (('token', 'refresh_token'), 5),
    (('token', 'expires_at'), 'soon'), (('token', 'expires_at'), 5),
    (('pending',), 'abc'), (('pending',), {}), (('pending',), [1, 2]),
    (('pending',), {'state': 'a'}),
    (('pending',), {'state': 'a', 'verifier': 5}),
    (('pending',), {'state': 'a', 'verifier': 'b', 'more': 'c'}),
    ((), None), ((), []), ((), 'abc'), ((), 5), ((), {}),
]


@pytest.mark.parametrize(('path', 'value'), DAMAGES, ids=repr)
def test_a_damaged_session_is_a_store_error(wiki, complete, path, value):
    data = damaged(complete.serialize(), *path, value=value)
    with pytest.raises(StoreError) as info:
        OAuth2Session.deserialize(data, complete.client)
    for secret in wiki.secrets:
        assert secret not in str(info.value)


def test_a_session_of_another_client_is_a_store_error(wiki, complete):
    other = client_of(wiki.register())
    with pytest.raises(StoreError, match='another client'):
        OAuth2Session.deserialize(complete.serialize(), other)


def test_an_ended_session_remembers_why(complete):
    complete.ended = 'Token has been revoked'
    assert stored(complete).ended == 'Token has been revoked'


# Safe addresses

@pytest.fixture
def eavesdropper():
    """Listen where anyone could, at an address that is not loopback."""
    with socket.create_server(('0.0.0.0', 0)) as server:
        server.setblocking(False)
        yield server


def was_contacted(server):
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize('variable', [None, 'OAUTHLIB_INSECURE_TRANSPORT'])
@pytest.mark.parametrize('step', ['authorization_url', 'complete', 'refresh',
                                  'profile'])
def test_plain_http_to_another_host_is_refused_without_a_request(
        complete, eavesdropper, monkeypatch, variable, step):
    if variable:
        monkeypatch.setenv(variable, '1')
    # Connecting to 0.0.0.0 reaches this machine, though it is no loopback
    # address.
    address = f'http://0.0.0.0:{eavesdropper.getsockname()[1]}/api.php'
    data = {**complete.serialize(), 'wiki': address,
            'pending': {'state': STATE, 'verifier': 'v' * 64}}
    session = OAuth2Session.deserialize(data, complete.client)
    arguments = [f'?code=a&state={STATE}'] if step == 'complete' else []
    with pytest.raises(ConfigurationError, match='needs https'):
        getattr(session, step)(*arguments)
    assert not was_contacted(eavesdropper)


def test_the_eavesdropper_would_have_noticed(eavesdropper):
    socket.create_connection(
        ('0.0.0.0', eavesdropper.getsockname()[1])).close()
    assert was_contacted(eavesdropper)


def test_plain_http_on_loopback_needs_no_environment_variable(
        wiki, session, monkeypatch):
    monkeypatch.delenv('OAUTHLIB_INSECURE_TRANSPORT', raising=False)
    session.complete(wiki.approve(session.authorization_url()))
    session.refresh()
    assert session.profile()['username'] == 'Bot'


def test_no_token_goes_to_another_machine_in_plain_text():
    session = OAuth2Session(OAuth2Client(access_token='hidden'),
                            'http://wiki.example/w/api.php')
    request = requests.Request('GET', session.wiki).prepare()
    with pytest.raises(ConfigurationError, match='https') as info:
        session(request)
    assert 'Authorization' not in request.headers
    assert 'hidden' not in str(info.value)
