#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Where a fault is injected: a case, and the lab that counts them."""
from __future__ import annotations

import contextlib
import io
import json
import logging
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import pywikibot
import pywikibot.bot
from pywikibot import config
from pywikibot.comms import http

from tests.faults.actors import Bot, Child, Outcome, Wiki
from tests.faults.watch import BrokenError, capture, check
from tests.sandbox import Clock, Sandbox
from tests.sandbox.config import make_config


if TYPE_CHECKING:
    from collections.abc import Iterator


LIFE = 3600.0
DUE = LIFE - 30  # the token is to be refreshed, but the old one is valid
DEAD = LIFE + 30
OLD, NEW = '1.43', '1.47'  # a refresh token serves once; for 600 seconds
NOBODY = 65534
SAVED_AGAIN = 11  # seconds after which a token is stored again
SECONDS = 30  # more than any case takes: a loop without end is ended

# What a message has to name.
LOGIN = 'pwb login'
AGAIN = 'again'
IN_MEMORY = 'only in memory'


class Case:
    """A wiki, a client, a folder with a token file, and a clock."""

    def __init__(self, lab: Lab, version: str, folder: Path,
                 life: float, prefix: str | None) -> None:
        self.clock = Clock()
        self.wiki = Wiki(port=lab.port, clock=self.clock, version=version,
                         token_life=life)
        self.life = life
        self.folder = folder
        self.file = folder / 'pywikibot-Bot.oauth2.json'
        self.prefix = prefix or self.wiki.url

    @property
    def api_url(self) -> str:
        return f'{self.prefix}/api.php'

    @property
    def netloc(self) -> str:
        return self.prefix.partition('://')[2]

    def begin(self) -> None:
        self.client = self.wiki.register()
        self.bot().log_in()

    def bot(self, **options) -> Bot:
        """Begin a new run."""
        return Bot(self, **options)

    def child(self, function: Callable[[Bot], object],
              uid: int | None = None) -> Child:
        """Begin a new run in a process of its own."""
        return Child(lambda: function(self.bot()), uid)

    # What is in the file

    def stored(self) -> dict:
        """Return the session in the token file, which must be whole."""
        data = json.loads(self.file.read_text())
        session = data['sessions'][self.client.id]
        check(data['version'] == 1 and session['token'], 'no token file')
        return session

    @property
    def refresh_token(self) -> str:
        return self.stored()['token']['refresh_token']

    # What must come out

    def edits(self, bot: Bot | None = None, *says: str) -> Outcome:
        """Check that a bot, or a new run, edits, and says these words."""
        outcome = (bot or self.bot()).edit()
        check(outcome.edited, 'no edit:', outcome.error)
        for words in says:
            check(words in outcome.text, f'it did not say {words!r} but',
                  outcome.text)
        return outcome

    def stops(self, bot: Bot | None, *says: str) -> Outcome:
        """Check that a bot, or a new run, stops and says these words."""
        before = len(self.wiki.edits)
        outcome = (bot or self.bot()).edit()
        check(not outcome.edited and len(self.wiki.edits) == before,
              'it edited')
        for words in says:
            check(words in f'{outcome.text}\n{outcome.error}',
                  f'it did not say {words!r} but', outcome.text,
                  outcome.error)
        return outcome

    def goes_on(self, bot: Bot | None = None) -> None:
        """Check that it goes on for good, now that the fault is over."""
        self.wiki.faults.clear()
        bot = bot or self.bot()
        try:
            self.edits(bot)
            self.edits()
            self.clock.advance(self.life + 20)
            self.edits()
            if not lab.is_short:
                self.clock.advance(self.life - 20)
            self.edits(bot)
        except BrokenError as error:
            self._look_for_lost(str(error))
            raise

    def is_ended(self, bot: Bot | None = None, *says: str) -> None:
        """Check that it is over, is said to be, and that nothing is asked."""
        bot = bot or self.bot()
        self.stops(bot, LOGIN, *says)
        self._look_for_lost()
        asked = self.wiki.token_requests
        for _ in range(1 if lab.is_short else 3):
            self.stops(bot, LOGIN)
        self.stops(None, LOGIN)
        check(self.wiki.token_requests == asked, 'it asks again and again')

    def _look_for_lost(self, words: str = '') -> None:
        """Count it as lost if the wiki would have gone on."""
        known = [refresh for _, refresh in self.wiki.delivered]
        with contextlib.suppress(OSError, ValueError, KeyError, BrokenError):
            known.append(self.refresh_token)
        if any(self.wiki.would_take(self.client, token) for token in known):
            lab.lost += 1
            raise BrokenError(
                f'lost, though the wiki would have gone on: {words}')

    def look_for_leaks(self, text: str) -> int:
        """Count the secrets in a text, and the edits without a user."""
        secrets = self.wiki.secrets
        leaked = sum(1 for secret in secrets if any(
            part in text for part in _parts(secret)))
        for path in self.folder.rglob('*'):
            if not path.is_file() or not path.stat().st_mode & 0o077:
                continue
            content = path.read_bytes()
            leaked += any(secret.encode() in content for secret in secrets)
        return leaked + sum(edit.user != 'Bot' for edit in self.wiki.edits)


def _parts(secret: str, length: int = 40) -> list[str]:
    """Return the pieces of a secret: one would be too much already."""
    return [secret[start:start + length] for start in
            range(0, max(len(secret) - length, 0) + 1, length)]


class Lab:
    """Where faults are injected, and counted."""

    def __init__(self) -> None:
        self.injected = self.lost = self.leaked = 0
        self.is_short = False
        self.port = 0

    def open(self, folder: Path) -> None:
        """Set Pywikibot up for a wiki on this machine."""
        self.folder = folder
        folder.chmod(0o711)  # one process is another user's
        # Between two cases the port is nobody else's: Linux lets another
        # socket listen where this one is only bound.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(('127.0.0.1', 0))
        self.port = self._reserved.getsockname()[1]
        if sys.platform != 'linux':
            self._reserved.close()
        with Sandbox(port=self.port) as wiki:
            make_config(folder / 'config', wiki)
            config.family_files['sandbox'] = str(
                folder / 'config' / 'sandbox_family.py')
            config.family, config.mylang = 'sandbox', 'en'
            config.usernames['sandbox']['en'] = 'Bot'
            config.base_dir = str(folder)
            config.max_retries, config.retry_wait = 3, 0.01
            pywikibot.bot.init_handlers()
            self._listen()
            pywikibot.Site('en', 'sandbox')

    def _listen(self) -> None:
        """Take in everything that is logged, on every level."""
        logging.captureWarnings(True)
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(capture)
        for name in list(logging.root.manager.loggerDict):
            logger = logging.getLogger(name)
            logger.setLevel(logging.DEBUG)
            logger.propagate = True
            logger.handlers.clear()

    @contextlib.contextmanager
    def case(self, version: str = NEW, *, folder: Path | None = None,
             life: float = LIFE, prefix: str | None = None,
             counts: bool = True) -> Iterator[Case]:
        """Give a bot that has been logged in, to do harm to."""
        own = Path(tempfile.mkdtemp(dir=self.folder))
        case = Case(self, version, folder or own, life, prefix)
        capture.stream = io.StringIO()
        capture.reactions.clear()
        http.session.close()
        signal.alarm(SECONDS)
        try:
            with contextlib.redirect_stdout(capture), \
                 contextlib.redirect_stderr(capture), case.wiki:
                case.begin()
                try:
                    yield case
                except BaseException:
                    capture.write(traceback.format_exc())
                    raise
        finally:
            signal.alarm(0)
            leaked = case.look_for_leaks(capture.text)
            self.leaked += leaked
            shutil.rmtree(own, ignore_errors=True)
            self.injected += counts
        check(not leaked, 'leaked, so many secrets:', leaked)

    def some(self, items):
        """Return the items, or the first and the last in the short form."""
        items = list(items)
        return items[::max(len(items) - 1, 1)] if self.is_short else items


lab = Lab()


def told(bot: Bot) -> tuple[bool, str]:
    """Return whether it edits, and what it raises if not."""
    outcome = bot.edit()
    return outcome.edited, outcome.error
