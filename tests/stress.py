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

from tests.harness import DEAD, Owner
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
    workers = [
        fork(work, setup, number, until)
        for number in range(setup['processes'])
    ]
    kills = 0
    while time.monotonic() < until:
        pause = random.uniform(0.3, 0.5)
        time.sleep(max(min(pause, until - time.monotonic()), 0))
        number = random.randrange(len(workers))
        if time.monotonic() < until:
            os.kill(workers[number], setup['signal'])
            os.waitpid(workers[number], 0)
            workers[number] = fork(work, setup, number, until)
            kills += 1
    for worker in [*workers, fork(work_last, setup)]:
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
    """Tell the process of the wiki something."""
    # One short write, because all workers share the pipe.
    line = json.dumps([kind, what if kind == 'kills' else str(what)[:400]])
    os.write(1, b'\n' + line.encode() + b'\n')


def work(setup, number, until):
    """Be a bot with several threads that never pauses."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def is_over():
        return stop.is_set() or time.monotonic() >= until

    threads = [
        threading.Thread(
            target=work_thread,
            args=(setup['url'], f'Page {number}-{index}', is_over),
        )
        for index in range(setup['threads'])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def work_thread(url, title, is_over):
    """Read and write in turn."""
    editor = Editor(url, title)
    number = 0
    while not is_over():
        number += 1
        try:
            if number % WRITE:
                editor.read()
            else:
                editor.write(f'{os.getpid()} {number}')
        except Exception as error:
            report('failed', repr(error))


def work_last(setup):
    """Find out whether the authorization is still good."""
    try:
        editor = Editor(setup['url'], 'Last page')
        editor.read()
        editor.write('The end.')
    except Exception as error:
        report('lost', repr(error))


class CallError(Exception):
    """An API call was not answered as it should be."""


class Editor:
    """Calls the API the way Pywikibot does."""

    def __init__(self, url, title):
        self._url = url
        self._title = title
        self._csrf_token = None

    def read(self):
        """Ask who we are."""
        answer = self._call('GET', action='query', meta='userinfo')
        name = answer['query']['userinfo']['name']
        if name != 'Bot':
            raise CallError(f'read as {name}')

    def write(self, text):
        """Save a page; if the CSRF token is of another session, again."""
        edit = {'action': 'edit', 'title': self._title, 'text': text}
        for _ in range(3):
            if self._csrf_token is None:
                answer = self._call('GET', action='query', meta='tokens')
                self._csrf_token = answer['query']['tokens']['csrftoken']
            try:
                self._call(
                    'POST',
                    **edit,
                    token=self._csrf_token,
                    **{'assert': 'user'},
                )
            except CallError as error:
                if str(error) != 'badtoken':
                    raise
                self._csrf_token = None
            else:
                return
        raise CallError('badtoken three times')

    def _call(self, method, **parameters):
        from pywikibot.comms import http

        parameters = {'format': 'json', **parameters}
        place = 'params' if method == 'GET' else 'data'
        response = http.fetch(self._url, method, **{place: parameters})
        if response.status_code != 200:
            raise CallError(f'HTTP status {response.status_code}')
        data = response.json()
        if 'error' in data:
            raise CallError(data['error']['code'])
        return data


# The process of the wiki


class Run:
    """One run with a store, and what came of it."""

    def __init__(self, kind, options):
        self.kind = kind
        self.options = options
        self.kills = 0
        self.failures = []
        self.losses = []
        self.log = ''

    def __call__(self):
        """Do it; return whether nothing was lost and no call failed."""
        options = self.options
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            wiki = stack.enter_context(
                Sandbox(token_life=options.token_life, like=options.like)
            )
            owner = Owner(folder, wiki, options=self._store(stack))
            owner.log_in()
            wiki.requests.clear()
            self._supervise(owner)
            return self._judge(wiki)

    def _store(self, stack):
        """Start what the store needs; return what names it."""
        if self.kind == 'file':
            return ''
        server = stack.enter_context(RedisServer())
        # The lock of a process that was killed lasts this long.
        return f', store=_oauth2.RedisStore({server.url!r}, lock_timeout=1)'

    def _supervise(self, owner):
        """Let the supervisor do its work."""
        options = self.options
        is_master = options.like == 'master'
        setup = {
            'url': owner.wiki.api_url,
            'seconds': options.seconds,
            'threads': options.threads,
            'processes': options.processes,
            'signal': signal.SIGKILL if is_master else signal.SIGTERM,
        }
        with owner.start(sys.executable, '-c', SUPERVISE) as supervisor:
            self.log = supervisor.communicate(
                json.dumps(setup) + '\n', options.seconds + STARTUP
            )[0]
        for line in self.log.splitlines():
            if line.startswith('["'):
                self._hear(*json.loads(line))
        if supervisor.returncode:
            self.failures.append('the supervisor failed')

    def _hear(self, kind, what):
        if kind == 'kills':
            self.kills = what
        else:
            (self.losses if kind == 'lost' else self.failures).append(what)

    def _judge(self, wiki):
        """Show what the wiki has counted; return whether all is well."""
        requests = list(wiki.requests)
        calls = [each for each in requests if each.path.endswith('/api.php')]
        refreshed = [
            request.form['refresh_token']
            for request in requests
            if request.path.endswith('/access_token') and request.status == 200
        ]
        again = len(refreshed) - len(set(refreshed))
        # Nobody renewed the token of the last call.
        ended = {
            call.bearer
            for call in calls
            if call.bearer
            and not wiki.oauth.valid(call.bearer)
            and call.bearer != calls[-1].bearer
        }
        strange = sum(call.bearer is None for call in calls) + sum(
            edit.user != 'Bot' for edit in wiki.edits
        )
        counts = {
            'calls': len(calls),
            'failed': len(self.failures),
            'expiries': len(ended),
            'refreshes': len(refreshed),
            'lost': int(bool(self.losses or strange)),
            'repeated': sum(call.error == DEAD for call in calls),
        }
        self._explain(counts, again, len(wiki.edits))
        good = (
            not counts['failed']
            and not counts['lost']
            and counts['expiries'] >= self.options.expiries
            # The token of the login may have been used by no call.
            and counts['refreshes'] - again <= counts['expiries'] + 1
            and again <= self.kills
        )
        if not good:
            self._complain(strange)
        print(
            f'stress: {"OK" if good else "FAILED"} store={self.kind}',
            *(f'{name}={count}' for name, count in counts.items()),
            flush=True,
        )
        return good

    def _explain(self, counts, again, edits):
        """Say in words what the figures mean."""
        options = self.options
        bound = options.processes * options.threads * counts['refreshes']
        text = (
            f'{options.processes} processes of {options.threads} threads'
            f' made {edits} edits and {counts["calls"] - edits} other calls'
            f' in {options.seconds:g} seconds, on a wiki that plays'
            f' {options.like}, with tokens of {options.token_life} seconds;'
            f' {self.kills} times one of the processes was ended and another'
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

    def _complain(self, strange):
        """Show what can help to find out why it failed."""
        if strange:
            print(f'{strange} calls or edits went without a token.')
        for name, texts in (('failed', self.failures), ('lost', self.losses)):
            for text in sorted(set(texts))[:20]:
                print(f'{name}, {texts.count(text)} times: {text}')
        print(self.log[-10000:])


def main(arguments=None):
    """Show the results; the exit status is 0 if all went well."""
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
