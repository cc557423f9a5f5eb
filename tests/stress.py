"""Many processes on one authorization, some killed all the time: make stress.

The wiki runs in this process. Another one, the supervisor, has loaded
Pywikibot with a user-config.py and forks the workers. Again and again it
ends one of them at random, and forks another in its place: with SIGKILL on a
wiki that takes a refresh token again, otherwise with SIGTERM, after which a
worker makes no more calls. What is shown in the end was counted by the wiki,
except for the calls that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests.harness import DEAD, Editor, Owner, at_once
from tests.sandbox import Sandbox
from tests.stores.redis_server import RedisServer


STARTUP = 60  # seconds, more than it takes to begin and to end
WRITE = 5  # every so many calls is an edit

SUPERVISE = 'from tests.stress import supervise; supervise()'


# The supervisor and the workers


def supervise():
    """Keep workers running, and end one of them now and then."""
    from pywikibot.comms import http

    setup = json.loads(sys.stdin.readline())
    http.user_agent()  # looks for a git repository, once
    until = time.monotonic() + setup['seconds']
    numbers, kills = range(setup['processes']), 0
    workers = {number: fork(work, setup, number, until) for number in numbers}
    while time.monotonic() < until:
        pause = random.uniform(0.3, 0.5)
        time.sleep(max(min(pause, until - time.monotonic()), 0))
        number = random.choice(numbers)
        if time.monotonic() < until:
            os.kill(workers[number], setup['signal'])
            os.waitpid(workers[number], 0)
            workers[number] = fork(work, setup, number, until)
            kills += 1
    for worker in [*workers.values(), fork(work_last, setup)]:
        status = os.waitpid(worker, 0)[1]
        if status:
            report('failed', f'a worker ended with status {status}')
    report('kills', kills)


def fork(function, *arguments):
    """Call a function in a new process; return its number."""
    child = os.fork()
    if child:
        return child
    try:
        random.seed()
        function(*arguments)
        os._exit(0)
    except BaseException as error:
        report('failed', f'{function.__name__}: {error!r}')
        raise
    finally:
        os._exit(1)


def report(kind, what):
    # One short write, because all workers share the pipe.
    line = json.dumps([kind, what if kind == 'kills' else str(what)[:400]])
    os.write(1, b'\n' + line.encode() + b'\n')


def work(setup, number, until):
    """Be a bot with several threads that never pauses."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def read_and_write(index):
        editor, title = Editor(setup['url']), f'Page {number}-{index}'
        for count in itertools.count(1):
            if stop.is_set() or time.monotonic() >= until:
                return
            try:
                if count % WRITE:
                    editor.read()
                else:
                    editor.write(title, f'{os.getpid()} {count}')
            except Exception as error:
                report('failed', repr(error))

    at_once(setup['threads'], read_and_write)


def work_last(setup):
    try:
        editor = Editor(setup['url'])
        editor.read()
        editor.write('Last page', 'The end.')
    except Exception as error:
        report('lost', repr(error))


# The process of the wiki


class Run:
    """One run with a store, and what came of it."""

    def __init__(self, kind, options):
        self.kind, self.options = kind, options
        self.heard = {'kills': [], 'failed': [], 'lost': []}
        self.log = ''

    def __call__(self):
        """Do it; return whether nothing was lost and no call failed."""
        life, like = self.options.token_life, self.options.like
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            wiki = stack.enter_context(Sandbox(token_life=life, like=like))
            store = ''
            if self.kind == 'redis':
                url = stack.enter_context(RedisServer()).url
                # The lock of a process that was killed lasts this long.
                store = f', store=_oauth2.RedisStore({url!r}, lock_timeout=1)'
            owner = Owner(folder, wiki, options=store)
            owner.log_in()
            wiki.requests.clear()
            self._supervise(owner)
            return self._judge(wiki)

    def _supervise(self, owner):
        is_master = self.options.like == 'master'
        ending = signal.SIGKILL if is_master else signal.SIGTERM
        setup = {**vars(self.options), 'signal': ending}
        setup['url'] = owner.wiki.api_url
        with owner.start(sys.executable, '-c', SUPERVISE) as supervisor:
            self.log = supervisor.communicate(
                json.dumps(setup) + '\n', self.options.seconds + STARTUP
            )[0]
        for line in self.log.splitlines():
            if line.startswith('["'):
                kind, what = json.loads(line)
                self.heard[kind].append(what)
        if supervisor.returncode:
            self.heard['failed'].append('the supervisor failed')

    def _judge(self, wiki):
        """Show what the wiki has counted; return whether all is well."""
        requests, valid = list(wiki.requests), wiki.oauth.valid
        calls = [each for each in requests if each.path.endswith('/api.php')]
        refreshed = [
            request.form['refresh_token']
            for request in requests
            if request.path.endswith('/access_token') and request.status == 200
        ]
        again = len(refreshed) - len(set(refreshed))
        bearers = {call.bearer for call in calls}
        # Nobody renewed the token of the last call.
        renewed = bearers - {None, calls[-1].bearer}
        expiries = sum(not valid(bearer) for bearer in renewed)
        strange = sum(call.bearer is None for call in calls) + sum(
            edit.user != 'Bot' for edit in wiki.edits
        )
        failures, losses = self.heard['failed'], self.heard['lost']
        counts = {
            'calls': len(calls),
            'failed': len(failures),
            'expiries': expiries,
            'refreshes': len(refreshed),
            'lost': int(bool(losses or strange)),
            'repeated': sum(call.error == DEAD for call in calls),
        }
        kills = sum(self.heard['kills'])
        self._explain(counts, again, kills, len(wiki.edits))
        good = (
            not failures
            and not counts['lost']
            and expiries >= self.options.expiries
            # The token of the login may have been used by no call.
            and len(refreshed) - again <= expiries + 1
            and again <= kills
        )
        if not good:
            print(f'{strange} calls or edits went without a token.')
            for text in sorted({*failures, *losses})[:20]:
                print(f'{(failures + losses).count(text)} times: {text}')
            print(self.log[-10000:])
        print(
            f'stress: {"OK" if good else "FAILED"} store={self.kind}',
            *(f'{name}={count}' for name, count in counts.items()),
            flush=True,
        )
        return good

    def _explain(self, counts, again, kills, edits):
        """Say in words what the figures mean."""
        options = self.options
        bound = options.processes * options.threads * counts['refreshes']
        text = (
            f'{options.processes} processes of {options.threads} threads'
            f' made {edits} edits and {counts["calls"] - edits} other calls'
            f' in {options.seconds:g} seconds, on a wiki that plays'
            f' {options.like}, with tokens of {options.token_life} seconds;'
            f' {kills} times one of the processes was ended and another'
            f' started. Each expiry took one refresh for all; {again} more'
            ' were for processes killed after the wiki had answered and'
            ' before the token was stored, for which another used the same'
            ' refresh token again. A refresh revokes the old token at once:'
            ' a call on its way at that moment, or sent by a process that'
            ' had not yet read the new token from the store, is refused and'
            ' sent once more. That is at most one call for each thread for'
            f' each refresh, {bound} in all; it was {counts["repeated"]}.'
        )
        print(f'\n{textwrap.fill(text, 79)}', flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog='stress')
    parser.add_argument('--seconds', type=float, default=20)
    parser.add_argument('--stores', nargs='+', default=['file', 'redis'])
    parser.add_argument('--processes', type=int, default=8)
    parser.add_argument('--threads', type=int, default=8)
    parser.add_argument('--token-life', type=int, default=3)
    parser.add_argument('--expiries', type=int, default=4)
    parser.add_argument('--like', choices=['1.43', 'master'], default='1.43')
    options = parser.parse_args(arguments)
    try:
        results = [Run(kind, options)() for kind in options.stores]
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        print(f'stress: FAILED {missing}')
        return 1
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
