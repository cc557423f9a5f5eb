#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the login in a real browser, Chromium."""
from __future__ import annotations

import struct
import threading
from urllib.parse import urlsplit

import pytest


pytest.importorskip('termios')

from tests.journey import SECONDS, Owner, dialogs, grants
from tests.mediawiki.chromium import PHONE, Chromium


LOGGED_IN = 'Logged in on sandbox:en as Bot.'
AUTHORIZED = 'Bot is authorized on sandbox:en with the grants'


@pytest.fixture
def chromium():
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


def open_dialog(chromium, wiki, address):
    """Open the address that the terminal shows, and log in on the wiki."""
    chromium.open(address)
    chromium.type('wpName', 'Bot')
    chromium.type('wpPassword', wiki.password('Bot'))
    chromium.click('wploginattempt')
    chromium.expect('an application would like to do things on your behalf')


def check_page(chromium, owner, path):
    """Check that a page is good to read on a phone, and plain.

    :param path: where to leave a picture of it
    """
    sizes = chromium.run("""
        const root = document.documentElement;
        const sizes = [...document.querySelectorAll('main *')].map(
            element => parseFloat(getComputedStyle(element).fontSize));
        return {width: innerWidth, needed: root.scrollWidth,
                height: innerHeight, length: root.scrollHeight,
                smallest: Math.min(...sizes), title: document.title,
                heading: document.querySelector('h1').innerText,
                language: root.lang};""")
    assert sizes['width'] == PHONE['width']
    assert sizes['needed'] <= sizes['width']  # no scrolling sidewards
    assert sizes['length'] <= sizes['height']  # nor downwards
    assert sizes['smallest'] >= 16
    assert sizes['title'] in sizes['heading']
    assert sizes['language'] == 'en'
    hosts = {urlsplit(url).netloc for url in chromium.requests()}
    assert hosts == {owner.wiki.netloc,
                     urlsplit(owner.client.redirect_uri).netloc}
    # Browsers ask for an icon, by themselves, and that is all.
    assert [line for line in chromium.complaints()
            if '/favicon.ico' not in line
            and owner.wiki.netloc not in line
            and 'the server responded with a status of 400' not in line] == []
    chromium.screenshot(path)
    width, height = struct.unpack('>II', path.read_bytes()[16:24])
    assert (width, height) == (PHONE['width'] * PHONE['pixelRatio'],
                               PHONE['height'] * PHONE['pixelRatio'])


def test_allow_ends_on_a_page_that_says_so(chromium, owner, wiki, tmp_path):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        chromium.click('accept')
        text = chromium.expect('You can close this page.')
        shown = terminal.wait()
    assert text.startswith('✓ Authorized\n')
    assert AUTHORIZED in text
    assert LOGGED_IN in shown
    check_page(chromium, owner, tmp_path / 'success.png')
    assert owner.token_file().exists()


def test_cancel_ends_on_a_page_that_says_why(chromium, owner, wiki,
                                             tmp_path):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        chromium.click('cancel')
        text = chromium.expect('Run "pwb login" again.')
        shown = terminal.wait()
    assert text.startswith('✕ Not authorized\n')
    assert 'User has rejected the request from client application.' in text
    assert 'The wiki did not authorize the client' in shown
    check_page(chromium, owner, tmp_path / 'failure.png')
    assert not owner.token_file().exists()


def test_a_closed_tab_leaves_the_login_waiting(chromium, owner, wiki):
    with owner.terminal('login') as terminal:
        address = terminal.address
        first = chromium.new_tab()
        open_dialog(chromium, wiki, address)
        chromium.close_tab()
        assert terminal.process.poll() is None
        chromium.look_at(first)
        chromium.open(address)
        chromium.click('accept')
        chromium.expect(AUTHORIZED)
        assert LOGGED_IN in terminal.wait()
    assert dialogs(wiki) == 2
    assert grants(wiki, 'authorization_code') == 1


def test_a_closed_tab_and_nothing_else_ends_with_a_message(chromium, wiki,
                                                           tmp_path):
    owner = Owner(tmp_path, wiki, options=', login_timeout=3')
    with owner.terminal('login') as terminal:
        chromium.new_tab()
        open_dialog(chromium, wiki, terminal.address)
        chromium.close_tab()
        shown = terminal.wait()
    assert 'Nobody answered within 3' in shown
    assert not owner.token_file().exists()


def test_going_back_and_allowing_again_while_the_first_is_under_way(
        chromium, owner, wiki):
    handle = wiki._handle
    is_second_here = threading.Event()

    def wait_for_the_second(request):
        if request.path.endswith('/access_token'):
            assert is_second_here.wait(SECONDS)
        return handle(request)

    wiki._handle = wait_for_the_second
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        chromium.click('accept')
        wait_for(lambda: allowed(wiki) == 1)
        # The browser waits for the answer of the listener: not any more.
        chromium.open(terminal.address)
        chromium.expect('an application would like to do things')
        chromium.click('accept')
        wait_for(lambda: allowed(wiki) == 2)
        is_second_here.set()
        # The second may be on its way when the listener ends.
        chromium.expect('This login is already done', 'ERR_CONNECTION')
        assert LOGGED_IN in terminal.wait()
    assert grants(wiki, 'authorization_code') == 1
    assert owner.alone(owner.script()).returncode == 0
    assert [edit.user for edit in wiki.edits] == ['Bot']


def test_going_back_and_allowing_again_afterwards_does_no_harm(
        chromium, owner, wiki):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        chromium.click('accept')
        chromium.expect(AUTHORIZED)
        assert LOGGED_IN in terminal.wait()
    stored = owner.token_file().read_bytes()
    chromium.back()
    chromium.expect('an application would like to do things')
    chromium.click('accept')
    chromium.expect('ERR_CONNECTION_REFUSED')
    assert owner.token_file().read_bytes() == stored
    assert owner.alone(owner.script()).returncode == 0
    assert [edit.user for edit in wiki.edits] == ['Bot']


def test_an_old_tab_is_no_answer_to_a_new_login(chromium, owner, wiki,
                                                tmp_path):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        terminal.type('\x03')
        terminal.wait()
    with owner.terminal('login') as terminal:
        address = terminal.address
        chromium.click('accept')
        text = chromium.expect('Not the login that waits')
        assert 'Open the address that the terminal shows' in text
        check_page(chromium, owner, tmp_path / 'old-tab.png')
        assert terminal.process.poll() is None
        assert grants(wiki, 'authorization_code') == 0
        chromium.new_tab()
        chromium.open(address)
        chromium.click('accept')
        chromium.expect(AUTHORIZED)
        assert LOGGED_IN in terminal.wait()
    assert grants(wiki, 'authorization_code') == 1


def allowed(wiki):
    """Count how often Allow was clicked."""
    return sum(1 for request in list(wiki.requests)
               if 'accept' in request.form)


def wait_for(condition):
    """Wait until something has happened on the wiki."""
    is_it_so = threading.Event()
    for _ in range(SECONDS * 50):
        if condition():
            return
        is_it_so.wait(0.02)
    raise TimeoutError
