#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests on MediaWiki itself: its sessions, its rights, what is a GET."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import requests


pytest.importorskip('termios')

from tests.journey import Owner, grants
from tests.mediawiki import RealWiki
from tests.mediawiki.farm import configure


DEAD = 'mwoauth-invalid-authorization'

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
if 'edit' in sys.argv[1:]:
    page = pywikibot.Page(site, 'Main Page')
    page.text += 'X'
    page.save('a test', quiet=True)
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


@pytest.fixture
def http():
    with requests.Session() as session:
        yield session


@pytest.fixture
def ask(wiki, http):
    """Return a function that asks api.php under a token."""
    def ask(pair=None, **params):
        headers = {'Authorization': f'Bearer {pair.access_token}'} \
            if pair else {}
        response = http.post(wiki.api_url, {
            'format': 'json', 'formatversion': 2, **params}, headers=headers)
        response.raise_for_status()
        return response.json()
    return ask


def csrf(ask, pair=None):
    answer = ask(pair, action='query', meta='tokens')
    return answer['query']['tokens']['csrftoken']


# What the sandbox and MediaWiki do together


def test_behind_the_sandbox_is_mediawiki(wiki, ask):
    general = ask(action='query', meta='siteinfo')['query']['general']
    assert re.match('MediaWiki 1[.][0-9]+[.]', general['generator'])
    assert general['server'] == wiki.server
    assert general['phpsapi'] == 'cli-server'


def test_a_token_of_a_session_is_refused_in_the_next_one(wiki, ask):
    client = wiki.register()
    pair = wiki.issue(client)
    token = csrf(ask, pair)
    assert csrf(ask, pair) == token
    edit = {'action': 'edit', 'title': 'Session', 'text': 'a',
            'assertuser': 'Bot', 'token': token}
    assert ask(pair, **edit)['edit']['result'] == 'Success'
    next_pair = wiki.issue(client)
    assert ask(next_pair, **edit)['error']['code'] == 'badtoken'
    assert csrf(ask, next_pair) not in (token, csrf(ask), '+\\')


def test_an_edit_bears_the_tag_of_the_client(wiki, ask):
    client = wiki.register()
    pair = wiki.issue(client)
    ask(pair, action='edit', title='Tag', text='a', token=csrf(ask, pair))
    revision, = wiki.mediawiki.page('Tag')['revisions']
    assert revision['user'] == 'Bot'
    assert revision['tags'] == [f'OAuth CID: {client.number}']


def test_rights_end_where_the_grants_end(wiki, ask):
    pair = wiki.issue(wiki.register(owner='Admin', grants=['basic']),
                      'Admin')
    assert ask(pair, action='edit', title='Right', text='a',
               token=csrf(ask, pair))['error']['code'] == 'permissiondenied'
    pair = wiki.issue(wiki.register(grants=['basic', 'createeditmovepage']))
    answer = ask(pair, action='edit', title='Right', text='a',
                 token=csrf(ask, pair))
    assert answer['edit']['result'] == 'Success'
    assert ask(pair, action='delete', title='Right', token=csrf(ask, pair))[
        'error']['code'] == 'permissiondenied'


def test_a_dead_token_does_not_reach_mediawiki(wiki, ask):
    pair = wiki.issue(wiki.register())
    wiki.expire_access_tokens()
    assert ask(pair, action='query', meta='tokens')['error']['code'] == DEAD
    assert wiki.requests[-1].error == DEAD
    wiki.gateway = True
    with pytest.raises(requests.HTTPError, match='401'):
        ask(pair, action='query', meta='tokens')
    wiki.gateway = False


def test_nobody_gets_a_session_by_the_headers_of_the_sandbox(wiki, http):
    answer = http.get(wiki.api_url, params={
        'action': 'query', 'meta': 'userinfo', 'format': 'json'}, headers={
            'X-Sandbox-User': 'Admin', 'X-Sandbox-Token': 'x',
            'X-Sandbox-Grants': 'basic', 'X-Sandbox-Tags': 'x'}).json()
    assert 'anon' in answer['query']['userinfo']


def test_a_password_gets_a_session_by_cookie(wiki, ask):
    token = ask(action='query', meta='tokens', type='login')['query'][
        'tokens']['logintoken']
    answer = ask(action='login', lgname='Bot', lgtoken=token,
                 lgpassword=wiki.password('Bot'))
    assert answer['login']['result'] == 'Success'
    user = ask(action='query', meta='userinfo')['query']['userinfo']
    assert user['name'] == 'Bot'


def test_files_and_answers_come_through_unchanged(wiki, http):
    pair = wiki.issue(wiki.register(grants=['basic', 'createeditmovepage',
                                            'uploadfile']))
    http.headers['Authorization'] = f'Bearer {pair.access_token}'
    params = {'format': 'json', 'formatversion': 2}
    token = http.get(wiki.api_url, params={
        **params, 'action': 'query', 'meta': 'tokens'}).json()[
        'query']['tokens']['csrftoken']
    content = b''.join(b'%d\n' % number for number in range(10000))
    answer = http.post(wiki.api_url, {
        **params, 'action': 'upload', 'filename': 'A.png', 'stash': '1',
        'token': token}, files={'file': ('A.png', content)}).json()
    # MediaWiki has looked into the file, and it is no picture.
    assert answer['error']['code'] == 'verification-error'
    text = 'Grün ' + 'ü' * 100000
    http.post(wiki.api_url, {
        **params, 'action': 'edit', 'title': 'Grün', 'text': text,
        'token': token}).raise_for_status()
    assert wiki.mediawiki.text('Grün') == text
    page = http.get(f'{wiki.url}/rest.php/v1/page/{quote("Grün")}').json()
    assert page['source'] == text


@pytest.mark.parametrize(('file', 'packages'), [
    ('test_mediawiki.py', 'mediawiki php-cli php-sqlite3'),
    ('test_browser.py', 'chromium chromium-driver'),
])
def test_what_is_not_installed_is_named_and_in_ci_a_failure(
        tmp_path, file, packages):
    # Without a PATH there is neither php nor chromium, nor apt-get.
    environ = {name: value for name, value in os.environ.items()
               if name != 'CI'}
    command = [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider',
               '-k', 'behind or cancel', str(Path(__file__).with_name(file))]
    for ci, outcome, status in (({}, '1 skipped', 0),
                                ({'CI': '1'}, '1 error', 1)):
        done = subprocess.run(command, cwd=Path(__file__).parents[1],
                              env={**environ, **ci, 'PATH': str(tmp_path)},
                              capture_output=True, text=True)
        assert done.returncode == status
        assert outcome in done.stdout
        lines = [line for line in done.stdout.splitlines()
                 if f'run "apt-get install {packages}' in line]
        assert lines, done.stdout
        if not ci:
            assert len(lines) == 1


# A bot on it


def test_a_bot_edits_on_while_its_session_changes(wiki, tmp_path):
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    start = wiki.clock()
    clock, wiki.clock = wiki.clock, lambda: start + len(wiki.requests)
    wiki.token_life = 9
    wiki.expire_access_tokens()
    try:
        done = owner.alone(owner.script(edits=12))
    finally:
        wiki.clock = clock
    assert done.returncode == 0, done.stdout
    text = wiki.mediawiki.text('Sandbox').splitlines()
    assert text[-12:] == [f'* edit {number}' for number in range(12)]
    assert grants(wiki, 'refresh_token') >= 3
    # Each change of the access token takes a new CSRF token.
    assert 2 <= wiki.count(error='badtoken') <= grants(wiki, 'refresh_token')
    assert done.stdout.count('badtoken') == wiki.count(error='badtoken')


@pytest.mark.parametrize('way', ['OAuth 2.0', 'OAuth 1', 'password'])
def test_reads_are_get_as_with_a_password_not_post_as_under_oauth_1(
        way, wiki, tmp_path):
    password = wiki.password('Bot') if way == 'password' else None
    owner = Owner(tmp_path, wiki, password=password)
    if way != 'OAuth 2.0':
        config = tmp_path / 'user-config.py'
        config.write_text(config.read_text().partition(
            'import pywikibot_oauth2')[0])
    if way == 'OAuth 1':
        configure(owner, f'authenticate[{wiki.netloc!r}] ='
                         f' {wiki.oauth1.register()!r}\n')
    # By default a request is a POST if it is longer than 255 characters.
    configure(owner, 'enable_GET_without_SSL = True\n'
                     'maximum_GET_length = 8000\n')
    script = tmp_path / 'reader.py'
    script.write_text(READER)
    if way == 'OAuth 2.0':
        owner.log_in()
    else:
        assert 'as Bot' in owner.alone('login').stdout
    wiki.requests.clear()

    done = owner.alone(str(script))
    assert done.returncode == 0, done.stdout
    assert re.search('^Main Page [0-9]+ MediaWiki 1', done.stdout,
                     re.MULTILINE), done.stdout
    method = 'POST' if way == 'OAuth 1' else 'GET'
    assert methods_of(wiki) == [method] * len(methods_of(wiki))
    assert len(methods_of(wiki)) >= 6
    assert {request.user for request in wiki.requests} <= {'Bot', None}

    wiki.requests.clear()
    done = owner.alone(str(script), 'edit')
    assert done.returncode == 0, done.stdout
    assert methods_of(wiki, 'edit') == ['POST']
    if way != 'OAuth 1':
        assert methods_of(wiki).count('POST') == 1
    assert wiki.mediawiki.page('Main Page')['revisions'][0]['user'] == 'Bot'


def methods_of(wiki, action=None):
    """Return the methods of the requests to api.php, in order."""
    return [request.method for request in wiki.requests
            if request.path == '/api.php'
            and action in (None, request.form.get('action'))]
