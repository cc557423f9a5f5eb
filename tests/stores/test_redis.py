"""Tests of the store in a real Redis server."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

import pytest
import redis
from redis.crc import key_slot

from pywikibot_oauth2.errors import StoreError, StoreUnreachableError
from pywikibot_oauth2.stores.redis import RedisStore
from tests.stores.contract import (
    ACCOUNT,
    CLIENT,
    StoreContract,
    authorization,
    keep,
    process,
    shown,
)
from tests.stores.redis_server import RedisServer


KEY = f'pywikibot-oauth2:{ACCOUNT}:{CLIENT}'
LOCK = f'{{{KEY}}}:lock'


class RedisPlace:
    """A Redis server, for any process."""

    name = KEY

    def __init__(self, url):
        self.url = url
        # A lock expires after a time.
        self.brief = {'lock_timeout': 0.3}

    def open(self, **options):
        return RedisStore(self.url, **options)

    def write(self, content):
        with redis.Redis.from_url(self.url) as client:
            client.set(KEY, content)

    def read(self):
        with redis.Redis.from_url(self.url) as client:
            return client.get(KEY)

    def is_free(self, account=ACCOUNT):
        store = self.open(lock_timeout=0.05)
        with suppress(StoreError), store.lock(account, CLIENT):
            return True
        return False


@pytest.fixture
def place(server):
    return RedisPlace(server.url)


@pytest.fixture
def store(place):
    return place.open()


def refusal(store):
    with pytest.raises(StoreError) as info:
        store.load(ACCOUNT, CLIENT)
    return info.value


@pytest.mark.redis
class TestContract(StoreContract):
    """The Redis server keeps what every store promises."""


# The address


def test_nothing_is_asked_before_it_is_needed():
    store = RedisStore('redis://:a-password@no-such-host.invalid:6379/0')
    assert repr(store) == "RedisStore('redis://no-such-host.invalid:6379/0')"
    assert store.where('Bot') == (
        'redis://no-such-host.invalid:6379/0, keys pywikibot-oauth2:Bot:*'
    )


@pytest.mark.parametrize(
    'url',
    [
        *('', 'here', '127.0.0.1:6379', 'http://127.0.0.1:6379/'),
        *('redis://127.0.0.1:port/0', 'redis://[127.0.0.1/0'),
        'redis://127.0.0.1:6379/?socket_timeout=soon',
        'redis://127.0.0.1:6379/?decode_responses=True',
        # It is for rediss:// only.
        'redis://127.0.0.1:6379/?ssl_cert_reqs=none',
        'redis://127.0.0.1:6379/?encoding=none',
    ],
)
def test_an_address_that_cannot_be_used_is_reported(url):
    store = RedisStore(url)
    for use in (
        lambda: store.load(ACCOUNT, CLIENT),
        lambda: store.lock(ACCOUNT, CLIENT).__enter__(),
    ):
        with pytest.raises(StoreError, match='URL of RedisStore') as info:
            use()
        assert info.value.error == 'bad_url'


@pytest.mark.parametrize(
    'url',
    [
        # A slash and a hash sign have to be written %2F and %23.
        'redis://:a/pass-word@127.0.0.1:1/0',
        'redis://:a#pass-word@127.0.0.1:1/0',
        'redis://:a?pass-word@127.0.0.1:1/0',
        'redis://127.0.0.1:1/0?password=pass-word',
        'redis://user:a-pass-word@127.0.0.1:1/0',
        'redis://127.0.0.1:1/0?password=a@pass-word',
        'redis://user:1/pass-word@127.0.0.1:1/0',
        'redis://:a-pass-word@[127.0.0.1:1/0',
    ],
)
def test_an_address_never_shows_its_password(url):
    store = RedisStore(url)
    error = refusal(store)
    for text in (repr(store), store.where(ACCOUNT), shown(error)):
        assert 'pass-word' not in text


@pytest.mark.redis
def test_a_wrong_password_is_reported_and_not_shown(server):
    error = refusal(
        RedisStore(server.url.replace('a-password', 'a-wrong-one'))
    )
    assert server.netloc in str(error)
    assert 'password' in str(error)
    assert 'a-wrong-one' not in shown(error)


@pytest.mark.redis
def test_a_user_who_may_not_store_is_reported_in_advance(server):
    server.ask(b'ACL SETUSER reader on >a-word ~* +@all -@scripting')
    store = RedisStore(
        f'redis://reader:a-word@{server.netloc}/0', lock_timeout=0.3
    )
    with (
        store.lock(ACCOUNT, CLIENT),
        pytest.raises(StoreError, match='no permissions'),
    ):
        store.reserve(ACCOUNT, CLIENT)


@pytest.mark.redis
@pytest.mark.parametrize('prefix', ['pywikibot-oauth2:', '{mine}:'])
def test_a_server_of_a_cluster_stores(server, prefix):
    store = RedisStore(server.url, prefix=prefix)
    with store.lock(ACCOUNT, CLIENT), redis.Redis.from_url(server.url) as wire:
        slots = {key_slot(key) for key in wire.keys(b'*')}
        store.save(ACCOUNT, CLIENT, authorization())
        slots |= {key_slot(key) for key in wire.keys(b'*')}
    assert len(slots) == 1


@pytest.mark.redis
def test_one_connection_is_enough(server):
    place = RedisPlace(f'{server.url}?max_connections=1')
    assert place.is_free()


@pytest.mark.redis
def test_prefixes_keep_stores_apart(server):
    one, two = (
        RedisStore(server.url, prefix=prefix) for prefix in ('one:', 'two:')
    )
    keep(one, authorization(number=1))
    assert two.load(ACCOUNT, CLIENT) is None
    with one.lock(ACCOUNT, CLIENT):
        keep(two, authorization(number=2))
    assert one.load(ACCOUNT, CLIENT)['number'] == 1


def test_a_missing_package_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, 'redis', None)
    monkeypatch.delitem(sys.modules, 'redis.exceptions')
    error = refusal(RedisStore('redis://127.0.0.1:1/0'))
    assert error.error == 'missing_package'


# The lock


@pytest.mark.redis
def test_saving_without_the_lock_is_refused(store):
    with pytest.raises(StoreError, match='is not held') as info:
        store.save(ACCOUNT, CLIENT, authorization())
    assert info.value.error == 'lock_lost'
    assert store.load(ACCOUNT, CLIENT) is None
    with store.lock(ACCOUNT, CLIENT), pytest.raises(StoreError):
        store.save('Other', CLIENT, authorization('Other'))


@pytest.mark.redis
def test_who_lost_the_lock_can_neither_save_nor_release(place, store):
    sleeper = place.open(lock_timeout=0.05)
    asleep = sleeper.lock(ACCOUNT, CLIENT)
    asleep.__enter__()
    with store.lock(ACCOUNT, CLIENT):  # waits until the first expires
        store.save(ACCOUNT, CLIENT, authorization(by='other'))
        with pytest.raises(StoreError, match='is not held'):
            sleeper.save(ACCOUNT, CLIENT, authorization(by='sleeper'))
        asleep.__exit__(None, None, None)
        assert not place.is_free()
    # It is free again, but still not the sleeper's.
    with pytest.raises(StoreError, match='is not held'):
        sleeper.save(ACCOUNT, CLIENT, authorization(by='sleeper'))
    assert place.is_free()
    assert store.load(ACCOUNT, CLIENT) == authorization(by='other')


@pytest.mark.redis
def test_a_lock_is_held_although_the_answer_to_that_was_lost(
    place, store, monkeypatch
):
    monkeypatch.setattr(RedisStore, '_token', lambda _: 'mine')
    with redis.Redis.from_url(place.url) as client:
        # What the first attempt has left; redis-py makes a second one.
        client.set(LOCK, 'mine', px=100_000)
    with place.open(lock_timeout=1).lock(ACCOUNT, CLIENT):
        monkeypatch.undo()
        assert not place.is_free()
    assert place.is_free()


@pytest.mark.redis
def test_a_lock_that_expires_is_not_extended_for_another_holder(
    place, store, monkeypatch
):
    def expire(client, name):
        value = get(client, name)
        client.set(LOCK, 'theirs', px=100_000)
        return value

    get = redis.Redis.get
    monkeypatch.setattr(RedisStore, '_token', lambda _: 'mine')
    with redis.Redis.from_url(place.url) as client:
        client.set(LOCK, 'mine', px=100_000)
        monkeypatch.setattr(redis.Redis, 'get', expire)
        with store.lock(ACCOUNT, CLIENT):
            assert get(client, LOCK) == b'mine'


@pytest.mark.redis
def test_a_lock_that_is_not_released_is_reported(place, store, server):
    with store.lock(ACCOUNT, CLIENT), pytest.raises(StoreError) as info:
        place.open(lock_timeout=0.05).lock(ACCOUNT, CLIENT).__enter__()
    assert info.value.error == 'lock_busy'
    assert LOCK in str(info.value)
    assert server.netloc in info.value.hint


# Processes and outages


def fork_and_use(place, wire):
    """Use a store in a process and in its child at the same time."""
    store = place.open()
    keep(store, authorization(number=0))
    child = os.fork()
    for _ in range(50):
        with store.lock(ACCOUNT, CLIENT):
            number = store.load(ACCOUNT, CLIENT)['number'] + 1
            store.save(ACCOUNT, CLIENT, authorization(number=number))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    wire.send(store.load(ACCOUNT, CLIENT)['number'])


@pytest.mark.redis
def test_a_store_works_on_both_sides_of_a_fork(place):
    with process(fork_and_use, place) as child:
        assert child.hear() == 100


@pytest.mark.redis
def test_a_server_that_is_down_is_noticed_soon_and_found_again():
    with RedisServer() as server:
        store = RedisStore(server.url)
        keep(store, authorization())
        server.stop(keep=True)
        begun = time.monotonic()
        error = refusal(store)
        # Meanwhile all threads of a bot wait for the token.
        assert time.monotonic() - begun < 1
        assert error.error == 'unreachable'
        # It takes nothing either.
        assert not isinstance(error, StoreUnreachableError)
        assert server.netloc in str(error)
        server.start()
        assert store.load(ACCOUNT, CLIENT) == authorization()


@pytest.mark.redis
def test_a_server_that_stops_while_the_lock_is_held_is_an_error_of_the_save():
    with RedisServer() as server:
        store = RedisStore(server.url)
        with store.lock(ACCOUNT, CLIENT):
            server.stop()
            with pytest.raises(StoreError):
                store.save(ACCOUNT, CLIENT, authorization())


@pytest.mark.redis
def test_a_lock_that_could_not_be_released_is_taken_again_at_once():
    with RedisServer() as server:
        store = RedisStore(server.url)
        with store.lock(ACCOUNT, CLIENT):
            server.stop(keep=True)
        server.start()
        begun = time.monotonic()
        keep(store, authorization())
        assert time.monotonic() - begun < 5
        assert RedisPlace(server.url).is_free()


@pytest.mark.redis
def test_a_server_that_never_answers_is_given_up():
    with RedisServer() as server:
        store = RedisStore(f'{server.url}?socket_timeout=0.2')
        store.load(ACCOUNT, CLIENT)
        server.freeze()
        errors = []
        thread = threading.Thread(
            target=lambda: errors.append(refusal(store)), daemon=True
        )
        thread.start()
        thread.join(1.5)
        (error,) = errors
        assert server.netloc in str(error)
