#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The table of all faults."""
from __future__ import annotations

import traceback
from pathlib import Path
from typing import Callable, NamedTuple

from tests.faults.lab import lab


FOLDER = Path(__file__).parent


class Row(NamedTuple):
    """A kind of fault."""

    name: str
    outcome: str
    inject: Callable[[], None]
    is_short: bool


TABLE: list[Row] = []


def fault(name: str, outcome: str, *, short: bool = True):
    """Add a function to the table.

    :param name: what goes wrong
    :param outcome: what must come out
    :param short: whether it is part of the short form
    """
    def add(function):
        TABLE.append(Row(name, outcome, function, short))
        return function

    return add


def run(rows: list[Row], show: Callable[[str], None] = print) -> bool:
    """Inject the faults of some rows; return whether all came out right."""
    width = max(len(row.name) for row in rows)
    show(f'{"fault":{width}}  times  outcome')
    failed = 0
    for row in rows:
        before = lab.injected
        try:
            row.inject()
            outcome = row.outcome
        except Exception as error:  # noqa: BLE001
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            lines = ', '.join(
                f'{Path(frame.filename).name}:{frame.lineno}'
                for frame in where if Path(frame.filename).parent == FOLDER)
            words = ' '.join(f'{type(error).__name__}: {error}'.split())
            outcome = f'FAILED ({lines}) {words[-600:]}'
        show(f'{row.name:{width}}  {lab.injected - before:5}  {outcome}')
    counts = f'injected={lab.injected} lost={lab.lost} leaked={lab.leaked}'
    if failed or lab.lost or lab.leaked:
        show(f'faults: FAILED kinds={len(rows)} failed={failed} {counts}')
        return False
    show(f'faults: OK kinds={len(rows)} {counts}')
    return True
