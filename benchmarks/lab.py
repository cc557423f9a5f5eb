"""What the benchmarks share: folders, processes, turns and tables."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median

from tests.sandbox.config import make_config


SECONDS = 120  # more than any process here takes
LIFE = 3600  # of a token, in seconds

# Without this, Pywikibot makes a POST of each request to a plain-http wiki.
GET = 'enable_GET_without_SSL = True\n'
LINES = """
import pywikibot_oauth2 as _oauth2
authenticate[{netloc!r}] = _oauth2.OAuth2Auth({id!r}, {secret!r}{options})
"""


class BenchmarkError(Exception):
    """What was to be measured did not work."""


@dataclass
class Table:
    """The answer to one question.

    :ivar figures: what the last line, the targets and the plot refer to
    """

    title: str
    text: str
    head: tuple
    rows: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)

    def lines(self, between):
        rows = [[str(cell) for cell in row] for row in [self.head, *self.rows]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for name, *cells in rows:
            padded = [
                cell.rjust(width)
                for cell, width in zip(cells, widths[1:], strict=True)
            ]
            yield between.join([name.ljust(widths[0]), *padded])

    def terminal(self):
        lines = [f'  {line.rstrip()}' for line in self.lines('  ')]
        return '\n'.join([self.title, *lines, ''])

    def markdown(self):
        lines = [f'| {line} |' for line in self.lines(' | ')]
        rules = ['---', *['---:'] * (len(self.head) - 1)]
        lines.insert(1, f'| {" | ".join(rules)} |')
        return '\n'.join([f'## {self.title}', '', self.text, '', *lines, ''])


def duration(seconds):
    """Write a time with three digits."""
    for factor, unit in ((1, 's'), (1e3, 'ms'), (1e6, 'µs'), (1e9, 'ns')):
        value = abs(seconds) * factor
        if value >= 1 or unit == 'ns':
            break
    places = 0 if value >= 100 else 1 if value >= 10 else 2
    return f'{seconds * factor:.{places}f} {unit}'


def by_turns(calls, rounds):
    """Call functions by turns; return what each returned, by its name.

    Every other round goes the other way round, so that none of them always
    comes after the same one.
    """
    values = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(calls)[:: -1 if number % 2 else 1]:
            values[name].append(calls[name]())
    return values


def ratio(values, base):
    """Return the median of the ratios of two lists, pair by pair."""
    return median(one / other for one, other in zip(values, base, strict=True))


def configure(folder, wiki, client=None, *, options='', extra='', **settings):
    """Write a bot owner's configuration; return the environment.

    :param client: the client that authenticate has, if any
    """
    if client is not None:
        extra += LINES.format(
            netloc=getattr(wiki, 'netloc', wiki),
            id=client.id,
            secret=client.secret,
            options=options,
        )
    return make_config(folder, wiki, extra=GET + extra, **settings)


def authorize(folder, wiki, client):
    """Store an authorization as `pwb login` would."""
    store_token(
        folder, wiki.url, client.id, wiki.issue(client)._asdict(), wiki.clock()
    )


def store_token(folder, url, client_id, reply, now):
    """Store the authorization that an answer of a wiki gives."""
    from pywikibot_oauth2 import FileStore
    from pywikibot_oauth2.authorization import Authorization
    from pywikibot_oauth2.token import Token

    token = Token.from_reply(reply, now)
    found = Authorization(client_id, url, 'Bot', token, generation=1)
    store = FileStore(folder)
    with store.lock('Bot', client_id):
        store.save('Bot', client_id, found.serialize())


def run(command, folder, environment):
    """Run a command; return what it printed, and its seconds."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    took = time.perf_counter() - start
    if done.returncode:
        raise BenchmarkError(f'{command} failed:\n{done.stdout}')
    return done.stdout, took


def module(name, folder, environment, *arguments):
    """Run a module of this package; return the JSON that it printed."""
    command = [sys.executable, '-m', f'benchmarks.{name}']
    command += map(json.dumps, arguments)
    return json.loads(run(command, folder, environment)[0].splitlines()[-1])


class Worker:
    """A module of this package in a process that answers line by line."""

    def __init__(self, name, folder, environment, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, '-m', f'benchmarks.{name}']
            + [json.dumps(argument) for argument in arguments],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.greeting = self._read()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._process.kill()
        self._process.communicate()

    def ask(self, *question):
        self._process.stdin.write(f'{json.dumps(question)}\n')
        self._process.stdin.flush()
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError('a worker has ended')
        return json.loads(line)


def arguments():
    """Return what a module was given, in its own process."""
    return [json.loads(argument) for argument in sys.argv[1:]]


def answer(value):
    """Print an answer, in the process of a module."""
    os.write(1, json.dumps(value).encode() + b'\n')


@contextlib.contextmanager
def calm():
    """Keep the garbage collector out of a measurement."""
    import gc

    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
