"""Web pages and local users that meddle with a login that waits."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.harness import LOGGED_IN


ERROR = '?error=access_denied&error_description=Run%3A+curl+evil.example'
PAGE = 'Sec-Fetch-Mode: {}\r\nSec-Fetch-Dest: {}\r\n'
NAVIGATION = PAGE.format('navigate', 'document')
MEDDLING = [
    ('GET', ERROR, PAGE.format('no-cors', 'image'), None),
    ('GET', ERROR, PAGE.format('cors', 'empty'), None),
    ('GET', ERROR, PAGE.format('navigate', 'iframe'), None),
    ('GET', '?code=abc&state=another', NAVIGATION, None),
    ('GET', '?code=abc', NAVIGATION, None),
    ('GET', ERROR, '', 'evil.example'),
    ('POST', ERROR, NAVIGATION, None),
]


@pytest.mark.fault('callback: requests of web pages', 'the login goes on')
def test_who_meddles_does_not_end_the_login(case):
    case.file.unlink()
    callback = urlsplit(case.client.redirect_uri)
    address = callback.hostname, callback.port
    with case.owner.terminal('login') as terminal:
        login = terminal.address
        for method, query, fields, host in MEDDLING:
            request = (
                f'{method} {callback.path}{query} HTTP/1.1\r\n'
                f'Host: {host or callback.netloc}\r\n{fields}'
                'Content-Length: 0\r\nConnection: close\r\n\r\n'
            )
            with socket.create_connection(address) as wire:
                wire.sendall(request.encode())
                while wire.recv(65536):
                    pass
        with socket.create_connection(address) as wire:
            wire.sendall(b'GET /')  # and never ends
            terminal.type(case.wiki.approve(login) + '\n')
            shown = terminal.wait()
    assert LOGGED_IN in shown
    assert 'evil' not in shown
    case.goes_on()
