"""A farm: wikis that share one authorization server, as Wikimedia's do."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.harness import DEAD, Owner, Reaper, dialogs, editors, grants, join
from tests.sandbox import Sandbox


# Talks to a wiki that is not of the farm, or is sent there by one that is.
TALK = """
import sys
import pywikibot
from pywikibot.comms import http
base, *codes = sys.argv[1:]
for code in codes:
    print(code, len(pywikibot.Page(pywikibot.Site(code), 'Main Page').text))
for path in ('/index.php?title=Main_Page', '/rest.php/v1/page/Main_Page',
             '/api.php?action=query&meta=userinfo&format=json'):
    print(http.fetch(base + path).status_code)
print(http.fetch(base + '/api.php', method='POST', data={
    'action': 'query', 'meta': 'userinfo', 'format': 'json'}).status_code)
"""


@pytest.fixture
def farm(wiki):
    """Run two more wikis, of which the last one is not of the farm."""
    with ExitStack() as stack:
        other, stranger = (
            stack.enter_context(Sandbox(like=wiki.like)) for _ in range(2)
        )
        join(wiki, other)
        yield wiki, other, stranger


@pytest.fixture
def owner(tmp_path, farm):
    """Return somebody who uses one OAuth2Auth for both wikis."""
    wiki, other, stranger = farm
    owner = Owner(tmp_path, wiki, others={'de': other, 'fr': stranger})
    owner.share(other)
    owner.authorize()
    return owner


def test_one_click_serves_both_wikis_through_expiries(owner, farm):
    wiki, other, _ = farm
    shown = owner.alone('login', '-site:sandbox:de').stdout
    assert 'Logged in on sandbox:de as Bot.' in shown
    with Reaper(wiki, other) as reaper:
        owner.edit(8, 'en', 'de')
    assert reaper.deaths >= 2
    for each in (wiki, other):
        assert editors(each) == ['Bot'] * 8
        assert each.count('/api.php', error=DEAD)
    assert dialogs(wiki) == dialogs(other) == 0
    # It is refreshed where it was authorized.
    assert grants(wiki, 'refresh_token') == reaper.deaths
    assert other.count('/access_token') == 0
    files = [path.name for path in owner.folder.glob('*.oauth2.json')]
    assert files == [owner.token_file().name]


def check_that_nothing_was_sent_to(stranger):
    assert stranger.requests
    for request in stranger.requests:
        assert 'authorization' not in request.headers
        assert request.cookies == {}
        assert request.user is None


def test_the_token_goes_to_no_third_wiki_that_a_script_talks_to(owner, farm):
    wiki, other, stranger = farm
    output = owner.python(TALK, stranger.url, 'en', 'de', 'fr')
    assert output.count('200\n') == 4, output
    check_that_nothing_was_sent_to(stranger)
    for each in (wiki, other):
        assert each.count('/api.php', user='Bot') >= 2


@pytest.mark.parametrize('status', [302, 307])
def test_the_token_does_not_follow_a_redirect(owner, farm, status):
    wiki, _, stranger = farm
    for path in ('/rest.php/v1/page', '/api.php', '/index.php'):
        wiki.fail_next(
            'redirect',
            times=100,
            path=path,
            status=status,
            location=f'{stranger.url}/api.php?action=query&format=json',
        )
    wiki.requests.clear()
    output = owner.python(TALK, wiki.url)
    assert output.count('200\n') == 4, output
    check_that_nothing_was_sent_to(stranger)
    assert [bool(request.bearer) for request in wiki.requests] == [
        False, True, True, True
    ]  # fmt: skip
