"""The example of a web tool, as its visitors and their browsers see it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack

import pytest

from examples import demo_webtool, webtool
from tests.harness import (
    SECONDS,
    TOP,
    at_once,
    edit_file,
    free_port,
    wait_until,
)
from tests.helpers import set_up_pywikibot
from tests.sandbox import Sandbox
from tests.sandbox.browser import Browser


class Tool:
    """The web tool, as a server of its own."""

    def __init__(self, wiki, folder):
        self.wiki = wiki
        self.visits = folder / 'visits'
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self._log = folder / 'log'
        with self._log.open('w') as log:
            self.process = demo_webtool.start(
                wiki, folder, self.port, stdout=log, stderr=log
            )
        self.client = next(reversed(wiki.oauth.clients.values()))

    @property
    def said(self):
        return self._log.read_text()

    def __enter__(self):
        wait_until(lambda: 'Running on ' in self.said or self.process.poll())
        assert self.process.poll() is None, self.said
        return self

    def __exit__(self, *exc_info):
        self.process.terminate()
        self.process.wait(SECONDS)


class Guest:
    """A visitor with an account on the wiki, and a browser."""

    def __init__(self, tool):
        self.tool, self.browser = tool, Browser()
        self.name = f'Guest {len(tool.wiki.accounts.users)}'
        tool.wiki.add_user(self.name)

    def open(self, path, form=None):
        return self.browser.open(self.tool.url + path, form)

    @property
    def cookie(self):
        (cookie,) = self.browser.cookies
        return cookie

    def callback(self):
        """Click Allow; return the address that this leads to."""
        address = self.open('/login').location
        return self.tool.wiki.approve(address, self.name)

    def log_in(self):
        return self.browser.open(self.callback())

    def form(self):
        """Fill in the form that the tool shows."""
        line = {'title': 'Guestbook', 'line': self.name}
        return {**self.open('/').fields, **line}

    def edit(self, **changes):
        return self.open('/edit', {**self.form(), **changes})

    @property
    def is_known(self):
        return f'You are {self.name}' in self.open('/').text

    @property
    def edits(self):
        """The number of edits that the wiki has from the visitor."""
        return sum(edit.user == self.name for edit in self.tool.wiki.edits)

    @property
    def path(self):
        """The file with the data of the visitor."""
        digest = hashlib.sha256(self.cookie.value.encode()).hexdigest()
        return self.tool.visits / f'{digest}.json'


@pytest.fixture(scope='module', params=['1.43', 'master'])
def tool(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('tool')
    with Sandbox(like=request.param) as wiki, Tool(wiki, folder) as tool:
        yield tool
        # Pywikibot 9.0 shows some after "ERROR: ", whoever catches them.
        assert '\nTraceback' not in tool.said


@pytest.fixture
def alice(tool):
    return Guest(tool)


@pytest.fixture
def bob(tool):
    return Guest(tool)


# What it is for


def test_ten_visitors_at_once_edit_in_their_own_names(tool):
    guests = [Guest(tool) for _ in range(10)]

    def visit(index):
        guest = guests[index]
        assert guest.log_in().status == 302
        for _ in range(3):
            page = guest.edit()
            assert page.status == 200, page.text
            assert f'You are {guest.name}' in page.text

    at_once(10, visit)
    assert [guest.edits for guest in guests] == [3] * 10
    for edit in tool.wiki.edits[-30:]:
        assert edit.text.splitlines()[-1] == edit.user
        assert edit.tags == (f'OAuth CID: {tool.client.number}',)


def test_one_refresh_is_enough_for_all_requests_of_a_visitor(tool, alice):
    alice.log_in()
    form = alice.form()
    before = tool.wiki.count('/access_token')
    for number in (1, 8):
        tool.wiki.expire_access_tokens()
        pages = at_once(number, lambda _: alice.open('/edit', form))
        assert [page.status for page in pages] == [200] * number
    assert tool.wiki.count('/access_token') == before + 2
    assert alice.edits == 9


def test_a_visitor_who_cancels_is_told_and_may_try_again(tool, alice):
    address = alice.open('/login').location
    page = alice.browser.open(tool.wiki.deny(address, alice.name))
    assert page.status == 403
    assert 'You were not logged in' in page.text
    assert alice.log_in().status == 302
    assert alice.is_known


def test_a_visitor_who_logs_out_is_forgotten(alice, bob):
    alice.log_in()
    bob.log_in()
    form, path = alice.form(), alice.path
    assert path.exists()
    assert alice.open('/logout', {'csrf': form['csrf']}).status == 302
    assert not path.exists()
    # An old form does nothing any more.
    assert alice.open('/edit', form).status == 403
    assert alice.edits == 0
    assert bob.is_known


def test_a_visitor_logs_in_again_after_the_tool_got_another_client(
    tool, alice
):
    alice.open('/login')
    for is_known in False, True:
        assert alice.is_known == is_known
        edit_file(alice.path, tool.client.id, 'another client')
        answer = alice.edit() if is_known else alice.open('/login')
        assert 'Log in again' in answer.text
        alice.log_in()
    assert alice.is_known


def test_what_the_wiki_refuses_is_shown(tool, alice):
    alice.log_in()
    page = alice.edit(title='<script>alert(1)</script>')
    assert page.status == 502  # MediaWiki has no such titles
    assert 'script' not in page.fields
    tool.wiki.block(alice.name)
    page = alice.edit()
    assert page.status == 502
    assert 'blocked' in page.text
    tool.wiki.block(alice.name, blocked=False)
    tool.wiki.revoke(alice.name, tool.client)
    page = alice.edit()
    assert page.status == 403
    assert 'Log in again.' in page.text
    assert alice.log_in().status == 302
    assert alice.edit().status == 200


def test_an_edit_that_is_not_saved_is_not_said_to_be(tool, alice):
    alice.log_in()
    assert alice.edit().status == 200
    captcha = {'type': 'simple', 'id': '1', 'question': '1 + 1'}
    for reason, words in (
        ({'captcha': captcha}, 'captcha'),
        ({'code': 'x', 'info': 'y'}, 'did not save Guestbook'),
    ):
        answer = {'edit': {'result': 'Failure', **reason}}
        tool.wiki.fail_next('rewrite', path='api.php', change=lambda _: answer)
        page = alice.edit()
        assert page.status == 502
        assert words in page.text


# Who must not get in


def test_nobody_but_the_tool_can_read_what_it_knows(tool, alice):
    alice.log_in()
    assert stat.S_IMODE(alice.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(tool.visits.stat().st_mode) == 0o700
    assert alice.cookie.value not in alice.path.read_text()
    pages = [alice.open('/'), alice.edit(), alice.open('/callback?error=x')]
    assert [page.status for page in pages] == [200, 200, 403]
    token = json.loads(alice.path.read_text())['session']['token']
    shown = tool.said + ''.join(page.text for page in pages)
    assert token['access_token'] not in shown
    assert token['refresh_token'] not in shown


def test_the_cookie_is_bound_to_https_where_it_is_used(
    tool, monkeypatch, tmp_path
):
    set_up_pywikibot(monkeypatch, tmp_path, en=tool.wiki)
    for name, value in {
        'CLIENT_ID': 'a' * 32,
        'CLIENT_SECRET': 'secret',
        'FOLDER': str(tmp_path),
        'REDIRECT_URI': 'https://tool.example/callback',
        'SITE': 'sandbox:en',
    }.items():
        monkeypatch.setenv(f'WEBTOOL_{name}', value)
    page = webtool.create_app().test_client().get('/login')
    assert re.fullmatch(
        r'__Host-visit=[\w-]{43}; Secure; HttpOnly; Path=/; SameSite=Lax',
        page.headers['Set-Cookie'],
    )


def test_each_login_gives_the_visitor_a_new_key(tool, alice, bob):
    location = bob.open('/login').location
    planted = bob.cookie
    # Bob got his cookie into Alice's browser, and she logs in.
    alice.browser.cookies.set_cookie(planted)
    alice.log_in()
    assert alice.cookie.value != planted.value
    assert alice.is_known
    assert 'You are' not in bob.open('/').text
    # A link to the login on another site logs nobody out. A visitor who means
    # to log in again does so under a new key.
    key = alice.cookie.value
    assert alice.open('/login').status == 302
    assert alice.is_known
    assert alice.edit().status == 200
    assert alice.log_in().status == 302
    assert alice.cookie.value != key
    assert alice.is_known
    # A key that the tool did not make is neither used nor locked.
    locks = set(tool.visits.glob('*.lock'))
    made_up = bob.cookie.value = 'a' * 43
    assert bob.open('/login').location != location
    assert bob.cookie.value != made_up
    assert set(tool.visits.glob('*.lock')) == locks


def test_a_form_that_comes_slowly_holds_nobody_up(tool, alice):
    alice.log_in()
    with ExitStack() as stack:
        for cookie in ('', f'Cookie: visit={alice.cookie.value}\r\n'):
            slow = socket.create_connection(('127.0.0.1', tool.port))
            stack.enter_context(slow)
            slow.sendall(
                b'POST /edit HTTP/1.1\r\nHost: tool\r\nContent-Length: 99\r\n'
                b'Content-Type: application/x-www-form-urlencoded\r\n'
                b'%s\r\ncsrf=' % cookie.encode()
            )
        # A browser waits for half a minute.
        for _ in range(3):
            assert alice.edit().status == 200
            assert Guest(tool).open('/login').status == 302


def test_a_form_of_another_site_does_nothing(alice, bob):
    form = {'title': 'A', 'line': 'b', 'csrf': ''}
    for _ in range(2):
        assert alice.open('/edit', form).status == 403
        assert alice.open('/login').status == 302
    alice.log_in()
    bob.log_in()
    for value in ('x' * 43, bob.open('/').fields['csrf'], '', 'ä'):
        assert alice.edit(csrf=value).status == 403
        assert alice.open('/logout', {'csrf': value or 'x'}).status == 403
    assert alice.is_known
    assert alice.edits == 0


def test_a_callback_counts_once_and_only_for_its_own_visitor(tool, alice, bob):
    mine, others = alice.callback(), bob.callback()
    before = tool.wiki.count('/access_token')
    for callback in (others, mine + 'x', mine.partition('&state=')[0]):
        page = alice.browser.open(callback)
        assert page.status == 403
        assert 'You were not logged in' in page.text
    assert tool.wiki.count('/access_token') == before
    assert alice.browser.open(mine).status == 302
    assert alice.browser.open(mine).status == 403
    assert alice.is_known
    assert not bob.is_known


def test_the_demonstration_is_started_with_one_command():
    with subprocess.Popen(
        [sys.executable, '-m', 'examples.demo_webtool'],
        cwd=TOP,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        line = process.stdout.readline()
        address = re.search(r'Open (http://\S+)', line)[1]
        wait_until(lambda: Browser().open(address).status == 200)
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0


def test_the_demonstration_says_why_the_tool_does_not_run(tmp_path):
    (tmp_path / 'flask.py').write_text('1 / 0')
    done = subprocess.run(
        [sys.executable, '-m', 'examples.demo_webtool'],
        cwd=TOP,
        env={**os.environ, 'PYTHONPATH': str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert 'ZeroDivisionError' in done.stderr
