"""Opens cases, and records what was injected, lost and leaked."""

from __future__ import annotations

import contextlib
import logging
import signal

import pytest
import pywikibot
from pywikibot import config

from tests.harness import free_port
from tests.helpers import leave_pywikibot, set_up_pywikibot


pytest.register_assert_rewrite('tests.faults.case')

from tests.faults.case import DEAD, DUE, LIFE, Capture, Case, Wiki  # noqa: E402 - with their asserts rewritten


SECONDS = 60  # more than any test takes: a loop without end is ended


@pytest.fixture
def capture(caplog, monkeypatch):
    """Capture everything that is logged, at every level."""
    pywikibot.bot.init_handlers()
    # The only logger that has a level and does not propagate.
    caplog.set_level(logging.DEBUG, 'pywiki')
    monkeypatch.setattr(logging.getLogger('pywiki'), 'propagate', True)
    caplog.set_level(logging.DEBUG)
    capture = Capture()
    logging.root.addHandler(capture)
    yield capture
    logging.root.removeHandler(capture)


@pytest.fixture
def new_case(request, record_property, monkeypatch, capture, tmp_path, capfd):
    """Return a function that opens a case; record the result."""
    cases, stack = [], contextlib.ExitStack()

    def new_case(like, *, life=LIFE, kind=Wiki):
        folder = tmp_path / str(len(cases))
        folder.mkdir(exist_ok=True)
        options = {'like': like, 'token_life': life, 'port': free_port()}
        wiki = stack.enter_context(kind(**options))
        set_up_pywikibot(monkeypatch, folder, en=wiki)
        config.max_retries = 3
        config.usernames['sandbox']['en'] = 'Bot'
        cases.append(Case(wiki, folder, capture))
        return cases[-1]

    def too_long(*_):
        raise TimeoutError(f'no end after {SECONDS} seconds')

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    with stack:
        yield new_case
    signal.alarm(0)
    leave_pywikibot()
    capture.text += ''.join(capfd.readouterr())
    kind, outcome = request.node.get_closest_marker('fault').args
    counts = {
        'injected': sum(case.injected for case in cases),
        'lost': sum(case.lost for case in cases),
        'leaked': sum(case.leaks() for case in cases),
    }
    record_property('fault', (kind, outcome, counts))
    assert not counts['leaked']


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    return request.param


@pytest.fixture(params=[DUE, DEAD], ids=['due', 'dead'])
def after(request):
    """Return the number of seconds after which the fault occurs."""
    return request.param


@pytest.fixture
def case(new_case, like):
    """Return the case of a bot that has logged in."""
    return new_case(like)


@pytest.fixture
def bot(case):
    return case.bot()


@pytest.fixture
def running(case, bot):
    """Return a run of the bot that has edited."""
    case.edits(bot)
    return bot


@pytest.fixture(params=['bot', 'running'])
def either(request):
    return request.getfixturevalue(request.param)
