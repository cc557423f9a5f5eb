#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What the line in user-config.py adds to the import of Pywikibot."""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import workers
from benchmarks.table import Table, duration, ratio
from tests.sandbox.config import environment


CONFIG = """\
family = 'wikipedia'
mylang = 'en'
usernames['wikipedia']['en'] = 'Bot'
"""
LINE = """
import pywikibot_oauth2 as _oauth2
authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(
    'client id', 'client secret', redirect_uri='http://127.0.0.1:8080/')
"""
TIMED = f"""
import sys as _sys, time as _time
_start = _time.perf_counter(){LINE}
_sys.line_seconds = _time.perf_counter() - _start
"""
# Pywikibot loads bot and site sooner or later in any case.
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import pywikibot
took = time.perf_counter() - start
alone = list(sys.modules)
import pywikibot.bot, pywikibot.site
print(json.dumps([took, alone, list(sys.modules),
                  getattr(sys, 'line_seconds', 0)]))
"""


def measure(*, short: bool = False) -> Table:
    """Import Pywikibot in new processes, with and without the line."""
    from json import loads

    table = Table(
        '4. What the line in user-config.py adds to import pywikibot',
        'Medians of new processes, with and without the line by turns. The'
        ' modules of this package itself are not among those that are'
        ' counted.',
        ('', 'import pywikibot', 'the line itself',
         'modules more, import pywikibot', 'modules more, bot and site too'))
    found: dict[str, list[list]] = {'without': [], 'with': []}
    with tempfile.TemporaryDirectory() as temporary:
        folders = {}
        for name, config in (('without', CONFIG), ('with', CONFIG + TIMED)):
            folders[name] = folder = Path(temporary, name)
            folder.mkdir()
            path = folder / 'user-config.py'
            path.touch(mode=0o600)
            path.write_text(config)
        for _ in range(2 if short else 12):
            for name, folder in folders.items():
                found[name].append(loads(workers.output(
                    [sys.executable, '-c', PROGRAM], folder,
                    environment(folder))))
    medians = {name: table.median(f'import {name} the line', [
        values[0] for values in runs]) for name, runs in found.items()}
    line = table.median('the line', [run[3] for run in found['with']])
    alone, complete = (_more(found, index) for index in (1, 2))
    table.rows += [
        ('without', duration(medians['without']), '', '', ''),
        ('with', duration(medians['with']), duration(line),
         _names(alone), _names(complete)),
        ('with / without', ratio(medians['with'] / medians['without']),
         '', '', '')]
    table.figures.update({
        'extra_modules': len(complete), 'extra_modules_alone': len(alone),
        'line_seconds': line,
        'import_seconds': medians['with'] - medians['without']})
    return table


def _more(found: dict[str, list[list]], index: int) -> list[str]:
    """Return the modules that are only loaded because of the line."""
    more = set(found['with'][0][index]) - set(found['without'][0][index])
    return sorted(name for name in more
                  if name.partition('.')[0] != 'pywikibot_oauth2')


def _names(modules: list[str]) -> str:
    return ', '.join([str(len(modules)), *modules])
