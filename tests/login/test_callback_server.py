"""Tests of the callback server, with real sockets and no browser."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import socket
import struct
import time
from urllib.parse import urlsplit

import pytest

from pywikibot_oauth2.login.callback_server import (
    CallbackServer,
    loopback_address,
    owner_of_port,
)
from tests.harness import free_port
from tests.helpers import SECONDS, raises


STATE = 'fa15e57a7e'
CODE = 'def50200' * 102
CALLBACK = f'?code={CODE}&state={STATE}'


def serve(uri):
    """Return a server that accepts callbacks with the state STATE."""
    return CallbackServer(uri, lambda query: query.endswith(f'state={STATE}'))


@pytest.fixture
def ipv6():
    """Skip a test where there is no ::1."""
    try:
        socket.create_server(('::1', 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f'no ::1 here: {error}')


@pytest.fixture
def uri():
    return f'http://127.0.0.1:{free_port()}/'


@pytest.fixture
def server(uri):
    with serve(uri) as opened:
        yield opened


def fetch(uri, target, method='GET', connect_to=None, **headers):
    """Request a target from the host of a callback URL; read the answer."""
    parts = urlsplit(uri)
    connection = http.client.HTTPConnection(
        connect_to or parts.hostname, parts.port or 80, timeout=SECONDS
    )
    with contextlib.closing(connection):
        headers = {'Host': parts.netloc, **headers}
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        response.text = response.read().decode('utf-8')
        return response


def only_the_callback_counts(server, uri, path='/'):
    """Check that nothing has counted so far, and that the callback does."""
    assert server.callbacks.empty()
    assert fetch(uri, path + CALLBACK).status == 200
    assert server.callbacks.get(timeout=SECONDS) == CALLBACK
    return True


def request(uri):
    """Return the callback as the text of a request."""
    return f'GET /{CALLBACK} HTTP/1.1\r\nHost: {urlsplit(uri).netloc}\r\n\r\n'


@contextlib.contextmanager
def connected(uri, text=''):
    """Open a connection and send only this text."""
    parts = urlsplit(uri)
    with socket.create_connection(
        (parts.hostname, parts.port), timeout=SECONDS
    ) as connection:
        connection.sendall(text.encode('latin-1'))
        yield connection


def send(uri, text):
    """Send bytes that no client would, and read what comes back."""
    with connected(uri, text) as connection:
        answer = b''
        while received := connection.recv(65536):
            answer += received
        return answer


# Where it listens


@pytest.mark.parametrize(
    ('uri', 'host', 'port'),
    [
        ('http://127.0.0.1:8080', '127.0.0.1', 8080),
        ('http://127.250.1.2:1/callback', '127.250.1.2', 1),
        ('http://[0:0:0:0:0:0:0:1]:8080/', '::1', 8080),
        ('HTTP://LocalHost:8080/', 'localhost', 8080),
        ('http://localhost/', 'localhost', 80),
    ],
)
def test_plain_http_on_loopback_can_be_listened_on(uri, host, port):
    assert loopback_address(uri) == (host, port)


ELSEWHERE = """
https://127.0.0.1:8080/ http://128.0.0.1:8080/ http://[::2]:8080/ oob
http://127.0.0.1.example.org/ http://localhost.example.org/ http://[::1:8080/
http://example.org:8080/ http://127.0.0.1:0/ http://127.0.0.1:65536/
http://127.0.0.1:port/ http://0.0.0.0:8080/ 127.0.0.1:8080
http://127.0.0.1@example.org:8080/
"""


@pytest.mark.parametrize('uri', ELSEWHERE.split())
def test_no_other_callback_url_can_be_listened_on(uri):
    with raises(ValueError):
        serve(uri)


def test_it_listens_on_its_own_address_only(server, uri):
    with pytest.raises(ConnectionRefusedError):
        fetch(uri, '/', connect_to='127.0.0.2')


def test_a_port_that_is_taken_is_an_oserror_and_its_owner_is_known():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match='in use'):
            serve(f'http://127.0.0.1:{port}/')
        assert owner_of_port(port) == getpass.getuser()
    assert owner_of_port(port) is None


@pytest.mark.parametrize(
    ('name', 'addresses'),
    [('[::1]', ['::1']), ('localhost', ['::1', '127.0.0.1'])],
)
def test_ipv6_is_listened_on_and_localhost_in_both_families(
    ipv6, name, addresses
):
    uri = f'http://{name}:{free_port()}/'
    with serve(uri) as server:
        for address in addresses:
            # Its host may be written in capitals.
            host = urlsplit(uri).netloc.upper()
            fetch(uri, f'/{CALLBACK}', connect_to=address, Host=host)
            assert server.callbacks.get(timeout=SECONDS) == CALLBACK


def test_localhost_is_taken_if_one_family_is_and_the_other_is_released(ipv6):
    port = free_port()
    with socket.create_server(('::1', port), family=socket.AF_INET6):
        with pytest.raises(OSError, match='in use'):
            serve(f'http://localhost:{port}/')
        socket.create_server(('127.0.0.1', port)).close()
        assert owner_of_port(port) == getpass.getuser()


# What belongs to the login


def test_each_answer_is_passed_on_and_the_browser_is_answered_at_once(
    server, uri
):
    marks = {'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document'}
    # That of "curl --http2"
    marks['Upgrade'] = 'h2c'
    # An earlier one may not have completed the login.
    for query in (CALLBACK, f'?code={"f" * 8000}&state={STATE}'):
        page = fetch(uri, f'/{query}', **marks)
        assert page.status == 200
        assert 'Return to the terminal' in page.text
        shown = f'{server!r} {server} {server.callbacks!r}'
        assert CODE not in shown
        assert STATE not in shown
        assert server.callbacks.get(timeout=SECONDS) == query


HOST = 'Host: 127.0.0.1:{port}'
OTHER_HOSTS = """
attacker.example attacker.example:{port} localhost:{port} 127.0.0.1 127.0.0.1:1
127.0.0.1:{port}.attacker.example
"""


def refusals():
    """Yield statuses with the lines of requests that are not the answer."""
    for query in ('', '?', '?code=c&state=foreign', f'{CALLBACK}é'):
        yield 400, f'GET /{query} HTTP/1.1', HOST
    get = f'GET /{CALLBACK} HTTP/1.1'
    # Requests of a web page
    for marks in ('no-cors image', 'cors document', 'navigate iframe'):
        mode, dest = marks.split()
        fields = f'Sec-Fetch-Mode: {mode}', f'Sec-Fetch-Dest: {dest}'
        yield 400, get, HOST, *fields
    for field in 'Sec-Purpose: prefetch;prerender', 'Sec-WebSocket-Key: x':
        yield 400, get, HOST, field
    for method in ('POST', 'HEAD', 'PUT', 'OPTIONS', 'ANY'):
        yield 405, f'{method} /{CALLBACK} HTTP/1.1', HOST
    for host in OTHER_HOSTS.split():
        yield 421, get, f'Host: {host}'
    for path in ('favicon.ico', '%2F', '/127.0.0.1/'):
        yield 404, f'GET /{path}{CALLBACK} HTTP/1.1', HOST
    get = f'GET /{CALLBACK}'
    yield 404, f'GET http://127.0.0.1/{CALLBACK} HTTP/1.1', HOST
    yield 400, f'{get} HTTP/2', HOST
    yield 400, '\x16\x03\x01\x02\x00\x01'
    yield 405, f'POST /{CALLBACK} HTTP/1.1', HOST, '', 'x' * 1000
    yield 414, f'GET /?code={"f" * 70000} HTTP/1.1', HOST
    yield 414, f'GET {"x" * 100000}'
    yield 421, get
    yield 421, f'{get}\nX HTTP/1.1', HOST
    yield 421, f'{get} HTTP/1.0'
    yield 421, f'{get} HTTP/1.1', HOST, 'Host: a'
    yield 431, f'{get} HTTP/1.1', HOST, *['A: b'] * 9000
    yield 505, 'PRI * HTTP/2.0', '', 'SM'


REFUSALS = list(refusals())


@pytest.mark.parametrize('refusal', REFUSALS, ids=range(len(REFUSALS)))
def test_what_no_browser_sends_for_a_person_is_refused_and_ignored(
    server, uri, refusal
):
    status, *lines = refusal
    text = '\r\n'.join([*lines, '', ''])
    answer = send(uri, text.format(port=urlsplit(uri).port))
    assert answer.startswith(b'HTTP/1.1 %d ' % status)
    assert b'\r\nAllow: GET\r\n' in answer
    assert b'Python' not in answer
    if lines[0].startswith('HEAD'):
        assert answer.endswith(b'\r\n\r\n')
        assert answer.count(b'\r\n\r\n') == 1
    elif status == 400 and lines[0].endswith('HTTP/1.1'):
        assert b'does not belong to the login that is pending' in answer
    else:
        assert b'Nothing here' in answer
    assert only_the_callback_counts(server, uri)


@pytest.mark.parametrize(
    ('registered', 'others'),
    [
        ('', ['/callback']),
        ('/callback', ['/callback/', '/Callback', '/']),
        ('/callback/', ['/callback']),
    ],
)
def test_another_path_is_not_found_and_ignored(uri, registered, others):
    with serve(uri[:-1] + registered) as server:
        for other in others:
            assert fetch(uri, other + CALLBACK).status == 404
        assert only_the_callback_counts(server, uri, registered or '/')


def test_browsers_omit_the_default_port():
    uri = 'http://127.80.80.80/'
    try:
        server = serve(uri)
    except OSError as error:
        pytest.skip(f'no port 80 here: {error}')
    with server:
        for name, status in [('', 200), (':80', 200), (':8080', 421)]:
            name = f'127.80.80.80{name}'
            assert fetch(uri, f'/{CALLBACK}', Host=name).status == status


# The end


@pytest.mark.parametrize('error', [None, RuntimeError, KeyboardInterrupt])
def test_the_port_is_released_at_once(uri, error):
    for _ in range(3):
        with contextlib.suppress(error or ()), serve(uri) as server:
            assert only_the_callback_counts(server, uri)
            if error:
                raise error


def test_unfinished_requests_hold_up_nothing(uri):
    with contextlib.ExitStack() as connections:
        with serve(uri) as server:
            for text in ('', 'GET /', f'GET /{CALLBACK} HT'):
                connections.enter_context(connected(uri, text))
            assert only_the_callback_counts(server, uri)
            begin = time.monotonic()
        assert time.monotonic() - begin < 5


# Browsers that are slow, gone or strange


def test_a_request_that_comes_in_pieces_counts(server, uri):
    text = request(uri)
    with connected(uri) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(text), 7):
            connection.sendall(text[start : start + 7].encode())
        assert server.callbacks.get(timeout=SECONDS) == CALLBACK


def test_a_browser_that_leaves_does_no_harm_and_nothing_is_logged(
    uri, capfd, caplog
):
    def leave(_callback):
        # With this, closing the connection resets it.
        linger = struct.pack('ii', 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
        return True

    with CallbackServer(uri, leave) as server, connected(uri) as connection:
        connection.sendall(request(uri).encode())
        # It counts, although nobody is there for the page.
        assert server.callbacks.get(timeout=SECONDS) == CALLBACK
    with serve(uri) as server:
        with connected(uri, 'GET /half'):
            pass
        for target in ('favicon.ico', '?code=c&state=foreign', CALLBACK):
            fetch(uri, f'/{target}')
        assert server.callbacks.get(timeout=SECONDS) == CALLBACK
    assert capfd.readouterr() == ('', '')
    assert caplog.text == ''


# The page


@pytest.mark.parametrize(
    'target', [f'/{CALLBACK}', '/?code=c&state=foreign', '/favicon.ico?code=c']
)
def test_a_page_needs_and_tells_nothing_else(server, uri, target):
    page = fetch(uri, target)
    expected = {
        'Content-Type': 'text/html; charset=utf-8',
        'Cache-Control': 'no-store',
        'Referrer-Policy': 'no-referrer',
        'X-Content-Type-Options': 'nosniff',
        'Connection': 'close',
        'Content-Length': str(len(page.text.encode())),
        'Content-Security-Policy': "default-src 'none'; style-src"
        " 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none';"
        " form-action 'none'",
    }
    assert expected.items() <= dict(page.headers).items()
    assert 'Python' not in str(page.headers)
    for part in ('<html lang="en">', 'name="viewport"', 'dark) {'):
        assert part in page.text
    words = '<script', 'src=', 'href=', 'url(', '@import', 'onload'
    for word in (*words, CODE, STATE, 'foreign', 'favicon'):
        assert word not in page.text
