"""What an expiry costs: requests more, refused requests and warnings.

When each bot has come to the moment of a scenario, the wiki puts the clock
forward, which the bots share, and answers.
"""

import contextlib
import operator
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
import requests

from benchmarks import lab
from tests.mediawiki import RealWiki
from tests.sandbox import Sandbox


CONFIG = """
step = 5
user_agent_description = __import__('os').environ['NUMBER']
def _now():
    import time
    with open({path!r}) as file:
        return time.time() + float(file.read())
"""
EDITS = """
import os
import pywikibot
for number in range(2):
    page = pywikibot.Page(pywikibot.Site(), 'Page ' + os.environ['NUMBER'])
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
    """When a token expires: at the nth of some requests of a bot, or due."""

    name: str
    command: tuple
    is_moment: object
    nth: int = 1
    age: int = lab.LIFE + 1


def has(value):
    """Return a function that tells whether a request has a parameter."""
    return lambda request: (
        value in {**request.query, **request.form}.values()
        or f'name="{value}"'.encode() in request.body
    )


EDIT, UPLOADING = ('edits.py',), ('upload.py',)
LIST = lab.PWB, 'listpages', '-start:!'
COMMON = (
    Scenario('at the start', EDIT, None),
    Scenario('between two edits', EDIT, has('edit')),
)
EXTRA = {COMMON[0]: 'extra_start', COMMON[1]: 'extra_between_edits'}
# What is read here is the last before an edit.
SANDBOX = (
    Scenario(
        'while an edit waits, due', EDIT, has('protection'), 2, lab.LIFE - 30
    ),
    Scenario('while an edit waits, expired', EDIT, has('protection'), 2),
)
MEDIAWIKI = (
    Scenario('between two pages of a listpages', LIST, has('allpages')),
    Scenario(
        'between two chunks, due', UPLOADING, has('chunk'), 1, lab.LIFE - 30
    ),
    Scenario('between two chunks, expired', UPLOADING, has('chunk')),
)
TOKENS = '?action=query&meta=tokens'
KINDS = ('1.43', SANDBOX), ('master', SANDBOX), ('MediaWiki', MEDIAWIKI)


def measure(*, short=False):
    """Run all scenarios on the wikis there are."""
    table = lab.Table(
        *('', 'wiki', '1 process: more', 'refused', 'warnings'),
        *('4 processes: more', 'refused', 'warnings'),
    )
    for name, scenarios in KINDS[1:2] if short else KINDS:
        with contextlib.ExitStack() as stack:
            try:
                bots = _Bots(stack, name)
            except pytest.skip.Exception as missing:
                table.rows.append((f'{missing}', name, *[''] * 6))
                continue
            for scenario in COMMON + scenarios:
                one = bots.compare(scenario, 1)
                try:
                    four = [''] * 3 if short else bots.compare(scenario, 4)
                except RuntimeError:
                    four = 'failed', '', ''  # see template.md
                table.rows.append((scenario.name, name, *one, *four))
                if scenario in EXTRA:
                    figures = EXTRA[scenario], 'refused', 'warnings'
                    for figure, value in zip(figures, one, strict=True):
                        worst = max(value, table.figures.get(figure, value))
                        table.figures[figure] = worst
    return table


class _Bots:
    """A wiki, and processes with one token file."""

    def __init__(self, stack, kind):
        self.folder = Path(stack.enter_context(TemporaryDirectory()))
        self.clock = Clock(self.folder / 'clock')
        options = {'token_life': lab.LIFE, 'clock': self.clock}
        if kind == 'MediaWiki':
            self.wiki = stack.enter_context(RealWiki(**options))
            add = self.wiki.mediawiki.edit
        else:
            self.wiki = stack.enter_context(Sandbox(like=kind, **options))
            add = self.wiki.add_page
        for number in range(1, 9):
            add(f'Page {number}', 'A page.')
        grants = ('basic', 'highvolume', 'editpage', 'createeditmovepage')
        self.client = self.wiki.register(grants=(*grants, 'uploadfile'))
        extra = CONFIG.format(path=str(self.clock.path))
        options = {'options': ', clock=_now', 'extra': extra}
        where = self.folder, self.wiki, self.client
        self.environment = lab.configure(*where, **options)
        (self.folder / 'edits.py').write_text(EDITS)
        (self.folder / 'upload.py').write_text(UPLOAD)

    def compare(self, scenario, number):
        """Return what an expiry adds, with so many processes."""
        if number == 1:
            self.run(scenario, number, 0)  # fills the caches of Pywikibot
        without = self.run(scenario, number, 0)
        counts = self.run(scenario, number, scenario.age)
        return tuple(map(operator.sub, counts, without))

    def run(self, scenario, number, age):
        """Return requests, refused requests and warnings of a run."""
        self.clock.set(0)
        header = lab.authorize(self.folder, self.wiki, self.client)
        if number > 1:  # begin the session; see template.md
            requests.get(f'{self.wiki.api_url}{TOKENS}', headers=header)
        before = len(self.wiki.requests)
        with at_moment(self.wiki, scenario, number, self.clock, age):
            shown = ''.join(self._outputs(scenario.command, number))
        return *count(self.wiki.requests[before:]), shown.count('WARNING')

    def _outputs(self, command, number):
        processes, command = [], [sys.executable, *command]
        for index in range(1, number + 1):
            options = {**lab.PIPES, 'cwd': self.folder}
            options['env'] = {**self.environment, 'NUMBER': str(index)}
            processes.append(subprocess.Popen(command, **options))
        for process in processes:
            shown = process.communicate(timeout=lab.SECONDS)[0]
            if process.returncode:
                raise RuntimeError(f'{command} failed:\n{shown}')
            yield shown


def count(requests):
    """Return how many requests there were, and how many were refused."""
    refused = [one.error is not None or one.status >= 400 for one in requests]
    return len(requests), sum(refused)


@contextlib.contextmanager
def at_moment(wiki, scenario, number, clock, age):
    """Put the clock forward when so many bots have come to a request."""
    barrier = threading.Barrier(number, lambda: clock.set(age))
    seen, handle = Counter(), wiki._handle

    def gated(request):
        is_one = scenario.is_moment is not None and scenario.is_moment(request)
        response = handle(request)
        bot = request.headers.get('user-agent')
        seen[bot] += is_one
        if is_one and seen[bot] == scenario.nth:
            barrier.wait(lab.SECONDS)
        return response

    if scenario.is_moment is None:
        clock.set(age)
    wiki._handle = gated
    try:
        yield
    finally:
        del wiki._handle
