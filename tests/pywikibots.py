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
from typing import NamedTuple
from xml.etree import ElementTree


OLDEST = 9
TOP = Path(__file__).parent.parent
CACHE = TOP / '.venv' / 'pywikibots'
TESTS = (
    'tests/test_auth.py',
    'tests/login/test_manager.py',
    'tests/cli/test_commands.py',
)
LINE = '{:<10} {:<10} {:>6} {:>6} {:>7} {:>8}'


class Outcome(NamedTuple):
    """What became of the tests with a version of Pywikibot."""

    pywikibot: str
    scripts: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Tell whether tests ran and none failed."""
        return self.passed > 0 and self.failed == 0


def pip(python: str | Path, *arguments: str) -> str:
    """Run pip; return what it printed."""
    return subprocess.run(
        [str(python), '-m', 'pip', '--disable-pip-version-check', *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


def newest_versions() -> list[str]:
    """Return the newest release of each major version, in order."""
    shown = pip(sys.executable, 'index', 'versions', 'pywikibot')
    listed = re.search('^Available versions: (.*)$', shown, re.MULTILINE)
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
        major = version.partition('.')[0]
        needed = [
            '--quiet',
            '--editable',
            f'{TOP}[test]',
            f'pywikibot=={version}',
        ]
        try:
            # It needs a Pywikibot at least as new as itself.
            pip(python, 'install', *needed, f'pywikibot-scripts=={major}.*')
        except subprocess.CalledProcessError:
            # The first releases of 9 have none; pip has said why.
            pip(
                python,
                'install',
                '--quiet',
                '--editable',
                str(TOP),
                f'pywikibot=={version}',
                'pytest>=8',
            )
        (folder / 'installed').touch()
    return python


def scripts_version(python: Path) -> str:
    """Return the version of pywikibot-scripts in an environment."""
    found = re.search(
        '^pywikibot-scripts==(.*)$',
        pip(python, 'freeze', '--exclude-editable'),
        re.MULTILINE,
    )
    return found[1] if found else 'none'


def run(version: str, arguments: list[str]) -> Outcome:
    """Run the tests with a version of Pywikibot."""
    python = environment(version)
    report = CACHE / version / 'report.xml'
    report.unlink(missing_ok=True)
    scripts = scripts_version(python)
    environ = dict(os.environ)
    if scripts == 'none':
        # Where there are no scripts, that they are missing is no failure.
        environ.pop('CI', None)
    start = time.monotonic()
    subprocess.run(
        [
            str(python),
            '-m',
            'pytest',
            '-q',
            '-p',
            'no:cacheprovider',
            f'--junitxml={report}',
            *(arguments or TESTS),
        ],
        cwd=TOP,
        env=environ,
    )
    seconds = time.monotonic() - start
    counts = {'tests': 0, 'failures': 0, 'errors': 1, 'skipped': 0}
    if report.exists():
        suite = ElementTree.parse(report).find('testsuite')
        if suite is not None:
            counts = {name: int(suite.get(name, 0)) for name in counts}
    failed = counts['failures'] + counts['errors']
    return Outcome(
        version,
        scripts,
        max(counts['tests'] - failed - counts['skipped'], 0),
        failed,
        counts['skipped'],
        seconds,
    )


def main() -> int:
    """Run the program; it fails if a test does."""
    parser = argparse.ArgumentParser(
        prog='python -m tests.pywikibots', description=__doc__.splitlines()[0]
    )
    parser.add_argument('versions', nargs='*', metavar='VERSION')
    parser.add_argument(
        '--tests',
        nargs='+',
        default=[],
        metavar='FILE',
        help='run these instead',
    )
    options = parser.parse_args()
    outcomes = []
    for version in options.versions or newest_versions():
        print(f'Pywikibot {version}', flush=True)
        outcomes.append(run(version, options.tests))
    print(
        LINE.format(
            'Pywikibot', 'scripts', 'passed', 'failed', 'skipped', 'seconds'
        )
    )
    for outcome in outcomes:
        print(LINE.format(*outcome[:-1], round(outcome.seconds)))
    return int(not all(outcome.is_good for outcome in outcomes))


if __name__ == '__main__':
    sys.exit(main())
