#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What a bot prints, logs and raises, and what to say if it is wrong."""
from __future__ import annotations

import io
import logging
from typing import Callable


class BrokenError(AssertionError):
    """Something did not come out as it must."""


def check(condition: object, words: str, *more: object) -> None:
    """Say what is wrong, if it is."""
    if not condition:
        raise BrokenError(' '.join([words, *map(str, more)]))


class Capture(logging.Handler):
    """Everything that was printed, logged or raised."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.stream = io.StringIO()
        self.reactions: dict[str, Callable[[], None]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self.write(text + '\n')
        for words in [words for words in self.reactions if words in text]:
            self.reactions.pop(words)()

    def write(self, text: str) -> int:
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    @property
    def text(self) -> str:
        """All of it; a child process passes its own on."""
        return (self.stream.getvalue()
                if isinstance(self.stream, io.StringIO) else '')


capture = Capture()
