#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tokens with something odd about them."""
from __future__ import annotations

from tests.faults.lab import DEAD, DUE, LIFE, NEW, OLD, lab
from tests.faults.table import fault
from tests.faults.watch import check


def odd(**fields: object) -> None:
    """Let the wiki answer a token with some fields changed.

    :param fields: the new values; `...` removes a field
    """
    def change(data: dict) -> dict:
        data.update(fields)
        return {name: value for name, value in data.items()
                if value is not ...}

    for version in (OLD,) if lab.is_short else (OLD, NEW):
        for after in (DUE, DEAD):
            with lab.case(version) as case:
                bot = case.bot()
                case.clock.advance(after)
                case.wiki.fail_next('rewrite', change=change)
                asked = case.wiki.token_requests
                for _ in range(3):
                    case.edits(bot)
                case.edits()
                check(case.wiki.token_requests == asked + 1,
                      'token requests:', case.wiki.token_requests - asked)
                # Now it has expired, and only the wiki says so.
                case.clock.advance(DEAD)
                case.edits(bot)
                check(case.wiki.token_requests == asked + 2,
                      'token requests:', case.wiki.token_requests - asked)
                case.goes_on(bot)


for _name, _value in (
        ('no expires_in', ...), ('expires_in 0', 0), ('expires_in -1', -1),
        ("expires_in 'soon'", 'soon'), ("expires_in '3600'", '3600'),
        ('expires_in 1e300', 1e300), ('expires_in 10**400', 10 ** 400),
        ('expires_in NaN', float('nan')), ('expires_in null', None),
        ('expires_in true', True), ('expires_in []', [])):
    fault(f'a token with {_name}', 'goes on',
          short=_value in (..., -1, 1e300))(
        lambda value=_value: odd(expires_in=value))


@fault('a token without refresh_token',
       'goes on with the old one; if that is used up, message: pwb login')
def _() -> None:
    for value in (...,) if lab.is_short else (..., None, '', 17):
        for life, goes_on in ((300, True), (LIFE, False)):
            with lab.case(life=life) as case:
                bot = case.bot()
                old = case.refresh_token
                case.clock.advance(life - 5)
                case.wiki.fail_next('rewrite', change=lambda data, v=value: {
                    name: v if name == 'refresh_token' else field
                    for name, field in data.items()
                    if name != 'refresh_token' or v is not ...})
                case.edits(bot)
                check(case.refresh_token == old, 'the old one was not kept')
                case.clock.advance(life)
                # MediaWiki 1.47 takes it again for 600 seconds.
                if goes_on:
                    case.goes_on(bot)
                else:
                    case.is_ended(bot)
