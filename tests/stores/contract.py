"""What every store promises, and processes that share one."""

from __future__ import annotations

import multiprocessing
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from pywikibot_oauth2.errors import StoreError
from tests.helpers import SECONDS, raises, shown


ACCOUNT, CLIENT = KEY = 'Bot', 'client'
SECRET = 'a-secret-token'

# Other processes are forked from one that has loaded everything and does
# nothing else.
processes = multiprocessing.get_context('forkserver')
processes.set_forkserver_preload(
    [f'tests.stores.test_{kind}' for kind in ('file', 'redis', 'keyring')]
)


def authorization(account=ACCOUNT, client=CLIENT, **fields):
    """Return something to store."""
    token = {'access_token': SECRET}
    return {'user': account, 'client_id': client, 'token': token, **fields}


def keep(store, data):
    """Store an authorization as the interface requires."""
    key = data['user'], data['client_id']
    with store.lock(*key):
        store.save(*key, data)


@contextmanager
def process(target, *arguments):
    """Run a function in another process, which does not outlive the test.

    The function gets a connection to the test as its last argument.
    """
    here, there = processes.Pipe()
    child = processes.Process(target=target, args=(*arguments, there))
    child.start()
    there.close()

    def hear():
        assert here.poll(SECONDS), 'it sends nothing'
        return here.recv()

    def end():
        child.kill()
        child.join(SECONDS)

    try:
        yield SimpleNamespace(wire=here, hear=hear, process=child, end=end)
    finally:
        end()
        here.close()


def hold(place, options, wire):
    """Hold the lock until the test says something."""
    with place.open(**options).lock(*KEY):
        wire.send('held')
        with suppress(EOFError):
            wire.recv()


def count(store, times):
    """Add to a number in the store."""
    for _ in range(times):
        with store.lock(*KEY):
            number = store.load(*KEY)['number'] + 1
            store.save(*KEY, authorization(number=number))


def count_in_process(place, times, wire):
    count(place.open(), times)
    wire.send('done')


class StoreContract:
    """Tests of every store; the module has a fixture "place".

    A place opens a store as a new process would, with the methods
    open(**options), write(bytes), read() and is_free().
    """

    def test_what_was_saved_last_is_loaded(self, place, store):
        assert store.load(*KEY) is None
        keep(store, authorization(ended='revoked'))
        data = authorization(text='ä"\\\n☃\u2028', number=1.5, none=None)
        keep(store, data)
        assert store.load(*KEY) == place.open().load(*KEY) == data
        # Nothing secret is shown of it.
        text = repr(store) + store.where(ACCOUNT)
        assert SECRET not in text
        assert 'a-password' not in text

    def test_accounts_and_clients_are_independent(self, place, store):
        all_data = [
            authorization(account, client)
            for account in (
                'Bot',
                'Ä of x',
                'Bot/old',
                'Бот',
                'Bot*',
                "O'B & C",
            )
            for client in ('one', 'two')
        ]
        for number, data in enumerate(all_data * 2):
            data['number'] = number
            keep(store, data)
        for data in all_data:
            seen = place.open().load(data['user'], data['client_id'])
            assert seen == data
            assert store.load(data['user'], 'three') is None

    @pytest.mark.usefixtures('keeps_garbage')
    @pytest.mark.parametrize(
        'content',
        [b'', b'{"a": "a-secret-token"', b'["a-secret-token"]', b'[' * 10**5],
    )
    def test_damaged_content_is_reported_left_alone_and_not_shown(
        self, place, store, content
    ):
        place.write(content)
        with raises(StoreError, 'left as it is', error='damaged') as info:
            store.load(*KEY)
        assert place.name in str(info.value)
        assert info.value.hint in str(info.value)
        assert SECRET not in shown(info.value)
        assert '[[' not in shown(info.value)
        assert place.read() == content

    def test_the_lock_excludes_other_threads_and_processes(self, place, store):
        keep(store, authorization(number=0))
        with (
            process(count_in_process, place, 20) as one,
            process(count_in_process, place, 20) as two,
            ThreadPoolExecutor(4) as pool,
        ):
            list(pool.map(lambda _: count(store, 10), range(4)))
            assert [one.hear(), two.hear()] == ['done', 'done']
        assert store.load(*KEY)['number'] == 80

    def test_the_lock_is_released_also_after_an_error(self, place, store):
        with store.lock(*KEY):
            assert not place.is_free()
            assert place.is_free('Other')
        assert place.is_free()
        with pytest.raises(KeyError), store.lock(*KEY):
            raise KeyError
        assert place.is_free()

    def test_a_waiter_gets_the_lock_when_it_is_released(self, place, store):
        with process(hold, place, {}) as child, ThreadPoolExecutor(1) as pool:
            assert child.hear() == 'held'
            waiter = pool.submit(keep, store, authorization())
            assert not futures.wait([waiter], 0.1).done
            child.wire.send('enough')
            waiter.result(SECONDS)

    def test_the_lock_is_free_after_its_holder_was_killed(self, place, store):
        with process(hold, place, place.brief) as child:
            assert child.hear() == 'held'
            child.end()
            keep(store, authorization())

    def test_reserving_gives_a_function_that_saves(self, store):
        with store.lock(*KEY):
            save = store.reserve(*KEY)
            assert store.load(*KEY) is None
            save(authorization())
            assert store.load(*KEY) == authorization()
