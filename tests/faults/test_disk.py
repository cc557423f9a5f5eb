"""A disk that takes nothing."""

from __future__ import annotations

import contextlib
import subprocess

import pytest

from tests.faults.case import DEAD, DUE, SAVED_AGAIN, fault


OUTCOME = 'not asked while the old token serves, then goes on from memory'


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
    """Write a file until the disk is full."""
    if disk is None:
        pytest.skip('only root may mount a small disk')
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    yield
    ballast.unlink()


@contextlib.contextmanager
def read_only(folder, disk):
    """Let nothing be written into a folder."""
    if disk is None:
        folder.chmod(0o555)
        yield
        folder.chmod(0o700)
    else:  # root may write into any folder, but not on such a disk
        remount = ['mount', str(disk), '-o']
        subprocess.run([*remount, 'remount,ro'], check=True)
        yield
        subprocess.run([*remount, 'remount,rw'], check=True)


@pytest.mark.parametrize('is_running', [False, True])
@pytest.mark.parametrize(
    ('trouble', 'words'),
    [
        fault('disk full', full, 'No space left', outcome=OUTCOME),
        fault(
            'folder that is read-only',
            read_only,
            'cannot be written',
            outcome=OUTCOME,
        ),
    ],
)
def test_nothing_can_be_written_for_a_while(
    new_case, like, small_disk, trouble, words, is_running
):
    case = new_case(like, folder=small_disk)
    bot = case.bot()
    if is_running:
        case.edits(bot)
    before = case.file.read_bytes()
    asked = case.wiki.token_requests
    with trouble(case.folder, small_disk):
        case.clock.advance(DUE)
        case.edits(bot, words, 'is still valid')
        assert case.wiki.token_requests == asked
        case.clock.advance(DEAD - DUE)
        case.edits(bot, words)
        assert case.wiki.token_requests == asked + 1
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        assert case.wiki.token_requests == asked + 1
        assert case.file.read_bytes() == before
    assert not list(case.folder.glob('*.tmp'))
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    assert case.file.read_bytes() != before
    case.goes_on(bot)
