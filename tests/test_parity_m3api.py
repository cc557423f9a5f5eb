#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests that a session does all that m3api-oauth2 1.0.5 does.

Above each test stands what it corresponds to there: ``unit`` and
``integration`` are its tests by their names, ``README``, ``CHANGES`` and
``jsdoc`` what it documents. PARITY.md holds the same as a table.
"""
from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from pywikibot_oauth2 import (
    AuthorizationError,
    ConfigurationError,
    EndpointError,
    OAuth2Client,
    OAuth2Session,
)
from tests.sandbox import Sandbox


CALLBACK = 'http://localhost:12345/oauth/callback'
QUERY = {'action': 'query', 'format': 'json'}
USERINFO = {**QUERY, 'meta': 'userinfo', 'formatversion': '2'}
INVALID = 'mwoauth-invalid-authorization'
TABLE = Path(__file__).parents[1] / 'PARITY.md'


@pytest.fixture
def registered(wiki):
    return wiki.register(redirect_uri=CALLBACK)


@pytest.fixture
def client(registered):
    return OAuth2Client(registered.id, registered.secret,
                        redirect_uri=CALLBACK)


@pytest.fixture
def make(wiki, client, clock):
    """Return what makes a session."""
    def make(client=client, **options):
        return OAuth2Session(client, wiki.api_url, clock=clock, **options)
    return make


@pytest.fixture
def complete(wiki, make):
    """Return what makes a session that a user has authorized."""
    def complete(client=None, **options):
        session = make(client, **options) if client else make(**options)
        session.complete(wiki.approve(session.authorization_url()))
        wiki.requests.clear()
        return session
    return complete


def public(wiki, *, with_secret=False):
    """Return a client that is not confidential."""
    registered = wiki.register(redirect_uri=CALLBACK, confidential=False)
    return OAuth2Client(registered.id,
                        registered.secret if with_secret else None,
                        redirect_uri=CALLBACK)


def copy(session, **options):
    """Return the session as another process would get it from a store."""
    text = json.dumps(session.serialize())
    return OAuth2Session.deserialize(json.loads(text), session.client,
                                     clock=session._clock, **options)


def query_of(url):
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def posted(wiki):
    """Return the fields of the only request, which was for a token."""
    request, = wiki.requests
    assert request.method == 'POST'
    assert request.path == '/rest.php/oauth2/access_token'
    assert request.query_string == ''
    assert request.body_length == len(urlencode(request.form))
    return request.form


def answers(wiki):
    """Return the error codes of the answers of api.php, in order."""
    return [request.error for request in wiki.requests
            if request.path == '/api.php']


def name_of(answer):
    info = answer.json()['query']['userinfo']
    assert 'anon' not in info
    return info['name']


# OAuthClient

# unit: OAuthClient: hides client secret
def test_the_client_hides_its_secret(client, registered):
    shown = [str(client), repr(client), f'{client}', ascii([client]),
             json.dumps(client, default=repr)]
    shown += [repr(getattr(client, name)) for name in dir(client)
              if not name.startswith('_')
              and not callable(getattr(client, name))]
    for text in shown:
        assert registered.secret not in text


# jsdoc: the client ID is public
def test_the_client_id_is_public(client, registered):
    assert client.client_id == registered.id


# README: Non-confidential clients
def test_a_client_that_is_not_confidential_needs_no_secret(wiki):
    assert not public(wiki).is_confidential
    assert public(wiki, with_secret=True).is_confidential


# initOAuthSession

# unit: initOAuthSession: gets client from (default)options and generates
# code challenge
def test_the_authorization_url_has_the_client_and_a_challenge(
        wiki, make, registered):
    url = make().authorization_url()
    assert url.partition('?')[0] == f'{wiki.url}/rest.php/oauth2/authorize'
    query = query_of(url)
    assert query.keys() == {'response_type', 'client_id', 'redirect_uri',
                            'state', 'code_challenge',
                            'code_challenge_method'}
    assert query['response_type'] == 'code'
    assert query['client_id'] == registered.id
    assert re.fullmatch('[A-Za-z0-9_-]{43}', query['code_challenge'])
    assert query['code_challenge_method'] == 'S256'
    assert urlsplit(url).fragment == ''


# unit: initOAuthSession: supports non-confidential client
def test_a_public_client_has_an_authorization_url(wiki, make):
    client = public(wiki)
    query = query_of(make(client).authorization_url())
    assert query['client_id'] == client.client_id
    assert query['code_challenge_method'] == 'S256'


# unit: initOAuthSession: saves code challenge in session
def test_the_code_verifier_is_kept_in_the_session(make):
    session = make()
    challenge = query_of(session.authorization_url())['code_challenge']
    verifier = session.serialize()['pending']['verifier']
    assert re.fullmatch('[A-Za-z0-9._~-]{43,128}', verifier)
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode() == f'{challenge}='


# unit: initOAuthSession, completeOAuthSession: throws if client option not
# specified
@pytest.mark.parametrize('client_id', [None, '', ' '])
def test_without_a_client_id_there_is_no_session(client_id):
    with pytest.raises(ConfigurationError, match='client ID'):
        OAuth2Client(client_id, 'secret')


# README: calling it several times is fine, and returns the same URL
def test_the_authorization_url_is_the_same_each_time(make):
    session = make()
    url = session.authorization_url()
    assert session.authorization_url() == url


# jsdoc: initOAuthSession, on a serialized and deserialized copy
def test_a_copy_has_the_same_authorization_url(make):
    session = make()
    url = session.authorization_url()
    assert copy(session).authorization_url() == url
    assert copy(copy(session)).authorization_url() == url


# jsdoc: initOAuthSession: no server communication
def test_the_authorization_url_is_made_without_a_request(wiki, make):
    make().authorization_url()
    assert wiki.requests == []


# README: new Session( 'en.wikipedia.org' ); jsdoc: api.php to rest.php
def test_the_endpoints_are_found_by_the_address_of_the_api(client, clock):
    with Sandbox(clock=clock, path='/w') as wiki:
        registered = wiki.register(redirect_uri=CALLBACK)
        session = OAuth2Session(
            OAuth2Client(registered.id, registered.secret,
                         redirect_uri=CALLBACK), wiki.api_url, clock=clock)
        url = session.authorization_url()
        assert url.startswith(f'{wiki.server}/w/rest.php/oauth2/authorize?')
        session.complete(wiki.approve(url))
        request, = wiki.requests
        assert request.path == '/w/rest.php/oauth2/access_token'


# completeOAuthSession

# unit: completeOAuthSession: gets client from (default)options and gets
# access token
def test_completing_gets_a_token_by_exactly_this_request(
        wiki, make, registered):
    session = make()
    callback = wiki.approve(session.authorization_url())
    verifier = session.serialize()['pending']['verifier']
    session.complete(callback)
    assert posted(wiki) == {
        'grant_type': 'authorization_code',
        'code': query_of(callback)['code'],
        'redirect_uri': CALLBACK,
        'client_id': registered.id,
        'client_secret': registered.secret,
        'code_verifier': verifier}
    wiki.requests.clear()
    requests.get(wiki.api_url, QUERY, auth=session)
    request, = wiki.requests
    assert request.headers['authorization'] == \
        f'Bearer {session.token.access_token}'


# unit: completeOAuthSession: supports non-confidential client
def test_a_public_client_completes_without_a_secret(wiki, make):
    session = make(public(wiki))
    session.complete(wiki.approve(session.authorization_url()))
    assert 'client_secret' not in posted(wiki)
    assert session.is_complete


# unit: completeOAuthSession: passes user agent into internalPost()
def test_completing_sends_the_user_agent(wiki, make):
    session = make(user_agent='my-user-agent (me@example.org)')
    session.complete(wiki.approve(session.authorization_url()))
    request, = wiki.requests
    assert request.headers['user-agent'] == 'my-user-agent (me@example.org)'


# unit: completeOAuthSession: adds assert to defaultParams
@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_requests_of_a_completed_session_assert_the_user(
        wiki, complete, method):
    session = complete()
    name = 'params' if method == 'GET' else 'data'
    answer = requests.request(method, wiki.api_url, auth=session,
                              **{name: USERINFO})
    assert name_of(answer) == 'Bot'
    request, = wiki.requests
    assert {**request.query, **request.form} == {**USERINFO,
                                                 'assert': 'user'}


# unit: completeOAuthSession: does not add assert to defaultParams with
# false in (default)options
def test_requests_of_a_completed_session_need_not_assert_the_user(
        wiki, complete):
    session = complete(asserts_user=False)
    requests.get(wiki.api_url, QUERY, auth=session)
    request, = wiki.requests
    assert request.query == QUERY


# unit: completeOAuthSession: throws if status is not 200
def test_completing_fails_on_a_status_that_is_an_error(wiki, make):
    session = make()
    callback = wiki.approve(session.authorization_url())
    wiki.fail_next('status', status=500)
    with pytest.raises(EndpointError, match='500'):
        session.complete(callback)
    assert len(wiki.requests) == 1
    assert not session.is_complete


# jsdoc: completeOAuthSession: no access token goes with this request
def test_completing_again_sends_no_old_token(wiki, complete):
    session = complete()
    session.complete(wiki.approve(session.authorization_url()))
    request, = wiki.requests
    assert request.bearer is None
    assert request.cookies == {}


# CHANGES 0.3.2, jsdoc: the callback URL may be relative
# integration: relative callback URL
@pytest.mark.parametrize('part', ['absolute', 'path', 'query'])
def test_the_callback_may_be_absolute_or_relative(wiki, make, part):
    session = make()
    callback = urlsplit(wiki.approve(session.authorization_url()))
    session.complete({
        'absolute': callback.geturl(),
        'path': f'{callback.path}?{callback.query}',
        'query': f'?{callback.query}'}[part])
    assert session.is_complete


# CHANGES 0.3.2: improved error handling; jsdoc: missing ?code= parameter
@pytest.mark.parametrize('callback', [
    CALLBACK, '/oauth/callback', '?code=', '?cod=abc', ''])
def test_a_callback_without_a_code_is_an_error(wiki, make, callback):
    session = make()
    session.authorization_url()
    with pytest.raises(AuthorizationError, match='no address with an'):
        session.complete(callback)
    assert wiki.requests == []


# There, ?error= is reported as a missing code.
def test_an_error_in_the_callback_is_raised_as_such(wiki, make):
    session = make()
    callback = wiki.deny(session.authorization_url())
    with pytest.raises(AuthorizationError, match='User has rejected'):
        session.complete(callback)
    assert not session.is_complete


# There is no state there.
def test_a_callback_of_another_session_is_refused(wiki, make):
    session, other = make(), make()
    session.authorization_url()
    callback = wiki.approve(other.authorization_url())
    with pytest.raises(AuthorizationError, match='another login'):
        session.complete(callback)
    assert wiki.requests == []


# jsdoc: the code verifier is used once
def test_the_code_verifier_is_gone_when_the_session_is_complete(complete):
    assert complete().serialize()['pending'] is None


# isCompleteOAuthSession

# README, CHANGES 0.3.3; integration: all four
def test_a_session_knows_whether_it_is_complete(wiki, make):
    session = make()
    assert not session.is_complete
    callback = wiki.approve(session.authorization_url())
    assert not session.is_complete
    assert not copy(session).is_complete
    session.complete(callback)
    assert session.is_complete
    assert copy(session).is_complete


# refreshOAuthSession

# unit: refreshOAuthSession: renews access token and refresh token
def test_refreshing_renews_both_tokens_by_exactly_this_request(
        wiki, complete, registered):
    session = complete()
    old = session.token
    session.refresh()
    assert posted(wiki) == {
        'grant_type': 'refresh_token',
        'refresh_token': old.refresh_token,
        'client_id': registered.id,
        'client_secret': registered.secret}
    token = copy(session).token
    assert old.access_token != token.access_token
    assert old.refresh_token != token.refresh_token
    assert name_of(requests.get(wiki.api_url, USERINFO,
                                auth=session)) == 'Bot'


# unit: refreshOAuthSession: keeps old refresh token if no new refresh
# token returned
def test_refreshing_keeps_the_old_refresh_token_if_none_is_returned(
        wiki, complete):
    session = complete()
    old = session.token
    wiki.fail_next('rewrite', change=lambda reply: {
        name: value for name, value in reply.items()
        if name != 'refresh_token'})
    session.refresh()
    assert session.token.access_token != old.access_token
    assert copy(session).token.refresh_token == old.refresh_token


# unit: refreshOAuthSession: supports non-confidential client
@pytest.mark.parametrize('version', ['1.46', '1.47'])
def test_a_public_client_refreshes_without_a_secret(wiki, complete, version):
    wiki.version = version
    session = complete(public(wiki))
    old = session.token
    session.refresh()
    assert posted(wiki) == {'grant_type': 'refresh_token',
                            'refresh_token': old.refresh_token,
                            'client_id': session.client.client_id}
    assert session.token.refresh_token != old.refresh_token


# README: before MediaWiki 1.46 it is best to include the secret (T323855)
def test_a_public_client_refreshes_with_its_secret_on_an_old_wiki(
        wiki, complete):
    session = complete(public(wiki, with_secret=True))
    session.refresh()
    assert posted(wiki)['client_secret']
    assert session.is_complete


# jsdoc: refreshOAuthSession: the old access token does not go with it
def test_refreshing_sends_no_old_token(wiki, complete):
    session = complete(user_agent='my-user-agent')
    session.refresh()
    request, = wiki.requests
    assert request.bearer is None
    assert request.headers['user-agent'] == 'my-user-agent'


# serializeOAuthSession

# unit: serializeOAuthSession: blank session
def test_a_new_session_is_serialized_without_anything_secret(make):
    data = make().serialize()
    assert data['token'] is None
    assert data['pending'] is None


# unit: serializeOAuthSession: initialized session
def test_a_pending_session_is_serialized_with_its_verifier(make):
    session = make()
    session.authorization_url()
    data = session.serialize()
    assert data['pending'].keys() == {'verifier', 'state'}
    assert data['token'] is None


# unit: serializeOAuthSession: finished session
def test_a_complete_session_is_serialized_with_its_tokens(complete):
    session = complete()
    data = session.serialize()
    assert data['token']['access_token'] == session.token.access_token
    assert data['token']['refresh_token'] == session.token.refresh_token
    assert data['pending'] is None


# README, jsdoc: it may be written as JSON in between; the client is not in it
def test_what_is_serialized_is_json_without_the_clients_secret(
        make, complete, registered):
    pending = make()
    pending.authorization_url()
    for session in (make(), pending, complete()):
        text = json.dumps(session.serialize())
        assert json.loads(text) == session.serialize()
        assert registered.secret not in text


# deserializeOAuthSession

# unit: deserializeOAuthSession: blank session
def test_a_new_session_sends_no_token_after_it_was_stored(wiki, make):
    session = copy(make())
    assert session.token is None
    assert not session.is_complete
    assert query_of(session.authorization_url())


# unit: deserializeOAuthSession: initialized session
def test_a_pending_session_completes_after_it_was_stored(wiki, make):
    session = make()
    callback = wiki.approve(session.authorization_url())
    again = copy(session)
    assert again.serialize() == session.serialize()
    assert again.token is None
    again.complete(callback)
    assert again.is_complete


# unit: deserializeOAuthSession: finished session: adds authorization and
# assert=user by default
def test_a_complete_session_authenticates_after_it_was_stored(
        wiki, complete):
    session = copy(complete())
    answer = requests.get(wiki.api_url, USERINFO, auth=session)
    assert name_of(answer) == 'Bot'
    request, = wiki.requests
    assert request.query == {**USERINFO, 'assert': 'user'}
    assert request.bearer == session.token.access_token


# unit: deserializeOAuthSession: finished session: preserves refresh token
def test_a_complete_session_refreshes_after_it_was_stored(wiki, complete):
    session = complete()
    again = copy(session)
    assert again.serialize() == session.serialize()
    again.refresh()
    assert posted(wiki)['refresh_token'] == session.token.refresh_token


# unit: deserializeOAuthSession: finished session: does not add assert to
# defaultParams with false in (default)options
def test_a_stored_session_need_not_assert_the_user(wiki, complete):
    session = copy(complete(), asserts_user=False)
    requests.get(wiki.api_url, QUERY, auth=session)
    request, = wiki.requests
    assert request.query == QUERY


# Automatic refresh

def expect_a_refresh(wiki, session):
    """Check that a request succeeds, with one refresh and one repetition."""
    old = session.token
    answer = requests.get(wiki.api_url, USERINFO, auth=session)
    assert name_of(answer) == 'Bot'
    first, refresh, second = wiki.requests
    assert refresh.form['grant_type'] == 'refresh_token'
    assert first.query == second.query == {**USERINFO, 'assert': 'user'}
    assert first.bearer == old.access_token
    assert second.bearer == session.token.access_token != old.access_token


# unit: automatic refresh: automatically refreshes and retries request
# CHANGES 0.2.0
def test_a_refused_token_is_refreshed_and_the_request_repeated(
        wiki, complete):
    session = complete()
    wiki.expire_access_tokens()
    expect_a_refresh(wiki, session)


# CHANGES 1.0.4 (T419034): the answer of Wikimedia's gateway
@pytest.mark.parametrize('gateway', [True, 'unquoted'])
def test_a_token_that_the_gateway_refuses_is_refreshed(
        wiki, complete, gateway):
    wiki.gateway = gateway
    session = complete()
    wiki.expire_access_tokens()
    expect_a_refresh(wiki, session)


# jsdoc: only error=invalid_token in WWW-Authenticate means that
def test_another_401_is_no_reason_to_refresh(wiki, complete):
    session = complete()
    wiki.fail_next('status', path='api.php', status=401)
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.status_code == 401
    assert len(wiki.requests) == 1


# unit: automatic refresh: does not retry if not enough time is left
# Here there is no time limit: the repetition follows at once. What is not
# repeated is a request that cannot be.
def test_a_request_that_cannot_be_repeated_is_not(wiki, complete):
    class Once(io.BytesIO):
        def seek(self, *args):
            raise OSError('it can be read but once')

    session = complete()
    wiki.expire_access_tokens()
    body = Once(urlencode(QUERY).encode())
    answer = requests.post(
        wiki.api_url, body, auth=session, headers={
            'Content-Type': 'application/x-www-form-urlencoded'})
    assert answer.json()['error']['code'] == INVALID
    assert answers(wiki) == [INVALID]


# unit: automatic refresh: does not refresh more than once
def test_a_request_refreshes_only_once(wiki, complete):
    session = complete()
    # Each token is dead as soon as it was issued.
    wiki.expire_access_tokens()
    wiki.token_life = -1
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.json()['error']['code'] == INVALID
    assert answers(wiki) == [INVALID] * 2
    assert wiki.count('/access_token') == 1


# jsdoc: the option autoRefresh
@pytest.mark.parametrize('after_storing', [False, True])
def test_the_automatic_refresh_can_be_switched_off(
        wiki, complete, clock, after_storing):
    session = complete(refreshes=False)
    if after_storing:
        session = copy(session, refreshes=False)
    clock.advance(wiki.token_life + 1)
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.json()['error']['code'] == INVALID
    assert answers(wiki) == [INVALID]
    session.refresh()
    assert name_of(requests.get(wiki.api_url, USERINFO,
                                auth=session)) == 'Bot'


# integration: SLOW: node.js, automatic refresh
# CHANGES 0.2.0: sessions should remain usable indefinitely
def test_a_session_stays_usable_when_its_tokens_expire(
        wiki, complete, clock):
    session = complete()
    for number in range(1, 6):
        clock.advance(wiki.token_life + 1)
        session = copy(session)
        answer = requests.get(wiki.api_url, USERINFO, auth=session)
        assert name_of(answer) == 'Bot'
        assert wiki.count('/access_token', status=200) == number


# The whole way

# integration: node.js, (all four)
@pytest.mark.parametrize(('kind', 'change'), [
    ('confidential client with secret', None),
    ('non-confidential client with secret', None),
    ('non-confidential client without secret', None),
    ('relative callback URL', lambda url: url.partition(':12345')[2])])
def test_the_whole_way_with_the_session_stored_in_between(
        wiki, client, make, kind, change):
    wiki.version = '1.46'
    if kind.startswith('non-confidential'):
        client = public(wiki, with_secret=kind.endswith('with secret'))
    session = make(client)
    url = session.authorization_url()
    assert session.authorization_url() == url
    assert not session.is_complete
    callback = wiki.approve(url)
    session = copy(session)
    session.complete(change(callback) if change else callback)
    assert session.is_complete
    session = copy(session)
    assert session.is_complete
    assert name_of(requests.get(wiki.api_url, USERINFO,
                                auth=session)) == 'Bot'
    session = copy(session)
    session.refresh()
    assert name_of(requests.get(wiki.api_url, USERINFO,
                                auth=session)) == 'Bot'


# The table

def test_the_table_names_each_of_these_tests():
    tests = {node.name for node in ast.walk(ast.parse(
        Path(__file__).read_text(encoding='utf-8')))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith('test_')}
    tests.remove('test_the_table_names_each_of_these_tests')
    named = re.findall(r'`(test_\w+)`', TABLE.read_text(encoding='utf-8'))
    assert sorted(named) == sorted(tests)
