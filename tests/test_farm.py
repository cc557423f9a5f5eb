#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of a farm: wikis that share one authorization server."""
from __future__ import annotations

from contextlib import ExitStack

import pytest


pytest.importorskip('termios')

from tests.journey import Owner, grants
from tests.mediawiki.farm import Reaper, join, share
from tests.sandbox import Sandbox


# Edits two wikis in turn.
EDIT = """
import pywikibot
pywikibot.handle_args()
for number in range(8):
    for code in ('en', 'de'):
        page = pywikibot.Page(pywikibot.Site(code), 'Sandbox')
        page.text += f'\\n* {number}'
        page.save('on two wikis', quiet=True)
"""

# Talks to a wiki that is none of the farm.
TALK = """
import sys
import pywikibot
from pywikibot.comms import http
other, = pywikibot.handle_args()
for code in ('en', 'de', 'fr'):
    site = pywikibot.Site(code)
    print(code, len(pywikibot.Page(site, 'Main Page').text))
for path in ('/index.php?title=Main_Page', '/rest.php/v1/page/Main_Page',
             '/api.php?action=query&meta=userinfo&format=json'):
    print(path, http.fetch(other + path).status_code)
"""

# Is sent from one of the farm to another host.
REDIRECTED = """
import pywikibot
from pywikibot.comms import http
wiki, other = pywikibot.handle_args()
for path, options in (
        ('/rest.php/v1/page/Main_Page', {}),
        ('/api.php?action=query&meta=userinfo&format=json', {}),
        ('/api.php', {'method': 'POST', 'data': {
            'action': 'query', 'meta': 'userinfo', 'format': 'json'}})):
    answer = http.fetch(wiki + path, **options)
    print(answer.status_code, answer.url.startswith(other))
"""


@pytest.fixture
def farm(wiki):
    """Run two more wikis, of which the last one is not of the farm."""
    with ExitStack() as stack:
        # *.0.1:port stands for the first two, as *.wikipedia.org would.
        other = stack.enter_context(Sandbox(
            host='127.1.0.1', port=int(wiki.netloc.partition(':')[2])))
        join(wiki, other)
        stranger = stack.enter_context(Sandbox())
        yield wiki, other, stranger


@pytest.fixture(params=['a wildcard', 'two entries'])
def owner(request, tmp_path, farm):
    wiki, other, stranger = farm
    owner = Owner(tmp_path, wiki, others={'de': other, 'fr': stranger})
    if request.param == 'two entries':
        share(owner, other)
    else:
        config = tmp_path / 'user-config.py'
        port = wiki.netloc.partition(':')[2]
        text = config.read_text()
        config.write_text(text.replace(f'authenticate[{wiki.netloc!r}]',
                                       f"authenticate['*.0.1:{port}']"))
        assert text != config.read_text()
    return owner


def run(owner, script, *arguments):
    """Run a script that is given as text; return what it printed."""
    path = owner.folder / 'script.py'
    path.write_text(script)
    done = owner.alone(str(path), *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_one_authorization_serves_two_wikis_through_expiries(owner, farm):
    wiki, other, _ = farm
    owner.log_in()
    with Reaper([wiki, other], lambda request: False) as reaper:
        run(owner, EDIT)
    assert reaper.deaths >= 4
    for each in (wiki, other):
        assert [(edit.user, edit.tags) for edit in each.edits] \
            == [('Bot', ('OAuth CID: 1',))] * 8
        assert each.edits[-1].text.endswith('* 7')
        assert each.count('/api.php', error='mwoauth-invalid-authorization')
    assert grants(wiki, 'authorization_code') == 1
    # Where it was authorized, it is refreshed.
    assert grants(wiki, 'refresh_token') == reaper.deaths
    assert other.count('/access_token') == 0
    assert wiki.count('/access_token', error=None) \
        == wiki.count('/access_token')
    assert [path.name for path in owner.folder.glob('*.oauth2.json')] \
        == ['pywikibot-Bot.oauth2.json']


def test_a_login_on_the_second_wiki_finds_the_token_of_the_first(owner,
                                                                 farm):
    wiki, other, _ = farm
    owner.log_in()
    shown = owner.alone('login', '-site:sandbox:de').stdout
    assert 'Logged in on sandbox:de as Bot.' in shown
    assert grants(wiki, 'authorization_code') == 1
    assert other.count('/access_token') == 0


def check_nothing_was_sent_to(stranger):
    """Check that requests came, none of them with anything of the farm."""
    assert stranger.requests
    for request in stranger.requests:
        assert 'authorization' not in request.headers
        assert request.cookies == {}
        assert request.user is None


@pytest.fixture
def cookies(owner, farm):
    """Let the wikis of the farm send a cookie along with each answer."""
    owner.log_in()
    for wiki in farm[:2]:
        wiki.version = '1.47'
    farm[0].oauth.clients[owner.client.id].owner_only = True


@pytest.mark.usefixtures('cookies')
def test_the_token_goes_to_no_third_host_that_a_script_talks_to(owner, farm):
    output = run(owner, TALK, farm[2].url)
    assert output.count(' 200') == 3, output
    check_nothing_was_sent_to(farm[2])
    for wiki in farm[:2]:
        assert wiki.count('/api.php', user='Bot') >= 2


@pytest.mark.usefixtures('cookies')
@pytest.mark.parametrize('status', [302, 307])
def test_the_token_does_not_go_along_a_redirect(owner, farm, status):
    wiki, _, stranger = farm
    for path, target in (
            ('/rest.php/v1', '/rest.php/v1/page/Main_Page'),
            ('/api.php', '/api.php?action=query&meta=userinfo&format=json')):
        wiki.fail_next('redirect', times=100, path=path, status=status,
                       location=stranger.url + target)
    wiki.requests.clear()
    output = run(owner, REDIRECTED, wiki.url, stranger.url)
    assert output.count('200 True\n') == 3, output
    check_nothing_was_sent_to(stranger)
    assert len(wiki.requests) >= 3
    assert all(request.bearer and request.fault for request in wiki.requests)
