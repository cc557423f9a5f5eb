#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A request by Pywikibot's own http.fetch, to a server on this machine."""
from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from benchmarks import workers
from benchmarks.candidates import (
    FLOOR,
    OAUTH1,
    OAUTH1_KEYS,
    OAUTH2,
    OURS,
    SMALL,
    bodies,
    candidates,
)
from benchmarks.table import Table, duration, ratio
from tests.sandbox.config import make_config


NOTHING = 'no authentication'


def measure(*, short: bool = False) -> Table:
    """Measure all candidates in one process, taking turns."""
    table = Table(
        '2. The same within pywikibot.comms.http.fetch',
        'A POST to a server on this machine that does nothing, answer'
        ' included; what a wiki and the way to it take comes on top. Medians'
        ' of requests in which the candidates take turns.',
        ('', NOTHING, FLOOR, 'ours', OAUTH2, OAUTH1, 'ours / minimum',
         'OAuth1 / ours'))
    with tempfile.TemporaryDirectory() as folder, \
            workers.running('loopback', Path(folder)) as port:
        make_config(Path(folder), f'127.0.0.1:{port}')
        found = workers.run(
            Path(folder), 'fetch', f'127.0.0.1:{port}',
            *((0.05, 2) if short else (2, 25)),
            # Otherwise oauthlib refuses a wiki without https.
            variables={'OAUTHLIB_INSECURE_TRANSPORT': '1'})
    for body, values in found.items():
        medians = {name: table.median(f'{body}, {name}', times)
                   for name, times in values.items()}
        quotients = (medians[OURS] / medians[FLOOR],
                     medians[OAUTH1] / medians[OURS])
        table.rows.append((
            body, *(duration(medians[name]) for name in (
                NOTHING, FLOOR, OURS, OAUTH2, OAUTH1)),
            *map(ratio, quotients)))
        for name, median in medians.items():
            table.figures[f'fetch, {body}, {name}'] = median
        if body == SMALL:
            table.figures['fetch_floor_ratio'] = quotients[0]
    return table


def main() -> None:
    """Be the process with Pywikibot."""
    from pywikibot import config
    from pywikibot.comms import http

    netloc, seconds, least = workers.arguments()
    auths: dict[str, object] = dict(
        candidates(f'http://{netloc}', configured=True))
    auths[OAUTH1] = OAUTH1_KEYS
    auths[NOTHING] = None

    def fetch(auth: object, body: str | bytes,
              headers: dict[str, str]) -> float:
        config.authenticate.clear()
        if auth is not None:
            config.authenticate[netloc] = auth
        start = time.perf_counter()
        response = http.fetch(f'http://{netloc}/api.php', 'POST',
                              headers=headers, data=body)
        took = time.perf_counter() - start
        sent = response.request.headers.get('Authorization', '')
        if bool(sent) != (auth is not None):
            raise workers.BenchmarkError('not authenticated')
        return took

    found = {}
    for name, (body, headers) in bodies().items():
        values: dict[str, list[float]] = {name: [] for name in auths}
        names = list(auths)
        for candidate in names:
            fetch(auths[candidate], body, headers)
        end = time.perf_counter() + seconds
        while (time.perf_counter() < end
               or len(values[NOTHING]) < least):
            for candidate in names:
                times = values[candidate]
                # Of one that takes long a few are enough.
                if len(times) < 3 or min(times) < seconds / 40:
                    times.append(fetch(auths[candidate], body, headers))
            random.shuffle(names)
        found[name] = values
    workers.answer(found)


if __name__ == '__main__':
    main()
