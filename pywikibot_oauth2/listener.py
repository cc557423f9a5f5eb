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
import ipaddress
import os
import queue
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pywikibot_oauth2 import page


if TYPE_CHECKING:
    from types import TracebackType

_SOCKET_SECONDS = 10.0
#: As long as an authorization takes by default.
_ANSWER_SECONDS = 300.0
_POLL_SECONDS = 0.05


class Answer(NamedTuple):
    """What the browser is to show."""

    status: HTTPStatus
    title: str
    text: str


_DONE = Answer(HTTPStatus.OK, *page.DONE)
_ENDED = Answer(HTTPStatus.BAD_REQUEST, *page.ENDED)


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


class Arrival:
    """A callback that came in; its browser waits for the answer."""

    def __init__(self, url: str) -> None:
        #: The address that was called. It holds the authorization code.
        self.url = url
        #: Whether an answer was a success.
        self.ok = False
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    def answer(self, ok: bool, title: str, text: str) -> None:
        """End the browser's request with a page; the first answer counts.

        :param ok: whether the authorization succeeded
        :param title: heading of the page, as plain text
        :param text: the rest of it, as plain text
        """
        self.ok = self.ok or ok
        self._answers.put(
            Answer(
                HTTPStatus.OK if ok else HTTPStatus.BAD_REQUEST, title, text
            )
        )

    def wait(self) -> Answer:
        """Wait for the answer, and return it."""
        try:
            return self._answers.get(timeout=_ANSWER_SECONDS)
        except queue.Empty:
            return _ENDED


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
        self._names = {f'{name}:{self._port}'}
        if self._port == 80:
            self._names.add(name)  # browsers leave the default out
        parts = urlsplit(redirect_uri)
        self._path = parts.path or '/'
        self._fields = set(parse_qsl(parts.query, keep_blank_values=True))
        self._state = state.encode()
        #: The callbacks that belong to this authorization, in order.
        self.arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._seen: list[Arrival] = []
        self._closing = False
        self._servers: list[_Server] = []

    def __enter__(self) -> CallbackListener:
        # Browsers take 'localhost' for both addresses (RFC 6761).
        hosts = (
            ('127.0.0.1', '::1')
            if self._host == 'localhost'
            else (self._host,)
        )
        with contextlib.ExitStack() as opened:
            for host in hosts:
                try:
                    server = _Server(host, self._port, self)
                except OSError as error:
                    if error.errno not in (
                        errno.EADDRNOTAVAIL,
                        errno.EAFNOSUPPORT,
                    ):
                        raise
                else:
                    self._servers.append(opened.enter_context(server))
            if not self._servers:
                raise OSError(
                    errno.EADDRNOTAVAIL,
                    'This machine does not have that address',
                )
            opened.pop_all()
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True
            ).start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.shutdown()
        self._closing = True
        for arrival in self._seen.copy():
            self._end(arrival)
        for server in self._servers:
            server.server_close()

    def reply(self, target: str, hosts: list[str]) -> Answer:
        """Decide about a request, and wait for the answer to it.

        :param target: path and query string
        :param hosts: the values of the header Host
        """
        if len(hosts) != 1 or hosts[0].strip().lower() not in self._names:
            # Another name that was made to lead here (DNS rebinding).
            return Answer(HTTPStatus.MISDIRECTED_REQUEST, *page.NOTHING)
        path, _, query = target.partition('?')
        if path != self._path:
            return Answer(HTTPStatus.NOT_FOUND, *page.NOTHING)
        if not self._is_callback(parse_qsl(query, keep_blank_values=True)):
            return Answer(HTTPStatus.BAD_REQUEST, *page.FOREIGN)
        if any(arrival.ok for arrival in self._seen):
            return _DONE
        arrival = Arrival(self._origin + target)
        self._seen.append(arrival)
        self.arrivals.put(arrival)
        if self._closing:
            self._end(arrival)
        return arrival.wait()

    def _is_callback(self, pairs: list[tuple[str, str]]) -> bool:
        """Tell whether the fields of a query are of this authorization."""
        fields = dict(pairs)
        names = [name for name, _ in pairs]
        if (
            not self._fields.issubset(pairs)
            or names.count('code') > 1
            or names.count('state') > 1
        ):
            return False
        if 'state' not in fields:
            # MediaWiki sends a denial back without the state.
            return bool(fields.get('error')) and 'code' not in fields
        return hmac.compare_digest(
            fields['state'].encode(), self._state
        ) and bool(fields.get('code') or fields.get('error'))

    def _end(self, arrival: Arrival) -> None:
        """Answer an arrival that will find nobody to answer it."""
        done = any(other.ok for other in self._seen)
        arrival.answer(done, *(page.DONE if done else page.ENDED))


class _Server(ThreadingTCPServer):
    """Gives each connection a thread: browsers open some ahead of need."""

    # On Windows a program could take over another one's port by that.
    allow_reuse_address = os.name != 'nt'

    def __init__(
        self, host: str, port: int, listener: CallbackListener
    ) -> None:
        self.address_family = (
            socket.AF_INET6 if ':' in host else socket.AF_INET
        )
        self.listener = listener
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    def process_request(
        self,
        request: socket.socket,  # type: ignore[override]
        client_address: tuple[str, int],
    ) -> None:
        """Note a connection, and serve it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the port, and wait until all answers are sent."""
        for connection in self._open.copy():
            # This ends the wait for a request, and lets an answer pass.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep quiet where a browser is slow or gone."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    """Answers the one request of a connection."""

    server: _Server
    # What is no HTTP 1 at all gets an answer of it, too.
    protocol_version = default_request_version = 'HTTP/1.1'
    timeout = _SOCKET_SECONDS

    def do_GET(self) -> None:
        """Answer a GET."""
        self._send(
            self.server.listener.reply(
                self.path, self.headers.get_all('Host', [])
            )
        )

    def send_error(self, code: int, *_: str | None) -> None:
        """Answer what is no GET or no HTTP at all."""
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(Answer(status, *page.NOTHING))

    def _send(self, answer: Answer) -> None:
        """Send a page, and nothing that names this program's parts."""
        body = page.render(
            answer.status is HTTPStatus.OK, answer.title, answer.text
        )
        self.send_response_only(answer.status)
        for name, value in page.HEADERS.items():
            self.send_header(name, value)
        self.send_header('Allow', 'GET')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Connection', 'close')
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the address of a request holds the code."""
