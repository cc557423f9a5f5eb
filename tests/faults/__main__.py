#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Inject the faults: python -m tests.faults."""
from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests import faults
from tests.faults.lab import SECONDS, lab
from tests.faults.table import TABLE, run
from tests.faults.watch import BrokenError


def main() -> int:
    """Inject all faults, or with --short the most important ones."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.faults',
        description=faults.__doc__.splitlines()[0])
    parser.add_argument('--short', action='store_true')
    parser.add_argument('words', nargs='*',
                        help='only the faults whose name contains one')
    args = parser.parse_args()
    lab.is_short = args.short
    rows = [row for row in TABLE if row.is_short or not args.short
            if not args.words or any(word in row.name for word in args.words)]
    # Without a terminal nobody is asked anything.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory(prefix='faults-') as folder:
        lab.open(Path(folder))
        return 0 if run(rows, lambda text: print(text, flush=True)) else 1


def _too_long(*_: object) -> None:
    raise BrokenError(f'no end after {SECONDS} seconds')


if __name__ == '__main__':
    sys.exit(main())
