"""Clocks that are wrong."""

from __future__ import annotations

import pytest

from tests.faults.case import LIFE, fault
from tests.sandbox import Clock


HOUR, YEAR = 3600.0, 365 * 86400.0
OUTCOME = 'goes on; at most one refresh and one repetition a request'


@pytest.mark.parametrize('is_running', [False, True])
@pytest.mark.parametrize(
    'offset',
    [
        fault('clock set back by an hour', -HOUR, outcome=OUTCOME),
        fault('clock set forward by an hour', HOUR, outcome=OUTCOME),
        fault('clock set back by a year', -YEAR, outcome=OUTCOME),
        fault('clock set forward by a year', YEAR, outcome=OUTCOME),
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
