"""Opens cases, and records what was injected, lost and leaked."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack

import pytest
from pywikibot import config
from pywikibot.bot import init_handlers

from tests.helpers import leave_pywikibot, set_up_pywikibot
from tests.sandbox import Clock


pytest.register_assert_rewrite('tests.faults.case')

from tests.faults.case import DEAD, DUE, Capture, Case, Wiki  # noqa: E402 - with their asserts rewritten


SECONDS = 60  # more than any test takes: a loop without end is ended


@pytest.fixture
def capture(monkeypatch, capfd):
    """Take in everything that is logged, on every level, and printed."""
    init_handlers()
    capture = Capture()
    root = logging.getLogger()
    root.addHandler(capture)
    monkeypatch.setattr(root, 'level', logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        for attribute, value in {
            'level': logging.DEBUG,
            'propagate': True,
            'handlers': [],
        }.items():
            monkeypatch.setattr(logger, attribute, value)
        logger.manager._clear_cache()
    yield capture
    root.removeHandler(capture)
    logging.root.manager._clear_cache()


@pytest.fixture
def new_case(monkeypatch, record, capture, tmp_path, capfd):
    """Return a function that opens a case."""
    cases = []

    def new_case(like, *, folder=None):
        for each in cases:
            each.wiki.close()
        folder = folder or tmp_path / str(len(cases))
        folder.mkdir(exist_ok=True)
        wiki = stack.enter_context(Wiki(clock=Clock(), like=like))
        set_up_pywikibot(monkeypatch, folder, en=wiki)
        config.max_retries = 3
        config.usernames['sandbox']['en'] = 'Bot'
        cases.append(Case(wiki, folder, capture))
        return cases[-1]

    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    with ExitStack() as stack:
        yield new_case
    signal.alarm(0)
    leave_pywikibot()
    capture.write(''.join(capfd.readouterr()))
    record.injected = max(record.injected or len(cases), 0)
    record.lost = sum(case.lost for case in cases)
    record.leaked = sum(case.leaks() for case in cases)
    assert not record.leaked


def _too_long(*_):
    raise TimeoutError(f'no end after {SECONDS} seconds')


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    """Return which server the wiki plays."""
    return request.param


@pytest.fixture(params=[DUE, DEAD], ids=['due', 'dead'])
def after(request):
    """Return after how many seconds the fault comes."""
    return request.param


@pytest.fixture
def case(new_case, like):
    """Return a bot that has logged in, to do harm to."""
    return new_case(like)


class Record:
    """What a test has done: a row of the table."""

    injected = lost = leaked = 0


@pytest.fixture
def record(request, record_property):
    """Record which fault was injected how often, and what became of it."""
    kind, outcome = request.node.get_closest_marker('fault').args
    record = Record()
    yield record
    counts = record.injected, record.lost, record.leaked
    record_property('fault', (kind, outcome, *counts))
