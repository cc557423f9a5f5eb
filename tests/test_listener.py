#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the loopback listener, with real sockets and no browser."""
from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from pywikibot_oauth2.listener import (
    Arrival,
    CallbackListener,
    loopback_address,
)


STATE = 'fa15e57a7e'
CODE = 'def50200' * 102
SECONDS = 10  # more than anything here takes
BROWSERS = ThreadPoolExecutor()


def has_ipv6():
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason='no ::1 here')


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def uri():
    return f'http://127.0.0.1:{free_port()}/'


@pytest.fixture
def listener(uri):
    with CallbackListener(uri, STATE) as opened:
        yield opened


def fetch(uri, target, method='GET', connect_to=None, **headers):
    """Ask for a target where a redirect URI points, and read it all."""
    parts = urlsplit(uri)
    connection = http.client.HTTPConnection(
        connect_to or parts.hostname, parts.port or 80, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request(method, target, headers={
            'Host': parts.netloc, **headers})
        response = connection.getresponse()
        response.text = response.read().decode('utf-8')
        return response


def visit(uri, target, **how):
    """Do the same in a browser of its own, which may have to wait."""
    return BROWSERS.submit(fetch, uri, target, **how)


def callback(code=CODE, state=STATE):
    return f'/?code={code}&state={state}'


def still_waits(listener, uri):
    """Check that nothing arrived yet, and that the callback still can."""
    assert listener.arrivals.empty()
    page = visit(uri, callback())
    listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', 'Close it.')
    return page.result(SECONDS).status == 200


def request(uri, target=None, host=None):
    """Return the bytes of a request as text."""
    return (f'GET {target or callback()} HTTP/1.1\r\n'
            f'Host: {host or urlsplit(uri).netloc}\r\n\r\n')


@contextlib.contextmanager
def connected(uri, text=''):
    """Open a connection and send no more than this."""
    parts = urlsplit(uri)
    with socket.create_connection((parts.hostname, parts.port),
                                  timeout=SECONDS) as connection:
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

@pytest.mark.parametrize(('uri', 'expected'), [
    ('http://127.0.0.1:8080/', ('127.0.0.1', 8080)),
    ('http://127.0.0.1:8080', ('127.0.0.1', 8080)),
    ('http://127.250.1.2:1/callback', ('127.250.1.2', 1)),
    ('http://[::1]:8080/', ('::1', 8080)),
    ('http://[0:0:0:0:0:0:0:1]:8080/', ('::1', 8080)),
    ('HTTP://LocalHost:8080/', ('localhost', 8080)),
    ('http://localhost/', ('localhost', 80)),
])
def test_plain_http_on_loopback_can_be_listened_on(uri, expected):
    assert loopback_address(uri) == expected


@pytest.mark.parametrize('uri', [
    'https://127.0.0.1:8080/', 'http://128.0.0.1:8080/',
    'http://127.0.0.1.example.org/', 'http://localhost.example.org/',
    'http://example.org:8080/', 'http://[::2]:8080/', 'http://[::1:8080/',
    'http://127.0.0.1:0/', 'http://127.0.0.1:65536/',
    'http://127.0.0.1:port/', 'http://0.0.0.0:8080/',
    'http://127.0.0.1@example.org:8080/', '127.0.0.1:8080', 'oob', '',
])
def test_any_other_redirect_uri_cannot(uri):
    assert loopback_address(uri) is None


def test_a_redirect_uri_elsewhere_is_refused():
    with pytest.raises(ValueError, match='not on a loopback address'):
        CallbackListener('https://example.org/', STATE)


def test_nothing_is_bound_before_it_is_entered(uri):
    CallbackListener(uri, STATE)
    with pytest.raises(ConnectionRefusedError):
        fetch(uri, '/')


def test_it_listens_on_its_own_address_only(listener, uri):
    with pytest.raises(ConnectionRefusedError):
        fetch(uri, '/', connect_to='127.0.0.2')


def test_a_port_that_is_taken_is_an_oserror():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        uri = f'http://127.0.0.1:{taken.getsockname()[1]}/'
        with pytest.raises(OSError, match='in use'), \
                CallbackListener(uri, STATE):
            pass


def test_an_address_that_the_machine_lacks_is_an_oserror():
    # Every machine has some loopback address, so this takes another one.
    listener = CallbackListener('http://127.0.0.1:8080/', STATE)
    listener._host = '192.0.2.1'
    with pytest.raises(OSError, match='address'), listener:
        pass


@needs_ipv6
def test_ipv6_is_listened_on():
    uri = f'http://[::1]:{free_port()}/'
    with CallbackListener(uri, STATE) as listener:
        page = visit(uri, callback())
        arrival = listener.arrivals.get(timeout=SECONDS)
        assert arrival.url == uri[:-1] + callback()
        arrival.answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


@needs_ipv6
@pytest.mark.parametrize('address', ['127.0.0.1', '::1'])
def test_localhost_is_listened_on_in_both_families(address):
    uri = f'http://localhost:{free_port()}/'
    with CallbackListener(uri, STATE) as listener:
        page = visit(uri, callback(), connect_to=address)
        arrival = listener.arrivals.get(timeout=SECONDS)
        assert arrival.url == uri[:-1] + callback()
        arrival.answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


@needs_ipv6
def test_localhost_is_taken_if_one_family_is_and_the_other_is_given_back():
    with socket.create_server(('::1', 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match='in use'), \
                CallbackListener(f'http://localhost:{port}/', STATE):
            pass
        with socket.create_server(('127.0.0.1', port)):
            pass


# What belongs to the login

def test_a_callback_arrives_and_its_browser_gets_the_answer(listener, uri):
    page = visit(uri, callback())
    arrival = listener.arrivals.get(timeout=SECONDS)
    assert arrival.url == uri[:-1] + callback()
    assert not page.done()
    arrival.answer(True, 'Authorized', 'You may close this page.')
    response = page.result(SECONDS)
    assert response.status == 200
    assert 'Authorized' in response.text
    assert 'You may close this page.' in response.text


def test_a_failure_is_shown_as_one(listener, uri):
    pages = []
    for ok in (False, True):
        page = visit(uri, callback())
        listener.arrivals.get(timeout=SECONDS).answer(ok, 'Title', 'Text')
        pages.append(page.result(SECONDS))
    bad, good = pages
    assert (bad.status, good.status) == (400, 200)
    assert 'aria-label="Failure:">&#10005;</span>' in bad.text
    assert 'aria-label="Success:">&#10003;</span>' in good.text


def test_a_denial_arrives_though_it_brings_no_state(listener, uri):
    target = '/?error=unauthorized_client&error_description=The+user+denied'
    page = visit(uri, target)
    arrival = listener.arrivals.get(timeout=SECONDS)
    assert arrival.url == uri[:-1] + target
    arrival.answer(False, 'Denied', 'Nothing was authorized.')
    assert 'Nothing was authorized.' in page.result(SECONDS).text


def test_an_error_with_the_right_state_arrives(listener, uri):
    page = visit(uri, f'/?error=invalid_scope&state={STATE}')
    listener.arrivals.get(timeout=SECONDS).answer(False, 'Refused', '')
    assert page.result(SECONDS).status == 400


@pytest.mark.parametrize('query', [
    '', f'?code={CODE}', f'?code={CODE}&state=', f'?state={STATE}',
    f'?code=&state={STATE}', f'?code={CODE}&state={STATE}x',
    f'?code={CODE}&state={STATE[:-1]}', f'?code={CODE}&state=%C3%A9',
    '?error=access_denied&state=foreign', '?error=', '?error=&state=',
    f'?error=access_denied&code={CODE}',
    f'?code={CODE}&code={CODE}&state={STATE}',
    f'?code={CODE}&state={STATE}&state={STATE}',
    f'?code={CODE}&state={STATE}&state=foreign',
    f'?code={CODE}&state=foreign&state={STATE}',
])
def test_a_query_that_does_not_belong_is_told_so_and_ignored(
        listener, uri, query):
    response = fetch(uri, f'/{query}')
    assert response.status == 400
    assert 'does not belong to the login that waits' in response.text
    assert still_waits(listener, uri)


@pytest.mark.parametrize('path', [
    '/favicon.ico', '/other', '/index.html', '/%2F',
    'http://127.0.0.1/',
])
def test_another_path_is_not_found_and_ignored(listener, uri, path):
    assert fetch(uri, f'{path}{callback()[1:]}').status == 404
    assert still_waits(listener, uri)


@pytest.mark.parametrize(('registered', 'other'), [
    ('/callback', '/callback/'), ('/callback/', '/callback'),
    ('/callback', '/Callback'), ('/callback', '/'),
])
def test_the_path_is_compared_to_the_letter(uri, registered, other):
    uri = uri[:-1] + registered
    with CallbackListener(uri, STATE) as listener:
        assert fetch(uri, other + callback()[1:]).status == 404
        page = visit(uri, registered + callback()[1:])
        listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


def test_a_redirect_uri_without_a_path_is_called_at_the_root(uri):
    with CallbackListener(uri[:-1], STATE) as listener:
        assert still_waits(listener, uri)


def test_the_query_of_the_redirect_uri_has_to_come_back(uri):
    uri += '?wiki=de&empty='
    with CallbackListener(uri, STATE) as listener:
        assert fetch(uri, callback()).status == 400
        assert fetch(uri, f'{callback()}&wiki=en&empty=').status == 400
        page = visit(uri, f'/?wiki=de&empty=&{callback()[2:]}')
        listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


@pytest.mark.parametrize('method', [
    'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'ANYTHING'])
def test_another_method_is_refused_and_ignored(listener, uri, method):
    response = fetch(uri, callback(), method)
    assert response.status == 405
    assert response.getheader('Allow') == 'GET'
    assert still_waits(listener, uri)


def test_a_head_request_gets_no_body(listener, uri):
    answer = send(uri, request(uri).replace('GET', 'HEAD'))
    assert b' 405 ' in answer
    assert answer.endswith(b'\r\n\r\n')
    assert answer.count(b'\r\n\r\n') == 1


@pytest.mark.parametrize('host', [
    'attacker.example', 'attacker.example:{port}', 'localhost:{port}',
    '127.0.0.1', '127.0.0.1:1', '127.0.0.1:{port}.attacker.example', ''])
def test_another_host_is_refused_and_ignored(listener, uri, host):
    name = host.format(port=urlsplit(uri).port)
    assert fetch(uri, callback(), Host=name).status == 421
    assert still_waits(listener, uri)


def test_a_second_host_is_refused(listener, uri):
    text = request(uri)
    assert b' 421 ' in send(uri, text[:-2] + 'Host: a.b\r\n\r\n')
    assert still_waits(listener, uri)


def test_the_host_may_be_written_in_capitals():
    uri = f'http://localhost:{free_port()}/'
    with CallbackListener(uri, STATE) as listener:
        page = visit(uri, callback(), connect_to='127.0.0.1',
                     Host=urlsplit(uri).netloc.upper())
        listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


@pytest.mark.parametrize('port', ['', ':80'])
def test_browsers_leave_out_the_default_port(port):
    uri = 'http://127.80.80.80/'
    listener = CallbackListener(uri, STATE)
    try:
        listener.__enter__()
    except OSError as error:
        pytest.skip(f'no port 80 here: {error}')
    with contextlib.ExitStack() as opened:
        opened.push(listener)
        assert fetch(uri, callback(), Host='127.80.80.80:8080').status == 421
        page = visit(uri, callback(), Host=f'127.80.80.80{port}')
        listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', '')
        assert page.result(SECONDS).status == 200


# More than one

def test_two_callbacks_arrive_one_after_the_other(listener, uri):
    first = visit(uri, callback('first'))
    listener.arrivals.get(timeout=SECONDS).answer(False, 'Expired', '')
    second = visit(uri, callback('second'))
    arrival = listener.arrivals.get(timeout=SECONDS)
    assert 'code=second' in arrival.url
    arrival.answer(True, 'Done', '')
    assert 'Expired' in first.result(SECONDS).text
    assert 'Done' in second.result(SECONDS).text


def test_two_callbacks_wait_at_the_same_time(listener, uri):
    pages = {code: visit(uri, callback(code)) for code in ('one', 'two')}
    arrivals = [listener.arrivals.get(timeout=SECONDS) for _ in pages]
    for arrival in arrivals:
        code = arrival.url.split('code=')[1].split('&')[0]
        arrival.answer(False, f'No {code}', '')
    for code, page in pages.items():
        assert f'No {code}' in page.result(SECONDS).text


def test_a_login_that_is_done_says_so_and_is_not_done_again(listener, uri):
    assert still_waits(listener, uri)
    response = fetch(uri, callback())
    assert response.status == 200
    assert 'already done' in response.text
    assert listener.arrivals.empty()


def test_a_login_that_failed_can_be_tried_again(listener, uri):
    page = visit(uri, callback())
    listener.arrivals.get(timeout=SECONDS).answer(False, 'Failed', '')
    assert page.result(SECONDS).status == 400
    assert still_waits(listener, uri)


def test_the_first_answer_counts(listener, uri):
    page = visit(uri, callback())
    arrival = listener.arrivals.get(timeout=SECONDS)
    arrival.answer(False, 'First', '')
    arrival.answer(True, 'Second', '')
    assert 'First' in page.result(SECONDS).text


# The end

def test_a_callback_without_an_answer_is_told_that_the_login_ended(uri):
    with CallbackListener(uri, STATE) as listener:
        page = visit(uri, callback())
        listener.arrivals.get(timeout=SECONDS)
    response = page.result(SECONDS)
    assert response.status == 400
    assert 'The login has ended' in response.text


def test_a_double_of_the_callback_is_told_that_the_login_is_done(uri):
    with CallbackListener(uri, STATE) as listener:
        pages = [visit(uri, callback()) for _ in range(2)]
        arrivals = [listener.arrivals.get(timeout=SECONDS) for _ in pages]
        arrivals[0].answer(True, 'Authorized', '')
    texts = [page.result(SECONDS).text for page in pages]
    assert sum('Authorized' in text for text in texts) == 1
    assert sum('already done' in text for text in texts) == 1


def test_a_callback_that_comes_too_late_does_not_wait(uri):
    for _ in range(50):
        with CallbackListener(uri, STATE):
            page = visit(uri, callback())
        # Depending on how late it was, there is a page or no one at all.
        with contextlib.suppress(ConnectionError):
            assert 'The login has ended' in page.result(SECONDS).text


def test_an_answer_right_before_the_end_reaches_the_browser(uri):
    for _ in range(20):
        with CallbackListener(uri, STATE) as listener:
            page = visit(uri, callback())
            listener.arrivals.get(timeout=SECONDS).answer(True, 'Yes', '')
        assert 'Yes' in page.result(SECONDS).text


def test_the_port_is_given_back_at_once(uri):
    for _ in range(5):
        with CallbackListener(uri, STATE) as listener:
            assert still_waits(listener, uri)


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_the_port_is_given_back_after_an_exception(uri, error):
    with pytest.raises(error), CallbackListener(uri, STATE):
        raise error
    with CallbackListener(uri, STATE) as listener:
        assert still_waits(listener, uri)


def test_no_thread_is_left_behind(uri):
    before = set(threading.enumerate())
    with contextlib.ExitStack() as connections:
        with CallbackListener(uri, STATE) as listener:
            for text in ('', f'GET {callback()} HT', request(uri)):
                connections.enter_context(connected(uri, text))
            listener.arrivals.get(timeout=SECONDS)
            assert set(threading.enumerate()) > before
        assert set(threading.enumerate()) == before


# Browsers that are slow, gone or strange

@pytest.mark.parametrize('text', [
    '', 'GET /', 'GET / HTTP/1.1\r\nHost: 127'])
def test_an_unfinished_request_blocks_no_other(listener, uri, text):
    with connected(uri, text), connected(uri, text):
        assert still_waits(listener, uri)


@pytest.mark.parametrize('text', ['', 'GET / HTTP/1.1\r\nHost: 127'])
def test_an_unfinished_request_does_not_hold_up_the_end(uri, text):
    with contextlib.ExitStack() as connections:
        with CallbackListener(uri, STATE) as listener:
            connections.enter_context(connected(uri, text))
            assert still_waits(listener, uri)
            begin = time.monotonic()
        assert time.monotonic() - begin < SECONDS / 2


def test_a_request_that_comes_in_pieces_arrives(listener, uri):
    text = request(uri)
    with connected(uri) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(text), 7):
            connection.sendall(text[start:start + 7].encode())
        assert listener.arrivals.get(timeout=SECONDS).url.endswith(callback())


@pytest.mark.parametrize('length', [2000, 8000])
def test_a_long_callback_arrives_whole(listener, uri, length):
    target = callback('f' * length)
    page = visit(uri, target)
    arrival = listener.arrivals.get(timeout=SECONDS)
    assert arrival.url == uri[:-1] + target
    arrival.answer(True, 'Done', '')
    assert page.result(SECONDS).status == 200


@pytest.mark.parametrize(('text', 'status'), [
    (f'GET {callback("f" * 70000)} HTTP/1.1\r\nHost: {{host}}\r\n\r\n', 414),
    (f'GET {callback()} HTTP/1.1\r\nHost: {{host}}\r\n' + 'A: b\r\n' * 9000,
     431),
    ('GET ' + 'x' * 100000, 414),
    (f'GET {callback()}\r\n\r\n', 421),
    (f'GET {callback()} HTTP/2\r\nHost: {{host}}\r\n\r\n', 400),
    (f'GET {callback()}é HTTP/1.1\r\nHost: {{host}}\r\n\r\n', 400),
    (f'GET {callback()}\nX HTTP/1.1\r\nHost: {{host}}\r\n\r\n', 421),
    ('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    ('\x16\x03\x01\x02\x00\x01\r\n\r\n', 400),
], ids=range(9))
def test_no_proper_request_is_refused_and_ignored(
        listener, uri, text, status):
    answer = send(uri, text.format(host=urlsplit(uri).netloc))
    assert answer.startswith(b'HTTP/1.1 %d ' % status)
    assert b'Nothing here' in answer or status == 400
    assert b'Python' not in answer
    assert still_waits(listener, uri)


def test_a_body_does_not_keep_the_page_from_the_browser(listener, uri):
    body = 'x' * 1000
    assert b' 405 ' in send(uri, request(uri).replace('GET', 'POST') + body)
    assert still_waits(listener, uri)


def test_a_request_without_a_host_is_refused(listener, uri):
    assert b' 421 ' in send(uri, f'GET {callback()} HTTP/1.0\r\n\r\n')
    assert still_waits(listener, uri)


def test_a_browser_that_leaves_does_no_harm_and_nothing_is_logged(
        uri, capfd, caplog):
    with CallbackListener(uri, STATE) as listener:
        with connected(uri, request(uri)) as connection:
            arrival = listener.arrivals.get(timeout=SECONDS)
            # Closed like this, it is reset, not ended.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack('ii', 1, 0))
        arrival.answer(False, 'Too late', '')
        with connected(uri, 'GET /half'):
            pass
        fetch(uri, '/favicon.ico')
        fetch(uri, '/?code=c&state=foreign')
        assert still_waits(listener, uri)
    assert capfd.readouterr() == ('', '')
    assert caplog.text == ''


# The page

def test_what_the_page_says_is_escaped(listener, uri):
    page = visit(uri, callback())
    evil = '<script>alert("1\' & $title ${text} %s {0}")</script>'
    listener.arrivals.get(timeout=SECONDS).answer(False, evil, evil + '\ud800')
    text = page.result(SECONDS).text
    assert '<script' not in text
    assert text.count('&lt;script&gt;alert(&quot;1&#x27; &amp; $title '
                      '${text} %s {0}&quot;)&lt;/script&gt;') == 3


@pytest.mark.parametrize('target', ['/?code=c&state=s', '/favicon.ico'])
def test_a_page_needs_and_tells_nothing_else(listener, uri, target):
    response = fetch(uri, target)
    headers = response.headers
    assert headers['Content-Type'] == 'text/html; charset=utf-8'
    assert headers['Cache-Control'] == 'no-store'
    assert headers['Referrer-Policy'] == 'no-referrer'
    assert headers['X-Content-Type-Options'] == 'nosniff'
    assert headers['Connection'] == 'close'
    assert headers['Content-Length'] == str(len(response.text.encode()))
    policy = headers['Content-Security-Policy'].split('; ')
    assert policy == ["default-src 'none'", "style-src 'unsafe-inline'",
                      "frame-ancestors 'none'", "base-uri 'none'",
                      "form-action 'none'"]
    assert 'Python' not in str(headers)
    assert '<html lang="en">' in response.text
    assert 'name="viewport"' in response.text
    assert 'prefers-color-scheme: dark' in response.text
    for word in ('<script', 'src=', 'href=', 'url(', '@import', 'onload'):
        assert word not in response.text


def test_no_page_shows_the_code_or_the_state(listener, uri):
    page = visit(uri, callback())
    listener.arrivals.get(timeout=SECONDS).answer(True, 'Done', 'Close it.')
    texts = [page.result(SECONDS).text]
    texts += [fetch(uri, target).text for target in (
        callback(), callback(state='foreign'), f'/favicon.ico?code={CODE}')]
    for text in texts:
        assert CODE not in text
        assert STATE not in text
        assert 'foreign' not in text


def test_repr_shows_neither_code_nor_state(listener):
    arrival = Arrival(f'http://127.0.0.1:8080{callback()}')
    for shown in (repr(arrival), str(arrival), f'{arrival}',
                  repr(listener), str(listener), repr(listener.arrivals)):
        assert CODE not in shown
        assert STATE not in shown
