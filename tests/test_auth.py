#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of OAuth2Auth, with requests sent as Pywikibot sends them."""
from __future__ import annotations

import io
import json
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import pywikibot.login
import requests
from pywikibot import config
from pywikibot.comms import http
from pywikibot.family import Family
from requests.adapters import HTTPAdapter

from pywikibot_oauth2 import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Auth,
)
from tests.bots import Bot, at_once, configure, listening


HOUR = 3600
INVALID = 'mwoauth-invalid-authorization'
WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
JSON = {'Content-Type': 'application/json'}


class Bench:
    """A Pywikibot that is configured for the sandbox, in this process."""

    def __init__(self, wiki):
        self.wiki = wiki
        self.bot = Bot(wiki)
        self.auth = self.new_auth()
        self.know('sandbox', wiki.url)

    def new_auth(self):
        return OAuth2Auth(self.bot.registered.id, self.bot.registered.secret,
                          clock=self.bot.clock)

    def know(self, family, url, *, user='Bot', host=None, auth=None):
        """Configure a family of one wiki, with its authentication."""
        config.family = family
        config.family_files[family] = f'{url}/api.php'
        if user:
            config.usernames[family][family] = user
        netloc = url.partition('://')[2].partition('/')[0]
        config.authenticate[host or netloc] = auth or self.auth

    @property
    def renewal(self):
        """What keeps the token for the requests."""
        return self.auth.account('Bot')

    def who(self, url=None, **options):
        """Ask who the request is for; return the name."""
        answer = http.fetch(url or self.wiki.api_url, params=WHO, **options)
        return answer.json()['query']['userinfo']['name']

    def api_requests(self):
        """Return the requests to the sandbox's api.php."""
        return [request for request in list(self.wiki.requests)
                if request.path.endswith('api.php')]

    def header_for(self, url):
        """Return the header that a request would carry."""
        request = requests.Request('GET', url, auth=self.auth).prepare()
        return request.headers.get('Authorization')


class PlainWiki:
    """A server that answers as it is told, and records bodies in bytes.

    :param answers: status, body and header fields of the answers to
        come; the last one is repeated
    """

    def __init__(self, *answers):
        self.requests = []
        self.connections = set()
        self._answers = list(answers)
        handler = type('Handler', (_Handler,), {'wiki': self})
        self._server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}'

    def next_answer(self):
        return self._answers.pop(0) if self._answers[1:] \
            else self._answers[0]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever,
                         kwargs={'poll_interval': 0.01}).start()
        return self

    def __exit__(self, *exc_info):
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):

    protocol_version = 'HTTP/1.1'

    def handle_any(self):
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''
            while True:
                size = int(self.rfile.readline(), 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
        else:
            body = self.rfile.read(int(self.headers.get(
                'Content-Length', 0)))
        self.wiki.connections.add(self.client_address)
        self.wiki.requests.append((self.command, self.path,
                                   dict(self.headers), body))
        status, text, fields = self.wiki.next_answer()
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = handle_any  # noqa: N815

    def log_message(self, *args):
        pass


def api_error(code):
    return (200, json.dumps({'error': {'code': code}}).encode(),
            [('MediaWiki-API-Error', code), *JSON.items()])


GOOD = (200, b'{"good": true}', [*JSON.items()])
DEAD = api_error(INVALID)


@pytest.fixture
def bench(monkeypatch, tmp_path, wiki):
    configure(monkeypatch, tmp_path)
    for name, value in (
            ('authenticate', {}), ('family', 'sandbox'),
            ('usernames', defaultdict(dict)),
            ('family_files', dict(config.family_files))):
        monkeypatch.setattr(config, name, value)
    monkeypatch.setattr(Family, '_families', {})
    # It is replaced at the first request.
    monkeypatch.setattr(pywikibot.login, 'ClientLoginManager',
                        pywikibot.login.ClientLoginManager)
    yield Bench(wiki)
    http.cookie_jar.clear()
    http.session.close()


@pytest.fixture
def logged_in(bench):
    bench.header = bench.bot.log_in()
    return bench


def log_in_by_password(wiki, user):
    """Let Pywikibot's jar have the session of an account."""
    configured = config.authenticate.copy()
    config.authenticate.clear()
    form = {'action': 'query', 'meta': 'tokens', 'type': 'login',
            'format': 'json'}
    tokens = http.fetch(wiki.api_url, params=form).json()['query']['tokens']
    answer = http.fetch(wiki.api_url, 'POST', data={
        'action': 'login', 'lgname': user, 'lgpassword': wiki.password(user),
        'lgtoken': tokens['logintoken'], 'format': 'json'})
    assert answer.json()['login']['result'] == 'Success'
    assert len(http.cookie_jar)
    config.authenticate.update(configured)
    wiki.requests.clear()


# The object

def test_its_length_makes_pywikibot_hand_it_to_requests(bench):
    assert len(bench.auth) == 2
    assert http.get_authentication(bench.wiki.api_url) is bench.auth


def test_a_length_of_2_leaves_reads_be_gets(logged_in):
    logged_in.who()
    assert logged_in.api_requests()[-1].method == 'GET'


# Which requests

def test_a_request_runs_under_the_account(logged_in):
    assert logged_in.who() == 'Bot'
    request, = logged_in.wiki.requests
    assert request.headers['authorization'] == logged_in.header
    assert request.headers['authorization'].startswith('Bearer ey')
    assert 'cookie' not in request.headers


@pytest.mark.parametrize('path', [
    '/api.php', '/api.php?action=query', '/rest.php',
    '/rest.php/v1/page/Sandbox', '/rest.php/v1/page/Sandbox?x=/index.php',
    '/api.php#fragment', '/rest.php/v1/page/api.php',
    '/rest.php/v1/page/A%2Fapi.php'])
def test_the_header_goes_to_api_and_rest(logged_in, path):
    url = logged_in.wiki.url + path
    assert logged_in.header_for(url) == logged_in.header


@pytest.mark.parametrize('path', [
    '', '/', '/index.php', '/index.php?title=api.php',
    '/index.php?x=/api.php', '/index.php/api.php', '/load.php',
    '/wiki/api.php', '/api.php5', '/xapi.php', '/img/rest.phpx/v1',
    '/opensearch_desc.php?/rest.php/v1', '/index.php#/api.php',
    '/static/api.php.png', '/API.PHP'])
def test_no_header_goes_to_any_other_address(logged_in, path):
    logged_in.who()
    assert logged_in.header_for(logged_in.wiki.url + path) is None


def test_index_php_is_asked_without_a_token(logged_in):
    logged_in.who()
    response = http.fetch(logged_in.wiki.url + '/index.php?title=Sandbox')
    assert response.status_code == 200
    assert 'authorization' not in logged_in.wiki.requests[-1].headers


@pytest.mark.parametrize('url', [
    'https://wiki.example/api.php', 'https://evil-127.0.0.1/api.php',
    'http://x{netloc}/api.php', 'http://127.0.0.1.example/api.php',
    'http://{netloc}@evil.example/api.php', 'http://127.0.0.1/api.php',
    'http://127.0.0.1:1/api.php', 'https://{netloc}/api.php',
    'http://evil.example/?http://{netloc}/api.php',
    'http://evil.example/{netloc}/api.php'])
def test_no_header_goes_to_another_host(logged_in, url):
    logged_in.who()
    netloc = logged_in.wiki.netloc
    assert logged_in.header_for(url.format(netloc=netloc)) is None


def test_a_script_path_has_to_be_the_one_of_the_family(logged_in):
    assert logged_in.header_for(f'{logged_in.wiki.url}/w/api.php') is None
    logged_in.know('other', f'{logged_in.wiki.url}/w')
    url = f'{logged_in.wiki.url}/w/rest.php/v1/page/X'
    assert logged_in.header_for(url) == logged_in.header


def test_a_wildcard_means_the_hosts_that_end_so(logged_in):
    config.authenticate.clear()
    logged_in.know('sandbox', logged_in.wiki.url, host='*.wiki.example')
    logged_in.know('wiki', 'https://en.wiki.example/w',
                   host='*.wiki.example')
    logged_in.know('evil', 'https://evilwiki.example/w',
                   host='*.wiki.example')
    assert logged_in.header_for('https://en.wiki.example/w/api.php')
    assert logged_in.header_for(logged_in.wiki.api_url) is None
    for host in ('evilwiki.example', 'wiki.example.evil.example',
                 'en.wiki.example.evil.example', 'de.wiki.example'):
        url = f'https://{host}/w/api.php'
        assert logged_in.header_for(url) is None, host


def test_a_wildcard_is_taken_by_pywikibot(logged_in):
    config.authenticate.clear()
    port = logged_in.wiki.netloc.partition(':')[2]
    logged_in.know('sandbox', logged_in.wiki.url, host=f'*.0.0.1:{port}')
    assert logged_in.who() == 'Bot'


def test_a_host_of_its_own_beats_a_wildcard(logged_in):
    port = logged_in.wiki.netloc.partition(':')[2]
    config.authenticate[f'*.0.0.1:{port}'] = other = logged_in.new_auth()
    assert logged_in.who() == 'Bot'
    request = requests.Request('GET', logged_in.wiki.api_url, auth=other)
    assert 'Authorization' not in request.prepare().headers


def test_two_entries_that_share_an_object_share_the_token(logged_in):
    port = logged_in.wiki.netloc.partition(':')[2]
    second = f'http://localhost:{port}'
    logged_in.know('second', second)
    assert logged_in.who() == 'Bot'
    assert logged_in.who(f'{second}/api.php') == 'Bot'
    logged_in.wiki.clock.advance(HOUR)
    assert logged_in.who(f'{second}/api.php') == 'Bot'
    assert logged_in.who() == 'Bot'
    assert logged_in.bot.asked == 1
    assert logged_in.renewal.current[0] == logged_in.bot.stored_header


def test_without_a_user_name_requests_are_left_as_they_are(logged_in):
    log_in_by_password(logged_in.wiki, 'Admin')
    config.usernames.clear()
    assert logged_in.who() == 'Admin'
    request, = logged_in.wiki.requests
    assert 'authorization' not in request.headers
    assert 'sandboxwiki_session' in request.cookies


def test_a_user_name_for_all_sites_is_enough(logged_in):
    config.usernames.clear()
    config.usernames['*']['*'] = 'Bot'
    assert logged_in.who() == 'Bot'


def test_switched_off_requests_are_left_as_they_are(logged_in):
    log_in_by_password(logged_in.wiki, 'Admin')
    assert logged_in.who() == 'Bot'
    logged_in.auth.use(logged_in.wiki.url, None)
    assert logged_in.who() == 'Admin'
    rest = f'{logged_in.wiki.url}/rest.php/v1/page/Sandbox'
    assert logged_in.header_for(rest) is None
    logged_in.auth.use(logged_in.wiki.url, 'Bot')
    assert logged_in.who() == 'Bot'


def test_before_a_login_requests_go_without_a_token(bench):
    assert bench.who() == '127.0.0.1'
    assert 'authorization' not in bench.wiki.requests[0].headers


def test_a_login_is_noticed_at_the_next_request(bench):
    bench.who()
    bench.bot.log_in()
    assert bench.who() == 'Bot'


@pytest.mark.parametrize('url', ['http://wiki.example/w',
                                 'http://127.0.0.1.wiki.example/w'])
def test_plain_http_is_refused_before_anything_is_sent(logged_in, url):
    logged_in.know('plain', url)
    with pytest.raises(ConfigurationError, match='https'):
        http.fetch(f'{url}/api.php')
    assert not logged_in.wiki.requests


def test_a_configured_host_by_plain_http_is_refused_too(logged_in):
    logged_in.know('wiki', 'https://wiki.example/w')
    assert logged_in.header_for('https://wiki.example/w/api.php')
    with pytest.raises(ConfigurationError):
        logged_in.header_for('http://wiki.example/w/api.php')


# The token is dead

@pytest.mark.parametrize('form', ['bc', 'plaintext', 'wikitext', 'html',
                                  'raw', 'none'])
@pytest.mark.parametrize('version', ['1', '2'])
@pytest.mark.parametrize('method', ['GET', 'POST'])
def test_an_api_error_renews_the_token(logged_in, version, form, method):
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    logged_in.wiki.requests.clear()
    fields = {**WHO, 'formatversion': version, 'errorformat': form}
    response = http.fetch(logged_in.wiki.api_url, method, **(
        {'data': fields} if method == 'POST' else {'params': fields}))
    assert response.json()['query']['userinfo']['name'] == 'Bot'
    first, refresh, second = logged_in.wiki.requests
    assert first.error == INVALID
    assert refresh.path.endswith('access_token')
    assert second.user == 'Bot'
    assert second.headers['authorization'] == logged_in.bot.stored_header
    for name in ('method', 'path', 'query', 'form'):
        assert getattr(first, name) == getattr(second, name), name
    assert {**first.query, **first.form} == fields


@pytest.mark.parametrize('gateway', [True, 'unquoted'])
@pytest.mark.parametrize('path', ['/api.php', '/rest.php/v1/page/Sandbox'])
def test_the_gateways_401_renews_the_token(logged_in, gateway, path):
    logged_in.who()
    logged_in.wiki.gateway = gateway
    logged_in.wiki.expire_access_tokens()
    response = http.fetch(logged_in.wiki.url + path, params=WHO)
    assert response.status_code == 200
    assert logged_in.wiki.requests[-1].user == 'Bot'
    assert logged_in.wiki.count(path, status=401) == 1
    assert logged_in.bot.asked == 1


def test_a_401_of_rest_php_renews_the_token(logged_in):
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    url = f'{logged_in.wiki.url}/rest.php/oauth2/resource/profile'
    assert http.fetch(url).json()['username'] == 'Bot'
    assert logged_in.wiki.count('profile') == 2
    assert logged_in.bot.asked == 1


def test_a_403_of_rest_php_renews_a_token_that_the_profile_refuses(
        logged_in):
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    url = f'{logged_in.wiki.url}/rest.php/v1/page/Sandbox'
    assert http.fetch(url).json()['source'] == 'This is the sandbox.'
    assert logged_in.wiki.count('profile', status=401) == 1
    assert logged_in.wiki.count('v1/page/Sandbox') == 2
    assert logged_in.bot.asked == 1


def test_a_403_of_rest_php_is_final_if_the_profile_accepts_the_token(
        logged_in):
    logged_in.wiki.fail_next(
        'status', status=403, path='v1/page', content_type=JSON[
            'Content-Type'], body='{"error":"rest-read-denied"}')
    url = f'{logged_in.wiki.url}/rest.php/v1/page/Sandbox'
    assert http.fetch(url).status_code == 403
    assert logged_in.wiki.count('profile', status=200) == 1
    assert logged_in.wiki.count('v1/page/Sandbox') == 1
    assert logged_in.bot.asked == 0


@pytest.mark.parametrize('path', ['/api.php', '/rest.php/v1/page/Sandbox',
                                  '/rest.php/oauth2/resource/profile'])
def test_a_request_that_was_late_is_sent_again_with_the_newer_token(
        logged_in, path):
    """Another thread renewed the token while this one was on its way."""
    with requests.Session() as session:
        request = session.prepare_request(requests.Request(
            'GET', logged_in.wiki.url + path, params=WHO,
            auth=logged_in.auth))
        logged_in.renewal.replace(logged_in.header)
        response = session.send(request)
    assert response.status_code == 200
    assert 'error' not in response.json()
    assert logged_in.wiki.requests[-1].user == 'Bot'
    assert logged_in.bot.asked == 1


def test_no_request_is_sent_more_than_twice(logged_in):
    logged_in.who()
    logged_in.wiki.token_life = -1  # dead as soon as they are issued
    logged_in.wiki.expire_access_tokens()
    logged_in.wiki.requests.clear()
    response = http.fetch(logged_in.wiki.api_url, params=WHO)
    assert response.json()['error']['code'] == INVALID
    assert len(logged_in.api_requests()) == 2
    assert logged_in.bot.asked == 1


@pytest.mark.parametrize('gateway', [False, True])
def test_the_token_that_was_renewed_serves_the_requests_to_come(
        logged_in, gateway):
    logged_in.wiki.gateway = gateway
    for number in range(1, 11):
        logged_in.wiki.expire_access_tokens()
        for _ in range(3):
            assert logged_in.who() == 'Bot'
        assert logged_in.bot.asked == number
    assert len(logged_in.api_requests()) == 40


def test_an_expired_token_is_not_even_tried(logged_in):
    logged_in.who()
    logged_in.wiki.clock.advance(HOUR)
    assert logged_in.who() == 'Bot'
    assert logged_in.wiki.count(error=INVALID) == 0
    assert logged_in.bot.asked == 1


@pytest.mark.parametrize('code', [
    f'{INVALID}-wrong-wiki', f'{INVALID}-invalid-user',
    f'{INVALID}-blocked-user', f'{INVALID}-not-approved', 'badtoken',
    'assertuserfailed', 'readapidenied'])
def test_no_other_api_error_renews_the_token(logged_in, code):
    with PlainWiki(api_error(code)) as other:
        logged_in.know('other', other.url)
        response = http.fetch(f'{other.url}/api.php')
    assert response.json()['error']['code'] == code
    assert len(other.requests) == 1
    assert other.requests[0][2]['Authorization'] == logged_in.header
    assert logged_in.bot.asked == 0


@pytest.mark.parametrize('answer', [
    (401, b'{"httpCode":401}', [('WWW-Authenticate', 'Basic realm="x"')]),
    (401, b'', []),
    (403, b'{"httpCode":403,"error":"forbidden"}', [*JSON.items()]),
    (403, b'<html>', []), (404, b'', []), (429, b'', []),
    (200, json.dumps({'error': {'code': INVALID}}).encode(), [])],
    ids=['basic', 'empty 401', '403', 'html', '404', '429', 'quoted'])
def test_no_other_answer_renews_the_token(logged_in, answer):
    with PlainWiki(answer) as other:
        logged_in.know('other', other.url)
        assert http.fetch(f'{other.url}/api.php').content == answer[1]
    assert len(other.requests) == 1
    assert logged_in.bot.asked == 0
    assert not logged_in.wiki.requests


# The body

UPLOAD = {'files': {'file': ('x.png', b'\x89PNG\r\n\x00' * 999)},
          'data': {'action': 'upload', 'filename': 'X.png'}}


@pytest.mark.parametrize('options', [
    {'data': b'action=edit&text=\xc3\xa4'}, {'data': 'action=edit&text=x'},
    {'data': {'action': 'edit', 'text': 'ä' * 9999}}, UPLOAD,
    {'data': b''}, {'json': {'a': 1}}],
    ids=['bytes', 'str', 'form', 'upload', 'empty', 'json'])
def test_the_whole_body_is_sent_again(logged_in, options):
    with PlainWiki(DEAD, GOOD) as other:
        logged_in.know('other', other.url)
        response = http.fetch(f'{other.url}/api.php', 'POST', **options)
    assert response.json() == {'good': True}
    check_repetition(logged_in, other)


@pytest.mark.parametrize('start', [0, 5])
def test_a_file_is_rewound_to_where_it_was(logged_in, start):
    file = io.BytesIO(b'0123456789' * 99999)
    file.seek(start)
    with PlainWiki(DEAD, GOOD) as other:
        logged_in.know('other', other.url)
        response = http.fetch(f'{other.url}/api.php', 'POST', data=file)
    assert response.json() == {'good': True}
    body = check_repetition(logged_in, other)
    assert body == file.getvalue()[start:]


def check_repetition(bench, other):
    """Check that a request came twice, but for its token; return its body."""
    first, second = other.requests
    assert first[2].pop('Authorization') == bench.header
    assert second[2].pop('Authorization') == bench.bot.stored_header
    assert first == second
    assert bench.bot.asked == 1
    return first[3]


def test_a_body_that_is_gone_is_not_sent_again(logged_in):
    with PlainWiki(DEAD, GOOD) as other:
        logged_in.know('other', other.url)
        response = http.fetch(f'{other.url}/api.php', 'POST',
                              data=iter([b'action=', b'edit']))
        assert response.json()['error']['code'] == INVALID
        (_, _, _, body), = other.requests
    assert body == b'action=edit'


# The authorization ends

def edit(bench, **fields):
    return http.fetch(bench.wiki.api_url, 'POST', data={
        'action': 'edit', 'title': 'Sandbox', 'text': 'Changed',
        'token': '+\\', 'format': 'json', **fields}).json()


@pytest.mark.parametrize('gateway', [False, True])
def test_after_the_end_requests_go_without_a_token(logged_in, gateway):
    logged_in.wiki.gateway = gateway
    logged_in.who()
    logged_in.wiki.revoke('Bot', logged_in.bot.registered)
    with listening() as said:
        assert logged_in.who() == '127.0.0.1'
        assert logged_in.who() == '127.0.0.1'
    assert 'authorization' not in logged_in.api_requests()[-1].headers
    assert len(logged_in.api_requests()) == 4
    assert logged_in.bot.asked == 1
    assert 'pwb login' in said[0]


def test_no_edit_is_made_anonymously_when_the_authorization_ends(
        logged_in):
    logged_in.who()
    logged_in.wiki.revoke('Bot', logged_in.bot.registered)
    answers = [edit(logged_in, **{'assert': 'user'}) for _ in range(2)]
    assert [answer['error']['code'] for answer in answers] == [
        'assertuserfailed'] * 2
    assert not logged_in.wiki.edits


def test_an_edit_that_asserts_nothing_is_not_made_anonymously_either(
        logged_in):
    """Its edit token went with the access token."""
    tokens = http.fetch(logged_in.wiki.api_url, params={
        'action': 'query', 'meta': 'tokens', 'format': 'json'}).json()
    logged_in.wiki.revoke('Bot', logged_in.bot.registered)
    answer = edit(logged_in, token=tokens['query']['tokens']['csrftoken'])
    assert answer['error']['code'] == 'badtoken'
    assert not logged_in.wiki.edits


def test_no_password_session_steps_in_when_the_authorization_ends(
        logged_in):
    log_in_by_password(logged_in.wiki, 'Admin')
    logged_in.wiki.revoke('Bot', logged_in.bot.registered)
    assert logged_in.who() == '127.0.0.1'
    assert logged_in.who() == '127.0.0.1'
    assert edit(logged_in, **{'assert': 'user'})['error']
    assert not logged_in.wiki.edits
    assert not any(request.cookies for request in logged_in.wiki.requests)


def test_after_a_new_login_requests_carry_the_new_token(logged_in):
    logged_in.who()
    logged_in.wiki.revoke('Bot', logged_in.bot.registered)
    logged_in.who()
    header = logged_in.bot.log_in()
    assert logged_in.who() == 'Bot'
    request = logged_in.api_requests()[-1]
    assert request.headers['authorization'] == header


def test_a_refused_client_comes_out_of_the_request(logged_in):
    logged_in.wiki.clock.advance(HOUR)
    logged_in.wiki.disable_client(logged_in.bot.registered)
    with pytest.raises(ClientRefusedError):
        http.fetch(logged_in.wiki.api_url)
    assert not logged_in.api_requests()


def test_a_wiki_that_issues_no_tokens_comes_out_of_the_request(logged_in):
    logged_in.wiki.clock.advance(HOUR)
    logged_in.wiki.fail_next('status', times=99, status=503)
    with pytest.raises(EndpointError):
        edit(logged_in)
    assert not logged_in.api_requests()
    assert logged_in.bot.asked == config.max_retries + 1


# Cookies

@pytest.mark.parametrize('user', ['Admin', 'Bot'])
@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_a_password_session_is_not_sent_with_a_token(
        logged_in, user, version):
    logged_in.wiki.version = version
    log_in_by_password(logged_in.wiki, user)
    jar = [(cookie.name, cookie.value) for cookie in http.cookie_jar]
    assert logged_in.who() == 'Bot'
    logged_in.wiki.expire_access_tokens()
    assert logged_in.who() == 'Bot'
    for request in logged_in.wiki.requests:
        assert 'cookie' not in request.headers
    assert jar == [(cookie.name, cookie.value)
                   for cookie in http.cookie_jar]


def test_cookies_of_a_single_request_are_not_sent_with_a_token(logged_in):
    logged_in.who(cookies={'sessionJwt': 'x'})
    assert 'cookie' not in logged_in.wiki.requests[0].headers


def test_a_password_session_is_not_sent_along_a_redirect(logged_in):
    """With the token, that is: to the same host."""
    log_in_by_password(logged_in.wiki, 'Admin')
    logged_in.wiki.fail_next('redirect', path='v1/page', status=301,
                             location='/rest.php/v1/page/Sandbox')
    http.fetch(f'{logged_in.wiki.url}/rest.php/v1/page/sandbox')
    first, second = logged_in.wiki.requests
    assert second.headers['authorization'] == logged_in.header
    assert 'cookie' not in first.headers
    assert 'cookie' not in second.headers


def test_a_password_session_is_not_sent_along_a_late_redirect(logged_in):
    """To where the wiki sends only the request with the new token."""
    log_in_by_password(logged_in.wiki, 'Admin')
    moved = (301, b'', [('Location', '/rest.php/v1/page/B')])
    with PlainWiki(DEAD, moved, GOOD) as other:
        logged_in.know('other', other.url)
        assert http.fetch(f'{other.url}/rest.php/v1/page/A').ok
    paths = [path for _, path, _, _ in other.requests]
    assert paths[0] == paths[1] != paths[2]
    for _, _, headers, _ in other.requests:
        assert 'Cookie' not in headers
    assert logged_in.bot.asked == 1


def owner_only(bench):
    """Let the account have a token of an owner-only client."""
    bench.wiki.version = '1.47'
    client = bench.wiki.register(owner_only=True)
    session = bench.bot.authorized(access_token=client.access_token,
                                   refresh_token=None, expires_in=None)
    bench.renewal.adopt(session)
    return session.token.header


def test_cookies_of_a_token_come_back_with_it(bench):
    owner_only(bench)
    for _ in range(3):
        assert bench.who() == 'Bot'
    first, *others = bench.wiki.requests
    assert 'cookie' not in first.headers
    jwt = bench.wiki.oauth.session_jwt(bench.wiki.accounts.users['Bot'])
    assert [request.cookies for request in others] == [
        {'sessionJwt': jwt}] * 2


@pytest.mark.parametrize('stream', [False, True])
def test_cookies_of_a_token_do_not_get_into_the_jar(bench, stream):
    owner_only(bench)
    with http.fetch(bench.wiki.api_url, params=WHO,
                    stream=stream) as response:
        assert response.json()['query']['userinfo']['name'] == 'Bot'
    assert not list(http.cookie_jar)


def test_cookies_of_a_token_do_not_come_back_with_another(bench):
    first = owner_only(bench)
    bench.who()
    second = owner_only(bench)
    assert second != first
    bench.who()
    assert bench.wiki.requests[-1].headers['authorization'] == second
    assert 'cookie' not in bench.wiki.requests[-1].headers


def test_cookies_of_the_answers_before_a_renewal_are_dropped(logged_in):
    def setting(answer, value):
        status, text, fields = answer
        return status, text, [*fields, ('Set-Cookie', f'of={value}; path=/')]

    with PlainWiki(setting(GOOD, 'first'), setting(DEAD, 'dead'),
                   setting(GOOD, 'second'), GOOD) as other:
        logged_in.know('other', other.url)
        for _ in range(3):
            http.fetch(f'{other.url}/api.php')
    assert [headers.get('Cookie') for _, _, headers, _ in other.requests] \
        == [None, 'of=first', None, 'of=second']
    assert not list(http.cookie_jar)


# Redirects

def test_a_redirect_to_another_host_carries_no_token(logged_in):
    log_in_by_password(logged_in.wiki, 'Admin')
    with PlainWiki(GOOD) as other:
        logged_in.wiki.fail_next('redirect', path='api.php',
                                 location=f'{other.url}/api.php')
        assert http.fetch(logged_in.wiki.api_url).json() == {'good': True}
    (_, _, headers, _), = other.requests
    assert 'Authorization' not in headers
    assert logged_in.bot.asked == 0


@pytest.mark.parametrize('answer', [
    DEAD, (401, b'{}', [('WWW-Authenticate',
                         'Bearer error="invalid_token"')])],
    ids=['api', 'gateway'])
@pytest.mark.parametrize('is_configured', [False, True])
def test_the_host_of_a_redirect_cannot_make_us_renew_the_token(
        logged_in, answer, is_configured):
    with PlainWiki(answer) as other:
        if is_configured:
            logged_in.know('other', other.url)
        logged_in.wiki.fail_next('redirect', path='api.php',
                                 location=f'{other.url}/api.php')
        response = http.fetch(logged_in.wiki.api_url)
    assert response.content == answer[1]
    assert len(other.requests) == 1
    assert 'Authorization' not in other.requests[0][2]
    assert logged_in.bot.asked == 0


# Threads

@pytest.mark.parametrize('gateway', [False, True])
def test_64_threads_get_over_expiries_with_one_refresh_each(
        logged_in, gateway):
    wiki = logged_in.wiki
    wiki.gateway = gateway
    logged_in.who()
    names = at_once(64, lambda _: [logged_in.who() for _ in range(2)])
    assert names == [['Bot'] * 2] * 64
    wiki.clock.advance(HOUR)
    names += at_once(64, lambda _: [logged_in.who() for _ in range(2)])
    assert logged_in.bot.asked == 1
    wiki.expire_access_tokens()
    names += at_once(64, lambda _: [logged_in.who() for _ in range(2)])
    assert logged_in.bot.asked == 2
    assert names == [['Bot'] * 2] * 64 * 3


def test_an_expiry_amid_the_requests_of_threads_fails_none(logged_in):
    def work(index):
        first = logged_in.who()
        if index == 0:
            logged_in.wiki.expire_access_tokens()
        return [first, *(logged_in.who() for _ in range(4))]

    for number in range(1, 6):
        assert at_once(16, work) == [['Bot'] * 5] * 16
        assert logged_in.bot.asked == number


def test_threads_that_read_pages_by_rest_get_over_an_expiry(logged_in):
    url = f'{logged_in.wiki.url}/rest.php/v1/page/Sandbox'
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    codes = at_once(32, lambda _: http.fetch(url).status_code)
    assert codes == [200] * 32
    assert logged_in.bot.asked == 1


def test_no_thread_asks_about_another_token_than_the_one_it_sent(
        logged_in):
    """The profile accepts the one that another thread has just got."""
    interval = sys.getswitchinterval()
    url = f'{logged_in.wiki.url}/rest.php/v1/page/Sandbox'
    sys.setswitchinterval(1e-6)  # threads change places all the time
    try:
        for _ in range(25):
            logged_in.wiki.expire_access_tokens()
            codes = at_once(8, lambda _: http.fetch(url).status_code)
            assert codes == [200] * 8
    finally:
        sys.setswitchinterval(interval)
    assert logged_in.bot.asked == 25


# What is left alone

class _WatchingAdapter(HTTPAdapter):

    def send(self, request, **options):
        self.sent = super().send(request, **options)
        self.raw = self.sent.raw
        return self.sent


def test_a_normal_answer_is_left_as_it_is(logged_in):
    with requests.Session() as session:
        adapter = _WatchingAdapter()
        session.mount('http://', adapter)
        response = session.get(logged_in.wiki.api_url, params=WHO,
                               auth=logged_in.auth, stream=True)
        assert response is adapter.sent
        assert response.raw is adapter.raw
        assert not response.raw.closed
        assert response.raw.tell() == 0
        assert not response.history
        assert response.json()['query']['userinfo']['name'] == 'Bot'


def test_the_first_answer_is_in_the_history_of_the_second(logged_in):
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    response = http.fetch(logged_in.wiki.api_url, params=WHO)
    first, = response.history
    assert first.json()['error']['code'] == INVALID
    assert response.request.headers['Authorization'] == \
        logged_in.bot.stored_header
    assert first.request.headers['Authorization'] == logged_in.header


def test_hooks_of_the_caller_see_the_answer_that_counts(logged_in):
    logged_in.who()
    logged_in.wiki.expire_access_tokens()
    seen = []
    requests.get(logged_in.wiki.api_url, params=WHO, auth=logged_in.auth,
                 hooks={'response': lambda response, **_:
                        seen.append(response.json())})
    answer, = seen
    assert answer['query']['userinfo']['name'] == 'Bot'


@pytest.mark.parametrize('gateway', [False, True])
@pytest.mark.parametrize('is_dead', [False, True])
def test_a_streamed_answer_arrives(logged_in, gateway, is_dead):
    logged_in.wiki.add_page('Long', 'long ' * 99999)
    logged_in.wiki.gateway = gateway
    logged_in.who()
    if is_dead:
        logged_in.wiki.expire_access_tokens()
    with requests.get(logged_in.wiki.api_url, params={
            'action': 'parse', 'page': 'Long', 'format': 'json',
            'formatversion': '2'}, auth=logged_in.auth,
            stream=True) as response:
        assert response.raw.tell() == 0, 'it was read already'
        text = b''.join(response.iter_content(4096))
    assert json.loads(text)['parse']['text'].count('long ') > 99990
    assert logged_in.bot.asked == is_dead


def test_the_connection_is_used_again_for_the_repetition(logged_in):
    with PlainWiki(GOOD, DEAD, GOOD) as other, \
            requests.Session() as session:
        logged_in.know('other', other.url)
        session.auth = logged_in.auth
        for _ in range(2):
            session.get(f'{other.url}/api.php')
    assert len(other.requests) == 3
    assert len(other.connections) == 1


def test_a_repetition_that_cannot_be_made_frees_the_connection(logged_in):
    with PlainWiki(DEAD, GOOD) as other, requests.Session() as session:
        logged_in.know('other', other.url)
        session.auth = logged_in.auth
        logged_in.wiki.disable_client(logged_in.bot.registered)
        with pytest.raises(ClientRefusedError) as refused:
            session.get(f'{other.url}/api.php')
        session.auth = None
        assert session.get(f'{other.url}/api.php').ok
    assert refused.traceback, 'which holds the first answer'
    assert len(other.connections) == 1


def test_no_wiki_is_used_in_plain_text_on_another_machine(bench):
    with pytest.raises(ConfigurationError, match='https'):
        bench.auth.use('http://wiki.example/w', 'Bot')
