"""MediaWiki itself: its sessions, its rights, what is a GET."""

from __future__ import annotations

import re

import pytest
import requests

from tests.harness import Owner, grants
from tests.mediawiki import RealWiki


pytestmark = pytest.mark.mediawiki

# Reads pages, lists, and what is known of the site.
READER = """
import sys
import pywikibot
pywikibot.handle_args()
site = pywikibot.Site()
site.login()
for page in site.allpages(prefix='Main', content=True):
    print(page.title(), len(page.text), site.siteinfo['generator'])
print(list(site.recentchanges(total=2))[0]['title'], site.user())
"""


@pytest.fixture(scope='module')
def mediawiki():
    with RealWiki() as wiki:
        yield wiki


@pytest.fixture
def wiki(mediawiki):
    mediawiki.requests.clear()
    mediawiki.token_life = 3600
    return mediawiki


def ask(wiki, pair=None, **params):
    """Ask api.php, under a token."""
    response = requests.post(
        wiki.api_url,
        {'format': 'json', 'formatversion': 2, **params},
        headers={'Authorization': pair and f'Bearer {pair.access_token}'},
    )
    response.raise_for_status()
    return response.json()


def csrf(wiki, pair=None):
    answer = ask(wiki, pair, action='query', meta='tokens')
    return answer['query']['tokens']['csrftoken']


def test_a_token_of_a_session_is_refused_in_the_next_one(wiki):
    client = wiki.register()
    pair = wiki.issue(client)
    token = csrf(wiki, pair)
    assert csrf(wiki, pair) != '+\\'  # it is new in each second
    edit = {'action': 'edit', 'title': 'Session', 'text': 'a', 'token': token}
    edit['assertuser'] = 'Bot'
    assert ask(wiki, pair, **edit)['edit']['result'] == 'Success'
    (revision,) = wiki.mediawiki.page('Session')['revisions']
    assert revision['user'] == 'Bot'
    assert revision['tags'] == [f'OAuth CID: {client.number}']
    next_pair = wiki.issue(client)
    assert ask(wiki, next_pair, **edit)['error']['code'] == 'badtoken'
    edit['token'] = csrf(wiki, next_pair)
    assert ask(wiki, next_pair, **edit)['edit']['result'] == 'Success'


def test_a_bot_edits_on_while_its_session_changes(wiki, tmp_path):
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    start = wiki.clock()
    clock, wiki.clock = wiki.clock, lambda: start + len(wiki.requests)
    wiki.token_life = 9
    wiki.expire_access_tokens()
    try:
        output = owner.edit(12)
    finally:
        wiki.clock = clock
    text = wiki.mediawiki.text('Sandbox').splitlines()
    assert text[-12:] == [f'* {number}' for number in range(12)]
    assert grants(wiki, 'refresh_token') >= 3
    # Only the wiki knew when these tokens expired.
    assert output.count('badtoken') == wiki.count(error='badtoken')


def test_reads_are_get_and_changes_are_post(wiki, tmp_path):
    owner = Owner(tmp_path, wiki)
    # By default a request is a POST if it is longer than 255 characters.
    owner.configure(
        'enable_GET_without_SSL = True\nmaximum_GET_length = 8000\n'
    )
    owner.log_in()

    wiki.requests.clear()
    shown = owner.python(READER)
    assert re.search('(?m)^Main Page [0-9]+ MediaWiki 1', shown)
    assert wiki.count('/api.php', method='GET') >= 6
    assert wiki.count('/api.php', method='POST') == 0
    assert {request.user for request in wiki.requests} <= {'Bot', None}
    owner.edit()
    assert wiki.count('/api.php', method='POST') == 1
