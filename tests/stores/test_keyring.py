"""Tests of the store in a keyring, with backends of the package keyring."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.backends.Windows import WinVaultKeyring
from keyring.errors import KeyringLocked
from keyrings.alt.file import PlaintextKeyring
from pywikibot import config

from pywikibot_oauth2.errors import StoreError, StoreUnreachableError
from pywikibot_oauth2.stores.keyring import KeyringStore
from tests.helpers import HOUR, Bot, raises
from tests.stores import contract
from tests.stores.contract import ACCOUNT, CLIENT, KEY, authorization, keep
from tests.stores.test_file import FilePlace


ENTRY = 'pywikibot-oauth2', f'{ACCOUNT} {CLIENT}'


class KeyringPlace(FilePlace):
    """A keyring in a file, for any process; the lock is the token file's."""

    def __init__(self, folder):
        super().__init__(folder)
        self.name = ENTRY[1]

    def open(self, **options):
        backend = PlaintextKeyring()
        backend.file_path = str(Path(self.folder, 'keyring.cfg'))
        keyring.set_keyring(backend)
        config.base_dir = self.folder
        return KeyringStore(**options)

    def write(self, content):
        keyring.set_password(*ENTRY, content.decode())

    def read(self):
        return keyring.get_password(*ENTRY).encode()


class BadKeyring(KeyringBackend):
    """A keyring that keeps nothing, but says so only if it has an error."""

    priority = 1

    def __init__(self, error=None, is_readable=True):
        self.error = error
        self.is_readable = is_readable

    def get_password(self, *args):
        if not self.is_readable:
            raise self.error

    def set_password(self, *args):
        if self.error is not None:
            raise self.error


class OddError(Exception):
    """An error that the package keyring does not translate."""


FORGETFUL = BadKeyring()
FULL = BadKeyring(OddError(1783, 'CredWrite', 'The stub received bad data'))
LOCKED = BadKeyring(KeyringLocked('locked'), is_readable=False)


@contextmanager
def locked():
    """Lock the keyring within a `with` block."""
    usable = keyring.get_keyring()
    keyring.set_keyring(LOCKED)
    yield
    keyring.set_keyring(usable)


@pytest.fixture
def place(folder):
    backend = keyring.get_keyring()
    yield KeyringPlace(folder)
    keyring.set_keyring(backend)


class TestContract(contract.StoreContract):
    """The keyring keeps what every store promises."""


def in_keyring():
    return json.loads(keyring.get_password(*ENTRY))


def check_that_it_moves(place, data):
    """Check that what is in the file goes to a keyring that works."""
    store = place.open()
    assert store.load(*KEY) == data
    newer = {**data, 'newer': True}
    keep(store, newer)
    assert in_keyring() == newer
    assert json.loads(place.path.read_bytes())['authorizations'] == {}
    assert place.open().load(*KEY) == newer


@pytest.mark.parametrize(
    'backend', [fail.Keyring(), null.Keyring(), LOCKED, FULL, FORGETFUL]
)
def test_what_the_keyring_does_not_take_is_in_the_file_until_it_does(
    place, store, path, said, backend
):
    keep(store, authorization(text='old'))
    keyring.set_keyring(backend)
    keep(store, authorization())
    (text,) = said
    assert str(path) in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyringStore().load(*KEY) == authorization()
    # It is newer than what is in the keyring.
    check_that_it_moves(place, authorization())


def test_a_locked_keyring_is_reported_and_not_taken_for_empty(store):
    keep(store, authorization())
    words = 'KeyringLocked: locked'
    with locked(), raises(StoreUnreachableError, words, error='unreachable'):
        store.load(*KEY)
    assert store.load(*KEY) == authorization()


@pytest.fixture
def bot(store, wiki, tmp_path):
    """Return a bot that keeps its token in the keyring."""
    bot = Bot(wiki, tmp_path)
    bot.store = store
    bot.log_in()
    return bot


def test_a_token_renewed_while_the_keyring_is_locked_is_not_lost(bot, wiki):
    account = bot.another()
    account.header()
    wiki.clock.advance(HOUR)
    with locked():
        header = account.header()
        assert bot.accepts(header)
    # After this process has ended
    assert bot.another().header() == header
    assert bot.asked == 1
    assert 'has ended' not in bot.said


def test_an_end_while_the_keyring_is_locked_hides_no_newer_token(bot, wiki):
    account = bot.another()
    account.header()
    wiki.clock.advance(HOUR)
    header = bot.another().header()
    with locked():
        assert account.header() is None
    assert account.header() == bot.another().header() == header


@pytest.mark.parametrize('has_ended', [False, True])
def test_a_login_while_the_keyring_is_locked_is_the_newest(bot, has_ended):
    account = bot.another()
    for _ in range(3):
        account.refresh()
    if has_ended:
        account.forget()
    with locked():
        # In another terminal, without a keyring
        header = bot.log_in()
        if not has_ended:
            account.header(refused=account.header())
    assert account.header() == bot.another().header() == header
    assert bot.accepts(header)


def test_a_process_that_ends_while_a_token_moves_loses_nothing(place, store):
    class Deadly(PlaintextKeyring):
        file_path = keyring.get_keyring().file_path

        def set_password(self, *args):
            super().set_password(*args)
            raise KeyboardInterrupt

    with locked():
        keep(store, authorization(text='old'))
    keyring.set_keyring(Deadly())
    with pytest.raises(KeyboardInterrupt):
        keep(store, authorization(text='new'))
    assert in_keyring()['text'] == 'new'
    # The old one must not come back.
    assert place.open().load(*KEY) == authorization(text='new')


def test_the_credential_manager_of_windows_is_refused_at_the_first_use(
    store, path, said
):
    keyring.set_keyring(WinVaultKeyring())
    for use, *arguments in (store.load, *KEY), (keep, store, authorization()):
        with raises(StoreError, '2,560 bytes', error='keyring_too_small') as e:
            use(*arguments)
        assert not isinstance(e.value, StoreUnreachableError)
    assert not path.exists()
    assert said == []


def test_without_the_package_a_login_is_in_the_file(
    place, store, said, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'keyring', None)
        with raises(StoreUnreachableError, error='missing_package'):
            store.load(*KEY)
        keep(store, authorization())
    assert 'The package keyring is not installed.' in str(said)
    assert store.load(*KEY) == authorization()


def test_the_stores_load_their_packages_when_they_are_used():
    program = (
        'import sys\n'
        'from pywikibot_oauth2.stores import file, keyring, redis\n'
        'keyring.KeyringStore(), redis.RedisStore(""), file.FileStore()\n'
        'assert not {"redis", "keyring", "filelock"} & sys.modules.keys()'
    )
    subprocess.run([sys.executable, '-c', program], check=True)
