#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A lock for threads that a forked child does not inherit as held."""
from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from types import TracebackType


class ForkSafeLock:
    """A reentrant lock that is free in a child process.

    A thread that holds it while another one forks does not exist in the
    child, where the lock would stay held for ever.
    """

    __slots__ = ('__weakref__', '_lock')

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, exc_type: type[BaseException] | None,
                 exc: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._lock.release()

    def free(self) -> None:
        """Forget the holder, which does not exist in this process."""
        self._lock = threading.RLock()


_locks: weakref.WeakSet[ForkSafeLock] = weakref.WeakSet()


def _free_all() -> None:
    for lock in _locks:
        lock.free()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_free_all)
