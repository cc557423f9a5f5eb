"""A disk that takes nothing."""

from __future__ import annotations

import contextlib
import subprocess

import pytest

from tests.faults.case import DEAD, DUE, SAVED_AGAIN


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


def fill(folder):
    """Write a file until the disk is full; return its path."""
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    return ballast


@pytest.mark.fault('disk full', OUTCOME)
@pytest.mark.parametrize('is_running', [False, True])
def test_a_disk_is_full_for_a_while(new_case, like, small_disk, is_running):
    if small_disk is None:
        pytest.skip('only root may mount a small disk')
    case = new_case(like, folder=small_disk)
    bot = case.bot()
    if is_running:
        case.edits(bot)
    before = case.file.read_bytes()
    asked = case.wiki.token_requests
    ballast = fill(small_disk)
    case.clock.advance(DUE)
    case.edits(bot, 'No space left', 'is still valid')
    assert case.wiki.token_requests == asked
    case.clock.advance(DEAD - DUE)
    case.edits(bot, 'No space left')
    assert case.wiki.token_requests == asked + 1
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    assert case.file.read_bytes() == before
    ballast.unlink()
    assert not list(case.folder.glob('*.tmp'))
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    assert case.file.read_bytes() != before
    case.goes_on(bot)


@contextlib.contextmanager
def read_only(folder, disk):
    """Let nothing be written into a folder."""
    if disk is None:
        folder.chmod(0o555)
    else:  # root may write into any folder, but not on such a disk
        remount(disk, 'ro')
    yield
    if disk is None:
        folder.chmod(0o700)
    else:
        remount(disk, 'rw')


def remount(disk, mode):
    command = ['mount', '-o', f'remount,{mode}', str(disk)]
    subprocess.run(command, check=True)


@pytest.mark.fault('folder that is read-only', OUTCOME)
@pytest.mark.parametrize('is_running', [False, True])
def test_a_folder_is_read_only_for_a_while(
    new_case, like, small_disk, is_running
):
    case = new_case(like, folder=small_disk)
    bot = case.bot()
    if is_running:
        case.edits(bot)
    asked = case.wiki.token_requests
    with read_only(case.folder, small_disk):
        case.clock.advance(DUE)
        case.edits(bot, 'is still valid')
        assert case.wiki.token_requests == asked
        case.clock.advance(DEAD - DUE)
        case.edits(bot, 'cannot be written')
        case.edits(bot)
        assert case.wiki.token_requests == asked + 1
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    case.goes_on(bot)
