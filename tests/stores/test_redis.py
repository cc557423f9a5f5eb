"""Tests of the store in a real Redis server."""

from __future__ import annotations

import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import redis

from pywikibot_oauth2.errors import StoreError, StoreUnreachableError
from pywikibot_oauth2.stores.redis import RedisStore
from tests.helpers import SECONDS, Fork, in_thread, raises, shown
from tests.stores import contract
from tests.stores.contract import ACCOUNT, CLIENT, KEY, authorization, keep
from tests.stores.redis_server import RedisServer


NAME = f'pywikibot-oauth2:{ACCOUNT}:{CLIENT}'
needs_server = pytest.mark.redis


class RedisPlace:
    """A Redis server, for any process."""

    name = NAME

    def __init__(self, url):
        self.url = url
        self.brief = {'lock_timeout': 0.3}

    def open(self, **options):
        return RedisStore(self.url, **options)

    def write(self, content):
        with redis.Redis.from_url(self.url) as client:
            client.set(NAME, content)

    def read(self):
        with redis.Redis.from_url(self.url) as client:
            return client.get(NAME)

    def is_free(self, account=ACCOUNT):
        store = self.open(lock_timeout=0.05)
        with suppress(StoreError), store.lock(account, CLIENT):
            return True
        return False


@pytest.fixture
def server():
    with RedisServer('a-password') as server:
        yield server


@pytest.fixture
def place(server):
    return RedisPlace(server.url)


def refusal(store, **facts):
    with raises(StoreError, **facts) as info:
        store.load(*KEY)
    return info.value


@needs_server
class TestContract(contract.StoreContract):
    """The Redis server keeps what every store promises."""


def test_its_address_is_shown_without_the_password():
    for start, address in (
        ('redis://:a-password@', 'no-such-host.invalid:6379/0'),
        ('rediss://a:b@c@', '[FE80::1%eth0]:6379/'),
        ('unix://', '/run/redis.sock'),
        # The default is the port 6379 of this machine.
        ('redis://a:b@', ':6380/0'),
        ('redis://', ''),
    ):
        scheme = start.partition('//')[0]
        assert RedisStore(f'{start}{address}?db=3').where('Bot') == (
            f'{scheme}//{address}, keys pywikibot-oauth2:Bot:*'
        )


@pytest.mark.parametrize(
    'url',
    [
        *(None, '', 'here', '127.0.0.1:6379', 'http://127.0.0.1:6379/'),
        *('redis://127.0.0.1:port/0', 'redis://[127.0.0.1/0'),
        'redis://127.0.0.1:6379/?socket_timeout=soon',
        # It is for rediss:// only.
        'redis://127.0.0.1:6379/?ssl_cert_reqs=none',
    ],
)
def test_an_address_that_cannot_be_used_is_reported(url):
    store = RedisStore(url)
    assert 'URL of RedisStore' in str(refusal(store, error='bad_url'))
    with raises(StoreError, error='bad_url'), store.lock(*KEY):
        pass


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
        'redis://:a@pass-word/b@127.0.0.1:1/0',
        'redis://user:pass-word/0',
        'redis://:pass-word/0',
        'redis://:1/pass-word',
    ],
)
def test_an_address_never_shows_its_password(url):
    store = RedisStore(url)
    error = refusal(store)
    for text in repr(store), store.where(ACCOUNT), shown(error):
        assert 'pass-word' not in text


@needs_server
def test_a_wrong_password_is_reported_and_not_shown(server):
    url = server.url.replace('a-password', 'a-wrong-one')
    error = refusal(RedisStore(url))
    assert server.netloc in str(error)
    assert 'password' in str(error)
    # The frames of redis-py have it.
    assert 'a-wrong-one' not in shown(error, 'pywikibot_oauth2')


@needs_server
def test_an_unknown_command_is_reported_without_its_arguments():
    # As of Redis 5, which does not know HELLO.
    words = b"-ERR unknown command, with args beginning with: 'a-word'\r\n"
    with socket.create_server(('127.0.0.1', 0)) as old:
        url = f'redis://:a-word@127.0.0.1:{old.getsockname()[1]}/0'
        with ThreadPoolExecutor(1) as pool:
            tried = pool.submit(RedisStore(url).load, *KEY)
            with old.accept()[0] as connection:
                connection.recv(9999)
                connection.sendall(words)
                error = tried.exception(SECONDS)
    assert str(error).endswith('cannot be used: unknown command')


def test_an_answer_that_cannot_be_decoded_is_not_shown(server):
    server.ask('SET', NAME, b'{"a-secret": "\xff"}')
    error = refusal(RedisStore(f'{server.url}?decode_responses=True'))
    assert 'a-secret' not in shown(error)


@needs_server
def test_a_user_who_may_not_store_is_reported_in_advance(server):
    rules = 'on >a-word ~* +@all -@scripting'
    server.ask('ACL SETUSER', 'reader', *rules.split())
    store = RedisStore(server.url.replace(':a-password', 'reader:a-word'))
    with store.lock(*KEY), raises(StoreError, 'no permissions'):
        store.reserve(*KEY)


@needs_server
def test_one_connection_is_enough(server):
    options = 'max_connections=1&decode_responses=True'
    store = RedisStore(f'{server.url}?{options}')
    keep(store, authorization())
    assert store.load(*KEY) == authorization()
    assert refusal(RedisStore(f'{server.url}?encoding=none'), error='bad_url')


@needs_server
def test_prefixes_keep_stores_apart(place):
    one, two = (place.open(prefix=prefix) for prefix in ('one:', 'two:'))
    keep(one, authorization(number=1))
    assert two.load(*KEY) is None
    with one.lock(*KEY):
        keep(two, authorization(number=2))
    assert one.load(*KEY)['number'] == 1


def test_a_missing_package_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, 'redis', None)
    monkeypatch.delitem(sys.modules, 'redis.exceptions')
    refusal(RedisStore('redis://127.0.0.1:1/0'), error='missing_package')


@needs_server
def test_saving_without_the_lock_is_refused(store):
    with raises(StoreError, 'is not held', error='lock_lost'):
        store.save(*KEY, authorization())
    assert store.load(*KEY) is None
    with store.lock(*KEY):
        with raises(StoreError):
            store.save('Other', CLIENT, authorization('Other'))
        # Each thread and process with the store has locks of its own.
        with raises(StoreError, 'is not held'):
            in_thread(store.save, *KEY, authorization())
        error = Fork(store.save, *KEY, authorization()).result()
        assert 'is not held' in str(error)


@needs_server
def test_a_holder_that_lost_the_lock_can_neither_save_nor_release_it(
    place, store
):
    sleeper = place.open(lock_timeout=0.05)
    asleep = sleeper.lock(*KEY)
    asleep.__enter__()
    with store.lock(*KEY):  # waits until the first expires
        store.save(*KEY, authorization(by='other'))
        with raises(StoreError, 'is not held'):
            sleeper.save(*KEY, authorization(by='sleeper'))
        asleep.__exit__(None, None, None)
        assert not place.is_free()
    # It is free again, but still not the sleeper's.
    with raises(StoreError, 'is not held'):
        sleeper.save(*KEY, authorization(by='sleeper'))
    assert place.is_free()
    assert store.load(*KEY) == authorization(by='other')


@needs_server
def test_a_lock_that_is_not_released_is_reported(place, store, server):
    impatient = place.open(lock_timeout=0.05)
    with store.lock(*KEY), raises(StoreError, NAME, error='lock_busy') as info:
        impatient.lock(*KEY).__enter__()
    assert server.netloc in info.value.hint


def fork_and_use(place, wire):
    """Use a store in a process and in its child at the same time."""
    store = place.open()
    keep(store, authorization(number=0))
    child = os.fork()
    contract.count(store, 50)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    wire.send(store.load(*KEY)['number'])


@needs_server
def test_a_store_works_on_both_sides_of_a_fork(place):
    with contract.process(fork_and_use, place) as child:
        assert child.hear() == 100


@needs_server
def test_a_server_that_is_down_is_noticed_soon_and_used_again_later(
    place, server
):
    store = place.open(lock_timeout=1)
    keep(store, authorization())
    with store.lock(*KEY):
        server.ask('SAVE')
        server.stop()
        with raises(StoreError):
            store.save(*KEY, authorization(text='new'))
        begun = time.monotonic()
        error = refusal(store, error='unreachable')
        # Meanwhile all threads of a bot wait for the token; redis-py itself
        # would wait for seven seconds.
        assert time.monotonic() - begun < 5
        # Nothing can be stored there, either.
        assert not isinstance(error, StoreUnreachableError)
        assert server.netloc in str(error)
    server.start()
    assert store.load(*KEY) == authorization()
    # The lock could not be released.
    keep(store, authorization())
    assert place.is_free()


@needs_server
def test_a_server_that_never_answers_is_given_up(server):
    store = RedisStore(f'{server.url}?socket_timeout=0.5')
    store.load(*KEY)
    server.ask('CLIENT PAUSE', 60_000)
    begun = time.monotonic()
    assert server.netloc in str(refusal(store))
    # By default, it would wait twice for five seconds.
    assert time.monotonic() - begun < 5
