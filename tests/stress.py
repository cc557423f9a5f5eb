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
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.harness import DEAD, Editor, Owner, at_once
from tests.sandbox import Sandbox
from tests.stores.redis_server import RedisServer


STARTUP = 60  # seconds, more than it takes to begin and to end
WRITE = 5  # every so many calls is an edit

SUPERVISE = 'from tests.stress import supervise; supervise()'
MEANING = """
{kills} times one of the processes was ended and another started. Each expiry
took one refresh for all; {again} more were for processes killed after the wiki
had answered and before the token was stored, for which another used the same
refresh token again. A refresh revokes the old token at once: a call on its way
at that moment, or sent by a process that had not yet read the new token from
the store, is refused and sent once more. That is at most one call for each
thread for each refresh, {bound} in all; it was {repeated}.
"""


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
            os.kill(workers[number].pid, setup['signal'])
            workers[number].join()
            workers[number] = fork(work, setup, number, until)
            kills += 1
    for worker in [*workers.values(), fork(work_last, setup)]:
        worker.join()
        if worker.exitcode:
            report('failed', f'a worker ended with {worker.exitcode}')
    report('kills', kills)


def fork(function, *arguments):
    context = multiprocessing.get_context('fork')
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


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


def run(kind, options):
    """Run with a store; return whether nothing was lost and no call failed."""
    life, like = options.token_life, options.like
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        wiki = stack.enter_context(Sandbox(token_life=life, like=like))
        store = ''
        if kind == 'redis':
            url = stack.enter_context(RedisServer()).url
            # The lock of a process that was killed lasts this long.
            store = f', store=_oauth2.RedisStore({url!r}, lock_timeout=1)'
        owner = Owner(folder, wiki, options=store)
        owner.log_in()
        wiki.requests.clear()
        ending = signal.SIGKILL if wiki.is_master else signal.SIGTERM
        setup = {**vars(options), 'signal': ending, 'url': wiki.api_url}
        command = [sys.executable, '-c', SUPERVISE]
        supervisor = stack.enter_context(owner.start(*command))
        seconds = options.seconds + STARTUP
        log = supervisor.communicate(json.dumps(setup) + '\n', seconds)[0]
        good = supervisor.returncode == 0 and judge(kind, options, wiki, log)
    if not good:
        print(log[-10000:])
    return good


def judge(kind, options, wiki, log):
    """Show what the wiki has counted; return whether all is well."""
    heard = {'kills': [], 'failed': [], 'lost': []}
    for line in log.splitlines():
        if line.startswith('["'):
            what, told = json.loads(line)
            heard[what].append(told)
    requests, edits = list(wiki.requests), wiki.edits
    calls = [each for each in requests if each.path.endswith('/api.php')]
    refreshed = [
        request.form['refresh_token']
        for request in requests
        if request.path.endswith('/access_token') and request.status == 200
    ]
    again = len(refreshed) - len(set(refreshed))
    # Nobody renewed the token of the last call.
    renewed = {call.bearer for call in calls} - {None, calls[-1].bearer}
    strange = [call for call in calls if call.bearer is None]
    strange += [edit for edit in edits if edit.user != 'Bot']
    counts = {
        'calls': len(calls),
        'failed': len(heard['failed']),
        'expiries': sum(not wiki.oauth.valid(bearer) for bearer in renewed),
        'refreshes': len(refreshed),
        'lost': int(bool(heard['lost'] or strange)),
        'repeated': sum(call.error == DEAD for call in calls),
    }
    kills = sum(heard['kills'])
    good = (
        not heard['failed']
        and not counts['lost']
        and counts['expiries'] >= options.expiries
        # Perhaps no call used the token of the login.
        and len(refreshed) - again <= counts['expiries'] + 1
        and again <= kills
    )
    bound = options.processes * options.threads * len(refreshed)
    print(MEANING.format(again=again, kills=kills, bound=bound, **counts))
    figures = (f'{name}={count}' for name, count in counts.items())
    verdict = 'OK' if good else 'FAILED'
    print(f'stress: {verdict} store={kind}', *figures, flush=True)
    return good


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
    results = [run(kind, options) for kind in options.stores]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
