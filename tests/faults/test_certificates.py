"""Certificates that cannot be trusted."""

from __future__ import annotations

import functools
import ssl
import subprocess

import pytest

from tests.faults.case import AGAIN, DEAD, DUE, Wiki, fault


OPENSSL = """openssl req -x509 -nodes -days 1
    -newkey ec -pkeyopt ec_paramgen_curve:P-256 -addext"""
HOSTS = {
    'good': 'IP:127.0.0.1',
    'nobody vouches for': 'IP:127.0.0.1',
    'of another host': 'DNS:wiki.example',
}


@pytest.fixture(scope='session')
def certificates(tmp_path_factory):
    """Make a folder with self-signed certificates."""
    folder = tmp_path_factory.mktemp('certificates')
    for name, host in HOSTS.items():
        command = [*OPENSSL.split(), f'subjectAltName={host}']
        command += ['-subj', f'/CN={name}', '-keyout', name, '-out', name]
        subprocess.run(command, check=True, cwd=folder, capture_output=True)
    trusted = folder / 'good', folder / 'of another host'
    text = ''.join(path.read_text() for path in trusted)
    (folder / 'trusted').write_text(text)
    return folder


class SafeWiki(Wiki):
    """A wiki with https, and a certificate that can be replaced."""

    def __init__(self, folder, **options):
        super().__init__(**options)
        self.folder, self.certificate = folder, 'good'

    @property
    def server(self):
        return f'https://{self.netloc}'

    def __enter__(self):
        super().__enter__()
        self._accept = self._server.get_request
        self._server.get_request = self._get_request
        return self

    def _get_request(self):
        connection, address = self._accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / self.certificate)
        # The thread that serves the connection does the TLS handshake.
        options = {'server_side': True, 'do_handshake_on_connect': False}
        return context.wrap_socket(connection, **options), address

    def repair(self):
        self.certificate = 'good'


@pytest.fixture
def case(new_case, like, certificates, monkeypatch):
    trusted = str(certificates / 'trusted')
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', trusted)
    return new_case(like, kind=functools.partial(SafeWiki, certificates))


@pytest.fixture(
    params=[
        fault(f'a certificate {name}', 'goes on; message: try again', name)
        for name in ('nobody vouches for', 'of another host')
    ]
)
def certificate(request):
    return request.param


def test_the_old_token_is_used_on_an_open_connection(
    case, running, certificate
):
    case.advance(DUE)
    case.wiki.certificate = certificate
    case.edits(running, 'certificate', 'is still valid')
    case.edits(running)
    case.wiki.repair()
    case.goes_on(running)


def test_a_certificate_may_be_repaired_while_the_bot_waits(
    case, bot, certificate, capture
):
    case.advance(DEAD)
    case.wiki.certificate = certificate
    capture.reactions['before retrying'] = case.wiki.repair
    case.edits(bot, 'certificate')
    case.goes_on(bot)


def test_nothing_is_sent_until_the_certificate_is_repaired(
    case, bot, certificate
):
    case.advance(DEAD)
    case.wiki.certificate = certificate
    case.stops(bot, 'EndpointError', 'certificate', AGAIN, asks=0)
    case.wiki.repair()
    case.goes_on(bot)
