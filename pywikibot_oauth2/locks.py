"""Locks that survive a fork, and signals that wait."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FrameType


_DELAYED: list[int] = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, 'SIGHUP'):  # not on Windows
    _DELAYED.append(signal.SIGHUP)


class ForkSafeLock:
    """A reentrant lock that is free in a child process.

    If one thread holds it while another thread forks, the holder does not
    exist in the child process, where the lock would be held forever.

    :ivar held: the context in which it is held
    """

    __slots__ = ('__weakref__', 'held')

    def __init__(self) -> None:
        self.held = threading.RLock()
        _locks.add(self)


_locks: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()
#: The number of forks that led to this process.
forks = 0


def _reset_all() -> None:
    global forks
    forks += 1
    for lock in _locks:
        lock.held = threading.RLock()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_reset_all)


@contextlib.contextmanager
def undisturbed(
    lock: AbstractContextManager[None],
    free: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Hold a lock, and delay SIGINT, SIGTERM and SIGHUP until its release.

    Until a new token is stored, it exists nowhere else. A second signal
    takes effect at once, for a person who does not want to wait for the
    wiki. Waiting for the lock can be interrupted, and delayed signals take
    effect after it has been released.

    Python runs signal handlers only in the main thread. While another
    thread refreshes, a signal therefore takes effect at once; so does one
    that cannot be handled, such as SIGKILL.

    :param free: called after the release, before delayed signals take effect
    """
    usual: dict[int, Callable[[int, FrameType | None], object] | int] = {}
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if came:
            signal.signal(number, usual[number])
            signal.raise_signal(number)
        else:
            came.append(number)

    try:
        with lock:
            if threading.current_thread() is threading.main_thread():
                for number in _DELAYED:
                    handler = signal.getsignal(number)
                    # An ignored signal stays ignored; a handler that was
                    # not set from Python (None) could not be restored.
                    if handler is not None and handler != signal.SIG_IGN:
                        usual[number] = handler
                        signal.signal(number, note)
            yield
    finally:
        free()
        # SIGINT last: its usual handler raises an exception, after which no
        # other handler would be restored.
        for number, handler in reversed(usual.items()):
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
