#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Processes that are killed while they refresh and save."""
from __future__ import annotations

import io
import itertools
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pywikibot_oauth2
from tests.faults.lab import (
    DEAD,
    DUE,
    LOGIN,
    NEW,
    OLD,
    SECONDS,
    Case,
    lab,
    told,
)
from tests.faults.table import fault
from tests.faults.watch import check


if TYPE_CHECKING:
    from tests.faults.actors import Bot


PACKAGE = Path(pywikibot_oauth2.__file__).parent


# The calls that the outer world notices, as Python names them.
STEPS = frozenset({
    'connect', 'fchmod', 'flock', 'flush', 'fsync', 'mkdir', 'open',
    'recv_into', 'remove', 'rename', 'replace', 'sendall', 'unlink', 'write'})


def die_at(step: int) -> None:
    """End this process, as kill -9 does, just before its n-th step."""
    steps = itertools.count(1)

    def profile(frame, event: str, function) -> None:
        if (event == 'c_call' and function.__name__ in STEPS
                and not isinstance(function.__self__, (
                    str, io.BytesIO, io.StringIO))
                and is_of_package(frame) and next(steps) == step):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(profile)


def is_of_package(frame) -> bool:
    """Tell whether a call is made for the package, not to print a line."""
    files = {frame.f_code.co_filename}
    while frame.f_back is not None:
        frame = frame.f_back
        files.add(frame.f_code.co_filename)
    return (logging.__file__ not in files
            and any(PACKAGE in Path(file).parents for file in files))


def killed(version: str, after: float) -> None:
    """Kill a process that refreshes and saves at its first step, second …"""
    stride = 3 if lab.is_short and version == NEW else 1
    for step in itertools.count(1, stride):
        with lab.case(version, counts=False) as case:
            old = case.refresh_token
            case.clock.advance(after)

            def work(bot: Bot, step: int = step) -> bool:
                die_at(step)
                return bot.edit().edited

            threads = set(threading.enumerate())
            child = case.child(work)
            edited = child.join()
            if not child.was_killed:
                check(edited, 'not killed, but no edit:', child.said)
                check(step > 15, 'only so many steps:', step)
                return
            lab.injected += 1
            case.wiki.finish(threads)
            is_in_time = case.refresh_token != old \
                or not case.wiki.has_used(old)
            succeed(case, goes_on=version == NEW or is_in_time)


def succeed(case: Case, *, goes_on: bool) -> None:
    """Check that a new process takes the place of one that was killed."""
    case.stored()
    edited, said = case.child(told).join()
    check(edited == goes_on, 'edited:', edited, said)
    if goes_on:
        case.goes_on()
    else:
        check(LOGIN in said, f'it did not say {LOGIN!r} but', said)
        # What the wiki delivered died with the process.
        case.wiki.delivered.clear()
        case.is_ended()


@fault('kill -9 at every step, MediaWiki 1.47', 'goes on')
def _() -> None:
    killed(NEW, DUE)
    if not lab.is_short:
        killed(NEW, DEAD)


@fault('kill -9 at every step, MediaWiki 1.43',
       'goes on, or message: pwb login, once the answer is lost')
def _() -> None:
    killed(OLD, DUE)


def killed_by_wiki(version: str, kind: str, *, goes_on: bool) -> None:
    with lab.case(version) as case:
        case.clock.advance(DEAD)
        case.wiki.fail_next(kind)
        child = case.child(told)
        check(case.wiki.is_met.wait(SECONDS), 'no token request')
        child.kill()
        child.join()
        succeed(case, goes_on=goes_on)


@fault('kill -9 while waiting for the answer, 1.47', 'goes on')
def _() -> None:
    killed_by_wiki(NEW, 'hang_before', goes_on=True)
    killed_by_wiki(NEW, 'hang_after', goes_on=True)
    killed_by_wiki(OLD, 'hang_before', goes_on=True)


@fault('kill -9 while waiting for the answer, 1.43', 'message: pwb login')
def _() -> None:
    killed_by_wiki(OLD, 'hang_after', goes_on=False)


@fault('SIGTERM while waiting for the answer', 'goes on')
def _() -> None:
    with lab.case(OLD) as case:
        case.clock.advance(DEAD)
        case.wiki.fail_next('slow', delay=0.3)
        child = case.child(told)
        check(case.wiki.is_met.wait(SECONDS), 'no token request')
        child.kill(signal.SIGTERM)
        child.join()
        check(child.was_killed, 'it did not end')
        succeed(case, goes_on=True)
