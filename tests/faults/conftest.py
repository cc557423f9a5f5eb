"""Opens cases, and records what was injected, lost and leaked."""

from __future__ import annotations

import logging
import signal
import socket

import pytest
import pywikibot
from pywikibot import config
from pywikibot.comms import http

from tests.sandbox import Clock


pytest.register_assert_rewrite('tests.faults.case')

from tests.faults.case import DEAD, DUE, LIFE, Capture, Case, Wiki  # noqa: E402 - with their asserts rewritten


SECONDS = 60  # more than any test takes: a loop without end is ended


@pytest.fixture(scope='session')
def port():
    """Reserve a port for the wikis, which follow one another."""
    # Linux lets another socket listen where this one is only bound.
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(('127.0.0.1', 0))
        yield reserved.getsockname()[1]


@pytest.fixture
def pywikibot_site(monkeypatch, port):
    """Let Pywikibot know the wiki, and wait briefly."""
    url = f'http://127.0.0.1:{port}/api.php'
    for name, value in {
        'family': 'faults',
        'mylang': 'faults',
        'family_files': {**config.family_files, 'faults': url},
        'base_dir': config.base_dir,
        'authenticate': {},
        'max_retries': 3,
        'retry_wait': 0.01,
        'retry_max': 0.02,
        'socket_timeout': config.socket_timeout,
    }.items():
        monkeypatch.setattr(config, name, value)
    monkeypatch.setitem(config.usernames['faults'], 'faults', 'Bot')
    pywikibot.bot.init_handlers()


@pytest.fixture
def capture(monkeypatch, capfd):
    """Take in everything that is logged, on every level, and printed."""
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
def new_case(request, record, port, pywikibot_site, capture, tmp_path, capfd):
    """Return a function that opens a case."""
    cases = []

    def new_case(like, *, folder=None, life=LIFE, prefix=None):
        for each in cases:
            each.wiki.close()
        folder = folder or tmp_path / str(len(cases))
        folder.mkdir(exist_ok=True)
        http.session.close()
        clock = Clock()
        wiki = Wiki(port=port, clock=clock, like=like, token_life=life)
        wiki.__enter__()
        request.addfinalizer(wiki.close)
        cases.append(Case(wiki, folder, capture, prefix))
        return cases[-1]

    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    yield new_case
    signal.alarm(0)
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
