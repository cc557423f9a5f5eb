"""A server that says what a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading


class RawServer:
    """Answers every request alike, on loopback.

    :ivar answer: the bytes of the answer, or an iterable of parts that are
        sent with a short pause between them
    :ivar received: the requests as they came
    """

    def __init__(self):
        self.answer, self.received = b'', []
        self._is_closed = threading.Event()
        self._server = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}'
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._is_closed.set()
        socket.create_connection(self._server.getsockname()).close()
        self._thread.join()
        self._server.close()

    def _serve(self):
        while not self._is_closed.is_set():
            connection, _ = self._server.accept()
            connection.settimeout(5)
            with contextlib.suppress(OSError), connection:
                if self._read(connection):
                    self._answer(connection)

    def _answer(self, connection):
        is_whole = isinstance(self.answer, bytes)
        for part in [self.answer] if is_whole else self.answer:
            connection.sendall(part)
            if not is_whole and self._is_closed.wait(0.01):
                return

    def _read(self, connection):
        received = b''
        while data := connection.recv(65536):
            received += data
            head, end, body = received.partition(b'\r\n\r\n')
            length = re.search(rb'(?i)content-length: (\d+)', head)
            if end and len(body) >= int(length[1] if length else 0):
                self.received.append(received)
                return True
        return False


def response(status=b'200 OK', headers=(), body=b'', length=None):
    """Return the bytes of an answer, as wrong as wanted."""
    size = len(body) if length is None else length
    lines = [b'HTTP/1.1 ' + status, *headers, b'Content-Length: %d' % size]
    return b'\r\n'.join([*lines, b'', body])


def recorded(answer):
    body = answer.get('body', '')
    if not isinstance(body, str):
        body = json.dumps(body)
    headers = [f'{n}: {v}'.encode() for n, v in answer['headers'].items()]
    return response(b'%d X' % answer['status'], headers, body.encode())
