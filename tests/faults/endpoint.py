#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Answers of the token endpoint that are late, odd or none."""
from __future__ import annotations

import contextlib
import socket

from pywikibot import config

from tests.faults.lab import AGAIN, DEAD, DUE, NEW, OLD, lab
from tests.faults.table import fault
from tests.faults.watch import BrokenError, capture, check


class Elsewhere:
    """Somewhere on this machine that must be asked nothing."""

    def __enter__(self) -> Elsewhere:
        self._server = socket.create_server(('127.0.0.1', 0))
        self._server.setblocking(False)
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}/'
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(BlockingIOError):
            self._server.accept()
            raise BrokenError('somebody followed the redirect')
        self._server.close()


def unanswered(kind: str, *, handled: bool = False, retries: int = 3,
               **options: object) -> None:
    """Let a token request fail: once, several times, for long.

    :param handled: whether the wiki acts on the request
    """
    config.max_retries = retries
    try:
        # In the short form: for what was not handled all are alike.
        for version in (OLD, NEW) if handled or not lab.is_short else (OLD,):
            # The answer is lost: before 1.47 with it the authorization.
            goes_on = version == NEW or not handled
            unanswered_while_valid(version, kind, options, handled, goes_on)
            unanswered_when_dead(version, kind, options, goes_on)
            unanswered_for_long(version, kind, options, handled, goes_on)
    finally:
        config.max_retries = 3


def unanswered_while_valid(version, kind, options, handled, goes_on) -> None:
    with lab.case(version) as case:
        bot = case.bot()
        case.clock.advance(DUE)
        case.wiki.fail_next(kind, **options)
        asked = case.wiki.token_requests
        if not goes_on:
            case.is_ended(bot, 'had got no usable answer')
            return
        case.edits(bot, 'The old one still serves.')
        # Once, or once more as the wiki revoked the old token.
        check(case.wiki.token_requests == asked + 1 + handled,
              'token requests:', case.wiki.token_requests - asked)
        case.goes_on(bot)


def unanswered_when_dead(version, kind, options, goes_on) -> None:
    with lab.case(version) as case:
        bot = case.bot()
        case.clock.advance(DEAD)
        times = config.max_retries
        case.wiki.fail_next(kind, times, **options)
        if not goes_on:
            # Each failing answer was carried out, the first one for good.
            case.wiki.faults.clear()
            case.wiki.fail_next(kind, **options)
            case.is_ended(bot, 'had got no usable answer')
            return
        outcome = case.edits(bot, 'before retrying')
        wait = options.get('retry_after') or 0
        check(outcome.seconds >= times * wait, 'it did not wait')
        case.goes_on(bot)


def unanswered_for_long(version, kind, options, handled, goes_on) -> None:
    if not goes_on:
        return  # the second request is refused, as above
    for after in (DUE, DEAD):
        with lab.case(version) as case:
            bot = case.bot()
            case.clock.advance(after)
            case.wiki.fail_next(kind, 1000, **options)
            if after == DUE and not handled:
                for _ in range(3):
                    case.edits(bot)
                case.edits()
            else:
                outcome = case.stops(bot, 'EndpointError')
                check(AGAIN in outcome.error,
                      'it does not say what to do:', outcome.error)
            case.goes_on(bot)
        if lab.is_short:
            continue
        with lab.case(version) as case:
            # The same, but the next run is another one.
            case.clock.advance(after)
            case.wiki.fail_next(kind, 1000, **options)
            case.bot().edit()
            case.goes_on()


ANSWER = 'goes on; message: try again'
for _status in (500, 502, 503, 429):
    fault(f'token endpoint: {_status}', ANSWER, short=_status == 503)(
        lambda status=_status: unanswered('status', status=status))

fault('token endpoint: 429 with Retry-After', ANSWER, short=False)(
    lambda: unanswered('status', retries=1, status=429, retry_after=1))
fault('token endpoint: HTML', ANSWER)(lambda: unanswered('html'))
fault('token endpoint: an empty body', ANSWER)(lambda: unanswered('empty'))

ACTED = 'goes on; before 1.47 message: pwb login'
fault('token endpoint: half a body', ACTED)(
    lambda: unanswered('half', handled=True))
for _name, _data in (('JSON null', None), ('a list', []),
                     ('no access token', {'token_type': 'Bearer'}),
                     ('an access token of two lines',
                      {'access_token': 'a\nb', 'token_type': 'Bearer'}),
                     ('an access token that is a number',
                      {'access_token': 1, 'token_type': 'Bearer'})):
    fault(f'token endpoint: {_name}', ACTED, short=_data is None)(
        lambda data=_data: unanswered('rewrite', handled=True,
                                      change=lambda _: data))


@fault('token endpoint: a redirect', f'{ANSWER}; nothing goes elsewhere')
def _() -> None:
    for status in lab.some((302, 303, 307)):
        with Elsewhere() as elsewhere:
            unanswered('redirect', status=status, location=elsewhere.url)


fault('connection reset before the request was handled', ANSWER)(
    lambda: unanswered('reset_before'))
fault('connection reset after the request was handled', ACTED)(
    lambda: unanswered('reset_after', handled=True))


def timed_out(kind: str, *, handled: bool) -> None:
    usual, config.socket_timeout = config.socket_timeout, 0.5
    try:
        unanswered(kind, handled=handled, retries=1)
    finally:
        config.socket_timeout = usual


fault('time-out before the request was handled', ANSWER, short=False)(
    lambda: timed_out('hang_before', handled=False))
fault('time-out after the request was handled', ACTED, short=False)(
    lambda: timed_out('hang_after', handled=True))


@fault('connection refused', ANSWER)
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            case.wiki.close()
            outcome = case.stops(bot)
            check(after == DUE or AGAIN in outcome.error,
                  'it does not say what to do:', outcome.error)
            case.wiki.__enter__()
            case.goes_on(bot)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.clock.advance(DEAD)
        case.wiki.close()
        capture.reactions['before retrying'] = case.wiki.__enter__
        case.edits(bot)
        case.goes_on(bot)
