#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The loopback listener that the browser is sent back to."""
from __future__ import annotations

import contextlib
import errno
import hmac
import html
import ipaddress
import queue
import re
import socket
import string
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit


if TYPE_CHECKING:
    from types import TracebackType

#: Cookies of other programs on this machine come along in the header.
_HEAD_BYTES = 32768
_SOCKET_SECONDS = 10.0
#: As long as an authorization takes by default.
_ANSWER_SECONDS = 300.0
_ACCEPT_SECONDS = 0.05
_CLOSE_SECONDS = 2.0

# The authorization code alone has 820 characters.
_REQUEST = re.compile(rb'([A-Z]+) ([!-~]{1,8192}) HTTP/1\.[01]\r\n')
_HOST = re.compile(rb'\r\nhost:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)', re.I)
_HEADERS = """\
Content-Type: text/html; charset=utf-8
Cache-Control: no-store
Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; \
frame-ancestors 'none'; base-uri 'none'; form-action 'none'
Referrer-Policy: no-referrer
X-Content-Type-Options: nosniff
Allow: GET
Connection: close
"""
_PAGE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --good: #1b7f3b; --bad: #b32424 }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem;
  margin: 12vh auto; padding: 0 1.25rem; overflow-wrap: anywhere;
  background: #fff; color: #202122 }
h1 { font-size: 1.5rem; line-height: 1.25 }
p { white-space: pre-line }
.good { color: var(--good) }
.bad { color: var(--bad) }
@media (prefers-color-scheme: dark) {
  :root { --good: #6fdc8c; --bad: #ff9c9c }
  body { background: #15181c; color: #eaecf0 }
}
</style>
<main>
<h1><span class="$kind" role="img" aria-label="$label">$mark</span> $title</h1>
<p>$text</p>
</main>
</html>
""")
_GOOD = {'kind': 'good', 'label': 'Success:', 'mark': '&#10003;'}
_BAD = {'kind': 'bad', 'label': 'Failure:', 'mark': '&#10005;'}

_DONE = 'This login is already done', 'This page may be closed.'
_ENDED = ('The login has ended',
          'The terminal says what became of it. This page may be closed.')
_FOREIGN = ('Not the login that waits',
            'This address does not belong to the login that waits in the '
            'terminal. Open the address that the terminal shows.')
_NOTHING = ('Nothing here', 'Pywikibot waits for the end of a login, and '
            'has nothing to show at this address.')


def loopback_address(redirect_uri: str) -> tuple[str, int] | None:
    """Find out where a listener can receive what a redirect URI is sent.

    :param redirect_uri: the redirect URI of the client
    :return: host and port if the URI is plain http on 127.0.0.0/8, on
        ``[::1]`` or on ``localhost``, otherwise None
    """
    try:
        parts = urlsplit(redirect_uri)
        host, port = parts.hostname or '', parts.port
        if host != 'localhost':
            address = ipaddress.ip_address(host)
            if not address.is_loopback:
                return None
            host = str(address)
    except ValueError:
        return None
    port = 80 if port is None else port
    return (host, port) if parts.scheme == 'http' and port else None


def _response(status: HTTPStatus, title: str, text: str) -> bytes:
    """Write a page, and all that goes before it."""
    body = _PAGE.substitute(
        _GOOD if status is HTTPStatus.OK else _BAD, title=html.escape(title),
        text=html.escape(text)).encode('utf-8', 'replace')
    head = (f'HTTP/1.1 {status.value} {status.phrase}\n{_HEADERS}'
            f'Content-Length: {len(body)}\n\n')
    return head.replace('\n', '\r\n').encode('ascii') + body


def _read_head(connection: socket.socket) -> bytes:
    """Receive a request up to the end of its header or to the limit.

    :raises OSError: the browser took too long or went away; it opens
        connections ahead of need, and leaves them idle
    """
    head = b''
    deadline = time.monotonic() + _SOCKET_SECONDS
    while b'\r\n\r\n' not in head and len(head) < _HEAD_BYTES:
        connection.settimeout(max(deadline - time.monotonic(), 0))
        received = connection.recv(_HEAD_BYTES - len(head))
        if not received:
            raise ConnectionError('the browser sent no whole request')
        head += received
    return head


class Arrival:
    """A callback that came in; its browser waits for the answer."""

    def __init__(self, url: str) -> None:
        #: The address that was called. It holds the authorization code.
        self.url = url
        #: Whether an answer was a success.
        self.ok = False
        self._responses: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def answer(self, ok: bool, title: str, text: str) -> None:
        """End the browser's request with a page; the first answer counts.

        :param ok: whether the authorization succeeded
        :param title: heading of the page, as plain text
        :param text: the rest of it, as plain text
        """
        self.ok = self.ok or ok
        self._responses.put(_response(
            HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST, title, text))

    def response(self) -> bytes:
        """Wait for the answer, and return it as the browser gets it."""
        try:
            return self._responses.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            return _response(HTTPStatus.BAD_REQUEST, *_ENDED)


class CallbackListener:
    """Listens on a redirect URI while an authorization is under way.

    :param redirect_uri: the redirect URI of the client
    :param state: the value that the callback has to bring back
    :raises ValueError: no :func:`loopback_address`
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        address = loopback_address(redirect_uri)
        if address is None:
            raise ValueError('The redirect URI is not on a loopback address')
        self._host, self._port = address
        name = f'[{self._host}]' if ':' in self._host else self._host
        self._origin = f'http://{name}:{self._port}'
        self._names = {f'{name}:{self._port}'.encode()}
        if self._port == 80:
            self._names.add(name.encode())  # browsers leave the default out
        parts = urlsplit(redirect_uri)
        self._path = parts.path or '/'
        self._fields = set(parse_qsl(parts.query, keep_blank_values=True))
        self._state = state.encode()
        #: The callbacks that belong to this authorization, in order.
        self.arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._seen: list[Arrival] = []
        self._closing = threading.Event()
        self._acceptors: list[threading.Thread] = []
        self._threads: dict[socket.socket, threading.Thread] = {}

    def __enter__(self) -> CallbackListener:
        # Browsers take 'localhost' for both addresses (RFC 6761).
        hosts = (('127.0.0.1', '::1') if self._host == 'localhost'
                 else (self._host,))
        with contextlib.ExitStack() as opened:
            for host in hosts:
                family = socket.AF_INET6 if ':' in host else socket.AF_INET
                try:
                    # It reuses an address in TIME_WAIT, but not on Windows,
                    # where a program could take over another one's port.
                    listening = opened.enter_context(
                        socket.create_server((host, self._port),
                                             family=family))
                except OSError as error:
                    if error.errno not in (errno.EADDRNOTAVAIL,
                                           errno.EAFNOSUPPORT):
                        raise
                else:
                    self._acceptors.append(threading.Thread(
                        target=self._accept, args=(listening,), daemon=True))
            if not self._acceptors:
                raise OSError(errno.EADDRNOTAVAIL,
                              'This machine does not have that address')
            opened.pop_all()  # the threads close them
        for thread in self._acceptors:
            thread.start()
        return self

    def __exit__(self, exc_type: type[BaseException] | None,
                 exc: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._closing.set()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._acceptors:
            thread.join(max(deadline - time.monotonic(), 0))
        for arrival in self._seen.copy():
            self._end(arrival)
        threads = self._threads.copy()
        for connection in threads:
            # This ends the wait for a request, and lets an answer pass.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for thread in threads.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def _accept(self, listening: socket.socket) -> None:
        """Give each connection a thread of its own."""
        with listening:
            listening.settimeout(_ACCEPT_SECONDS)
            while not self._closing.is_set():
                with contextlib.suppress(OSError):
                    connection = listening.accept()[0]
                    thread = threading.Thread(
                        target=self._serve, args=(connection,), daemon=True)
                    self._threads[connection] = thread
                    thread.start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer the one request of a connection."""
        # A browser that is slow or gone is no concern of the login.
        with contextlib.suppress(OSError), connection:
            try:
                response = self._reply(_read_head(connection))
                connection.settimeout(_SOCKET_SECONDS)
                connection.sendall(response)
                # To close with input unread would be a reset, and the
                # browser might lose the page.
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(_HEAD_BYTES):
                    pass
            finally:
                del self._threads[connection]

    def _reply(self, head: bytes) -> bytes:
        """Decide about a request, and return the response."""
        request = _REQUEST.match(head)
        if request is None or b'\r\n\r\n' not in head:
            return _response(HTTPStatus.BAD_REQUEST, *_NOTHING)
        if request[1] != b'GET':
            response = _response(HTTPStatus.METHOD_NOT_ALLOWED, *_NOTHING)
            header, end, _ = response.partition(b'\r\n\r\n')
            return header + end if request[1] == b'HEAD' else response
        hosts = [host.lower() for host in _HOST.findall(head)]
        if len(hosts) != 1 or hosts[0] not in self._names:
            # Another name that was made to lead here (DNS rebinding).
            return _response(HTTPStatus.MISDIRECTED_REQUEST, *_NOTHING)
        target = request[2].decode('ascii')
        path, _, query = target.partition('?')
        if path != self._path:
            return _response(HTTPStatus.NOT_FOUND, *_NOTHING)
        if not self._is_callback(parse_qsl(query, keep_blank_values=True)):
            return _response(HTTPStatus.BAD_REQUEST, *_FOREIGN)
        if any(arrival.ok for arrival in self._seen):
            return _response(HTTPStatus.OK, *_DONE)
        arrival = Arrival(self._origin + target)
        self._seen.append(arrival)
        self.arrivals.put(arrival)
        if self._closing.is_set():
            self._end(arrival)
        return arrival.response()

    def _is_callback(self, pairs: list[tuple[str, str]]) -> bool:
        """Tell whether the fields of a query are of this authorization."""
        fields = dict(pairs)
        names = [name for name, _ in pairs]
        if (not self._fields.issubset(pairs)
                or names.count('code') > 1 or names.count('state') > 1):
            return False
        if 'state' not in fields:
            # MediaWiki sends a denial back without the state.
            return bool(fields.get('error')) and 'code' not in fields
        return (hmac.compare_digest(fields['state'].encode(), self._state)
                and bool(fields.get('code') or fields.get('error')))

    def _end(self, arrival: Arrival) -> None:
        """Answer an arrival that will find nobody to answer it."""
        done = any(other.ok for other in self._seen)
        arrival.answer(done, *(_DONE if done else _ENDED))
