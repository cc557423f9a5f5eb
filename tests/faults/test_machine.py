"""Wrong clocks, disks that refuse writes, and processes that die."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading

import pytest
import requests

from tests.faults.case import DEAD, DUE, LIFE, SAVED_AGAIN, fault, injects
from tests.harness import SECONDS, wait_until


ONE_EACH = 'goes on; at most one refresh and one repetition a request'


@pytest.mark.parametrize(
    'offset',
    [
        fault(f'clock set {way} by {length}', ONE_EACH, sign * seconds)
        for length, seconds in (('an hour', 3600), ('a year', 365 * 86400))
        for way, sign in (('back', -1), ('forward', 1))
    ],
)
def test_a_clock_may_be_wrong_for_a_while(case, either, offset):
    either.ahead = offset
    for _ in range(4):
        case.edits(either)
        case.advance(LIFE * 0.6)
    either.ahead = 0
    for _ in range(3):
        case.edits(either)
    assert either.most_token_requests <= 1
    case.goes_on(either)


@pytest.fixture
def is_mounted(tmp_path):
    """Mount a disk of 256 KB as the bot's folder, if possible."""
    folder = tmp_path / '0'  # where new_case() puts its first case
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs']
    done = subprocess.run([*command, folder], stderr=subprocess.DEVNULL)
    yield done.returncode == 0
    if done.returncode == 0:
        subprocess.run(['umount', '-l', folder], check=True)


@contextlib.contextmanager
def full(folder, is_mounted):
    """Fill a small disk."""
    if not is_mounted:
        pytest.skip('only root may mount a small disk')
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    yield
    ballast.unlink()
    assert not list(folder.glob('*.tmp'))


@contextlib.contextmanager
def read_only(folder, is_mounted):
    """Make a folder read-only within a `with` block."""

    def set_mode(mount_mode, mode):
        # Root may write into any folder, but not on such a disk.
        if is_mounted:
            command = ['mount', '-o', f'remount,{mount_mode}', folder]
            subprocess.run(command, check=True)
        else:
            folder.chmod(mode)

    set_mode('ro', 0o555)
    yield
    set_mode('rw', 0o700)


MEMORY = 'not asked while the old token serves, then goes on from memory'


@pytest.mark.parametrize(
    ('taking_nothing', 'words'),
    [
        fault('disk full', MEMORY, full, 'No space left'),
        fault('folder that is read-only', MEMORY, read_only,
              'cannot be written'),
    ],
)  # fmt: skip
def test_a_disk_may_refuse_writes_for_a_while(
    is_mounted, case, either, taking_nothing, words
):
    before = case.file.read_bytes()
    with taking_nothing(case.folder, is_mounted):
        case.clock.advance(DUE)
        case.edits(either, words, 'is still valid', asks=0)
        case.clock.advance(DEAD - DUE)
        case.edits(either, words, asks=1)
        case.clock.advance(SAVED_AGAIN)
        case.edits(either)
        assert case.file.read_bytes() == before
    case.clock.advance(SAVED_AGAIN)
    case.edits(either)
    assert case.file.read_bytes() != before
    case.goes_on(either)


STEPS = range(1, 61)  # more than there are
DIE = 'from tests.faults.dying import die_at\ndie_at({step})\n'


def check_successor(case, old):
    """Check that another run takes the place of one that was killed."""
    is_stored = case.refresh_token != old
    is_used = case.wiki.oauth._refresh_tokens[old].used is not None
    if case.wiki.is_master or is_stored or not is_used:
        case.goes_on()
    else:
        # What the wiki delivered died with the process.
        case.wiki.delivered = [case.refresh_token]
        case.is_ended()


@injects(
    'kill -9 at every step',
    'goes on; before August 2026 message: pwb login, once the answer is lost',
)
@pytest.mark.parametrize('step', STEPS)
def test_dying_at_any_step_loses_no_more_than_the_answer(case, step):
    old = case.refresh_token
    case.advance(DUE)
    threads = set(threading.enumerate())
    with case.process(DIE.format(step=step)) as bot:
        pass
    if bot.returncode != -signal.SIGKILL:
        assert bot.returncode == 0, case.capture.text
        assert step > 36, 'only so few steps'
        case.injected = 0
        return
    # The wiki still answers: it accepts this connection after the bot's, and
    # has a thread for each.
    requests.get(case.wiki.url, timeout=SECONDS)
    wait_until(lambda: threads.issuperset(threading.enumerate()))
    check_successor(case, old)


@injects(
    'kill -9 while waiting for the answer',
    'goes on; before August 2026 message: pwb login, if the wiki acted on it',
)
@pytest.mark.parametrize('kind', ['hang_before', 'hang_after'])
def test_a_process_may_die_while_it_waits_for_the_answer(case, kind):
    old = case.refresh_token
    case.advance(DEAD)
    case.wiki.fail_next(kind)
    with case.process() as bot:
        wait_until(lambda: case.wiki.count(fault=kind))
        bot.kill()
    check_successor(case, old)


@injects(
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
    assert bot.returncode == -number
    assert case.refresh_token != old
    case.goes_on()
