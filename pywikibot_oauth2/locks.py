"""Locks that survive a fork, and signals that wait."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType


class ForkSafeLock:
    """A reentrant lock that is free in a child process.

    A thread that holds it while another one forks does not exist in the
    child, where the lock would be held forever.
    """

    __slots__ = ('__weakref__', '_lock')

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def reset(self) -> None:
        """Forget the holder, which does not exist in this process."""
        self._lock = threading.RLock()


_locks: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in _locks:
        lock.reset()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_reset_all)


@contextlib.contextmanager
def delayed_signals() -> Iterator[None]:
    """Delay SIGINT, SIGTERM and SIGHUP until the end of the context.

    From the moment the wiki is asked for a new token until that token is
    stored, it exists nowhere else. A second signal, as from a person who
    does not want to wait for the wiki, takes effect at once.

    Python runs signal handlers in the main thread only. While another
    thread refreshes, a signal therefore takes effect at once; so does one
    that no handler can be set for, such as SIGKILL.
    """
    import signal

    numbers = {signal.SIGINT, signal.SIGTERM}
    if hasattr(signal, 'SIGHUP'):
        numbers.add(signal.SIGHUP)
    # An ignored signal stays ignored; a handler that was not set from
    # Python (None) could not be restored.
    usual = {
        number: handler
        for number in numbers
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    came: list[int] = []

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)
        while came:
            signal.raise_signal(came.pop())

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            restore()

    try:
        for number in usual:
            signal.signal(number, note)
    except ValueError:
        # Not the main thread.
        usual.clear()
    try:
        yield
    finally:
        restore()
