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
import threading
import time
from concurrent.futures import ThreadPoolExecutor
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

    def work_thread(index):
        editor = Editor(setup['url'], f'Page {number}-{index}')
        for call in itertools.count(1):
            if stop.is_set() or time.monotonic() >= until:
                return
            try:
                if call % WRITE:
                    editor.read()
                else:
                    editor.write(f'{os.getpid()} {call}')
            except Exception as error:
                report('failed', repr(error))

    with ThreadPoolExecutor(setup['threads']) as pool:
        list(pool.map(work_thread, range(setup['threads'])))


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
        edit['assert'] = 'user'
        for _ in range(3):
            if self._csrf_token is None:
                answer = self._call('GET', action='query', meta='tokens')
                self._csrf_token = answer['query']['tokens']['csrftoken']
            try:
                self._call('POST', **edit, token=self._csrf_token)
            except CallError as error:
                if str(error) != 'badtoken':
                    raise
                self._csrf_token = None
            else:
                return
        raise CallError('badtoken three times')

    def _call(self, method, **parameters):
        from pywikibot.comms import http

        place = 'params' if method == 'GET' else 'data'
        parameters['format'] = 'json'
        response = http.fetch(self._url, method, **{place: parameters})
        if response.status_code != 200:
            raise CallError(f'HTTP status {response.status_code}')
        data = response.json()
        if 'error' in data:
            raise CallError(data['error']['code'])
        return data


# The process of the wiki


def run(kind, options):
    """Do it with a store; return whether nothing was lost and none failed."""
    store = ''
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        wiki = stack.enter_context(
            Sandbox(token_life=options.token_life, like=options.like)
        )
        if kind == 'redis':
            url = stack.enter_context(RedisServer()).url
            # The lock of a process that was killed lasts this long.
            store = f', store=_oauth2.RedisStore({url!r}, lock_timeout=1)'
        owner = Owner(folder, wiki, options=store)
        owner.log_in()
        wiki.requests.clear()
        log = let_work(owner, options)
        lines = [line for line in log.splitlines() if line.startswith('["')]
        good = judge(kind, options, wiki, map(json.loads, lines))
        if not good:
            print(log[-10000:])
        return good


def let_work(owner, options):
    """Let the supervisor do its work; return what it and its workers said."""
    is_master = options.like == 'master'
    setup = {
        'url': owner.wiki.api_url,
        'seconds': options.seconds,
        'threads': options.threads,
        'processes': options.processes,
        'signal': signal.SIGKILL if is_master else signal.SIGTERM,
    }
    with owner.start(sys.executable, '-c', SUPERVISE) as supervisor:
        log = supervisor.communicate(
            json.dumps(setup) + '\n', options.seconds + STARTUP
        )[0]
    if supervisor.returncode:
        log += '\n["failed", "the supervisor failed"]'
    return log


def count(wiki, told):
    """Return what the wiki has counted."""
    requests = list(wiki.requests)
    calls = [each for each in requests if each.path.endswith('/api.php')]
    refreshed = [
        request.form['refresh_token']
        for request in requests
        if request.path.endswith('/access_token') and request.status == 200
    ]
    # Nobody renewed the token of the last call.
    bearers = {call.bearer for call in calls} - {None, calls[-1].bearer}
    return {
        'calls': len(calls),
        'failed': len(told['failed']),
        'expiries': sum(not wiki.oauth.valid(each) for each in bearers),
        'refreshes': len(refreshed),
        'lost': len(told['lost']),
        # A refresh revokes the old token at once: a call on its way at
        # that moment is refused and sent once more.
        'repeated': sum(call.error == DEAD for call in calls),
        'edits': len(wiki.edits),
        'kills': sum(told['kills']),
        # For processes killed before the new token was stored.
        'again': len(refreshed) - len(set(refreshed)),
        'anonymous': sum(call.bearer is None for call in calls)
        + sum(edit.user != 'Bot' for edit in wiki.edits),
    }


def judge(kind, options, wiki, heard):
    """Show what was counted; return whether all is well."""
    told = {'kills': [], 'failed': [], 'lost': []}
    for name, what in heard:
        told[name].append(what)
    n = count(wiki, told)
    good = (
        not (n['failed'] or n['lost'] or n['anonymous'])
        and n['expiries'] >= options.expiries
        # The token of the login may have been used by no call.
        and n['refreshes'] - n['again'] <= n['expiries'] + 1
        and n['again'] <= n['kills']
    )
    for name in ('failed', 'lost'):
        for text in sorted(set(told[name]))[:20]:
            print(f'{name}, {told[name].count(text)} times: {text}')
    summary = ' '.join(f'{name}={number}' for name, number in n.items())
    result = 'OK' if good else 'FAILED'
    print(f'stress: {result} store={kind} {summary}', flush=True)
    return good


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
        results = [run(kind, options) for kind in options.stores]
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        print(f'stress: FAILED {missing}')
        return 1
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
