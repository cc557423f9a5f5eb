#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the examples: the web tool in Chromium, asynchronous edits."""
from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pywikibot

from pywikibot_oauth2 import OAuth2Client, OAuth2Session
from tests.bots import at_once, wait_until
from tests.mediawiki.chromium import Chromium
from tests.sandbox.browser import Browser
from tests.sandbox.config import make_config


TOP = Path(__file__).parent.parent
TOKEN_LIFE = 2  # seconds
VISITORS = ('Alice', 'Bob')
STARTED = re.compile(r'Running on (http://\S+)')


@pytest.fixture
def wiki(wiki):
    wiki.token_life = TOKEN_LIFE
    for name in VISITORS:
        wiki.add_user(name)
    return wiki


class Tool:
    """The web tool, as a server of its own."""

    def __init__(self, wiki, folder):
        from examples import demo_webtool

        self.wiki = wiki
        self.visits = folder / 'visits'
        self.url = f'http://127.0.0.1:{demo_webtool.free_port()}'
        self.process = demo_webtool.start(
            wiki, folder, urlsplit(self.url).port, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.client = next(reversed(wiki.oauth.clients.values()))
        self.said = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line)

    def __enter__(self):
        wait_until(lambda: any(map(STARTED.search, self.said))
                   or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        return self

    def __exit__(self, *exc_info):
        self.process.terminate()
        self.process.wait(20)
        self._reader.join()
        self.process.stdout.close()

    @property
    def editors(self):
        """Who has edited, in order."""
        return [edit.user for edit in self.wiki.edits]

    def stored(self):
        """Return what is known of the visitors."""
        return [json.loads(path.read_text())
                for path in self.visits.glob('*.json')]


@pytest.fixture
def tool(wiki, tmp_path):
    if not os.environ.get('CI') and not importlib.util.find_spec('flask'):
        pytest.skip('Flask is missing')
    with Tool(wiki, tmp_path) as tool:
        yield tool
        if not pywikibot.__version__.startswith('9.'):
            # Pywikibot 9.0 shows where any error of a server comes from.
            assert 'Traceback' not in ''.join(tool.said)


# Two people, each with a browser

class Visitor(Chromium):
    """A person with a browser of their own."""

    def __init__(self, tool, name):
        super().__init__()
        self.tool = tool
        self.name = name

    def log_in(self, answer='accept'):
        """Log in to the tool, and for it to the wiki."""
        self.open(f'{self.tool.url}/login')
        self.type('wpName', self.name)
        self.type('wpPassword', self.tool.wiki.password(self.name))
        self.click('wploginattempt')
        self.expect('an application would like to do things on your behalf')
        self.click(answer)

    def write(self, title, line):
        """Add a line to a page."""
        self.type('title', title)
        self.type('line', line)
        self.click('save')
        # The line is on the wiki before the page says so.
        self.expect(f'Saved on {title}: {line}')


@pytest.fixture
def visitors(tool):
    with ExitStack() as stack:
        yield [stack.enter_context(Visitor(tool, name)) for name in VISITORS]


def test_two_visitors_at_once_each_edit_in_their_own_name(
        tool, wiki, visitors):
    def visit(index):
        visitor = visitors[index]
        visitor.log_in()
        visitor.expect(f'You are {visitor.name}, in the groups ')
        for number in range(3):
            visitor.write(f'Page {number}', f'{visitor.name} {number}')
            visitor.expect(f'You are {visitor.name}')

    at_once(2, visit)
    assert Counter(tool.editors) == {'Alice': 3, 'Bob': 3}
    for number in range(3):
        assert sorted(wiki.pages[f'Page {number}'].split('\n')[-2:]) == [
            f'Alice {number}', f'Bob {number}']
    for edit in wiki.edits:
        assert edit.text.splitlines()[-1].startswith(edit.user)
        assert edit.tags == (f'OAuth CID: {tool.client.number}',)


def test_a_visitor_stays_logged_in_when_the_token_expires(
        tool, wiki, visitors):
    visitor = visitors[0]
    visitor.log_in()
    visitor.expect('You are Alice')
    for number in range(3):
        wiki.expire_access_tokens()
        visitor.write('Guestbook', f'Line {number}')
    assert tool.editors == ['Alice'] * 3
    assert wiki.count('/access_token', status=200) >= 1 + 3


def test_a_visitor_who_cancels_is_not_logged_in(tool, visitors):
    visitor = visitors[0]
    visitor.log_in('cancel')
    assert 'Log in' in visitor.expect('You were not logged in')
    visitor.open(f'{tool.url}/login')
    visitor.click('accept')
    visitor.expect('You are Alice')


def test_a_visitor_who_logs_out_is_gone(tool, wiki, visitors):
    alice, bob = visitors
    for visitor in visitors:
        visitor.log_in()
        visitor.expect(f'You are {visitor.name}')
    alice.click('logout')
    alice.expect('Log in')
    alice.open(tool.url)
    assert 'You are' not in alice.expect('Log in')
    assert [visit['profile']['username'] for visit in tool.stored()] == [
        'Bob']
    bob.write('Guestbook', 'I am still here')
    assert tool.editors == ['Bob']


def test_the_callback_of_another_visitor_is_refused(tool, wiki, visitors):
    alice, bob = visitors
    # Bob is tricked into opening the answer to Alice's login.
    page = Browser().open(f'{tool.url}/login')
    callback = wiki.approve(page.location, 'Alice')
    bob.log_in()
    bob.expect('You are Bob')
    bob.open(callback)
    bob.expect('You were not logged in')
    alice.open(callback)
    alice.expect('You were not logged in')
    bob.open(tool.url)
    bob.expect('You are Bob')


# What browsers do not show

class Guest:
    """A visitor without a screen, who sees the cookies."""

    def __init__(self, tool, name):
        self.tool = tool
        self.name = name
        self.browser = Browser()

    def open(self, path, form=None):
        return self.browser.open(self.tool.url + path, form)

    @property
    def cookies(self):
        return [cookie for handler in self.browser._opener.handlers
                for cookie in getattr(handler, 'cookiejar', ())]

    def log_in(self):
        page = self.open('/login')
        callback = self.tool.wiki.approve(page.location, self.name)
        return self.browser.open(callback)

    def edit(self, **changes):
        form = {**self.open('/').fields, 'title': 'Guestbook',
                'line': self.name, **changes}
        return self.open('/edit', form)


@pytest.fixture
def alice(tool):
    return Guest(tool, 'Alice')


@pytest.fixture
def bob(tool):
    return Guest(tool, 'Bob')


def test_the_cookie_is_for_the_tool_alone(alice):
    alice.log_in()
    cookie, = alice.cookies
    assert cookie.has_nonstandard_attr('HttpOnly')
    assert cookie.get_nonstandard_attr('SameSite') == 'Lax'
    assert len(cookie.value) == 43
    assert not cookie.secure  # as this tool is on this machine


def test_where_there_is_https_the_cookie_goes_nowhere_else(tool, wiki,
                                                           tmp_path):
    environment = {
        **make_config(tmp_path / 'other', wiki),
        'WEBTOOL_SITE': 'sandbox:en', 'WEBTOOL_CLIENT_ID': 'a' * 32,
        'WEBTOOL_CLIENT_SECRET': 'secret', 'WEBTOOL_FOLDER': str(tmp_path),
        'WEBTOOL_REDIRECT_URI': 'https://tool.example/callback'}
    shown = subprocess.run(
        [sys.executable, '-c',
         'from examples.webtool import create_app\n'
         'answer = create_app().test_client().get("/login")\n'
         'print(answer.headers["Set-Cookie"])'],
        cwd=TOP, env=environment, capture_output=True, text=True,
        timeout=60).stdout
    assert re.fullmatch(
        r'__Host-visit=[\w-]{43}; Secure; HttpOnly; Path=/; SameSite=Lax\n',
        shown)


def test_nobody_but_the_tool_can_read_what_it_knows(tool, alice):
    alice.log_in()
    key = alice.cookies[0].value
    path, = tool.visits.glob('*.json')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tool.visits.stat().st_mode) == 0o700
    assert path.stem == hashlib.sha256(key.encode()).hexdigest()
    assert key not in path.read_text()


def test_the_browser_is_shown_no_token(tool, wiki, alice):
    alice.log_in()
    pages = [alice.open('/'), alice.edit(), alice.open('/callback?error=x')]
    assert [page.status for page in pages] == [200, 200, 403]
    for page in pages:
        for secret in wiki.secrets:
            assert secret not in page.text
    said = ''.join(tool.said)
    for secret in wiki.secrets:
        if len(secret) < 380:  # it is no code, which is in the address
            assert secret not in said


def test_a_login_gives_the_visitor_a_new_key(tool, wiki, alice, bob):
    address = bob.open('/login').location
    planted, = bob.cookies
    # Bob got his cookie into Alice's browser, and she logs in.
    for handler in alice.browser._opener.handlers:
        if hasattr(handler, 'cookiejar'):
            handler.cookiejar.set_cookie(planted)
    assert alice.open('/login').location == address
    assert alice.browser.open(wiki.approve(address, 'Alice')).status == 302
    cookie, = alice.cookies
    assert cookie.value != planted.value
    assert 'You are Alice' in alice.open('/').text
    assert 'You are' not in bob.open('/').text


def test_a_key_that_the_tool_did_not_make_is_not_taken(alice):
    page = alice.open('/login')
    cookie, = alice.cookies
    cookie.value = 'a' * 43
    assert alice.open('/login').location != page.location
    cookie, = alice.cookies
    assert cookie.value != 'a' * 43


@pytest.mark.parametrize('change', ['altered', 'left out', "Bob's", 'ä'])
def test_a_form_of_another_site_does_nothing(tool, alice, bob, change):
    alice.log_in()
    bob.log_in()
    csrf = {'altered': 'x' * 43, "Bob's": bob.open('/').fields['csrf'],
            'ä': 'ä', 'left out': ''}[change]
    assert alice.edit(csrf=csrf).status == 403
    assert alice.open('/logout', {'csrf': csrf or 'x'}).status == 403
    assert 'You are Alice' in alice.open('/').text
    assert tool.editors == []


def test_a_form_without_a_login_does_nothing(tool, alice):
    assert alice.open('/edit', {'title': 'A', 'line': 'b', 'csrf': ''}
                      ).status == 403
    assert alice.open('/login').status == 302
    assert alice.open('/edit', {'title': 'A', 'line': 'b', 'csrf': ''}
                      ).status == 403
    assert tool.editors == []


def test_an_old_form_does_nothing_after_the_logout(tool, alice):
    alice.log_in()
    form = {**alice.open('/').fields, 'title': 'A', 'line': 'b'}
    key = alice.cookies[0].value
    assert alice.open('/logout', {'csrf': form['csrf']}).status == 302
    assert alice.cookies[0].value == key
    assert alice.open('/edit', form).status == 403
    assert tool.editors == []
    assert tool.stored() == []


def test_a_wrong_state_is_refused_and_the_login_goes_on(
        tool, wiki, alice, bob):
    callbacks = [wiki.approve(guest.open('/login').location, guest.name)
                 for guest in (alice, bob)]
    for callback in (callbacks[1], callbacks[0] + 'x',
                     callbacks[0].partition('&state=')[0]):
        page = alice.browser.open(callback)
        assert page.status == 403
        assert 'You were not logged in' in page.text
    assert wiki.count('/access_token') == 0
    assert alice.browser.open(callbacks[0]).status == 302
    assert 'You are Alice' in alice.open('/').text


def test_a_callback_counts_once(tool, wiki, alice):
    callback = wiki.approve(alice.open('/login').location, 'Alice')
    assert alice.browser.open(callback).status == 302
    assert alice.browser.open(callback).status == 403
    assert 'You are Alice' in alice.open('/').text


def test_what_a_visitor_writes_is_text(tool, wiki, alice):
    alice.log_in()
    page = alice.edit(title='<script>alert(1)</script>')
    assert page.status == 502  # as MediaWiki has no such titles
    assert 'script' not in page.fields


def test_who_revoked_the_tool_is_told_to_log_in_again(tool, wiki, alice):
    alice.log_in()
    assert alice.edit().status == 200
    wiki.revoke('Alice', tool.client)
    page = alice.edit()
    assert page.status == 403
    assert 'Log in again.' in page.text
    assert tool.stored() == []
    alice.log_in()
    assert alice.edit().status == 200
    assert tool.editors == ['Alice'] * 2


def test_the_wikis_reason_is_shown(tool, wiki, alice):
    alice.log_in()
    wiki.block('Alice')
    page = alice.edit()
    assert page.status == 502
    assert 'blocked' in page.text


def test_requests_of_one_visitor_do_not_refresh_one_token_twice(
        tool, wiki, alice):
    alice.log_in()
    form = {**alice.open('/').fields, 'title': 'Guestbook', 'line': 'Hello'}
    wiki.expire_access_tokens()
    wiki.token_life = 3600
    pages = at_once(10, lambda index: alice.open('/edit', {
        **form, 'line': f'Line {index}'}))
    assert [page.status for page in pages] == [200] * 10
    assert tool.editors == ['Alice'] * 10
    assert wiki.count('/access_token') == 2


def test_ten_visitors_at_once_edit_in_their_own_names(tool, wiki):
    names = [f'Guest {number}' for number in range(10)]
    for name in names:
        wiki.add_user(name)

    def visit(index):
        guest = Guest(tool, names[index])
        guest.log_in()
        for _ in range(3):
            page = guest.edit()
            assert page.status == 200, page.text
            assert f'You are {guest.name}' in page.text

    at_once(10, visit)
    assert Counter(tool.editors) == Counter(names * 3)
    for edit in wiki.edits:
        assert edit.text.splitlines()[-1] == edit.user


# Started by one command

def test_the_demonstration_is_started_by_one_command(wiki, tmp_path):
    if not os.environ.get('CI') and not importlib.util.find_spec('flask'):
        pytest.skip('Flask is missing')
    with subprocess.Popen(
            [sys.executable, '-m', 'examples.demo_webtool'], cwd=TOP,
            stdout=subprocess.PIPE, text=True) as process:
        address = re.search(r'Open (http://127\.0\.0\.1:(\d+)/)',
                            process.stdout.readline())

        def is_open():
            with socket.socket() as client:
                return not client.connect_ex(('127.0.0.1', int(address[2])))

        wait_until(is_open)
        page = Browser().open(address[1])
        assert page.status == 200
        process.send_signal(2)
        process.stdout.read()
    assert process.returncode == 0


# Asynchronous code

def test_asynchronous_edits_are_each_users_own(wiki, tmp_path):
    registered = wiki.register()
    client = OAuth2Client(registered.id, registered.secret,
                          redirect_uri=registered.redirect_uri)
    names = [f'Editor {number}' for number in range(20)]
    files = []
    for name in names:
        wiki.add_user(name)
        session = OAuth2Session(client, wiki.api_url, user=name)
        session.complete(wiki.approve(session.authorization_url(), name))
        files.append(tmp_path / f'{name}.json')
        files[-1].write_text(json.dumps(session.serialize()))
    wiki.expire_access_tokens()
    done = subprocess.run(
        [sys.executable, '-m', 'examples.async_edits', 'sandbox:en',
         'Guestbook', 'I was here', *map(str, files)], cwd=TOP,
        env={**make_config(tmp_path, wiki), 'CLIENT_ID': registered.id,
             'CLIENT_SECRET': registered.secret}, timeout=60,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f'{name} has edited Guestbook.' for name in names)
    assert Counter(edit.user for edit in wiki.edits) == Counter(names)
    assert wiki.pages['Guestbook'].count('I was here') == 20
    # The refreshed tokens were stored.
    for path in files:
        stored = OAuth2Session.deserialize(json.loads(path.read_text()),
                                           client)
        access = wiki.oauth.access_tokens[stored.token.access_token]
        assert access.session.user.name == path.stem
        assert not access.revoked
