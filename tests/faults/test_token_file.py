"""The token file, damaged before a run or during one."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.faults.case import DEAD, DUE, LOGIN, NOBODY, SAVED_AGAIN, fault


START_OVER = 'goes on from memory; message: mv, pwb login'


def snapshot(path):
    """Return all that can be seen of a file."""
    status = path.lstat()
    if path.is_symlink():
        what = os.readlink(path)
    elif path.is_dir():
        what = sorted(os.listdir(path))
    else:
        what = path.read_bytes()
    return status.st_mode, status.st_uid, what


def remove(path):
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


# What damages the file


def cut_off(path):
    os.truncate(path, path.stat().st_size // 2)


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
    """Let another user own it; who cannot give it away takes another's."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    else:
        path.unlink()
        path.symlink_to('/etc/passwd')


# What else is no token file, the tests of the store tell.
DAMAGES = [
    fault('token file emptied', lambda path: path.write_bytes(b''),
          ['mv ', LOGIN], outcome=START_OVER),
    fault('token file cut off', cut_off, ['mv ', LOGIN], outcome=START_OVER),
    fault('token file of a newer release', newer_release,
          ['pip install --upgrade pywikibot-oauth2'],
          outcome='goes on from memory; message: pip install'),
    fault('directory in place of the token file', directory, ['mv ', LOGIN],
          outcome=START_OVER),
    fault('token file owned by another', foreign, [LOGIN],
          outcome=START_OVER),
    fault('symbolic link that leads to itself', loop, [LOGIN],
          outcome=START_OVER),
]  # fmt: skip


@pytest.mark.parametrize(('breaks', 'says'), DAMAGES)
def test_a_file_that_is_damaged_stops_a_new_run_only(case, breaks, says):
    bot = case.bot()
    case.edits(bot)
    good = case.file.with_suffix('.good')
    shutil.copy2(case.file, good)
    breaks(case.file)
    seen = snapshot(case.file)
    asked = case.wiki.token_requests
    for when in (0, DUE):
        case.advance(when)
        for _ in range(2):
            case.stops(None, *says)
    # As long as the old token serves, nothing is asked.
    case.edits(bot, 'is still valid')
    assert case.wiki.token_requests == asked
    case.advance(DEAD - DUE)
    case.edits(bot)
    case.advance(SAVED_AGAIN)
    case.edits(bot)
    assert snapshot(case.file) == seen
    assert case.wiki.token_requests == asked + 1
    remove(case.file)
    os.replace(good, case.file)
    case.advance(SAVED_AGAIN)
    case.edits(bot)
    case.goes_on(bot)
