"""Answers of the token endpoint that are late, odd or missing."""

from __future__ import annotations

import contextlib
import socket

import pytest
from pywikibot import config

from tests.faults.case import AGAIN, DEAD, DUE, LIFE


GOES_ON = 'goes on; message: try again'
ACTED = 'goes on; before August 2026 message: pwb login'


def fault(name, kind, outcome=GOES_ON, **options):
    """Return the parameters of a fault.

    :param name: what goes wrong
    :param kind: the kind of `tests.sandbox.faults`
    """
    mark = pytest.mark.fault(name, outcome)
    return pytest.param(kind, options, id=name, marks=mark)


def rewritten(name, data):
    return fault(f'token endpoint: {name}', 'rewrite', ACTED,
                 change=lambda _: data)  # fmt: skip


UNHANDLED = [
    fault(f'token endpoint: {status}', 'status', status=status)
    for status in (429, 500, 502, 503)
] + [
    fault('token endpoint: HTML', 'html'),
    fault('token endpoint: an empty body', 'empty'),
    fault('connection reset before the request was handled', 'reset_before'),
]
HANDLED = [
    fault('token endpoint: half a body', 'half', ACTED),
    fault('connection reset after the request was handled', 'reset_after',
          ACTED),
    rewritten('JSON null', None),
    rewritten('a list', []),
    rewritten('no access token', {'token_type': 'Bearer'}),
    rewritten('an access token of two lines',
              {'access_token': 'a\nb', 'token_type': 'Bearer'}),
    rewritten('an access token that is a number',
              {'access_token': 1, 'token_type': 'Bearer'}),
]  # fmt: skip
SLOW = [
    fault('time-out before the request was handled', 'hang_before'),
    fault('time-out after the request was handled', 'hang_after', ACTED),
]


def check_once(case, after, kind, options, *, is_handled=False):
    """Let one token request fail, or as many as are repeated."""
    bot = case.bot()
    case.advance(after)
    asked = case.wiki.token_requests
    if is_handled and not case.wiki.is_master:
        # The refresh token was used up, and the answer is lost.
        case.wiki.fail_next(kind, **options)
        case.is_ended(bot, 'got no usable answer')
        return
    times = 1 if after == DUE else config.max_retries
    case.wiki.fail_next(kind, times, **options)
    if after == DUE:
        case.edits(bot, 'is still valid')
        # Once more where the wiki has revoked the old token.
        assert case.wiki.token_requests == asked + 1 + is_handled
    else:
        case.edits(bot, 'before retrying')
    case.goes_on(bot)


def check_for_long(case, after, kind, options, *, is_handled=False):
    """Let all token requests fail for a while, in this run and the next."""
    if is_handled and not case.wiki.is_master:
        return
    bot = case.bot()
    case.advance(after)
    case.wiki.fail_next(kind, 1000, **options)
    if after == DUE and not is_handled:
        for each in (bot, bot, None):
            case.edits(each)
    else:
        case.stops(bot, 'EndpointError', AGAIN)
    case.goes_on(bot)


@pytest.mark.parametrize(('kind', 'options'), UNHANDLED)
def test_a_request_that_was_not_handled_costs_nothing(
    new_case, like, after, kind, options
):
    check_once(new_case(like), after, kind, options)
    check_for_long(new_case(like), after, kind, options)


@pytest.mark.parametrize(('kind', 'options'), HANDLED)
def test_an_answer_that_is_lost_ends_it_only_before_august_2026(
    new_case, like, after, kind, options
):
    check_once(new_case(like), after, kind, options, is_handled=True)
    check_for_long(new_case(like), after, kind, options, is_handled=True)


@pytest.mark.parametrize(('kind', 'options'), SLOW)
def test_an_answer_that_does_not_come_is_not_waited_for(
    case, after, kind, options
):
    config.socket_timeout = 0.3
    config.max_retries = 1
    check_once(case, after, kind, options, is_handled=kind == 'hang_after')


@pytest.mark.fault('token endpoint: 429 with Retry-After', GOES_ON)
def test_the_wait_that_the_wiki_asks_for_is_kept(case):
    bot = case.bot()
    case.advance(DEAD)
    case.wiki.fail_next('status', status=429, retry_after=1)
    assert case.edits(bot, 'before retrying').seconds >= 1
    case.goes_on(bot)


class Elsewhere:
    """Somewhere on this machine that must be asked nothing."""

    def __enter__(self):
        self._server = socket.create_server(('127.0.0.1', 0))
        self._server.setblocking(False)
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}/'
        return self

    def __exit__(self, *exc_info):
        with self._server, contextlib.suppress(BlockingIOError):
            connection = self._server.accept()[0]
            connection.close()
            raise AssertionError('somebody followed the redirect')


@pytest.mark.fault(
    'token endpoint: a redirect', f'{GOES_ON}; nothing goes elsewhere'
)
@pytest.mark.parametrize('status', [302, 303, 307])
def test_a_redirect_is_not_followed(new_case, like, after, status):
    with Elsewhere() as elsewhere:
        options = {'status': status, 'location': elsewhere.url}
        check_once(new_case(like), after, 'redirect', options)
        check_for_long(new_case(like), after, 'redirect', options)


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


# Tokens with something odd about them


def odd(name, value):
    mark = pytest.mark.fault(f'a token with {name}', 'goes on')
    return pytest.param(value, id=name, marks=mark)


@pytest.mark.parametrize(
    'value',
    [
        odd('no expires_in', ...),
        odd('expires_in 0', 0),
        odd('expires_in -1', -1),
        odd("expires_in 'soon'", 'soon'),
        odd("expires_in '3600'", '3600'),
        odd('expires_in 1e300', 1e300),
        odd('expires_in 10**400', 10**400),
        odd('expires_in NaN', float('nan')),
        odd('expires_in null', None),
        odd('expires_in true', True),
        odd('expires_in []', []),
    ],
)
def test_a_life_that_cannot_be_right_is_unknown(case, after, value):
    def change(data):
        data['expires_in'] = value
        return {name: each for name, each in data.items() if each is not ...}

    bot = case.bot()
    case.advance(after)
    case.wiki.fail_next('rewrite', change=change)
    asked = case.wiki.token_requests
    for each in (bot, bot, bot, None):
        case.edits(each)
    assert case.wiki.token_requests == asked + 1
    # Now it has expired, and only the wiki says so.
    case.advance(DEAD)
    case.edits(bot)
    assert case.wiki.token_requests == asked + 2
    case.goes_on(bot)


@pytest.mark.fault(
    'a token without refresh_token',
    'goes on with the old one; if that is used up, message: pwb login',
)
@pytest.mark.parametrize('value', [..., None, '', 17])
@pytest.mark.parametrize('life', [300, LIFE])
def test_the_old_refresh_token_is_kept(new_case, value, life):
    def change(data):
        data['refresh_token'] = value
        return {name: each for name, each in data.items() if each is not ...}

    case = new_case('master', life=life)
    bot = case.bot()
    old = case.refresh_token
    case.advance(life - 5)
    case.wiki.fail_next('rewrite', change=change)
    case.edits(bot)
    assert case.refresh_token == old
    case.advance(life)
    # The wiki takes it again for 600 seconds.
    if life == LIFE:
        case.is_ended(bot)
    else:
        case.goes_on(bot)
