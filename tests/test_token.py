#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the token: what a reply says, and when it is due."""
from __future__ import annotations

import copy
import json
import math
import pickle
import pprint
import time

import pytest

from pywikibot_oauth2 import EndpointError, StoreError
from pywikibot_oauth2.token import LEEWAY, Token, is_bearer, seconds


NOW = 1_800_000_000.5
ACCESS = 'eyJ0eXAi.c2VjcmV0.c2lnbmF0dXJl'
REFRESH = 'def50200c0ffee'
REPLY = {'token_type': 'Bearer', 'expires_in': 3600,
         'access_token': ACCESS, 'refresh_token': REFRESH}
MISSING = object()

# Values of expires_in that make no sense as the life of a token
SENSELESS = [MISSING, None, 0, 0.0, -0.0, -1, -3600.5, '', 'soon', '0', '-1',
             'nan', 'inf', '-inf', math.nan, math.inf, -math.inf, True, False,
             [], [3600], {}, {'seconds': 3600}, b'3600', 10 ** 400,
             '9' * 400, 1e300, 101 * 365 * 86400]


def reply(**changes):
    fields = {**REPLY, **changes}
    return {name: value for name, value in fields.items()
            if value is not MISSING}


def from_reply(previous=None, **changes):
    return Token.from_reply(reply(**changes), NOW, previous)


# What the token endpoint answers

def test_a_reply_becomes_a_token_with_an_absolute_expiry():
    token = from_reply()
    assert token.access_token == ACCESS
    assert token.refresh_token == REFRESH
    assert token.expires_at == NOW + 3600
    assert token.lifetime == 3600
    assert token.header == f'Bearer {ACCESS}'


@pytest.mark.parametrize(('expires_in', 'lifetime'), [
    (1, 1), (0.25, 0.25), ('3600', 3600), ('14400.0', 14400), (14400, 14400),
    (99 * 365 * 86400, 99 * 365 * 86400),
])
def test_a_number_of_seconds_is_understood_as_such(expires_in, lifetime):
    token = from_reply(expires_in=expires_in)
    assert (token.lifetime, token.expires_at) == (lifetime, NOW + lifetime)


@pytest.mark.parametrize('expires_in', SENSELESS, ids=lambda v: repr(v)[:20])
def test_a_senseless_expiry_is_unknown_and_loses_no_token(expires_in):
    token = from_reply(expires_in=expires_in)
    assert (token.access_token, token.refresh_token) == (ACCESS, REFRESH)
    assert token.expires_at is None
    assert token.lifetime is None
    assert token.renew_at == math.inf
    assert token.is_valid(NOW + 1e12)


@pytest.mark.parametrize('value', SENSELESS[1:], ids=lambda v: repr(v)[:20])
def test_seconds_that_make_no_sense_are_none(value):
    assert seconds(value) is None


@pytest.mark.parametrize('access_token', [
    MISSING, None, '', 5, True, ['a'], {'a': 1}, b'abc', 'with space',
    ' abc', 'abc ', 'abc\n', '\nabc', 'abc\r\nX-Injected: 1', 'a\x00b', 'a\tb',
    'Bearer abc', 'ä', '\u0430bc', 'abc\ud800', 'a=b', '=', 'a,b', 'a"b',
])
def test_what_can_be_no_access_token_is_refused(access_token):
    with pytest.raises(EndpointError, match='no usable access token') as info:
        from_reply(access_token=access_token)
    assert REFRESH not in str(info.value)


@pytest.mark.parametrize('access_token', [
    'a', ACCESS, 'A-Za-z0-9._~+/-', 'abc=', 'abc==', 'x' * 10_000,
])
def test_what_can_be_an_access_token_is_taken(access_token):
    assert is_bearer(access_token)
    assert from_reply(access_token=access_token).access_token == access_token


@pytest.mark.parametrize('refresh_token', [MISSING, None, '', 5, [], {}])
def test_without_a_refresh_token_the_previous_one_is_kept(refresh_token):
    previous = Token('old', 'kept')
    token = from_reply(previous, refresh_token=refresh_token)
    assert (token.access_token, token.refresh_token) == (ACCESS, 'kept')


@pytest.mark.parametrize('refresh_token', [MISSING, None, '', 5, [], {}])
def test_the_first_token_may_have_no_refresh_token(refresh_token):
    assert from_reply(refresh_token=refresh_token).refresh_token is None


def test_a_new_refresh_token_replaces_the_previous_one():
    assert from_reply(Token('old', 'old')).refresh_token == REFRESH


# When it is due

@pytest.mark.parametrize(('life', 'leeway'), [
    (14400, 60), (3600, 60), (600, 60), (599, 59.9), (20, 2), (1, 0.1),
])
def test_it_is_due_a_minute_or_a_tenth_of_its_life_before(life, leeway):
    token = from_reply(expires_in=life)
    assert token.renew_at == pytest.approx(NOW + life - leeway, abs=1e-6)


def test_without_a_known_life_it_is_due_a_minute_before():
    assert Token(ACCESS, REFRESH, NOW).renew_at == NOW - LEEWAY
    assert LEEWAY == 60


def test_without_a_known_expiry_it_is_never_due():
    assert Token(ACCESS, REFRESH, None, 3600).renew_at == math.inf


def test_it_is_valid_until_the_moment_it_expires():
    token = from_reply(expires_in=20)
    assert token.is_valid(NOW)
    assert token.is_valid(NOW + 19.99)
    assert not token.is_valid(NOW + 20)
    assert not token.is_valid(NOW + 1e9)


# Stored and read again

@pytest.mark.parametrize('token', [
    Token(ACCESS), Token(ACCESS, REFRESH), Token(ACCESS, None, NOW),
    Token(ACCESS, REFRESH, NOW + 0.125, 3600.0), Token(ACCESS, REFRESH, 0),
], ids=repr)
def test_it_is_the_same_after_it_was_stored_as_json(token):
    stored = json.loads(json.dumps(token.serialize()))
    again = Token.deserialize(stored)
    for name in Token.__slots__:
        assert getattr(again, name) == getattr(token, name)
    assert again == token
    assert again.serialize() == token.serialize()


def test_the_expiry_is_stored_in_utc():
    assert Token(ACCESS, REFRESH, NOW, 3600.0).serialize() == {
        'access_token': ACCESS, 'refresh_token': REFRESH,
        'expires_at': '2027-01-15T08:00:00.500000+00:00', 'lifetime': 3600.0}


def test_the_expiry_does_not_depend_on_the_time_zone(monkeypatch):
    stored = Token(ACCESS, REFRESH, NOW).serialize()
    try:
        with monkeypatch.context() as context:
            context.setenv('TZ', 'Pacific/Auckland')
            time.tzset()
            assert Token(ACCESS, REFRESH, NOW).serialize() == stored
            assert Token.deserialize(stored).expires_at == NOW
    finally:
        time.tzset()


def test_an_expiry_in_another_zone_is_the_same_moment():
    data = {**Token(ACCESS).serialize(),
            'expires_at': '2027-01-15T13:30:00.500000+05:30'}
    assert Token.deserialize(data).expires_at == NOW


@pytest.mark.parametrize(('name', 'value'), [
    ('access_token', None), ('access_token', ''), ('access_token', 5),
    ('access_token', 'a\nb'), ('access_token', 'ä'),
    ('access_token', [ACCESS]),
    ('refresh_token', ''), ('refresh_token', 5), ('refresh_token', [REFRESH]),
    ('refresh_token', True), ('expires_at', 'soon'), ('expires_at', ''),
    ('expires_at', NOW), ('expires_at', True), ('expires_at', []),
    ('expires_at', '2027-01-15T08:00:00'), ('expires_at', '2027-13-01'),
    ('expires_at', '99999-01-15T08:00:00+00:00'),
])
def test_a_damaged_token_is_a_store_error(name, value):
    data = {**Token(ACCESS, REFRESH, NOW, 3600.0).serialize(), name: value}
    with pytest.raises(StoreError) as info:
        Token.deserialize(data)
    assert ACCESS not in str(info.value)
    assert REFRESH not in str(info.value)


def test_a_token_of_nothing_is_a_store_error():
    with pytest.raises(StoreError, match='no usable token'):
        Token.deserialize({})


@pytest.mark.parametrize('expires_at', [
    '9999-12-31T23:59:59-12:00', '0001-01-01T00:00:00+12:00'])
def test_an_expiry_beyond_all_years_can_be_stored_again_or_is_refused(
        expires_at):
    data = {**Token(ACCESS, REFRESH).serialize(), 'expires_at': expires_at}
    try:
        token = Token.deserialize(data)
    except StoreError:
        return
    assert Token.deserialize(token.serialize()).expires_at == token.expires_at


@pytest.mark.parametrize('lifetime', SENSELESS[1:],
                         ids=lambda v: repr(v)[:20])
def test_a_stored_life_that_makes_no_sense_is_unknown(lifetime):
    data = {**Token(ACCESS, REFRESH, NOW).serialize(), 'lifetime': lifetime}
    token = Token.deserialize(data)
    assert token.lifetime is None
    assert token.renew_at == NOW - LEEWAY


# Comparing and showing

def test_tokens_are_equal_if_both_parts_are():
    assert Token('a', 'b', 1) == Token('a', 'b', 2)
    assert hash(Token('a', 'b', 1)) == hash(Token('a', 'b', 2))
    assert Token('a', 'b') != Token('a', 'c')
    assert Token('a', 'b') != Token('c', 'b')
    assert Token('a') != Token('a', 'b')
    assert Token('a') != 'a'


def test_it_survives_copying_and_pickling():
    token = from_reply()
    assert copy.copy(token) == token
    assert pickle.loads(pickle.dumps(token)).header == token.header


@pytest.mark.parametrize('show', [
    repr, str, format, ascii, pprint.pformat, '{!r}'.format, '%s'.__mod__,
    lambda token: repr([token]), lambda token: pprint.pformat({'t': token}),
])
def test_nothing_of_it_is_shown(show):
    shown = show(from_reply())
    assert ACCESS not in shown
    assert REFRESH not in shown
    assert 'Token' in shown
