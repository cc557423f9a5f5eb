"""What a request costs: authentication alone, and a whole request."""

import gc
import json
import os
import socket
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from urllib.parse import urlencode

from benchmarks import lab


OURS = 'pywikibot-oauth2'
OAUTH2 = 'requests_oauthlib.OAuth2'
OAUTH1 = 'requests_oauthlib.OAuth1'
NOTHING = 'no authentication'
CLIENT = SimpleNamespace(id='c' * 32, secret='s' * 40)
# What Pywikibot takes for OAuth 1; it makes an object for each request.
KEYS = (CLIENT.id, CLIENT.secret, 't' * 32, 'u' * 40)
REPLY = {'access_token': 'a' * 900, 'refresh_token': 'b' * 876}
REPLY |= {'expires_in': 86400, 'token_type': 'Bearer'}
SMALL, EDIT = 'small form', '300 kB edit'
# What Pywikibot asks first.
QUERY = 'action=query&meta=userinfo&formatversion=2&format=json&uiprop='
QUERY += 'blockinfo%7Cgroups%7Chasmsg%7Cratelimits%7Crights'
TEXT = 'Съешь же ещё этих мягких булок, [[да]] выпей чаю.\n' * 3600
BODIES = {SMALL: QUERY, EDIT: f'{QUERY}&{urlencode({"text": TEXT})}'}
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
ANSWER += b'Content-Length: 21\r\n\r\n{"batchcomplete": ""}'


def measure(*, short=False):
    """Let a process with each way to authenticate take its turn."""
    table = lab.Table('', SMALL, EDIT, 'whole request, small form')
    values = {}
    plan = ('whole', SMALL, 50), ('alone', SMALL, 50), ('alone', EDIT, 8)
    for _ in range(1 if short else 3):
        with ExitStack() as stack:
            workers = _workers(stack)
            for what, body, rounds in plan:
                calls = {
                    (what, body, name): partial(worker.ask, what, body)
                    for name, worker in workers.items()
                }
                lab.by_turns(calls, 1)  # fills the caches
                rounds = 2 if short else rounds
                for key, times in lab.by_turns(calls, rounds).items():
                    values.setdefault(key, []).extend(times)
    whole = {name: values['whole', SMALL, name] for name in workers}
    small = {name: values['alone', SMALL, name] for name in workers}
    for name in (OURS, OAUTH2, OAUTH1):
        alone = [median(values['alone', body, name]) for body in BODIES]
        ratio = lab.ratio(whole[name], whole[NOTHING])
        table.rows.append((name, *map(lab.duration, alone), f'{ratio:.3f}'))
        for body, seconds in zip(BODIES, alone, strict=True):
            table.figures[f'{body}, {name}'] = seconds
    figures = table.figures
    figures['request_ratio'] = lab.ratio(whole[OURS], whole[NOTHING])
    figures['flatness'] = figures[f'{EDIT}, {OURS}'] / median(small[OURS])
    figures['oauth2_ratio'] = lab.ratio(small[OAUTH2], small[OURS])
    figures['oauth1_ratio'] = lab.ratio(small[OAUTH1], small[OURS])
    return table


def _workers(stack):
    """Return a process for each way, and start what they send to."""
    folder = Path(stack.enter_context(TemporaryDirectory()))

    def worker(netloc, way):
        options = lab.configure(folder, netloc), netloc, way
        return lab.Worker(stack, 'authentication', folder, *options)

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
    real = 'https://wiki.example/w'
    ours.route(real, 'Bot')
    ways = {OURS: ours, OAUTH2: OAuth2(CLIENT.id, token=REPLY), OAUTH1: KEYS}
    config.authenticate = {netloc: ways[name]} if name in ways else {}
    call = {
        **ways,
        OAUTH1: lambda request: requests_oauthlib.OAuth1(*KEYS)(request),
        NOTHING: lambda request: request,
    }[name]

    def whole(data):
        # Otherwise oauthlib refuses a wiki without https.
        os.environ['OAUTHLIB_INSECURE_TRANSPORT'] = '1'
        for _ in range(25):
            url = f'http://{netloc}/api.php'
            answer = http.fetch(url, 'POST', headers=FORM, data=data)
        del os.environ['OAUTHLIB_INSECURE_TRANSPORT']
        assert ('Authorization' in answer.request.headers) == (name in ways)

    gc.disable()  # while it is timed, as timeit does
    for line in sys.stdin:
        what, body = json.loads(line)
        data = BODIES[body]
        gc.collect()  # before the requests, as it empties the free lists
        request = Request('POST', f'{real}/api.php', FORM, data=data).prepare()
        number = 1 if (body, name) == (EDIT, OAUTH1) else 50
        copies = [request.copy() for _ in range(number)]
        for copy in copies:
            copy.hooks = default_hooks()  # a copy shares them
        list(map(call, copies[1:10]))  # fills the caches of the processor
        if what == 'whole':
            lab.answer(lab.timed(whole, data))
        else:
            lab.answer(lab.timed(lambda: [*map(call, copies)]) / number)


def serve():
    """Be a web server that reads a request and does nothing."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        lab.answer(f'127.0.0.1:{listener.getsockname()[1]}')
        while True:
            connection = listener.accept()[0]
            threading.Thread(target=_answer_all, args=(connection,)).start()


def _answer_all(connection):
    with connection, connection.makefile('rb') as stream:
        while stream.readline():
            lines = iter(stream.readline, b'\r\n')
            fields = dict(line.lower().split(b': ', 1) for line in lines)
            stream.read(int(fields[b'content-length']))
            connection.sendall(ANSWER)


if __name__ == '__main__':
    gc.disable()
    netloc, way = lab.arguments()
    serve() if way == 'serve' else authenticate(netloc, way)
