"""Certificates that are not to be trusted."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading

import pytest

from tests.faults.case import AGAIN, DEAD, DUE


def make_certificate(path, name, host):
    """Make a certificate that is signed by itself, and its key."""
    subprocess.run(
        [
            *('openssl', 'req', '-x509', '-newkey', 'ec', '-nodes'),
            *('-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '1'),
            *('-subj', f'/CN={name}', '-addext', f'subjectAltName={host}'),
            *('-keyout', str(path.with_suffix('.key')), '-out', str(path)),
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope='session')
def contexts(tmp_path_factory):
    """Make the certificates, and a file with those that are trusted."""
    folder = tmp_path_factory.mktemp('certificates')
    contexts = {}
    for name, host in {
        'good': 'IP:127.0.0.1',
        'nobody vouches for': 'IP:127.0.0.1',
        'of another host': 'DNS:wiki.example',
    }.items():
        path = folder / f'{name}.pem'
        make_certificate(path, name, host)
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(path, path.with_suffix('.key'))
    trusted = folder / 'trusted.pem'
    trusted.write_text(
        (folder / 'good.pem').read_text()
        + (folder / 'of another host.pem').read_text()
    )
    return contexts, trusted


class TlsFront:
    """The wiki with https, and a certificate that can be replaced."""

    def __init__(self, contexts, port):
        self._contexts = contexts
        self._wiki = '127.0.0.1', port
        self.certificate = 'good'
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'https://127.0.0.1:{self._listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def repair(self):
        self.certificate = 'good'

    def close(self):
        # A blocked accept() does not notice that its socket is closed.
        self.certificate = ''
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._listener.close()

    def _accept(self):
        while self.certificate:
            with contextlib.suppress(OSError):
                connection = self._listener.accept()[0]
                threading.Thread(
                    target=self._serve, args=(connection,), daemon=True
                ).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError, KeyError), connection:
            context = self._contexts[self.certificate]
            secure = context.wrap_socket(connection, server_side=True)
            with secure, socket.create_connection(self._wiki) as wiki:
                threading.Thread(
                    target=_pump, args=(wiki, secure), daemon=True
                ).start()
                _pump(secure, wiki)


def _pump(source, sink):
    """Pass on everything until one side hangs up."""
    with contextlib.suppress(OSError, ValueError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def front(contexts, port, monkeypatch):
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', str(contexts[1]))
    front = TlsFront(contexts[0], port)
    yield front
    front.close()


@pytest.fixture(
    params=[
        pytest.param(
            name,
            id=name,
            marks=pytest.mark.fault(
                f'a certificate {name}', 'goes on; message: try again'
            ),
        )
        for name in ('nobody vouches for', 'of another host')
    ]
)
def certificate(request):
    return request.param


@pytest.fixture
def case(new_case, like, front):
    return new_case(like, prefix=front.url)


def test_the_old_token_serves_on_the_connection_there_is(
    case, front, certificate
):
    bot = case.bot()
    case.edits(bot)
    case.advance(DUE)
    front.certificate = certificate
    case.edits(bot, 'certificate', 'is still valid')
    case.edits(bot)
    front.repair()
    case.goes_on(bot)


def test_a_certificate_may_be_repaired_while_the_bot_waits(
    case, front, certificate, capture
):
    bot = case.bot()
    case.advance(DEAD)
    front.certificate = certificate
    capture.reactions['before retrying'] = front.repair
    case.edits(bot, 'certificate')
    case.goes_on(bot)


def test_until_it_is_repaired_nothing_is_sent(case, front, certificate):
    bot = case.bot()
    case.advance(DEAD)
    asked = case.wiki.token_requests
    front.certificate = certificate
    case.stops(bot, 'EndpointError', 'certificate', AGAIN)
    assert case.wiki.token_requests == asked
    front.repair()
    case.goes_on(bot)
