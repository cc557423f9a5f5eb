"""Hosts that must get neither a token nor a client secret."""

from __future__ import annotations

import json

import pytest
from pywikibot.comms import http

from tests.faults.case import LOGIN
from tests.sandbox import Sandbox


@pytest.fixture
def stranger():
    """Run a wiki that the bot owner has nothing to do with."""
    with Sandbox() as stranger:
        yield stranger
        for request in stranger.requests:
            assert request.bearer is None
            assert 'client_secret' not in request.form


def fetch(url):
    """Request an address as Pywikibot does, whatever comes of it."""
    return http.fetch(url, headers={}, default_error_handling=False)


@pytest.mark.fault(
    "authenticate['*']", 'message: the keys to write; nothing goes out'
)
def test_a_wildcard_for_all_hosts_authenticates_none(case, stranger):
    bot = case.bot(key='*')
    for _ in range(2):
        case.stops(bot, 'different operators', f'\n  {case.wiki.netloc}')
        fetch(f'{stranger.url}/api.php?action=query&meta=userinfo')
    assert not [each for each in case.wiki.requests[1:] if each.bearer]
    case.goes_on()


@pytest.mark.fault(
    'token file of another wiki', 'message: pwb login; nothing goes out'
)
def test_what_is_stored_for_another_wiki_is_sent_nowhere(
    case, after, stranger
):
    data = json.loads(case.file.read_text())
    good = case.file.read_text()
    data['authorizations'][case.client.id]['wiki'] = stranger.api_url
    case.file.write_text(json.dumps(data))
    case.advance(after)
    asked = case.wiki.token_requests
    case.stops(None, f'is for {stranger.url}', LOGIN)
    assert case.wiki.token_requests == asked
    assert stranger.requests == []
    case.file.write_text(good)
    case.goes_on()


@pytest.mark.fault(
    'an address that servers and clients read differently',
    'goes out without the token',
)
@pytest.mark.parametrize(
    'address',
    [
        '{wiki}/rest.php/%2e%2e/~x',
        '{wiki}/rest.php/v1/../../~x',
        '{wiki}/~x/api.php',
        '{wiki}/api.php/../~x',
        '{stranger}/api.php?x={wiki}/api.php',
        'http://{netloc}@{strange_netloc}/api.php',
        'http://{strange_netloc}\\@{netloc}/api.php',
        '{stranger}/index.php?url={wiki}/api.php',
    ],
)
def test_an_address_beside_the_wiki_gets_no_token(case, stranger, address):
    bot = case.bot()
    case.edits(bot)
    case.wiki.requests.clear()
    url = address.format(
        wiki=case.wiki.url,
        netloc=case.wiki.netloc,
        stranger=stranger.url,
        strange_netloc=stranger.netloc,
    )
    fetch(url)
    assert case.wiki.requests or stranger.requests
    for request in case.wiki.requests:
        # What is sent to the wiki's own scripts may carry it.
        assert not request.bearer or request.path == '/api.php'
    case.goes_on(bot)
