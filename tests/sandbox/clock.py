"""A clock that a test can advance."""

from __future__ import annotations

import time


class Clock:
    """Seconds since the epoch: the real time plus what was advanced."""

    def __init__(self):
        self.offset = 0.0

    def __call__(self):
        return time.time() + self.offset

    def advance(self, seconds):
        self.offset += seconds


def timestamp(seconds, form='%Y-%m-%dT%H:%M:%SZ'):
    """Write a time the way the API does."""
    return time.strftime(form, time.gmtime(seconds))
