#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Whole runs of pwb: pwb login, and a script that edits a page."""
from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from benchmarks.candidates import OAUTH1_KEYS
from benchmarks.table import Table, duration
from benchmarks.workers import LIFE, SECONDS, BenchmarkError, authorize
from tests.journey import CONFIG, SCRIPT, pwb
from tests.sandbox import Sandbox
from tests.sandbox.accounts import Session
from tests.sandbox.config import make_config


if TYPE_CHECKING:
    from tests.sandbox.wire import Request


# Pywikibot makes each request to a wiki without https a POST otherwise.
GET = 'enable_GET_without_SSL = True\n'
OAUTH1_CONFIG = 'authenticate[{netloc!r}] = {keys!r}\n'
LOGIN = 'pwb login'
EDIT = 'a script that edits'
VALID = 'ours, token valid'
EXPIRED = 'ours, token expired'
REFUSED = 'ours, token refused by the wiki'
COOKIES = 'password, with cookies'
PASSWORD = 'password, without cookies'
OAUTH1 = 'OAuth 1'


class Wiki(Sandbox):
    """The wiki of the tests, and it believes every signature of OAuth 1."""

    def __init__(self) -> None:
        super().__init__(token_life=LIFE)
        self._oauth1 = Session(self.accounts.users['Bot'])

    def session_of(self, request: Request) -> Session | None:
        """Return the session of a signature or of a cookie."""
        if request.headers.get('authorization', '').startswith('OAuth '):
            return self._oauth1
        return super().session_of(request)


class Way:
    """A wiki, and the folder of a bot owner with one way to log in.

    :param prepare: called with this object before each run
    """

    def __init__(self, folder: Path, wiki: Sandbox, extra: str,
                 password: str | None,
                 prepare: Callable[[Way], None]) -> None:
        self.folder = folder
        self.wiki = wiki
        self.client = wiki.register()
        self._prepare = prepare
        self._environment = make_config(
            folder, wiki, password=password, extra=GET + extra.format(
                netloc=wiki.netloc, id=self.client.id,
                secret=self.client.secret, redirect_uri=None, options='',
                keys=OAUTH1_KEYS))
        (folder / 'edit.py').write_text(SCRIPT.format(edits=1))

    def run(self, command: str) -> tuple[float, Counter[str]]:
        """Run a command; return its seconds and the requests by method."""
        self._prepare(self)
        before, edits = len(self.wiki.requests), len(self.wiki.edits)
        start = time.perf_counter()
        done = subprocess.run(
            pwb(*(['login'] if command == LOGIN else ['edit.py'])),
            cwd=self.folder, env=self._environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS)
        took = time.perf_counter() - start
        requests = list(self.wiki.requests)[before:]
        if done.returncode or not (
                'Logged in on sandbox:en as Bot' in done.stdout
                if command == LOGIN else
                [edit.user for edit in self.wiki.edits[edits:]] == ['Bot']):
            raise BenchmarkError(f'{command} failed:\n{done.stdout}')
        return took, Counter(request.method for request in requests)


def has_valid_token(way: Way) -> None:
    """Let the owner have logged in just now."""
    authorize(way.wiki, way.client, way.folder)


def has_expired_token(way: Way) -> None:
    """Let the owner have logged in long ago."""
    authorize(way.wiki, way.client, way.folder, age=LIFE + 1)
    way.wiki.expire_access_tokens()


def has_refused_token(way: Way) -> None:
    """Let the wiki end a token that has time left."""
    authorize(way.wiki, way.client, way.folder)
    way.wiki.expire_access_tokens()


def has_no_cookies(way: Way) -> None:
    """Let Pywikibot log in anew."""
    for path in way.folder.glob('*.lwp'):
        path.unlink()


def is_as_before(way: Way) -> None:
    """Leave the folder as the run before has left it."""


WAYS = {
    VALID: (CONFIG, False, has_valid_token),
    EXPIRED: (CONFIG, False, has_expired_token),
    REFUSED: (CONFIG, False, has_refused_token),
    COOKIES: ('', True, is_as_before),
    PASSWORD: ('', True, has_no_cookies),
    OAUTH1: (OAUTH1_CONFIG, False, is_as_before),
}


def measure(*, short: bool = False) -> Table:
    """Run the commands in all ways by turns; the first runs do not count.

    They fill what Pywikibot keeps in its folder, such as its API cache.
    """
    table = Table(
        '3. Whole runs of pwb: time and requests',
        'From the start of the process to its end, on a wiki on this'
        ' machine, whose answers take about a millisecond; medians of runs'
        ' by turns, after a first one that fills the cache of Pywikibot. The'
        ' wiki of the tests believes every OAuth 1 signature.',
        ('', 'time', 'requests', 'GET', 'POST',
         'more than password with cookies'))
    took: dict[tuple[str, str], list[float]] = {}
    counts: dict[tuple[str, str], Counter[str]] = {}
    with ExitStack() as stack:
        ways = {}
        for number, (name, (extra, has_password, prepare)) in enumerate(
                WAYS.items()):
            wiki = stack.enter_context(Wiki())
            folder = Path(stack.enter_context(
                tempfile.TemporaryDirectory(prefix=f'way-{number}-')))
            ways[name] = Way(folder, wiki, extra, wiki.password('Bot')
                             if has_password else None, prepare)
        for command in (LOGIN, EDIT):
            for turn in range(2 if short else 5):
                for name, way in ways.items():
                    seconds, requests = way.run(command)
                    if turn:
                        took.setdefault((command, name), []).append(seconds)
                        counts[command, name] = requests
    for (command, name), requests in counts.items():
        seconds = table.median(f'{command}, {name}', took[command, name])
        number = sum(requests.values())
        more = number - sum(counts[command, COOKIES].values())
        table.rows.append((
            f'{command}: {name}', duration(seconds), str(number),
            str(requests['GET']), str(requests['POST']), f'{more:+}'))
        table.figures.update({f'{command}, {name}, seconds': seconds,
                              f'{command}, {name}, GET': requests['GET'],
                              f'{command}, {name}, POST': requests['POST'],
                              f'{command}, {name}, more': more})
    table.figures['extra_requests'] = max(
        table.figures[f'{command}, {VALID}, more']
        for command in (LOGIN, EDIT))
    for command in (LOGIN, EDIT):
        table.figures[f'expiry, {command}'] = sum(
            counts[command, EXPIRED].values()) - sum(
            counts[command, VALID].values())
    return table
