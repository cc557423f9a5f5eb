"""HTTP/1.1: requests, responses, and one thread a connection."""

from __future__ import annotations

import html
import json
import socket
import socketserver
import struct
import threading
from contextlib import suppress
from http.client import responses
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, unquote

from requests.structures import CaseInsensitiveDict


class Request:
    """One request, which is also the record of it that a test reads.

    *user* is the name of the account it was carried out for (None if
    anonymous), *error* the error code of the API or of the authorization
    server, *status* the HTTP status (None if no answer was given),
    *body_length* the length of the request body in bytes, *fault* the
    kind of fault it met. *target* is the address as it was written, *body*
    what was sent, until the request is answered.
    """

    user = error = status = fault = None

    def __init__(self, method, target, headers, body):
        path, _, self.query_string = target.partition('?')
        self.method, self.target, self.path = method, target, unquote(path)
        self.headers = CaseInsensitiveDict(headers)
        self.query = parse_form(self.query_string)
        self.body, self.body_length = body, len(body)
        is_form = 'urlencoded' in self.headers.get('content-type', '')
        text = body.decode(errors='replace') if is_form else ''
        self.form = parse_form(text)

    def __repr__(self):
        return (
            f'<{self.method} {self.path} {self.query} {self.form} '
            f'for {self.user}: {self.status} {self.error}>'
        )

    @property
    def bearer(self):
        """The access token that was sent; the scheme is case-sensitive."""
        scheme, _, token = self.headers.get('authorization', '').partition(' ')
        return token.strip() if scheme == 'Bearer' else None

    @property
    def cookies(self):
        pairs = self.headers.get('cookie', '').split('; ')
        return dict(pair.split('=', 1) for pair in pairs if '=' in pair)


def parse_form(text):
    return dict(parse_qsl(text, keep_blank_values=True))


class Response:
    """One answer; *delivery* says how far it gets (see `faults.py`)."""

    delivery = 'whole'

    def __init__(self, status, body=b'', headers=()):
        self.status, self.body, self.headers = status, body, list(headers)


def response(status, body, content_type, **fields):
    """Return a response; the hyphens of its *fields* are underscores."""
    fields = {'Content_Type': content_type, **fields}
    pairs = [(name.replace('_', '-'), text) for name, text in fields.items()]
    return Response(status, body, pairs)


def json_response(data, status=200, content_type='application/json', **fields):
    body = json.dumps(data, separators=(',', ':')).encode()
    return response(status, body, content_type, **fields)


def html_response(
    title, text='', status=200, kind='text/html; charset=UTF-8', **fields
):
    title = html.escape(title)
    body = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8">'
        f'<title>{title}</title></head>\n<body><h1>{title}</h1>\n{text}\n'
        '</body></html>\n'
    )
    return response(status, body.encode(), kind, **fields)


class RestError(Exception):
    """An error of rest.php; *fields* come before its status."""

    def __init__(self, status, text='', **fields):
        super().__init__(text)
        self.status, self.fields, self.headers = status, fields, {}

    @property
    def code(self):
        names = ('errorKey', 'error', 'message')
        return next(filter(None, map(self.fields.get, names)), None)

    def response(self):
        data = dict(self.fields)
        if str(self):
            data['messageTranslations'] = {'en': str(self)}
        data.update(httpCode=self.status, httpReason=responses[self.status])
        cache = 'private, max-age=0, s-maxage=0'
        headers = {**self.headers, 'Cache_Control': cache}
        return json_response(data, self.status, **headers)


class Server(socketserver.ThreadingTCPServer):
    """A web server that asks *answer* for every response."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 512

    def __init__(self, port, answer, host):
        super().__init__((host, port), Handler)
        self.port = self.server_address[1]
        self.answer = answer
        self._connections = set()
        self._is_closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        # Unlike serve_forever, this need not check regularly whether it has
        # to stop: closing connects to it.
        while not self._is_closing:
            self.handle_request()

    def close(self):
        """Stop, and hang up on everyone who is still connected."""
        self._is_closing = True
        with suppress(OSError):  # it was closed before
            socket.create_connection(self.server_address).close()
        self._thread.join()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request, client_address):
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        # It is only closed, since a shutdown would send FIN.
        self._connections.discard(request)
        request.close()


class Handler(BaseHTTPRequestHandler):
    """Serves one connection."""

    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    wbufsize = -1  # the head and the body are sent together

    def handle(self):
        with suppress(OSError):
            super().handle()

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        request = Request(self.command, self.path, self.headers, body)
        response = self.server.answer(request)
        if response.delivery == 'hang':
            self.connection.recv(1)
        elif response.delivery == 'reset':
            # Closing with a linger time of 0 sends RST instead of FIN.
            linger = struct.pack('ii', 1, 0)
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
        else:
            self._send(response)
        if response.delivery != 'whole':
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _send(self, response):
        body = response.body
        self.send_response_only(response.status)
        for field in response.headers:
            self.send_header(*field)
        self.send_header('Content-Length', len(body))
        self.end_headers()
        if response.delivery == 'half':
            body = body[: len(body) // 2]
        if self.command != 'HEAD':
            self.wfile.write(body)
