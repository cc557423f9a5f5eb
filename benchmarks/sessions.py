#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The sessions of a web tool: memory and time of each."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
import tracemalloc
from pathlib import Path

from benchmarks import workers
from benchmarks.table import Table, duration
from tests.sandbox.config import make_config


WIKI = 'https://wiki.example/w/api.php'


def measure(*, short: bool = False) -> Table:
    """Make many sessions of what was serialized."""
    number = 200 if short else 10_000
    table = Table(
        f'6. {number:,} sessions in a web tool',
        'Made by OAuth2Session.deserialize, each with tokens of its own of'
        ' 800 and 872 characters. These two strings are not counted, the'
        ' header made of the first one is.',
        ('', 'memory beside the tokens', 'time'),
    )
    with tempfile.TemporaryDirectory() as folder:
        make_config(Path(folder), 'wiki.example')
        found = workers.run(Path(folder), 'sessions', number)
    for name, bytes_, times in found:
        seconds = table.median(name, times)
        table.rows.append(
            (
                name,
                '' if bytes_ is None else f'{bytes_ / number:,.0f} bytes',
                duration(seconds),
            )
        )
        table.figures[f'{name}, seconds'] = seconds
        if bytes_ is not None:
            table.figures[f'{name}, bytes'] = bytes_ / number
    return table


def serialized(number: int, client_id: str) -> list[str]:
    """Return so many sessions as a store of a web tool would hold them."""
    return [
        json.dumps(
            {
                'version': 1,
                'client_id': client_id,
                'wiki': WIKI,
                'user': f'User {index}',
                'token': {
                    'access_token': secrets.token_hex(400),
                    'refresh_token': secrets.token_hex(436),
                    'expires_at': '2099-01-01T00:00:00+00:00',
                    'lifetime': 14400.0,
                },
                'ended': None,
                'pending': None,
            }
        )
        for index in range(number)
    ]


def main() -> None:
    """Be the web tool."""
    import requests

    from pywikibot_oauth2 import OAuth2Client, OAuth2Session

    (number,) = workers.arguments()
    client = OAuth2Client('c' * 32, 's' * 40)
    data = [json.loads(text) for text in serialized(number, client.client_id)]

    def use(session: OAuth2Session) -> None:
        session(
            requests.Request('GET', WIKI, params={'action': 'query'}).prepare()
        )

    use(OAuth2Session.deserialize(data[0], client))  # loads modules
    tracemalloc.start()
    # The tokens are in data already.
    before = tracemalloc.get_traced_memory()[0]
    sessions = [OAuth2Session.deserialize(one, client) for one in data]
    at_rest = tracemalloc.get_traced_memory()[0] - before
    for session in sessions:
        use(session)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del sessions
    times: dict[str, list[float]] = {
        'load': [],
        'use': [],
        'save': [],
        'switch': [],
    }
    for one in data:
        start = time.perf_counter()
        session = OAuth2Session.deserialize(one, client)
        loaded = time.perf_counter()
        session.serialize()
        saved = time.perf_counter()
        times['load'].append(loaded - start)
        times['save'].append(saved - loaded)
        prepared = requests.Request('GET', WIKI).prepare()
        start = time.perf_counter()
        session(prepared)
        times['use'].append(time.perf_counter() - start)
        start = time.perf_counter()
        with session.use():
            pass
        times['switch'].append(time.perf_counter() - start)
    workers.answer(
        [
            ('deserialize', at_rest, times['load']),
            ('its first request, authentication only', used, times['use']),
            ('serialize', None, times['save']),
            ('switching to its user and back', None, times['switch']),
        ]
    )


if __name__ == '__main__':
    main()
