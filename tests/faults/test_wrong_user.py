"""Tokens of another account, which must not edit for this one."""

from __future__ import annotations

import json

import pytest


@pytest.mark.fault(
    "a refresh that is answered with another account's token",
    'not used, not stored; before August 2026 message: pwb login',
)
def test_the_token_of_another_account_is_not_used(case, after):
    bot = case.bot()
    case.edits(bot)
    case.advance(after)
    other = case.wiki.issue(case.client, 'Admin')._asdict()
    case.wiki.fail_next('rewrite', change=lambda data: {**data, **other})
    outcome = bot.edit()
    assert outcome.edited == case.wiki.is_master
    for secret in (other['access_token'], other['refresh_token']):
        assert secret not in case.file.read_text()
    case.wiki.delivered.clear()
    if case.wiki.is_master:
        case.goes_on(bot)
    else:
        case.is_ended(bot)


@pytest.mark.fault(
    'token file of another account', 'message: whose it is; nothing goes out'
)
@pytest.mark.parametrize('field', ['user', 'client_id'])
def test_what_is_stored_for_another_account_is_not_used(case, after, field):
    good = case.file.read_text()
    data = json.loads(good)
    data['authorizations'][case.client.id][field] = 'Admin'
    case.file.write_text(json.dumps(data))
    case.advance(after)
    asked = case.wiki.token_requests
    case.stops(None, 'Admin')
    assert case.wiki.token_requests == asked
    case.file.write_text(good)
    case.goes_on()
