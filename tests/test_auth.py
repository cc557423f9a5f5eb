"""Tests of OAuth2Auth, with requests sent as Pywikibot sends them."""

from __future__ import annotations

import io
import json
import sys
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import pywikibot
import requests
from pywikibot import config
from pywikibot.comms import http
from requests.adapters import HTTPAdapter

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    EndpointError,
    OAuth2Auth,
    host,
)
from pywikibot_oauth2.auth import _tell_if_unused
from pywikibot_oauth2.bearer import BearerAuth
from tests.harness import Owner, at_once
from tests.helpers import (
    HOUR,
    Bot,
    in_thread,
    leave_pywikibot,
    on_both,
    set_up_pywikibot,
)
from tests.stores.contract import listening


DEAD = 'mwoauth-invalid-authorization'
WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
JSON = [('Content-Type', 'application/json')]
IN_JSON = {'content_type': 'application/json'}


class OtherWiki:
    """A second wiki of the account that answers as it is told.

    :ivar answers: status, body and header fields of the answers to come;
        the last one is repeated
    :ivar requests: method, path, headers and body of each request
    """

    path = ''

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            do_GET = do_POST = lambda handler: self.answer(handler)  # noqa: N815
            log_message = lambda *_: None  # noqa: E731

        self.answers, self.requests, self.connections = [GOOD], [], set()
        self.server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.netloc = f'127.0.0.1:{self.server.server_port}'
        self.url = f'http://{self.netloc}'
        self.api_url = f'{self.url}/api.php'
        serve = self.server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        file, headers = handler.rfile, handler.headers
        body = file.read(int(headers.get('Content-Length', 0)))
        while 'Transfer-Encoding' in headers:
            size = int(file.readline(), 16)
            body += file.read(size + 2)[:-2]
            if not size:
                break
        self.connections.add(handler.client_address)
        request = handler.command, handler.path, dict(headers), body
        self.requests.append(request)
        some = self.answers
        status, text, fields = some.pop(0) if some[1:] else some[0]
        handler.send_response(status)
        for name, value in [*fields, ('Content-Length', str(len(text)))]:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)

    def sent(self, name):
        """Return this header field of each request."""
        return [request[2].get(name) for request in self.requests]


def api_error(code):
    body = json.dumps({'error': {'code': code}}).encode()
    return 200, body, [('MediaWiki-API-Error', code), *JSON]


GOOD = (200, b'{"good": true}', JSON)
DEAD_ANSWER = api_error(DEAD)
DEAD_GATEWAY = (401, b'{}', [('WWW-Authenticate', 'error="invalid_token"')])
MOVED = (301, b'', [('Location', '/rest.php/v1/page/B')])


def setting(value):
    return (*GOOD[:2], [*JSON, ('Set-Cookie', f'a={value}; path=/')])


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

    def who(self, url=None, **options):
        """Return whom a request is carried out for."""
        url = url or self.wiki.api_url
        answer = http.fetch(url, params=WHO, **options).json()
        return answer['query']['userinfo']['name']

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

    @property
    def errors(self):
        """The errors that the sandbox has answered with."""
        return [each.error for each in self.wiki.requests if each.error]

    def header_for(self, url, auth=None):
        """Return the header that a request would carry."""
        request = requests.Request('GET', url, auth=auth or self.auth)
        return request.prepare().headers.get('Authorization')

    def password_session(self, user='Admin'):
        """Let Pywikibot's jar have the session of an account."""
        configured = config.authenticate.copy()
        config.authenticate.clear()
        form = {'action': 'query', 'meta': 'tokens', 'type': 'login'}
        form['format'] = 'json'
        tokens = http.fetch(self.wiki.api_url, params=form).json()
        form = {'action': 'login', 'format': 'json', 'lgname': user}
        form['lgpassword'] = self.wiki.password(user)
        form['lgtoken'] = tokens['query']['tokens']['logintoken']
        answer = http.fetch(self.wiki.api_url, 'POST', data=form)
        assert answer.json()['login']['result'] == 'Success'
        config.authenticate.update(configured)
        self.wiki.requests.clear()


@pytest.fixture
def bench(monkeypatch, tmp_path, wiki):
    other = OtherWiki()
    set_up_pywikibot(monkeypatch, tmp_path, en=wiki, other=other)
    yield Bench(wiki, other, tmp_path)
    other.server.shutdown()
    other.server.server_close()
    leave_pywikibot()


@pytest.fixture
def live(bench):
    """Return a bench whose bot has a live token."""
    bench.header = bench.bot.log_in()
    return bench


@pytest.fixture
def said():
    with listening() as texts:
        yield texts


# Which requests


def test_pywikibot_passes_it_to_requests_and_reads_stay_gets(live):
    assert len(live.auth) == 2
    assert http.get_authentication(live.wiki.api_url) is live.auth
    assert live.who() == 'Bot'
    (request,) = live.wiki.requests
    assert request.method == 'GET'
    assert request.headers['authorization'] == live.header
    assert 'cookie' not in request.headers


@pytest.mark.parametrize(
    ('url', 'has_token'),
    [
        ('{url}/api.php?action=query', True),
        ('{url}/rest.php/v1/page/A%2Fapi.php?x=/index.php', True),
        ('HTTP://{netloc}/api.php', True),
        ('{url}/index.php?title=api.php', False),
        ('{url}/w/api.php', False),
        ('http://evil.example\\@{netloc}/api.php', False),
        ('https://{netloc}/api.php', False),
        ('http://127.0.0.1:1/api.php', False),
    ],
)
def test_the_token_goes_to_the_scripts_of_configured_wikis_only(
    live, url, has_token
):
    wiki = live.wiki
    url = url.format(url=wiki.url, netloc=wiki.netloc)
    sent = live.header_for(url)
    assert sent == (live.header if has_token else None)
    # Also when the wiki has been used before.
    live.who()
    assert live.header_for(url) == sent


def show_by_https(monkeypatch, folder, wiki):
    """Let the family have a wiki that is reached by https."""
    set_up_pywikibot(monkeypatch, folder, en=wiki)
    family = folder / 'sandbox_family.py'
    family.write_text(family.read_text().replace("'http'", "'https'"))
    config.usernames['sandbox']['en'] = 'Bot'


def test_the_address_of_a_family_need_not_be_in_normal_form(
    bench, monkeypatch, tmp_path
):
    class Shown:
        netloc, path = 'Wiki.EXAMPLE:443', '/~bot/ä'

    show_by_https(monkeypatch, tmp_path, Shown)
    config.authenticate['wiki.example'] = bench.auth
    url = 'https://wiki.example/~bot/%C3%A4'
    given = bench.bot.authorization()._replace(wiki=url)
    bench.bot.another().adopt(given)
    header = bench.header_for(f'{url}/rest.php/v1/page/X')
    assert header == given.token.header


def test_no_secret_goes_to_a_stored_address_that_is_no_wikis(live, said):
    bot = live.bot
    moved = bot.stored._replace(wiki=f'{live.wiki.url}/~mallory')
    bot.store.save('Bot', bot.registered.id, moved.serialize())
    live.wiki.clock.advance(HOUR)
    live.who()
    assert not [each for each in live.wiki.requests if 'mallory' in each.path]
    assert '/~mallory, not for' in said[0]
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


def test_a_proxy_for_this_machine_is_reported_once(live, said, monkeypatch):
    for name in ('NO_PROXY', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:1')
    for _ in range(2):
        live.auth.route(live.wiki.url, 'Bot')
    (text,) = said
    assert 'through a proxy' in text


# The configuration is wrong


@pytest.mark.parametrize(
    ('key', 'words'),
    [
        ('*', "authenticate['*'] would send the token to wikis of"),
        ('x', 'differ in the secret'),
        ('', "'nonsense' is not a client ID"),
        ('0.0.0.0', 'needs https'),
    ],
)
def test_a_configuration_that_cannot_work_is_reported_and_nothing_sent(
    live, said, key, words
):
    auth, url = live.auth, live.wiki.api_url
    if key == '*':
        config.authenticate.clear()
    if key == 'x':
        config.authenticate[key] = OAuth2Auth(live.bot.registered.id, 'x')
    elif key:
        config.authenticate[key] = auth
    else:
        auth = config.authenticate[live.wiki.netloc] = OAuth2Auth('nonsense')
    if key == '0.0.0.0':
        url = config.family_files['plain'] = f'http://{key}/api.php'
        config.usernames['plain']['plain'] = 'Bot'
    for _ in range(2):
        assert live.header_for(url, auth) is None
    assert len(said) == 1
    assert words in said[0]
    assert words in str(auth.problem)


@pytest.mark.parametrize('is_known', [False, True])
def test_a_host_of_no_site_is_reported_at_the_end(tmp_path, wiki, is_known):
    key = wiki.netloc if is_known else '*.wikipeda.org'
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f"authenticate['{key}'] = _oauth2.OAuth2Auth('f' * 32)\n"
    )
    shown = owner.python('import pywikibot; pywikibot.Site().mw_version')
    assert (f"authenticate['{key}'] in user-config.py" in shown) != is_known
    assert ('OAuth 2.0 was not used there' in shown) != is_known
    assert (f'your sites are: {wiki.netloc}' in shown) != is_known


def test_a_key_that_pywikibot_does_not_find_is_reported_at_the_end(
    bench, monkeypatch, said, tmp_path
):
    class Shown:
        netloc, path = 'wiki.example:443', '/w'

    show_by_https(monkeypatch, tmp_path, Shown)
    monkeypatch.setattr(host, 'had_a_site', lambda: True)
    for key in ('wiki.example', Shown.netloc):
        config.authenticate = {key: bench.auth}
        is_found = http.get_authentication(f'https://{Shown.netloc}/w/api.php')
        _tell_if_unused(weakref.ref(bench.auth))
        assert len(said) == 1
        assert f'your sites are: {Shown.netloc}' in said[0]
    assert is_found


# The token is dead


@on_both
@pytest.mark.parametrize(
    ('method', 'path', 'gateway'),
    [
        ('GET', '/api.php', False),
        ('POST', '/api.php', False),
        ('GET', '/api.php', True),
        ('GET', '/rest.php/v1/page/Sandbox', False),
        ('GET', '/rest.php/v1/page/Sandbox', 'unquoted'),
        ('GET', '/rest.php/oauth2/resource/profile', False),
    ],
)
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
        response = http.fetch(wiki.url + path, method, **fields)
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


@pytest.mark.parametrize('profile_fails', [False, True])
def test_a_page_that_may_not_be_read_is_no_reason_to_renew(
    live, profile_fails
):
    wiki = live.wiki
    if profile_fails:
        wiki.fail_next('html', path='profile')
    refusal = {'status': 403, 'body': '{"error":"rest-read-denied"}'}
    wiki.fail_next('status', path='v1/page', **refusal, **IN_JSON)
    url = f'{wiki.url}/rest.php/v1/page/Sandbox'
    assert http.fetch(url).status_code == 403
    assert wiki.count('/profile') == wiki.count('v1/page/Sandbox') == 1
    assert live.bot.asked == 0


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
    'answer',
    [*map(api_error, [
        f'{DEAD}-wrong-wiki', f'{DEAD}-invalid-user', f'{DEAD}-blocked-user',
        f'{DEAD}-not-approved', f'{DEAD}-jwt', 'badtoken', 'assertuserfailed',
        'readapidenied']),
     (401, b'{}', [('WWW-Authenticate', 'Basic realm="x"')]),
     (401, b'', []), (403, b'{"error": "forbidden"}', JSON),
     (403, b'<html>', []), (429, b'', []), (200, DEAD_ANSWER[1], JSON)],
    ids=lambda answer: answer[1][:50],
)  # fmt: skip
def test_no_other_answer_renews_the_token(live, answer):
    live.other.answers = [answer]
    for _ in range(2):
        response = http.fetch(live.other.api_url)
        assert response.content == answer[1]
    assert len(live.other.requests) == 2
    assert live.bot.asked == 0


@pytest.mark.parametrize(
    'options',
    [
        {'data': b'action=edit&text=\xc3\xa4'},
        {'data': 'action=edit&text=x'},
        {'data': {'action': 'edit', 'text': 'ä' * 9999}},
        {'files': {'file': ('x', b'\x89PNG\r\n\x00' * 999)}, 'data': {'a': 1}},
        {'data': b''},
        {'json': {'a': 1}},
        {'data': 5},
        {'data': 0},
    ],
    ids=['bytes', 'str', 'form', 'upload', 'empty', 'json', 'file', 'rewind'],
)
def test_the_whole_body_is_sent_again(live, options):
    start = options.get('data')
    if isinstance(start, int):
        file = options['data'] = io.BytesIO(b'0123456789' * 9999)
        file.seek(start)
    other = live.other
    other.answers = [DEAD_ANSWER, GOOD]
    response = http.fetch(other.api_url, 'POST', **options)
    assert response.json() == {'good': True}
    headers = [request[2].pop('Authorization') for request in other.requests]
    assert headers == [live.header, live.bot.stored.token.header]
    first, second = other.requests
    assert first == second
    if isinstance(start, int):
        assert first[3] == file.getvalue()[start:]
    assert len(other.connections) == 1


def test_a_body_that_is_gone_is_not_sent_again(live):
    class Once(io.BytesIO):
        def seek(self, *_):
            raise OSError('this can be read once')

    other = live.other
    other.answers = [DEAD_ANSWER]
    for body in (iter([b'action=', b'edit']), Once(b'action=edit')):
        response = http.fetch(other.api_url, 'POST', data=body)
        assert response.json()['error']['code'] == DEAD
    assert [each[3] for each in other.requests] == [b'action=edit'] * 2


# There is no token


@pytest.mark.parametrize('gateway', [False, True])
def test_after_the_end_requests_go_without_a_token(live, said, gateway):
    live.password_session()
    live.wiki.gateway = gateway
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


@on_both
@pytest.mark.parametrize('reason', ['disabled', 'expired', 'secret'])
@pytest.mark.parametrize('is_due', [False, True])
def test_a_refused_client_is_a_warning_and_requests_go_without_a_token(
    live, said, like, reason, is_due
):
    live.who()
    if reason == 'secret':
        live.wiki.oauth.reset_secret(live.bot.registered)
    else:
        live.wiki.set_stage(live.bot.registered, reason)
    if is_due:
        live.wiki.clock.advance(HOUR)
    else:
        live.bot.wiki.oauth.expire_access_tokens()
    for _ in range(3):
        assert live.who() == '127.0.0.1'
    assert live.bot.asked == 1
    (text,) = said
    assert live.bot.registered.id in text
    assert 'Requests are sent without a token' in text
    assert live.bot.stored.is_complete


def test_a_wiki_in_trouble_is_waited_for_and_then_an_error(live, said):
    live.wiki.clock.advance(HOUR)
    live.wiki.fail_next('status', times=3, status=503)
    with pytest.raises(EndpointError) as caught:
        live.edit()
    assert 'run the script again when the wiki answers' in str(caught.value)
    assert live.bot.asked == config.max_retries + 1
    assert not live.at_api()
    assert 'Waiting 0.0 seconds before retrying' in said[0]
    assert live.who() == 'Bot'


@pytest.mark.parametrize(
    ('retry_after', 'attempt', 'waits'),
    [(None, 0, '0.1'), (None, 1, '0.2'), (None, 5, '0.2'),
     (0.3, 0, '0.3'), (601, 0, None), (None, 9, None)],
)  # fmt: skip
def test_the_waits_grow_and_have_a_limit(
    bench, said, monkeypatch, retry_after, attempt, waits
):
    monkeypatch.setattr(config, 'retry_wait', 0.1)
    monkeypatch.setattr(config, 'retry_max', 0.2)
    monkeypatch.setattr(config, 'max_retries', 9)
    policy = bench.auth.route(bench.wiki.url, 'Bot').policy
    error = EndpointError('no answer', retry_after=retry_after)
    assert policy.wait(error, attempt) == (waits is not None)
    assert said == [] or f'Waiting {waits} seconds' in said[0]
    assert bool(said) == (waits is not None)


@pytest.mark.parametrize('is_bot', [False, True])
def test_a_fixed_access_token_that_is_refused_is_used_again(bench, is_bot):
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
    token.expires = expires
    assert requests.get(bench.wiki.api_url, auth=bearer).ok
    assert bench.wiki.requests[-1].user == 'Bot'


@pytest.mark.parametrize('was_given', [False, True])
def test_what_needs_a_token_says_that_there_is_none(bench, was_given):
    account = bench.bot.account
    if was_given:
        bench.bot.log_in()
        account.give_up('it was enough')
    auth = BearerAuth(account)
    assert not auth.is_authorized
    with pytest.raises(AuthorizationEndedError) as caught:
        bench.header_for(bench.wiki.api_url, auth)
    words = 'it was enough' if was_given else 'has not been given yet'
    assert words in str(caught.value)
    assert caught.value.account == 'Bot'


@pytest.mark.parametrize(
    ('code', 'data', 'words'),
    [
        ('permissiondenied', 'action=delete&title=A', 'Delete pages'),
        ('blocked', '', 'the authorization is still valid'),
        ('badtoken', '', None),
    ],
)
def test_what_an_error_code_means_is_said_once(live, said, code, data, words):
    another = api_error('mwoauth-api-module-disabled')
    live.other.answers = [*[api_error(code), another] * 2, GOOD]
    for _ in range(4):
        http.fetch(live.other.api_url, 'POST', data=data)
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
    jar = [(cookie.name, cookie.value) for cookie in http.cookie_jar]
    assert jar
    assert live.who(cookies={'sessionJwt': 'x'}) == 'Bot'
    live.wiki.expire_access_tokens()
    assert live.who() == 'Bot'
    live.wiki.fail_next(
        'redirect', path='v1/page', status=301, location=MOVED[2][0][1]
    )
    http.fetch(f'{live.wiki.url}/rest.php/v1/page/sandbox')
    assert live.wiki.requests[-1].user == 'Bot'
    live.other.answers = [setting('b'), DEAD_ANSWER, MOVED, GOOD]
    for _ in range(2):
        assert http.fetch(f'{live.other.url}/rest.php/v1/page/A').ok
    assert live.other.requests[-1][1] == '/rest.php/v1/page/B'
    assert set(live.other.sent('Cookie')) == {None}
    for request in live.wiki.requests:
        assert 'cookie' not in request.headers
    assert jar == [(each.name, each.value) for each in http.cookie_jar]


@pytest.fixture
def owner(bench, tmp_path):
    """Return a bench for an owner-only client, whose tokens get cookies."""
    bench.wiki.session_jwt = True
    bench.bot = Bot(bench.wiki, tmp_path, owner_only=True)
    bench.auth = bench.new_auth(owner_only=True)
    for key in config.authenticate:
        config.authenticate[key] = bench.auth
    return bench


@pytest.mark.parametrize('stream', [False, True])
def test_cookies_of_an_owner_only_token_come_back_with_it_alone(owner, stream):
    for _ in range(3):
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
    headers = request.prepare().headers
    assert headers['Authorization'] == sent != account.state.header
    assert headers['Cookie'] == f'sessionJwt={cookies["sessionJwt"]}'


def test_a_cookie_that_does_not_fit_is_dropped_and_the_request_repeated(owner):
    owner.wiki.session_jwt = False
    refusal = api_error(f'{DEAD}-jwt')
    owner.other.answers = [setting(1), refusal, setting(2), GOOD]
    owner.who()
    for _ in range(3):
        assert http.fetch(owner.other.api_url).json() == {'good': True}
    assert owner.other.sent('Cookie') == [None, 'a=1', None, 'a=2']
    assert owner.bot.asked == 1


# Redirects


@pytest.mark.parametrize('answer', [GOOD, DEAD_ANSWER, DEAD_GATEWAY])
@pytest.mark.parametrize('is_ours', [False, True])
def test_no_token_goes_along_a_redirect_to_another_wiki(live, answer, is_ours):
    live.password_session()
    other = live.other
    other.answers = [answer]
    if not is_ours:
        del config.authenticate[other.netloc]
    live.wiki.fail_next('redirect', path='api.php', location=other.api_url)
    assert http.fetch(live.wiki.api_url).content == answer[1]
    assert other.sent('Authorization') == [None]
    assert live.bot.asked == 0
    # The same on the way to another path of a wiki of the account.
    config.authenticate[other.netloc] = live.auth
    other.answers = [(301, b'', [('Location', '/~x/api.php')]), GOOD]
    assert http.fetch(other.api_url).ok
    assert other.sent('Authorization')[1:] == [live.header, None]


# Threads


@pytest.mark.parametrize('how', ['due', 'api', 'rest'])
def test_threads_get_over_expiries_with_one_refresh_each(live, how):
    wiki = live.wiki
    path = '/rest.php/v1/page/Sandbox' if how == 'rest' else '/api.php'

    def work(index):
        if index == 5 and how != 'due':
            # In the midst of the others' requests.
            wiki.expire_access_tokens()
        response = http.fetch(wiki.url + path, params=WHO)
        return response.status_code, 'error' in response.json()

    live.who()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change places all the time
    try:
        for number in range(1, 4):
            if how == 'due':
                wiki.clock.advance(HOUR)
            assert set(at_once(8, work)) == {(200, False)}
            assert live.bot.asked == number
    finally:
        sys.setswitchinterval(interval)


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


@pytest.mark.parametrize('gateway', [False, True])
def test_a_repeated_answer_is_like_any_other(live, gateway):
    live.wiki.add_page('Long', 'long ' * 99999)
    live.wiki.gateway = gateway
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


@pytest.mark.parametrize('kind', ['data', 'files'])
def test_a_change_goes_out_under_the_token_that_its_csrf_token_belongs_to(
    live, kind
):
    live.who()
    live.wiki.clock.advance(HOUR - 30)
    form = {'data': {'token': 'x'}}
    if kind == 'files':
        form['files'] = {'file': b'x'}
    http.fetch(live.other.api_url, 'POST', **form)
    assert live.other.sent('Authorization') == [live.header]
    assert live.bot.asked == 0
    assert live.who() == 'Bot'
    assert live.bot.asked == 1, 'a request without one renews the token'
    live.wiki.clock.advance(HOUR - 5)
    http.fetch(live.other.api_url, 'POST', **form)
    assert live.bot.asked == 2, 'it would have expired on its way'


@pytest.fixture
def site(live):
    """Return a site on which the account has edited."""
    site = pywikibot.Site('en', 'sandbox', user='Bot')
    save(site, 'first')
    live.wiki.requests.clear()
    return site


def save(site, text):
    page = pywikibot.Page(site, 'Sandbox')
    page.text = text
    page.save(quiet=True)


@pytest.mark.parametrize('how', ['due', 'renewed by another', 'dead'])
def test_an_expiry_between_two_edits_costs_two_requests_and_no_warning(
    live, site, said, how
):
    save(site, 'second')
    usual = len(live.wiki.requests)
    live.wiki.requests.clear()
    if how == 'dead':
        live.wiki.expire_access_tokens()
    else:
        live.wiki.clock.advance(HOUR - 30)
    if how == 'renewed by another':
        live.bot.account.header()
    save(site, 'third')
    assert len(live.wiki.edits) == 3
    # One that the wiki ends by surprise costs the refused request, too.
    assert len(live.wiki.requests) == usual + 2 + (how == 'dead')
    assert live.bot.asked == 1
    assert live.errors == ([DEAD] if how == 'dead' else [])
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


def test_a_change_adopts_what_another_process_has_renewed(live, site):
    live.wiki.clock.advance(HOUR - 30)
    site.tokens['csrf']
    live.bot.account.header()
    page = pywikibot.Page(site, 'Sandbox')
    site.editpage(page, text='second', summary='x')
    assert len(live.wiki.edits) == 2
    assert set(live.errors) <= {'badtoken'}
    assert live.bot.asked == 1
