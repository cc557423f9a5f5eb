"""Run all benchmarks, show the tables and write them down: make bench."""

import importlib
import os
import platform
import re
import sys
import time
from operator import ge, le
from pathlib import Path


# Pywikibot reads its configuration when it is imported; there is none here.
os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')

from benchmarks import lab, plot


FOLDER = Path(__file__).parent
PARTS = ['authentication', 'expiry', 'start', 'waiting', 'sessions', 'm3api']
TARGETS = (
    ('request_ratio', 'a whole request, times one without', le, 1.02),
    ('flatness', 'authentication of 300 kB, times a small form', le, 1.2),
    ('oauth2_ratio', 'requests_oauthlib.OAuth2, times ours', ge, 4),
    ('oauth1_ratio', 'OAuth 1, times ours', ge, 150),
    ('extra_start', 'requests more, expiry at the start', le, 1),
    ('extra_between_edits', 'requests more, between two edits', le, 2),
    ('refused', 'refused requests in both', le, 0),
    ('warnings', 'warnings in both', le, 0),
    ('import_ratio', 'import pywikibot, times without', le, 1.05),
    ('extra_modules', 'modules that Pywikibot does not load', le, 0),
    ('8 waiting, refreshes', 'refreshes an expiry, 8 waiting', le, 1),
    ('64 waiting, refreshes', 'refreshes an expiry, 64 waiting', le, 1),
    ('8 waiting', 'the last of 8 goes on after, seconds', le, 0.05),
    ('64 waiting', 'the last of 64 goes on after, seconds', le, 0.5),
    ('session, deserialize', 'a session, bytes', le, 2048),
    ('session, first request', 'a session that was used, bytes', le, 2048),
)
FORMATS = {'request_ratio': '.3f', 'oauth2_ratio': '.2f'}
FORMATS |= {'oauth1_ratio': '.0f', 'import_ratio': '.3f', 'extra_start': 'g'}
FORMATS |= {'extra_between_edits': 'g', 'refused': 'g', 'warnings': 'g'}


def main():
    """Measure all parts, or those that are named; --short is for the test."""
    names = [name for name in sys.argv[1:] if name != '--short'] or PARTS
    unknown = ', '.join(sorted({*names} - {*PARTS}))
    if unknown:
        sys.exit(f'There is no {unknown}, only {", ".join(PARTS)}, --short.')
    short = '--short' in sys.argv
    start = time.perf_counter()
    tables, figures = {}, {}
    for name in names:
        part = importlib.import_module(f'benchmarks.{name}')
        tables[name] = part.measure(short=short)
        figures.update(tables[name].figures)
        print(f'{name}\n{tables[name]}\n', flush=True)
    tables['targets'] = table = lab.Table('', 'target', 'found', '')
    for name, text, compare, bound in TARGETS:
        if name in figures:
            target = f'{"<=" if compare is le else ">="} {bound:g}'
            verdict = 'met' if compare(figures[name], bound) else 'missed'
            table.rows.append((text, target, f'{figures[name]:.4g}', verdict))
    print(table)
    line = 'bench:'
    for name, form in FORMATS.items():
        line += f' {name}={figures.get(name, float("nan")):{form}}'
    if names == PARTS and not short:
        template = (FOLDER / 'template.md').read_text(encoding='utf-8')
        text = template.format(machine=machine(), **tables) + f'\n`{line}`\n'
        (FOLDER / 'RESULTS.md').write_text(text, encoding='utf-8')
        (FOLDER / 'results.svg').write_text(plot.svg(figures))
    print(f'It took {time.perf_counter() - start:.0f} seconds.\n{line}')


def machine():
    """Return what a figure depends on, in words."""
    import pywikibot

    facts = Path('/proc/cpuinfo').read_text()
    model = re.findall(r'model name\s*: (.*)', facts) or ['?']
    python = f'Python {platform.python_version()}'
    library = f'Pywikibot {pywikibot.__version__}'
    return f'{model[0]}, {os.cpu_count()} cores, {python}, {library}'


if __name__ == '__main__':
    main()
