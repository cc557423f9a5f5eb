"""A case: a wiki, a bot with a token file, and the expected outcome."""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import traceback

import pytest
import pywikibot
import pywikibot.login
from pywikibot import config
from pywikibot.exceptions import Error
from requests import RequestException

from pywikibot_oauth2 import OAuth2Auth
from tests.harness import EDITS, CallError, Editor, Owner, shared_clock
from tests.sandbox import Sandbox
from tests.sandbox.oauth import OAuthError


LIFE = 3600.0
DUE = LIFE - 30  # the token is to be refreshed, and the old one is valid
DEAD = LIFE + 30
SAVED_AGAIN = 11  # seconds after which a token is stored again

# What a message has to name.
LOGIN = 'pwb login'
AGAIN = 'run the script again'


injects = pytest.mark.fault


def fault(name, outcome, *values):
    """Return the parameters of a test, and the fault that they inject."""
    return pytest.param(*values, id=name, marks=injects(name, outcome))


class Capture(logging.Handler):
    """Everything that was printed, logged or raised.

    :ivar reactions: functions that are called once when words are logged
    """

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.text = ''
        self.reactions = {}

    def emit(self, record):
        text = self.format(record)
        self.text += f'{text}\n'
        for words in [words for words in self.reactions if words in text]:
            self.reactions.pop(words)()


class Wiki(Sandbox):
    """A sandbox that remembers which refresh tokens it has delivered."""

    def __init__(self, **options):
        super().__init__(**options)
        self.delivered = []

    def issue(self, client, user='Bot'):
        tokens = super().issue(client, user)
        self.delivered.append(tokens.refresh_token)
        return tokens

    def _answer(self, request):
        response = super()._answer(request)
        if response.delivery == 'whole':
            pattern = '"refresh_token": ?"(.+?)"'
            self.delivered += re.findall(pattern, response.body.decode())
        return response

    @property
    def token_requests(self):
        return self.count('/access_token')


class Case:
    """A wiki, a client, a folder with a token file, and a clock.

    :ivar injected: 1, or 0 if there was no fault after all
    :ivar lost: whether an authorization was given up that the wiki would
        still have renewed
    """

    def __init__(self, wiki, folder, capture):
        self.wiki, self.folder, self.capture = wiki, folder, capture
        self.clock = wiki.clock
        self.injected, self.lost = 1, False
        self.owner = Owner(folder, wiki, **shared_clock(folder))
        self.client = self.owner.client
        self.advance = self.owner.advance
        self.file = self.owner.token_file()
        self.owner.authorize()

    def bot(self, **options):
        """Begin a new run in this process."""
        return Bot(self, **options)

    @contextlib.contextmanager
    def process(self, before='', edits=1):
        """Begin a new run in a process of its own, and wait for its end.

        :param before: a program that it runs before it edits
        """
        command = sys.executable, '-c', before + EDITS, str(edits)
        with self.owner.start(*command) as process:
            yield process
            self.capture.text += process.communicate()[0]

    @property
    def refresh_token(self):
        return self.owner.stored()['token']['refresh_token']

    # What must come out

    def edits(self, bot=None, *says, asks=None):
        """Check that a bot, or a new run, edits.

        :param says: words that it says
        :param asks: how often it asks for a token, if that matters
        """
        error, said = self._edit(bot, asks)
        assert not error, error
        for words in says:
            assert words in said

    def stops(self, bot=None, *says, asks=None):
        """Check that a bot, or a new run, stops; see `edits`."""
        before = len(self.wiki.edits)
        error, said = self._edit(bot, asks)
        assert error
        assert len(self.wiki.edits) == before
        for words in says:
            assert words in f'{said}\n{error}'

    def _edit(self, bot, asks):
        asked = self.wiki.token_requests
        outcome = (bot or self.bot()).edit()
        if asks is not None:
            assert self.wiki.token_requests == asked + asks
        return outcome

    def goes_on(self, bot=None):
        """Check that a bot works for good, now that the fault is over."""
        self.wiki.faults.clear()
        bot = bot or self.bot()
        try:
            self.edits(bot)
            self.edits()
            self.advance(LIFE + 20)
            self.edits()
            self.advance(LIFE - 20)
            self.edits(bot)
        except AssertionError:
            self.look_for_lost()
            raise

    def is_ended(self, bot=None, *says, asks=None):
        """Check that a bot stops for good, says so, and asks no more."""
        bot = bot or self.bot()
        self.stops(bot, LOGIN, *says, asks=asks)
        self.look_for_lost()
        for each in (bot, bot, None):
            self.stops(each, LOGIN, asks=0)

    def look_for_lost(self):
        """Fail if the wiki would still have renewed the authorization."""
        for token in self.wiki.delivered:
            with contextlib.suppress(OAuthError):
                self.wiki.oauth._living(self.client, token)
                self.lost = True
        assert not self.lost, 'lost, though the wiki would have gone on'

    def leaks(self):
        """Count the secrets that were shown, and edits by other accounts."""
        pieces = [
            secret[start : start + 40]
            for secret in self.wiki.secrets
            for start in range(0, max(len(secret) - 39, 1), 40)
        ]
        leaked = sum(piece in self.capture.text for piece in pieces)
        for path in self.folder.rglob('*'):
            if path.is_file() and path.stat().st_mode & 0o077:
                content = path.read_bytes()
                leaked += sum(piece.encode() in content for piece in pieces)
        return leaked + sum(edit.user != 'Bot' for edit in self.wiki.edits)


class Bot(Editor):
    """One run of a bot: it begins with what is in the token file.

    :param key: the key in `authenticate`, if it is not the host
    :ivar ahead: the number of seconds by which its clock is ahead
    """

    def __init__(self, case, *, secret=None, folder=None, key=None):
        super().__init__(case.wiki.api_url)
        self.case, self.ahead = case, 0
        self.folder = folder or case.folder
        self.auth = OAuth2Auth(
            case.client.id,
            secret or case.client.secret,
            redirect_uri=case.client.redirect_uri,
            clock=lambda: case.clock() + self.ahead,
        )
        self.key = key or case.wiki.netloc
        self.most_token_requests = 0

    def edit(self):
        """Edit a page; return the error, and all that was said meanwhile."""
        # A process has only one Pywikibot: make it the one of this bot.
        config.base_dir = str(self.folder)
        config.authenticate = {self.key: self.auth}
        if self.case.wiki.url.startswith('https:'):
            # The family knows only the address with http.
            self.auth.route(self.case.wiki.url, 'Bot')
        capture, error = self.case.capture, ''
        mark = len(capture.text)
        try:
            self._save()
        except (Error, RequestException, CallError) as exception:
            capture.text += traceback.format_exc()
            error = f'{type(exception).__name__}: {exception}'
        return error, capture.text[mark:]

    def _save(self):
        self.csrf_token = None
        try:
            self.write('Sandbox', '+')
        except CallError as error:
            if 'assertuserfailed' not in str(error):
                raise
            site = pywikibot.Site('en', 'sandbox', user='Bot')
            manager = pywikibot.login.ClientLoginManager
            manager(site=site, user='Bot').login(retry=True)
            self.write('Sandbox', '+')

    def call(self, method, **parameters):
        """Ask the API once, and count the token requests and the outcome."""
        wiki = self.case.wiki
        before = wiki.count('/api.php'), wiki.token_requests
        try:
            return super().call(method, **parameters)
        finally:
            sent = wiki.count('/api.php') - before[0]
            asked = wiki.token_requests - before[1]
            assert sent <= 2
            assert asked <= config.max_retries + 2
            self.most_token_requests = max(self.most_token_requests, asked)
