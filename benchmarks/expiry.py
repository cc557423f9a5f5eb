#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""An expiry: what it costs alone, and with processes that wait for it."""
from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Callable

from benchmarks import workers
from benchmarks.table import Table, duration
from tests.journey import CONFIG, grants
from tests.sandbox import Sandbox
from tests.sandbox.config import make_config


if TYPE_CHECKING:
    from requests import PreparedRequest

    from pywikibot_oauth2 import OAuth2Auth
    from tests.sandbox.oauth import Client


WAITING = (1, 8, 64)
ANSWER_SECONDS = 0.3  # of the wiki to a refresh, so that all have to wait
# Of those that are waited for the last one is measured: what a process does
# for the first time after a fork costs page faults, which a bot that was
# started by itself does not have.
EXPIRIES = 2

# An expiry while a script runs. Pywikibot keeps its edit token.
SCRIPT = """
import os
import pywikibot
for number in range(2):
    page = pywikibot.Page(pywikibot.Site(), 'Sandbox')
    page.text += '\\n* edit %d' % number
    page.save('test', quiet=True)
    os.environ['LATER'] = os.environ.get('EXPIRY', '0')
"""
CLOCK = (', clock=lambda: __import__("time").time()'
         ' + float(__import__("os").environ.get("LATER", "0"))')


def measure(*, short: bool = False) -> Table:
    """Let tokens expire, and count and time what follows."""
    table = Table(
        '5. An expiry',
        f'The wiki takes {duration(ANSWER_SECONDS)} for its answer where'
        ' processes wait. The last of them goes on so long after the wiki'
        ' has answered the refreshing process, and after that process has'
        ' stored the token and goes on itself; medians, and in brackets the'
        ' worst of all rounds.',
        ('', 'requests', 'refreshes', 'time', 'last one after the answer',
         'last one after the first goes on'))
    with tempfile.TemporaryDirectory() as temporary, Sandbox() as wiki:
        folder = Path(temporary)
        client = wiki.register()
        _configure(folder, wiki, client)
        _alone(table, wiki, client, folder, 2 if short else 15)
        _between_edits(table, wiki, client, folder)
        for number in WAITING[:2] if short else WAITING:
            _waiting(table, wiki, client, folder, number,
                     1 if short else 9)
        workers.authorize(wiki, client, folder)
        handed = workers.run(folder, 'expiry', 'hand over', [
            wiki.netloc, client.id, client.secret, 3 if short else 40])
        table.rows.append((
            'the lock handed over', '', '', '',
            '', f'{duration(table.median("hand over", handed))}'
            f' ({duration(max(handed))})'))
        table.figures['hand_over'] = median(handed)
    return table


def _configure(folder: Path, wiki: Sandbox, client: Client,
               options: str = '') -> dict[str, str]:
    return make_config(
        folder, wiki, extra='enable_GET_without_SSL = True\n' + CONFIG.format(
            netloc=wiki.netloc, id=client.id, secret=client.secret,
            redirect_uri=None, options=options))


def _alone(table: Table, wiki: Sandbox, client: Client, folder: Path,
           rounds: int) -> None:
    """Send requests with a valid, an expired and a refused token."""
    for name, age in (('valid', 0), ('expired', workers.LIFE + 1),
                      ('refused', 0)):
        times, counts, refreshes = [], set(), set()
        for _ in range(rounds):
            workers.authorize(wiki, client, folder, age=age)
            if name != 'valid':
                wiki.expire_access_tokens()
            before = len(wiki.requests), grants(wiki, 'refresh_token')
            times += workers.run(folder, 'expiry', 'alone', [
                wiki.netloc, client.id, client.secret])
            counts.add(len(wiki.requests) - before[0])
            refreshes.add(grants(wiki, 'refresh_token') - before[1])
        seconds = table.median(f'alone, {name}', times)
        table.rows.append((
            f'a request alone, token {name}', _numbers(counts),
            _numbers(refreshes), duration(seconds), '', ''))
        table.figures[f'alone, {name}'] = max(counts)


def _between_edits(table: Table, wiki: Sandbox, client: Client,
                   folder: Path) -> None:
    """Let a token expire between two edits of a script."""
    from tests.journey import pwb

    environment = _configure(folder, wiki, client, CLOCK)
    (folder / 'edits.py').write_text(SCRIPT)
    found = []
    # The first run fills the cache of Pywikibot.
    for later in ('0', '0', str(workers.LIFE)):
        workers.authorize(wiki, client, folder)
        before = len(wiki.requests), grants(wiki, 'refresh_token')
        workers.output(pwb('edits.py'), folder,
                       {**environment, 'EXPIRY': later})
        found.append((len(wiki.requests) - before[0],
                      grants(wiki, 'refresh_token') - before[1]))
    for name, (count, refreshes) in zip(
            ('a script with two edits, token valid',
             'a script with two edits, expiry between them'), found[1:]):
        table.rows.append((name, str(count), str(refreshes), '', '', ''))
    table.figures['between_edits'] = found[2][0] - found[1][0]
    _configure(folder, wiki, client)


def _waiting(table: Table, wiki: Sandbox, client: Client, folder: Path,
             number: int, rounds: int) -> None:
    """Let processes wait for the one that refreshes."""
    after_answer, after_first, refreshes, counts = [], [], set(), set()
    took = []
    for _ in range(rounds):
        workers.authorize(wiki, client, folder)
        before = len(wiki.requests), grants(wiki, 'refresh_token')
        wiki.fail_next('slow', times=EXPIRIES, delay=ANSWER_SECONDS)
        children = workers.run(folder, 'expiry', 'wait', [
            wiki.netloc, client.id, client.secret, number + 1])
        wiki.faults.clear()
        refreshes.add((grants(wiki, 'refresh_token') - before[1]) / EXPIRIES)
        counts.add((len(wiki.requests) - before[0]) / EXPIRIES)
        if len({child['header'] for child in children}) != 1:
            raise workers.BenchmarkError('not all have the same token')
        first = next(child for child in children if child['answered'])
        last = max(child['end'] for child in children
                   if child is not first)
        if max(child['start'] for child in children) > first['answered']:
            raise workers.BenchmarkError('not all have waited')
        after_answer.append(last - first['answered'])
        # pyperf does not take what is not above zero.
        after_first.append(max(last - first['end'], 1e-6))
        took.append(first['end'] - first['start'])
    cells = [
        f'{duration(table.median(f"{number} waiting, {name}", values))}'
        f' ({duration(max(values))})' for name, values in (
            ('answer', after_answer), ('first', after_first))]
    table.rows.append((
        f'{number} waiting for the one that refreshes', _numbers(counts),
        _numbers(refreshes), duration(median(took)), *cells))
    table.figures[f'{number} waiting, refreshes'] = max(refreshes)
    table.figures[f'{number} waiting, answer'] = median(after_answer)
    table.figures[f'{number} waiting, first'] = median(after_first)


def _numbers(values: set[int] | set[float]) -> str:
    return ' or '.join(f'{value:g}' for value in sorted(values))


# What follows runs in a process of its own, and in forks of that.

def request(netloc: str) -> PreparedRequest:
    """Return a request to the wiki."""
    from requests import Request

    return Request('GET', f'http://{netloc}/api.php', params={
        'action': 'query', 'meta': 'userinfo', 'format': 'json'}).prepare()


def alone(netloc: str, client_id: str, secret: str) -> list[float]:
    """Send one request by Pywikibot's http.fetch; return its seconds."""
    from pywikibot.comms import http

    import pywikibot_oauth2.endpoint  # noqa: F401 - not part of the time

    auth = _auth(netloc, client_id, secret, time.time)
    auth.account('Bot').load()
    prepared = request(netloc)
    http.user_agent()
    start = time.perf_counter()
    response = http.fetch(prepared.url)
    took = time.perf_counter() - start
    if '"Bot"' not in response.text:
        raise workers.BenchmarkError(response.text)
    return [took]


def wait(netloc: str, client_id: str, secret: str,
         number: int) -> list[dict[str, Any]]:
    """Let the token of so many processes expire at the same moment."""
    import filelock  # noqa: F401 - loaded before the forks

    import pywikibot_oauth2.endpoint  # noqa: F401
    from pywikibot_oauth2 import OAuth2Session

    original = OAuth2Session.refresh
    answered: list[float] = []

    def refresh(session: OAuth2Session) -> None:
        original(session)
        answered.append(time.monotonic())

    OAuth2Session.refresh = refresh
    barrier = multiprocessing.get_context('fork').Barrier(number)

    def child() -> dict[str, Any]:
        later = 0

        def clock() -> float:
            return time.time() + later

        auth = _auth(netloc, client_id, secret, clock)
        auth(request(netloc))
        for _ in range(EXPIRIES):
            prepared = request(netloc)
            later += workers.LIFE
            answered.clear()
            barrier.wait(workers.SECONDS)
            start = time.monotonic()
            auth(prepared)
            end = time.monotonic()
        return {'start': start, 'end': end,
                'answered': answered[0] if answered else None,
                'header': prepared.headers['Authorization']}

    return _forks([child] * number)


def hand_over(netloc: str, client_id: str, secret: str,
              rounds: int) -> list[float]:
    """Measure how long after its release a lock is held by the next."""
    auth = _auth(netloc, client_id, secret, time.time)
    is_held, is_over = (multiprocessing.get_context('fork').Barrier(2)
                        for _ in range(2))

    def holder() -> list[float]:
        released = []
        for number in range(rounds):
            with auth.store.lock('Bot', client_id):
                is_held.wait(workers.SECONDS)
                # Not always the same moment of the other's waiting.
                time.sleep(0.05 + number % 10 / 1000)
                released.append(time.monotonic())
            is_over.wait(workers.SECONDS)
        return released

    def waiter() -> list[float]:
        got = []
        for _ in range(rounds):
            is_held.wait(workers.SECONDS)
            with auth.store.lock('Bot', client_id):
                got.append(time.monotonic())
            is_over.wait(workers.SECONDS)
        return got

    released, got = _forks([holder, waiter])
    return [later - earlier for earlier, later in zip(released, got)]


def _auth(netloc: str, client_id: str, secret: str,
          clock: Callable[[], float]) -> OAuth2Auth:
    """Return the object that user-config.py would hold."""
    from pywikibot import config
    from pywikibot.comms import http

    from pywikibot_oauth2 import OAuth2Auth

    http.user_agent()
    auth = OAuth2Auth(client_id, secret, clock=clock)
    config.authenticate[netloc] = auth
    return auth


def _forks(calls: list[Callable[[], Any]]) -> list[Any]:
    """Call each function in a fork; return what they returned."""
    import json

    pipes = []
    gate, keep_shut = os.pipe()
    for call in calls:
        reading, writing = os.pipe()
        if not os.fork():
            status = 1
            os.close(keep_shut)
            with suppress(BaseException):
                with open(writing, 'w') as file:
                    json.dump(call(), file)
                # The end of a process costs more than what is measured
                # here; so all of them end when all are done.
                os.read(gate, 1)
                status = 0
            os._exit(status)
        os.close(writing)
        pipes.append(reading)
    os.close(gate)
    answers = []
    for reading in pipes:
        with open(reading) as file:
            answers.append(json.load(file))
    os.close(keep_shut)
    for _ in calls:
        if os.wait()[1]:
            raise workers.BenchmarkError('a fork failed')
    return answers


def main() -> None:
    """Be the process that forks."""
    what, options = workers.arguments()
    functions = {'alone': alone, 'wait': wait, 'hand over': hand_over}
    workers.answer(functions[what](*options))


if __name__ == '__main__':
    main()
