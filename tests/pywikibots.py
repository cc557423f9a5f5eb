"""Run the tests that touch Pywikibot on each supported version of it.

That is the newest one of each major version from 9 on, and whatever is
named on the command line::

    python -m tests.pywikibots 9.0.0

Each has a virtual environment of its own, which is kept.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path
from xml.etree import ElementTree


OLDEST = 9
TOP = Path(__file__).parent.parent
CACHE = TOP / '.venv' / 'pywikibots'
TESTS = (
    'tests/test_auth.py',
    'tests/test_blocks.py',
    'tests/login/test_manager.py',
    'tests/cli/test_commands.py',
)
LINE = '{:<10} {:<10} {:>6} {:>6} {:>7} {:>8}'
HEAD = ('Pywikibot', 'scripts', 'passed', 'failed', 'skipped', 'seconds')


def pip(python: str | Path, *arguments: str) -> str:
    command = [python, '-m', 'pip', '--disable-pip-version-check', *arguments]
    return subprocess.check_output(command, text=True)


def newest_versions() -> list[str]:
    shown = pip(sys.executable, 'index', 'versions', 'pywikibot')
    listed = re.search('(?m)^Available versions: (.*)$', shown)
    if listed is None:
        raise RuntimeError(f'pip shows no versions:\n{shown}')
    newest: dict[int, str] = {}
    for version in listed[1].split(', '):  # from the newest to the oldest
        newest.setdefault(int(version.partition('.')[0]), version)
    return [newest[major] for major in sorted(newest) if major >= OLDEST]


def environment(version: str) -> Path:
    """Make a virtual environment with a version; return its Python."""
    folder = CACHE / version
    python = folder / ('Scripts' if os.name == 'nt' else 'bin') / 'python'
    if not (folder / 'installed').exists():
        venv.create(folder, clear=True, with_pip=True)
        scripts = f'pywikibot-scripts=={version.partition(".")[0]}.*'
        needed = ['install', '--quiet', f'pywikibot=={version}', '--editable']
        try:
            # It needs a Pywikibot at least as new as itself.
            pip(python, *needed, f'{TOP}[test]', scripts)
        except subprocess.CalledProcessError:
            # The first releases of 9 have none; pip has said why.
            pip(python, *needed, str(TOP), 'pytest>=8')
        (folder / 'installed').touch()
    return python


def run(version: str, tests: list[str]) -> tuple[object, ...]:
    """Run the tests with a version; return what to print of it."""
    python = environment(version)
    report = CACHE / version / 'report.xml'
    report.unlink(missing_ok=True)
    frozen = pip(python, 'freeze', '--exclude-editable')
    scripts = re.search('(?m)^pywikibot-scripts==(.*)$', frozen)
    environ = dict(os.environ)
    if not scripts:
        # Where there are no scripts, that they are missing is no failure.
        environ.pop('CI', None)
    start = time.monotonic()
    command = [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider']
    command += [f'--junitxml={report}', *(tests or TESTS)]
    subprocess.run(command, cwd=TOP, env=environ)
    seconds = round(time.monotonic() - start)
    counts = {'tests': 0, 'failures': 0, 'errors': 1, 'skipped': 0}
    if report.exists():
        for suite in ElementTree.parse(report).iter('testsuite'):
            counts = {name: int(suite.get(name, 0)) for name in counts}
    failed, skipped = counts['failures'] + counts['errors'], counts['skipped']
    passed = max(counts['tests'] - failed - skipped, 0)
    release = scripts[1] if scripts else 'none'
    return version, release, passed, failed, skipped, seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog='python -m tests.pywikibots')
    parser.add_argument('versions', nargs='*', metavar='VERSION')
    parser.add_argument(
        '--tests', nargs='+', metavar='FILE', help='run these instead'
    )
    options = parser.parse_args()
    outcomes = []
    for version in options.versions or newest_versions():
        print(f'Pywikibot {version}', flush=True)
        outcomes.append(run(version, options.tests))
    for row in (HEAD, *outcomes):
        print(LINE.format(*row))
    return int(any(row[3] or not row[2] for row in outcomes))


if __name__ == '__main__':
    sys.exit(main())
