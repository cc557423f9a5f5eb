"""What a request costs: authentication alone, and a whole request."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks import lab


OURS = 'pywikibot-oauth2'
OAUTH2 = 'requests_oauthlib.OAuth2'
OAUTH1 = 'requests_oauthlib.OAuth1'
NOTHING = 'no authentication'
# What Pywikibot takes for OAuth 1; it makes an object for each request.
OAUTH1_KEYS = ('c' * 32, 's' * 40, 't' * 32, 'u' * 40)
ID, SECRET = 'c' * 32, 's' * 40
REPLY = {
    'access_token': 'a' * 900,
    'refresh_token': 'b' * 876,
    'expires_in': 86400,
    'token_type': 'Bearer',
}

SMALL, EDIT, UPLOAD = 'small form', '300 kB edit', '5 MB upload'
ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n'
    b'Content-Length: 21\r\n\r\n{"batchcomplete": ""}'
)


def measure(*, short=False):
    """Measure both, each in several processes."""
    table = lab.Table(
        '1. A request',
        'The times are those of the authentication alone, without sending'
        ' the request. The ratios compare whole requests by'
        ' `pywikibot.comms.http.fetch` to a server on this machine that does'
        ' nothing; each alternative has a process of its own, and these'
        ' take turns. Both are medians.',
        ('', OURS, OAUTH2, OAUTH1, 'whole request: ours', OAUTH2, OAUTH1),
    )
    with tempfile.TemporaryDirectory() as folder:
        whole = _whole(Path(folder), 1 if short else 4, 3 if short else 50)
        alone = {}
        for _ in range(1 if short else 3):
            found = lab.module(
                'authentication',
                folder,
                _environment(Path(folder), '127.0.0.1:9'),
                'alone',
                0.02 if short else 0.5,
            )
            for body, times in found.items():
                for name, values in times.items():
                    alone.setdefault((body, name), []).extend(values)
    _fill(table, {key: median(times) for key, times in alone.items()}, whole)
    return table


def _fill(table, alone, whole):
    for body in bodies():
        table.rows.append(
            (
                body,
                *(
                    lab.duration(alone[body, name])
                    for name in (OURS, OAUTH2, OAUTH1)
                ),
                *(
                    f'{whole[body, name]:.3f}' if (body, name) in whole else ''
                    for name in (OURS, OAUTH2, OAUTH1)
                ),
            )
        )
    ours = [alone[body, OURS] for body in bodies()]
    table.figures.update(
        {
            'request_ratio': whole[SMALL, OURS],
            'oauth2_ratio': alone[SMALL, OAUTH2] / alone[SMALL, OURS],
            'oauth1_ratio': alone[SMALL, OAUTH1] / alone[SMALL, OURS],
            'flatness': max(ours) / ours[0],
            **{f'{body}, {name}': alone[body, name] for body, name in alone},
        }
    )


def _environment(folder, netloc):
    """Configure a wiki at an address, with a token that is valid."""
    lab.store_token(folder, f'http://{netloc}', ID, REPLY, time.time())
    return lab.configure(folder, netloc)


def _whole(folder, groups, rounds):
    """Return the ratios of whole requests to those without anything."""
    pairs = {}
    for _ in range(groups):
        with contextlib.ExitStack() as stack:

            def worker(*arguments, netloc='127.0.0.1:9', stack=stack):
                environment = _environment(folder, netloc)
                return stack.enter_context(
                    lab.Worker(
                        'authentication', folder, environment, *arguments
                    )
                )

            netloc = worker('serve').greeting
            workers = {
                name: worker('fetch', f'http://{netloc}', name, netloc=netloc)
                for name in (NOTHING, OURS, OAUTH2, OAUTH1)
            }
            for body, number in ((SMALL, 25), (EDIT, 10)):
                if body == EDIT:
                    # It takes more than 100 times as long.
                    del workers[OAUTH1]
                _compare(pairs, workers, body, number, rounds)
    return {
        (body, name): lab.ratio(values, pairs[body, NOTHING])
        for (body, name), values in pairs.items()
    }


def _compare(pairs, workers, body, number, rounds):
    calls = {
        name: lambda worker=worker: worker.ask(body, number)
        for name, worker in workers.items()
    }
    lab.by_turns(calls, 2)  # fills the caches
    for name, values in lab.by_turns(calls, rounds).items():
        pairs.setdefault((body, name), []).extend(values)


def bodies():
    """Return bodies of requests by their names."""
    small = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
    text = 'Съешь же ещё этих мягких булок, [[да]] выпей чаю.\n' * 3600
    edit = {'action': 'edit', 'title': 'Sandbox', 'text': text}
    return {
        SMALL: urlencode(small).encode(),
        EDIT: urlencode({**edit, 'token': 'f' * 40 + '+\\'}).encode(),
        UPLOAD: b'\0' * 5_000_000,
    }


# What follows runs in processes of its own.


def candidates(url):
    """Return what authenticates a request, by name; all have one token."""
    import requests_oauthlib
    from pywikibot import config

    from pywikibot_oauth2 import OAuth2Auth

    class OAuth2(requests_oauthlib.OAuth2):
        def __len__(self):
            return 2  # lets Pywikibot pass it to requests as it is

    ours = OAuth2Auth(ID, SECRET)
    config.authenticate[url.partition('//')[2]] = ours
    return {
        NOTHING: None,
        OURS: ours,
        OAUTH2: OAuth2(ID, token=REPLY),
        OAUTH1: OAUTH1_KEYS,
    }


def _header(body):
    form = 'application/x-www-form-urlencoded'
    return {'Content-Type': 'image/png' if body == UPLOAD else form}


def alone(seconds):
    """Time batches of authentications; the candidates take turns."""
    import requests
    from requests.hooks import default_hooks
    from requests_oauthlib import OAuth1

    # As on a real wiki; the route is what user-config.py leads to.
    url = 'https://wiki.example/w'
    calls = candidates('http://127.0.0.1:9')
    bearer = calls[OURS].bearer_for('http://127.0.0.1:9', 'Bot')
    bearer.account.load()
    calls[OURS].route(url, 'Bot')
    calls[OAUTH1] = lambda request: OAuth1(*OAUTH1_KEYS)(request)
    found = {}
    for name, body in bodies().items():
        prepared = requests.Request(
            'POST', f'{url}/api.php', data=body, headers=_header(name)
        ).prepare()

        def batch(call, number, prepared=prepared):
            copies = [prepared.copy() for _ in range(number)]
            for copy in copies:
                copy.hooks = default_hooks()  # a copy shares them
            start = time.perf_counter()
            for copy in copies:
                call(copy)
            return (time.perf_counter() - start) / number

        times = found[name] = {OURS: [], OAUTH2: [], OAUTH1: []}
        for candidate in times:
            batch(calls[candidate], 1)  # fills the caches
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            with lab.calm():
                for candidate, values in times.items():
                    slow = candidate == OAUTH1
                    if not slow or len(values) < 30:
                        values.append(
                            batch(calls[candidate], 1 if slow else 50)
                        )
    return found


def fetch(url, name):
    """Send as many requests as the other side asks for."""
    from pywikibot import config
    from pywikibot.comms import http

    # Otherwise oauthlib refuses a wiki without https.
    os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
    auth = candidates(url)[name]
    config.authenticate.clear()
    if auth is not None:
        config.authenticate[url.partition('//')[2]] = auth
    texts = bodies()
    lab.answer('ready')
    for line in sys.stdin:
        body, number = json.loads(line)
        with lab.calm():
            start = time.perf_counter()
            for _ in range(number):
                response = http.fetch(
                    f'{url}/api.php',
                    'POST',
                    data=texts[body],
                    headers=_header(body),
                )
            took = time.perf_counter() - start
        sent = response.request.headers.get('Authorization')
        if (sent is None) != (auth is None):
            raise lab.BenchmarkError(f'{name} sent {sent!r:.10}')
        lab.answer(took)


def serve():
    """Be a web server that reads a request and does nothing."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        lab.answer(f'127.0.0.1:{listener.getsockname()[1]}')
        while True:
            connection = listener.accept()[0]
            threading.Thread(
                target=_answer_all, args=(connection,), daemon=True
            ).start()


def _answer_all(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile('rb') as stream:
        while stream.readline():
            length = 0
            for line in iter(stream.readline, b'\r\n'):
                name, _, value = line.partition(b':')
                if name.lower() == b'content-length':
                    length = int(value)
            stream.read(length)
            connection.sendall(ANSWER)


if __name__ == '__main__':
    role, *options = lab.arguments()
    if role == 'alone':
        lab.answer(alone(*options))
    else:
        {'fetch': fetch, 'serve': serve}[role](*options)
