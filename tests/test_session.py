"""Tests of the session: authorizing, refreshing, storing, sending."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import re
import threading

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
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.protocol import OAuth2Wiki
from pywikibot_oauth2.token import Token
from tests.harness import at_once
from tests.helpers import (
    HOUR,
    client_of,
    listening,
    on_both,
    raises,
    set_up_pywikibot,
    shown,
)
from tests.sandbox import Sandbox


CALLBACK = 'http://localhost:12345/oauth/callback'
AGENT = 'my-user-agent (me@example.org)'
QUERY = {'action': 'query', 'format': 'json'}
WHO = {**QUERY, 'meta': 'userinfo', 'formatversion': '2'}
DEAD = 'mwoauth-invalid-authorization'


@pytest.fixture
def registered(wiki):
    return wiki.register(redirect_uri=CALLBACK)


@pytest.fixture
def make(wiki, registered):
    """Return a function that makes a session."""

    def make(client=None, **options):
        client = client or client_of(registered)
        return OAuth2Session(client, wiki.api_url, clock=wiki.clock, **options)

    return make


@pytest.fixture
def session(wiki, make):
    """Return a session that a user has authorized."""
    session = make()
    session.complete(wiki.approve(session.authorization_url()))
    wiki.requests.clear()
    return session


def stored(session, **options):
    """Return the session as another process gets it from a store."""
    data = json.loads(json.dumps(session.serialize()))
    options.setdefault('clock', session._account.clock)
    return OAuth2Session.deserialize(data, session.client, **options)


def ask(wiki, session):
    """Return the name that a request is carried out for."""
    answer = requests.get(wiki.api_url, WHO, auth=session).json()
    return answer['query']['userinfo']['name']


# Authorizing


def test_the_authorization_url_stays_the_same_also_when_it_was_stored(
    wiki, make
):
    session = make()
    url = session.authorization_url()
    assert session.authorization_url() == url
    assert f'&state={session.state}&' in url
    again = stored(stored(session))
    assert again.authorization_url() == url
    assert again.serialize() == session.serialize()
    assert wiki.requests == []
    again.complete(wiki.approve(url))
    assert again.is_complete
    assert make().authorization_url() != url


def test_threads_get_the_same_authorization_url(make, monkeypatch):
    def begin(wiki):
        begun.append(wiki)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.1)  # for another thread to get here
        return usual(wiki)

    begun, both, usual = [], threading.Barrier(2), OAuth2Wiki.begin
    monkeypatch.setattr(OAuth2Wiki, 'begin', begin)
    session = make()
    urls = at_once(2, lambda _: session.authorization_url())
    assert urls[0] == urls[1]
    assert len(begun) == 1


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


def test_anything_but_an_api_is_a_configuration_error():
    for wiki in '', 'https://wiki.example/', '/api.php':
        with pytest.raises(ConfigurationError, match='not the address'):
            OAuth2Session(OAuth2Client('id'), wiki)


def test_completing_forgets_the_verifier_and_sends_no_old_token(wiki, make):
    session = make(user_agent=AGENT)
    for _ in range(2):
        callback = wiki.approve(session.authorization_url())
        verifier = session.serialize()['pending']['verifier']
        session.complete(callback)
        request = wiki.requests[-1]
        assert request.form['code'] in callback
        assert request.form['code_verifier'] == verifier
        assert request.bearer is None
        assert request.headers['user-agent'] == AGENT
        assert session.serialize()['pending'] is session.state is None
        assert session.token.expires_at == wiki.clock() + wiki.token_life
    assert len(wiki.requests) == 2


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
    with pytest.raises(AuthorizationError, match='refused the auth') as caught:
        again.complete(callback)
    assert not caught.value.is_final
    assert session.token is token
    pending = make()
    pending.authorization_url()
    facts = {'wiki': wiki.url, 'client_id': pending.client.client_id}
    with raises(AuthorizationError, 'was cancelled', **facts):
        pending.complete('?error=access_denied')


def test_completing_may_be_tried_again_after_a_failure(wiki, make, registered):
    refused = OAuth2Client(registered.id, 'x', redirect_uri=CALLBACK)
    session, refused = make(), make(refused)
    callback = wiki.approve(session.authorization_url())
    wiki.fail_next('status', status=500)
    with pytest.raises(EndpointError, match='500'):
        session.complete(callback)
    assert len(wiki.requests) == 1
    assert not session.is_complete
    with listening() as said:
        session.complete(callback)
    assert session.is_complete
    assert said == []
    with pytest.raises(ClientRefusedError) as caught:
        refused.complete(wiki.approve(refused.authorization_url()))
    assert caught.value.client_id == registered.id


# On 1.43 a public client needs its secret to refresh (T323855).
@pytest.mark.parametrize(
    ('kind', 'like'),
    [('confidential', '1.43'), ('confidential', 'master'),
     ('with secret', '1.43'), ('with secret', 'master'),
     ('without secret', 'master')],
)  # fmt: skip
def test_a_session_may_be_stored_at_any_step(wiki, make, kind, like):
    client = None
    if kind != 'confidential':
        fields = {'redirect_uri': CALLBACK, 'confidential': False}
        secret = kind == 'with secret'
        client = client_of(wiki.register(**fields), secret=secret)
    session = make(client)
    callback = wiki.approve(session.authorization_url())
    session = stored(session)
    assert not session.is_complete
    session.complete(callback.partition(':12345')[2])
    for number in (1, 2, 3):
        assert session.is_complete
        session = stored(session, user_agent=AGENT)
        assert session.is_complete
        # It stays usable when its tokens expire.
        assert ask(wiki, session) == 'Bot'
        assert wiki.count('/access_token', status=200) == 2 * number - 1
        request = wiki.requests[-1]
        assert request.query == {**WHO, 'assert': 'user'}
        assert request.bearer == session.token.access_token
        assert session.profile()['username'] == 'Bot'
        old = session.token
        session.refresh()
        request = wiki.requests[-1]
        assert request.form['refresh_token'] == old.refresh_token
        assert request.headers['user-agent'] == AGENT
        assert request.bearer is None
        assert old.access_token != session.token.access_token
        assert old.refresh_token != session.token.refresh_token
        wiki.clock.advance(HOUR)


def test_refreshing_keeps_everything_if_it_fails(wiki, session, registered):
    old = session.token
    wiki.fail_next('reset_before')
    with pytest.raises(EndpointError):
        session.refresh()
    assert session.token is old
    session.refresh()
    wiki.revoke('Bot', registered)
    for _ in range(2):
        with pytest.raises(AuthorizationEndedError) as caught:
            session.refresh()
        assert caught.value.account == session.user
    assert not session.is_complete
    assert session.ended == stored(session).ended is not None
    assert repr(session).endswith(', ended>')
    assert wiki.count('/access_token') == 3
    session.complete(wiki.approve(session.authorization_url()))
    assert (session.is_complete, session.ended) == (True, None)


def test_without_a_token_nothing_is_asked(wiki, make):
    session = make(user='Bot')
    facts = {'account': 'Bot', 'wiki': wiki.url}
    with raises(AuthorizationEndedError, 'nothing to refresh', **facts):
        session.refresh()
    assert session.profile() is None
    with raises(AuthorizationEndedError, 'not been given', **facts):
        ask(wiki, session)
    assert wiki.requests == []


# Storing


def test_a_session_is_serialized_with_exactly_these_fields(
    wiki, make, session, registered
):
    fields = dict.fromkeys(['user', 'token', 'ended', 'pending'])
    fields |= {'version': 1, 'client_id': registered.id, 'generation': 0}
    fields['wiki'] = wiki.api_url
    new, pending = make(), make()
    assert new.serialize() == fields
    pending.authorization_url()
    secrets = pending.serialize()['pending']
    assert secrets.keys() == {'state', 'verifier', 'redirect_uri'}
    assert pending.serialize() == {**fields, 'pending': secrets}
    session.user = 'Bot'
    names = 'access_token', 'refresh_token', 'expires_at', 'lifetime'
    fields['token'] = {name: getattr(session.token, name) for name in names}
    assert session.serialize() == {
        **fields,
        'user': 'Bot',
        'generation': 1 << 20,
    }
    statuses = 'new', 'pending', 'complete', 'new'
    for each, status in zip(
        (new, pending, session, make(user='Bot')), statuses, strict=True
    ):
        shown = f'{each.user!r} on {wiki.url}, client {registered.id}'
        assert repr(each) == f'<OAuth2Session of {shown}, {status}>'
        again = stored(each)
        assert again.serialize() == each.serialize()
        assert (again.user, again.wiki) == (each.user, each.wiki)
        assert (again.token, again.is_complete) == (
            each.token,
            each is session,
        )
        assert registered.secret not in json.dumps(each.serialize())


def test_anything_but_a_session_of_the_client_is_a_store_error(session):
    bad = {'client_id': 'x', 'token': 'x', 'wiki': 'x/api.php'}
    for name, value in {**bad, 'pending': {'state': 'a'}}.items():
        data = {**session.serialize(), name: value}
        with pytest.raises(StoreError, match=r'^The session .+\.$') as caught:
            OAuth2Session.deserialize(data, session.client)
        assert session.token.access_token not in shown(caught.value)


def test_a_stored_session_of_a_fixed_token_knows_its_user(wiki):
    fixed, new = (OAuth2Client(access_token=text) for text in ('a.b', 'c.d'))
    session = OAuth2Session(fixed, wiki.api_url, user='Owner')
    again = OAuth2Session.deserialize(session.serialize(), new)
    assert again.user == again.serialize()['user'] == 'Owner'
    # A token that was reset counts, not the one that was stored.
    assert again.token.access_token == 'c.d'


def test_a_session_can_be_neither_pickled_nor_copied(session):
    for copying in pickle.dumps, copy.copy, copy.deepcopy:
        with pytest.raises(TypeError, match=r'serialize\(\)') as caught:
            copying(session)
        assert session.token.access_token not in shown(caught.value)


# Requests


@pytest.mark.parametrize('asserts_user', [True, False])
def test_requests_assert_the_user_if_wanted(wiki, session, asserts_user):
    session = stored(session, asserts_user=asserts_user)
    asserted = {'assert': 'user'} if asserts_user else {}
    for method, name in (('GET', 'params'), ('POST', 'data')):
        requests.request(method, wiki.api_url, auth=session, **{name: WHO})
        request = wiki.requests[-1]
        assert {**request.query, **request.form} == {**WHO, **asserted}
        assert request.user == 'Bot'
        assert request.bearer == session.token.access_token
    requests.get(wiki.api_url, {**WHO, 'assert': 'bot'}, auth=session)
    assert wiki.requests[-1].query['assert'] == 'bot'
    other = requests.Request('GET', f'{wiki.url}/w/api.php').prepare()
    assert session(other) is other
    assert 'Authorization' not in other.headers


def test_the_automatic_refresh_can_be_switched_off(wiki, session):
    session = stored(session, refreshes=False)
    wiki.clock.advance(wiki.token_life + 1)
    for number, (path, error) in enumerate(
        [('api.php', DEAD), ('rest.php/v1/page/A', 'rest-read-denied')], 1
    ):
        answer = requests.get(f'{wiki.url}/{path}', QUERY, auth=session)
        assert error in answer.text
        assert len(wiki.requests) == number
    assert session.profile() is None
    session.refresh()
    assert ask(wiki, session) == 'Bot'


@on_both
def test_the_profile_is_asked_with_a_renewed_token(
    wiki, session, registered, like
):
    for expire in (
        lambda: wiki.clock.advance(HOUR),
        wiki.expire_access_tokens,
    ):
        expire()
        assert session.profile()['username'] == 'Bot'
    assert wiki.count('/access_token') == 2
    wiki.revoke('Bot', registered)
    assert session.profile() is None
    assert session.ended


def test_requests_that_fail_for_one_reason_are_not_kept_with_it(
    wiki, session, registered
):
    wiki.clock.advance(wiki.token_life + 1)
    wiki.disable_client(registered)
    errors = []
    for _ in range(5):
        with pytest.raises(ClientRefusedError) as caught:
            ask(wiki, session)
        errors.append(caught)
    assert len({len(each.traceback) for each in errors[1:]}) == 1
    assert len({str(vars(each.value)) for each in errors}) == 1
    assert errors[-1].value.is_unusable


def test_nothing_is_sent_in_plain_text_to_another_machine(session):
    # Connecting to 0.0.0.0 reaches this machine.
    with Sandbox(host='0.0.0.0') as other:
        data = {**session.serialize(), 'wiki': other.api_url}
        client = OAuth2Client(data['client_id'])
        session = OAuth2Session.deserialize(data, client)
        for step in (
            session.refresh,
            lambda: ask(other, session),
            session.use().__enter__,
        ):
            with pytest.raises(ConfigurationError, match='needs https'):
                step()
        assert other.requests == []


@on_both
def test_an_error_hides_a_secret_in_the_place_of_the_client_id(
    wiki, make, registered, like
):
    secret = registered.secret
    session = make(OAuth2Client(secret, registered.id))
    session._account.adopt(
        Authorization(secret, wiki.url, 'Bot', Token('none', 'none'))
    )
    with pytest.raises((ClientRefusedError, EndpointError)) as caught:
        session.refresh()
    error = caught.value
    assert f'({len(secret)} characters)' in str(error)
    assert secret not in f'{error} {error!r} {vars(error)}'


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


def test_a_prepared_request_keeps_its_session(wiki, session):
    changes = []
    again = stored(session, on_change=changes.append)
    request = requests.Request('GET', wiki.api_url, auth=again).prepare()
    del again
    wiki.expire_access_tokens()
    with requests.Session() as sender:
        sender.send(request)
    assert [each.is_complete for each in changes] == [True]


def test_a_program_that_fails_to_store_is_told_again(wiki, make, registered):
    def store(session):
        calls.append(session.token and session.token.access_token)
        if is_failing:
            raise ZeroDivisionError('a-token-in-a-message')

    calls, is_failing = [], True
    session = make(on_change=store)
    with listening() as said:
        session.complete(wiki.approve(session.authorization_url()))
        assert ask(wiki, session) == 'Bot'
        assert len(calls) == 1, 'it was called at each request'
        for number in (2, 3, 3):
            wiki.clock.advance(10)
            assert ask(wiki, session) == 'Bot'
            assert len(calls) == number
            is_failing = number < 2
        assert set(calls) == {session.token.access_token}
        # The next change reports what is new, too.
        session.refresh()
        assert calls[-1] == session.token.access_token
        is_failing = True
        wiki.revoke('Bot', registered)
        for _ in range(3):
            with pytest.raises(AuthorizationEndedError):
                session.refresh()
            with pytest.raises(AuthorizationEndedError):
                ask(wiki, session)
    words = r'raised ZeroDivisionError. It will be called again\.(.*)'
    # Each failure is reported once, however often on_change was called.
    assert re.findall(words, '\n'.join(said)) == [
        ' The new token is only in memory.',
        '',
    ]
    assert calls.count(None) > 3
    assert 'a-token-in-a-message' not in str(said)
