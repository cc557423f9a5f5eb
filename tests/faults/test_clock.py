"""Clocks that are wrong."""

from __future__ import annotations

import pytest

from tests.faults.case import LIFE
from tests.sandbox import Clock


HOUR, YEAR = 3600.0, 365 * 86400.0


def fault(offset, words):
    mark = pytest.mark.fault(
        f'clock set {words}',
        'goes on; at most one refresh and one repetition a request',
    )
    return pytest.param(offset, id=words, marks=mark)


@pytest.mark.parametrize('is_running', [False, True])
@pytest.mark.parametrize(
    'offset',
    [
        fault(-HOUR, 'back by an hour'),
        fault(HOUR, 'forward by an hour'),
        fault(-YEAR, 'back by a year'),
        fault(YEAR, 'forward by a year'),
    ],
)
def test_a_clock_is_wrong_for_a_while(case, offset, is_running):
    clock = Clock()
    bot = case.bot(clock=clock)
    if is_running:
        case.edits(bot)
    clock.advance(offset)
    for _ in range(4):
        case.edits(bot)
        clock.advance(LIFE * 0.6)
        case.advance(LIFE * 0.6)
    clock.advance(-offset)
    for _ in range(3):
        case.edits(bot)
    assert bot.most_token_requests <= 1
    case.goes_on(bot)
