"""Run the tests many times on a busy machine, in random order: make flaky.

Two processes that compute all the time stand for whatever else the machine
has to do. The tests that were not green each time are printed.
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
HOG = 'import os\nwhile os.getppid() == {}: pass'


def run(number, options):
    """Run the tests once; return those that were not green."""
    seed = random.randrange(1 << 32)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, 'report.xml')
        begun = time.monotonic()
        command = f'-m pytest -q -n 2 --dist worksteal --randomly-seed {seed}'
        command += f' -p no:cacheprovider --junitxml={report}'
        subprocess.run(
            [sys.executable, *command.split(), *options],
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - begun
        cases = list(ElementTree.parse(report).iter('testcase'))
    red = {
        f'{case.get("classname")}::{case.get("name")}'
        for case in cases
        if any(child.tag in ('failure', 'error') for child in case)
    }
    text = f'run {number}: {len(cases)} tests, {len(red)} not green'
    text += f', {seconds:.0f} s, --randomly-seed {seed}'
    print(text, *sorted(red), sep='\n  ', flush=True)
    return red


def main():
    """Run the tests as often as the first argument says."""
    times, options = int(sys.argv[1]), sys.argv[2:]
    counts = collections.Counter()
    with contextlib.ExitStack() as stack:
        for _ in range(HOGS):
            code = HOG.format(os.getpid())
            hog = subprocess.Popen([sys.executable, '-c', code])
            stack.callback(hog.wait)
            stack.callback(hog.kill)
        for number in range(1, times + 1):
            counts.update(run(number, options))
    for name, count in counts.most_common():
        print(f'not green {count} of {times} times: {name}')
    result = 'FAILED' if counts else 'OK'
    print(f'flaky: {result} runs={times} flaky={len(counts)}')
    return 1 if counts else 0


if __name__ == '__main__':
    sys.exit(main())
