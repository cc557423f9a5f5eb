"""Certificates that are not to be trusted."""

from __future__ import annotations

import ssl
import subprocess

import pytest

from tests.faults.case import AGAIN, DEAD, DUE, fault
from tests.sandbox.server import Server


HOSTS = {
    'good': 'IP:127.0.0.1',
    'nobody vouches for': 'IP:127.0.0.1',
    'of another host': 'DNS:wiki.example',
}


@pytest.fixture(scope='session')
def certificates(tmp_path_factory):
    """Make a folder with certificates that are signed by themselves."""
    folder = tmp_path_factory.mktemp('certificates')
    for name, host in HOSTS.items():
        subprocess.run(
            [
                *('openssl', 'req', '-x509', '-newkey', 'ec', '-nodes'),
                *('-pkeyopt', 'ec_paramgen_curve:prime256v1', '-days', '1'),
                *('-subj', f'/CN={name}', '-addext', f'subjectAltName={host}'),
                *('-keyout', f'{name}.key', '-out', f'{name}.pem'),
            ],
            check=True,
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
    trusted = [folder / 'good.pem', folder / 'of another host.pem']
    text = ''.join(path.read_text() for path in trusted)
    (folder / 'trusted.pem').write_text(text)
    return folder


class Front(Server):
    """The wiki with https, and a certificate that can be replaced."""

    def __init__(self, folder):
        self.folder = folder
        self.repair()
        super().__init__(0, None, '127.0.0.1')
        self.url = f'https://127.0.0.1:{self.port}'

    def repair(self):
        self.certificate = 'good'

    def get_request(self):
        connection, address = super().get_request()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        path = self.folder / self.certificate
        context.load_cert_chain(f'{path}.pem', f'{path}.key')
        # The thread that serves the connection shakes hands.
        options = {'server_side': True, 'do_handshake_on_connect': False}
        return context.wrap_socket(connection, **options), address


@pytest.fixture
def front(certificates, monkeypatch):
    trusted = str(certificates / 'trusted.pem')
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', trusted)
    front = Front(certificates)
    yield front
    front.close()


@pytest.fixture(
    params=[
        fault(f'a certificate {name}', 'goes on; message: try again', name)
        for name in ('nobody vouches for', 'of another host')
    ]
)
def certificate(request):
    return request.param


@pytest.fixture
def case(new_case, like, front):
    return new_case(like, front=front)


def test_the_old_token_serves_on_the_connection_there_is(
    case, running, front, certificate
):
    case.advance(DUE)
    front.certificate = certificate
    case.edits(running, 'certificate', 'is still valid')
    case.edits(running)
    front.repair()
    case.goes_on(running)


def test_a_certificate_may_be_repaired_while_the_bot_waits(
    case, bot, front, certificate, capture
):
    case.advance(DEAD)
    front.certificate = certificate
    capture.reactions['before retrying'] = front.repair
    case.edits(bot, 'certificate')
    case.goes_on(bot)


def test_until_it_is_repaired_nothing_is_sent(case, bot, front, certificate):
    case.advance(DEAD)
    asked = case.wiki.token_requests
    front.certificate = certificate
    case.stops(bot, 'EndpointError', 'certificate', AGAIN)
    assert case.wiki.token_requests == asked
    front.repair()
    case.goes_on(bot)
