#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of Ctrl-C and SIGTERM while a token is renewed."""
from __future__ import annotations

import os
import signal
import threading

import pytest

from pywikibot_oauth2 import signals
from tests.bots import Bot, Child, configure, wait_until


BOTH = [signal.SIGINT, signal.SIGTERM]
HOUR = 3600


class TerminatedError(Exception):
    """What the handler of SIGTERM raises here."""


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    configure(monkeypatch, tmp_path)


@pytest.fixture(autouse=True)
def _handlers():
    """Let SIGTERM raise an exception, as SIGINT does."""
    def end(number, frame):
        raise TerminatedError

    before = {number: signal.getsignal(number) for number in BOTH}
    signal.signal(signal.SIGTERM, end)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def due(wiki):
    """Return a bot whose token is to be renewed."""
    bot = Bot(wiki)
    bot.log_in()
    bot.clock.advance(HOUR)
    return bot


def send(number):
    os.kill(os.getpid(), number)


def deferring(*steps):
    """Do something while signals are deferred."""
    with signals.deferred():
        for step in steps:
            step()


@pytest.mark.parametrize('number', BOTH)
def test_the_new_token_is_stored_before_the_process_ends(due, number):
    due.wiki.fail_next('slow', delay=0.5)
    with Child(due) as child:
        child.tell('header')
        wait_until(lambda: due.wiki.faults_served['slow'])
        child.send_signal(number)
        assert child.wait() == -number
    assert due.accepts(due.stored_header)
    assert due.asked == 1


@pytest.mark.parametrize('number', BOTH)
def test_a_second_signal_does_not_wait_for_the_wiki(due, number):
    due.wiki.fail_next('hang_before')
    with Child(due) as child:
        child.tell('header')
        wait_until(lambda: due.wiki.faults_served['hang_before'])
        child.send_signal(number)
        assert child.wait(0.5) is None
        child.send_signal(number)
        assert child.wait() == -number
    assert due.asked == 1


def test_without_a_refresh_a_signal_does_not_wait(due):
    with Child(due) as child:
        child.send_signal(signal.SIGINT)
        assert child.wait() == -signal.SIGINT


@pytest.mark.parametrize(('number', 'error'), [
    (signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)])
def test_the_usual_handler_is_called_at_the_end(number, error):
    done = []
    usual = signal.getsignal(number)
    with pytest.raises(error):
        deferring(lambda: send(number), lambda: done.append('the rest'))
    assert done == ['the rest']
    assert signal.getsignal(number) == usual


def test_two_different_signals_count_as_two():
    done = []
    with pytest.raises((KeyboardInterrupt, TerminatedError)):
        deferring(*(lambda number=number: send(number) for number in BOTH),
                  lambda: done.append('the rest'))
    assert not done


def test_an_error_within_is_not_hidden():
    def fail():
        raise ValueError

    with pytest.raises(KeyboardInterrupt) as info:
        deferring(lambda: send(signal.SIGINT), fail)
    assert isinstance(info.value.__context__, ValueError)


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.deferred():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_another_thread_leaves_the_handlers_alone():
    usual = [signal.getsignal(number) for number in BOTH]
    seen = []

    def work():
        with signals.deferred():
            seen.extend(signal.getsignal(number) for number in BOTH)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == usual
