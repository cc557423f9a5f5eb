"""What the tests share: a wiki, and a Pywikibot that knows it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path


# In the background of a shell, Ctrl-C is ignored, and with nohup SIGHUP, also
# by what the tests start; there are tests of both.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Pywikibot reads its configuration when it is imported: the tests import it
# with none, and it writes into a folder of its own.
os.environ['PYWIKIBOT_NO_USER_CONFIG'] = '2'
FOLDER = tempfile.mkdtemp(prefix='pywikibot-oauth2-')
# Registered before Pywikibot's own, so that it comes after them.
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# A process that has once counted itself among Pywikibot's expects the list
# at its end, whatever folder a test put it into.
Path(FOLDER, 'throttle.ctrl').touch()

import pytest  # noqa: E402
import pywikibot.config  # noqa: E402

from pywikibot_oauth2 import account  # noqa: E402
from tests.sandbox import Clock, Sandbox  # noqa: E402


pywikibot.config.base_dir = FOLDER


def pytest_collection_modifyitems(items):
    """Leave to "make test-all" what takes a minute, or shows the same again.

    The faults are a run of their own; the command line and the journeys are
    the same on the older server as on the newest one, except in tests that
    are marked `both_servers`.
    """
    for item in items:
        folder = item.path.parent.name
        callspec = getattr(item, 'callspec', None)
        if folder == 'faults' or (
            folder in ('cli', 'journeys')
            and callspec
            and '1.43' in callspec.params.values()
            and not item.get_closest_marker('both_servers')
        ):
            item.add_marker('slow')


@pytest.fixture(autouse=True)
def lost():
    """Lose what a test could not store, which is stored at the exit."""
    yield
    account._unsaved.clear()


@pytest.fixture
def clock(request):
    """Return a clock that a test can advance.

    It stands still otherwise, unless it is for processes of their own.
    """
    from tests.helpers import StandingClock

    is_core = request.path.parent == Path(__file__).parent
    return StandingClock() if is_core else Clock()


@pytest.fixture
def like():
    """Return which server the sandbox plays; a test may parametrize it."""
    return '1.43'


@pytest.fixture
def wiki(clock, like):
    """Run a sandbox wiki with the test's clock."""
    with Sandbox(clock=clock, like=like) as sandbox:
        yield sandbox
