"""Many processes on one authorization, some killed all the time: make stress.

The wiki runs in this process. Another one, the supervisor, has loaded
Pywikibot with a user-config.py and forks the workers, kills one of them
at random again and again, and forks another in its place. What is shown
in the end was counted by the wiki, but for the calls that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests.sandbox import Sandbox
from tests.sandbox.config import make_config
from tests.stores.redis_server import RedisServer


EXPIRIES = 4  # no less, or nothing was shown
STARTUP = 60  # seconds, more than it takes to begin and to end
INVALID = ('mwoauth-invalid-authorization', 'invalid_token')
WRITE = 5  # every so many calls is an edit

CONFIG = """
import pywikibot_oauth2 as _oauth2
{imports}
authenticate[{netloc!r}] = _oauth2.OAuth2Auth(
    {id!r}, {secret!r}, redirect_uri={redirect_uri!r}, store={store})
"""


# The supervisor and the workers


def supervise():
    """Keep workers running, and kill one of them now and then."""
    from pywikibot.comms import http

    from pywikibot_oauth2.authorization import Authorization
    from pywikibot_oauth2.token import Token

    setup = json.load(sys.stdin)
    http.user_agent()  # looks for a git repository, once
    auth = http.get_authentication(setup['url'])
    from pywikibot_oauth2 import host

    token = Token.from_reply(setup['token'], time.time())
    wiki = host.wiki_of(setup['url'])
    auth.route(wiki, 'Bot').account.adopt(
        Authorization(auth.client.client_id, wiki, 'Bot', token)
    )
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
            os.kill(workers[number], signal.SIGKILL)
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
    # One short write, for all workers share the pipe.
    line = json.dumps([kind, what if kind == 'kills' else str(what)[:400]])
    os.write(1, line.encode() + b'\n')


def work(setup, number, until):
    """Be a bot with several threads that never pauses."""
    threads = [
        threading.Thread(
            target=work_thread,
            args=(setup['url'], f'Page {number}-{index}', until),
        )
        for index in range(setup['threads'])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def work_thread(url, title, until):
    """Read and write in turn."""
    editor = Editor(url, title)
    number = 0
    while time.monotonic() < until:
        number += 1
        try:
            if number % WRITE:
                editor.read()
            else:
                editor.write(f'{os.getpid()} {number}')
        except Exception as error:
            report('failed', repr(error))


def work_last(setup):
    """Find out whether the authorization still is good."""
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
        name = self._call('GET', action='query', meta='userinfo')['query'][
            'userinfo'
        ]['name']
        if name != 'Bot':
            raise CallError(f'read as {name}')

    def write(self, text):
        """Save a page; if the CSRF token is of another session, again."""
        for _ in range(3):
            if self._csrf_token is None:
                tokens = self._call('GET', action='query', meta='tokens')
                self._csrf_token = tokens['query']['tokens']['csrftoken']
            try:
                self._call(
                    'POST',
                    action='edit',
                    title=self._title,
                    text=text,
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
        response = http.fetch(
            self._url,
            method,
            **{'params' if method == 'GET' else 'data': parameters},
        )
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
                Sandbox(
                    token_life=options.token_life,
                    like=(__import__('os').environ.get('LIKE') or 'master'),
                )
            )
            client = wiki.register()
            environment = make_config(
                folder,
                wiki,
                extra=CONFIG.format(
                    netloc=wiki.netloc,
                    id=client.id,
                    secret=client.secret,
                    redirect_uri=client.redirect_uri,
                    **self._store(stack),
                ),
            )
            self._supervise(
                environment,
                folder,
                {
                    'url': wiki.api_url,
                    'token': wiki.issue(client)._asdict(),
                    'seconds': options.seconds,
                    'threads': options.threads,
                    'processes': options.processes,
                },
            )
            return self._judge(wiki)

    def _store(self, stack):
        """Start what the store needs; return what makes it."""
        if self.kind == 'file':
            return {'imports': '', 'store': 'None'}
        server = stack.enter_context(RedisServer())
        # The lock of one that was killed is in the way for so long.
        return {
            'imports': 'from pywikibot_oauth2 import'
            ' RedisStore as _RedisStore',
            'store': f'_RedisStore({server.url!r}, lock_timeout=1)',
        }

    def _supervise(self, environment, folder, setup):
        """Let the supervisor do its work."""
        log = folder / 'log'
        with log.open('wb') as file:
            supervisor = subprocess.Popen(
                [
                    sys.executable,
                    '-c',
                    'from tests.stress import supervise; supervise()',
                ],
                env=environment,
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                start_new_session=True,
            )
        try:
            answer = supervisor.communicate(
                json.dumps(setup), timeout=setup['seconds'] + STARTUP
            )[0]
        finally:
            # Of its session are its workers, too, if there still are any.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(supervisor.pid, signal.SIGKILL)
            supervisor.wait()
        for kind, what in map(json.loads, answer.splitlines()):
            if kind == 'kills':
                self.kills = what
            else:
                (self.losses if kind == 'lost' else self.failures).append(what)
        if supervisor.returncode:
            self.failures.append('the supervisor failed')
        self.log = log.read_text()

    def _judge(self, wiki):
        """Show what the wiki has counted; return whether all is well."""
        with wiki.lock:
            requests = list(wiki.requests)
        calls = [
            request
            for request in requests
            if request.path.endswith('/api.php')
        ]
        refreshed = [
            request.form['refresh_token']
            for request in requests
            if request.path.endswith('/access_token')
            and request.form['grant_type'] == 'refresh_token'
            and request.status == 200
        ]
        again = len(refreshed) - len(set(refreshed))
        # But for the token of the last call, which nobody renewed.
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
            'repeated': sum(call.error in INVALID for call in calls),
        }
        self._explain(counts, again, len(wiki.edits))
        good = (
            not counts['failed']
            and not counts['lost']
            and counts['expiries'] >= EXPIRIES
            and counts['refreshes'] - again <= counts['expiries']
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
            f' in {options.seconds:g} seconds, with tokens of'
            f' {options.token_life} seconds; {self.kills} times one of the'
            ' processes was killed with SIGKILL and another started. Each'
            f' expiry took one refresh for all; {again} more were for'
            ' processes killed after the wiki had answered and before the'
            ' token was stored, for which another used the same refresh'
            ' token again. A refresh revokes the old token at once: a call'
            ' on its way at that moment, or sent by a process that had not'
            ' yet read the new token from the store, is refused and sent'
            ' once more. That is at most one call for each thread for each'
            f' refresh, {bound} in all; it was {counts["repeated"]}.'
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
    parser = argparse.ArgumentParser(prog='stress', description=__doc__)
    parser.add_argument(
        '--seconds', type=float, default=20, help='for each store'
    )
    parser.add_argument(
        '--stores',
        nargs='+',
        choices=['file', 'redis'],
        default=['file', 'redis'],
    )
    parser.add_argument('--processes', type=int, default=8)
    parser.add_argument('--threads', type=int, default=8)
    parser.add_argument('--token-life', type=int, default=3, help='in seconds')
    options = parser.parse_args(arguments)
    try:
        results = [Run(kind, options)() for kind in options.stores]
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        print(f'stress: FAILED {missing}')
        return 1
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
