"""Tests of the session: authorizing, refreshing, storing, sending."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import pickle
import re
from concurrent.futures import ProcessPoolExecutor
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import pywikibot
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
from tests.helpers import (
    HOUR,
    Fork,
    StandingClock,
    at_once,
    client_of,
    on_both,
    set_up_pywikibot,
)
from tests.sandbox import Sandbox
from tests.stores.contract import listening


CALLBACK = 'http://localhost:12345/oauth/callback'
QUERY = {'action': 'query', 'format': 'json'}
WHO = {**QUERY, 'meta': 'userinfo', 'formatversion': '2'}
DEAD = 'mwoauth-invalid-authorization'
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


@pytest.fixture
def clock():
    return StandingClock()


@pytest.fixture
def registered(wiki):
    return wiki.register(redirect_uri=CALLBACK)


@pytest.fixture
def make(wiki, registered):
    """Return what makes a session."""

    def make(client=None, **options):
        client = client or client_of(registered)
        return OAuth2Session(client, wiki.api_url, clock=wiki.clock, **options)

    return make


@pytest.fixture
def complete(wiki, make):
    """Return what makes a session that a user has authorized."""

    def complete(client=None, **options):
        session = make(client, **options)
        session.complete(wiki.approve(session.authorization_url()))
        wiki.requests.clear()
        return session

    return complete


def public(wiki, *, secret=False):
    """Return a client that is not confidential."""
    return client_of(
        wiki.register(redirect_uri=CALLBACK, confidential=False), secret=secret
    )


def stored(session, **options):
    """Return the session as another process gets it from a store."""
    data = json.loads(json.dumps(session.serialize()))
    options.setdefault('clock', session._clock)
    return OAuth2Session.deserialize(data, session.client, **options)


def query_of(url):
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def posted(wiki):
    """Return the fields of the only request, which was for a token."""
    (request,) = wiki.requests
    assert (request.method, request.target) == (
        'POST',
        '/rest.php/oauth2/access_token',
    )
    assert request.body_length == len(urlencode(request.form))
    assert request.bearer is None
    assert request.cookies == {}
    return request.form


def ask(wiki, session, **options):
    """Return the name that a request is carried out for."""
    answer = requests.get(wiki.api_url, WHO, auth=session, **options).json()
    return answer['query']['userinfo']['name']


# Authorizing


@pytest.mark.parametrize('is_confidential', [True, False])
def test_the_authorization_url_has_the_client_and_a_challenge(
    wiki, make, is_confidential
):
    session = make(None if is_confidential else public(wiki))
    url = session.authorization_url()
    assert url.partition('?')[0] == f'{wiki.url}/rest.php/oauth2/authorize'
    query = query_of(url)
    verifier = session.serialize()['pending']['verifier']
    digest = hashlib.sha256(verifier.encode()).digest()
    assert query == {
        'response_type': 'code',
        'client_id': session.client.client_id,
        'redirect_uri': CALLBACK,
        'state': session.state,
        'code_challenge': base64.urlsafe_b64encode(digest).decode()[:-1],
        'code_challenge_method': 'S256',
    }
    assert re.fullmatch('[A-Za-z0-9._~-]{43,128}', verifier)
    assert re.fullmatch(r'[\w-]{32}', session.state)
    assert verifier not in url
    assert 'ui_locales=de' in session.authorization_url('de')


def test_the_authorization_url_stays_the_same_also_when_it_was_stored(
    wiki, make
):
    session = make()
    url = session.authorization_url()
    assert session.authorization_url() == url
    again = stored(stored(session))
    assert again.authorization_url() == url
    assert again.serialize() == session.serialize()
    assert wiki.requests == []
    again.complete(wiki.approve(url))
    assert again.is_complete
    other = make().authorization_url()
    for name in ('state', 'code_challenge'):
        assert query_of(other)[name] != query_of(url)[name]


@pytest.mark.parametrize('by_site', [False, True])
def test_the_endpoints_are_found_by_the_wiki(
    clock, tmp_path, monkeypatch, by_site
):
    with Sandbox(clock=clock, path='/w') as wiki:
        set_up_pywikibot(monkeypatch, tmp_path, en=wiki)
        site = pywikibot.Site('en', 'sandbox') if by_site else None
        address = f'{wiki.api_url}?action=query'
        client = client_of(wiki.register())
        session = OAuth2Session(client, site or address, clock=clock)
        assert session.wiki == wiki.api_url
        url = session.authorization_url()
        assert url.startswith(f'{wiki.server}/w/rest.php/oauth2/authorize?')
        wiki.requests.clear()
        session.complete(wiki.approve(url))
        (request,) = wiki.requests
        assert request.path == '/w/rest.php/oauth2/access_token'


@pytest.mark.parametrize(
    'wiki',
    ['', 'https://wiki.example/', 'https://wiki.example/w/index.php',
     'wiki.example', '/api.php', 'https://wiki.example/api.phpx'],
)  # fmt: skip
def test_anything_but_an_api_is_a_configuration_error(wiki):
    with pytest.raises(ConfigurationError, match='not the address'):
        OAuth2Session(OAuth2Client('id'), wiki)


@pytest.mark.parametrize('client_id', [None, '', ' '])
def test_without_a_client_id_there_is_no_session(client_id):
    with pytest.raises(ConfigurationError, match='client ID') as caught:
        OAuth2Client(client_id, 'secret')
    for word in ('user-config.py', 'OAuth2Auth', 'pwb'):
        assert word not in str(caught.value)


@on_both
@pytest.mark.parametrize('is_confidential', [True, False])
def test_completing_gets_a_token_by_exactly_this_request(
    wiki, make, is_confidential, like
):
    client = None if is_confidential else public(wiki)
    session = make(client, user_agent='my-user-agent (me@example.org)')
    callback = wiki.approve(session.authorization_url())
    verifier = session.serialize()['pending']['verifier']
    session.complete(callback)
    secret = session.client.client_secret
    assert posted(wiki) == {
        'grant_type': 'authorization_code',
        'code': query_of(callback)['code'],
        'redirect_uri': CALLBACK,
        'client_id': session.client.client_id,
        'code_verifier': verifier,
        **({'client_secret': secret} if is_confidential else {}),
    }
    user_agent = wiki.requests[0].headers['user-agent']
    assert user_agent == 'my-user-agent (me@example.org)'
    assert session.serialize()['pending'] is None
    assert session.state is None
    assert session.token.expires_at == wiki.clock() + wiki.token_life
    # Once more: no old token goes along.
    wiki.requests.clear()
    session.complete(wiki.approve(session.authorization_url()))
    assert posted(wiki)['code'] != query_of(callback)['code']


def test_without_a_callback_url_none_is_sent(wiki, make, registered):
    client = client_of(registered, redirect_uri=None)
    session = make(client)
    url = session.authorization_url()
    assert 'redirect_uri' not in query_of(url)
    session.complete(wiki.approve(url))
    assert 'redirect_uri' not in posted(wiki)
    assert session.is_complete


@pytest.mark.parametrize('part', ['absolute', 'path', 'query'])
def test_the_callback_may_be_absolute_or_relative(wiki, make, part):
    session = make()
    callback = urlsplit(wiki.approve(session.authorization_url()))
    relative = f'{callback.path}?{callback.query}'
    texts = {'absolute': callback.geturl(), 'path': relative}
    session.complete(texts.get(part, f'?{callback.query}'))
    assert session.is_complete


@pytest.mark.parametrize(
    ('callback', 'words'),
    [
        (CALLBACK, 'not an address with an authorization code'),
        ('?code=abc', 'from &state= on is missing'),
        ('?code=abc&state=other', 'another login'),
    ],
)
def test_a_bad_callback_asks_nobody_and_the_good_one_completes(
    wiki, make, callback, words
):
    session = make()
    good = wiki.approve(session.authorization_url())
    with pytest.raises(AuthorizationError, match=words) as caught:
        session.complete(callback)
    assert not caught.value.is_final
    assert wiki.requests == []
    session.complete(good)
    assert session.is_complete


@on_both
def test_a_refusal_by_the_user_is_told_without_advice(wiki, make, like):
    session = make()
    callback = wiki.deny(session.authorization_url())
    for words in ('was cancelled', 'The user: no'):
        with pytest.raises(AuthorizationError, match=words) as caught:
            session.complete(callback)
        assert caught.value.is_final
        assert 'pwb' not in str(caught.value)
        callback = '?error=access_denied&error_description=The+user:+no'
        callback += f'&state={session.state}'
    assert not session.is_complete


def test_a_callback_counts_once(wiki, make):
    session = make()
    with pytest.raises(AuthorizationError, match='No login is pending'):
        session.complete('?code=abc&state=')
    callback = wiki.approve(session.authorization_url())
    again = stored(session)
    session.complete(callback)
    token = session.token
    with pytest.raises(AuthorizationError, match='No login is pending'):
        session.complete(callback)
    with pytest.raises(AuthorizationError, match='refused the auth'):
        again.complete(callback)
    assert session.token is token


@on_both
@pytest.mark.parametrize('reason', ['another session', 'too old', 'cut'])
def test_a_code_that_the_wiki_refuses_is_an_error(wiki, make, reason, like):
    session, other = make(), make()
    session.authorization_url()
    callback = wiki.approve(other.authorization_url())
    if reason == 'too old':
        session = other
        wiki.clock.advance(61)
    elif reason == 'cut':
        callback = f'?code=def50200&state={other.state}'
    # As if an attacker had guessed the state.
    callback = callback.replace(other.state, session.state)
    with pytest.raises(AuthorizationError, match='refused the auth') as caught:
        session.complete(callback)
    assert not caught.value.is_final
    assert not session.is_complete


def test_completing_may_be_tried_again_after_a_failure(wiki, make, registered):
    session = make()
    callback = wiki.approve(session.authorization_url())
    wiki.fail_next('status', status=500)
    with pytest.raises(EndpointError, match='500'):
        session.complete(callback)
    assert len(wiki.requests) == 1
    assert not session.is_complete
    session.complete(callback)
    assert session.is_complete
    refused = make(OAuth2Client(registered.id, 'x', redirect_uri=CALLBACK))
    callback = wiki.approve(refused.authorization_url())
    with pytest.raises(ClientRefusedError) as caught:
        refused.complete(callback)
    assert caught.value.client_id == registered.id


# Refreshing


@on_both
@pytest.mark.parametrize('is_confidential', [True, False])
@pytest.mark.parametrize('is_stored', [True, False])
def test_refreshing_renews_both_tokens_by_exactly_this_request(
    wiki, complete, is_confidential, is_stored, like
):
    # On 1.43 a public client needs its secret for that (T323855).
    client = None if is_confidential else public(wiki, secret=like == '1.43')
    session = complete(client, user_agent='my-user-agent')
    if is_stored:
        session = stored(session, user_agent='my-user-agent')
    old = session.token
    session.refresh()
    secret = session.client.client_secret
    assert posted(wiki) == {
        'grant_type': 'refresh_token',
        'refresh_token': old.refresh_token,
        'client_id': session.client.client_id,
        **({'client_secret': secret} if secret else {}),
    }
    assert wiki.requests[0].headers['user-agent'] == 'my-user-agent'
    assert old.access_token != session.token.access_token
    assert old.refresh_token != session.token.refresh_token
    assert ask(wiki, session) == 'Bot'


@pytest.mark.parametrize('like', ['master'])
@pytest.mark.parametrize('value', [None, '', 5, 'missing'])
def test_refreshing_keeps_the_old_refresh_token_if_none_is_returned(
    wiki, complete, like, value
):
    def change(data):
        data.pop('refresh_token')
        return data if value == 'missing' else {**data, 'refresh_token': value}

    session = complete()
    old = session.token
    wiki.fail_next('rewrite', change=change)
    session.refresh()
    assert session.token.access_token != old.access_token
    assert stored(session).token.refresh_token == old.refresh_token
    session.refresh()
    assert ask(wiki, session) == 'Bot'


def test_refreshing_keeps_everything_if_it_fails(wiki, complete):
    session = complete()
    old = session.token
    wiki.fail_next('reset_before')
    with pytest.raises(EndpointError):
        session.refresh()
    assert session.token is old
    session.refresh()
    wiki.revoke('Bot', wiki.oauth.clients[session.client.client_id])
    for _ in range(2):
        with pytest.raises(AuthorizationEndedError) as caught:
            session.refresh()
        assert caught.value.account == session.user
    assert session.ended
    assert not session.is_complete
    assert stored(session).ended == session.ended
    assert wiki.count('/access_token') == 3
    session.complete(wiki.approve(session.authorization_url()))
    assert (session.is_complete, session.ended) == (True, None)


def test_without_a_token_nothing_is_asked(wiki, make):
    session = make()
    with pytest.raises(AuthorizationEndedError, match='nothing to refresh'):
        session.refresh()
    assert session.profile() is None
    with pytest.raises(AuthorizationEndedError, match='not been given'):
        ask(wiki, session)
    assert wiki.requests == []


@on_both
@pytest.mark.parametrize('gateway', [False, True])
def test_a_profile_says_who_and_what_or_that_the_token_is_dead(
    wiki, complete, like, gateway
):
    wiki.gateway = gateway
    session = complete()
    profile = session.profile()
    assert profile['username'] == 'Bot'
    assert 'editpage' in profile['grants']
    (request,) = wiki.requests
    assert request.target == '/rest.php/oauth2/resource/profile'
    wiki.expire_access_tokens()
    assert session.profile() is None
    session.refresh()
    wiki.fail_next('html', path='profile')
    with pytest.raises(EndpointError):
        session.profile()


# Storing


def test_a_session_is_serialized_with_exactly_these_fields(
    wiki, make, complete, registered
):
    fields = {
        'version': 1,
        'client_id': registered.id,
        'wiki': wiki.api_url,
        'user': None,
        'token': None,
        'ended': None,
        'generation': 0,
        'pending': None,
    }
    assert make().serialize() == fields
    pending = make()
    pending.authorization_url()
    data = pending.serialize()
    secrets = data['pending']
    assert secrets.keys() == {'state', 'verifier', 'redirect_uri'}
    assert data == {**fields, 'pending': secrets}
    session = complete(user='Bot')
    token = session.token
    assert session.serialize() == {
        **fields,
        'user': 'Bot',
        'generation': 1,
        'token': {
            'access_token': token.access_token,
            'refresh_token': token.refresh_token,
            'expires_at': token.expires_at,
            'lifetime': wiki.token_life,
        },
    }
    for each in (make(), pending, session):
        text = json.dumps(each.serialize())
        assert json.loads(text) == each.serialize()
        assert registered.secret not in text


def test_a_session_is_the_same_after_it_was_stored(wiki, make, complete):
    new = stored(make(user='Bot'))
    assert (new.token, new.user, new.is_complete) == (None, 'Bot', False)
    assert query_of(new.authorization_url())
    session = complete(user='Bot')
    again = stored(session)
    assert again.serialize() == session.serialize()
    assert again.wiki == session.wiki
    assert again.is_complete
    assert ask(wiki, again) == 'Bot'
    (request,) = wiki.requests
    assert request.query == {**WHO, 'assert': 'user'}
    assert request.bearer == session.token.access_token


@pytest.mark.parametrize(
    'changes',
    [{'client_id': 'other'}, {'version': 2}, {'wiki': 5}, {'token': 'abc'},
     {'pending': {'state': 'a'}}, {'pending': [1]}, {'generation': '1'}],
    ids=str,
)  # fmt: skip
def test_what_is_not_a_session_of_the_client_is_a_store_error(
    wiki, complete, changes
):
    session = complete()
    data = {**session.serialize(), **changes}
    with pytest.raises(StoreError) as caught:
        OAuth2Session.deserialize(data, session.client)
    assert session.token.access_token not in str(caught.value)


def test_a_session_can_be_neither_pickled_nor_copied(complete):
    session = complete()
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        for each in (session, [session]):
            if copying is copy.copy and each is not session:
                continue
            with pytest.raises(TypeError, match=r'serialize\(\)') as caught:
                copying(each)
    assert session.token.access_token not in str(caught.value)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_a_session_is_not_refreshed_in_a_child_process(wiki, complete):
    session = complete()
    wiki.clock.advance(HOUR)
    error = Fork(ask, wiki, session).result()
    assert isinstance(error, ConfigurationError)
    assert 'before a fork' in str(error)
    with ProcessPoolExecutor(1) as pool, pytest.raises(TypeError):
        pool.submit(ask, wiki, session).result(20)
    assert wiki.requests == []
    assert ask(wiki, session) == 'Bot'


def test_a_session_shows_no_secret(wiki, make):
    session = make(user='Bot')
    shown = [repr(session)]
    callback = wiki.approve(session.authorization_url())
    verifier = session.serialize()['pending']['verifier']
    shown += [repr(session)]
    session.complete(callback)
    shown += [repr(session), str(session), repr(session.token)]
    wiki.revoke('Bot', wiki.oauth.clients[session.client.client_id])
    with pytest.raises(AuthorizationEndedError) as caught:
        session.refresh()
    shown += [repr(session), str(caught.value)]
    for secret in [*wiki.secrets, verifier]:
        assert not any(secret in text for text in shown)
    statuses = re.findall(r', (\w+)>', ' '.join(shown))
    assert statuses == ['new', 'pending', 'complete', 'complete', 'ended']


# Requests


@pytest.mark.parametrize('method', ['GET', 'POST'])
@pytest.mark.parametrize('is_stored', [False, True])
def test_requests_assert_the_user_if_wanted(wiki, complete, method, is_stored):
    for asserts_user in (True, False):
        session = complete(asserts_user=asserts_user)
        if is_stored:
            session = stored(session, asserts_user=asserts_user)
        name = 'params' if method == 'GET' else 'data'
        requests.request(method, wiki.api_url, auth=session, **{name: WHO})
        (request,) = wiki.requests
        asserted = {'assert': 'user'} if asserts_user else {}
        assert {**request.query, **request.form} == {**WHO, **asserted}
        assert request.user == 'Bot'
        assert request.bearer == session.token.access_token


@pytest.mark.parametrize('gateway', [False, True, 'unquoted'])
@on_both
def test_a_refused_token_is_refreshed_and_the_request_repeated(
    wiki, complete, gateway, like
):
    wiki.gateway = gateway
    session = complete()
    old = session.token
    wiki.expire_access_tokens()
    assert ask(wiki, session) == 'Bot'
    first, refresh, second = wiki.requests
    assert refresh.form['grant_type'] == 'refresh_token'
    assert first.query == second.query == {**WHO, 'assert': 'user'}
    assert first.bearer == old.access_token
    assert second.bearer == session.token.access_token != old.access_token


def test_another_401_is_no_reason_to_refresh(wiki, complete):
    session = complete()
    wiki.fail_next('status', path='api.php', status=401)
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.status_code == 401
    assert len(wiki.requests) == 1


def test_a_request_that_cannot_be_repeated_is_not(wiki, complete):
    class Once(io.BytesIO):
        def seek(self, *args):
            raise OSError('this can be read once')

    session = complete()
    wiki.expire_access_tokens()
    body = Once(urlencode(QUERY).encode())
    requests.post(wiki.api_url, body, auth=session, headers=FORM)
    assert [request.error for request in wiki.requests] == [DEAD]


def test_a_request_refreshes_only_once(wiki, complete):
    session = complete()
    # Each token is dead as soon as it was issued.
    wiki.expire_access_tokens()
    wiki.token_life = -1
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.json()['error']['code'] == DEAD
    errors = [request.error for request in wiki.requests]
    assert errors == [DEAD, None, DEAD]


@pytest.mark.parametrize('is_stored', [False, True])
def test_the_automatic_refresh_can_be_switched_off(wiki, complete, is_stored):
    session = complete(refreshes=False)
    if is_stored:
        session = stored(session, refreshes=False)
    wiki.clock.advance(wiki.token_life + 1)
    answer = requests.get(wiki.api_url, QUERY, auth=session)
    assert answer.json()['error']['code'] == DEAD
    assert len(wiki.requests) == 1
    session.refresh()
    assert ask(wiki, session) == 'Bot'


def test_a_session_stays_usable_when_its_tokens_expire(wiki, complete):
    session = complete()
    for number in range(1, 6):
        wiki.clock.advance(wiki.token_life + 1)
        session = stored(session)
        assert ask(wiki, session) == 'Bot'
        assert wiki.count('/access_token', status=200) == number


@pytest.mark.parametrize('like', ['master'])
@pytest.mark.parametrize(
    'kind', ['confidential', 'public with secret', 'public without secret']
)
def test_the_whole_way_with_the_session_stored_in_between(
    wiki, make, kind, like
):
    client = None
    if kind != 'confidential':
        client = public(wiki, secret=kind == 'public with secret')
    session = make(client)
    callback = wiki.approve(session.authorization_url())
    for step in ('complete', 'ask', 'refresh', 'ask'):
        is_complete = step != 'complete'
        assert session.is_complete == is_complete
        session = stored(session)
        assert session.is_complete == is_complete
        if step == 'complete':
            session.complete(callback.partition(':12345')[2])
        elif step == 'refresh':
            session.refresh()
        else:
            assert ask(wiki, session) == 'Bot'


def test_an_owner_only_token_that_is_given_is_used(wiki, make):
    registered = wiki.register(owner_only=True)
    session = make(OAuth2Client(access_token=registered.access_token))
    assert session.is_complete
    for _ in range(2):
        # After a passing refusal, it is still used.
        assert ask(wiki, session) == 'Bot'
        wiki.fail_next(
            'status',
            path='api.php',
            status=401,
            body='{}',
            content_type='application/json',
        )
        requests.get(wiki.api_url, auth=session)


def test_a_name_may_be_given_later(complete):
    session = complete()
    session.user = 'Bot'
    assert session.serialize()['user'] == 'Bot'
    assert session.is_complete


@pytest.mark.parametrize(
    'step', ['authorization_url', 'complete', 'refresh', 'profile', 'use']
)
def test_nothing_is_sent_in_plain_text_to_another_machine(
    complete, monkeypatch, step
):
    # Connecting to 0.0.0.0 reaches this machine.
    with Sandbox(host='0.0.0.0') as other:
        monkeypatch.setenv('OAUTHLIB_INSECURE_TRANSPORT', '1')
        pending = {'state': 'a', 'verifier': 'v' * 64, 'redirect_uri': None}
        data = complete().serialize()
        data |= {'wiki': other.api_url, 'pending': pending}
        client = OAuth2Client(data['client_id'])
        session = OAuth2Session.deserialize(data, client)
        with pytest.raises(ConfigurationError, match='needs https'):
            if step == 'use':
                ask(other, session)
            else:
                arguments = ['?code=a&state=a'] if step == 'complete' else []
                getattr(session, step)(*arguments)
        with (
            pytest.raises(ConfigurationError, match='needs https'),
            session.use(),
        ):
            pass
        assert other.requests == []


# What the program stores


def test_the_program_is_told_once_of_each_change(wiki, make, registered):
    changes = []
    session = make(on_change=lambda each: changes.append(each.serialize()))
    session.complete(wiki.approve(session.authorization_url()))
    assert changes == [session.serialize()]
    for number in range(2, 4):
        if number == 2:
            wiki.clock.advance(HOUR)
        else:
            wiki.expire_access_tokens()
        assert at_once(10, lambda _: ask(wiki, session)) == ['Bot'] * 10
        assert len(changes) == number
        assert changes[-1] == session.serialize()
    wiki.revoke('Bot', registered)
    for _ in range(2):
        with pytest.raises(AuthorizationEndedError, match='has ended'):
            ask(wiki, session)
    assert len(changes) == 4
    assert changes[-1]['ended'] == session.ended


def test_a_program_that_fails_to_store_is_told_again(wiki, make, monkeypatch):
    def store(session):
        calls.append(session.token.access_token)
        if len(calls) < 3:
            raise ZeroDivisionError('a-token-in-a-message')

    calls = []
    session = make(on_change=store)
    with listening() as said:
        session.complete(wiki.approve(session.authorization_url()))
        assert ask(wiki, session) == 'Bot'
        assert len(calls) == 1, 'it was called at each request'
        for number in (2, 3, 3):
            wiki.clock.advance(10)
            assert ask(wiki, session) == 'Bot'
            assert len(calls) == number
        assert set(calls) == {session.token.access_token}
    assert all('has raised ZeroDivisionError' in text for text in said)
    assert 'a-token-in-a-message' not in str(said)
    # The next change reports what is new, too.
    session.refresh()
    assert calls[-1] == session.token.access_token


def test_a_session_refreshes_once_beside_its_first_requests(wiki, complete):
    session = stored(complete())
    wiki.clock.advance(HOUR)

    def work(index):
        return session.refresh() if index == 0 else ask(wiki, session)

    assert set(at_once(6, work)) == {None, 'Bot'}
    assert session.is_complete
    sent = [request.form.get('refresh_token') for request in wiki.requests]
    sent = [token for token in sent if token]
    assert len(set(sent)) == len(sent) <= 2
