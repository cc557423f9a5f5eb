"""Inject the faults and print a table of them: python -m tests.faults."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest


class Table:
    """Collects what the tests record; see `conftest.new_case`."""

    def __init__(self):
        self.outcomes, self.times = {}, Counter()
        self.totals = Counter(injected=0, lost=0, leaked=0)
        self.failed = 0

    def pytest_runtest_logreport(self, report):
        self.failed += report.failed
        if report.when == 'teardown':
            for _, (kind, outcome, counts) in report.user_properties:
                self.outcomes[kind] = outcome
                self.times[kind] += counts['injected']
                self.totals.update(counts)

    def show(self):
        """Print it; return whether all outcomes are as expected."""
        width = max(map(len, self.outcomes), default=5)
        print(f'\n{"fault":{width}}  times  outcome')
        for kind, outcome in self.outcomes.items():
            print(f'{kind:{width}}  {self.times[kind]:5}  {outcome}')
        injected, *bad = self.totals.values()
        good = injected and not (self.failed or any(bad))
        failed = '' if good else f' failed={self.failed}'
        print(
            f'faults: {"OK" if good else "FAILED"}'
            f' kinds={len(self.outcomes)}{failed}',
            *(f'{name}={count}' for name, count in self.totals.items()),
        )
        return good


def main():
    table = Table()
    options = ['-q', '-n', '2', '-p', 'no:randomly', '--show-capture=no']
    folder = str(Path(__file__).parent)
    pytest.main([*options, folder, *sys.argv[1:]], plugins=[table])
    return 0 if table.show() else 1


if __name__ == '__main__':
    sys.exit(main())
