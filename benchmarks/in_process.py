#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The authentication of one request, without sending it."""
from __future__ import annotations

import gc
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import requests

from benchmarks import workers
from benchmarks.candidates import (
    FLOOR,
    OAUTH1,
    OAUTH2,
    OURS,
    SMALL,
    bodies,
    candidates,
    fresh,
)
from benchmarks.table import Table, duration, ratio
from tests.sandbox.config import make_config


if TYPE_CHECKING:
    from requests import PreparedRequest


PREFIX = 'https://wiki.example/w'
BATCH = 50  # calls, but fewer of a slow candidate
BATCH_SECONDS = 0.002
WARM_UP = 5  # calls, for the one before has filled the caches of the CPU


def measure(*, short: bool = False) -> Table:
    """Measure all candidates in several processes, taking turns."""
    table = Table(
        '1. Authentication of one request, in process',
        'The time of the auth object alone, a median of batches in which'
        ' the candidates take turns, in several processes. OAuth 1 signs as'
        ' Pywikibot does today: with a new object for each request.',
        ('', FLOOR, 'ours', OAUTH2, OAUTH1, 'ours / minimum',
         'OAuth2 / ours', 'OAuth1 / ours'))
    values: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        make_config(Path(folder), 'wiki.example')
        for _ in range(1 if short else 3):
            for body, found in workers.run(
                    Path(folder), 'in_process',
                    *((0.02, 2) if short else (1.0, 3))).items():
                for name, times in found.items():
                    values.setdefault(body, {}).setdefault(
                        name, []).extend(times)
    for body, found in values.items():
        medians = {name: table.median(f'{body}, {name}', times)
                   for name, times in found.items()}
        ours = medians[OURS]
        quotients = (ours / medians[FLOOR], medians[OAUTH2] / ours,
                     medians[OAUTH1] / ours)
        table.rows.append((
            body, *(duration(medians[name])
                    for name in (FLOOR, OURS, OAUTH2, OAUTH1)),
            *map(ratio, quotients)))
        for name, median in medians.items():
            table.figures[f'{body}, {name}'] = median
        if body == SMALL:
            table.figures.update(zip(
                ('auth_floor_ratio', 'oauth2_ratio', 'oauth1_ratio'),
                quotients))
    ours_by_body = [table.figures[f'{body}, {OURS}'] for body in values]
    table.figures['flatness'] = max(ours_by_body) / ours_by_body[0]
    return table


def batch(call: Callable[[PreparedRequest], PreparedRequest],
          prepared: PreparedRequest, number: int) -> float:
    """Return the seconds of a call, a mean of so many."""
    if number > WARM_UP:
        for _ in range(WARM_UP):
            call(fresh(prepared))
    copies = [fresh(prepared) for _ in range(number)]
    start = time.perf_counter()
    for copy in copies:
        call(copy)
    return (time.perf_counter() - start) / number


def take_turns(prepared: PreparedRequest, seconds: float,
               least: int) -> dict[str, list[float]]:
    """Measure the candidates with one request, for some seconds.

    :param least: the number of batches of each, even if that takes longer
    """
    calls = candidates(PREFIX, configured=False)
    numbers = {name: max(1, min(BATCH, int(BATCH_SECONDS / batch(
        call, prepared, 2)))) for name, call in calls.items()}
    values: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    end = time.perf_counter() + seconds
    gc.disable()
    while True:
        late = time.perf_counter() > end
        if late and all(len(times) >= least for times in values.values()):
            break
        for name in names:
            # One that takes long has had its batches in the given time.
            if not values[name] or len(values[name]) < least \
                    or values[name][0] * numbers[name] < seconds / 50:
                values[name].append(batch(calls[name], prepared,
                                          numbers[name]))
        gc.collect()
        # None shall always come after the same one.
        random.shuffle(names)
    gc.enable()
    return values


def main() -> None:
    """Be one of the processes."""
    seconds, least = workers.arguments()
    found = {}
    for name, (body, headers) in bodies().items():
        prepared = requests.Request(
            'POST', f'{PREFIX}/api.php', data=body,
            headers={**headers, 'User-Agent': 'benchmark'}).prepare()
        found[name] = take_turns(prepared, seconds, least)
    workers.answer(found)


if __name__ == '__main__':
    main()
