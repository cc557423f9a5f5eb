#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Every fault around a token, injected for real: python -m tests.faults.

Each function with the decorator :func:`fault` injects one kind of fault,
as often as it opens a :meth:`Lab.case`, and says what must come out of it.
A bot here edits as Pywikibot does: each write carries ``assert=user``, and
if that fails, Pywikibot's login manager is asked.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import logging
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Callable, NamedTuple


# What runs here reads no configuration of the user.
os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')
os.environ.setdefault('PYWIKIBOT_DIR', tempfile.gettempdir())

import pywikibot
import pywikibot.bot
import pywikibot.login
import requests
from pywikibot import config
from pywikibot.comms import http
from pywikibot.exceptions import Error

import pywikibot_oauth2
from pywikibot_oauth2 import OAuth2Auth, OAuth2Session
from tests.sandbox import Clock, Sandbox
from tests.sandbox.config import make_config
from tests.sandbox.oauth import GRACE


if TYPE_CHECKING:
    from collections.abc import Iterator


PACKAGE = Path(pywikibot_oauth2.__file__).parent

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


class BrokenError(AssertionError):
    """Something did not come out as it must."""


def check(condition: object, words: str, *more: object) -> None:
    """Say what is wrong, if it is."""
    if not condition:
        raise BrokenError(' '.join([words, *map(str, more)]))


class Capture(logging.Handler):
    """Everything that was printed, logged or raised."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.stream = io.StringIO()
        self.reactions: dict[str, Callable[[], None]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self.write(text + '\n')
        for words in [words for words in self.reactions if words in text]:
            self.reactions.pop(words)()

    def write(self, text: str) -> int:
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    @property
    def text(self) -> str:
        """All of it; a child process passes its own on."""
        return (self.stream.getvalue()
                if isinstance(self.stream, io.StringIO) else '')


capture = Capture()


class Wiki(Sandbox):
    """A sandbox that remembers which tokens it could deliver."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.delivered: list[tuple[str, str | None]] = []
        self.is_met = threading.Event()

    def _answer(self, request):
        response = super()._answer(request)
        if (request.path.endswith('/access_token')
                and response.delivery == 'whole' and response.status == 200):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                data = json.loads(response.body)
                self.delivered.append((data['access_token'],
                                       data.get('refresh_token')))
        if request.fault:
            self.is_met.set()
        return response

    def finish(self, threads: set[threading.Thread]) -> None:
        """Wait until all that was sent is dealt with.

        :param threads: those that were there before it was sent
        """
        # Connections are accepted in their order, this is the last one.
        with socket.create_connection(('127.0.0.1', self._port)) as probe:
            probe.sendall(b'GET /nothing HTTP/1.1\r\nConnection: close'
                          b'\r\n\r\n')
            while probe.recv(65536):
                pass
        for thread in set(threading.enumerate()) - threads:
            thread.join()

    @property
    def token_requests(self) -> int:
        return self.count('/access_token')

    def has_used(self, refresh_token: str) -> bool:
        """Tell whether a refresh token was used."""
        return self.oauth._refresh_tokens[refresh_token].used is not None

    def would_take(self, client, refresh_token: str | None) -> bool:
        """Tell whether a refresh token would get a new token."""
        token = self.oauth._refresh_tokens.get(refresh_token)
        now = self.clock()
        return (token is not None and token.access.client is client
                and self.oauth.clients.get(client.id) is client
                and not client.disabled and not token.revoked
                and token.expires >= now
                and (token.used is None or (
                    self.since(1, 47) and now < token.used + GRACE)))


class Outcome(NamedTuple):
    """How an attempt to edit went, and all that was said meanwhile."""

    edited: bool
    text: str
    error: str
    seconds: float


class Bot:
    """One run of a bot: it begins with what is in the token file."""

    def __init__(self, case: Case, clock=None, secret=None, folder=None,
                 ) -> None:
        self.case = case
        self.folder = folder or case.folder
        self.auth = OAuth2Auth(
            case.client.id, secret or case.client.secret,
            redirect_uri=case.client.redirect_uri, clock=clock or case.clock)
        self.most_token_requests = 0

    def _go_to_work(self) -> None:
        """Let Pywikibot, of which there is one in a process, be its own."""
        config.base_dir = str(self.folder)
        config.authenticate = {self.case.netloc: self.auth}
        if self.case.prefix != self.case.wiki.url:
            # The family knows only the address by http.
            self.auth.use(self.case.prefix, 'Bot')

    def log_in(self) -> None:
        """Put the token file there, as a login does."""
        self._go_to_work()
        session = OAuth2Session(self.auth.client, self.case.api_url,
                                user='Bot', clock=self.auth.clock)
        url = session.authorization_url()
        session.complete(self.case.wiki.approve(
            url.replace(self.case.prefix, self.case.wiki.url)))
        self.auth.account('Bot').adopt(session)

    def edit(self) -> Outcome:
        """Edit a page once."""
        self._go_to_work()
        mark, begun = len(capture.text), time.monotonic()
        try:
            error = self._save_twice()
            if 'assertuserfailed' in error:
                pywikibot.login.ClientLoginManager(
                    site=pywikibot.Site('en', 'sandbox'),
                    user='Bot').login(retry=True)
                error = self._save_twice()
        except (Error, requests.RequestException) as exception:
            capture.write(traceback.format_exc())
            error = f'{type(exception).__name__}: {exception}'
        return Outcome(not error, capture.text[mark:], error,
                       time.monotonic() - begun)

    def _save_twice(self) -> str:
        """Save a page, with another CSRF token if the first was bad."""
        error = self._save()
        return self._save() if 'badtoken' in error else error

    def _save(self) -> str:
        """Save a page; return the error, or an empty text."""
        tokens = self._call(action='query', meta='tokens')
        if 'error' in tokens:
            return _words(tokens)
        result = self._call(action='edit', title='Sandbox', text='+',
                            token=tokens['query']['tokens']['csrftoken'],
                            **{'assert': 'user'})
        return _words(result)

    def _call(self, **data: str) -> dict:
        """Ask the API once, and count what comes of it."""
        wiki = self.case.wiki
        before = wiki.count('/api.php'), wiki.token_requests
        try:
            return http.fetch(self.case.api_url, method='POST', data={
                'format': 'json', 'formatversion': '2', **data}).json()
        finally:
            sent = wiki.count('/api.php') - before[0]
            asked = wiki.token_requests - before[1]
            check(sent <= 2, 'a request was sent so many times:', sent)
            check(asked <= config.max_retries + 2,
                  'the token endpoint was asked so many times:', asked)
            self.most_token_requests = max(self.most_token_requests, asked)


def _words(result: dict) -> str:
    error = result.get('error')
    return f"{error['code']}: {error['info']}" if error else ''


class Child:
    """A process of its own, in which a function runs."""

    def __init__(self, function: Callable[[], object],
                 uid: int | None = None) -> None:
        out, out_end = os.pipe()
        value, value_end = os.pipe()
        with warnings.catch_warnings():
            # From Python 3.12 on a fork is warned about if there are threads;
            # here they are the wiki's, of which the child wants nothing.
            warnings.simplefilter('ignore', DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            self._run(function, uid, out_end, value_end)
        os.close(out_end)
        os.close(value_end)
        self._pipes = out, value

    def _run(self, function, uid, out: int, value: int) -> None:
        status = 1
        try:
            for number in (1, 2):
                os.dup2(out, number)
            capture.stream = sys.stdout = sys.stderr = io.TextIOWrapper(
                io.FileIO(1, 'wb', closefd=False), encoding='utf-8',
                write_through=True)
            http.session.close()
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            os.write(value, json.dumps(function()).encode())
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def join(self):
        """Return what the function returned; None if it was killed."""
        out, value = self._pipes
        with open(out, 'rb') as stream:
            self.said = stream.read().decode()
        capture.write(self.said)
        with open(value, 'rb') as stream:
            content = stream.read()
        _, status = os.waitpid(self.pid, 0)
        self.was_killed = os.WIFSIGNALED(status)
        if not self.was_killed:
            check(status == 0, 'a process failed:', self.said)
        return json.loads(content) if content else None


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


class Row(NamedTuple):
    """A kind of fault."""

    name: str
    outcome: str
    inject: Callable[[], None]
    is_short: bool


TABLE: list[Row] = []


def fault(name: str, outcome: str, *, short: bool = True):
    """Add a function to the table.

    :param name: what goes wrong
    :param outcome: what must come out
    :param short: whether it is part of the short form
    """
    def add(function):
        TABLE.append(Row(name, outcome, function, short))
        return function

    return add


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


# kill -9

# The calls that the outer world notices, as Python names them.
STEPS = frozenset({
    'connect', 'fchmod', 'flock', 'flush', 'fsync', 'mkdir', 'open',
    'recv_into', 'remove', 'rename', 'replace', 'sendall', 'unlink', 'write'})


def die_at(step: int) -> None:
    """End this process, as kill -9 does, just before its n-th step."""
    steps = itertools.count(1)

    def profile(frame, event: str, function) -> None:
        if (event == 'c_call' and function.__name__ in STEPS
                and not isinstance(function.__self__, (
                    str, io.BytesIO, io.StringIO))
                and is_of_package(frame) and next(steps) == step):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(profile)


def is_of_package(frame) -> bool:
    """Tell whether a call is made for the package, not to print a line."""
    files = {frame.f_code.co_filename}
    while frame.f_back is not None:
        frame = frame.f_back
        files.add(frame.f_code.co_filename)
    return (logging.__file__ not in files
            and any(PACKAGE in Path(file).parents for file in files))


def killed(version: str, after: float) -> None:
    """Kill a process that refreshes and saves at its first step, second …"""
    stride = 3 if lab.is_short and version == NEW else 1
    for step in itertools.count(1, stride):
        with lab.case(version, counts=False) as case:
            old = case.refresh_token
            case.clock.advance(after)

            def work(bot: Bot, step: int = step) -> bool:
                die_at(step)
                return bot.edit().edited

            threads = set(threading.enumerate())
            child = case.child(work)
            edited = child.join()
            if not child.was_killed:
                check(edited, 'not killed, but no edit:', child.said)
                check(step > 15, 'only so many steps:', step)
                return
            lab.injected += 1
            case.wiki.finish(threads)
            is_in_time = case.refresh_token != old \
                or not case.wiki.has_used(old)
            succeed(case, goes_on=version == NEW or is_in_time)


def succeed(case: Case, *, goes_on: bool) -> None:
    """Check that a new process takes the place of one that was killed."""
    case.stored()
    edited, said = case.child(_told).join()
    check(edited == goes_on, 'edited:', edited, said)
    if goes_on:
        case.goes_on()
    else:
        check(LOGIN in said, f'it did not say {LOGIN!r} but', said)
        # What the wiki delivered died with the process.
        case.wiki.delivered.clear()
        case.is_ended()


def _told(bot: Bot) -> tuple[bool, str]:
    """Return whether it edits, and what it raises if not."""
    outcome = bot.edit()
    return outcome.edited, outcome.error


@fault('kill -9 at every step, MediaWiki 1.47', 'goes on')
def _() -> None:
    killed(NEW, DUE)
    if not lab.is_short:
        killed(NEW, DEAD)


@fault('kill -9 at every step, MediaWiki 1.43',
       'goes on, or message: pwb login, once the answer is lost')
def _() -> None:
    killed(OLD, DUE)


def killed_by_wiki(version: str, kind: str, *, goes_on: bool) -> None:
    with lab.case(version) as case:
        case.clock.advance(DEAD)
        case.wiki.fail_next(kind)
        child = case.child(_told)
        check(case.wiki.is_met.wait(SECONDS), 'no token request')
        child.kill()
        child.join()
        succeed(case, goes_on=goes_on)


@fault('kill -9 while waiting for the answer, 1.47', 'goes on')
def _() -> None:
    killed_by_wiki(NEW, 'hang_before', goes_on=True)
    killed_by_wiki(NEW, 'hang_after', goes_on=True)
    killed_by_wiki(OLD, 'hang_before', goes_on=True)


@fault('kill -9 while waiting for the answer, 1.43', 'message: pwb login')
def _() -> None:
    killed_by_wiki(OLD, 'hang_after', goes_on=False)


# Storage


def snapshot(path: Path) -> object:
    """Return all that can be seen of a file."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    what: object = None
    if path.is_symlink():
        what = os.readlink(path)
    elif path.is_dir():
        what = sorted(os.listdir(path))
    else:
        what = path.read_bytes()
    return status.st_mode, status.st_uid, what


def broken_before(breaks: Callable[[Path], None], *says: str) -> None:
    """Break the token file, begin a run, mend it."""
    with lab.case() as case:
        case.clock.advance(DUE)
        good = case.file.with_suffix('.good')
        shutil.copy2(case.file, good)
        breaks(case.file)
        seen = snapshot(case.file)
        asked = case.wiki.token_requests
        bot = case.bot()
        for _ in range(2):
            case.stops(bot, *says)
        check(snapshot(case.file) == seen, 'it touched the file')
        check(case.wiki.token_requests == asked, 'it refreshed')
        _remove(case.file)
        os.replace(good, case.file)
        case.goes_on(bot)


def broken_meanwhile(breaks: Callable[[Path], None], *says: str,
                     version: str = OLD) -> None:
    """Break the token file while a bot runs, mend it."""
    with lab.case(version) as case:
        bot = case.bot()
        case.edits(bot)
        breaks(case.file)
        seen = snapshot(case.file)
        case.clock.advance(DUE)
        case.edits(bot, *says, IN_MEMORY, LOGIN)
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        check(snapshot(case.file) == seen, 'it touched the file')
        _remove(case.file)
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        case.goes_on(bot)


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def broken(breaks: Callable[[Path], None], *says: str) -> None:
    broken_before(breaks, *says)
    broken_meanwhile(breaks, *says)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def newer_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()),
                                'version': 2}))


def foreign(path: Path) -> None:
    """Let another user own it; who cannot give it away, takes another's."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    else:
        path.unlink()
        path.symlink_to('/etc/passwd')


@fault('token file emptied', 'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(lambda path: path.write_bytes(b''), 'it is empty', 'mv ', LOGIN)


@fault('token file truncated at every 50th byte',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    with lab.case(counts=False) as case:
        size = case.file.stat().st_size
    for length in lab.some(range(1, size, 50)):
        def breaks(path: Path, length: int = length) -> None:
            os.truncate(path, length)

        broken(breaks, 'it is not JSON', 'mv ', LOGIN)


@fault('token file of a future version',
       'goes on from memory; message: pip install --upgrade')
def _() -> None:
    broken_before(newer_version, 'pip install --upgrade pywikibot-oauth2')
    broken_meanwhile(newer_version, 'pip install --upgrade pywikibot-oauth2')


@fault('token file not JSON', 'goes on from memory; message: mv, pwb login')
def _() -> None:
    for content in lab.some((b'\x80\x00', b'null', b'[]', b'{}',
                             b'{"version":1,"sessions":[]}',
                             b'[' * 100_000)):
        broken(lambda path, content=content: path.write_bytes(content),
               'mv ', LOGIN)


@fault('directory in place of the token file',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(directory, 'mv ', LOGIN)


@fault('token file owned by another',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(foreign, 'it belongs to another user', 'mv ', LOGIN)


@fault('symlink that leads to itself',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(loop, 'mv ', LOGIN)


@fault('symlink to a good file', 'goes on; it stays a symlink')
def _() -> None:
    for is_running in (False, True):
        with lab.case(OLD) as case:
            bot = case.bot()
            if is_running:
                case.edits(bot)
            target = case.folder / 'elsewhere' / 'token.json'
            target.parent.mkdir()
            os.replace(case.file, target)
            case.file.symlink_to(target)
            old = case.refresh_token
            case.clock.advance(DUE)
            case.edits(bot)
            check(case.file.is_symlink(), 'it is a symlink no more')
            check(not target.is_symlink() and case.refresh_token != old,
                  'the new token is not where the symlink leads')
            case.goes_on(bot)


@fault('symlink to nothing',
       'goes on from memory; message: pwb login')
def _() -> None:
    def dangle(path: Path) -> None:
        path.unlink()
        path.symlink_to(path.parent / 'nothing')

    broken_before(dangle, LOGIN)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.edits(bot)
        dangle(case.file)
        case.clock.advance(DUE)
        case.edits(bot)
        check(case.file.is_symlink(), 'it is a symlink no more')
        case.goes_on(bot)


@fault('token file that others can read', 'goes on; its mode is 0600 again')
def _() -> None:
    for is_running in (False, True):
        with lab.case(OLD) as case:
            bot = case.bot()
            if is_running:
                case.edits(bot)
            case.file.chmod(0o644)
            case.clock.advance(DUE)
            case.edits(bot, 'could be read by others')
            check(case.file.stat().st_mode & 0o777 == 0o600, 'mode')
            case.goes_on(bot)


@fault('token file deleted', 'goes on from memory; message: pwb login')
def _() -> None:
    broken_before(lambda path: path.unlink(), LOGIN)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.edits(bot)
        case.file.unlink()
        case.clock.advance(DUE)
        case.edits(bot)
        case.goes_on(bot)


def unsaved(case: Case, bot: Bot, mend: Callable[[], None]) -> None:
    """Check what a bot does that cannot save its token, until it can."""
    before = case.file.read_bytes()
    case.clock.advance(DUE)
    case.edits(bot, IN_MEMORY, LOGIN)
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    check(case.file.read_bytes() == before, 'it touched the file')
    mend()
    check(not list(case.folder.glob('*.tmp')), 'it left files behind')
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    case.goes_on(bot)


@contextlib.contextmanager
def small_disk() -> Iterator[Path | None]:
    """Give a file system of 64 KB, if that is allowed."""
    folder = Path(tempfile.mkdtemp(dir=lab.folder))
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs',
                       str(folder)], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the disk is full; return its path."""
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    return ballast


@fault('disk full', 'goes on from memory; message: mend that, pwb login')
def _() -> None:
    for is_running in (False, True):
        with small_disk() as disk:
            if disk is None:
                break
            with lab.case(OLD, folder=disk) as case:
                bot = case.bot()
                if is_running:
                    case.edits(bot)
                ballast = fill(disk)
                unsaved(case, bot, ballast.unlink)
    with lab.case(OLD) as case:
        # The next best thing: no file of this process may grow.
        case.clock.advance(DUE)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

        def work(bot: Bot) -> list[bool]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            edited = [bot.edit().edited]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            bot.case.clock.advance(SAVED_AGAIN)
            return [*edited, bot.edit().edited]

        child = case.child(work)
        check(child.join() == [True, True], 'no edit:', child.said)
        check(IN_MEMORY in child.said, 'it said', child.said)
        case.goes_on()


@fault('folder that is read-only',
       'goes on from memory; message: mend that, pwb login')
def _() -> None:
    uid = NOBODY if os.geteuid() == 0 else None
    for is_running in (False, True):
        with lab.case(OLD) as case:
            if uid is not None:
                for path in (case.folder, *case.folder.iterdir()):
                    os.chown(path, uid, uid)
            if not is_running:
                case.clock.advance(DUE)

            def work(bot: Bot, is_running: bool = is_running) -> list:
                edited = [bot.edit().edited] if is_running else []
                for path in bot.folder.glob('*.lock'):
                    path.unlink()
                bot.folder.chmod(0o555)
                if is_running:
                    # Only this process's clock; to the wiki it is early.
                    bot.case.clock.advance(DUE)
                edited.append(bot.edit().edited)
                bot.folder.chmod(0o700)
                bot.case.clock.advance(SAVED_AGAIN)
                return [*edited, bot.edit().edited]

            child = case.child(work, uid)
            edited = child.join()
            check(all(edited), 'no edit:', edited, child.said)
            for words in ('cannot be locked', IN_MEMORY, LOGIN):
                check(words in child.said, words, child.said)
            later = case.child(_told, uid)
            check(later.join()[0], 'the next run:', later.said)
            if uid is not None:
                os.chown(case.file, 0, 0)
            case.goes_on()


# The clock

def wrong_clock(offset: float) -> None:
    """Put the bot's clock wrong before a run and during one, and right."""
    for is_running in (False, True):
        with lab.case(OLD) as case:
            clock = Clock()
            bot = case.bot(clock=clock)
            if is_running:
                case.edits(bot)
            clock.advance(offset)
            for _ in range(4):
                case.edits(bot)
                for part in (clock, case.clock):
                    part.advance(LIFE * 0.6)
            clock.advance(-offset)
            for _ in range(3):
                case.edits(bot)
            check(bot.most_token_requests <= 1, 'a request asked for so many'
                  ' tokens:', bot.most_token_requests)
            case.goes_on(bot)


for _name, _offset in (('an hour', 3600.0), ('a year', 365 * 86400.0)):
    for _way, _sign in (('back', -1), ('forward', 1)):
        fault(f'clock set {_way} by {_name}',
              'goes on; at most one refresh and one repetition a request')(
            lambda offset=_offset * _sign: wrong_clock(offset))


# The token endpoint

class Elsewhere:
    """Somewhere on this machine that must be asked nothing."""

    def __enter__(self) -> Elsewhere:
        self._server = socket.create_server(('127.0.0.1', 0))
        self._server.setblocking(False)
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}/'
        return self

    def __exit__(self, *exc_info: object) -> None:
        with contextlib.suppress(BlockingIOError):
            self._server.accept()
            raise BrokenError('somebody followed the redirect')
        self._server.close()


def unanswered(kind: str, *, handled: bool = False, retries: int = 3,
               **options: object) -> None:
    """Let a token request fail: once, several times, for long.

    :param handled: whether the wiki acts on the request
    """
    config.max_retries = retries
    try:
        # In the short form: for what was not handled all are alike.
        for version in (OLD, NEW) if handled or not lab.is_short else (OLD,):
            # The answer is lost: before 1.47 with it the authorization.
            goes_on = version == NEW or not handled
            unanswered_while_valid(version, kind, options, handled, goes_on)
            unanswered_when_dead(version, kind, options, goes_on)
            unanswered_for_long(version, kind, options, handled, goes_on)
    finally:
        config.max_retries = 3


def unanswered_while_valid(version, kind, options, handled, goes_on) -> None:
    with lab.case(version) as case:
        bot = case.bot()
        case.clock.advance(DUE)
        case.wiki.fail_next(kind, **options)
        asked = case.wiki.token_requests
        if not goes_on:
            case.is_ended(bot, 'had got no usable answer')
            return
        case.edits(bot, 'The old one still serves.')
        # Once, or once more as the wiki revoked the old token.
        check(case.wiki.token_requests == asked + 1 + handled,
              'token requests:', case.wiki.token_requests - asked)
        case.goes_on(bot)


def unanswered_when_dead(version, kind, options, goes_on) -> None:
    with lab.case(version) as case:
        bot = case.bot()
        case.clock.advance(DEAD)
        times = config.max_retries
        case.wiki.fail_next(kind, times, **options)
        if not goes_on:
            # Each failing answer was carried out, the first one for good.
            case.wiki.faults.clear()
            case.wiki.fail_next(kind, **options)
            case.is_ended(bot, 'had got no usable answer')
            return
        outcome = case.edits(bot, 'before retrying')
        wait = options.get('retry_after') or 0
        check(outcome.seconds >= times * wait, 'it did not wait')
        case.goes_on(bot)


def unanswered_for_long(version, kind, options, handled, goes_on) -> None:
    if not goes_on:
        return  # the second request is refused, as above
    for after in (DUE, DEAD):
        with lab.case(version) as case:
            bot = case.bot()
            case.clock.advance(after)
            case.wiki.fail_next(kind, 1000, **options)
            if after == DUE and not handled:
                for _ in range(3):
                    case.edits(bot)
                case.edits()
            else:
                outcome = case.stops(bot, 'EndpointError')
                check(AGAIN in outcome.error,
                      'it does not say what to do:', outcome.error)
            case.goes_on(bot)
        if lab.is_short:
            continue
        with lab.case(version) as case:
            # The same, but the next run is another one.
            case.clock.advance(after)
            case.wiki.fail_next(kind, 1000, **options)
            case.bot().edit()
            case.goes_on()


ANSWER = 'goes on; message: try again'
for _status in (500, 502, 503, 429):
    fault(f'token endpoint: {_status}', ANSWER, short=_status == 503)(
        lambda status=_status: unanswered('status', status=status))

fault('token endpoint: 429 with Retry-After', ANSWER, short=False)(
    lambda: unanswered('status', retries=1, status=429, retry_after=1))
fault('token endpoint: HTML', ANSWER)(lambda: unanswered('html'))
fault('token endpoint: an empty body', ANSWER)(lambda: unanswered('empty'))

ACTED = 'goes on; before 1.47 message: pwb login'
fault('token endpoint: half a body', ACTED)(
    lambda: unanswered('half', handled=True))
for _name, _data in (('JSON null', None), ('a list', []),
                     ('no access token', {'token_type': 'Bearer'}),
                     ('an access token of two lines',
                      {'access_token': 'a\nb', 'token_type': 'Bearer'}),
                     ('an access token that is a number',
                      {'access_token': 1, 'token_type': 'Bearer'})):
    fault(f'token endpoint: {_name}', ACTED, short=_data is None)(
        lambda data=_data: unanswered('rewrite', handled=True,
                                      change=lambda _: data))


@fault('token endpoint: a redirect', f'{ANSWER}; nothing goes elsewhere')
def _() -> None:
    for status in lab.some((302, 303, 307)):
        with Elsewhere() as elsewhere:
            unanswered('redirect', status=status, location=elsewhere.url)


fault('connection reset before the request was handled', ANSWER)(
    lambda: unanswered('reset_before'))
fault('connection reset after the request was handled', ACTED)(
    lambda: unanswered('reset_after', handled=True))


def timed_out(kind: str, *, handled: bool) -> None:
    usual, config.socket_timeout = config.socket_timeout, 0.5
    try:
        unanswered(kind, handled=handled, retries=1)
    finally:
        config.socket_timeout = usual


fault('time-out before the request was handled', ANSWER, short=False)(
    lambda: timed_out('hang_before', handled=False))
fault('time-out after the request was handled', ACTED, short=False)(
    lambda: timed_out('hang_after', handled=True))


@fault('connection refused', ANSWER)
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            case.wiki.close()
            outcome = case.stops(bot)
            check(after == DUE or AGAIN in outcome.error,
                  'it does not say what to do:', outcome.error)
            case.wiki.__enter__()
            case.goes_on(bot)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.clock.advance(DEAD)
        case.wiki.close()
        capture.reactions['before retrying'] = case.wiki.__enter__
        case.edits(bot)
        case.goes_on(bot)


# Tokens with something odd about them


def odd(**fields: object) -> None:
    """Let the wiki answer a token with some fields changed.

    :param fields: the new values; `...` removes a field
    """
    def change(data: dict) -> dict:
        data.update(fields)
        return {name: value for name, value in data.items()
                if value is not ...}

    for version in (OLD,) if lab.is_short else (OLD, NEW):
        for after in (DUE, DEAD):
            with lab.case(version) as case:
                bot = case.bot()
                case.clock.advance(after)
                case.wiki.fail_next('rewrite', change=change)
                asked = case.wiki.token_requests
                for _ in range(3):
                    case.edits(bot)
                case.edits()
                check(case.wiki.token_requests == asked + 1,
                      'token requests:', case.wiki.token_requests - asked)
                # Now it has expired, and only the wiki says so.
                case.clock.advance(DEAD)
                case.edits(bot)
                check(case.wiki.token_requests == asked + 2,
                      'token requests:', case.wiki.token_requests - asked)
                case.goes_on(bot)


for _name, _value in (
        ('no expires_in', ...), ('expires_in 0', 0), ('expires_in -1', -1),
        ("expires_in 'soon'", 'soon'), ("expires_in '3600'", '3600'),
        ('expires_in 1e300', 1e300), ('expires_in 10**400', 10 ** 400),
        ('expires_in NaN', float('nan')), ('expires_in null', None),
        ('expires_in true', True), ('expires_in []', [])):
    fault(f'a token with {_name}', 'goes on',
          short=_value in (..., -1, 1e300))(
        lambda value=_value: odd(expires_in=value))


@fault('a token without refresh_token',
       'goes on with the old one; if that is used up, message: pwb login')
def _() -> None:
    for value in (...,) if lab.is_short else (..., None, '', 17):
        for life, goes_on in ((300, True), (LIFE, False)):
            with lab.case(life=life) as case:
                bot = case.bot()
                old = case.refresh_token
                case.clock.advance(life - 5)
                case.wiki.fail_next('rewrite', change=lambda data, v=value: {
                    name: v if name == 'refresh_token' else field
                    for name, field in data.items()
                    if name != 'refresh_token' or v is not ...})
                case.edits(bot)
                check(case.refresh_token == old, 'the old one was not kept')
                case.clock.advance(life)
                # MediaWiki 1.47 takes it again for 600 seconds.
                if goes_on:
                    case.goes_on(bot)
                else:
                    case.is_ended(bot)


# Certificates


def make_certificate(path: Path, name: str, host: str) -> None:
    """Make a certificate that is signed by itself, and its key."""
    subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj',
         f'/CN={name}', '-addext', f'subjectAltName={host}', '-keyout',
         str(path.with_suffix('.key')), '-out', str(path)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class TlsFront:
    """The wiki by https, with a certificate that can be replaced."""

    def __init__(self, folder: Path, port: int) -> None:
        self._wiki = port
        self._contexts = {}
        for name, host in (('good', 'IP:127.0.0.1'), ('bad', 'IP:127.0.0.1'),
                           ('other', 'DNS:wiki.example')):
            path = folder / f'{name}.pem'
            if not path.exists():
                make_certificate(path, name, host)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, path.with_suffix('.key'))
            self._contexts[name] = context
        # What the bot trusts: not the one that says it is 127.0.0.1, too.
        self.trusted = folder / 'trusted.pem'
        self.trusted.write_text((folder / 'good.pem').read_text()
                                + (folder / 'other.pem').read_text())
        self.certificate = 'good'
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'https://127.0.0.1:{self._listener.getsockname()[1]}'
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        self.certificate = 'good'

    def close(self) -> None:
        # A blocked accept() does not notice that its socket is closed.
        self.certificate = ''
        with contextlib.suppress(OSError):
            socket.create_connection(self._listener.getsockname(), 1).close()
        self._listener.close()

    def _accept(self) -> None:
        while self.certificate:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,),
                                 daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, KeyError), connection:
            secure = self._contexts[self.certificate].wrap_socket(
                connection, server_side=True)
            with secure, socket.create_connection(
                    ('127.0.0.1', self._wiki)) as wiki:
                threading.Thread(target=_pump, args=(wiki, secure),
                                 daemon=True).start()
                _pump(secure, wiki)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on everything until one side hangs up."""
    with contextlib.suppress(OSError, ValueError):
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def tls_case() -> Iterator[tuple[Case, TlsFront]]:
    folder = lab.folder / 'certificates'
    folder.mkdir(exist_ok=True)
    front = TlsFront(folder, lab.port)
    os.environ['REQUESTS_CA_BUNDLE'] = str(front.trusted)
    try:
        with lab.case(OLD, prefix=front.url) as case:
            yield case, front
    finally:
        del os.environ['REQUESTS_CA_BUNDLE']
        front.close()


@fault('a certificate nobody vouches for, or of another host', ANSWER)
def _() -> None:
    for certificate in ('bad',) if lab.is_short else ('bad', 'other'):
        # The old token serves, on the connection that is there.
        with tls_case() as (case, front):
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(DUE)
            front.certificate = certificate
            case.edits(bot, 'certificate', 'The old one still serves.')
            case.edits(bot)
            front.mend()
            case.goes_on(bot)
        # It is mended while the bot repeats.
        with tls_case() as (case, front):
            bot = case.bot()
            case.clock.advance(DEAD)
            front.certificate = certificate
            capture.reactions['before retrying'] = front.mend
            case.edits(bot, 'certificate')
            case.goes_on(bot)
        # It is not, or not so soon.
        with tls_case() as (case, front):
            bot = case.bot()
            case.clock.advance(DEAD)
            asked = case.wiki.token_requests
            front.certificate = certificate
            outcome = case.stops(bot, 'EndpointError', 'certificate')
            check(AGAIN in outcome.error, 'it does not say what to do:',
                  outcome.error)
            check(case.wiki.token_requests == asked, 'it went on regardless')
            front.mend()
            case.goes_on(bot)


# The end

@fault('revoked by the user', 'message: pwb login')
def _() -> None:
    for version in (OLD, NEW):
        for after in lab.some((0, DUE, DEAD)):
            with lab.case(version) as case:
                bot = case.bot()
                case.edits(bot)
                case.clock.advance(after)
                case.wiki.revoke('Bot', case.client)
                asked = case.wiki.token_requests
                case.is_ended(bot, 'has ended')
                check(case.wiki.token_requests == asked + 1,
                      'token requests:', case.wiki.token_requests - asked)
                # What the message says helps, also the bot that still runs.
                case.bot().log_in()
                case.goes_on(bot)


@fault('rotated with a copy of the token file, MediaWiki 1.43',
       'message: pwb login')
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            elsewhere(case)
            case.is_ended(bot, 'has ended')


@fault('rotated with a copy of the token file, MediaWiki 1.47',
       'goes on for 600 seconds, then message: pwb login')
def _() -> None:
    for after in (DUE, DEAD):
        for later in (GRACE - 60, GRACE + 60):
            with lab.case(NEW) as case:
                bot = case.bot()
                case.edits(bot)
                case.clock.advance(after)
                elsewhere(case)
                case.clock.advance(later)
                if later < GRACE:
                    case.goes_on(bot)
                else:
                    case.is_ended(bot, 'has ended')


def elsewhere(case: Case) -> None:
    """Refresh with a copy of the token file."""
    folder = case.folder / 'elsewhere'
    folder.mkdir()
    shutil.copy2(case.file, folder)
    case.edits(case.bot(folder=folder))
    # What that one got is none of ours.
    case.wiki.delivered.clear()


@fault('refreshed by another process with the same file',
       'goes on without a request for a token')
def _() -> None:
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            check(case.child(_told).join()[0], 'the other process failed')
            asked = case.wiki.token_requests
            case.edits(bot)
            check(case.wiki.token_requests == asked, 'it asked as well')
            case.goes_on(bot)


@fault('client deleted on the wiki', 'message: approved, disabled, deleted')
def _() -> None:
    for after in lab.some((0, DUE, DEAD)):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            case.wiki.delete_client(case.client)
            for each in (bot, bot, None):
                case.stops(each, 'does not accept the client',
                           'not approved, was disabled or deleted',
                           'Special:OAuthConsumerRegistration')
            check(bot.most_token_requests <= 2, 'it asked so many times:',
                  bot.most_token_requests)
            case.wiki.oauth.clients[case.client.id] = case.client
            case.goes_on(bot)


@fault('client disabled on the wiki', 'message: approved, disabled, deleted')
def _() -> None:
    for after in lab.some((0, DUE, DEAD)):
        with lab.case(OLD) as case:
            bot = case.bot()
            case.edits(bot)
            case.clock.advance(after)
            case.wiki.disable_client(case.client)
            for each in (bot, bot, None):
                # As long as the token lives, it is the wiki that says it.
                case.stops(each, 'not approved')
            check(bot.most_token_requests <= 2, 'it asked so many times:',
                  bot.most_token_requests)
            case.client.disabled = False
            case.goes_on(bot)


@fault('wrong client secret', 'message: compare with user-config.py')
def _() -> None:
    says = ('does not accept the client', 'Compare the client ID and the'
            ' client secret in user-config.py')
    for after in (DUE, DEAD):
        with lab.case(OLD) as case:
            bot = case.bot(secret='wrong')
            case.clock.advance(after)
            for _ in range(3):
                if after == DUE:
                    case.edits(bot)
                else:
                    case.stops(bot, *says)
            check(bot.most_token_requests <= 1, 'it asked so many times:',
                  bot.most_token_requests)
            if after == DUE:
                check(all(words in capture.text for words in says),
                      'it did not say so')
            case.goes_on()


# The table

def run(rows: list[Row], show: Callable[[str], None] = print) -> bool:
    """Inject the faults of some rows; return whether all came out right."""
    width = max(len(row.name) for row in rows)
    show(f'{"fault":{width}}  times  outcome')
    failed = 0
    for row in rows:
        before = lab.injected
        try:
            row.inject()
            outcome = row.outcome
        except Exception as error:  # noqa: BLE001
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            lines = ', '.join(str(frame.lineno) for frame in where
                              if frame.filename == __file__)
            words = ' '.join(f'{type(error).__name__}: {error}'.split())
            outcome = f'FAILED (lines {lines}) {words[-600:]}'
        show(f'{row.name:{width}}  {lab.injected - before:5}  {outcome}')
    counts = f'injected={lab.injected} lost={lab.lost} leaked={lab.leaked}'
    if failed or lab.lost or lab.leaked:
        show(f'faults: FAILED kinds={len(rows)} failed={failed} {counts}')
        return False
    show(f'faults: OK kinds={len(rows)} {counts}')
    return True


def main() -> int:
    """Inject all faults, or with --short the most important ones."""
    parser = argparse.ArgumentParser(prog='python -m tests.faults',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('--short', action='store_true')
    parser.add_argument('words', nargs='*',
                        help='only the faults whose name contains one')
    args = parser.parse_args()
    lab.is_short = args.short
    rows = [row for row in TABLE if row.is_short or not args.short
            if not args.words or any(word in row.name for word in args.words)]
    # Without a terminal nobody is asked anything.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        lab.open(Path(folder))
        return 0 if run(rows, lambda text: print(text, flush=True)) else 1


def _too_long(*_: object) -> None:
    raise BrokenError(f'no end after {SECONDS} seconds')


if __name__ == '__main__':
    sys.exit(main())
