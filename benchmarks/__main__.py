"""Run all benchmarks, show the tables and write them down: make bench."""

from __future__ import annotations

import argparse
import importlib
import operator
import os
import platform
import time
from pathlib import Path


# Pywikibot reads its configuration when it is imported; there is none here.
os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')

from benchmarks import lab, plot  # noqa: E402 - see above


FOLDER = Path(__file__).parent
PARTS = (
    *('authentication', 'expiry', 'start'),
    *('waiting', 'sessions', 'm3api'),
)
HEAD = """\
# What it costs

Written by `make bench` on this machine: {machine}.

Times depend on the machine and on what else it does, ratios and counts
hardly do. A ratio compares processes of their own that take turns, pair by
pair; it is the median over all pairs. 1.02 means two percent more. "Met"
and "missed" refer to the targets that this project has set itself.

![Authentication and starting as bars](results.svg)
"""
# Figure, text, comparison, bound.
TARGETS = (
    ('request_ratio', 'a whole request, times one without', '<=', 1.02),
    ('flatness', 'authentication of a large body, times a small', '<=', 1.1),
    ('oauth2_ratio', 'requests_oauthlib.OAuth2, times ours', '>=', 4),
    ('oauth1_ratio', 'OAuth 1, times ours, small form', '>=', 150),
    ('extra_start', 'requests more, expiry at the start', '<=', 1),
    ('extra_between_edits', 'requests more, between two edits', '<=', 2),
    ('refused', 'refused requests, both', '<=', 0),
    ('warnings', 'warnings, both', '<=', 0),
    ('import_ratio', 'import pywikibot, times without', '<=', 1.05),
    ('extra_modules', 'modules that Pywikibot does not load', '<=', 0),
    ('8 waiting, refreshes', 'refreshes an expiry, 8 waiting', '<=', 1),
    ('64 waiting, refreshes', 'refreshes an expiry, 64 waiting', '<=', 1),
    ('8 waiting', 'the last of 8 goes on after, s', '<=', 0.05),
    ('64 waiting', 'the last of 64 goes on after, s', '<=', 0.5),
    ('session, deserialize', 'a session at rest, bytes', '<=', 2048),
    ('session, first request', 'a session that was used, bytes', '<=', 2048),
)
LAST_LINE = {
    'request_ratio': '.3f',
    'oauth2_ratio': '.2f',
    'oauth1_ratio': '.0f',
    'import_ratio': '.3f',
    'extra_start': '.0f',
    'extra_between_edits': '.0f',
    'refused': '.0f',
    'warnings': '.0f',
}


def main():
    """Measure all parts, or those that are named."""
    parser = argparse.ArgumentParser(prog='python -m benchmarks')
    parser.add_argument('parts', nargs='*', help=f'of {", ".join(PARTS)}')
    parser.add_argument('--short', action='store_true', help='few rounds')
    parser.add_argument('--folder', type=Path, default=FOLDER)
    options = parser.parse_args()
    start = time.perf_counter()
    tables, figures = [], {}
    for name in options.parts or PARTS:
        part = importlib.import_module(f'benchmarks.{name}')
        tables.append(part.measure(short=options.short))
        figures.update(tables[-1].figures)
        print(tables[-1].terminal(), flush=True)
    tables.insert(0, targets(figures))
    print(tables[0].terminal())
    text = '\n'.join(
        [
            HEAD.format(machine=machine()),
            *(table.markdown() for table in tables),
            f'`{last_line(figures)}`\n',
        ]
    )
    (options.folder / 'RESULTS.md').write_text(text, encoding='utf-8')
    (options.folder / 'results.svg').write_text(
        plot.svg(figures), encoding='utf-8'
    )
    print(f'It took {time.perf_counter() - start:.0f} seconds.')
    print(last_line(figures))


def targets(figures):
    """Return the targets that were measured, and whether they are met."""
    table = lab.Table('Targets', '', ('', 'target', 'found', ''))
    for figure, text, sign, bound in TARGETS:
        if figure in figures:
            compare = operator.le if sign == '<=' else operator.ge
            is_met = compare(figures[figure], bound)
            found = f'{figures[figure]:.4g}'
            verdict = 'met' if is_met else 'missed'
            table.rows.append((text, f'{sign} {bound:g}', found, verdict))
    return table


def last_line(figures):
    """Return the summary; a question mark is what was not measured."""
    parts = [
        f'{name}={figures[name]:{form}}' if name in figures else f'{name}=?'
        for name, form in LAST_LINE.items()
    ]
    return f'bench: {" ".join(parts)}'


def machine():
    """Return what a figure depends on, in words."""
    import pywikibot

    facts = Path('/proc/cpuinfo')
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = [
        line.partition(': ')[2] for line in lines if 'model name' in line
    ]
    return (
        f'{(models or [platform.machine()])[0]}, {os.cpu_count()} cores,'
        f' Python {platform.python_version()}, Pywikibot'
        f' {pywikibot.__version__}'
    )


if __name__ == '__main__':
    main()
