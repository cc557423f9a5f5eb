#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the wire: what is sent, to whom, and what an answer means."""
from __future__ import annotations

import contextlib
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, formatdate
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests_oauthlib
from pywikibot import config
from pywikibot.comms import http
from requests.cookies import create_cookie

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Client,
    OAuth2Error,
)
from pywikibot_oauth2.endpoint import Endpoint
from tests.sandbox import Sandbox


CALLBACK = 'http://127.0.0.1:8080/'
FORM = 'application/x-www-form-urlencoded'
SOON = 0.15  # seconds; a time-out that a test can wait for


@pytest.fixture
def registered(wiki):
    return wiki.register(redirect_uri=CALLBACK)


@pytest.fixture
def endpoint(wiki, registered):
    return endpoint_of(wiki, registered)


def endpoint_of(wiki, registered, prefix=None, *, secret=True):
    client = OAuth2Client(registered.id, registered.secret if secret else None,
                          redirect_uri=CALLBACK)
    return Endpoint(prefix or wiki.url, client)


def begin(wiki, endpoint):
    """Do what comes before an exchange; return a code and its verifier."""
    verifier = endpoint.new_verifier()
    url = endpoint.authorization_url('state', verifier)
    # The sandbox knows itself by http.
    url = wiki.url + url.partition('/rest.php')[1] + url.partition(
        '/rest.php')[2]
    callback = wiki.approve(url)
    wiki.secrets.add(verifier)
    return dict(parse_qsl(urlsplit(callback).query))['code'], verifier


def prepare(wiki, endpoint, registered, step):
    """Return what sends a token request of some kind, and its path."""
    if step == 'exchange':
        code, verifier = begin(wiki, endpoint)
        return lambda: endpoint.exchange(code, verifier)
    pair = wiki.issue(registered)
    if step == 'refresh':
        return lambda: endpoint.refresh(pair.refresh_token)
    return lambda: endpoint.profile(f'Bearer {pair.access_token}')


PATHS = {'exchange': 'access_token', 'refresh': 'access_token',
         'profile': 'profile'}
each_step = pytest.mark.parametrize('step', PATHS)


@contextlib.contextmanager
def listening():
    """Listen, and say afterwards whether somebody came."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.setblocking(False)
        yield server.getsockname()[1]
        with pytest.raises(BlockingIOError):
            server.accept()


class Records(logging.Handler):
    """Keeps all that is logged, however it is logged."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.texts = []

    def emit(self, record):
        self.texts.append(f'{record.name} {self.format(record)}'
                          f' {record.args!r}')


NAMES = ['', 'requests', 'requests_oauthlib',
         'requests_oauthlib.oauth2_session', 'oauthlib',
         'oauthlib.oauth2.rfc6749', 'urllib3', 'urllib3.connectionpool',
         'http.client', 'pywiki', 'pywikibot_oauth2']


@pytest.fixture
def records():
    """Log everything on level DEBUG."""
    handler = Records()
    loggers = [logging.getLogger(name) for name in NAMES]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
    try:
        yield handler.texts
    finally:
        for logger, level in before:
            logger.setLevel(level)
            logger.removeHandler(handler)


def assert_logged_silently(records, wiki, *, answered=True):
    word = '/rest.php/oauth2/' if answered else 'Starting new HTTP'
    assert any('urllib3' in text and word in text for text in records)
    for text in records:
        for secret in wiki.secrets:
            assert secret not in text


# What is sent

def test_an_exchange_sends_exactly_this(wiki, registered, endpoint):
    code, verifier = begin(wiki, endpoint)
    reply = endpoint.exchange(code, verifier)
    request, = wiki.requests
    assert (request.method, request.path, request.query_string) == (
        'POST', '/rest.php/oauth2/access_token', '')
    assert request.form == {
        'grant_type': 'authorization_code', 'code': code,
        'code_verifier': verifier, 'redirect_uri': CALLBACK,
        'client_id': registered.id, 'client_secret': registered.secret}
    assert request.body_length == len(urlencode(request.form))
    assert wiki.oauth.valid(reply['access_token'])
    assert reply['expires_in'] == wiki.token_life


def test_a_refresh_sends_exactly_this(wiki, registered, endpoint):
    refresh_token = wiki.issue(registered).refresh_token
    reply = endpoint.refresh(refresh_token)
    request, = wiki.requests
    assert (request.method, request.path, request.query_string) == (
        'POST', '/rest.php/oauth2/access_token', '')
    assert request.form == {
        'grant_type': 'refresh_token', 'refresh_token': refresh_token,
        'client_id': registered.id, 'client_secret': registered.secret}
    assert request.body_length == len(urlencode(request.form))
    assert wiki.oauth.valid(reply['access_token'])
    assert reply['refresh_token'] != refresh_token


@each_step
def test_no_header_is_sent_but_these(wiki, registered, endpoint, step):
    prepare(wiki, endpoint, registered, step)()
    request, = wiki.requests
    expected = {'host': wiki.netloc, 'user-agent': http.user_agent(),
                'accept': 'application/json', 'connection': 'keep-alive',
                'accept-encoding': request.headers['accept-encoding']}
    if step == 'profile':
        token, = wiki.oauth.access_tokens
        expected['authorization'] = f'Bearer {token}'
    else:
        expected['content-type'] = FORM
        expected['content-length'] = str(request.body_length)
    assert dict(request.headers) == expected


def test_the_user_agent_is_the_one_that_the_operator_chose(
        wiki, registered, endpoint, monkeypatch):
    monkeypatch.setattr(config, 'user_agent_format', 'MyBot/1.0 (me@ex.org)')
    endpoint.refresh(wiki.issue(registered).refresh_token)
    assert wiki.requests[0].headers['user-agent'] == 'MyBot/1.0 (me@ex.org)'


@each_step
def test_a_program_can_name_itself(wiki, registered, endpoint, step):
    endpoint = Endpoint(wiki.url, endpoint.client, 'MyTool/1.0 (me@ex.org)')
    prepare(wiki, endpoint, registered, step)()
    assert wiki.requests[0].headers['user-agent'] == 'MyTool/1.0 (me@ex.org)'


@each_step
def test_no_cookie_of_pywikibot_is_sent(wiki, registered, endpoint, step):
    name = 'sandboxwiki_session'
    http.session.cookies.set_cookie(create_cookie(
        name, 'c0ffee', domain='127.0.0.1'))
    try:
        http.session.get(wiki.api_url)
        assert wiki.requests.pop().cookies == {name: 'c0ffee'}
        prepare(wiki, endpoint, registered, step)()
    finally:
        http.session.cookies.clear('127.0.0.1', '/', name)
    assert 'cookie' not in wiki.requests[0].headers


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    path = tmp_path / 'netrc'
    path.write_text('machine 127.0.0.1 login Bot password from-netrc\n'
                    'default login Bot password from-netrc\n')
    path.chmod(0o600)
    monkeypatch.setenv('NETRC', str(path))


@each_step
def test_no_stored_password_is_sent(wiki, registered, endpoint, step, netrc):
    prepare(wiki, endpoint, registered, step)()
    authorization = wiki.requests[0].headers.get('authorization', '')
    assert not authorization.startswith('Basic')
    assert ('authorization' in wiki.requests[0].headers) == (step == 'profile')


@each_step
def test_proxies_from_the_environment_are_not_for_this_machine(
        wiki, registered, endpoint, step, monkeypatch):
    for name in ('no_proxy', 'NO_PROXY'):
        monkeypatch.delenv(name, raising=False)
    with listening() as port:
        for name in ('http_proxy', 'https_proxy', 'all_proxy'):
            monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
            monkeypatch.setenv(name.upper(), f'http://127.0.0.1:{port}')
        prepare(wiki, endpoint, registered, step)()
    assert wiki.requests[0].status == 200


def test_pywikibots_own_proxies_are_used(wiki, registered, endpoint,
                                         monkeypatch):
    # A proxy that is asked for a wiki elsewhere, and answers itself.
    monkeypatch.setitem(http.session.proxies, 'https',
                        'http://127.0.0.1:9/')
    endpoint = endpoint_of(wiki, registered, 'https://wiki.invalid/w')
    with pytest.raises(EndpointError, match=r'ProxyError|127\.0\.0\.1'):
        endpoint.refresh('abc')


@each_step
@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(wiki, registered, endpoint, step, status):
    send = prepare(wiki, endpoint, registered, step)
    with listening() as port:
        wiki.fail_next('redirect', path=PATHS[step], status=status,
                       location=f'http://127.0.0.1:{port}/')
        with pytest.raises(EndpointError, match='redirect'):
            send()
    assert len(wiki.requests) == 1


def test_a_redirect_to_the_same_wiki_is_not_followed_either(
        wiki, registered, endpoint):
    wiki.fail_next('redirect', status=307,
                   location=f'{wiki.url}/rest.php/oauth2/access_token')
    with pytest.raises(EndpointError, match='redirect'):
        endpoint.refresh(wiki.issue(registered).refresh_token)
    assert len(wiki.requests) == 1


def test_a_redirect_without_a_location_is_an_endpoint_error(
        wiki, registered, endpoint):
    wiki.fail_next('status', status=302)
    with pytest.raises(EndpointError, match='redirect'):
        endpoint.refresh(wiki.issue(registered).refresh_token)


@pytest.mark.parametrize('prefix', [
    'http://wiki.example/w', 'http://127.0.0.1.wiki.example',
    'ftp://127.0.0.1', '127.0.0.1', '//127.0.0.1', '', 'https://',
    'http://[::1', 'http://127.0.0.1@wiki.example/w',
    'http://wiki.example\\@127.0.0.1.wiki.example/'])
def test_there_is_no_endpoint_where_others_can_read_along(prefix):
    with pytest.raises(ConfigurationError, match='needs https'):
        Endpoint(prefix, OAuth2Client('id', 'c0ffee'))


# Time-outs

@each_step
@pytest.mark.parametrize('timeout', [SOON, (5, SOON)])
@pytest.mark.parametrize('kind', ['hang_before', 'hang_after'])
def test_socket_timeout_is_honoured(wiki, registered, endpoint, step, kind,
                                    timeout, monkeypatch):
    monkeypatch.setattr(config, 'socket_timeout', timeout)
    send = prepare(wiki, endpoint, registered, step)
    wiki.fail_next(kind, path=PATHS[step])
    begun = time.monotonic()
    with pytest.raises(EndpointError, match=r'(?i)timed? ?out'):
        send()
    assert SOON <= time.monotonic() - begun < SOON + 2


def test_a_slow_answer_is_waited_for(wiki, registered, endpoint):
    wiki.fail_next('slow', delay=0.1)
    assert endpoint.refresh(wiki.issue(registered).refresh_token)


# Certificates

@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    """Return a self-signed certificate for this machine, and its key."""
    openssl = shutil.which('openssl')
    if openssl is None:
        pytest.skip('no program openssl here')
    folder = tmp_path_factory.mktemp('certificate')
    paths = folder / 'certificate.pem', folder / 'key.pem'
    subprocess.run(
        [openssl, 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days',
         '2', '-subj', '/CN=127.0.0.1', '-addext',
         'subjectAltName=IP:127.0.0.1', '-out', str(paths[0]), '-keyout',
         str(paths[1])], check=True, capture_output=True)
    return paths


class TlsFront:
    """Speaks TLS on a port of its own and passes all on to a sandbox."""

    def __init__(self, port, certificate):
        self._target = ('127.0.0.1', port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*certificate)
        self._server = socket.create_server(('127.0.0.1', 0))
        self.url = f'https://127.0.0.1:{self._server.getsockname()[1]}'
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info):
        self._closing = True
        socket.create_connection(self._server.getsockname()).close()
        for thread in self._threads:
            thread.join()
        self._server.close()

    _closing = False

    def _accept(self):
        while not self._closing:
            plain, _ = self._server.accept()
            thread = threading.Thread(target=self._serve, args=(plain,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain):
        with plain, contextlib.suppress(OSError):
            plain.settimeout(10)
            with self._context.wrap_socket(plain, server_side=True) as near, \
                    socket.create_connection(self._target) as far:
                answering = threading.Thread(
                    target=self._pass_on, args=(far, near))
                answering.start()
                self._pass_on(near, far)
                answering.join()

    @staticmethod
    def _pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def secure(wiki, certificate, monkeypatch):
    """Let the wiki be reached by https; return the address."""
    for name in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'http_proxy',
                 'https_proxy', 'all_proxy', 'HTTPS_PROXY', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    with TlsFront(urlsplit(wiki.url).port, certificate) as front:
        yield front.url


@each_step
def test_an_unknown_certificate_is_refused(wiki, registered, secure, step):
    endpoint = endpoint_of(wiki, registered, secure)
    send = prepare(wiki, endpoint, registered, step)
    with pytest.raises(EndpointError, match=r'(?i)certificate.verify'):
        send()
    assert wiki.requests == []


@each_step
def test_pywikibots_certificates_are_used(
        wiki, registered, secure, step, certificate, monkeypatch):
    monkeypatch.setattr(http.session, 'verify', str(certificate[0]))
    endpoint = endpoint_of(wiki, registered, secure)
    prepare(wiki, endpoint, registered, step)()
    assert wiki.requests[0].status == 200


@each_step
@pytest.mark.parametrize('variable', ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'])
def test_certificates_from_the_environment_are_used(
        wiki, registered, secure, step, certificate, variable, monkeypatch):
    monkeypatch.setenv(variable, str(certificate[0]))
    endpoint = endpoint_of(wiki, registered, secure)
    prepare(wiki, endpoint, registered, step)()
    assert wiki.requests[0].status == 200


@pytest.mark.filterwarnings('ignore:Unverified HTTPS request')
def test_verification_that_pywikibot_has_switched_off_is_off(
        wiki, registered, secure, monkeypatch):
    monkeypatch.setattr(http.session, 'verify', False)
    # The environment switches it on again in a session, but not here.
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', '/nonexistent')
    endpoint_of(wiki, registered, secure).refresh(
        wiki.issue(registered).refresh_token)
    assert wiki.requests[0].status == 200


@each_step
def test_no_stored_password_is_sent_by_https(
        wiki, registered, secure, step, certificate, netrc, monkeypatch):
    monkeypatch.setattr(http.session, 'verify', str(certificate[0]))
    endpoint = endpoint_of(wiki, registered, secure)
    prepare(wiki, endpoint, registered, step)()
    authorization = wiki.requests[0].headers.get('authorization', '')
    assert not authorization.startswith('Basic')
    assert bool(authorization) == (step == 'profile')


def test_a_wiki_that_speaks_no_tls_is_an_endpoint_error(wiki, registered):
    def answer():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')

    with socket.create_server(('127.0.0.1', 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        url = f'https://127.0.0.1:{server.getsockname()[1]}'
        with pytest.raises(EndpointError, match='SSLError'):
            endpoint_of(wiki, registered, url).refresh('abc')
        thread.join()


# Faults

FAULTS = {
    'status 500': ('status', {'status': 500}),
    'status 502': ('status', {'status': 502}),
    'status 503': ('status', {'status': 503}),
    'status 504': ('status', {'status': 504}),
    'status 429': ('status', {'status': 429}),
    'status 404': ('status', {'status': 404}),
    'status 403': ('status', {'status': 403}),
    'status 400': ('status', {'status': 400}),
    'status 418 and JSON': ('status', {
        'status': 418, 'body': '{}', 'content_type': 'application/json'}),
    'status 500 and an error': ('status', {
        'status': 500, 'body': '{"error": "invalid_request"}',
        'content_type': 'application/json'}),
    'status 204': ('status', {'status': 204, 'body': '',
                              'content_type': 'application/json'}),
    'html': ('html', {}),
    'empty': ('empty', {}),
    'redirect': ('redirect', {'location': 'http://127.0.0.1:9/'}),
    'reset_before': ('reset_before', {}),
    'reset_after': ('reset_after', {}),
    'hang_before': ('hang_before', {}),
    'hang_after': ('hang_after', {}),
    'half': ('half', {}),
    'half JSON': ('status', {'status': 200, 'body': '{"access_token": "ab',
                             'content_type': 'application/json'}),
    'a list': ('rewrite', {'change': lambda data: [data]}),
    'a string': ('rewrite', {'change': lambda data: 'ok'}),
    'null': ('rewrite', {'change': lambda data: None}),
    'deeply nested': ('status', {'status': 200, 'body': '[' * 200_000,
                                 'content_type': 'application/json'}),
    'no UTF-8': ('status', {'status': 200, 'body': '\udcff'.encode(
        'utf-8', 'surrogateescape').decode('latin-1'),
        'content_type': 'application/json'}),
}
ODD_CHARSETS = ['idna', 'undefined', 'nonsense', 'zlib', '', '"']


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(config, 'socket_timeout', SOON)


def assert_silent(error, secrets):
    """Check that nothing that is shown of an error is secret."""
    shown = [''.join(traceback.format_exception(type(error), error,
                                                error.__traceback__))]
    while error is not None:
        shown += [str(error), repr(error), repr(error.args)]
        error = error.__cause__ or error.__context__
    for text in shown:
        for secret in secrets:
            assert secret not in text


@each_step
@pytest.mark.parametrize('fault', FAULTS)
def test_every_fault_is_an_endpoint_error_that_tells_no_secret(
        wiki, registered, endpoint, step, fault, records, impatient):
    kind, options = FAULTS[fault]
    send = prepare(wiki, endpoint, registered, step)
    wiki.fail_next(kind, path=PATHS[step], **options)
    with pytest.raises(EndpointError) as info:
        send()
    assert wiki.url in str(info.value)
    assert '\n' not in str(info.value)
    assert info.value.retry_after is None
    assert_silent(info.value, wiki.secrets)
    assert_logged_silently(records, wiki, answered=False)
    # It was sent once.
    assert len(wiki.requests) == 1
    assert wiki.faults_served == {kind: 1}


@pytest.mark.parametrize('step', ['exchange', 'refresh'])
@pytest.mark.parametrize('change', [
    lambda data: {}, lambda data: {'token_type': 'Bearer'},
    lambda data: {**data, 'access_token': None},
    lambda data: {**data, 'access_token': ''},
    lambda data: {**data, 'error': {'code': 'nested'}, 'access_token': None},
], ids=['empty', 'no token', 'null', 'empty token', 'an odd error'])
def test_an_answer_without_a_token_is_an_endpoint_error_or_empty(
        wiki, registered, endpoint, step, change):
    send = prepare(wiki, endpoint, registered, step)
    wiki.fail_next('rewrite', change=change)
    try:
        reply = send()
    except EndpointError as error:
        assert_silent(error, wiki.secrets)
    else:
        # Token.from_reply refuses it.
        assert not reply['access_token']


@pytest.mark.parametrize('charset', ODD_CHARSETS)
def test_the_charset_that_an_answer_claims_does_not_matter(
        wiki, registered, endpoint, charset):
    body = ('{"access_token": "abc", "refresh_token": "def",'
            ' "token_type": "Bearer", "expires_in": 20}')
    wiki.fail_next('status', status=200, body=body,
                   content_type=f'application/json; charset={charset}')
    reply = endpoint.refresh(wiki.issue(registered).refresh_token)
    assert reply['refresh_token'] == 'def'
    assert reply['expires_in'] == 20


@pytest.mark.parametrize('value', [
    None, 0, -1, 'soon', True, [20], {}, 10 ** 400, float('nan'),
    float('inf'), '1e999'])
def test_a_senseless_expiry_loses_no_token(wiki, registered, endpoint, value):
    wiki.fail_next('rewrite',
                   change=lambda data: {**data, 'expires_in': value})
    reply = endpoint.refresh(wiki.issue(registered).refresh_token)
    assert 'expires_in' not in reply
    assert reply['refresh_token'] in wiki.secrets


def test_a_refused_connection_is_an_endpoint_error(wiki, registered):
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    endpoint = endpoint_of(wiki, registered, f'http://127.0.0.1:{port}')
    refresh_token = wiki.issue(registered).refresh_token
    with pytest.raises(EndpointError, match='refused') as info:
        endpoint.refresh(refresh_token)
    assert_silent(info.value, wiki.secrets)


@pytest.mark.parametrize('host', [
    '127.0.0.1:99999', '127.0.0.1:port', 'wiki..invalid', '*.invalid',
    'a' * 64 + '.invalid'])
def test_a_host_that_cannot_be_reached_is_an_endpoint_error(
        wiki, registered, host):
    endpoint = endpoint_of(wiki, registered, f'https://{host}/w')
    refresh_token = wiki.issue(registered).refresh_token
    with pytest.raises(EndpointError) as info:
        endpoint.refresh(refresh_token)
    assert_silent(info.value, wiki.secrets)


# Retry-After

def http_date(seconds):
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize('status', [429, 500, 503])
@pytest.mark.parametrize(('value', 'expected'), [
    ('7', 7), (' 120 ', 120), ('0.5', 0.5), ('86400', 86400), ('0', None),
    ('-5', None), ('', None), ('soon', None), ('nan', None), ('inf', None),
    ('9' * 400, None), ('Wed, 21 Oct 2015 07:28:00 GMT', None),
    ('Wed, 99 Foo 2026 07:28:00 GMT', None), (',', None), ('\t', None),
    ('Wed, 21 Oct 99999 07:28:00 GMT', None)])
def test_retry_after_in_seconds(wiki, registered, endpoint, status, value,
                                expected):
    wiki.fail_next('status', status=status, retry_after=value)
    with pytest.raises(EndpointError) as info:
        endpoint.refresh(wiki.issue(registered).refresh_token)
    assert info.value.retry_after == expected


@pytest.mark.parametrize('write', [
    http_date, lambda seconds: format_datetime(
        datetime.now(timezone(timedelta(hours=5)))
        + timedelta(seconds=seconds))], ids=['GMT', '+0500'])
def test_retry_after_as_a_date(wiki, registered, endpoint, write):
    wiki.fail_next('status', status=503, retry_after=write(100))
    with pytest.raises(EndpointError) as info:
        endpoint.refresh(wiki.issue(registered).refresh_token)
    assert info.value.retry_after == pytest.approx(100, abs=5)


# Refusals

@pytest.mark.parametrize(('version', 'status', 'error'), [
    ('1.43', 401, 'invalid_request'), ('1.47', 400, 'invalid_grant')])
@pytest.mark.parametrize(('case', 'hint'), [
    ('revoked', 'Token has been revoked'),
    ('used', 'Token has been revoked'),
    ('expired', 'Token has expired'),
    ('garbage', 'Cannot decrypt the refresh token'),
    ("another client's", 'Token is not linked to client')])
def test_a_dead_refresh_token_ends_the_authorization(
        wiki, registered, endpoint, clock, version, status, error, case,
        hint):
    wiki.version = version
    owner = wiki.register() if case == "another client's" else registered
    refresh_token = wiki.issue(owner).refresh_token
    if case == 'revoked':
        wiki.revoke('Bot', registered)
    elif case == 'used':
        endpoint.refresh(refresh_token)
        clock.advance(601)
    elif case == 'expired':
        clock.advance(wiki.refresh_life + 1)
    elif case == 'garbage':
        refresh_token = 'def50200'
    with pytest.raises(AuthorizationEndedError, match=hint) as info:
        endpoint.refresh(refresh_token)
    assert (wiki.requests[-1].status, wiki.requests[-1].error) == (status,
                                                                   error)
    assert wiki.url in str(info.value)
    assert_silent(info.value, [refresh_token, *wiki.secrets])


@pytest.mark.parametrize('version', ['1.43', '1.47'])
@pytest.mark.parametrize('step', ['exchange', 'refresh'])
def test_a_wrong_secret_is_the_clients_fault(wiki, registered, version, step):
    wiki.version = version
    wrong = Endpoint(wiki.url, OAuth2Client(registered.id, 'wr0ngc0ffee',
                                            redirect_uri=CALLBACK))
    send = prepare(wiki, wrong, registered, step)
    with pytest.raises(ClientRefusedError, match='client secret') as info:
        send()
    assert registered.id in str(info.value)
    assert 'user-config.py' in str(info.value)
    assert_silent(info.value, ['wr0ngc0ffee', *wiki.secrets])


@pytest.mark.parametrize('end', ['delete_client', 'disable_client'])
@pytest.mark.parametrize('step', ['exchange', 'refresh'])
def test_a_client_that_is_gone_is_the_clients_fault(
        wiki, registered, endpoint, end, step):
    send = prepare(wiki, endpoint, registered, step)
    getattr(wiki, end)(registered)
    with pytest.raises(ClientRefusedError, match='disabled or deleted'):
        send()


@pytest.mark.parametrize('version', ['1.43', '1.45'])
def test_a_public_client_learns_why_it_cannot_refresh(wiki, version):
    wiki.version = version
    registered = wiki.register(confidential=False)
    endpoint = endpoint_of(wiki, registered, secret=False)
    with pytest.raises(ClientRefusedError, match='T323855'):
        endpoint.refresh(wiki.issue(registered).refresh_token)


def test_a_confidential_client_without_its_secret_learns_why(wiki,
                                                             registered):
    endpoint = endpoint_of(wiki, registered, secret=False)
    send = prepare(wiki, endpoint, registered, 'exchange')
    with pytest.raises(ClientRefusedError, match='confidential needs it'):
        send()


@pytest.mark.parametrize('step', ['exchange', 'refresh'])
def test_an_error_without_a_known_name_is_an_endpoint_error(
        wiki, registered, endpoint, step):
    send = prepare(wiki, endpoint, registered, step)
    wiki.fail_next('status', status=400, content_type='application/json',
                   body='{"error": "temporarily_unavailable"}')
    with pytest.raises(EndpointError, match='temporarily_unavailable'):
        send()


def test_a_refused_code_may_be_followed_by_a_better_one(wiki, registered,
                                                        endpoint):
    with pytest.raises(AuthorizationError) as info:
        endpoint.exchange('def50200', endpoint.new_verifier())
    assert not info.value.is_final
    assert 'pwb login' in str(info.value)


# Logs

@each_step
def test_no_secret_is_logged(wiki, registered, endpoint, step, records):
    prepare(wiki, endpoint, registered, step)()
    assert_logged_silently(records, wiki)


@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_no_secret_is_logged_when_it_is_refused(
        wiki, registered, endpoint, version, records):
    wiki.version = version
    refresh_token = wiki.issue(registered).refresh_token
    wiki.revoke('Bot', registered)
    with pytest.raises(AuthorizationEndedError):
        endpoint.refresh(refresh_token)
    assert_logged_silently(records, wiki)


def test_no_secret_is_logged_by_several_threads(wiki, registered, endpoint,
                                                records):
    tokens = [wiki.issue(registered).refresh_token for _ in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(endpoint.refresh, tokens))) == 24
    assert_logged_silently(records, wiki)


def test_other_programs_logs_are_not_silenced(wiki, registered, endpoint,
                                              records):
    def log():
        requests_oauthlib.oauth2_session.log.debug('somebody else')
        return sum('somebody else' in text for text in records)

    assert log()
    seen = []
    wiki.fail_next('rewrite', change=lambda data: seen.append(log()) or data)
    endpoint.refresh(wiki.issue(registered).refresh_token)
    wiki.fail_next('html')
    with pytest.raises(OAuth2Error):
        endpoint.refresh(wiki.issue(registered).refresh_token)
    assert seen[0] > 0
    assert log() > seen[0]


def test_the_log_would_hold_the_secrets_otherwise(wiki, registered, records,
                                                  monkeypatch):
    """Show that there is something to hide, without this package."""
    monkeypatch.setenv('OAUTHLIB_INSECURE_TRANSPORT', '1')
    refresh_token = wiki.issue(registered).refresh_token
    with requests_oauthlib.OAuth2Session(registered.id) as session:
        session.refresh_token(f'{wiki.url}/rest.php/oauth2/access_token',
                              refresh_token=refresh_token,
                              client_id=registered.id,
                              client_secret=registered.secret)
    assert any(refresh_token in text for text in records)
    assert any(registered.secret in text for text in records)


def test_a_wiki_in_a_folder_is_asked_there(clock):
    with Sandbox(clock=clock, path='/w') as wiki:
        registered = wiki.register(redirect_uri=CALLBACK)
        endpoint = endpoint_of(wiki, registered)
        endpoint.exchange(*begin(wiki, endpoint))
        assert wiki.requests[0].path == '/w/rest.php/oauth2/access_token'
