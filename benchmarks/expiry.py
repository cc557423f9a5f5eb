"""What an expiry costs: requests more, refused requests and warnings.

The wiki and the bots read the time from one file. When the moment of a
scenario has come for each bot, the wiki puts the clock forward before it
answers; the same run without that is what the counts are compared with.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks import lab
from tests.sandbox import Sandbox


OPTIONS = ', clock=_now'
CONFIG = """
step = 5
user_agent_description = __import__('os').environ.get('NUMBER', '')
def _now(path={path!r}):
    import time
    with open(path) as file:
        return time.time() + float(file.read())
"""
EDITS = """
import sys
import pywikibot
site = pywikibot.Site()
for number in range(2):
    page = pywikibot.Page(site, f'Page {sys.argv[1]}')
    page.text += f'\\n* edit {number}'
    page.save('test', quiet=True)
"""
UPLOAD = """
import os
import sys
import pywikibot
name = os.path.basename(sys.argv[2])
page = pywikibot.FilePage(pywikibot.Site(), f'File:{name}')
page.upload(sys.argv[2], chunk_size=100_000, text='A picture.',
            ignore_warnings=True)
"""
PWB = str(Path(sysconfig.get_path('scripts'), 'pwb'))


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


class Count(NamedTuple):
    """What a run came to."""

    requests: int
    refused: int
    warnings: int


def _is_edit(request):
    return request.form.get('action') == 'edit'


def _is_last_read(request):
    """Return whether it is what Pywikibot asks last before it edits."""
    return request.form.get('inprop') == 'protection'


def _is_listing(request):
    return 'allpages' in {**request.query, **request.form}.values()


def _is_chunk(request):
    return b'name="chunk"' in request.body


class Scenario(NamedTuple):
    """When a token expires.

    :ivar moment: which request of a bot it is, None for before the start
    :ivar nth: the how manyth of these
    :ivar late: the seconds since the expiry, negative if the token is only
        due
    """

    name: str
    command: tuple
    moment: object = None
    nth: int = 1
    late: int = 1


PYTHON = (sys.executable,)
AT_START = Scenario('at the start', (*PYTHON, 'edits.py'))
BETWEEN = Scenario('between two edits', (*PYTHON, 'edits.py'), _is_edit)
DUE, EXPIRED = -30, 1
SANDBOX = [
    AT_START,
    BETWEEN,
    Scenario(
        'while an edit waits, due',
        (*PYTHON, 'edits.py'),
        _is_last_read,
        2,
        DUE,
    ),
    Scenario(
        'while an edit waits, expired',
        (*PYTHON, 'edits.py'),
        _is_last_read,
        2,
        EXPIRED,
    ),
]
MEDIAWIKI = [
    AT_START,
    BETWEEN,
    Scenario(
        'between two pages of a listpages',
        (*PYTHON, PWB, 'listpages', '-start:!'),
        _is_listing,
    ),
    Scenario(
        'between two chunks of an upload, due',
        (*PYTHON, 'upload.py'),
        _is_chunk,
        1,
        DUE,
    ),
    Scenario(
        'between two chunks of an upload, expired',
        (*PYTHON, 'upload.py'),
        _is_chunk,
        1,
        EXPIRED,
    ),
]


def measure(*, short=False):
    """Run all scenarios on the wikis there are."""
    table = lab.Table(
        '2. An expiry',
        'More requests than in the same run without the expiry, those that'
        ' the wiki refused, and warnings in the terminal, for one process and'
        ' for four at once with the same token. "1.43" and "master" are the'
        ' sandbox in the manner of these releases, "MediaWiki" is the Debian'
        ' package. "Due" means half a minute before the expiry. What cannot'
        ' be avoided is one request for the token, and one by each process'
        ' that has edited before for a new CSRF token.',
        ('', 'wiki', *(f'{n} x {what}' for n in (1, 4) for what in (
            'more', 'refused', 'warnings'))),
    )  # fmt: skip
    numbers = (1,) if short else (1, 4)
    for like in ('master',) if short else ('1.43', 'master'):
        _on_wiki(
            table, like, SANDBOX, numbers, lambda **o: Sandbox(like=like, **o)
        )
    if not short:
        from tests.mediawiki import RealWiki

        _on_wiki(table, 'MediaWiki', MEDIAWIKI, numbers, RealWiki)
    return table


def _on_wiki(table, name, scenarios, numbers, make_wiki):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clock = Clock(folder / 'clock')
        with make_wiki(token_life=lab.LIFE, clock=clock) as wiki:
            _fill(wiki)
            grants = ('basic', 'highvolume', 'editpage')
            grants += ('createeditmovepage', 'uploadfile')
            bots = _Bots(folder, wiki, wiki.register(grants=grants), clock)
            for scenario in scenarios:
                counts = [bots.compare(scenario, n) for n in numbers]
                _note(table.figures, scenario, counts[0])
                cells = [cell for count in counts for cell in count]
                cells += [''] * (6 - len(cells))
                table.rows.append((scenario.name, name, *cells))


def _note(figures, scenario, count):
    """Note the worst of all wikis for what there are targets for."""
    names = {AT_START: 'extra_start', BETWEEN: 'extra_between_edits'}
    if scenario in names:
        found = {
            names[scenario]: count.requests,
            'refused': count.refused,
            'warnings': count.warnings,
        }
        for name, value in found.items():
            figures[name] = max(value, figures.get(name, value))


def _fill(wiki):
    add = getattr(getattr(wiki, 'mediawiki', None), 'edit', wiki.add_page)
    for number in range(1, 9):
        add(f'Page {number}', 'A page.')


class _Bots:
    """Some processes with one token file."""

    def __init__(self, folder, wiki, client, clock):
        self.folder = folder
        self.wiki = wiki
        self.client = client
        self.clock = clock
        self.environment = lab.configure(
            folder,
            wiki,
            client,
            options=OPTIONS,
            extra=CONFIG.format(path=str(clock.path)),
        )
        (folder / 'edits.py').write_text(EDITS)
        (folder / 'upload.py').write_text(UPLOAD)
        self._known = set()

    def compare(self, scenario, number):
        """Return what an expiry adds, with so many processes."""
        if scenario.command not in self._known:
            self._known.add(scenario.command)
            self.run(scenario, number, 0)  # fills the caches of Pywikibot
        without = self.run(scenario, number, 0)
        count = self.run(scenario, number, lab.LIFE + scenario.late)
        return count._replace(requests=count.requests - without.requests)

    def run(self, scenario, number, offset):
        """Run the processes, putting the clock forward at the moment."""
        self.clock.set(0)
        lab.authorize(self.folder, self.wiki, self.client)
        before = len(self.wiki.requests)
        if scenario.moment is None:
            self.clock.set(offset)
        with _moment(
            self.wiki, scenario, number, lambda: self.clock.set(offset)
        ):
            shown = self._start(scenario.command, number)
        requests = self.wiki.requests[before:]
        refused = [
            request
            for request in requests
            if request.error is not None or (request.status or 500) >= 400
        ]
        return Count(len(requests), len(refused), shown.count('WARNING'))

    def _start(self, command, number):
        processes = []
        for index in range(1, number + 1):
            arguments = [str(index)]
            if 'upload.py' in command:
                path = self.folder / f'{time.time_ns()}.png'
                path.write_bytes(_picture())
                arguments.append(str(path))
            processes.append(
                subprocess.Popen(
                    [*command, *arguments]
                    if 'listpages' not in command
                    else command,
                    cwd=self.folder,
                    env={**self.environment, 'NUMBER': f'bot{index}'},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        shown = ''
        for process in processes:
            shown += process.communicate(timeout=lab.SECONDS)[0]
            if process.returncode:
                raise lab.BenchmarkError(f'{command} failed:\n{shown}')
        return shown


@contextlib.contextmanager
def _moment(wiki, scenario, number, action):
    """Do something when so many bots have come to a request."""
    barrier = threading.Barrier(number, action)
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

    wiki._handle = gated
    try:
        yield
    finally:
        del wiki._handle


def _picture(side=500):
    """Return a PNG file of 250 kB that is different each time."""
    rows = b''.join(b'\0' + os.urandom(side) for _ in range(side))
    header = struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0)
    chunks = (b'IHDR', header), (b'IDAT', zlib.compress(rows)), (b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        struct.pack('>I', len(data))
        + kind
        + data
        + struct.pack('>I', zlib.crc32(kind + data))
        for kind, data in chunks
    )
