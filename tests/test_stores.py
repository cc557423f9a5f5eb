#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the stores: what all have in common, and what one has alone."""
from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import keyring
import keyring.backend
import keyring.errors
import pytest
import redis
from keyring.backends import fail, null
from keyrings.alt.file import PlaintextKeyring
from pywikibot import config

from pywikibot_oauth2 import OAuth2Client, StoreError
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.keyringstore import KeyringStore
from pywikibot_oauth2.redisstore import RedisStore
from pywikibot_oauth2.renewal import Renewal
from tests.bots import SECONDS, Bot, at_once, configure, listening
from tests.redis_server import RedisServer
from tests.sandbox import Sandbox


ACCOUNT, CLIENT = 'Bot', 'client'
NAMES = ['Bot', 'Bot of the museum', 'Bot/old', 'Бот', '机器人', "O'Bot & Co."]

# Other processes are forked from one that has loaded everything and does
# nothing else.
processes = multiprocessing.get_context('forkserver')
processes.set_forkserver_preload(['tests.test_stores'])


class Place:
    """Where a kind of store keeps what it is given, for any process."""

    def __init__(self, kind, folder, url=None):
        self.kind = kind
        self.folder = str(folder)
        self.url = url

    def open(self, **options):
        """Return a store, as a process that begins would have it."""
        config.base_dir = self.folder
        if self.kind == 'file':
            return FileStore(**options)
        if self.kind == 'redis':
            return RedisStore(self.url, **options)
        keyring.set_keyring(self.backend())
        return KeyringStore()

    def backend(self):
        """Return a keyring that works: one in a file."""
        backend = PlaintextKeyring()
        backend.file_path = str(Path(self.folder, 'keyring.cfg'))
        return backend

    def write(self, text):
        """Put something in the place of a session, by other means."""
        if self.kind == 'file':
            path = FileStore().path(ACCOUNT)
            path.touch(mode=0o600)
            path.write_text(text)
        elif self.kind == 'redis':
            redis.Redis.from_url(self.url).set(
                f'pywikibot-oauth2:{ACCOUNT}:{CLIENT}', text)
        else:
            keyring.set_password('pywikibot-oauth2', f'{ACCOUNT} {CLIENT}',
                                 text)

    def read(self):
        """Return what stands there, by other means."""
        if self.kind == 'file':
            return FileStore().path(ACCOUNT).read_text()
        if self.kind == 'redis':
            return redis.Redis.from_url(self.url).get(
                f'pywikibot-oauth2:{ACCOUNT}:{CLIENT}').decode()
        return keyring.get_password('pywikibot-oauth2',
                                    f'{ACCOUNT} {CLIENT}')


class SharedClock:
    """A clock that goes the same in all processes."""

    def __init__(self):
        self._offset = processes.Value('d', 0.0)

    def __call__(self):
        return time.time() + self._offset.value

    def advance(self, seconds):
        self._offset.value += seconds


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Let Pywikibot keep its files in a folder, and wait but shortly."""
    configure(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _same_keyring():
    """Leave the keyring of this process as it was."""
    backend = keyring.get_keyring()
    yield
    keyring.set_keyring(backend)


@pytest.fixture(scope='module')
def running():
    """Run one Redis server for many tests."""
    with RedisServer('a-password') as server:
        yield server


@pytest.fixture
def server(running):
    """Return a Redis server that runs and is empty."""
    running.clear()
    return running


@pytest.fixture(params=['file', 'keyring', 'redis'])
def place(request, folder):
    """Return a place that is empty."""
    url = None
    if request.param == 'redis':
        url = request.getfixturevalue('server').url
    return Place(request.param, folder, url)


@pytest.fixture
def store(place):
    return place.open()


@pytest.fixture
def bot(wiki, clock):
    """Return an account of the wiki that has authorized a client."""
    return Bot(wiki, clock=clock)


@contextmanager
def process(target, *arguments):
    """Run a function in another process, which must not outlive the test.

    The last argument that it is given is the wire to the test.
    """
    here, there = processes.Pipe()
    child = processes.Process(target=target, args=(*arguments, there))
    child.start()
    there.close()
    try:
        yield SimpleNamespace(wire=here, kill=child.kill, join=child.join,
                              process=child)
    finally:
        child.kill()
        child.join(SECONDS)
        here.close()


def run(program, *arguments, text=''):
    """Run a program that has never loaded anything."""
    return subprocess.run(
        [sys.executable, '-c', program, *arguments], input=text, text=True,
        capture_output=True, timeout=SECONDS, cwd=config.base_dir,
        env={**os.environ, 'PYWIKIBOT_DIR': config.base_dir})


def heard(child):
    """Return what another process has to say."""
    assert child.wire.poll(SECONDS), 'it says nothing'
    return child.wire.recv()


def session_of(account=ACCOUNT, **fields):
    """Return something to store for an account."""
    return {'user': account, 'token': {'access_token': 'secret'}, **fields}


def keep(store, session, account=ACCOUNT, client=CLIENT):
    """Store a session as it is to be done."""
    with store.lock(account, client):
        store.save(account, client, session)


def is_free(place, account=ACCOUNT, client=CLIENT):
    """Return whether a lock can be had at once."""
    # That of the keyring is that of the token file.
    kind = 'redis' if place.kind == 'redis' else 'file'
    store = Place(kind, place.folder, place.url).open(lock_timeout=0.05)
    with suppress(StoreError), store.lock(account, client):
        return True
    return False


def renewal(bot, store):
    """Return what keeps the account's token in a process that begins."""
    return Renewal(bot.client, bot.user, store, bot.clock)


def logged_in(bot, store):
    """Return the same, after a login."""
    new = renewal(bot, store)
    new.adopt(bot.authorized())
    return new


# What is stored

def test_nothing_stored_is_none(store):
    assert store.load(ACCOUNT, CLIENT) is None


@pytest.mark.parametrize('account', NAMES)
def test_what_is_saved_is_loaded(place, store, account):
    session = session_of(account, text='ä"\\\n☃', number=1.5, none=None)
    keep(store, session, account)
    assert store.load(account, CLIENT) == session
    assert place.open().load(account, CLIENT) == session


def test_accounts_are_independent(place, store):
    for account in NAMES:
        keep(store, session_of(account), account)
    for account in NAMES:
        keep(store, session_of(account, again=True), account)
        for other in NAMES:
            seen = place.open().load(other, CLIENT)
            assert seen['user'] == other
            assert ('again' in seen) == (
                NAMES.index(other) <= NAMES.index(account))


@pytest.mark.parametrize(('one', 'other'), [
    ('Bot/old', 'Bot_old'), ('Bot?', 'Bot*'), ('My Bot', 'My_Bot'),
])
def test_accounts_of_similar_names_never_get_each_others_tokens(
        place, store, one, other):
    keep(store, session_of(one), one)
    with suppress(StoreError):  # the token file says whose it is
        assert store.load(other, CLIENT) is None
    with suppress(StoreError):
        keep(store, session_of(other), other)
        assert store.load(other, CLIENT) == session_of(other)
    assert place.open().load(one, CLIENT) == session_of(one)


def test_clients_of_an_account_are_independent(place, store):
    for client in ('one', 'two', 'three'):
        keep(store, session_of(of=client), client=client)
    keep(store, session_of(of='two', again=True), client='two')
    assert [place.open().load(ACCOUNT, client)
            for client in ('one', 'two', 'three', 'four')] == [
        session_of(of='one'), session_of(of='two', again=True),
        session_of(of='three'), None]


def test_saving_replaces_the_session_as_a_whole(store):
    keep(store, session_of(ended='revoked', pending={'state': 'x'}))
    keep(store, session_of(number=1))
    assert store.load(ACCOUNT, CLIENT) == session_of(number=1)


def test_a_session_survives_being_stored(store, bot):
    session = bot.authorized()
    keep(store, session.serialize(), client=bot.client.client_id)
    stored = renewal(bot, store).load()
    assert stored.serialize() == session.serialize()


@pytest.mark.parametrize('text', ['', '{', '[]', 'null', '"text"', '\x00',
                                  '[' * 100000])
def test_what_is_damaged_is_reported_with_its_place_and_left(
        place, store, text):
    place.write(text)
    with pytest.raises(StoreError) as info:
        store.load(ACCOUNT, CLIENT)
    where = [store.where(ACCOUNT)] if place.kind != 'redis' else [
        place.url.rpartition('@')[2], f'pywikibot-oauth2:{ACCOUNT}:{CLIENT}']
    assert all(part in str(info.value) for part in where)
    assert re.search(r'left as\s+it\s+is', str(info.value))
    assert place.read() == text


def test_a_session_of_a_future_version_is_reported_and_left(
        place, store, bot):
    future = session_of(version=99)
    keep(store, future, client=bot.client.client_id)
    with pytest.raises(StoreError) as info:
        renewal(bot, store).load()
    assert store.where(ACCOUNT) in str(info.value)
    assert 'left as it is' in str(info.value)
    with listening() as said:
        assert renewal(bot, store).header() is None
    assert store.where(ACCOUNT) in said[-1]
    assert place.open().load(ACCOUNT, bot.client.client_id) == future


# The lock

def count(place, times, wire):
    """Add to a number in the store, in a process of its own."""
    _count(place.open(), times)
    wire.send('done')


def _count(store, times):
    for _ in range(times):
        with store.lock(ACCOUNT, CLIENT):
            session = store.load(ACCOUNT, CLIENT)
            store.save(ACCOUNT, CLIENT,
                       session_of(number=session['number'] + 1))


def hold(place, options, wire):
    """Hold the lock until the other end of the wire says something."""
    with place.open(**options).lock(ACCOUNT, CLIENT):
        wire.send('held')
        with suppress(EOFError):
            wire.recv()
    wire.send('free')


def test_the_lock_excludes_other_threads_and_processes(place, store):
    keep(store, session_of(number=0))
    with process(count, place, 20) as one, process(count, place, 20) as two:
        at_once(4, lambda index: _count(store, 10))
        assert [heard(one), heard(two)] == ['done', 'done']
    assert store.load(ACCOUNT, CLIENT)['number'] == 80


def test_the_lock_is_free_when_it_is_given_back(place, store):
    assert is_free(place)
    with store.lock(ACCOUNT, CLIENT):
        assert not is_free(place)
    assert is_free(place)
    with pytest.raises(KeyError), store.lock(ACCOUNT, CLIENT):
        raise KeyError
    assert is_free(place)


def test_the_lock_of_an_account_is_not_anothers(place, store):
    with store.lock(ACCOUNT, CLIENT):
        assert is_free(place, 'Other')


def test_a_lock_that_another_process_does_not_give_back_is_reported(place):
    with process(hold, place, {}) as child:
        assert heard(child) == 'held'
        if place.kind == 'keyring':
            store = FileStore(lock_timeout=0.1)  # it is the same lock
        else:
            store = place.open(lock_timeout=0.1)
        with pytest.raises(StoreError, match='seconds'), \
             store.lock(ACCOUNT, CLIENT):
            raise AssertionError
        child.wire.send('enough')
        assert heard(child) == 'free'
        assert is_free(place)


def test_the_lock_is_free_after_its_holder_was_killed(place):
    # That of Redis after its time.
    options = {'lock_timeout': 0.3} if place.kind == 'redis' else {}
    with process(hold, place, options) as child:
        assert heard(child) == 'held'
        assert not is_free(place)
        child.kill()
        child.join(SECONDS)
        with place.open(**options).lock(ACCOUNT, CLIENT):
            pass
    assert is_free(place)


# A keyring in a file, as that of these tests, does not replace it as a whole.
@pytest.mark.parametrize('place', ['file', 'redis'], indirect=True)
def test_a_save_that_is_killed_leaves_a_whole_session(place, store):
    keep(store, session_of(number=0))
    options = {'lock_timeout': 0.5} if place.kind == 'redis' else {}
    with process(save_for_ever, place, options) as child:
        heard(child)
        child.kill()
        child.join(SECONDS)
    assert isinstance(place.open().load(ACCOUNT, CLIENT)['number'], int)
    with place.open(**options).lock(ACCOUNT, CLIENT):
        pass


def save_for_ever(place, options, wire):
    """Save as fast as possible until killed."""
    store = place.open(**options)
    for number in range(1, 1 << 60):
        keep(store, session_of(number=number, padding='x' * 100000))
        if number == 3:
            wire.send('going')


# Renewing together

def test_two_that_share_a_store_refresh_once(place, bot, clock):
    one = logged_in(bot, place.open())
    two = renewal(bot, place.open())
    old = two.header()
    assert old == one.header()
    for number in range(1, 4):
        clock.advance(3600)
        headers = at_once(4, lambda index: (one, two)[index % 2].header())
        assert len(set(headers)) == 1
        assert bot.accepts(headers[0])
        assert bot.refreshes == bot.asked == number
    assert headers[0] != old


def test_two_whose_token_is_refused_refresh_once(place, bot):
    one = logged_in(bot, place.open())
    two = renewal(bot, place.open())
    old = two.header()
    bot.wiki.expire_access_tokens()
    headers = at_once(4, lambda index: (one, two)[index % 2].replace(old))
    assert len(set(headers)) == 1
    assert bot.accepts(headers[0])
    assert bot.refreshes == bot.asked == 1


def test_eight_processes_refresh_once_for_each_expiry(place):
    clock = SharedClock()
    with Sandbox(clock=clock) as wiki:
        bot = Bot(wiki)
        logged_in(bot, place.open())
        setup = (place, clock, bot.client.client_id,
                 bot.client.credentials()['client_secret'])
        with ProcessGroup(8, renew, *setup) as group:
            first = group.ask('header')
            assert bot.refreshes == 0
            for number in range(1, 4):
                clock.advance(3600)
                headers = group.ask('header')
                assert len(headers) == 1
                assert bot.refreshes == bot.asked == number
            # The wiki may also be the first to say so.
            wiki.expire_access_tokens()
            headers = group.ask('replace')
            assert len(headers) == 1
            assert bot.refreshes == bot.asked == 4
            assert bot.accepts(headers.pop())
            assert first.isdisjoint(headers)


def renew(place, clock, client_id, secret, barrier, wire):
    """Be one of several bots that share an account."""
    bot = SimpleNamespace(client=OAuth2Client(client_id, secret),
                          user=ACCOUNT, clock=clock)
    mine = renewal(bot, place.open())
    header = None
    with suppress(EOFError):
        while True:
            question = wire.recv()
            barrier.wait(SECONDS)
            header = mine.header() if question == 'header' \
                else mine.replace(header)
            wire.send(header)


class ProcessGroup:
    """Processes that are all asked the same at the same moment."""

    def __init__(self, number, target, *arguments):
        barrier = processes.Barrier(number)
        self._members = [process(target, *arguments, barrier)
                         for _ in range(number)]
        self._children = []

    def __enter__(self):
        self._children = [member.__enter__() for member in self._members]
        return self

    def __exit__(self, *exc_info):
        for member in self._members:
            member.__exit__(None, None, None)

    def ask(self, question):
        """Return the different answers."""
        for child in self._children:
            child.wire.send(question)
        return {heard(child) for child in self._children}


# Secrets

def test_a_store_shows_no_secret(place, store, bot, caplog, capfd):
    caplog.set_level('DEBUG')
    with listening() as said:
        bots = logged_in(bot, store)
        bot.clock.advance(3600)
        bots.header()
        shown = [repr(store), str(store), store.where(ACCOUNT),
                 repr(bots.session), *said, caplog.text,
                 *capfd.readouterr()]
    secrets = {*bot.wiki.secrets, 'a-password'}
    assert len(secrets) > 4
    assert not [secret for secret in secrets
                for text in shown if secret in text]


def test_an_error_of_a_store_shows_no_secret(place, store):
    place.write('{"token": {"access_token": "secret-token"')
    try:
        store.load(ACCOUNT, CLIENT)
    except StoreError:
        shown = traceback.format_exc()
    assert 'StoreError' in shown
    assert 'secret-token' not in shown
    assert 'a-password' not in shown


# Redis alone

def test_redis_is_asked_for_nothing_before_it_is_needed():
    store = RedisStore('redis://:a-password@no-such-host.invalid:6379/0')
    assert repr(store) == "RedisStore('redis://no-such-host.invalid:6379/0')"
    assert store.where('Bot') == ('redis://no-such-host.invalid:6379/0, keys'
                                  ' pywikibot-oauth2:Bot:*')


def test_prefixes_keep_stores_apart(server):
    one, two = (RedisStore(server.url, prefix=prefix)
                for prefix in ('one:', 'two:'))
    keep(one, session_of(number=1))
    assert two.load(ACCOUNT, CLIENT) is None
    with one.lock(ACCOUNT, CLIENT):
        keep(two, session_of(number=2))
    assert one.load(ACCOUNT, CLIENT) == session_of(number=1)


def test_saving_without_the_lock_is_refused(server):
    store = RedisStore(server.url)
    with pytest.raises(StoreError, match='lock'):
        store.save(ACCOUNT, CLIENT, session_of())
    assert store.load(ACCOUNT, CLIENT) is None
    with store.lock(ACCOUNT, CLIENT), pytest.raises(StoreError):
        store.save('Other', CLIENT, session_of('Other'))


def test_who_lost_the_lock_can_neither_save_nor_release(server):
    sleeper = RedisStore(server.url, lock_timeout=0.05)
    other = RedisStore(server.url)
    with sleeper.lock(ACCOUNT, CLIENT):
        with other.lock(ACCOUNT, CLIENT):  # waits until the first expires
            other.save(ACCOUNT, CLIENT, session_of(by='other'))
            with pytest.raises(StoreError, match='lost'):
                sleeper.save(ACCOUNT, CLIENT, session_of(by='sleeper'))
            assert other.load(ACCOUNT, CLIENT) == session_of(by='other')
        # It is free again, but still not the sleeper's.
        with pytest.raises(StoreError, match='lost'):
            sleeper.save(ACCOUNT, CLIENT, session_of(by='sleeper'))
    assert other.load(ACCOUNT, CLIENT) == session_of(by='other')


def test_who_lost_the_lock_does_not_release_the_new_holders(server):
    place = Place('redis', config.base_dir, server.url)
    sleeper = RedisStore(server.url, lock_timeout=0.05)
    other = RedisStore(server.url)
    asleep = sleeper.lock(ACCOUNT, CLIENT)
    asleep.__enter__()
    with other.lock(ACCOUNT, CLIENT):
        asleep.__exit__(None, None, None)
        assert not is_free(place)
        other.save(ACCOUNT, CLIENT, session_of(by='other'))
    assert is_free(place)


def test_a_token_that_was_renewed_too_slowly_is_not_lost(server, bot):
    slow = logged_in(bot, RedisStore(server.url, lock_timeout=0.1))
    other = renewal(bot, RedisStore(server.url, lock_timeout=5))
    bot.wiki.version = '1.47'
    old = other.header()
    bot.clock.advance(3600)
    bot.wiki.fail_next('slow', delay=0.3)
    with listening() as said:
        headers = at_once(2, lambda index: (slow, other)[index].header())
    assert all(map(bot.accepts, headers)), said
    assert old not in headers
    # Whoever was too slow takes the other's when its own is due.
    bot.clock.advance(3600)
    headers = [slow.header(), other.header()]
    assert headers[0] == headers[1]
    assert bot.accepts(headers[0])


@pytest.mark.parametrize('url', [
    '', 'here', '127.0.0.1:6379', 'http://127.0.0.1:6379/',
    'redis://127.0.0.1:port/0', 'redis://[127.0.0.1/0',
    'redis://127.0.0.1:6379/?socket_timeout=soon',
])
def test_what_is_no_address_of_a_redis_server_is_said_so(url):
    store = RedisStore(url)
    assert repr(store).startswith('RedisStore(')
    with pytest.raises(StoreError, match='no address of a Redis server'):
        store.load(ACCOUNT, CLIENT)
    with pytest.raises(StoreError, match='no address of a Redis server'), \
         store.lock(ACCOUNT, CLIENT):
        raise AssertionError


@pytest.mark.parametrize('url', [
    # A slash and a hash sign would have to be written %2F and %23.
    'redis://:a/pass-word@127.0.0.1:1/0',
    'redis://:a#pass-word@127.0.0.1:1/0',
    'redis://:a?pass-word@127.0.0.1:1/0',
    'redis://127.0.0.1:1/0?password=pass-word',
    'redis://user:a-pass-word@127.0.0.1:1/0',
    'redis://127.0.0.1:1/0?password=a@pass-word',
    'redis://user:1/pass-word@127.0.0.1:1/0',
    'redis://:a-pass-word@[127.0.0.1:1/0',
])
def test_a_mistaken_address_does_not_show_the_password(url):
    store = RedisStore(url)
    with pytest.raises(StoreError) as info:
        store.load(ACCOUNT, CLIENT)
    for shown in (repr(store), store.where(ACCOUNT), str(info.value),
                  ''.join(traceback.format_exception(
                      info.type, info.value, info.tb))):
        assert 'pass-word' not in shown


def test_a_wrong_password_of_redis_is_said_and_not_shown(server):
    url = server.url.replace('a-password', 'a-wrong-one')
    with pytest.raises(StoreError) as info:
        RedisStore(url).load(ACCOUNT, CLIENT)
    assert server.netloc in str(info.value)
    assert 'password' in str(info.value)
    assert 'a-wrong-one' not in str(info.value)


@pytest.mark.parametrize('keeps', [True, False])
def test_while_redis_is_down_the_old_token_serves(bot, clock, keeps):
    with RedisServer() as server:
        bots = logged_in(bot, RedisStore(server.url))
        old = bots.header()
        server.stop(keep=keeps)
        clock.advance(3570)  # due, but valid
        with listening() as said:
            assert bots.header() == old
        assert any(server.netloc in text for text in said)
        assert bot.asked == 0
        server.start()
        clock.advance(5)
        new = bots.header()
        assert new != old
        assert bot.refreshes == 1
        assert renewal(bot, RedisStore(server.url)).header() == new


def test_a_token_that_redis_did_not_take_is_stored_when_it_is_back(
        bot, clock):
    with RedisServer() as server:
        store = RedisStore(server.url, lock_timeout=1)
        bots = logged_in(bot, store)
        clock.advance(3600)
        bot.wiki.fail_next(
            'rewrite', change=lambda data: server.stop(keep=True) or data)
        with listening() as said:
            new = bots.header()
        assert bot.accepts(new)
        assert any('only in memory' in text for text in said)
        server.start()
        clock.advance(10)
        assert bots.header() == new
        assert renewal(bot, RedisStore(server.url)).header() == new
        assert bot.asked == 1


def test_an_expired_token_while_redis_is_down_is_an_error(bot, clock):
    with RedisServer() as server:
        bots = logged_in(bot, RedisStore(server.url))
        server.stop(keep=True)
        clock.advance(3600)
        with listening(), pytest.raises(StoreError, match='cannot be used'):
            bots.header()
        assert bot.asked == 0
        server.start()
        assert bot.accepts(bots.header())


def test_redis_that_is_down_is_noticed_soon():
    with RedisServer() as server:
        store = RedisStore(server.url)
        store.load(ACCOUNT, CLIENT)
        server.stop()
        start = time.monotonic()
        with pytest.raises(StoreError):
            store.load(ACCOUNT, CLIENT)
        # Meanwhile all threads of a bot wait for the token.
        assert time.monotonic() - start < 1


def test_redis_that_never_answers_is_given_up():
    with RedisServer() as server:
        store = RedisStore(f'{server.url}?socket_timeout=0.2')
        store.load(ACCOUNT, CLIENT)
        server.freeze()
        errors = []

        def load():
            try:
                store.load(ACCOUNT, CLIENT)
            except StoreError as error:
                errors.append(str(error))

        thread = threading.Thread(target=load, daemon=True)
        thread.start()
        thread.join(1.5)
        assert len(errors) == 1
        assert server.netloc in errors[0]


# The keyring alone

class LockedKeyring(keyring.backend.KeyringBackend):
    """A keyring that its owner has not unlocked."""

    priority = 1

    def _refuse(self, *args):
        raise keyring.errors.KeyringLocked('locked')

    get_password = set_password = delete_password = _refuse


class OddError(Exception):
    """An error such as pywintypes.error, which derives from nothing else."""


class OddKeyring(keyring.backend.KeyringBackend):
    """A keyring that does not take what is too long for it."""

    priority = 1

    def get_password(self, service, username):
        return None

    def set_password(self, service, username, password):
        raise OddError(1783, 'CredWrite', 'The stub received bad data')


class ForgetfulKeyring(OddKeyring):
    """A keyring that keeps nothing, but does not say so."""

    def set_password(self, service, username, password):
        return None


def unusable(kind):
    """Return a keyring that cannot be used."""
    return {'no backend': fail.Keyring, 'disabled': null.Keyring,
            'locked': LockedKeyring, 'odd': OddKeyring,
            'forgetful': ForgetfulKeyring}[kind]()


def in_keyring(bot):
    """Return the header that goes with the token in the keyring."""
    text = keyring.get_password('pywikibot-oauth2',
                                f'{bot.user} {bot.client.client_id}')
    token = json.loads(text)['token'] if text else {}
    return f'Bearer {token.get("access_token")}'


def check_moves_to_the_keyring(bot, header):
    """Check that a token in the file moves to a keyring that works."""
    keyring.set_keyring(Place('keyring', config.base_dir).backend())
    bots = renewal(bot, KeyringStore())
    assert bots.header() == header
    bot.clock.advance(3600)
    new = bots.header()
    assert bot.accepts(new)
    assert in_keyring(bot) == new
    assert json.loads(bot.path.read_text())['sessions'] == {}
    assert renewal(bot, KeyringStore()).header() == new


@pytest.mark.parametrize('kind', ['no backend', 'disabled', 'locked', 'odd',
                                  'forgetful'])
def test_a_login_that_the_keyring_does_not_take_is_in_the_file(bot, kind):
    keyring.set_keyring(unusable(kind))
    with listening() as said:
        bots = logged_in(bot, KeyringStore())
        header = bots.header()
    assert bot.accepts(header)
    assert bot.stored_header == header
    assert bot.path.stat().st_mode & 0o777 == 0o600
    text, = said
    assert str(bot.path) in text
    assert 'only in memory' not in text
    check_moves_to_the_keyring(bot, header)


def test_a_login_without_the_package_keyring_is_in_the_file(bot):
    session = bot.authorized()
    program = """
import json, sys, time
sys.modules['keyring'] = None
from pywikibot_oauth2 import OAuth2Client, OAuth2Session
from pywikibot_oauth2.keyringstore import KeyringStore
from pywikibot_oauth2.renewal import Renewal
client = OAuth2Client(sys.argv[1])
bots = Renewal(client, 'Bot', KeyringStore(), time.time)
bots.adopt(OAuth2Session.deserialize(json.load(sys.stdin), client))
print(bots.header())
"""
    done = run(program, bot.client.client_id,
               text=json.dumps(session.serialize()))
    header = done.stdout.strip()
    assert header == session.token.header, done.stderr
    assert "pip install 'pywikibot-oauth2[keyring]'" in done.stderr
    assert str(bot.path) in done.stderr
    assert bot.stored_header == header
    assert bot.path.stat().st_mode & 0o777 == 0o600
    check_moves_to_the_keyring(bot, header)


def test_a_locked_keyring_is_reported_and_not_taken_for_empty(bot):
    place = Place('keyring', config.base_dir)
    logged_in(bot, place.open())
    keyring.set_keyring(LockedKeyring())
    with pytest.raises(StoreError, match='Unlock it'):
        renewal(bot, KeyringStore()).load()
    with listening() as said:
        assert renewal(bot, KeyringStore()).header() is None
    assert 'Unlock it' in said[-1]
    assert renewal(bot, place.open()).header() is not None


def test_a_token_renewed_while_the_keyring_is_locked_is_not_lost(bot, clock):
    place = Place('keyring', config.base_dir)
    bots = logged_in(bot, place.open())
    keyring.set_keyring(LockedKeyring())
    clock.advance(3600)
    with listening():
        header = bots.header()
    assert bot.accepts(header)
    # Where the process ends now, the next one goes on.
    place.open()
    assert renewal(bot, KeyringStore()).header() == header


def test_a_token_in_the_file_is_newer_than_the_keyrings(bot, clock):
    place = Place('keyring', config.base_dir)
    logged_in(bot, place.open())
    keyring.set_keyring(LockedKeyring())
    with listening():
        header = logged_in(bot, KeyringStore()).header()
    place.open()
    assert in_keyring(bot) != header
    assert renewal(bot, KeyringStore()).header() == header
    check_moves_to_the_keyring(bot, header)


def test_being_killed_while_a_token_moves_to_the_keyring_loses_nothing(
        bot, clock):
    keyring.set_keyring(LockedKeyring())
    with listening():
        logged_in(bot, KeyringStore())
    place = Place('keyring', config.base_dir)
    with process(move_and_die, place, bot.authorized().serialize(),
                 bot.client.client_id) as child:
        child.join(SECONDS)
        assert child.process.exitcode == -9
    place.open()
    header = in_keyring(bot)
    assert header != 'Bearer None'
    # It took the new token: the old one must not come back.
    assert renewal(bot, KeyringStore()).header() == header


def move_and_die(place, session, client_id, wire):
    """Die as soon as the keyring has taken the token."""
    store = place.open()
    backend = keyring.get_keyring()
    take = backend.set_password

    def take_and_die(*args):
        take(*args)
        os.kill(os.getpid(), 9)

    backend.set_password = take_and_die
    keep(store, session, client=client_id)


# The extras

@pytest.mark.parametrize(('package', 'store'), [
    ('redis', "RedisStore('redis://127.0.0.1:1/0')"),
    ('keyring', 'KeyringStore()'),
])
def test_without_the_package_the_message_names_the_extra(
        package, store):
    program = f"""
import sys
sys.modules[{package!r}] = None
from pywikibot_oauth2.{package}store import *
from pywikibot_oauth2 import StoreError
store = {store}
print(store, store.where('Bot'))
session = {{'user': 'Bot'}}

def lock():
    with store.lock('Bot', 'client'):
        store.save('Bot', 'client', session)

for use in (lambda: store.load('Bot', 'client'), lock):
    try:
        use()
    except StoreError as error:
        print(error)
"""
    done = run(program)
    assert 'Traceback' not in done.stderr, done.stderr
    # What the keyring does not take goes to the file with a warning.
    assert (done.stdout + done.stderr).count(
        f"pip install 'pywikibot-oauth2[{package}]'") == 2


@pytest.mark.parametrize('package', ['redis', 'keyring'])
def test_a_store_loads_its_package_only_when_it_is_used(package):
    program = f"""
import sys
from pywikibot_oauth2.{package}store import *
assert not {{'redis', 'keyring', 'filelock'}} & sys.modules.keys()
"""
    done = run(program)
    assert done.returncode == 0, done.stderr
