"""What the tests of the stores share."""

from __future__ import annotations

import keyring
import pytest
from pywikibot import config

from tests.stores.contract import listening
from tests.stores.redis_server import RedisServer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let Pywikibot keep its files in a folder of the test."""
    monkeypatch.setattr(config, 'base_dir', str(tmp_path))
    monkeypatch.delenv('PYWIKIBOT_OAUTH2_FOLDER', raising=False)
    return tmp_path


@pytest.fixture
def said():
    """Return the warnings that Pywikibot prints."""
    with listening() as texts:
        yield texts


@pytest.fixture(scope='session')
def _running():
    with RedisServer('a-password') as server:
        yield server


@pytest.fixture
def server(_running):
    """Return a Redis server that is empty."""
    _running.ask(b'FLUSHALL')
    return _running


@pytest.fixture
def _keyring():
    """Leave the keyring of this process as it was."""
    backend = keyring.get_keyring()
    yield
    keyring.set_keyring(backend)
