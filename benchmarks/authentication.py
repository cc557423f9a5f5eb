"""What a request costs: authentication alone, and a whole request."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from urllib.parse import urlencode

from benchmarks import lab


OURS = 'pywikibot-oauth2'
OAUTH2 = 'requests_oauthlib.OAuth2'
OAUTH1 = 'requests_oauthlib.OAuth1'
NOTHING = 'no authentication'
CLIENT = SimpleNamespace(id='c' * 32, secret='s' * 40)
# What Pywikibot takes for OAuth 1; it makes an object for each request.
OAUTH1_KEYS = (CLIENT.id, CLIENT.secret, 't' * 32, 'u' * 40)
REPLY = {'access_token': 'a' * 900, 'refresh_token': 'b' * 876}
REPLY |= {'expires_in': 86400, 'token_type': 'Bearer'}
SMALL, EDIT = 'small form', '300 kB edit'
QUERY = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
TEXT = 'Съешь же ещё этих мягких булок, [[да]] выпей чаю.\n' * 3600
BODIES = {SMALL: urlencode(QUERY), EDIT: urlencode({**QUERY, 'text': TEXT})}
HEADERS = {'Content-Type': 'application/x-www-form-urlencoded'}
ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n'
    b'Content-Length: 21\r\n\r\n{"batchcomplete": ""}'
)


def measure(*, short=False):
    """Let a process with each way to authenticate take its turn."""
    table = lab.Table(
        '1. A request',
        'The authentication alone, without sending the request; and a whole'
        ' request by `pywikibot.comms.http.fetch` to a server on this machine'
        ' that does nothing, as a ratio to one without authentication.',
        *('', SMALL, EDIT, 'whole request, small form'),
    )
    values = {}
    for _ in range(1 if short else 4):
        with ExitStack() as stack:
            workers = _workers(stack)
            for what, body, rounds in (
                ('whole', SMALL, 50),
                ('alone', SMALL, 50),
                ('alone', EDIT, 10),
            ):
                calls = {
                    (what, body, name): partial(worker.ask, what, body)
                    for name, worker in workers.items()
                    if (what, name) != ('alone', NOTHING)
                }
                lab.by_turns(calls, 1)  # fills the caches
                found = lab.by_turns(calls, 2 if short else rounds)
                for key, times in found.items():
                    values.setdefault(key, []).extend(times)
    _fill(table, values)
    return table


def _fill(table, values):
    base = values['whole', SMALL, NOTHING]
    for name in (OURS, OAUTH2, OAUTH1):
        alone = [median(values['alone', body, name]) for body in BODIES]
        ratio = lab.ratio(values['whole', SMALL, name], base)
        table.rows.append((name, *map(lab.duration, alone), f'{ratio:.3f}'))
        for body, seconds in zip(BODIES, alone, strict=True):
            table.figures[f'{body}, {name}'] = seconds
        if name == OURS:
            table.figures['request_ratio'] = ratio
            table.figures['flatness'] = alone[1] / alone[0]
    ours = values['alone', SMALL, OURS]
    for figure, name in (('oauth2_ratio', OAUTH2), ('oauth1_ratio', OAUTH1)):
        ratio = lab.ratio(values['alone', SMALL, name], ours)
        table.figures[figure] = ratio


def _workers(stack):
    """Return a process for each way, and start what they send to."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def worker(*arguments):
        environment = lab.configure(folder, arguments[0])
        options = folder, environment, *arguments
        return lab.Worker(stack, 'authentication', *options)

    netloc = worker('127.0.0.1:9', 'serve').read()
    wiki = SimpleNamespace(url=f'http://{netloc}', clock=time.time)
    lab.authorize(folder, wiki, CLIENT, REPLY)
    ways = NOTHING, OURS, OAUTH2, OAUTH1
    return {name: worker(netloc, name) for name in ways}


# What follows runs in processes of its own.


def authenticate(netloc, name):
    """Measure one way to authenticate as often as the other side asks."""
    import requests_oauthlib
    from pywikibot import config
    from pywikibot.comms import http
    from requests import Request
    from requests.hooks import default_hooks

    from pywikibot_oauth2 import OAuth2Auth

    class OAuth2(requests_oauthlib.OAuth2):
        def __len__(self):
            return 2  # lets Pywikibot pass it to requests as it is

    ours = config.authenticate[netloc] = OAuth2Auth(CLIENT.id, CLIENT.secret)
    ours.route(f'http://{netloc}', 'Bot').account.load()
    ours.route('https://wiki.example/w', 'Bot')
    ways = {OURS: ours, OAUTH2: OAuth2(CLIENT.id, token=REPLY)}
    way = {**ways, OAUTH1: OAUTH1_KEYS}.get(name)
    config.authenticate = {netloc: way} if way else {}

    def whole(body):
        # Otherwise oauthlib refuses a wiki without https.
        os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
        url, data = f'http://{netloc}/api.php', BODIES[body]
        for _ in range(25):
            answer = http.fetch(url, 'POST', headers=HEADERS, data=data)
        sent = answer.request.headers.get('Authorization')
        assert (sent is None) == (way is None)

    def alone(body):
        for request in copies:
            if name == OAUTH1:
                requests_oauthlib.OAuth1(*OAUTH1_KEYS)(request)
            else:
                way(request)

    for line in sys.stdin:
        what, body = json.loads(line)
        os.environ.pop('OAUTHLIB_INSECURE_TRANSPORT', None)
        url = 'https://wiki.example/w/api.php'
        request = Request('POST', url, HEADERS, data=BODIES[body]).prepare()
        number = (
            50 if what == 'alone' and (body, name) != (EDIT, OAUTH1) else 1
        )
        copies = [request.copy() for _ in range(number)]
        for copy in copies:
            copy.hooks = default_hooks()  # a copy shares them
        gc.collect()
        call = whole if what == 'whole' else alone
        lab.answer(lab.timed(call, body) / number)


def serve():
    """Be a web server that reads a request and does nothing."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        lab.answer(f'127.0.0.1:{listener.getsockname()[1]}')
        while True:
            connection = listener.accept()[0]
            threading.Thread(target=_answer_all, args=(connection,)).start()


def _answer_all(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, connection.makefile('rb') as stream:
        while stream.readline():
            lines = iter(stream.readline, b'\r\n')
            fields = dict(line.lower().split(b': ', 1) for line in lines)
            stream.read(int(fields.get(b'content-length', 0)))
            connection.sendall(ANSWER)


if __name__ == '__main__':
    gc.disable()
    netloc, role = lab.arguments()
    if role == 'serve':
        serve()
    authenticate(netloc, role)
