"""Tests of OAuth2Auth, with requests sent as Pywikibot sends them."""

from __future__ import annotations

import io
import re
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest
import pywikibot
import requests
from pywikibot import config
from pywikibot.comms import http
from requests.adapters import HTTPAdapter
from requests.cookies import create_cookie

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    ClientRefusedError,
    EndpointError,
    OAuth2Auth,
    host,
)
from pywikibot_oauth2.auth import _tell_if_unused
from pywikibot_oauth2.bearer import BearerAuth
from tests.harness import Owner
from tests.helpers import (
    HOUR,
    Bot,
    in_thread,
    leave_pywikibot,
    on_both,
    set_up_pywikibot,
)
from tests.sandbox import Sandbox
from tests.sandbox.content import SESSION_COOKIE
from tests.sandbox.server import Response, json_response


DEAD = 'mwoauth-invalid-authorization'
WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
GOOD = json_response({'good': True})


def api_error(code):
    return json_response({'error': {'code': code}}, MediaWiki_API_Error=code)


def setting(value):
    return json_response({'good': True}, Set_Cookie=f'a={value}; path=/')


DEAD_ANSWER = api_error(DEAD)
DEAD_GATEWAY = Response(
    401, b'{}', [('WWW-Authenticate', 'error="invalid_token"')]
)


class OtherWiki(Sandbox):
    """A second wiki of the account that answers as it is told.

    :ivar answers: the answers to come; the last one is repeated
    :ivar connections: the threads, of which each has a connection
    """

    def __init__(self):
        super().__init__()
        self.answers, self.connections = [GOOD], set()

    def _answer(self, request):
        self.requests.append(request)
        self.connections.add(threading.current_thread())
        return self.answers.pop(0) if self.answers[1:] else self.answers[0]

    def sent(self, name):
        """Return this header field of each request."""
        return [request.headers.get(name) for request in self.requests]


class Bench:
    """A Pywikibot that is configured for two wikis, in this process."""

    def __init__(self, wiki, other, folder):
        self.wiki, self.other = wiki, other
        self.bot = Bot(wiki, folder)
        self.auth = self.new_auth()
        for code, each in (('en', wiki), ('other', other)):
            config.usernames['sandbox'][code] = 'Bot'
            config.authenticate[each.netloc] = self.auth

    def new_auth(self, **options):
        return OAuth2Auth(
            self.bot.registered.id,
            self.bot.registered.secret,
            clock=self.wiki.clock,
            **options,
        )

    def who(self, **options):
        """Return whom a request is carried out for."""
        answer = http.fetch(self.wiki.api_url, params=WHO, **options)
        return answer.json()['query']['userinfo']['name']

    def edit(self, **fields):
        """Return the error code of an edit, or None."""
        form = {'action': 'edit', 'title': 'Sandbox', 'text': 'Changed'}
        form |= {'token': '+\\', 'format': 'json', **fields}
        answer = http.fetch(self.wiki.api_url, 'POST', data=form).json()
        return answer.get('error', {}).get('code')

    def at_api(self):
        """Return the requests to the sandbox's api.php."""
        some = list(self.wiki.requests)
        return [each for each in some if each.path.endswith('/api.php')]

    def header_for(self, url, auth=None):
        """Return the header that a request would carry."""
        request = requests.Request('GET', url, auth=auth or self.auth)
        return request.prepare().headers.get('Authorization')

    def password_session(self, user='Admin'):
        """Let Pywikibot's jar have the session of an account."""
        cookie = self.wiki.accounts.start(self.wiki.accounts.users[user])
        http.cookie_jar.set_cookie(
            create_cookie(SESSION_COOKIE, cookie, domain='127.0.0.1')
        )


@pytest.fixture
def bench(monkeypatch, tmp_path, wiki):
    with OtherWiki() as other:
        set_up_pywikibot(monkeypatch, tmp_path, en=wiki, other=other)
        yield Bench(wiki, other, tmp_path)
    leave_pywikibot()


@pytest.fixture
def live(bench):
    """Return a bench whose bot has a live token."""
    bench.header = bench.bot.log_in()
    return bench


# Which requests


def test_pywikibot_passes_it_to_requests_and_reads_stay_gets(live):
    assert len(live.auth) == 2
    assert http.get_authentication(live.wiki.api_url) is live.auth
    assert live.who() == 'Bot'
    (request,) = live.wiki.requests
    assert request.method == 'GET'
    assert request.headers['authorization'] == live.header
    assert 'cookie' not in request.headers
    assert live.header_for(f'{live.wiki.url}/index.php') is None


def test_the_address_of_a_family_need_not_be_in_normal_form(
    bench, monkeypatch, said, tmp_path
):
    shown = SimpleNamespace(netloc='Wiki.EXAMPLE:443', path='/~bot/ä')
    set_up_pywikibot(monkeypatch, tmp_path, en=shown)
    family = tmp_path / 'sandbox_family.py'
    family.write_text(family.read_text().replace("'http'", "'https'"))
    config.usernames['sandbox']['en'] = 'Bot'
    config.authenticate['wiki.example'] = bench.auth
    url = 'https://wiki.example/~bot/%C3%A4'
    given = bench.bot.authorization()._replace(wiki=url)
    bench.bot.another().adopt(given)
    header = bench.header_for(f'{url}/rest.php/v1/page/X')
    assert header == given.token.header
    # Pywikibot itself does not find that key, which is said at the end.
    monkeypatch.setattr(host, 'had_a_site', lambda: True)
    auth = bench.new_auth()
    for key in ('wiki.example', shown.netloc):
        config.authenticate = {key: auth}
        is_found = http.get_authentication(f'https://{shown.netloc}/api.php')
        _tell_if_unused(weakref.ref(auth))
        assert len(said) == 1
        assert f'your sites are: {shown.netloc}' in said[0]
    assert is_found


def test_no_secret_goes_to_a_stored_address_that_pywikibot_does_not_know(
    live, said
):
    bot = live.bot
    moved = bot.stored._replace(wiki=f'{live.wiki.url}/~mallory')
    bot.store.save('Bot', bot.registered.id, moved.serialize())
    live.wiki.clock.advance(HOUR)
    live.who()
    assert not [each for each in live.wiki.requests if 'mallory' in each.path]
    assert f'in {bot.path} is for {moved.wiki}, not for' in said[0]
    # One that Pywikibot knows is asked, although it has no account there.
    config.usernames['sandbox'].pop('en')
    moved = bot.stored._replace(wiki=live.wiki.url)
    bot.store.save('Bot', bot.registered.id, moved.serialize())
    assert live.header_for(live.other.api_url)
    assert bot.asked == 1


def test_a_host_beats_a_wildcard_and_entries_share_their_token(live):
    bench = live
    port = bench.wiki.netloc.partition(':')[2]
    config.authenticate[f'*.0.0.1:{port}'] = wildcard = bench.new_auth()
    assert bench.header_for(bench.wiki.api_url, wildcard) is None
    bench.wiki.clock.advance(HOUR)
    assert bench.header_for(bench.other.api_url) != bench.header
    assert bench.who() == 'Bot'
    assert bench.bot.asked == 1
    assert set(bench.auth.wikis()) == {bench.wiki.url, bench.other.url}


@pytest.mark.parametrize('reason', ['no user name', 'switched off'])
def test_a_wiki_without_an_account_is_left_as_it_is(live, reason):
    live.password_session()
    if reason == 'no user name':
        config.usernames.clear()
    else:
        assert live.who() == 'Bot'
        live.auth.unroute(live.wiki.url, 'Bot')
    rest = f'{live.wiki.url}/rest.php/v1/page/Sandbox'
    assert live.who() == 'Admin'
    assert live.header_for(rest) is None
    config.usernames['*']['*'] = 'Bot'
    live.auth.route(live.wiki.url, 'Bot')
    assert live.who() == 'Bot'
    assert live.header_for(rest) == live.header


def test_a_route_that_changes_hands_is_reported(live, said):
    auth, url = live.auth, live.wiki.url
    assert live.who() == 'Bot'
    assert not said
    before = auth.bearer_for(url, 'Bot')
    after = auth.route(url, 'Admin')
    auth.route(url, 'Admin')
    (text,) = said
    assert 'run under Admin instead of Bot' in text
    assert (before.wikis, after.wikis) == (set(), {url})


def test_a_proxy_for_this_machine_is_reported_once(live, said, local_proxy):
    for _ in range(2):
        live.auth.route(live.wiki.url, 'Bot')
        (text,) = said
    assert 'through a proxy' in text


# The configuration is wrong


@pytest.mark.parametrize(
    ('key', 'words'),
    [('x', 'differ in the secret'), ('', "'nonsense' is not a client ID"),
     ('0.0.0.0', 'needs https')],
)  # fmt: skip
def test_a_configuration_that_cannot_work_is_reported_and_nothing_sent(
    live, said, key, words
):
    auth, url = live.auth, live.wiki.api_url
    if key == 'x':
        config.authenticate[key] = OAuth2Auth(live.bot.registered.id, 'x')
    elif key:
        config.authenticate[key] = auth
        url = config.family_files['plain'] = f'http://{key}/api.php'
        config.usernames['plain']['plain'] = 'Bot'
    else:
        auth = config.authenticate[live.wiki.netloc] = OAuth2Auth('nonsense')
    for _ in range(2):
        assert live.header_for(url, auth) is None
    (text,) = said
    assert words in text
    assert words in str(auth.problem)


def test_a_host_without_a_site_is_reported_at_the_end(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure('import pywikibot_oauth2 as _oauth2\n')
    for key in (wiki.netloc, '*.wikipeda.org'):
        owner.configure(
            f"authenticate['{key}'] = _oauth2.OAuth2Auth('f' * 32)\n"
        )
    shown = owner.python('import pywikibot; pywikibot.Site().mw_version')
    assert "authenticate['*.wikipeda.org'] in user-config.py" in shown
    assert shown.count('OAuth 2.0 was not used there') == 1
    assert f'your sites are: {wiki.netloc}' in shown


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
        account.replace(live.header)
        response = session.send(request)
    assert response.status_code == 200
    assert live.wiki.requests[-1].user == 'Bot'
    assert live.bot.asked == 1
    assert not live.wiki.count('/profile')


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


# There is no token


def test_after_the_end_requests_go_without_a_token(live, said):
    live.password_session()
    live.who()
    tokens = {**WHO, 'meta': 'tokens'}
    tokens = http.fetch(live.wiki.api_url, params=tokens).json()
    token = tokens['query']['tokens']['csrftoken']
    live.wiki.revoke('Bot', live.bot.registered)
    # An edit is not made anonymously.
    assert live.edit(token=token) == 'badtoken'
    assert live.who() == '127.0.0.1'
    assert live.edit(**{'assert': 'user'}) == 'assertuserfailed'
    assert len(live.at_api()) == 6
    assert not any(request.cookies for request in live.wiki.requests)
    assert not live.wiki.edits
    assert live.bot.asked == 1
    (text,) = said
    assert 'pwb login' in text
    header = live.bot.log_in()
    assert live.who() == 'Bot'
    assert live.at_api()[-1].headers['authorization'] == header


@pytest.mark.parametrize('code', [DEAD, f'{DEAD}-not-approved'])
def test_a_change_by_rest_is_not_made_anonymously(live, code):
    def put():
        url = f'{live.other.url}/rest.php/wikibase/v1/entities/items/Q1'
        return http.fetch(url, 'PUT', default_error_handling=False)

    refusal = json_response({'errorKey': code}, 403)
    live.other.answers = [refusal, GOOD]
    live.wiki.revoke('Bot', live.bot.registered)
    assert put().status_code == 403
    assert live.other.sent('authorization') == [live.header]
    with pytest.raises((AuthorizationEndedError, ClientRefusedError)):
        raise put()
    assert len(live.other.requests) == 1


@on_both
def test_a_valid_token_of_a_disabled_client_waits_until_it_is_enabled(
    live, said, like
):
    live.who()
    live.wiki.disable_client(live.bot.registered)
    for _ in range(2):
        assert live.who() == '127.0.0.1'
        live.wiki.clock.advance(60)
    (text,) = said
    assert f'{DEAD}-not-approved. Requests are sent without' in text
    live.wiki.set_stage(live.bot.registered, 'approved')
    assert live.who() == 'Bot'
    # On 1.43, a refresh would have used up the refresh token.
    assert live.bot.asked == 0


@pytest.mark.parametrize('is_due', [False, True])
def test_a_refused_client_is_a_warning_and_requests_go_without_a_token(
    live, said, is_due
):
    live.who()
    live.wiki.disable_client(live.bot.registered)
    if is_due:
        live.wiki.clock.advance(HOUR)
    else:
        live.wiki.expire_access_tokens()
    for _ in range(3):
        assert live.who() == '127.0.0.1'
    assert live.bot.asked == 1
    (text,) = said
    assert live.bot.registered.id in text
    assert 'Requests are sent without a token' in text
    assert live.bot.stored.is_complete


def test_a_wiki_that_fails_is_waited_for_and_then_an_error(live, said):
    live.wiki.clock.advance(HOUR)
    live.wiki.fail_next('status', times=3, status=503)
    with pytest.raises(EndpointError) as caught:
        live.edit()
    assert 'run the script again when the wiki answers' in str(caught.value)
    assert caught.value.account == 'Bot'
    assert live.bot.asked == config.max_retries + 1
    assert not live.at_api()
    assert 'Waiting 0.0 seconds before retrying' in said[0]
    assert live.who() == 'Bot'


def test_the_waits_grow_and_have_a_limit(bench, said, monkeypatch):
    def wait(attempt, retry_after=None):
        return policy.wait(EndpointError('', retry_after=retry_after), attempt)

    config.retry_wait, config.retry_max, config.max_retries = 5, 8, 9
    waited = []
    monkeypatch.setattr(pywikibot, 'sleep', waited.append)
    policy = bench.auth.route(bench.wiki.url, 'Bot').policy
    assert wait(0)
    assert wait(1)
    assert wait(5)
    assert wait(0, retry_after=600)
    assert not wait(9)
    assert not wait(0, retry_after=601)
    assert waited == [5, 8, 8, 600]
    # What has just been said is not repeated.
    told = [re.search(r'Waiting (\S+) seconds', text)[1] for text in said]
    assert told == ['5.0', '8.0', '600.0']


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


def test_what_needs_a_token_says_that_there_is_none(bench):
    auth = BearerAuth(bench.bot.account)
    for words in ('has not been given yet', 'has ended: it was enough'):
        assert not auth.account.authorization.is_complete
        with pytest.raises(AuthorizationEndedError, match=words) as caught:
            bench.header_for(bench.wiki.api_url, auth)
        assert caught.value.account == 'Bot'
        bench.bot.log_in()
        bench.bot.account.forget('it was enough')


@pytest.mark.parametrize(
    ('code', 'data', 'words'),
    [('permissiondenied', 'action=delete&title=A', 'Delete pages'),
     ('blocked', '', 'the authorization is still valid'),
     (f'{DEAD}-jwt', '', 'A cookie that did not belong'),
     ('badtoken', '', None)],
)  # fmt: skip
def test_the_meaning_of_an_error_code_is_explained_once(
    live, said, code, data, words
):
    answers = [api_error(code), api_error('mwoauth-api-module-disabled')] * 2
    live.other.answers = [*answers, GOOD]
    for answer in answers:
        sent = http.fetch(live.other.api_url, 'POST', data=data)
        assert sent.content == answer.body
    assert len(live.other.requests) == 4
    assert live.bot.asked == 0
    assert len(said) == 1 + (words is not None)
    assert not words or words in said[0]


def test_a_logout_that_the_wiki_refuses_ends_pwb_login(live, monkeypatch):
    live.other.answers = [api_error('cannotlogout')]
    assert http.fetch(live.other.api_url).ok
    monkeypatch.setattr(sys, 'argv', ['login.py', '-logout'])
    monkeypatch.setattr(pywikibot.bot, 'calledModuleName', lambda: 'login')
    with pytest.raises(SystemExit):
        http.fetch(live.other.api_url)


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


@pytest.mark.parametrize(
    ('seconds', 'is_explained'), [(0, True), (301, False), (HOUR, False)]
)
def test_csrf_tokens_that_are_refused_again_and_again_are_explained_once(
    live, said, seconds, is_explained
):
    for _ in range(5):
        assert live.edit() == 'badtoken'
        live.wiki.clock.advance(seconds)
    assert len(said) == is_explained
    assert is_explained == ('its own authorization' in ''.join(said))
