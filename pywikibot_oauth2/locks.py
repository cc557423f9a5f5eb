"""Locks that survive a fork, and signals that wait."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import weakref
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType
    from typing import Union

    Handler = Union[Callable[[int, FrameType | None], object], int, None]

# Windows has no SIGHUP.
_DELAYED = [
    getattr(signal, name)
    for name in ('SIGINT', 'SIGTERM', 'SIGHUP')
    if hasattr(signal, name)
]


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
def delayed_signals() -> Iterator[Callable[[], None]]:
    """Delay SIGINT, SIGTERM and SIGHUP until the end of the context.

    From the moment the wiki is asked for a new token until that token is
    stored, it exists nowhere else. A second signal, as from a person who
    does not want to wait for the wiki, takes effect at once.

    Python runs signal handlers in the main thread only. While another
    thread refreshes, a signal therefore takes effect at once; so does one
    that cannot be handled, such as SIGKILL.

    :return: a context that gives a function; the delay begins when that
        is called, so that a wait for a lock before it can be interrupted
    """
    usual: dict[int, Handler] = {}
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

    def delay() -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _DELAYED:
            handler = signal.getsignal(number)
            # An ignored signal stays ignored; a handler that was not set
            # from Python (None) could not be restored.
            if handler not in (signal.SIG_IGN, None):
                usual[number] = handler
                signal.signal(number, note)

    try:
        yield delay
    finally:
        restore()
