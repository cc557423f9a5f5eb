#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The short form of make stress, and whether it can fail."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stores.redis_server import RedisServer


LINE = re.compile(r'stress: (OK|FAILED) store=(\w+) calls=(\d+) failed=(\d+)'
                  r' expiries=(\d+) refreshes=(\d+) lost=(\d+)'
                  r' repeated=(\d+)')
SECONDS = 60  # more than it takes


def stress(*options):
    """Run it; return the exit status, the parts of the line, and all."""
    done = subprocess.run(
        [sys.executable, '-m', 'tests.stress', *options], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
        cwd=Path(__file__).parent.parent)
    match = LINE.fullmatch(done.stdout.splitlines()[-1])
    assert match, done.stdout
    return (done.returncode, *match.groups()[:2],
            *map(int, match.groups()[2:]), done.stdout)


@pytest.mark.parametrize('store', ['file', 'redis'])
def test_many_processes_lose_nothing_while_some_are_killed(store):
    if store == 'redis':
        RedisServer()  # skips, or fails, if there is none
    (status, result, name, calls, failed, expiries, refreshes, lost,
     repeated, shown) = stress('--seconds', '5', '--token-life', '1',
                               '--processes', '4', '--threads', '4',
                               '--stores', store)
    assert (status, result, name) == (0, 'OK', store), shown
    assert failed == lost == 0
    assert calls > 100
    assert 4 <= expiries <= refreshes
    assert repeated <= 16 * refreshes


def test_too_few_expiries_are_a_failure():
    status, result, *_, shown = stress(
        '--seconds', '1', '--processes', '2', '--threads', '1',
        '--stores', 'file')
    assert (status, result) == (1, 'FAILED'), shown
