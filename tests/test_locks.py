"""Tests of the locks and of the signals that wait."""

from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from pywikibot_oauth2.locks import ForkSafeLock, undisturbed
from tests.helpers import Fork, in_thread


SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]


class CameError(Exception):
    """What the signal handlers raise here."""


@pytest.fixture(autouse=True)
def handlers():
    def handle(number, frame):
        raise CameError(number)

    usual = {number: signal.signal(number, handle) for number in SIGNALS}
    yield [handle] * 3
    for number, handler in usual.items():
        signal.signal(number, handler)


def handlers_now():
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_a_lock_that_another_thread_holds_is_free_after_a_fork():
    lock = ForkSafeLock()
    is_held, is_done = threading.Event(), threading.Event()

    def hold():
        with lock.held:
            is_held.set()
            is_done.wait(20)

    def take():
        # It is one lock again: another thread cannot have it meanwhile.
        with lock.held, lock.held:
            return in_thread(lambda: lock.held.acquire(blocking=False))

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(20)
    signal.alarm(20)
    assert not lock.held.acquire(blocking=False)
    taken = Fork(take).result()
    is_done.set()
    thread.join()
    signal.alarm(0)
    assert not taken
    with lock.held:
        assert not in_thread(lambda: lock.held.acquire(blocking=False))


@pytest.mark.parametrize('number', SIGNALS)
@pytest.mark.parametrize('error', [None, ValueError()], ids=repr)
def test_a_signal_takes_effect_after_the_lock_was_released(
    number, error, handlers
):
    steps, lock = [], contextlib.ExitStack()
    lock.callback(steps.append, 'released')
    with pytest.raises(CameError) as caught, undisturbed(lock):
        signal.raise_signal(number)
        steps.append('the rest')
        if error:
            raise error
    assert steps == ['the rest', 'released']
    assert caught.value.__context__ is error
    assert handlers_now() == handlers


@pytest.mark.parametrize('first', [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_takes_effect_at_once(first, handlers):
    steps = []
    with pytest.raises(CameError), undisturbed(contextlib.nullcontext()):
        signal.raise_signal(first)
        steps.append('one')
        signal.raise_signal(signal.SIGINT)
        steps.append('two')
    assert steps == ['one']
    assert handlers_now() == handlers


def test_the_wait_for_the_lock_can_be_interrupted(handlers):
    @contextlib.contextmanager
    def lock():
        signal.raise_signal(signal.SIGINT)
        yield

    with pytest.raises(CameError), undisturbed(lock()):
        pytest.fail('the signal has waited for the lock')
    assert handlers_now() == handlers


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with undisturbed(contextlib.nullcontext()):
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_an_interrupt_at_the_very_end_leaves_no_handler_behind(monkeypatch):
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda number, frame: None)
    before = handlers_now()

    def set_and_interrupt(number, handler, usual=signal.signal):
        usual(number, handler)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(CameError), undisturbed(contextlib.nullcontext()):
        monkeypatch.setattr(signal, 'signal', set_and_interrupt)
    monkeypatch.undo()
    assert handlers_now() == before


def test_another_thread_leaves_the_handlers_alone(handlers):
    def work():
        with undisturbed(contextlib.nullcontext()):
            return handlers_now()

    assert in_thread(work) == handlers
