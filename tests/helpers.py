"""What the tests of the core share: bots on the sandbox, and Pywikibot."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import time
import traceback
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import pywikibot
import pywikibot.login
from pywikibot import config
from pywikibot.bot import init_handlers
from pywikibot.comms import http
from pywikibot.data.api import CachedRequest
from pywikibot.family import Family

from pywikibot_oauth2 import FileStore, OAuth2Client, blocks
from pywikibot_oauth2.account import Account, Policy
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.token import Token
from tests.sandbox import Clock
from tests.sandbox.config import write_family


SECONDS = 20  # more than anything here takes
TESTS = str(Path(__file__).parent) + os.sep
HOUR = 3600  # the lifetime of a token, unless a test says otherwise

on_both = pytest.mark.parametrize('like', ['1.43', 'master'])


class StandingClock(Clock):
    """Stands still until it is advanced, however slow this machine is."""

    def __init__(self):
        super().__init__()
        self.start = time.time()

    def __call__(self):
        return self.start + self.offset


class PatientPolicy(Policy):
    """Notes what it is told, and allows some attempts at once."""

    def __init__(self):
        self.said = []
        self.attempts = 0

    def warn(self, error, note=''):
        self.said.append(f'{error} {note}')

    def wait(self, error, attempt):
        return attempt < self.attempts


class Bot:
    """An account on a sandbox, its client, and the store it shares.

    :param folder: the folder of the token file
    """

    def __init__(self, wiki, folder, *, user='Bot', **fields):
        self.wiki = wiki
        self.user = user
        self.registered = wiki.register(owner=user, **fields)
        self.client = client_of(self.registered)
        self.store = FileStore(folder)
        self.policy = PatientPolicy()
        self.account = self.another()

    def another(self, store=None, **options):
        """Return the account as another process would have it."""
        options.setdefault('policy', self.policy)
        options.setdefault('clock', self.wiki.clock)
        return Account(
            options.pop('client', self.client),
            store or self.store,
            options.pop('user', self.user),
            self.wiki.url,
            **options,
        )

    def authorization(self, **changes):
        """Return an authorization that was just given."""
        reply = self.wiki.issue(self.registered, self.user)._asdict()
        token = Token.from_reply({**reply, **changes}, self.wiki.clock())
        return Authorization(
            self.registered.id, self.wiki.url, self.user, token
        )

    def log_in(self, **changes):
        """Authorize as another process would; return the header."""
        self.another().adopt(self.authorization(**changes))
        return self.stored.token.header

    @property
    def said(self):
        return '\n'.join(self.policy.said)

    @property
    def path(self):
        return self.store.path(self.user)

    @property
    def stored(self):
        return Authorization.deserialize(
            self.store.load(self.user, self.registered.id)
        )

    @property
    def asked(self):
        """How often the token endpoint was asked."""
        return self.wiki.count('/access_token')

    @property
    def tried(self):
        """The refresh tokens that it was sent, in order."""
        return [
            request.form.get('refresh_token')
            for request in list(self.wiki.requests)
            if request.path.endswith('/access_token')
        ]

    def accepts(self, header):
        """Return whether the wiki would accept a header."""
        return bool(header) and self.wiki.oauth.valid(header[7:]) is not None


def client_of(registered, *, secret=True, **options):
    if registered.owner_only:
        options['owner_only'] = True
    else:
        options.setdefault('redirect_uri', registered.redirect_uri)
    return OAuth2Client(
        registered.id, registered.secret if secret else None, **options
    )


@contextmanager
def raises(kind, words='', **facts):
    """Expect an error with these words in its message, and these facts."""
    with pytest.raises(kind) as info:
        yield info
    assert words in str(info.value)
    assert {name: getattr(info.value, name) for name in facts} == facts


def shown(error, files=''):
    """Return all that a tool can show of an exception: locals, causes.

    :param files: a part of the paths of the files whose locals are shown
    """
    texts, errors = [], [error]
    for each in errors:
        texts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            file = frame.f_code.co_filename
            if files in file and not file.startswith(TESTS):
                texts.append(repr(frame.f_locals))
        errors += filter(None, (each.__cause__, each.__context__))
    return '\n'.join(texts)


@contextmanager
def listening(level=logging.WARNING):
    """Collect what Pywikibot logs within a `with` block."""
    texts = []
    handler = logging.Handler(level)
    handler.emit = lambda record: texts.append(record.getMessage())
    init_handlers()  # it removes the handlers that were there before
    logger = logging.getLogger('pywiki')
    logger.addHandler(handler)
    try:
        yield texts
    finally:
        logger.removeHandler(handler)


def in_thread(call, *arguments):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments).result(SECONDS)


class Fork:
    """A function that runs in a process of its own."""

    def __init__(self, call, *arguments):
        reading, writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                outcome = call(*arguments)
            except Exception as error:
                outcome = error
            os.write(writing, pickle.dumps(outcome))
            os._exit(0)
        os.close(writing)
        self._pipe = os.fdopen(reading, 'rb')

    def result(self):
        """Wait for the end; return the result, or the exception."""
        with self._pipe:
            content = self._pipe.read()
        assert os.waitpid(self._pid, 0)[1] == 0
        return pickle.loads(content)


def set_up_pywikibot(monkeypatch, folder, **wikis):
    """Let the Pywikibot of this process know these wikis and no account.

    :param wikis: the sandboxes of the family by their codes
    """
    (folder / 'throttle.ctrl').touch()
    for name, value in {
        'base_dir': str(folder),
        'authenticate': {},
        'usernames': defaultdict(dict),
        'family': 'sandbox',
        'family_files': {'sandbox': write_family(folder, wikis)},
        'socket_timeout': (SECONDS, SECONDS),
        'retry_wait': 0.01,
        'retry_max': 0.02,
        'max_retries': 2,
        'put_throttle': 0,
        'minthrottle': 0,
        'maxthrottle': 0,
    }.items():
        monkeypatch.setattr(config, name, value)
    forget_sites(monkeypatch, folder)


def forget_sites(monkeypatch, folder):
    """Let the Pywikibot of this process know no site and no block.

    :param folder: the folder with the file of the family
    """
    monkeypatch.delenv('PYWIKIBOT_OAUTH2_FOLDER', raising=False)
    monkeypatch.setattr(Family, '_families', {})
    monkeypatch.setattr(pywikibot, '_sites', {})
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop('sandbox_family', None)
    # Both are replaced when they are first used.
    manager = pywikibot.login.ClientLoginManager
    monkeypatch.setattr(pywikibot.login, 'ClientLoginManager', manager)
    cache = CachedRequest._get_cache_dir
    monkeypatch.setattr(CachedRequest, '_get_cache_dir', cache)
    monkeypatch.setattr(blocks, 'used_wikis', set())
    monkeypatch.setattr(blocks, 'used_clients', set())
    monkeypatch.setattr(blocks, '_last_used', {})


def leave_pywikibot():
    """Leave no cookie and no connection behind."""
    http.cookie_jar.clear()
    http.session.close()
