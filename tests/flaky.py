"""Run the tests many times on a busy machine, in random order: make flaky.

Two processes that compute all the time stand for the other work of the
machine. The tests that did not pass each time are printed.
"""

from __future__ import annotations

import collections
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree


HOGS = 2
# It ends with the process that started it, however that ends.
HOG = f'import os\nwhile os.getppid() == {os.getpid()}: pass'
PYTEST = '-m pytest -q -n 2 --dist worksteal -p no:cacheprovider'


def run(number, options):
    seed = f'--randomly-seed={random.randrange(1 << 32)}'
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, 'report.xml')
        command = [sys.executable, *PYTEST.split(), seed]
        command += [f'--junitxml={report}', *options]
        begun = time.monotonic()
        subprocess.run(command, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        cases = list(ElementTree.parse(report).iter('testcase'))
    red = {
        f'{case.get("classname")}::{case.get("name")}'
        for case in cases
        if any(child.tag in ('failure', 'error') for child in case)
    }
    text = f'run {number}: {len(cases)} tests, {len(red)} not green'
    print(f'{text}, {seconds:.0f} s, {seed}', *sorted(red), sep='\n  ')
    return red


def main():
    """Run the tests as often as the first argument says."""
    times, options = int(sys.argv[1]), sys.argv[2:]
    counts = collections.Counter()
    with contextlib.ExitStack() as stack:
        for _ in range(HOGS):
            hog = subprocess.Popen([sys.executable, '-c', HOG])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        for number in range(1, times + 1):
            counts.update(run(number, options))
            sys.stdout.flush()
    for name, count in counts.most_common():
        print(f'not green {count} of {times} times: {name}')
    result = 'FAILED' if counts else 'OK'
    print(f'flaky: {result} runs={times} flaky={len(counts)}')
    return 1 if counts else 0


if __name__ == '__main__':
    sys.exit(main())
