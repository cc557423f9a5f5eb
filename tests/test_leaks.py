#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Nothing secret is written or printed, with all logging switched on."""
from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest


pytest.importorskip('termios')

from tests.journey import Owner, grants


EVERYTHING = '-debug', '-log'
# What the libraries below Pywikibot tell.
LOG_LIBRARIES = """
import logging as _logging
_logging.basicConfig(filename='libraries.log', level=_logging.DEBUG)
"""
# Where secrets belong.
PRIVATE = {'pywikibot-Bot.oauth2.json', 'user-config.py'}


@contextmanager
def watched_processes():
    """Note the command lines of all processes meanwhile."""
    seen = set()
    done = threading.Event()

    def watch():
        while not done.wait(.005):
            for path in Path('/proc').glob('[0-9]*/cmdline'):
                try:
                    seen.add(path.read_bytes())
                except OSError:  # it has ended
                    continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def parts(secret):
    """Return what would give a secret away: itself, or either half."""
    half = len(secret) // 2
    # The beginning of one JWT is that of all others.
    halves = [secret[half:]] if secret.startswith('eyJ') else [
        secret[:half], secret[half:]]
    return {form(text).encode() for text in halves
            for form in (str, quote, quote_plus)}


def leaks(wiki, name, content):
    """Return where secrets are found in a text."""
    return [f'{name}: {content[max(at - 80, 0):at + 20]!r}'
            for secret in wiki.secrets for part in parts(secret)
            for at in [content.find(part)] if at >= 0]


@pytest.fixture
def outputs(tmp_path, wiki):
    """Do all that a bot owner may come to; return what was printed."""
    owner = Owner(tmp_path, wiki, extra=LOG_LIBRARIES)
    script = owner.script(edits=2)
    outputs = {}

    def alone(name):
        outputs[name] = owner.alone(script, *EVERYTHING).stdout

    def pasted(name, answer):
        with owner.terminal('login', *EVERYTHING) as terminal:
            terminal.type(answer(terminal.address) + '\n')
            outputs[name] = terminal.wait()

    def disable(address):
        callback = wiki.approve(address)
        wiki.disable_client(owner.client)
        return callback

    with watched_processes() as seen:
        pasted('a denied login', wiki.deny)
        pasted('a login by paste', wiki.approve)
        alone('a script')
        wiki.expire_access_tokens()
        alone('a script with a refresh')
        wiki.expire_access_tokens()
        wiki.gateway = True
        wiki.fail_next('status', status=503)
        wiki.fail_next('half')
        wiki.version = '1.47'  # the same refresh token may be sent again
        alone('a script with an endpoint that fails')
        wiki.gateway = False
        wiki.revoke('Bot', owner.client)
        alone('a script with a revoked token')
        owner.has_browser()
        outputs['a login by callback'] = owner.in_terminal(
            'login', *EVERYTHING)
        alone('a script after that')
        owner.token_file().unlink()
        owner.environment['BROWSER'] = 'true %s'
        pasted('a disabled client', disable)
    outputs['processes'] = b'\n'.join(seen).decode(errors='replace')
    return outputs


def test_no_secret_is_printed_or_written_anywhere(tmp_path, wiki, outputs):
    # It all happened, and was logged.
    assert grants(wiki, 'authorization_code') == 2
    assert grants(wiki, 'refresh_token') >= 2
    assert wiki.faults_served == {'status': 1, 'half': 1}
    assert wiki.count('/access_token', error='invalid_grant')
    assert wiki.count('/access_token', error='invalid_client')
    assert len(wiki.edits) == 8
    assert 'browser.py' in outputs['processes']
    assert '/oauth2/access_token' in (tmp_path / 'libraries.log').read_text()
    for log in ('login-bot.log', 'edit-bot.log'):
        assert 'API request' in (tmp_path / 'logs' / log).read_text()
    assert len(wiki.secrets) >= 16

    found = []
    for name, text in outputs.items():
        found += leaks(wiki, name, text.encode())
    for path in tmp_path.rglob('*'):
        if path.is_file() and path.name not in PRIVATE:
            found += leaks(wiki, path.name, path.read_bytes())
    assert not found, '\n'.join(found)


def test_a_secret_would_be_found(tmp_path, wiki):
    client = wiki.register()
    pair = wiki.issue(client)
    for secret in (*pair[:2], client.secret):
        for text in (f'token {secret}!', f'...{secret[30:]}', secret * 2):
            assert leaks(wiki, 'a text', text.encode()) or len(secret) < 60
    assert not leaks(wiki, 'a text', client.id.encode())
