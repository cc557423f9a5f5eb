"""Tests of requests with a token, and of their repetition."""

from __future__ import annotations

import io

import pytest
import pywikibot
import requests
from pywikibot import config
from pywikibot.comms import http
from requests.adapters import HTTPAdapter

from pywikibot_oauth2 import EndpointError, OAuth2Auth
from pywikibot_oauth2.bearer import BearerAuth
from tests.bench import (
    DEAD,
    DEAD_ANSWER,
    DEAD_GATEWAY,
    GOOD,
    WHO,
    api_error,
    setting,
)
from tests.helpers import HOUR, Bot, in_thread, on_both
from tests.sandbox.server import Response


# The token is dead


@on_both
@pytest.mark.parametrize(
    ('method', 'path', 'gateway'),
    [('GET', 'api.php', False), ('POST', 'api.php', False),
     ('GET', 'api.php', True), ('GET', 'rest.php/v1/page/Sandbox', False),
     ('GET', 'rest.php/v1/page/Sandbox', 'unquoted'),
     ('GET', 'rest.php/oauth2/resource/profile', False)],
)  # fmt: skip
def test_a_dead_token_is_renewed_and_the_request_repeated(
    live, like, method, path, gateway
):
    wiki = live.wiki
    wiki.gateway = gateway
    for _ in range(2):
        live.who()
        wiki.expire_access_tokens()
        wiki.requests.clear()
        fields = {'params' if method == 'GET' else 'data': WHO}
        response = http.fetch(f'{wiki.url}/{path}', method, **fields)
        assert response.status_code == 200
        first, *_, second = wiki.requests
        assert (second.status, second.error) == (200, None)
        stored = live.bot.stored.token.header
        assert second.headers['authorization'] == stored
        for name in ('method', 'path', 'query', 'form'):
            assert getattr(first, name) == getattr(second, name), name
        assert live.bot.asked == 1
        # There only the profile tells a dead token from a hidden page.
        is_unclear = 'v1/page' in path and like == '1.43' and not gateway
        assert len(wiki.requests) == 3 + is_unclear


def test_a_page_that_may_not_be_read_is_no_reason_to_renew(live):
    wiki = live.wiki
    refusal = {'body': '{"error":"rest-read-denied"}', 'content_type': 'json'}
    for number in (1, 2):
        wiki.fail_next('status', path='v1/page', status=403, **refusal)
        url = f'{wiki.url}/rest.php/v1/page/Sandbox'
        assert http.fetch(url).status_code == 403
        assert wiki.count('/profile') == number
        assert wiki.count('v1/page/Sandbox') == number
        assert live.bot.asked == 0
        wiki.fail_next('html', path='profile')  # the second time


@pytest.mark.parametrize('path', ['/api.php', '/rest.php/v1/page/Sandbox'])
def test_a_request_that_was_late_is_repeated_with_the_newer_token(live, path):
    with requests.Session() as session:
        request = requests.Request(
            'GET', live.wiki.url + path, auth=live.auth, params=WHO
        ).prepare()
        account = live.auth.bearer_for(live.wiki.url, 'Bot').account
        account.header(refused=live.header)
        for number in (1, 2):
            response = session.send(request)
            assert response.status_code == 200
            assert live.wiki.requests[-1].user == 'Bot'
            assert live.bot.asked == number
            assert not live.wiki.count('/profile')
            live.wiki.clock.advance(HOUR)


def test_no_request_is_sent_more_than_twice(live):
    live.who()
    live.wiki.token_life = -1  # dead as soon as they are issued
    live.wiki.expire_access_tokens()
    live.wiki.requests.clear()
    response = http.fetch(live.wiki.api_url, params=WHO)
    assert response.json()['error']['code'] == DEAD
    assert len(live.at_api()) == 2
    assert live.bot.asked == 1


@pytest.mark.parametrize(
    'options',
    [{'data': {'action': 'edit', 'text': 'ä' * 9999}}, {'data': b''},
     {'files': {'file': ('x', b'\x89PNG\r\n\x00' * 999)}, 'data': {'a': 1}},
     {'data': 5}],
    ids=['form', 'empty', 'upload', 'file'],
)  # fmt: skip
def test_the_whole_body_is_sent_again(live, options):
    start = options.get('data')
    if isinstance(start, int):
        file = options['data'] = io.BytesIO(b'0123456789' * 9999)
        file.seek(start)
    other = live.other
    other.answers = [DEAD_ANSWER, GOOD]
    response = http.fetch(other.api_url, 'POST', **options)
    assert response.json() == {'good': True}
    headers = [each.headers.pop('Authorization') for each in other.requests]
    assert headers == [live.header, live.bot.stored.token.header]
    first, second = other.requests
    assert vars(first) == vars(second)
    if isinstance(start, int):
        assert first.body == file.getvalue()[start:]
    assert len(other.connections) == 1


def test_a_body_that_is_gone_is_not_sent_again(live):
    class Parts:
        def __len__(self):
            return 11

        def __iter__(self):
            return iter([b'action=', b'edit'])

    class Once(io.BytesIO):
        len = 11  # or else requests would seek

        def seek(self, *_):
            raise OSError('this can be read once')

    other = live.other
    other.answers = [DEAD_ANSWER]
    for body in (Parts(), Once(b'action=edit')):
        response = http.fetch(other.api_url, 'POST', data=body)
        assert response.json()['error']['code'] == DEAD
    assert [each.body for each in other.requests] == [b'action=edit'] * 2


@pytest.mark.parametrize('is_bot', [False, True])
def test_a_fixed_access_token_that_is_refused_is_used_again(
    bench, said, is_bot
):
    registered = bench.wiki.register(owner_only=True)
    auth = OAuth2Auth(access_token=registered.access_token)
    bearer = auth.route(bench.wiki.url, 'Bot')
    if not is_bot:
        bearer = BearerAuth(bearer.account)
    bench.wiki.gateway = True
    token = bench.wiki.oauth.valid(registered.access_token)
    expires, token.expires = token.expires, 0
    answer = requests.get(bench.wiki.api_url, WHO, auth=bearer)
    # A bot goes on without a token, where that is possible.
    assert answer.status_code == (200 if is_bot else 401)
    assert len(bench.wiki.requests) == 1 + is_bot
    assert (bench.wiki.requests[-1].bearer is None) == is_bot
    assert 'did not accept the fixed access token' in said[0]
    assert not bearer.account.can_renew
    token.expires = expires
    assert requests.get(bench.wiki.api_url, auth=bearer).ok
    assert bench.wiki.requests[-1].user == 'Bot'


# Cookies


@pytest.mark.parametrize('user', ['Admin', 'Bot'])
def test_no_cookie_but_the_tokens_is_sent_with_a_token(live, user):
    live.password_session(user)
    jar = [(each.name, each.value) for each in http.cookie_jar]
    assert jar
    assert live.who(cookies={'sessionJwt': 'x'}) == 'Bot'
    live.wiki.expire_access_tokens()
    assert live.who() == 'Bot'
    page = '/rest.php/v1/page/'
    moved = Response(301, headers=[('Location', f'{page}B')])
    live.wiki.fail_next('redirect', path=page, location=f'{page}B')
    http.fetch(f'{live.wiki.url}{page}A')
    assert live.wiki.requests[-1].user == 'Bot'
    live.other.answers = [setting('b'), DEAD_ANSWER, moved, GOOD]
    for _ in range(2):
        assert http.fetch(f'{live.other.url}{page}A').ok
    assert live.other.requests[-1].path == f'{page}B'
    assert set(live.other.sent('Cookie')) == {None}
    for request in live.wiki.requests:
        assert 'cookie' not in request.headers
    assert [(each.name, each.value) for each in http.cookie_jar] == jar


@pytest.fixture
def owner(bench, tmp_path):
    """Return a bench for an owner-only client, whose tokens get cookies."""
    bench.wiki.session_jwt = True
    bench.bot = Bot(bench.wiki, tmp_path, owner_only=True)
    bench.auth = bench.new_auth(owner_only=True)
    for key in config.authenticate:
        config.authenticate[key] = bench.auth
    return bench


def test_cookies_of_an_owner_only_token_come_back_with_it_alone(owner):
    for stream in (False, True, False):
        assert owner.who(stream=stream) == 'Bot'
    first, *others = owner.at_api()
    assert 'cookie' not in first.headers
    (sent,) = {request.cookies['sessionJwt'] for request in others}
    assert sent in owner.wiki.oauth.session_jwts
    assert not list(http.cookie_jar)
    # They are dropped with the token, and those of its last answer are, too.
    owner.wiki.expire_access_tokens()
    for _ in range(2):
        assert owner.who() == 'Bot'
    *_, dead, repeated, last = owner.at_api()
    assert dead.cookies == {'sessionJwt': sent}
    assert repeated.cookies == {}
    assert last.cookies['sessionJwt'] not in ('', sent)


def test_a_header_and_its_cookies_belong_to_the_same_token(owner):
    owner.who()
    owner.who()
    account = owner.auth.bearer_for(owner.wiki.url, 'Bot').account
    sent, cookies = account.state.header, account.state.cookies

    def clock():
        # Another thread renews the token while the request gets its header.
        account.clock = owner.wiki.clock
        in_thread(account.refresh)
        return owner.wiki.clock()

    account.clock = clock
    request = requests.Request('GET', owner.wiki.api_url, auth=owner.auth)
    prepared = request.prepare()
    assert prepared.headers['Authorization'] == sent != account.state.header
    assert prepared.headers['Cookie'] == f'sessionJwt={cookies["sessionJwt"]}'
    # If it is too late, it is repeated with the other token and its cookies.
    owner.who()
    owner.wiki.oauth.valid(sent[7:]).expires = 0
    with requests.Session() as session:
        session.send(prepared)
    repeated = owner.wiki.requests[-1]
    assert repeated.headers['authorization'] == account.state.header
    assert repeated.cookies == dict(account.state.cookies)


def test_a_cookie_that_does_not_fit_is_dropped_and_the_request_repeated(owner):
    owner.wiki.session_jwt = False
    refusal = api_error(f'{DEAD}-jwt')
    owner.other.answers = [setting(1), refusal, setting(2), GOOD]
    owner.who()
    for _ in range(3):
        assert http.fetch(owner.other.api_url).json() == {'good': True}
    assert owner.other.sent('Cookie') == [None, 'a=1', None, 'a=2']
    assert owner.bot.asked == 1


@pytest.mark.parametrize('answer', [GOOD, DEAD_ANSWER, DEAD_GATEWAY])
@pytest.mark.parametrize('is_ours', [False, True])
def test_no_token_goes_along_a_redirect_to_another_wiki(live, answer, is_ours):
    live.password_session()
    other = live.other
    other.answers = [answer]
    if not is_ours:
        del config.authenticate[other.netloc]
    live.wiki.fail_next('redirect', path='api.php', location=other.api_url)
    assert http.fetch(live.wiki.api_url).content == answer.body
    assert other.sent('Authorization') == [None]
    assert live.bot.asked == 0
    # The same on the way to another path of a wiki of the account.
    config.authenticate[other.netloc] = live.auth
    other.answers = [Response(301, b'', [('Location', '/~x/api.php')]), GOOD]
    assert http.fetch(other.api_url).ok
    assert other.sent('Authorization')[1:] == [live.header, None]


# What is left alone


def test_a_normal_answer_is_left_as_it_is(live):
    class Watching(HTTPAdapter):
        def send(self, request, **options):
            self.sent = super().send(request, **options)
            self.raw = self.sent.raw
            return self.sent

    with requests.Session() as session:
        adapter = Watching()
        session.mount('http://', adapter)
        response = session.get(live.wiki.api_url, auth=live.auth, stream=True)
        assert response is adapter.sent
        assert response.raw is adapter.raw
        assert response.raw.tell() == 0
        assert not response.history
        assert response.content


def test_a_repeated_answer_is_like_any_other(live):
    live.wiki.add_page('Long', 'long ' * 99999)
    live.who()
    live.wiki.expire_access_tokens()
    seen = []
    long = {'action': 'query', 'prop': 'revisions', 'titles': 'Long'}
    with requests.get(
        live.wiki.api_url,
        {**long, 'rvprop': 'content', 'rvslots': 'main', 'format': 'json'},
        auth=live.auth,
        stream=True,
        hooks={'response': lambda response, **_: seen.append(response)},
    ) as response:
        assert seen == [response], 'a hook has seen another answer'
        assert response.raw.tell() == 0, 'it was read already'
        text = b''.join(response.iter_content(4096))
    assert text.count(b'long ') == 99999
    (first,) = response.history
    assert first.request.headers['Authorization'] == live.header
    stored = live.bot.stored.token.header
    assert response.request.headers['Authorization'] == stored


def test_a_repetition_that_cannot_be_made_frees_the_connection(live):
    other = live.other
    other.answers = [DEAD_ANSWER, GOOD]
    live.wiki.fail_next('status', times=9, status=503)
    with requests.Session() as session:
        with pytest.raises(EndpointError) as caught:
            session.get(other.api_url, auth=live.auth)
        assert session.get(other.api_url).ok
    assert caught.traceback, 'which holds the first answer'
    assert len(other.connections) == 1


# CSRF tokens


def test_a_change_goes_out_under_the_token_of_its_csrf_token(live):
    def change():
        http.fetch(live.other.api_url, 'POST', data={'token': 'x'})
        return live.other.sent('Authorization')[-1]

    live.who()
    live.wiki.clock.advance(HOUR - 30)
    assert change() == live.header
    assert live.bot.asked == 0
    assert live.who() == 'Bot'
    assert live.bot.asked == 1, 'a request without one renews the token'
    live.wiki.clock.advance(HOUR - 5)
    before = live.bot.stored.token.header
    assert change() != before, 'it would have expired on its way'
    assert live.bot.asked == 2


def save(text):
    page = pywikibot.Page(pywikibot.Site('en', 'sandbox', user='Bot'), 'A')
    page.text = text
    page.save(quiet=True)


@pytest.mark.parametrize('how', ['due', 'renewed by another', 'dead'])
def test_an_expiry_between_two_edits_costs_two_requests_and_no_warning(
    live, said, how
):
    save('first')
    live.wiki.requests.clear()
    save('second')
    usual = len(live.wiki.requests)
    live.wiki.requests.clear()
    if how == 'dead':
        live.wiki.expire_access_tokens()
    else:
        live.wiki.clock.advance(HOUR - 30)
    if how == 'renewed by another':
        live.bot.account.header()
    save('third')
    assert len(live.wiki.edits) == 3
    assert live.bot.asked == 1
    # One that the wiki ends by surprise costs the refused request, too.
    assert live.wiki.count(error=DEAD) == (how == 'dead')
    assert live.wiki.count(error=None) == usual + 2
    assert len(live.wiki.requests) == usual + 2 + (how == 'dead')
    assert said == []
