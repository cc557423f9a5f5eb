"""Tokens and wikis of somebody else, which must not meet the bot's own."""

from __future__ import annotations

import json

import pytest
from pywikibot.comms import http

from tests.faults.case import LOGIN, fault
from tests.sandbox import Sandbox


@pytest.fixture
def stranger():
    """Run a wiki that the bot owner has nothing to do with."""
    with Sandbox() as stranger:
        yield stranger
        for request in stranger.requests:
            assert request.bearer is None
            assert 'client_secret' not in request.form


@pytest.mark.fault(
    "authenticate['*']", 'message: the keys to write; nothing goes out'
)
def test_a_wildcard_for_all_hosts_authenticates_none(case, stranger):
    bot = case.bot(key='*')
    for _ in range(2):
        case.stops(bot, 'different operators', f'\n  {case.wiki.netloc}')
        url = f'{stranger.url}/api.php?action=query&meta=userinfo'
        http.fetch(url, headers={}, default_error_handling=False)
    assert not [each for each in case.wiki.requests[1:] if each.bearer]
    case.goes_on()


OUTCOME = 'message: whose it is; nothing goes out'


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        fault(
            'token file of another wiki',
            'wiki',
            '{url}/api.php',
            'is for {url}',
            outcome=OUTCOME,
        ),
        fault(
            'token file of another account',
            'user',
            'Admin',
            'Admin',
            outcome=OUTCOME,
        ),
        fault(
            'token file of another client',
            'client_id',
            'Admin',
            'Admin',
            outcome=OUTCOME,
        ),
    ],
)
def test_what_is_stored_for_somebody_else_is_not_used(
    case, after, stranger, field, value, words
):
    good = case.file.read_text()
    data = json.loads(good)
    stored = data['authorizations'][case.client.id]
    stored[field] = value.format(url=stranger.url)
    case.file.write_text(json.dumps(data))
    case.advance(after)
    asked = case.wiki.token_requests
    case.stops(None, words.format(url=stranger.url))
    if field == 'wiki':
        assert LOGIN in case.capture.text
    assert case.wiki.token_requests == asked
    assert stranger.requests == []
    case.file.write_text(good)
    case.goes_on()


@pytest.mark.both_servers
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
