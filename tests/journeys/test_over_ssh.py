"""The bot runs on a server, and the browser somewhere else."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.harness import LOGGED_IN, Owner, editors, grants
from tests.sandbox import browser


@pytest.mark.parametrize(
    'excerpt',
    [
        pytest.param(lambda url: url, id='whole'),
        pytest.param(lambda url: '?' + urlsplit(url).query, id='query'),
        pytest.param(lambda url: re.search(r'code=(\w+)', url)[1], id='code'),
    ],
)
def test_the_address_of_the_page_that_does_not_load_is_pasted(
    owner, wiki, excerpt
):
    with owner.terminal('login') as terminal:
        terminal.type(excerpt(wiki.approve(terminal.address)) + '\n')
        shown = terminal.wait()
    assert LOGGED_IN in shown
    assert not [secret for secret in wiki.secrets if secret in shown]
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_a_wrong_paste_does_not_end_the_login(owner, wiki):
    with owner.terminal('login') as terminal:
        callback = wiki.approve(terminal.address)
        state = re.search('state=([^&]+)', terminal.address)[1]
        another = terminal.address.replace(state, 'of-another-login')
        for count, wrong in enumerate(
            ['what is this?', callback[:-3], wiki.approve(another)], 1
        ):
            terminal.type(f'{wrong}\n')
            terminal.expect('Waiting for another answer.', count)
        assert grants(wiki, 'authorization_code') == 0
        terminal.type(f'{callback}\n')
        assert LOGGED_IN in terminal.wait()


def test_a_callback_url_on_another_machine_is_pasted(tmp_path, wiki):
    url = 'https://bot.example.org/callback'
    owner = Owner(tmp_path, wiki, redirect_uri=url)
    shown = owner.log_in()
    assert 'Then paste the address' in shown
    assert 'cannot be listened on' not in shown


def test_a_port_that_is_taken_is_replaced_or_the_address_is_pasted(
    tmp_path, wiki
):
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        url = f'http://127.0.0.1:{port}/callback'
        owner = Owner(tmp_path, wiki, redirect_uri=url)
        with owner.terminal('login') as terminal:
            if wiki.is_master:
                # The wiki ignores the port of 127.0.0.1.
                person = [sys.executable, browser.__file__, terminal.address]
                shown = subprocess.run(person, stdout=subprocess.PIPE).stdout
                assert shown.startswith(b'200 ')
            else:
                terminal.type(wiki.approve(terminal.address) + '\n')
            shown = terminal.wait()
    assert LOGGED_IN in shown
    assert (f'{url} cannot be listened on' in shown) != wiki.is_master
