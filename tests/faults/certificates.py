#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Certificates that are not to be trusted."""
from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

from tests.faults.endpoint import ANSWER
from tests.faults.lab import AGAIN, DEAD, DUE, OLD, Case, lab
from tests.faults.table import fault
from tests.faults.watch import capture, check


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def make_certificate(path: Path, name: str, host: str) -> None:
    """Make a certificate that is signed by itself, and its key."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
         f'/CN={name}', '-addext', f'subjectAltName={host}', '-keyout',
         str(path.with_suffix('.key')), '-out', str(path)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class TlsFront:
    """The wiki by https, with a certificate that can be replaced."""

    def __init__(self, folder: Path, port: int) -> None:
        self._wiki = port
        self._contexts = {}
        for name, host in (('good', 'IP:127.0.0.1'), ('bad', 'IP:127.0.0.1'),
                           ('other', 'DNS:wiki.example')):
            path = folder / f'{name}.pem'
            if not path.exists():
                make_certificate(path, name, host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, path.with_suffix('.key'))
            self._contexts[name] = context
        # What the bot trusts: not the one that says it is 127.0.0.1, too.
        self.trusted = folder / 'trusted.pem'
        self.trusted.write_text((folder / 'good.pem').read_text()
                                + (folder / 'other.pem').read_text())
        self.certificate = 'good'
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'https://127.0.0.1:{self._listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        self.certificate = 'good'

    def close(self) -> None:
        # A blocked accept() does not notice that its socket is closed.
        self.certificate = ''
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._listener.close()

    def _accept(self) -> None:
        while self.certificate:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,),
                                 daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError), connection:
            secure = self._contexts[self.certificate].wrap_socket(
                connection, server_side=True)
            with secure, socket.create_connection(
                    ('127.0.0.1', self._wiki)) as wiki:
                threading.Thread(target=_pump, args=(wiki, secure),
                                 daemon=True).start()
                _pump(secure, wiki)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on everything until one side hangs up."""
    with contextlib.suppress(OSError, ValueError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tls_case() -> Iterator[tuple[Case, TlsFront]]:
    folder = lab.folder / 'certificates'
    folder.mkdir(exist_ok=True)
    front = TlsFront(folder, lab.port)
    os.environ['REQUESTS_CA_BUNDLE'] = str(front.trusted)
    try:
        with lab.case(OLD, prefix=front.url) as case:
            yield case, front
    finally:
        del os.environ['REQUESTS_CA_BUNDLE']
        front.close()


@fault('a certificate nobody vouches for, or of another host', ANSWER)
def _() -> None:
    for certificate in ('bad',) if lab.is_short else ('bad', 'other'):
        # The old token serves, on the connection that is there.
        with tls_case() as (case, front):
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(DUE)
            front.certificate = certificate
            case.edits(bot, 'certificate', 'The old one still serves.')
            case.edits(bot)
            front.mend()
            case.goes_on(bot)
        # It is mended while the bot repeats.
        with tls_case() as (case, front):
            bot = case.bot()
            case.clock.advance(DEAD)
            front.certificate = certificate
            capture.reactions['before retrying'] = front.mend
            case.edits(bot, 'certificate')
            case.goes_on(bot)
        # It is not, or not so soon.
        with tls_case() as (case, front):
            bot = case.bot()
            case.clock.advance(DEAD)
            asked = case.wiki.token_requests
            front.certificate = certificate
            outcome = case.stops(bot, 'EndpointError', 'certificate')
            check(AGAIN in outcome.error, 'it does not say what to do:',
                  outcome.error)
            check(case.wiki.token_requests == asked, 'it went on regardless')
            front.mend()
            case.goes_on(bot)
