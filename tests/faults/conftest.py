"""Opens cases, and records what was injected, lost and leaked."""

from __future__ import annotations

import logging
import signal
from types import SimpleNamespace

import pytest
import pywikibot
from pywikibot import config
from pywikibot.comms import http

from tests.harness import free_port
from tests.helpers import set_up_pywikibot
from tests.sandbox import Clock


pytest.register_assert_rewrite('tests.faults.case')

from tests.faults.case import DEAD, DUE, LIFE, Capture, Case, Wiki  # noqa: E402 - with their asserts rewritten


SECONDS = 60  # more than any test takes: a loop without end is ended


@pytest.fixture(scope='session')
def port():
    """Return a port for the wikis, which follow one another."""
    return free_port()


@pytest.fixture
def pywikibot_site(monkeypatch, tmp_path, port):
    """Let Pywikibot know the wiki, and wait briefly."""
    set_up_pywikibot(monkeypatch, tmp_path, en=f'127.0.0.1:{port}')
    config.max_retries = 3
    config.usernames['sandbox']['en'] = 'Bot'
    pywikibot.bot.init_handlers()


@pytest.fixture
def capture(monkeypatch):
    """Take in everything that is logged, on every level."""
    capture, root = Capture(), logging.getLogger()
    root.addHandler(capture)
    monkeypatch.setattr(root, 'level', logging.DEBUG)
    for name in list(root.manager.loggerDict):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, 'level', logging.DEBUG)
        monkeypatch.setattr(logger, 'propagate', True)
        monkeypatch.setattr(logger, 'handlers', [])
    root.manager._clear_cache()
    yield capture
    root.removeHandler(capture)
    root.manager._clear_cache()


@pytest.fixture
def new_case(request, record, port, pywikibot_site, capture, tmp_path, capfd):
    """Return a function that opens a case."""
    cases = []

    def new_case(like, *, folder=None, life=LIFE, front=None):
        for each in cases:
            each.wiki.close()
        folder = folder or tmp_path / str(len(cases))
        folder.mkdir(exist_ok=True)
        http.session.close()
        wiki = Wiki(port=port, clock=Clock(), like=like, token_life=life)
        wiki.__enter__()
        request.addfinalizer(wiki.close)
        if front:
            front.answer = wiki._answer
        cases.append(Case(wiki, folder, capture, front and front.url))
        return cases[-1]

    def too_long(*_):
        raise TimeoutError(f'no end after {SECONDS} seconds')

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    yield new_case
    signal.alarm(0)
    capture.text += ''.join(capfd.readouterr())
    record.injected = max(record.injected or len(cases), 0)
    record.lost = sum(case.lost for case in cases)
    record.leaked = sum(case.leaks() for case in cases)
    assert not record.leaked


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    return request.param


@pytest.fixture(params=[DUE, DEAD], ids=['due', 'dead'])
def after(request):
    """Return after how many seconds the fault comes."""
    return request.param


@pytest.fixture
def case(new_case, like):
    """Return a bot that has logged in, to do harm to."""
    return new_case(like)


@pytest.fixture
def bot(case):
    return case.bot()


@pytest.fixture
def running(case):
    """Return a run of it that has edited."""
    return case.bot(is_running=True)


@pytest.fixture
def record(request, record_property):
    """Record which fault was injected how often, and what became of it."""
    record = SimpleNamespace(injected=0, lost=0, leaked=0)
    yield record
    kind, outcome = request.node.get_closest_marker('fault').args
    counts = record.injected, record.lost, record.leaked
    record_property('fault', (kind, outcome, *counts))
