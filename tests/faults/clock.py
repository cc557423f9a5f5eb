#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Clocks that are wrong."""
from __future__ import annotations

from tests.faults.lab import LIFE, OLD, lab
from tests.faults.table import fault
from tests.faults.watch import check
from tests.sandbox import Clock


def wrong_clock(offset: float) -> None:
    """Put the bot's clock wrong before a run and during one, and right."""
    for is_running in (False, True):
        with lab.case(OLD) as case:
            clock = Clock()
            bot = case.bot(clock=clock)
            if is_running:
                case.edits(bot)
            clock.advance(offset)
            for _ in range(4):
                case.edits(bot)
                for part in (clock, case.clock):
                    part.advance(LIFE * 0.6)
            clock.advance(-offset)
            for _ in range(3):
                case.edits(bot)
            check(bot.most_token_requests <= 1, 'a request asked for so many'
                  ' tokens:', bot.most_token_requests)
            case.goes_on(bot)


for _name, _offset in (('an hour', 3600.0), ('a year', 365 * 86400.0)):
    for _way, _sign in (('back', -1), ('forward', 1)):
        fault(f'clock set {_way} by {_name}',
              'goes on; at most one refresh and one repetition a request')(
            lambda offset=_offset * _sign: wrong_clock(offset))
