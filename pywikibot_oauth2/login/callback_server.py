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
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pywikibot_oauth2.host import is_loopback


if TYPE_CHECKING:
    from collections.abc import Callable

    #: The title and the text of a page.
    Page = tuple[str, str]


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


# The pages that the browser may get.
_ARRIVED = (
    'Return to the terminal',
    'It shows whether the login was successful. You can close this page.',
)
_FOREIGN = (
    'Not the pending login',
    'This address does not belong to the login that is pending in the'
    ' terminal. Open the address that the terminal shows.',
)
_NOTHING = (
    'Nothing here',
    'Pywikibot is waiting for a login to be completed and has nothing to show'
    ' at this address.',
)


def loopback_address(redirect_uri: str) -> tuple[str, int]:
    """Return the host and port at which this machine receives a callback.

    :raises ValueError: the URL is anything but plain http on 127.0.0.0/8,
        on ``[::1]`` or on ``localhost``
    """
    parts = urlsplit(redirect_uri)
    host, port = parts.hostname or '', parts.port
    if host != 'localhost':
        host = str(ipaddress.ip_address(host))
    port = 80 if port is None else port
    if parts.scheme != 'http' or not port or not is_loopback(host):
        raise ValueError('The callback URL is not on this machine.')
    return host, port


def owner_of_port(port: int) -> str | None:
    """Return the user whose program listens on a port, if Linux knows."""
    with contextlib.suppress(ImportError, OSError, LookupError, ValueError):
        import pwd

        for name in ('tcp', 'tcp6'):
            table = Path('/proc/net', name).read_text('ascii').splitlines()
            for row in map(str.split, table):
                # 0A is the state of a listening socket.
                if row[1].endswith(f':{port:04X}') and row[3] == '0A':
                    return pwd.getpwuid(int(row[7])).pw_name
    return None


class CallbackServer:
    """Listens on a callback URL while a login is pending.

    The browser gets a fixed page at once. Only the terminal shows the result
    of the login.

    :param is_answer: returns whether a callback belongs to the pending login
    :raises OSError: the port cannot be listened on
    :raises ValueError: the callback URL is not on this machine
    :ivar callbacks: the callbacks that belong to the login, in order;
        they hold authorization codes
    """

    def __init__(
        self, redirect_uri: str, is_answer: Callable[[str], bool]
    ) -> None:
        host, port = loopback_address(redirect_uri)
        self.callbacks: queue.SimpleQueue[str] = queue.SimpleQueue()
        name = f'[{host}]' if ':' in host else host
        names = {f'{name}:{port}'}
        if port == 80:
            names.add(name)  # browsers omit the default
        path = urlsplit(redirect_uri).path or '/'
        login = _Login(names, path, is_answer, self.callbacks)
        # Browsers use both addresses for 'localhost' (RFC 6761).
        hosts = ('127.0.0.1', '::1') if host == 'localhost' else (host,)
        self._servers: list[_Server] = []
        with contextlib.ExitStack() as opened:
            for host in hosts:
                try:
                    server = opened.enter_context(_Server(host, port, login))
                except OSError as error:
                    # There may be no IPv6 on this machine.
                    missing = errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT
                    if not self._servers or error.errno not in missing:
                        raise
                else:
                    self._servers.append(server)
            opened.pop_all()

    def __enter__(self) -> CallbackServer:
        for server in self._servers:
            # Every 0.05 seconds, it checks whether it has to stop.
            threading.Thread(
                target=server.serve_forever, args=(0.05,), daemon=True
            ).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Login(NamedTuple):
    """What belongs to the pending login, and where it is put."""

    names: set[str]
    path: str
    is_answer: Callable[[str], bool]
    callbacks: queue.SimpleQueue[str]


class _Server(ThreadingTCPServer):
    """Gives each connection a thread: browsers open some in advance."""

    # Closing the server does not wait for connections without a request.
    daemon_threads = True
    # On Windows, this would let a program take over the port of another.
    allow_reuse_address = os.name != 'nt'

    def __init__(self, host: str, port: int, login: _Login) -> None:
        if ':' in host:
            self.address_family = socket.AF_INET6
        self.login = login
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Answers the one request of a connection."""

    server: _Server
    # Anything that is not HTTP/1 gets an HTTP/1 answer, too.
    protocol_version = default_request_version = 'HTTP/1.1'
    timeout = 10  # seconds

    def handle(self) -> None:
        """Answer the request, unless the browser is slow or gone."""
        with contextlib.suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        """Answer a GET, and then pass on a callback that was accepted."""
        path, _, query = self.path.partition('?')
        status, page = self._judge(path, f'?{query}')
        try:
            self._send(status, page)
        finally:
            if status == HTTPStatus.OK:
                self.server.login.callbacks.put(f'?{query}')

    def _judge(self, path: str, callback: str) -> tuple[int, Page]:
        """Return the status and the page that answer the request."""
        login, headers = self.server.login, self.headers
        # Since Python 3.14, a request without a version has a plain dict.
        fields = headers.items()
        hosts = [value for key, value in fields if key.lower() == 'host']
        if len(hosts) != 1 or hosts[0].strip().lower() not in login.names:
            # Another name that was made to resolve to this machine (DNS
            # rebinding).
            return HTTPStatus.MISDIRECTED_REQUEST, _NOTHING
        if path != login.path:
            return HTTPStatus.NOT_FOUND, _NOTHING
        # Any web page can embed the address as an image, or have it loaded in
        # advance, but browsers then say so (Fetch Metadata). Other programs
        # do not send these headers, and neither does Chromium for a
        # WebSocket, which has a key.
        if (
            headers.get('Sec-Fetch-Mode', 'navigate') != 'navigate'
            or headers.get('Sec-Fetch-Dest', 'document') != 'document'
            or 'Sec-Purpose' in headers
            or 'Sec-WebSocket-Key' in headers
            or not login.is_answer(callback)
        ):
            return HTTPStatus.BAD_REQUEST, _FOREIGN
        return HTTPStatus.OK, _ARRIVED

    def send_error(self, code: int, *_: str | None) -> None:
        """Answer anything that is not a GET, or not HTTP at all."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._send(code, _NOTHING)

    def _send(self, status: int, page: Page) -> None:
        """Send a page, without naming the software that serves it."""
        title, text = map(html.escape, page)
        body = _PAGE.substitute(title=title, text=text).encode()
        self.send_response_only(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the address of a request holds the code."""
