"""HTTP/1.1: requests, responses, and one thread a connection."""

from __future__ import annotations

import html
import json
import logging
import socket
import struct
import threading
from contextlib import suppress
from http.client import responses
from urllib.parse import parse_qsl, unquote

from requests.structures import CaseInsensitiveDict


log = logging.getLogger('sandbox')


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

    def head(self, *, close=False):
        phrase = responses.get(self.status, 'Unknown')
        lines = [f'HTTP/1.1 {self.status} {phrase}']
        lines += [f'{name}: {value}' for name, value in self.headers]
        lines += [f'Content-Length: {len(self.body)}']
        lines += ['Connection: close'] if close else []
        return '\r\n'.join([*lines, '', '']).encode('latin-1')


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


class Server:
    """A web server that asks *answer* for every response."""

    def __init__(self, port, answer, host):
        self.answer = answer
        self.closing = False
        self._connections = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((host, port), backlog=512)
        self._address = self._listener.getsockname()
        self.port = self._address[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        """Stop, and hang up on everyone who is still connected."""
        if self.closing:
            return
        self.closing = True
        # A blocked accept() does not notice that its socket is closed.
        with suppress(OSError):
            socket.create_connection(self._address, 1).close()
        self._thread.join()
        self._listener.close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while not self.closing:
            args = self._listener.accept()[:1]
            thread = threading.Thread(target=self._serve, args=args)
            thread.daemon = True
            thread.start()

    def _serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._connections.add(connection)
        with (
            suppress(OSError),
            connection,
            connection.makefile('rb') as stream,
        ):
            while not self.closing:
                request = read_request(stream)
                if not request or not self._respond(connection, request):
                    break
        with self._lock:
            self._connections.discard(connection)

    def _respond(self, connection, request):
        """Answer a request; return whether the connection stays open."""
        try:
            response = self.answer(request)
        except Exception:
            log.exception('%r', request)
            response = html_response('Internal error', status=500)
        close = request.headers.get('connection', '').lower() == 'close'
        head, body = response.head(close=close), response.body
        if response.delivery == 'hang':
            connection.recv(1)
        elif response.delivery == 'reset':
            # Closing with a linger time of 0 sends RST instead of FIN. The
            # stream holds the descriptor too: a shutdown would send FIN.
            linger = struct.pack('ii', 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif response.delivery == 'half':
            connection.sendall(head + body[: len(body) // 2])
        else:
            is_head = request.method == 'HEAD'
            connection.sendall(head if is_head else head + body)
            return not close
        return False


def read_request(stream):
    """Read one request; return None at the end of the connection."""
    start = stream.readline(65536).decode('latin-1').split()
    if len(start) != 3:
        return None
    headers = {}
    while line := stream.readline(65536).strip():
        name, _, value = line.decode('latin-1').partition(':')
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get('content-length', 0)))
    return Request(start[0], start[1], headers, body)
