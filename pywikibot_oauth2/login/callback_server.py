"""The server on this machine that receives the callback."""

from __future__ import annotations

import contextlib
import errno
import html
import ipaddress
import os
import queue
import socket
import string
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit


if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    from typing_extensions import Self

_SOCKET_SECONDS = 10.0
_POLL_SECONDS = 0.05

# The headers of each page: nothing is cached, and nothing is loaded.
_HEADERS = {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; style-src"
    " 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'none'",
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Allow': 'GET',
    'Connection': 'close',
}

_PAGE = string.Template("""\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 36rem;
  margin: 12vh auto; padding: 0 1.25rem; background: #fff; color: #202122 }
h1 { font-size: 1.5rem; line-height: 1.25 }
@media (prefers-color-scheme: dark) {
  body { background: #15181c; color: #eaecf0 }
}
</style>
<main>
<h1>$title</h1>
<p>$text</p>
</main>
</html>
""")


class _Answer(NamedTuple):
    """A page for the browser."""

    status: HTTPStatus
    title: str
    text: str


_ARRIVED = _Answer(
    HTTPStatus.OK,
    'Return to the terminal',
    'It shows whether the login was successful. You can close this page.',
)
_FOREIGN = _Answer(
    HTTPStatus.BAD_REQUEST,
    'Not the pending login',
    'This address does not belong to the login that is pending in the'
    ' terminal. Open the address that the terminal shows.',
)
_NOTHING = (
    'Nothing here',
    'Pywikibot is waiting for a login to be completed and has nothing to show'
    ' at this address.',
)


def loopback_address(redirect_uri: str | None) -> tuple[str, int] | None:
    """Return where a server on this machine can receive a callback.

    :param redirect_uri: the callback URL
    :return: host and port if the URL is plain http on 127.0.0.0/8, on
        ``[::1]`` or on ``localhost``, otherwise None
    """
    try:
        parts = urlsplit(redirect_uri or '')
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


def owner_of_port(port: int) -> str | None:
    """Return the user whose program listens on a port, if Linux knows."""
    with contextlib.suppress(ImportError, OSError, LookupError, ValueError):
        import pwd

        for name in ('tcp', 'tcp6'):
            for line in Path('/proc/net', name).read_text('ascii').split('\n'):
                row = [*line.split(), *[''] * 8]
                # 0A is the state of a listening socket.
                if row[1].endswith(f':{port:04X}') and row[3] == '0A':
                    return pwd.getpwuid(int(row[7])).pw_name
    return None


class CallbackServer:
    """Listens on a callback URL while a login is pending.

    The browser gets a fixed page at once. Only the terminal shows the result
    of the login.

    :param redirect_uri: the callback URL
    :param is_answer: returns whether a callback belongs to the pending login
    :raises OSError: the port cannot be listened on
    :raises ValueError: the callback URL has no :func:`loopback_address`
    :ivar callbacks: the callbacks that belong to the login, in order;
        they hold authorization codes
    :ivar port: the port
    """

    def __init__(
        self, redirect_uri: str, is_answer: Callable[[str], bool]
    ) -> None:
        address = loopback_address(redirect_uri)
        if address is None:
            raise ValueError('The callback URL is not on this machine.')
        host, self.port = address
        parts = urlsplit(redirect_uri)
        self._path = parts.path or '/'
        self._fields = set(parse_qsl(parts.query, keep_blank_values=True))
        self._is_answer = is_answer
        self.callbacks: queue.SimpleQueue[str] = queue.SimpleQueue()
        # Browsers use both addresses for 'localhost' (RFC 6761).
        hosts = ('127.0.0.1', '::1') if host == 'localhost' else (host,)
        self._servers = self._listen(hosts)
        name = f'[{host}]' if ':' in host else host
        self._names = {f'{name}:{self.port}'}
        if self.port == 80:
            self._names.add(name)  # browsers omit the default

    def _listen(self, hosts: tuple[str, ...]) -> list[_Server]:
        """Bind the port on each address that this machine has."""
        servers: list[_Server] = []
        with contextlib.ExitStack() as opened:
            for host in hosts:
                try:
                    server = _Server(host, self.port, self)
                except OSError as error:
                    missing = errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT
                    if error.errno not in missing:
                        raise
                else:
                    servers.append(opened.enter_context(server))
            if not servers:
                raise OSError(
                    errno.EADDRNOTAVAIL, 'This machine lacks that address'
                )
            opened.pop_all()
        return servers

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(
                target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True
            ).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def reply(self, target: str, headers: Message) -> _Answer:
        """Return the answer to a request.

        :param target: the path and the query string
        """
        hosts = headers.get_all('Host', [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self._names:
            # Another name that was made to resolve to this machine (DNS
            # rebinding).
            return _Answer(HTTPStatus.MISDIRECTED_REQUEST, *_NOTHING)
        path, _, query = target.partition('?')
        if path != self._path:
            return _Answer(HTTPStatus.NOT_FOUND, *_NOTHING)
        fields = parse_qsl(query, keep_blank_values=True)
        if not (
            _is_navigation(headers)
            and self._fields.issubset(fields)
            and self._is_answer(f'?{query}')
        ):
            return _FOREIGN
        self.callbacks.put(f'?{query}')
        return _ARRIVED


def _is_navigation(headers: Message) -> bool:
    """Return whether a person may have opened the address.

    Any web page can embed it as an image, but browsers then say so (Fetch
    Metadata). Requests that do not come from a browser lack these headers.
    """
    return (
        headers.get('Sec-Fetch-Mode', 'navigate') == 'navigate'
        and headers.get('Sec-Fetch-Dest', 'document') == 'document'
    )


class _Server(ThreadingTCPServer):
    """Gives each connection a thread: browsers open some in advance."""

    # On Windows, this would let a program take over the port of another.
    allow_reuse_address = os.name != 'nt'

    def __init__(self, host: str, port: int, owner: CallbackServer) -> None:
        self.address_family = (
            socket.AF_INET6 if ':' in host else socket.AF_INET
        )
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    def process_request(
        self,
        request: socket.socket | tuple[bytes, socket.socket],
        client_address: object,
    ) -> None:
        """Note a connection, and serve it."""
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(
        self, request: socket.socket | tuple[bytes, socket.socket]
    ) -> None:
        """Close a connection."""
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Close the port, and wait until all answers are sent."""
        for connection in self._open.copy():
            # Ends the wait for a request, but lets an answer be sent.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        super().server_close()

    def handle_error(
        self,
        request: socket.socket | tuple[bytes, socket.socket],
        client_address: object,
    ) -> None:
        """Ignore a browser that is slow or gone."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers the one request of a connection."""

    server: _Server
    # Anything that is not HTTP/1 gets an HTTP/1 answer, too.
    protocol_version = default_request_version = 'HTTP/1.1'
    timeout = _SOCKET_SECONDS

    def do_GET(self) -> None:
        """Answer a GET."""
        self._send(self.server.owner.reply(self.path, self.headers))

    def send_error(self, code: int, *_: str | None) -> None:
        """Answer anything that is not a GET, or not HTTP at all."""
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(_Answer(status, *_NOTHING))

    def _send(self, answer: _Answer) -> None:
        """Send a page, without naming the software that serves it."""
        body = _PAGE.substitute(
            title=html.escape(answer.title), text=html.escape(answer.text)
        ).encode()
        self.send_response_only(answer.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the address of a request holds the code."""
