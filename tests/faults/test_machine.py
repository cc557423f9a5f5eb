"""Clocks that are wrong, a disk that takes nothing, processes that die."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading

import pytest

from tests.faults.case import DEAD, DUE, LIFE, SAVED_AGAIN, fault
from tests.harness import wait_until
from tests.sandbox import Clock


HOUR, YEAR = 3600.0, 365 * 86400.0
ONE_EACH = 'goes on; at most one refresh and one repetition a request'

either = pytest.mark.parametrize('is_running', [False, True])


@either
@pytest.mark.parametrize(
    'offset',
    [
        fault('clock set back by an hour', ONE_EACH, -HOUR),
        fault('clock set forward by an hour', ONE_EACH, HOUR),
        fault('clock set back by a year', ONE_EACH, -YEAR),
        fault('clock set forward by a year', ONE_EACH, YEAR),
    ],
)
def test_a_clock_is_wrong_for_a_while(case, offset, is_running):
    clock = Clock()
    bot = case.bot(is_running=is_running, clock=clock)
    clock.advance(offset)
    for _ in range(4):
        case.edits(bot)
        clock.advance(LIFE * 0.6)
        case.advance(LIFE * 0.6)
    clock.advance(-offset)
    for _ in range(3):
        case.edits(bot)
    assert bot.most_token_requests <= 1
    case.goes_on(bot)


@pytest.fixture
def small_disk(tmp_path):
    """Give a file system of 256 KB, if that is allowed."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
        yield None
        return
    yield folder
    subprocess.run(['umount', '-l', str(folder)], check=True)


@contextlib.contextmanager
def full(folder, disk):
    """Fill a small disk."""
    if disk is None:
        pytest.skip('only root may mount a small disk')
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    yield
    ballast.unlink()
    assert not list(folder.glob('*.tmp'))


@contextlib.contextmanager
def read_only(folder, disk):
    """Let nothing be written into a folder."""

    def set_mode(mount_mode, mode):
        # Root may write into any folder, but not on such a disk.
        command = ['mount', '-o', f'remount,{mount_mode}', str(disk)]
        if disk is None:
            folder.chmod(mode)
        else:
            subprocess.run(command, check=True)

    set_mode('ro', 0o555)
    yield
    set_mode('rw', 0o700)


MEMORY = 'not asked while the old token serves, then goes on from memory'


@either
@pytest.mark.parametrize(
    ('taking_nothing', 'words'),
    [
        fault('disk full', MEMORY, full, 'No space left'),
        fault('folder that is read-only', MEMORY, read_only,
              'cannot be written'),
    ],
)  # fmt: skip
def test_a_disk_takes_nothing_for_a_while(
    new_case, like, small_disk, taking_nothing, words, is_running
):
    case = new_case(like, folder=small_disk)
    bot = case.bot(is_running=is_running)
    before = case.file.read_bytes()
    asked = case.wiki.token_requests
    with taking_nothing(case.folder, small_disk):
        case.clock.advance(DUE)
        case.edits(bot, words, 'is still valid')
        assert case.wiki.token_requests == asked
        case.clock.advance(DEAD - DUE)
        case.edits(bot, words)
        assert case.wiki.token_requests == asked + 1
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        assert case.file.read_bytes() == before
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    assert case.file.read_bytes() != before
    case.goes_on(bot)


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
@pytest.mark.parametrize('step', STEPS)
def test_no_step_is_one_at_which_to_die_loses_more_than_the_answer(
    case, record, step
):
    old = case.refresh_token
    case.advance(DUE)
    threads = set(threading.enumerate())
    with case.process(DIE.format(step=step)) as bot:
        said = case.hear(bot)
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
        wait_until(lambda: case.wiki.count(fault=kind))
        bot.kill()
        case.hear(bot)
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
        case.hear(bot)
    assert bot.returncode == -number
    assert case.refresh_token != old
    case.goes_on()
