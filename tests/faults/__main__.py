"""Inject the faults and print a table of them: python -m tests.faults."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


class Table:
    """Collects what the tests record; see `conftest.record`."""

    def __init__(self):
        self.outcomes, self.counts = {}, [0, 0, 0]
        self.failed = 0

    def pytest_runtest_logreport(self, report):
        self.failed += report.failed
        for name, value in report.user_properties:
            if name == 'fault' and report.when == 'teardown':
                kind, outcome, injected, *_ = value
                times = self.outcomes.get(kind, (0, ''))[0]
                self.outcomes[kind] = times + injected, outcome
                pairs = zip(self.counts, value[2:], strict=True)
                self.counts = [total + count for total, count in pairs]

    def show(self):
        """Print it; return whether all came out as it must."""
        width = max(map(len, self.outcomes), default=5)
        print(f'\n{"fault":{width}}  times  outcome')
        for kind, (times, outcome) in self.outcomes.items():
            print(f'{kind:{width}}  {times:5}  {outcome}')
        injected, lost, leaked = self.counts
        good = injected and not (self.failed or lost or leaked)
        failed = '' if good else f' failed={self.failed}'
        print(
            f'faults: {"OK" if good else "FAILED"}'
            f' kinds={len(self.outcomes)}{failed} injected={injected}'
            f' lost={lost} leaked={leaked}'
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
