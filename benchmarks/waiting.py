"""How long processes wait for the one that renews their token."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import lab
from tests.sandbox import Sandbox


NUMBERS = (8, 64)
# How long the wiki takes for an answer, so that all have to wait.
DELAY = 0.5
# Only the last of these is measured: what a process does for the first
# time after a fork costs page faults.
EXPIRIES = 2


def measure(*, short=False):
    """Let tokens expire for many processes at once."""
    table = lab.Table(
        '4. Waiting',
        f'The token expires for all processes at once; the wiki takes'
        f' {lab.duration(DELAY)} for its answer to the one that renews it.'
        ' How long after the first of them the last one goes on: median and'
        ' maximum of several rounds.',
        ('', 'median', 'maximum', 'refreshes an expiry'),
    )
    for number in NUMBERS[:1] if short else NUMBERS:
        delays, refreshes = [], set()
        for _ in range(1 if short else 5):
            delay, count = _round(number)
            delays.append(delay)
            refreshes.add(count / EXPIRIES)
        table.rows.append(
            (
                f'{number} processes',
                lab.duration(median(delays)),
                lab.duration(max(delays)),
                ' or '.join(f'{count:g}' for count in sorted(refreshes)),
            )
        )
        table.figures[f'{number} waiting'] = median(delays)
        table.figures[f'{number} waiting, refreshes'] = max(refreshes)
    return table


def _round(number):
    """Return how late the last one was, and the number of refreshes."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        Sandbox(like='master', token_life=lab.LIFE) as wiki,
    ):
        folder = Path(temporary)
        client = wiki.register()
        environment = lab.configure(folder, wiki)
        lab.authorize(folder, wiki, client)
        wiki.fail_next('slow', times=number * EXPIRIES, delay=DELAY)
        ends = lab.module(
            'waiting',
            folder,
            environment,
            wiki.url,
            client.id,
            client.secret,
            number,
        )
        return max(ends) - min(ends), wiki.count('access_token')


# What follows runs in a process of its own, and in forks of that.


def wait(url, client_id, secret, number):
    """Return when each of so many processes went on."""
    from pywikibot.comms import http

    import pywikibot_oauth2.protocol  # noqa: F401 - loaded before the forks

    http.user_agent()
    context = multiprocessing.get_context('fork')
    barrier = context.Barrier(number)
    ends = context.Array('d', number)
    processes = [
        context.Process(
            target=_wait_in_fork,
            args=(url, client_id, secret, barrier, ends, index),
        )
        for index in range(number)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(lab.SECONDS)
        if process.exitcode:
            raise lab.BenchmarkError('a process has failed')
    return list(ends)


def _wait_in_fork(url, client_id, secret, barrier, ends, index):
    from requests import Request

    from pywikibot_oauth2 import OAuth2Auth

    later = 0
    auth = OAuth2Auth(client_id, secret, clock=lambda: time.time() + later)
    bearer = auth.route(url, 'Bot')
    address = f'{url}/api.php?action=query'
    bearer(Request('GET', address).prepare())
    for _ in range(EXPIRIES):
        prepared = Request('GET', address).prepare()
        later += lab.LIFE
        barrier.wait(lab.SECONDS)
        auth(prepared)
        ends[index] = time.monotonic()
    if bearer.account.authorization.generation != 1 + EXPIRIES:
        raise lab.BenchmarkError('not all have the newest token')
    # The end of a process would hold up those that still wait.
    barrier.wait(lab.SECONDS)


if __name__ == '__main__':
    lab.answer(wait(*lab.arguments()))
