"""The dialog, the callback page and the web tool in a real browser."""

from __future__ import annotations

import re
import struct
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.harness import (
    LOGGED_IN,
    Owner,
    at_once,
    dialogs,
    editors,
    free_port,
    grants,
    wait_until,
)
from tests.journeys.test_webtool import Tool
from tests.mediawiki.chromium import PHONE, Chromium


pytestmark = pytest.mark.browser

RETURN = 'Return to the terminal'


@pytest.fixture
def chromium():
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


def log_in(chromium, wiki, user):
    chromium.type('wpName', user)
    chromium.type('wpPassword', wiki.password(user))
    chromium.click('wploginattempt')


def open_dialog(chromium, wiki, address, user='Bot'):
    """Open the address that the terminal shows, and log in on the wiki."""
    chromium.get(address)
    log_in(chromium, wiki, user)
    chromium.expect('an application would like to do things on your behalf')


def check_page(chromium, owner, path):
    """Check that a page suits a phone and loads nothing else.

    :param path: where to leave a picture of it
    """
    sizes = chromium.execute_script("""
        const root = document.documentElement;
        const sizes = [...document.querySelectorAll('main *')].map(
            element => parseFloat(getComputedStyle(element).fontSize));
        return {width: innerWidth, needed: root.scrollWidth,
                height: innerHeight, length: root.scrollHeight,
                smallest: Math.min(...sizes), title: document.title,
                heading: document.querySelector('h1').innerText,
                language: root.lang};""")
    assert sizes['needed'] <= sizes['width'] == PHONE['width']
    assert sizes['length'] <= sizes['height']
    assert sizes['smallest'] >= 16
    assert sizes['title'] == sizes['heading']
    assert sizes['language'] == 'en'
    hosts = {urlsplit(url).netloc for url in chromium.requests()}
    assert hosts == {
        owner.wiki.netloc,
        urlsplit(owner.client.redirect_uri).netloc,
    }
    chromium.save_screenshot(str(path))
    width, height = struct.unpack('>II', path.read_bytes()[16:24])
    assert width == PHONE['width'] * PHONE['pixelRatio']
    assert height == PHONE['height'] * PHONE['pixelRatio']


def test_a_new_bot_owner_registers_by_the_form(chromium, tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.has_browser()
    callback = f'http://127.0.0.1:{free_port()}/callback'
    options = '-kind:browser', '-by:form', f'-callback-url:{callback}'
    with owner.terminal('oauth2', '-setup', *options) as terminal:
        terminal.expect('Client ID:')
        address = re.search(r'http\S+propose\S+', terminal.text)[0]
        chromium.get(address)
        log_in(chromium, wiki, 'Bot')
        chromium.expect('wpname')
        name, version, description, url = chromium.execute_script("""
            return [...document.querySelectorAll('form p input')].map(
                field => field.value)""")
        assert (name, version) == ('Pywikibot of Bot', '1.0')
        assert 'scripts of Pywikibot' in description
        assert url == callback
        for value in 'editpage', 'highvolume':
            chromium.execute_script(f"""
                document.querySelector('[value="{value}"]').click()""")
        chromium.click('wpagreement')
        chromium.click('submit')
        chromium.expect('The client was registered')
        key, secret = chromium.execute_script("""
            return ['key', 'secret'].map(
                id => document.getElementById(id).innerText)""")
        terminal.type(f'{key}\n')
        terminal.expect('Client secret')
        wait_until(lambda: not terminal.is_restored())
        terminal.type(f'{secret}\n')
        terminal.answer('Write these changes?', 'y')
        assert 'Bot has authorized the client' in terminal.wait()
    assert owner.edit() == ''
    assert editors(wiki) == ['Bot']


@pytest.mark.parametrize('button', ['accept', 'cancel'])
def test_the_last_page_sends_the_person_back_to_the_terminal(
    chromium, owner, wiki, tmp_path, button
):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        chromium.click(button)
        text = chromium.expect('You can close this page.')
        shown = terminal.wait()
    assert text.startswith(f'{RETURN}\n')
    check_page(chromium, owner, tmp_path / 'last.png')
    is_allowed = button == 'accept'
    assert (LOGGED_IN in shown) == is_allowed
    assert ('The authorization was cancelled.' in shown) != is_allowed
    assert owner.token_file().exists() == is_allowed


def test_a_closed_tab_leaves_the_login_waiting_and_going_back_does_no_harm(
    chromium, owner, wiki
):
    with owner.terminal('login') as terminal:
        first = chromium.current_window_handle
        chromium.switch_to.new_window('tab')
        open_dialog(chromium, wiki, terminal.address)
        chromium.close()
        assert terminal.process.poll() is None
        chromium.switch_to.window(first)
        chromium.get(terminal.address)
        chromium.click('accept')
        chromium.expect(RETURN)
        assert LOGGED_IN in terminal.wait()
    assert dialogs(wiki) == 2
    stored = owner.token_file().read_bytes()
    chromium.back()
    chromium.expect('an application would like to do things')
    before = len(wiki.requests)
    chromium.click('accept')
    wait_until(
        lambda: any('accept' in each.form for each in wiki.requests[before:])
    )
    assert owner.token_file().read_bytes() == stored
    assert grants(wiki, 'authorization_code') == 1
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_an_old_tab_is_not_an_answer_to_a_new_login(
    chromium, owner, wiki, tmp_path
):
    with owner.terminal('login') as terminal:
        open_dialog(chromium, wiki, terminal.address)
        terminal.type('\x03')
        terminal.wait()
    with owner.terminal('login') as terminal:
        address = terminal.address
        chromium.click('accept')
        text = chromium.expect('Not the pending login')
        assert 'Open the address that the terminal shows' in text
        check_page(chromium, owner, tmp_path / 'old-tab.png')
        assert terminal.process.poll() is None
        chromium.switch_to.new_window('tab')
        chromium.get(address)
        chromium.click('accept')
        chromium.expect(RETURN)
        assert LOGGED_IN in terminal.wait()
    assert grants(wiki, 'authorization_code') == 1


def test_two_visitors_at_once_edit_in_their_own_names(wiki, tmp_path):
    names = ['Alice', 'Bob']
    for name in names:
        wiki.add_user(name)
    with Tool(wiki, tmp_path) as tool, ExitStack() as stack:
        visitors = [stack.enter_context(Chromium()) for _ in names]

        def write(index, title, line):
            visitors[index].type('title', title)
            visitors[index].type('line', line)
            visitors[index].click('save')
            visitors[index].expect(f'Saved on {title}: {line}')

        def visit(index):
            name, visitor = names[index], visitors[index]
            open_dialog(visitor, wiki, f'{tool.url}/login', name)
            visitor.click('accept')
            visitor.expect(f'You are {name}, in the groups ')
            for number in range(3):
                write(index, f'Page {number}', f'{name} {number}')

        at_once(2, visit)
        assert sorted(editors(wiki)) == ['Alice'] * 3 + ['Bob'] * 3
        for edit in wiki.edits:
            assert edit.text.splitlines()[-1].startswith(edit.user)
        visitors[0].click('logout')
        visitors[0].expect('Log in')
        write(1, 'Guestbook', 'I am still here')
