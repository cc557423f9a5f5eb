#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Run all benchmarks, show the tables and write them down: make bench."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path


# Pywikibot reads its configuration when it is imported; there is none here.
os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')

import pyperf

from benchmarks import (
    expiry,
    fetch,
    in_process,
    m3api,
    plot,
    sessions,
    startup,
    targets,
    whole_process,
)
from benchmarks.table import Table


FOLDER = Path(__file__).parent
PARTS = (in_process, fetch, whole_process, startup, expiry, sessions, m3api)
HEAD = """\
# What it costs

Written by `make bench`, on this machine: {machine}.
Others have other times; ratios and counts are what matters.

![The most important figures as bars](results.svg)
"""


def main() -> None:
    """Measure all parts, or those that are named."""
    names = [part.__name__.rpartition('.')[2] for part in PARTS]
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks', description=__doc__
    )
    parser.add_argument(
        'parts',
        nargs='*',
        metavar='part',
        help=f'of {", ".join(names)}; else all',
    )
    parser.add_argument(
        '--short', action='store_true', help='few rounds, for tests'
    )
    parser.add_argument(
        '--folder',
        type=Path,
        default=FOLDER,
        help='where RESULTS.md and results.svg go',
    )
    parser.add_argument(
        '--json',
        metavar='FILE',
        help='write the single values, for python -m pyperf',
    )
    args = parser.parse_args()
    if not set(args.parts) <= set(names):
        parser.error(f'the parts are {", ".join(names)}')
    start = time.perf_counter()
    tables = []
    for name, part in zip(names, PARTS, strict=True):
        if not args.parts or name in args.parts:
            tables.append(part.measure(short=args.short))
            show(f'{tables[-1].terminal()}\n')
    figures = {
        name: value
        for table in tables
        for name, value in table.figures.items()
    }
    tables.append(
        Table(
            'Targets',
            'Whether the bounds that this project has set itself are'
            ' kept in this run.',
            ('', 'target', 'found', ''),
            targets.rows(figures),
        )
    )
    show(f'{tables[-1].terminal()}\n')
    write(tables, figures, args.folder)
    if args.json:
        pyperf.BenchmarkSuite(
            [benchmark for table in tables for benchmark in table.benchmarks]
        ).dump(args.json, replace=True)
    show(f'It took {time.perf_counter() - start:.0f} seconds.')
    show(last_line(figures))


def write(
    tables: list[Table], figures: dict[str, float], folder: Path
) -> None:
    """Write RESULTS.md and results.svg."""
    sections = [
        HEAD.format(machine=machine()),
        *(f'{table.markdown()}\n' for table in [tables[-1], *tables[:-1]]),
        f'`{last_line(figures)}`\n',
    ]
    (folder / 'RESULTS.md').write_text('\n'.join(sections), encoding='utf-8')
    (folder / 'results.svg').write_text(plot.svg(figures), encoding='utf-8')


def last_line(figures: dict[str, float]) -> str:
    """Return the summary; a question mark is what was not measured."""
    parts = [
        f'{name}={figures[name]:{form}}' if name in figures else f'{name}=?'
        for name, form in (
            ('auth_floor_ratio', '.2f'),
            ('oauth2_ratio', '.2f'),
            ('oauth1_ratio', '.0f'),
            ('extra_requests', '.0f'),
            ('extra_modules', '.0f'),
        )
    ]
    return f'bench: {" ".join(parts)}'


def machine() -> str:
    """Return what a figure depends on, in words."""
    import pywikibot

    metadata = pyperf.Run([1.0]).get_metadata()
    return (
        f'{metadata.get("cpu_model_name", "an unknown processor")},'
        f' {os.cpu_count()} cores, Python'
        f' {metadata["python_version"].split()[0]},'
        f' Pywikibot {pywikibot.__version__}'
    )


def show(text: str) -> None:
    """Show something at once."""
    sys.stdout.write(f'{text}\n')
    sys.stdout.flush()


if __name__ == '__main__':
    main()
