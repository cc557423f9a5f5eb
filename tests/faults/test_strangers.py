"""Hosts that must get no token, and tokens that are not of this account."""

from __future__ import annotations

import json

import pytest
from pywikibot.comms import http

from tests.faults.case import LOGIN, fault, injects
from tests.sandbox import Sandbox


@pytest.fixture
def stranger():
    """Run a wiki that the bot owner has nothing to do with."""
    with Sandbox() as stranger:
        yield stranger
        for request in stranger.requests:
            assert request.bearer is None
            assert 'client_secret' not in request.form


@injects("authenticate['*']", 'message: the keys to write; nothing goes out')
def test_a_wildcard_for_all_hosts_authenticates_none(case, stranger):
    bot = case.bot(key='*')
    for _ in range(2):
        case.stops(bot, 'different operators', f'\n  {case.wiki.netloc}')
        http.fetch(f'{stranger.url}/api.php?action=query&meta=userinfo')
    assert not [each for each in case.wiki.requests if each.bearer]
    case.goes_on()


@injects(
    'an address that servers and clients read differently',
    'goes out without the token',
)
@pytest.mark.parametrize(
    'address',
    [
        '{wiki.url}/rest.php/%2e%2e/~x',
        '{wiki.url}/rest.php/v1/../../~x',
        '{wiki.url}/~x/api.php',
        '{wiki.url}/api.php/../~x',
        '{other.url}/api.php?x={wiki.url}/api.php',
        'http://{wiki.netloc}@{other.netloc}/api.php',
        'http://{other.netloc}\\@{wiki.netloc}/api.php',
        '{other.url}/index.php?url={wiki.url}/api.php',
    ],
)
def test_an_address_beside_the_wiki_gets_no_token(
    case, running, stranger, address
):
    case.wiki.requests.clear()
    url = address.format(wiki=case.wiki, other=stranger)
    http.fetch(url, default_error_handling=False)
    assert case.wiki.requests or stranger.requests
    for request in case.wiki.requests:
        # What is sent to the wiki's own scripts may carry it.
        assert not request.bearer or request.path == '/api.php'
    case.goes_on(running)


@pytest.mark.parametrize(
    'field',
    [
        fault('token file of another wiki',
              'message: pwb login; nothing goes out', 'wiki'),
        *(
            fault('token file of another account',
                  'message: whose it is; nothing goes out', field)
            for field in ('user', 'client_id')
        ),
    ],
)  # fmt: skip
def test_a_token_stored_for_another_wiki_or_account_is_not_used(
    case, after, stranger, field
):
    value, says = 'Admin', ['Admin']
    if field == 'wiki':
        value, says = stranger.api_url, [f'is for {stranger.url}', LOGIN]
    good = case.file.read_text()
    data = json.loads(good)
    data['authorizations'][case.client.id][field] = value
    case.file.write_text(json.dumps(data))
    case.advance(after)
    case.stops(None, *says, asks=0)
    assert stranger.requests == []
    case.file.write_text(good)
    case.goes_on()


@injects(
    "a refresh that is answered with another account's token",
    'not used, not stored; before August 2026 message: pwb login',
)
def test_the_token_of_another_account_is_not_used(case, running, after):
    case.advance(after)
    other = case.wiki.issue(case.client, 'Admin')._asdict()
    case.wiki.fail_next('rewrite', change=lambda data: {**data, **other})
    error, _ = running.edit()
    assert (error == '') == case.wiki.is_master
    for secret in (other['access_token'], other['refresh_token']):
        assert secret not in case.file.read_text()
    case.wiki.delivered.clear()
    if case.wiki.is_master:
        case.goes_on(running)
    else:
        case.is_ended(running)
