"""How long processes wait for the one that renews their token."""

import multiprocessing
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import lab
from tests.sandbox import Sandbox


DELAY = 0.5  # seconds of the wiki for an answer, so that all have to wait
# Only the last is measured: what a process does for the first time after a
# fork costs page faults.
EXPIRIES = 2


def measure(*, short=False):
    """Let tokens expire for many processes at once."""
    table = lab.Table('', 'least', 'median', 'most', 'refreshes an expiry')
    for number in (8,) if short else (8, 64):
        rounds = [_round(number) for _ in range(1 if short else 5)]
        delays, refreshes = zip(*rounds, strict=True)
        cells = map(lab.duration, (min(delays), median(delays), max(delays)))
        table.rows.append((f'{number} processes', *cells, max(refreshes)))
        table.figures[f'{number} waiting'] = median(delays)
        table.figures[f'{number} waiting, refreshes'] = max(refreshes)
    return table


def _round(number):
    """Return how late the last one was, and the refreshes an expiry."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        wiki = Sandbox(like='master', token_life=lab.LIFE)
        client = stack.enter_context(wiki).register()
        environment = lab.configure(folder, wiki)
        lab.authorize(folder, wiki, client)
        wiki.fail_next('slow', times=number * EXPIRIES, delay=DELAY)
        settings = environment, wiki.url, client.id, client.secret, number
        ends = lab.Worker(stack, 'waiting', folder, *settings).read()
        return max(ends) - min(ends), wiki.count('access_token') / EXPIRIES


# What follows runs in a process of its own, and in forks of that.


def wait(url, client_id, secret, number):
    """Return when each of so many processes went on."""
    import filelock  # noqa: F401 - loaded before the forks
    from pywikibot.comms import http
    from requests import Request

    from pywikibot_oauth2 import OAuth2Auth

    def wait_in_fork(index):
        later = 0
        auth = OAuth2Auth(client_id, secret, clock=lambda: time.time() + later)
        account = auth.route(url, 'Bot').account
        for _ in range(1 + EXPIRIES):
            request = Request('GET', f'{url}/api.php').prepare()
            barrier.wait(lab.SECONDS)
            auth(request)
            ends[index] = time.monotonic()
            later += lab.LIFE
        assert account.authorization.generation == 1 + EXPIRIES
        # The end of a process would hold up those that still wait.
        barrier.wait(lab.SECONDS)

    http.user_agent()
    context = multiprocessing.get_context('fork')
    barrier, ends = context.Barrier(number), context.Array('d', number)
    processes = [
        context.Process(target=wait_in_fork, args=(index,))
        for index in range(number)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(lab.SECONDS)
        assert process.exitcode == 0
    return list(ends)


if __name__ == '__main__':
    lab.answer(wait(*lab.arguments()))
