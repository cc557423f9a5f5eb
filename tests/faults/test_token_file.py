"""The token file, damaged before a run or during one."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.faults.case import DEAD, DUE, LOGIN, SAVED_AGAIN, fault, injects


NOBODY = 65534


def snapshot(path):
    """Return what changes when a file is written, replaced or given away."""
    status = path.lstat()
    return status.st_ino, status.st_mtime_ns, status.st_mode, status.st_uid


def written(content):
    return lambda path: path.write_bytes(content)


def truncated(part):
    return lambda path: os.truncate(path, int(path.stat().st_size * part))


def newer_release(path):
    data = {**json.loads(path.read_text()), 'version': 99}
    path.write_text(json.dumps(data))


def directory(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def foreign(path):
    """Make it a file of another user: root gives it away, others link one."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    else:
        path.unlink()
        path.symlink_to('/etc/passwd')


START_OVER = 'goes on from memory; message: mv, pwb login'
CONTENTS = (
    b'\x80\x00', b'null', b'[]', b'{}', b'{"version":1,"authorizations":[]}',
    b'[' * 100_000,
)  # fmt: skip


def damaged(name, breaks, says=('mv ', LOGIN), outcome=START_OVER):
    return fault(name, outcome, breaks, says)


DAMAGES = [
    damaged('token file emptied', written(b'')),
    *(
        damaged(f'token file cut off at {part:.0%}', truncated(part))
        for part in (0.01, 0.3, 0.5, 0.7, 0.99)
    ),
    *(
        damaged(f'token file that holds {str(content[:12])[1:]}', written(content))
        for content in CONTENTS
    ),
    damaged('token file of a newer release', newer_release,
            ['pip install --upgrade pywikibot-oauth2'],
            'goes on from memory; message: pip install'),
    damaged('directory in place of the token file', directory),
    damaged('token file owned by another', foreign, [LOGIN]),
    damaged('symbolic link that leads to itself', loop, [LOGIN]),
]  # fmt: skip


@pytest.mark.parametrize(('breaks', 'says'), DAMAGES)
def test_a_file_that_is_damaged_before_a_run_stops_it(case, bot, breaks, says):
    case.advance(DUE)
    good = case.file.with_suffix('.good')
    shutil.copy2(case.file, good)
    breaks(case.file)
    seen = snapshot(case.file)
    for _ in range(2):
        case.stops(bot, *says, asks=0)
    assert snapshot(case.file) == seen
    case.file.rename(case.folder / 'damaged')
    good.rename(case.file)
    case.goes_on(bot)


@pytest.mark.parametrize(('breaks', 'says'), DAMAGES)
def test_a_file_that_is_damaged_during_a_run_does_not_stop_it(
    case, running, breaks, says
):
    breaks(case.file)
    seen = snapshot(case.file)
    case.advance(DUE)
    # As long as the old token serves, nothing is asked.
    case.edits(running, 'is still valid', asks=0)
    case.advance(DEAD - DUE)
    case.edits(running, 'only in memory', asks=1)
    case.advance(SAVED_AGAIN)
    case.edits(running, asks=0)
    assert snapshot(case.file) == seen
    case.file.rename(case.folder / 'damaged')
    case.advance(SAVED_AGAIN)
    case.edits(running)
    case.goes_on(running)


@injects('token file deleted', 'goes on from memory, stored again')
@pytest.mark.parametrize('is_dangling', [False, True])
def test_a_file_that_is_gone_is_written_again(case, running, is_dangling):
    content = case.file.read_bytes()
    case.file.unlink()
    if is_dangling:
        case.file.symlink_to(case.folder / 'nothing')
    case.stops(None, LOGIN)
    case.advance(DUE)
    case.edits(running)
    assert case.file.is_symlink() == is_dangling
    assert case.file.read_bytes() != content
    case.goes_on(running)


@injects('symbolic link to a good file', 'goes on; it stays a link')
def test_a_link_is_followed(case, either):
    target = case.folder / 'elsewhere' / 'token.json'
    target.parent.mkdir()
    os.replace(case.file, target)
    case.file.symlink_to(target)
    old = case.refresh_token
    case.advance(DUE)
    case.edits(either)
    assert case.file.is_symlink()
    assert not target.is_symlink()
    assert case.refresh_token != old
    case.goes_on(either)


@injects('token file that others can read', 'goes on; its mode is 0600 again')
def test_a_file_that_others_can_read_is_reported_and_closed(case, either):
    case.file.chmod(0o644)
    case.advance(DUE)
    case.edits(either, 'could be read by others')
    assert case.file.stat().st_mode & 0o777 == 0o600
    case.goes_on(either)


@injects('token file restored from a backup', 'goes on from memory')
def test_a_file_that_went_back_in_time_does_not_win(case, bot):
    backup, old = case.file.read_bytes(), case.refresh_token
    case.advance(DUE)
    case.edits(bot)
    newer = case.refresh_token
    case.file.write_bytes(backup)
    case.advance(DUE)
    case.edits(bot)
    assert case.refresh_token not in (newer, old)
    case.goes_on(bot)
