"""Answers of the token endpoint that are late, odd or missing.

Which answers are of no use, the tests of the protocol and the token tell.
"""

from __future__ import annotations

import socket

import pytest
from pywikibot import config

from tests.faults.case import AGAIN, DEAD, DUE, fault


GOES_ON = 'goes on; message: try again'
ACTED = 'goes on; before August 2026 message: pwb login'


def unhandled(name, kind, outcome=GOES_ON, marks=(), **options):
    return fault(name, kind, False, options, outcome=outcome, marks=marks)


def handled(name, kind, **options):
    marks = [pytest.mark.both_servers]
    return fault(name, kind, True, options, outcome=ACTED, marks=marks)


FAULTS = [
    *(
        unhandled(f'token endpoint: {status}', 'status', status=status)
        for status in (429, 500, 502, 503)
    ),
    unhandled('token endpoint: HTML', 'html'),
    unhandled('token endpoint: an empty body', 'empty'),
    unhandled('connection reset before the request was handled',
              'reset_before'),
    *(
        unhandled('token endpoint: a redirect', 'redirect',
                  f'{GOES_ON}; nothing goes elsewhere', status=status)
        for status in (302, 303, 307)
    ),
    unhandled('time-out before the request was handled', 'hang_before',
              marks=[pytest.mark.both_servers]),
    handled('time-out after the request was handled', 'hang_after'),
    handled('token endpoint: half a body', 'half'),
    handled('connection reset after the request was handled', 'reset_after'),
    handled('token endpoint: JSON null', 'rewrite', change=lambda _: None),
]  # fmt: skip


@pytest.fixture
def elsewhere():
    """Return an address on this machine that must be asked nothing."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        server.setblocking(False)
        yield f'http://127.0.0.1:{server.getsockname()[1]}/'
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(('kind', 'is_handled', 'options'), FAULTS)
def test_a_request_for_a_token_may_fail(
    new_case, like, after, kind, is_handled, options, elsewhere
):
    if kind == 'redirect':
        options = {**options, 'location': elsewhere}
    case = new_case(like)
    if 'hang' in kind:
        config.socket_timeout = 0.3
        config.max_retries = 1
    bot = case.bot()
    case.advance(after)
    if is_handled and not case.wiki.is_master:
        # The refresh token was used up, and the answer is lost.
        case.wiki.fail_next(kind, **options)
        case.is_ended(bot, 'got no usable answer')
        return
    fail_for_a_moment(case, bot, after, kind, is_handled, options)
    if 'hang' not in kind:
        fail_for_long(new_case(like), after, kind, is_handled, options)


def fail_for_a_moment(case, bot, after, kind, is_handled, options):
    """Let one token request fail, or as many as are repeated."""
    asked = case.wiki.token_requests
    times = 1 if after == DUE else config.max_retries
    case.wiki.fail_next(kind, times, **options)
    if after == DUE:
        case.edits(bot, 'is still valid')
        # Once more where the wiki has revoked the old token.
        assert case.wiki.token_requests == asked + 1 + is_handled
    else:
        case.edits(bot, 'before retrying')
    case.goes_on(bot)


def fail_for_long(case, after, kind, is_handled, options):
    """Let all token requests fail for a while, in this run and the next."""
    bot = case.bot()
    case.advance(after)
    case.wiki.fail_next(kind, 1000, **options)
    if after == DUE and not is_handled:
        for each in (bot, bot, None):
            case.edits(each)
    else:
        case.stops(bot, 'EndpointError', AGAIN)
    case.goes_on(bot)


@pytest.mark.fault('connection refused', GOES_ON)
def test_a_wiki_that_is_down_is_waited_for(case, capture):
    bot = case.bot()
    case.edits(bot)
    case.advance(DEAD)
    case.wiki.close()
    case.stops(bot, AGAIN)
    bot = case.bot()
    capture.reactions['before retrying'] = case.wiki.__enter__
    case.edits(bot)
    case.goes_on(bot)
