#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Bots of the tests: an account in this process, and in other processes.

Run as a program, it is such another process: it reads commands from its
standard input and answers each with a line of JSON; see `Child`.
"""
from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from pywikibot import config

from pywikibot_oauth2 import OAuth2Client, OAuth2Session
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.renewal import Renewal
from pywikibot_oauth2.token import Token
from tests.sandbox import Clock


SECONDS = 20  # more than anything here takes


def configure(monkeypatch, folder):
    """Let Pywikibot keep its files in a folder, and wait but shortly."""
    for name, value in (('base_dir', str(folder)), ('retry_wait', 0.01),
                        ('retry_max', 0.02), ('max_retries', 2),
                        ('socket_timeout', (5, 5))):
        monkeypatch.setattr(config, name, value)


@contextmanager
def listening():
    """Give the list of what Pywikibot says to its user meanwhile."""
    from pywikibot.bot import init_handlers

    said = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: said.append(record.getMessage())
    init_handlers()  # it removes the handlers that were there before
    logger = logging.getLogger('pywiki')
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)


def at_once(number, call):
    """Call a function in so many threads at once; return what it did."""
    barrier = threading.Barrier(number)

    def wait_and_call(index):
        barrier.wait(SECONDS)
        return call(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(wait_and_call, range(number)))


def wait_until(condition):
    """Wait for something that happens in another thread or process."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, 'it did not happen'
        time.sleep(0.005)


class Bot:
    """An account on a wiki, its client and its token file."""

    def __init__(self, wiki, *, clock=None, user='Bot', registered=None):
        self.wiki = wiki
        self.user = user
        self.clock = clock or wiki.clock
        self.registered = registered or wiki.register()
        self.client = OAuth2Client(
            self.registered.id, self.registered.secret,
            redirect_uri=self.registered.redirect_uri)
        self.renewal = self.new_renewal()

    def new_renewal(self):
        """Return what another process would have."""
        return Renewal(self.client, self.user, FileStore(), self.clock)

    def authorized(self, **changes):
        """Return a session that was just authorized."""
        session = OAuth2Session(self.client, self.wiki.api_url,
                                user=self.user, clock=self.clock)
        reply = self.wiki.issue(self.registered, self.user)._asdict()
        session.token = Token.from_reply({**reply, **changes}, self.clock())
        return session

    def log_in(self, **changes):
        """Store a new authorization, as another process would.

        :return: the header of requests
        """
        session = self.authorized(**changes)
        store = FileStore()
        with store.lock(self.user, self.client.client_id):
            store.save(self.user, self.client.client_id,
                       session.serialize())
        return session.token.header

    @property
    def path(self):
        """The token file."""
        return FileStore().path(self.user)

    @property
    def stored(self):
        """The session in the file."""
        sessions = json.loads(self.path.read_text())['sessions']
        return sessions[self.client.client_id]

    @property
    def stored_header(self):
        """The header that goes with the token in the file."""
        return f'Bearer {self.stored["token"]["access_token"]}'

    @property
    def refresh_token(self):
        """The refresh token in the file."""
        return self.stored['token']['refresh_token']

    def accepts(self, header):
        """Return whether the wiki would accept a header."""
        return (header is not None
                and self.wiki.oauth.valid(header[7:]) is not None)

    @property
    def asked(self):
        """How often the token endpoint was asked."""
        return self.wiki.count('access_token')

    @property
    def refreshes(self):
        """How often it gave new tokens."""
        return self.wiki.count('access_token', error=None, fault=None,
                               status=200)

    @property
    def tried(self):
        """The refresh tokens that were sent to it, in their order."""
        return [request.form.get('refresh_token')
                for request in list(self.wiki.requests)
                if request.path.endswith('access_token')]


class Child:
    """The same account in a process of its own.

    :param user_id: the user that it runs as, if it may choose
    """

    def __init__(self, bot, *, user_id=None):
        setup = {'api_url': bot.wiki.api_url, 'user': bot.user,
                 'client_id': bot.registered.id,
                 'client_secret': bot.registered.secret,
                 'offset': bot.clock.offset, 'user_id': user_id,
                 'config': {name: getattr(config, name) for name in (
                     'base_dir', 'retry_wait', 'retry_max', 'max_retries',
                     'socket_timeout')}}
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'tests.bots'], text=True,
            cwd=Path(__file__).parents[1], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, 'PYWIKIBOT_NO_USER_CONFIG': '2',
                 'PYWIKIBOT_DIR': str(config.base_dir)})
        self.tell(**setup)

    def __enter__(self):
        assert self.answer() == 'ready'
        return self

    def __exit__(self, *exc_info):
        self._process.kill()
        self._process.communicate()

    def tell(self, command=None, **options):
        """Let it do something; see `_obey`."""
        self._process.stdin.write(json.dumps([command, options]) + '\n')
        self._process.stdin.flush()

    def answer(self):
        """Wait for what came of it."""
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        return json.loads(line)

    def ask(self, command, **options):
        """Let it do something and wait for what comes of it."""
        self.tell(command, **options)
        return self.answer()

    def kill(self):
        """End it as kill -9 does."""
        self._process.kill()
        self._process.wait(SECONDS)

    def send_signal(self, number):
        """Send it a signal."""
        self._process.send_signal(number)

    def wait(self, seconds=SECONDS):
        """Wait until it ends; return its status, None if it does not."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def end(self):
        """Let it end; return what it said to its user."""
        return self._process.communicate(timeout=SECONDS)[1]


def main():
    """Be the account, in a process of its own."""
    # All that is loaded later, before the right to read it is lost.
    import filelock  # noqa: F401
    from pywikibot.bot import init_handlers
    from pywikibot.comms import http

    import pywikibot_oauth2.endpoint  # noqa: F401

    init_handlers()
    http.user_agent()

    setup = json.loads(sys.stdin.readline())[1]
    for name, value in setup['config'].items():
        setattr(config, name,
                tuple(value) if isinstance(value, list) else value)
    if setup['user_id'] is not None and os.geteuid() == 0:
        os.setuid(setup['user_id'])
    clock = Clock()
    clock.advance(setup['offset'])
    client = OAuth2Client(setup['client_id'], setup['client_secret'])
    renewal = Renewal(client, setup['user'], FileStore(), clock)
    _answer('ready')
    for line in sys.stdin:
        command, options = json.loads(line)
        _obey(renewal, clock, command, **options)


def _obey(renewal, clock, command, **options):
    if command == 'advance':
        clock.advance(options['seconds'])
        _answer('done')
    elif command == 'header':
        _answer(renewal.header())
    elif command == 'replace':
        _answer(renewal.replace(options['refused']))
    elif command == 'header in a thread':
        thread = threading.Thread(
            target=lambda: _answer(renewal.header()))
        thread.start()
    elif command == 'header in a fork':
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            signal.alarm(options['seconds'])
            os.write(writing, renewal.header().encode())
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        os.close(writing)
        _answer([status, os.read(reading, 1 << 16).decode()])
        os.close(reading)


def _answer(value):
    # One write, for threads share the pipe.
    os.write(1, json.dumps(value).encode() + b'\n')


if __name__ == '__main__':
    main()
