"""The authorization: what follows it, and how it is stored."""

from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pywikibot_oauth2 import (
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.authorization import Authorization, PendingLogin
from pywikibot_oauth2.token import Token
from tests.strategies import anything, examples, mixed, tokens, values


WIKI = 'https://wiki.example/w'
TOKEN = Token('access', 'refresh', 1_800_000_000.5, 3600.0)
GIVEN = Authorization('id', WIKI, 'Bot', TOKEN, None, 3)
STORED = {
    **GIVEN._asdict(),
    'version': 1,
    'wiki': f'{WIKI}/api.php',
    'token': {
        'access_token': 'access',
        'refresh_token': 'refresh',
        'expires_at': 1_800_000_000.5,
        'lifetime': 3600.0,
    },
}
PENDING = {'state': 's', 'verifier': 'v', 'redirect_uri': None}


def test_a_new_token_and_an_end_follow_in_the_next_generation():
    other = Token('other')
    ended = GIVEN.end('revoked')
    assert GIVEN.with_token(other) == GIVEN._replace(token=other, generation=4)
    assert ended == GIVEN._replace(token=None, ended='revoked', generation=4)
    assert ended.with_token(other).ended is None
    assert ended.with_token(other).generation == 5
    complete = GIVEN, ended, GIVEN._replace(token=None)
    assert [one.is_complete for one in complete] == [True, False, False]


def test_it_is_stored_with_exactly_these_fields():
    assert GIVEN.serialize() == STORED
    assert Authorization.deserialize(STORED) == GIVEN
    # Some databases return a mapping that is not a dict.
    inner = {**STORED, 'token': MappingProxyType(STORED['token'])}
    assert Authorization.deserialize(MappingProxyType(inner)) == GIVEN
    new = Authorization('id', WIKI)
    assert Authorization.deserialize(new.serialize()) == new
    ended = {'token': None, 'ended': 'x', 'generation': 4}
    assert GIVEN.end('x').serialize() == {**STORED, **ended}
    assert Authorization.deserialize({**STORED, **ended}) == GIVEN.end('x')
    # An end without a reason is one, too.
    assert Authorization.deserialize({**STORED, 'ended': ''}).ended


DAMAGED = {
    'version': [None, '1', 0, -1],
    'client_id': [None, 5, []],
    'wiki': [None, 5, WIKI, f'{WIKI}/api.php5', ''],
    'user': [5, [], True],
    'token': [5, 'abc', [], {}, {'access_token': 'a b'}],
    'ended': [5, [], True],
    'generation': [None, -1, 1.0, '1', True],
}


@pytest.mark.parametrize(
    ('name', 'value'),
    [(name, value) for name in DAMAGED for value in [*DAMAGED[name]]],
)
def test_a_damaged_field_is_a_store_error(name, value):
    with pytest.raises(StoreError, match='damaged'):
        Authorization.deserialize({**STORED, name: value})
    with pytest.raises(StoreError, match='newer release'):
        Authorization.deserialize({**STORED, name: value, 'version': 2})


# A pending login


def test_a_pending_login_is_stored_and_not_shown():
    pending = PendingLogin('s3cret', 'v3rifier', 'http://127.0.0.1/')
    assert PendingLogin.deserialize(pending._asdict()) == pending
    assert PendingLogin.deserialize(None) is None
    for shown in repr(pending), str(pending), f'{[pending]}':
        assert '3' not in shown


@pytest.mark.parametrize(
    'changes',
    [{'state': ''}, {'state': 'a b'}, {'state': 5}, {'verifier': None},
     {'verifier': 'ä'}, {'redirect_uri': 5}, {'other': 1}],
    ids=str,
)  # fmt: skip
def test_a_damaged_pending_login_is_a_store_error(changes):
    for data in {**PENDING, **changes}, [], 'abc', {'state': 's'}:
        with pytest.raises(StoreError, match='pending login is damaged'):
            PendingLogin.deserialize(data)


# Whatever is stored

CLIENT = OAuth2Client('id', 'c0ffee5ec2e7')
sessions = mixed(
    token=tokens | st.none() | values,
    user=st.just('Bot') | values,
    ended=st.none() | values,
    generation=st.integers() | values,
    pending=st.none() | values | mixed(state=anything, verifier=anything),
    wiki=st.sampled_from(['/api.php', 'http://[/api.php']) | values,
)


@examples(200)
@given(
    values
    | st.builds(lambda changes, names: {
        **STORED, **{n: v for n, v in changes.items() if n in names}
    }, sessions, st.sets(st.sampled_from([*STORED, 'pending'])))
)  # fmt: skip
@example(None)
@example([])
@example({**STORED, 'pending': {**PENDING, 'state': '\ud800'}})
def test_any_stored_session_can_be_stored_again_or_is_refused(data):
    try:
        session = OAuth2Session.deserialize(data, CLIENT)
        assert session.authorization_url().isascii()
    except OAuth2Error:
        return
    text = json.dumps(session.serialize())
    assert 'c0ffee5ec2e7' not in text
    again = OAuth2Session.deserialize(json.loads(text), CLIENT)
    assert repr(again) == repr(session)
    assert repr(again.token) == repr(session.token)
