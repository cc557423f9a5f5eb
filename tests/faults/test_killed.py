"""Processes that are killed while they refresh and save."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.faults.case import DEAD, DUE
from tests.harness import SECONDS, wait_until


# More than there are; a few of them show the rest in little time.
STEPS = range(1, 61)
FEW = (1, 12, 22, 26, 30, 36)
DIE = 'from tests.faults.dying import die_at\ndie_at({step})\n'


def check_successor(case, old):
    """Check that another run takes the place of one that was killed."""
    is_stored = case.refresh_token != old
    is_used = case.wiki.oauth._refresh_tokens[old].used is not None
    if case.wiki.is_master or is_stored or not is_used:
        case.goes_on()
    else:
        # What the wiki delivered died with the process.
        case.wiki.delivered.clear()
        case.is_ended()


@pytest.mark.fault(
    'kill -9 at every step',
    'goes on; before August 2026 message: pwb login, once the answer is lost',
)
@pytest.mark.parametrize(
    'step',
    [
        pytest.param(
            step, marks=[] if step in FEW else pytest.mark.slow
        )
        for step in STEPS
    ],
)  # fmt: skip
def test_no_step_is_one_at_which_to_die_loses_more_than_the_answer(
    case, record, step
):
    old = case.refresh_token
    case.advance(DUE)
    threads = set(threading.enumerate())
    with case.process(DIE.format(step=step)) as bot:
        said = bot.communicate(timeout=SECONDS)[0]
    case.capture.write(said)
    if bot.returncode != -signal.SIGKILL:
        assert bot.returncode == 0, said
        assert step > max(FEW), 'only so few steps'
        record.injected = -1  # nothing was
        return
    # Those of the wiki, which still answers.
    wait_until(lambda: threads.issuperset(threading.enumerate()))
    check_successor(case, old)


@pytest.mark.fault(
    'kill -9 while waiting for the answer',
    'goes on; before August 2026 message: pwb login, if the wiki acted on it',
)
@pytest.mark.parametrize('kind', ['hang_before', 'hang_after'])
def test_a_process_dies_while_it_waits_for_the_answer(case, kind):
    old = case.refresh_token
    case.advance(DEAD)
    case.wiki.fail_next(kind)
    with case.process() as bot:
        wait_until(lambda: case.wiki.is_met)
        bot.kill()
        case.capture.write(bot.communicate(timeout=SECONDS)[0])
    check_successor(case, old)


@pytest.mark.fault(
    'a signal while waiting for the answer', 'ends when the token is stored'
)
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_the_token_is_stored(case, number):
    old = case.refresh_token
    case.advance(DEAD)
    case.wiki.fail_next('slow', delay=0.3)
    with case.process(edits=1000) as bot:
        wait_until(lambda: case.wiki.faults_served['slow'])
        bot.send_signal(number)
        case.capture.write(bot.communicate(timeout=SECONDS)[0])
    assert bot.returncode == -number
    assert case.refresh_token != old
    case.goes_on()
