#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What Ctrl-C and a request to terminate have to wait for."""
from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the context.

    From the moment at which the wiki is asked for a new token until that
    is stored, it exists nowhere else. A second signal, as of a person
    who does not want to wait for the wiki, is not kept waiting.
    """
    import signal

    # One that is ignored stays so; one that was not set from Python (None)
    # could not be restored.
    usual = {number: handler for number in (signal.SIGINT, signal.SIGTERM)
             if (handler := signal.getsignal(number))
             not in (signal.SIG_IGN, None)}
    came: list[int] = []

    def restore() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)
        while came:
            signal.raise_signal(came.pop())

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        came.append(number)
        if len(came) > 1:
            restore()

    try:
        for number in usual:
            signal.signal(number, note)
    except ValueError:
        # Another thread than the main one: signals do not interrupt it.
        usual.clear()
    try:
        yield
    finally:
        restore()
