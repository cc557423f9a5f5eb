"""What the tests share: a wiki, and a Pywikibot that knows it."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
from pathlib import Path


# In the background of a shell, Ctrl-C is ignored, and with nohup SIGHUP, also
# by what the tests start; there are tests of both.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Pywikibot reads its configuration when it is imported. The tests import it
# without one, and it writes into a temporary folder.
os.environ['PYWIKIBOT_NO_USER_CONFIG'] = '2'
FOLDER = tempfile.mkdtemp(prefix='pywikibot-oauth2-')
# Registered before Pywikibot's own, so that it comes after them.
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
# A process that has entered itself in Pywikibot's list of processes expects
# the list at its end, too, whatever folder a test has chosen since.
Path(FOLDER, 'throttle.ctrl').touch()

import pytest  # noqa: E402
import pywikibot.config  # noqa: E402

from pywikibot_oauth2 import account  # noqa: E402
from tests.sandbox import Clock, Sandbox  # noqa: E402


pywikibot.config.base_dir = FOLDER


def pytest_collection_modifyitems(items):
    """Leave slow tests, and those that show nothing new, to "make test-all".

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
    """Drop what a test could not store, lest it be stored at the exit."""
    yield
    account._unsaved.clear()


@pytest.fixture
def keeps_garbage():
    """Collect no garbage in a test whose input is nested too deeply.

    A finalizer that runs at the limit of recursion fails, and with it the
    test.
    """
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def said():
    """Return the warnings that Pywikibot prints."""
    from tests.helpers import listening

    with listening() as texts:
        yield texts


@pytest.fixture
def local_proxy(monkeypatch):
    """Let the environment send requests to this machine through a proxy."""
    for name in ('NO_PROXY', 'no_proxy'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('HTTP_PROXY', 'http://127.0.0.1:1')


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


@pytest.fixture
def bench(monkeypatch, tmp_path, wiki):
    """Return a Pywikibot that is configured for two wikis."""
    from tests.bench import Bench, OtherWiki
    from tests.helpers import leave_pywikibot, set_up_pywikibot

    with OtherWiki() as other:
        set_up_pywikibot(monkeypatch, tmp_path, en=wiki, other=other)
        yield Bench(wiki, other, tmp_path)
    leave_pywikibot()


@pytest.fixture
def live(bench):
    """Return a bench whose bot has a live token."""
    bench.header = bench.bot.log_in()
    return bench
