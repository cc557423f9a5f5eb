"""Tests of the callback server, with real sockets and no browser."""

from __future__ import annotations

import contextlib
import getpass
import http.client
import socket
import struct
import threading
import time
from functools import partial
from urllib.parse import urlsplit

import pytest

from pywikibot_oauth2.authorization import PendingLogin
from pywikibot_oauth2.errors import AnswerNotAcceptedError, AuthorizationError
from pywikibot_oauth2.login.callback_server import (
    CallbackServer,
    loopback_address,
    owner_of_port,
)
from pywikibot_oauth2.protocol import parse_callback
from tests.harness import free_port


STATE = 'fa15e57a7e'
CODE = 'def50200' * 102
CALLBACK = f'?code={CODE}&state={STATE}'
SECONDS = 10  # more than anything here takes


def is_answer(callback):
    """Tell whether the conversation would take a callback."""
    try:
        parse_callback(callback, PendingLogin(STATE, 'verifier'))
    except AnswerNotAcceptedError:
        return False
    except AuthorizationError:
        pass
    return True


serve = partial(CallbackServer, is_answer=is_answer)


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
    """Ask for a target where a callback URL points, and read it all."""
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


def only_the_callback_counts(server, uri):
    """Check that nothing counted so far, and that the callback does."""
    assert server.callbacks.empty()
    assert fetch(uri, urlsplit(uri).path + CALLBACK).status == 200
    return server.callbacks.get_nowait() == CALLBACK


def request(uri, target=f'/{CALLBACK}'):
    """Return the bytes of a request as text."""
    return f'GET {target} HTTP/1.1\r\nHost: {urlsplit(uri).netloc}\r\n\r\n'


@contextlib.contextmanager
def connected(uri, text=''):
    """Open a connection and send no more than this."""
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


@pytest.mark.parametrize(
    'uri',
    [
        'https://127.0.0.1:8080/',
        'http://128.0.0.1:8080/',
        'http://[::2]:8080/',
        'http://127.0.0.1.example.org/',
        'http://localhost.example.org/',
        'http://example.org:8080/',
        'http://[::1:8080/',
        'http://127.0.0.1:0/',
        'http://127.0.0.1:65536/',
        'http://127.0.0.1:port/',
        'http://0.0.0.0:8080/',
        'http://127.0.0.1@example.org:8080/',
        '127.0.0.1:8080',
        'oob',
    ],
)
def test_no_other_callback_url_can_be_listened_on(uri):
    assert loopback_address(uri) is None
    with pytest.raises(ValueError, match='not on this machine'):
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
    ('name', 'address'),
    [('[::1]', '::1'), ('localhost', '::1'), ('localhost', '127.0.0.1')],
)
def test_ipv6_is_listened_on_and_localhost_in_both_families(
    ipv6, name, address
):
    uri = f'http://{name}:{free_port()}/'
    with serve(uri) as server:
        fetch(uri, f'/{CALLBACK}', connect_to=address)
        assert server.callbacks.get_nowait() == CALLBACK


def test_localhost_is_taken_if_one_family_is_and_the_other_is_released(ipv6):
    with socket.create_server(('::1', 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match='in use'):
            serve(f'http://localhost:{port}/')
        with socket.create_server(('127.0.0.1', port)):
            pass
        assert owner_of_port(port) == getpass.getuser()


# What belongs to the login


@pytest.mark.parametrize(
    'query',
    [
        CALLBACK,
        f'?code={"f" * 8000}&state={STATE}',
        '?error=unauthorized_client&error_description=The+user+denied',
        f'?error=invalid_scope&state={STATE}',
    ],
    ids=['code', 'long', 'denial without state', 'error with state'],
)
def test_an_answer_is_passed_on_and_the_browser_is_answered_at_once(
    server, uri, query
):
    page = fetch(uri, f'/{query}')
    assert page.status == 200
    assert 'Return to the terminal' in page.text
    assert server.callbacks.get_nowait() == query


def test_a_second_answer_is_passed_on_too(server, uri):
    # The first one may not have completed the login.
    for code in ('first', 'second'):
        fetch(uri, f'/?code={code}&state={STATE}')
        assert f'code={code}&' in server.callbacks.get_nowait()


FOREIGN = """
?code={code} ?code={code}&state= ?state={state} ?code=&state={state} ?
?code={code}&state={state}x ?code={code}&state={state}&state=foreign
?code={code}&state=%C3%A9 ?code={code}&state=foreign&state={state}
?code={code}&code={code}&state={state} ?error=access_denied&state=foreign
?code={code}&state={state}&state={state}
"""


@pytest.mark.parametrize(
    'query', FOREIGN.format(code=CODE, state=STATE).split()
)
def test_a_query_that_does_not_belong_is_told_so_and_ignored(
    server, uri, query
):
    page = fetch(uri, f'/{query}')
    assert page.status == 400
    assert 'does not belong to the login that is pending' in page.text
    assert only_the_callback_counts(server, uri)


def marks(mode, dest):
    return {'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest}


@pytest.mark.parametrize('query', [CALLBACK, '?error=x&error_description=y'])
@pytest.mark.parametrize(
    ('status', 'method', 'headers'),
    [
        # Requests of a web page
        (400, 'GET', marks('no-cors', 'image')),
        (400, 'GET', marks('cors', 'empty')),
        (400, 'GET', marks('navigate', 'iframe')),
        *(
            (405, method, {})
            for method in ('POST', 'HEAD', 'PUT', 'OPTIONS', 'ANY')
        ),
        (421, 'GET', {'Host': 'attacker.example'}),
        (421, 'GET', {'Host': 'attacker.example:{port}'}),
        (421, 'GET', {'Host': 'localhost:{port}'}),
        (421, 'GET', {'Host': '127.0.0.1'}),
        (421, 'GET', {'Host': '127.0.0.1:1'}),
        (421, 'GET', {'Host': '127.0.0.1:{port}.attacker.example'}),
    ],
)
def test_what_no_browser_sends_for_a_person_is_refused_and_ignored(
    server, uri, query, status, method, headers
):
    port = urlsplit(uri).port
    headers = {name: headers[name].format(port=port) for name in headers}
    response = fetch(uri, f'/{query}', method, **headers)
    assert response.status == status
    assert response.getheader('Allow') == 'GET'
    assert only_the_callback_counts(server, uri)


def test_a_navigation_that_is_marked_as_one_counts(server, uri):
    fields = marks('navigate', 'document')
    assert fetch(uri, f'/{CALLBACK}', **fields).status == 200
    assert server.callbacks.get_nowait() == CALLBACK


@pytest.mark.parametrize(
    ('registered', 'others'),
    [
        ('/', ['/favicon.ico', '/%2F', 'http://127.0.0.1/']),
        ('/callback', ['/callback/', '/Callback', '/']),
        ('/callback/', ['/callback']),
    ],
)
def test_another_path_is_not_found_and_ignored(uri, registered, others):
    uri = uri[:-1] + registered
    with serve(uri) as server:
        for other in others:
            assert fetch(uri, other + CALLBACK).status == 404
        assert only_the_callback_counts(server, uri)


def test_a_callback_url_without_a_path_is_called_at_the_root(uri):
    with serve(uri[:-1]) as server:
        assert only_the_callback_counts(server, uri)


def test_the_query_of_the_callback_url_has_to_come_back(uri):
    with serve(f'{uri}?wiki=de&empty=') as server:
        for query in (CALLBACK, f'{CALLBACK}&wiki=en&empty='):
            assert fetch(uri, f'/{query}').status == 400
        target = f'/?wiki=de&empty=&{CALLBACK[1:]}'
        assert fetch(uri, target).status == 200
        assert server.callbacks.get_nowait() == target[1:]


def test_a_head_request_gets_no_body(server, uri):
    answer = send(uri, request(uri).replace('GET', 'HEAD'))
    assert answer.endswith(b'\r\n\r\n')
    assert answer.count(b'\r\n\r\n') == 1


def test_the_host_may_be_written_in_capitals():
    uri = f'http://localhost:{free_port()}/'
    with serve(uri) as server:
        name = urlsplit(uri).netloc.upper()
        fetch(uri, f'/{CALLBACK}', connect_to='127.0.0.1', Host=name)
        assert server.callbacks.get_nowait() == CALLBACK


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


def test_unfinished_requests_hold_up_nothing_and_leave_no_thread(uri):
    before = set(threading.enumerate())
    with contextlib.ExitStack() as connections:
        with serve(uri) as server:
            for text in ('', 'GET /', f'GET /{CALLBACK} HT'):
                connections.enter_context(connected(uri, text))
            assert only_the_callback_counts(server, uri)
            assert set(threading.enumerate()) - before
            begin = time.monotonic()
        assert time.monotonic() - begin < SECONDS / 2
        assert not set(threading.enumerate()) - before


# Browsers that are slow, gone or strange


def test_a_request_that_comes_in_pieces_counts(server, uri):
    text = request(uri)
    with connected(uri) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(text), 7):
            connection.sendall(text[start : start + 7].encode())
        assert server.callbacks.get(timeout=SECONDS) == CALLBACK


@pytest.mark.parametrize(
    ('text', 'status'),
    [
        ('GET /?code=' + 'f' * 70000 + ' HTTP/1.1\r\nHost: {host}\r\n\r\n', 414),
        (f'GET /{CALLBACK} HTTP/1.1\r\nHost: {{host}}\r\n' + 'A: b\r\n' * 9000,
         431),
        ('GET ' + 'x' * 100000, 414),
        (f'GET /{CALLBACK}\r\n\r\n', 421),
        (f'GET /{CALLBACK} HTTP/2\r\nHost: {{host}}\r\n\r\n', 400),
        (f'GET /{CALLBACK}é HTTP/1.1\r\nHost: {{host}}\r\n\r\n', 400),
        (f'GET /{CALLBACK}\nX HTTP/1.1\r\nHost: {{host}}\r\n\r\n', 421),
        (f'GET /{CALLBACK} HTTP/1.0\r\n\r\n', 421),
        (f'GET /{CALLBACK} HTTP/1.1\r\nHost: {{host}}\r\nHost: a\r\n\r\n', 421),
        ('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
        ('\x16\x03\x01\x02\x00\x01\r\n\r\n', 400),
        (f'POST /{CALLBACK} HTTP/1.1\r\nHost: {{host}}\r\n\r\n' + 'x' * 1000,
         405),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_not_a_proper_request_is_refused_and_ignored(
    server, uri, text, status
):
    answer = send(uri, text.format(host=urlsplit(uri).netloc))
    assert answer.startswith(b'HTTP/1.1 %d ' % status)
    assert b'Nothing here' in answer or status == 400
    assert b'Python' not in answer
    assert only_the_callback_counts(server, uri)


def test_a_browser_that_leaves_does_no_harm_and_nothing_is_logged(
    uri, capfd, caplog
):
    with serve(uri) as server:
        with connected(uri, request(uri)) as connection:
            # Closed like this, it is reset, not ended.
            linger = struct.pack('ii', 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with connected(uri, 'GET /half'):
            pass
        for target in (
            '/favicon.ico',
            '/?code=c&state=foreign',
            f'/{CALLBACK}',
        ):
            fetch(uri, target)
        assert server.callbacks.get(timeout=SECONDS) == CALLBACK
    assert capfd.readouterr() == ('', '')
    assert caplog.text == ''


# The page


@pytest.mark.parametrize(
    'target', [f'/{CALLBACK}', '/?code=c&state=foreign', '/favicon.ico?code=c']
)
def test_a_page_needs_and_tells_nothing_else(server, uri, target):
    page = fetch(uri, target)
    headers = page.headers
    assert headers['Content-Type'] == 'text/html; charset=utf-8'
    assert headers['Cache-Control'] == 'no-store'
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Connection'] == 'close'
    assert headers['Content-Length'] == str(len(page.text.encode()))
    assert headers['Content-Security-Policy'].split('; ') == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert 'Python' not in str(headers)
    for part in ('<html lang="en">', 'name="viewport"', 'dark) {'):
        assert part in page.text
    words = '<script', 'src=', 'href=', 'url(', '@import', 'onload'
    for word in (*words, CODE, STATE, 'foreign', 'favicon'):
        assert word not in page.text


def test_repr_shows_neither_code_nor_state(server, uri):
    fetch(uri, f'/{CALLBACK}')
    shown = f'{server!r} {server} {server.callbacks!r}'
    assert CODE not in shown
    assert STATE not in shown
