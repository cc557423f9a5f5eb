"""What an expiry costs: requests more, refused requests and warnings.

The wiki and the bots read the time from one file. When each bot has come to
the moment of a scenario, the wiki puts the clock forward before it answers;
what the counts are compared with is the same run without that.
"""

from __future__ import annotations

import contextlib
import operator
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks import lab
from tests.sandbox import Sandbox


CONFIG = """
step = 5
user_agent_description = __import__('os').environ.get('NUMBER', '')
def _now():
    import time
    with open({path!r}) as file:
        return time.time() + float(file.read())
"""
EDITS = """
import sys
import pywikibot
for number in range(2):
    page = pywikibot.Page(pywikibot.Site(), f'Page {sys.argv[1]}')
    page.text += f'\\n* edit {number}'
    page.save('test', quiet=True)
"""
UPLOAD = """
import os, time
import pywikibot
name = f'{time.time_ns()}.gif'
with open(name, 'wb') as file:
    file.write(b'GIF89a\\1\\0\\1\\0\\0\\0\\0;' + os.urandom(250_000))
page = pywikibot.FilePage(pywikibot.Site(), f'File:{name}')
page.upload(name, chunk_size=100_000, text='test', comment='test',
            ignore_warnings=True)
"""
LIST = lab.PWB, 'listpages', '-start:!'
DUE, EXPIRED = lab.LIFE - 30, lab.LIFE + 1


class Clock:
    """The time in a file, which other processes read, too."""

    def __init__(self, path):
        self.path = path
        self.set(0)

    def __call__(self):
        return time.time() + float(self.path.read_text())

    def set(self, offset):
        draft = self.path.with_suffix('.new')
        draft.write_text(str(offset))
        draft.replace(self.path)


class Scenario(NamedTuple):
    """When a token expires.

    :ivar moment: whether a request of a bot is the one; None for before it
        starts
    :ivar nth: the how manyth of these requests it is
    :ivar age: how old the token is then
    """

    name: str
    command: tuple
    moment: object = None
    nth: int = 1
    age: int = EXPIRED


def has(name, value):
    """Return a function that tells whether a request has a parameter."""
    return lambda request: {**request.query, **request.form}.get(name) == value


def _is_listing(request):
    return 'allpages' in {**request.query, **request.form}.values()


def _is_chunk(request):
    return b'name="chunk"' in request.body


AT_START = Scenario('at the start', ('edits.py',))
BETWEEN = Scenario('between two edits', ('edits.py',), has('action', 'edit'))
# The last that Pywikibot asks before it edits.
LAST_READ = has('inprop', 'protection')
COMMON = AT_START, BETWEEN
SANDBOX = (
    Scenario('while an edit waits, due', ('edits.py',), LAST_READ, 2, DUE),
    Scenario('while an edit waits, expired', ('edits.py',), LAST_READ, 2),
)
MEDIAWIKI = (
    Scenario('between two pages of a listpages', LIST, _is_listing),
    Scenario('between two chunks, due', ('upload.py',), _is_chunk, 1, DUE),
    Scenario('between two chunks, expired', ('upload.py',), _is_chunk),
)


def measure(*, short=False):
    """Run all scenarios on the wikis there are."""
    table = lab.Table(
        '2. An expiry',
        'More requests than in the same run without the expiry, those that'
        ' the wiki refused, and warnings in the terminal, for one process and'
        ' for four at once with the same token. "1.43" and "master" are the'
        ' sandbox in the manner of these releases, "MediaWiki" is the Debian'
        ' package. "Due" is half a minute before the expiry. What cannot be'
        ' avoided is one request for the token, and one for a CSRF token by'
        ' each process that has edited before. Pywikibot fetches no new CSRF'
        ' token for an edit that already waits to be sent, and keeps one for'
        ' a whole upload; these go out under the old access token as long as'
        ' it is valid, and are refused when it is not.',
        *('', 'wiki', '1 process: more', 'refused', 'warnings'),
        *('4 processes: more', 'refused', 'warnings'),
    )
    numbers = (1, 1) if short else (1, 4)
    for like in ('master',) if short else ('1.43', 'master'):
        with _Bots(Sandbox, like=like) as bots:
            bots.fill(table, like, COMMON + SANDBOX, numbers)
    if not short:
        from tests.mediawiki import RealWiki

        with _Bots(RealWiki) as bots:
            bots.fill(table, 'MediaWiki', COMMON + MEDIAWIKI, numbers)
    return table


class _Bots:
    """A wiki, and some processes with one token file."""

    def __init__(self, wiki, **options):
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.clock = Clock(self.folder / 'clock')
        self.wiki = wiki(token_life=lab.LIFE, clock=self.clock, **options)
        grants = ('basic', 'highvolume', 'editpage', 'createeditmovepage')
        self.client = self.wiki.register(grants=(*grants, 'uploadfile'))
        self._known = set()

    def __enter__(self):
        self.wiki.__enter__()
        mediawiki = getattr(self.wiki, 'mediawiki', None)
        for number in range(1, 9):
            add = mediawiki.edit if mediawiki else self.wiki.add_page
            add(f'Page {number}', 'A page.')
        self.environment = lab.configure(
            *(self.folder, self.wiki, self.client),
            options=', clock=_now',
            extra=CONFIG.format(path=str(self.clock.path)),
        )
        (self.folder / 'edits.py').write_text(EDITS)
        (self.folder / 'upload.py').write_text(UPLOAD)
        return self

    def __exit__(self, *exc_info):
        self.wiki.__exit__(*exc_info)
        self._temporary.cleanup()

    def fill(self, table, name, scenarios, numbers):
        names = {AT_START: 'extra_start', BETWEEN: 'extra_between_edits'}
        for scenario in scenarios:
            one, four = (self.compare(scenario, n) for n in numbers)
            table.rows.append((scenario.name, name, *one, *four))
            if scenario in names:
                figures = names[scenario], 'refused', 'warnings'
                for figure, value in zip(figures, one, strict=True):
                    # The worst of all wikis.
                    found = table.figures.get(figure, value)
                    table.figures[figure] = max(value, found)

    def compare(self, scenario, number):
        """Return what an expiry adds, with so many processes."""
        if scenario.command not in self._known:
            self._known.add(scenario.command)
            self.run(scenario, number, 0)  # fills the caches of Pywikibot
        without = self.run(scenario, number, 0)
        count = self.run(scenario, number, scenario.age)
        return tuple(map(operator.sub, count, without))

    def run(self, scenario, number, age):
        """Run the processes, putting the clock forward at the moment."""
        self.clock.set(0)
        lab.authorize(self.folder, self.wiki, self.client)
        before = len(self.wiki.requests)
        with at_moment(self.wiki, scenario, number, self.clock, age):
            shown = ''.join(self._outputs(scenario.command, number))
        requests = self.wiki.requests[before:]
        refused = sum(r.error is not None or r.status >= 400 for r in requests)
        return len(requests), refused, shown.count('WARNING')

    def _outputs(self, command, number):
        processes = [
            subprocess.Popen(
                [sys.executable, *command, *[str(n)][: len(command) == 1]],
                cwd=self.folder,
                env={**self.environment, 'NUMBER': f'bot{n}'},
                **lab.PIPES,
            )
            for n in range(1, number + 1)
        ]
        for process in processes:
            shown = process.communicate(timeout=lab.SECONDS)[0]
            if process.returncode:
                raise lab.BenchmarkError(f'{command} failed:\n{shown}')
            yield shown


@contextlib.contextmanager
def at_moment(wiki, scenario, number, clock, age):
    """Put the clock forward when so many bots have come to a request."""
    barrier = threading.Barrier(number, lambda: clock.set(age))
    seen = Counter()
    handle = wiki._handle

    def gated(request):
        response = handle(request)
        if scenario.moment is not None and scenario.moment(request):
            bot = request.headers.get('user-agent')
            seen[bot] += 1
            if seen[bot] == scenario.nth:
                barrier.wait(lab.SECONDS)
        return response

    if scenario.moment is None:
        clock.set(age)
    wiki._handle = gated
    try:
        yield
    finally:
        del wiki._handle
