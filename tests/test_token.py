"""The token: what an answer becomes, when it is due, and what it shows."""

from __future__ import annotations

import base64
import json
import math
import pprint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywikibot_oauth2 import EndpointError, StoreError
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.token import Token, is_bearer, seconds
from tests.strategies import examples, replies


NOW = 1_800_000_000.5
ACCESS = 'eyJ0eXAi.c2VjcmV0.c2lnbmF0dXJl'
REFRESH = 'def50200c0ffee'
REPLY = {
    'token_type': 'Bearer',
    'expires_in': 3600,
    'access_token': ACCESS,
    'refresh_token': REFRESH,
}
MISSING = object()
# Values of expires_in that make no sense as the lifetime of a token
SENSELESS = [
    MISSING, None, 0, 0.0, -0.0, -1, -3600.5, '', 'soon', '0', '-1', 'nan',
    'inf', '-inf', math.nan, math.inf, -math.inf, True, False, [], [3600], {},
    {'seconds': 3600}, b'3600', 10**400, '9' * 400, 1e300, 101 * 365 * 86400,
]  # fmt: skip
NOT_BEARERS = [
    None, '', 5, True, ['a'], {'a': 1}, b'abc', 'with space', ' abc', 'abc ',
    'abc\n', '\nabc', 'abc\r\nX-Injected: 1', 'a\x00b', 'a\tb', 'Bearer abc',
    'ä', '\u0430bc', 'abc\ud800', 'a=b', '=', 'a,b', 'a"b',
]  # fmt: skip


def from_reply(previous=None, **changes):
    fields = {**REPLY, **changes}
    reply = {name: v for name, v in fields.items() if v is not MISSING}
    return Token.from_reply(reply, NOW, previous)


def short(value):
    return repr(value)[:20]


@pytest.mark.parametrize(
    ('value', 'lifetime'),
    [(3600, 3600), (1, 1), (0.25, 0.25), ('3600', 3600), ('14400.0', 14400),
     (99 * 365 * 86400, 99 * 365 * 86400)],
)  # fmt: skip
def test_a_reply_becomes_a_token_with_an_absolute_expiry(value, lifetime):
    token = from_reply(expires_in=value)
    assert token == Token(ACCESS, REFRESH, NOW + lifetime, lifetime)
    assert token.header == f'Bearer {ACCESS}'


@pytest.mark.parametrize('value', SENSELESS, ids=short)
def test_a_senseless_expiry_is_unknown_and_loses_no_token(value):
    token = from_reply(expires_in=value)
    assert token == Token(ACCESS, REFRESH)
    assert token.due == math.inf
    assert token.is_valid(NOW + 1e12)
    assert seconds(value) is None
    stored = {'access_token': ACCESS, 'expires_at': NOW, 'lifetime': value}
    assert Token.deserialize(stored).lifetime is None


@pytest.mark.parametrize('value', [MISSING, *NOT_BEARERS], ids=short)
def test_what_cannot_be_an_access_token_is_refused(value):
    with pytest.raises(EndpointError, match='no usable access token') as info:
        from_reply(access_token=value)
    assert REFRESH not in str(info.value)


def test_what_can_be_an_access_token_is_taken():
    for value in 'a', ACCESS, 'A-Za-z0-9._~+/-', 'abc=', 'abc==', 'x' * 9999:
        assert is_bearer(value)
        assert from_reply(access_token=value).access_token == value


@pytest.mark.parametrize('value', [MISSING, None, '', 5, [], {}, 'a\nb'])
def test_a_new_refresh_token_replaces_the_previous_one_if_there_is_one(value):
    previous = Token('old', 'kept')
    assert from_reply(previous).refresh_token == REFRESH
    assert from_reply(previous, refresh_token=value).refresh_token == 'kept'
    assert from_reply(refresh_token=value).refresh_token is None


# When it is due


@pytest.mark.parametrize(
    ('lifetime', 'leeway'),
    [(14400, 60), (600, 60), (599, 59.9), (20, 2), (1, 0.1), (None, 60)],
)
def test_it_is_due_a_minute_or_a_tenth_of_its_lifetime_before(
    lifetime, leeway
):
    token = Token(ACCESS, None, NOW + 99, lifetime)
    assert token.due == pytest.approx(NOW + 99 - leeway, abs=1e-6)
    assert token.leeway == pytest.approx(leeway)
    assert token.is_valid(NOW + 98.99)
    assert not token.is_valid(NOW + 99)
    # Without a known expiry it is never due.
    assert Token(ACCESS, REFRESH, None, lifetime).due == math.inf


# Whose it is


def jwt(claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    return Token(f'e30.{part.rstrip("=")}.c2ln')


@pytest.mark.parametrize(
    ('one', 'other', 'is_same'),
    [('5', '5', True), ('5', 5, True), ('5', '6', False),
     # 1.43 and master of one wiki
     ('5', 'mw:local:enwiki:5', True), ('5', 'mw:local:enwiki:15', False),
     ('mw:local:enwiki:5', 'mw:local:enwiki:5', True),
     ('mw:local:enwiki:5', 'mw:local:dewiki:5', False),
     ('5', None, True), ('', '6', True)],
)  # fmt: skip
def test_two_tokens_are_of_one_account_if_their_subjects_are(
    one, other, is_same
):
    tokens = jwt({'sub': one}), jwt({'sub': other})
    assert tokens[0].is_same_subject(tokens[1]) == is_same
    assert tokens[1].is_same_subject(tokens[0]) == is_same


@pytest.mark.usefixtures('keeps_garbage')
@pytest.mark.parametrize(
    'token',
    ['abc', 'a.b', 'a.b.c', 'a..c', f'a.{"W1tb" * 50_000}.c', 'a.MQ.c'],
    ids=short,
)
def test_a_token_that_cannot_be_read_has_no_claims(token):
    assert Token(token).claims() == {}
    assert Token(token).is_same_subject(jwt({'sub': '5'}))


# Stored, compared and shown


@pytest.mark.parametrize(
    ('name', 'value'),
    [*[('access_token', value) for value in NOT_BEARERS],
     *[('refresh_token', value) for value in ('', 5, [REFRESH], True, 'a\n')],
     *[('expires_at', value) for value in ('soon', '', True, [], 10**400,
                                           math.nan, -math.inf,
                                           '2027-01-15T08:00:00+00:00')]],
    ids=short,
)  # fmt: skip
def test_a_damaged_token_is_a_store_error_that_shows_nothing(name, value):
    data = {'access_token': ACCESS, 'refresh_token': REFRESH, name: value}
    for damaged in data, {}, None, [], 'abc':
        with pytest.raises(StoreError, match='token is damaged') as info:
            Token.deserialize(damaged)
        assert ACCESS not in str(info.value)
        assert REFRESH not in str(info.value)


def test_nothing_of_it_is_shown():
    token = from_reply()
    for show in repr, str, format, pprint.pformat:
        assert ACCESS not in show(token)
        assert REFRESH not in show(token)
    assert ACCESS not in repr(token.header)
    # As rich shows a long string
    assert token.header[:6] == 'Bearer'
    assert 'Bearer' not in repr(token.header[:80])


# Whatever comes


@examples(200)
@given(replies, st.floats(0, 4e9))
def test_any_reply_is_a_token_or_an_error(reply, now):
    try:
        token = Token.from_reply(reply, now, Token('old', 'kept'))
    except EndpointError:
        return
    assert token.access_token == reply['access_token']
    assert token.header.isascii()
    assert '\n' not in token.header
    assert token.refresh_token
    assert token.expires_at is None or now < token.expires_at < math.inf
    assert token.due <= (token.expires_at or math.inf)
    stored = Authorization('id', 'https://wiki.example', token=token)
    data = json.loads(json.dumps(stored.serialize()))
    assert Authorization.deserialize(data) == stored
