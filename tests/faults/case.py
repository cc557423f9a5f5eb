"""A case: a wiki, a bot with a token file, and what must come out."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import traceback

import pytest
import pywikibot
import pywikibot.login
from pywikibot import config
from pywikibot.exceptions import Error
from requests import RequestException

from pywikibot_oauth2 import OAuth2Auth
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.token import Token
from tests.harness import (
    EDITS,
    SECONDS,
    CallError,
    Editor,
    Owner,
    shared_clock,
)
from tests.sandbox import Sandbox
from tests.sandbox.oauth import OAuthError


LIFE = 3600.0
DUE = LIFE - 30  # the token is to be refreshed, and the old one is valid
DEAD = LIFE + 30
SAVED_AGAIN = 11  # seconds after which a token is stored again
NOBODY = 65534

# What a message has to name.
LOGIN = 'pwb login'
AGAIN = 'run the script again'


def fault(name, outcome, *values):
    """Return parameters of a test, and which fault they are."""
    mark = pytest.mark.fault(name, outcome)
    return pytest.param(*values, id=name, marks=mark)


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

    def _answer(self, request):
        response = super()._answer(request)
        is_whole = response.delivery == 'whole' and response.status == 200
        if request.path.endswith('/access_token') and is_whole:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                data = json.loads(response.body)
                self.delivered.append(data['refresh_token'])
        return response

    @property
    def token_requests(self):
        return self.count('/access_token')

    def would_take(self, client, refresh_token):
        is_known = self.oauth.clients.get(client.id) is client
        with contextlib.suppress(OAuthError):
            self.oauth._living(client, refresh_token)
            return is_known and client.stage == 'approved'
        return False


class Case:
    """A wiki, a client, a folder with a token file, and a clock.

    :param prefix: the address of the wiki, if bots use another one
    :ivar lost: whether an authorization was given up that the wiki would
        have gone on with
    """

    def __init__(self, wiki, folder, capture, prefix=None):
        self.wiki, self.folder, self.capture = wiki, folder, capture
        self.clock = wiki.clock
        self.prefix = prefix or wiki.url
        self.lost = False
        self.owner = Owner(folder, wiki, **shared_clock(folder))
        self.client = self.owner.client
        self.advance = self.owner.advance
        self.file = self.owner.token_file()
        self.bot().log_in()

    def bot(self, *, is_running=False, **options):
        """Begin a new run in this process, or one that has edited."""
        bot = Bot(self, **options)
        if is_running:
            self.edits(bot)
        return bot

    def process(self, before='', edits=1):
        """Begin a new run in a process of its own.

        :param before: a program that it runs before it edits
        """
        program = before + EDITS
        return self.owner.start(sys.executable, '-c', program, str(edits))

    def hear(self, process):
        """Wait for the end of such a run; return what it said."""
        said = process.communicate(timeout=SECONDS)[0]
        self.capture.text += said
        return said

    @property
    def refresh_token(self):
        return self.owner.stored()['token']['refresh_token']

    def store(self, **changes):
        """Change what is stored of the authorization."""
        data = json.loads(self.file.read_text())
        data['authorizations'][self.client.id].update(changes)
        self.file.write_text(json.dumps(data))

    # What must come out

    def edits(self, bot=None, *says):
        """Check that a bot, or a new run, edits, and says these words."""
        error, text = (bot or self.bot()).edit()
        assert not error, error
        for words in says:
            assert words in text

    def stops(self, bot=None, *says):
        """Check that a bot, or a new run, stops and says these words."""
        before = len(self.wiki.edits)
        error, text = (bot or self.bot()).edit()
        assert error
        assert len(self.wiki.edits) == before
        for words in says:
            assert words in f'{text}\n{error}'

    def goes_on(self, bot=None):
        """Check that it goes on for good, now that the fault is over."""
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

    def is_ended(self, bot=None, *says):
        """Check that it is over, says so, and asks nothing more."""
        bot = bot or self.bot()
        self.stops(bot, LOGIN, *says)
        self.look_for_lost()
        asked = self.wiki.token_requests
        for each in (bot, bot, None):
            self.stops(each, LOGIN)
        assert self.wiki.token_requests == asked

    def look_for_lost(self):
        """Fail if the wiki would have gone on."""
        known = list(self.wiki.delivered)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known.append(self.refresh_token)
        self.lost = any(
            self.wiki.would_take(self.client, token) for token in known
        )
        assert not self.lost, 'lost, though the wiki would have gone on'

    def leaks(self):
        """Count the secrets in what was said, and edits of somebody else."""
        secrets = self.wiki.secrets
        leaked = sum(_is_in(secret, self.capture.text) for secret in secrets)
        for path in self.folder.rglob('*'):
            if path.is_file() and path.stat().st_mode & 0o077:
                content = path.read_bytes()
                leaked += any(secret.encode() in content for secret in secrets)
        return leaked + sum(edit.user != 'Bot' for edit in self.wiki.edits)


def _is_in(secret, text, length=40):
    """Return whether a piece of a secret is in a text."""
    last = max(len(secret) - length, 0)
    return any(
        secret[start : start + length] in text
        for start in range(0, last + 1, length)
    )


class Bot(Editor):
    """One run of a bot: it begins with what is in the token file."""

    def __init__(self, case, clock=None, secret=None, folder=None, key=None):
        super().__init__(f'{case.prefix}/api.php')
        self.case = case
        self.folder = folder or case.folder
        self.auth = OAuth2Auth(
            case.client.id,
            secret or case.client.secret,
            redirect_uri=case.client.redirect_uri,
            clock=clock or case.clock,
        )
        self.key = key or case.prefix.partition('://')[2]
        self.most_token_requests = 0

    def _go_to_work(self):
        """Let Pywikibot, of which there is one in a process, be its own."""
        throttle = self.folder / 'throttle.ctrl'
        if not throttle.exists():  # it is expected at the end
            throttle.touch()
        config.base_dir = str(self.folder)
        config.authenticate = {self.key: self.auth}
        if self.case.prefix != self.case.wiki.url:
            # The family knows only the address with http.
            self.auth.route(self.case.prefix, 'Bot')

    def log_in(self):
        """Put the token file there, as a login does."""
        self._go_to_work()
        client, prefix = self.case.client, self.case.prefix
        reply = self.case.wiki.issue(client)._asdict()
        self.case.wiki.delivered.append(reply['refresh_token'])
        token = Token.from_reply(reply, self.auth.clock())
        authorization = Authorization(client.id, prefix, 'Bot', token)
        self.auth.bearer_for(prefix, 'Bot').account.adopt(authorization)

    def edit(self):
        """Edit a page; return the error, and all that was said meanwhile."""
        self._go_to_work()
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
        """Ask the API once, and count what comes of it."""
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
