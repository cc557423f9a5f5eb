"""Run the tests that depend on Pywikibot with each supported version of it.

Those are the newest release of each major version from 9 on, or the versions
that are named on the command line::

    python -m tests.pywikibots 9.0.0

Each has a virtual environment of its own, which is kept. The oldest has the
oldest supported versions of the other requirements, too.
"""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from configparser import ConfigParser
from pathlib import Path


OLDEST = 9
TOP = Path(__file__).parent.parent
TESTS = (
    'tests/test_auth.py',
    'tests/test_bearer.py',
    'tests/test_blocks.py',
    'tests/test_bots.py',
    'tests/test_host.py',
    'tests/test_leaks.py',
    'tests/test_messages.py',
    'tests/test_package.py',
    'tests/test_protocol.py',
    'tests/test_session.py',
    'tests/login/test_conversation.py',
    'tests/login/test_manager.py',
    'tests/cli',
    'tests/journeys',
)
OPTIONS = ('-q', '-p', 'no:cacheprovider', '-p', 'no:randomly', '-n', '2')


def pip(python, *arguments):
    command = [python, '-m', 'pip', '--disable-pip-version-check', *arguments]
    return subprocess.check_output(command, text=True)


def newest_versions():
    shown = pip(sys.executable, 'index', 'versions', 'pywikibot')
    listed = re.search('(?m)^Available versions: (.*)$', shown)[1]
    newest = {}
    for version in listed.split(', '):  # from the newest to the oldest
        newest.setdefault(int(version.partition('.')[0]), version)
    return [newest[major] for major in sorted(newest) if major >= OLDEST]


def oldest_requirements(text):
    oldest = re.findall(r'(?m)^([\w-]+)>=([\d.]+)$', text)
    return [f'{name}=={number}.*' for name, number in oldest]


def environment(version):
    """Create a virtual environment for a version; return its Python."""
    folder = TOP / '.venv' / 'pywikibots' / version
    python = folder / 'bin' / 'python'
    if not (folder / 'installed').exists():
        venv.create(folder, clear=True, with_pip=True)
        scripts = f'pywikibot-scripts=={version.partition(".")[0]}.*'
        setup = ConfigParser()
        setup.read(TOP / 'setup.cfg')
        needed = ['install', '--quiet', f'pywikibot=={version}']
        if version.startswith(f'{OLDEST}.'):
            needed += oldest_requirements(setup['options']['install_requires'])
        needed.append('--editable')
        try:
            # It needs a Pywikibot at least as new as itself.
            pip(python, *needed, f'{TOP}[test]', scripts)
        except subprocess.CalledProcessError:
            # The first releases of 9 have none; pip has said why.
            tests = setup['options.extras_require']['test'].split()
            tests.remove('pywikibot-scripts')
            pip(python, *needed, str(TOP), *tests)
        (folder / 'installed').touch()
    return python


def main():
    failed = []
    for version in sys.argv[1:] or newest_versions():
        print(f'Pywikibot {version}', flush=True)
        command = [environment(version), '-m', 'pytest', *OPTIONS]
        command += ['--dist', 'worksteal', '-m', 'not slow', *TESTS]
        if subprocess.run(command, cwd=TOP).returncode:
            failed.append(version)
    if failed:
        sys.exit(f'Tests failed with Pywikibot {", ".join(failed)}.')


if __name__ == '__main__':
    main()
