"""What the sessions of a web tool cost: memory and time."""

from __future__ import annotations

import secrets
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median

from benchmarks import lab


WIKI = 'https://wiki.example/w/api.php'


def measure(*, short=False):
    """Make many sessions of what was serialized."""
    number = 200 if short else 10_000
    table = lab.Table(
        f'5. {number:,} sessions of a web tool',
        'Made by `OAuth2Session.deserialize`, each with tokens of its own of'
        ' 800 and 872 characters. These two strings are not counted, but the'
        ' Authorization header that is made of the first one is.',
        ('', 'memory beside the tokens', 'time'),
    )
    with tempfile.TemporaryDirectory() as folder:
        environment = lab.configure(Path(folder), 'wiki.example')
        found = lab.module('sessions', folder, environment, number)
    for name, size, seconds in found:
        memory = '' if size is None else f'{size:,.0f} bytes'
        table.rows.append((name, memory, lab.duration(seconds)))
        if size is not None:
            table.figures[f'session, {name}'] = size
    return table


def serialized(client_id, index):
    """Return a session as the store of a web tool would have it."""
    token = {
        'access_token': secrets.token_hex(400),
        'refresh_token': secrets.token_hex(436),
        'expires_at': time.time() + 14400,
        'lifetime': 14400.0,
    }
    return {
        'version': 1,
        'client_id': client_id,
        'wiki': WIKI,
        'user': f'User {index}',
        'token': token,
        'ended': None,
        'generation': 1,
        'pending': None,
    }


def main(number):
    """Be the web tool."""
    import requests

    from pywikibot_oauth2 import OAuth2Client, OAuth2Session

    client = OAuth2Client('c' * 32, 's' * 40)
    data = [serialized(client.client_id, index) for index in range(number)]

    def request(session):
        session(requests.Request('GET', WIKI).prepare())

    def switch(session):
        with session.use():
            pass

    warm = OAuth2Session.deserialize(data[0], client)
    for call in (request, switch):
        call(warm)  # loads modules
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sessions = [OAuth2Session.deserialize(one, client) for one in data]
    at_rest = tracemalloc.get_traced_memory()[0] - before
    for session in sessions:
        request(session)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    def timed(call, values):
        times = []
        for value in values:
            start = time.perf_counter()
            call(value)
            times.append(time.perf_counter() - start)
        return median(times)

    return [
        (
            'deserialize',
            at_rest / number,
            timed(lambda one: OAuth2Session.deserialize(one, client), data),
        ),
        ('first request', used / number, timed(request, sessions)),
        ('serialize', None, timed(OAuth2Session.serialize, sessions)),
        ('switch to its user and back', None, timed(switch, sessions)),
    ]


if __name__ == '__main__':
    lab.answer(main(*lab.arguments()))
