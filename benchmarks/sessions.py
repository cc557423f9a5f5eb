"""What the sessions of a web tool cost: memory and time."""

import secrets
import tracemalloc
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import lab


WIKI = 'https://wiki.example/w/api.php'


def measure(*, short=False):
    """Make many sessions of what was serialized."""
    number = 200 if short else 10_000
    table = lab.Table('', 'memory beside the tokens', 'time')
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        options = folder, lab.configure(folder, 'wiki.example'), number
        found = lab.Worker(stack, 'sessions', *options).read()
    for name, size, seconds in found:
        table.rows.append((name, f'{size:,.0f} bytes', lab.duration(seconds)))
        table.figures[f'session, {name}'] = size
    return table


def serialized(client_id, index):
    """Return a session as the store of a web tool would have it."""
    access, refresh = secrets.token_hex(400), secrets.token_hex(436)
    token = {'access_token': access, 'refresh_token': refresh}
    token |= {'expires_at': 4e9 + index, 'lifetime': 14400.0}
    whose = {'client_id': client_id, 'wiki': WIKI, 'user': f'User {index}'}
    return {'version': 1, **whose, 'token': token, 'generation': 1}


def main(number):
    """Be the web tool."""
    import requests

    from pywikibot_oauth2 import OAuth2Client, OAuth2Session

    client = OAuth2Client('c' * 32, 's' * 40)
    data = [serialized(client.client_id, index) for index in range(number)]

    def load(one):
        return OAuth2Session.deserialize(one, client)

    def request(session):
        session(requests.Request('GET', WIKI).prepare())

    request(load(data[0]))  # loads modules
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    sessions = list(map(load, data))
    at_rest = tracemalloc.get_traced_memory()[0] - before
    for session in sessions:
        request(session)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    loading = [lab.timed(load, one) for one in data]
    using = [lab.timed(request, session) for session in sessions]
    yield 'deserialize', at_rest / number, median(loading)
    yield 'first request', used / number, median(using)


if __name__ == '__main__':
    lab.answer(list(main(*lab.arguments())))
