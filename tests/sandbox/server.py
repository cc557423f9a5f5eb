"""HTTP/1.1 with kept-alive connections, one thread a connection."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from contextlib import suppress

from .wire import Request, html_response


log = logging.getLogger('sandbox')


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
