"""What the benchmarks share: folders, processes, turns and tables."""

import json
import os
import resource
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from statistics import median

from tests.sandbox.config import make_config


SECONDS = 120  # more than any process here takes
LIFE = 3600  # of a token, in seconds
PWB = str(Path(sysconfig.get_path('scripts'), 'pwb'))
PIPES = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE}
PIPES |= {'stderr': subprocess.STDOUT, 'text': True}
# Otherwise Pywikibot makes a POST of each request to a wiki without https.
GET = 'enable_GET_without_SSL = True\n'
LINES = """
import pywikibot_oauth2 as _oauth2
authenticate[{netloc!r}] = _oauth2.OAuth2Auth({id!r}, {secret!r}{options})
"""


class Table:
    """The answer to one question, with figures for the last line."""

    def __init__(self, *head):
        self.rows = [head]
        self.figures = {}

    def __str__(self):
        rows = [[str(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        rules = ['-' * (width - 1) for width in widths]
        rows.insert(1, [f'{rules[0]}-', *[f'{rule}:' for rule in rules[1:]]])
        lines = []
        for name, *cells in rows:
            padded = name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])
            lines.append(f'| {" | ".join(padded)} |')
        return '\n'.join(lines)


def duration(seconds):
    """Write a time with three digits."""
    units = {'s': 1, 'ms': 1e3, 'µs': 1e6, 'ns': 1e9}
    unit = next((unit for unit in units if seconds * units[unit] >= 1), 'ns')
    return f'{float(f"{seconds * units[unit]:.3g}"):g} {unit}'


def timed(call, *arguments):
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def by_turns(calls, rounds):
    """Call functions by turns, every other time backwards."""
    values = {name: [] for name in calls}
    for number in range(rounds):
        for name in list(calls)[:: -1 if number % 2 else 1]:
            values[name].append(calls[name]())
    return values


def ratio(values, base):
    """Return the median of the ratios of two lists, pair by pair."""
    return median(map(float.__truediv__, values, base))


def configure(folder, wiki, client=None, *, options='', extra='', **settings):
    """Write a configuration; return the environment to run scripts in."""
    if client is not None:
        ours = {'id': client.id, 'secret': client.secret, 'options': options}
        extra += LINES.format(netloc=wiki.netloc, **ours)
    return make_config(folder, wiki, extra=GET + extra, **settings)


def authorize(folder, wiki, client, reply=None):
    """Store an authorization as `pwb login` would; return its header."""
    from pywikibot_oauth2 import FileStore
    from pywikibot_oauth2.authorization import Authorization
    from pywikibot_oauth2.token import Token

    reply = reply or wiki.issue(client)._asdict()
    token = Token.from_reply(reply, wiki.clock())
    found = Authorization(client.id, wiki.url, 'Bot', token, generation=1)
    store = FileStore(folder)
    with store.lock('Bot', client.id):
        store.save('Bot', client.id, found.serialize())
    return {'Authorization': token.header}


def run(command, folder, environment):
    """Run a command; return what it printed, and its processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, cwd=folder, env=environment, timeout=SECONDS, **PIPES
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f'{command} failed:\n{done.stdout}')
    return done.stdout, sum(after[:2]) - sum(before[:2])


class Worker:
    """A module of this package in a process that answers line by line."""

    def __init__(self, stack, name, folder, environment, *arguments):
        command = [sys.executable, '-m', f'benchmarks.{name}']
        command += map(json.dumps, arguments)
        pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE}
        self._process = stack.enter_context(
            subprocess.Popen(command, cwd=folder, env=environment, **pipes)
        )
        stack.callback(self._process.kill)

    def read(self):
        return json.loads(self._process.stdout.readline())

    def ask(self, *question):
        self._process.stdin.write(json.dumps(question).encode() + b'\n')
        self._process.stdin.flush()
        return self.read()


def arguments():
    """Return what a worker was given, in its own process."""
    return [json.loads(argument) for argument in sys.argv[1:]]


def answer(value):
    """Print an answer, in the process of a worker."""
    os.write(1, json.dumps(value).encode() + b'\n')
