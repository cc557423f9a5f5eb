#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A web server on this machine that reads a request and does nothing."""
from __future__ import annotations

import socket
import sys
import threading


ANSWER = (b'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8'
          b'\r\nContent-Length: 21\r\n\r\n{"batchcomplete": ""}')


def serve(connection: socket.socket) -> None:
    """Answer the requests of one connection, all alike."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile('rb') as stream:
        while stream.readline():
            length = 0
            for line in iter(stream.readline, b'\r\n'):
                name, _, value = line.partition(b':')
                if name.lower() == b'content-length':
                    length = int(value)
            stream.read(length)
            connection.sendall(ANSWER)


def main() -> None:
    """Serve until the end of this process; print the port first."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        sys.stdout.write(f'{listener.getsockname()[1]}\n')
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,),
                             daemon=True).start()


if __name__ == '__main__':
    main()
