"""Answers of the token endpoint that are late, odd or missing."""

from __future__ import annotations

import socket
import time

import pytest
from pywikibot import config

from tests.faults.case import AGAIN, DEAD, DUE, LIFE, fault, injects


GOES_ON = 'goes on; message: try again'
ACTED = 'goes on; before August 2026 message: pwb login'
POINT = 'token endpoint'


# The kinds of `tests.sandbox.faults` at which the request was carried out
HANDLED = 'half', 'hang_after', 'reset_after', 'rewrite'


def bad(name, kind, **options):
    outcome = ACTED if kind in HANDLED else GOES_ON
    return fault(name, outcome, kind, options)


def answered(name, data):
    return bad(f'{POINT}: {name}', 'rewrite', change=lambda _: data)


ANSWERS = [
    *(
        bad(f'{POINT}: {status}', 'status', status=status)
        for status in (429, 500, 502, 503)
    ),
    bad(f'{POINT}: HTML', 'html'),
    bad(f'{POINT}: an empty body', 'empty'),
    bad('connection reset before the request was handled', 'reset_before'),
    bad(f'{POINT}: half a body', 'half'),
    bad('connection reset after the request was handled', 'reset_after'),
    answered('JSON null', None),
    answered('a list', []),
    answered('no access token', {'token_type': 'Bearer'}),
    answered('an access token of two lines',
             {'access_token': 'a\nb', 'token_type': 'Bearer'}),
    answered('an access token that is a number',
             {'access_token': 1, 'token_type': 'Bearer'}),
]  # fmt: skip


def check_once(case, after, kind, options):
    """Let one token request fail, or as many as are repeated."""
    bot = case.bot()
    case.advance(after)
    if kind in HANDLED and not case.wiki.is_master:
        # The refresh token was used up, and the answer is lost.
        case.wiki.fail_next(kind, **options)
        case.is_ended(bot, 'got no usable answer')
        return
    times = 1 if after == DUE else config.max_retries
    case.wiki.fail_next(kind, times, **options)
    if after == DUE:
        # There is one more request if the wiki has revoked the old token.
        case.edits(bot, 'is still valid', asks=1 + (kind in HANDLED))
    else:
        case.edits(bot, 'before retrying')
    case.goes_on(bot)


def check_for_long(case, after, kind, options):
    """Let all token requests fail for a while, in this run and the next."""
    bot = case.bot()
    case.advance(after)
    case.wiki.fail_next(kind, 1000, **options)
    if after == DUE and kind not in HANDLED:
        for each in (bot, bot, None):
            case.edits(each)
    else:
        case.stops(bot, 'EndpointError', AGAIN)
    if kind in HANDLED and not case.wiki.is_master:
        case.wiki.faults.clear()
        case.is_ended(bot, 'got no usable answer')
    else:
        case.goes_on(bot)


@pytest.mark.parametrize(('kind', 'options'), ANSWERS)
def test_a_bad_answer_ends_nothing_unless_a_used_up_refresh_token_is_lost(
    new_case, like, after, kind, options
):
    check_once(new_case(like), after, kind, options)
    check_for_long(new_case(like), after, kind, options)


@pytest.mark.parametrize(
    ('kind', 'options'),
    [
        bad(f'time-out {when} the request was handled', f'hang_{when}')
        for when in ('before', 'after')
    ],
)
def test_an_answer_that_does_not_come_is_not_waited_for(
    case, after, kind, options
):
    config.socket_timeout = 1  # in which any other answer comes
    config.max_retries = 1
    check_once(case, after, kind, options)


@injects(f'{POINT}: 429 with Retry-After', GOES_ON)
def test_the_wait_that_the_wiki_asks_for_is_kept(case, bot):
    case.advance(DEAD)
    case.wiki.fail_next('status', status=429, retry_after=1)
    begun = time.monotonic()
    case.edits(bot, 'before retrying')
    assert time.monotonic() >= begun + 1
    case.goes_on(bot)


@injects(f'{POINT}: a redirect', f'{GOES_ON}; nothing goes elsewhere')
@pytest.mark.parametrize('status', [302, 303, 307])
def test_a_redirect_is_not_followed(new_case, like, after, status):
    with socket.create_server(('127.0.0.1', 0)) as elsewhere:
        url = f'http://127.0.0.1:{elsewhere.getsockname()[1]}/'
        options = {'status': status, 'location': url}
        check_once(new_case(like), after, 'redirect', options)
        check_for_long(new_case(like), after, 'redirect', options)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


@injects('connection refused', GOES_ON)
def test_a_wiki_that_is_down_is_waited_for(case, running, capture):
    case.advance(DEAD)
    case.wiki.close()
    case.stops(running, AGAIN)
    bot = case.bot()
    capture.reactions['before retrying'] = case.wiki.__enter__
    case.edits(bot)
    case.goes_on(bot)


def setting(name, value):
    """Return a change of an answer; the value `...` leaves a field out."""

    def change(data):
        del data[name]
        return data if value is ... else {**data, name: value}

    return change


@pytest.mark.parametrize(
    'value',
    [
        fault(f'a token with {name}', 'goes on', value)
        for name, value in {
            'no expires_in': ..., 'expires_in 0': 0, 'expires_in -1': -1,
            "expires_in 'soon'": 'soon', "expires_in '3600'": '3600',
            'expires_in 1e300': 1e300, 'expires_in 10**400': 10**400,
            'expires_in NaN': float('nan'), 'expires_in null': None,
            'expires_in true': True, 'expires_in []': [],
        }.items()
    ],
)  # fmt: skip
def test_an_implausible_lifetime_is_treated_as_unknown(
    case, bot, after, value
):
    case.advance(after)
    case.wiki.fail_next('rewrite', change=setting('expires_in', value))
    case.edits(bot, asks=1)
    for each in (bot, bot, None):
        case.edits(each, asks=0)
    # Now it has expired, and only the wiki says so.
    case.advance(DEAD)
    case.edits(bot, asks=1)
    case.goes_on(bot)


@injects(
    'a token without refresh_token',
    'goes on with the old one; if that is used up, message: pwb login',
)
@pytest.mark.parametrize('value', [..., None, '', 17])
@pytest.mark.parametrize('life', [300, LIFE])
def test_the_old_refresh_token_is_kept(new_case, value, life):
    case = new_case('master', life=life)
    bot = case.bot()
    old = case.refresh_token
    case.advance(life - 5)
    case.wiki.fail_next('rewrite', change=setting('refresh_token', value))
    case.edits(bot)
    assert case.refresh_token == old
    case.advance(life)
    # The wiki accepts it again for 600 seconds.
    if life == LIFE:
        case.is_ended(bot)
    else:
        case.goes_on(bot)
