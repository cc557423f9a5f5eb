#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The token file, damaged before a run or during one."""
from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Callable

from tests.faults.lab import (
    DUE,
    IN_MEMORY,
    LOGIN,
    NOBODY,
    OLD,
    SAVED_AGAIN,
    lab,
)
from tests.faults.table import fault
from tests.faults.watch import check


if TYPE_CHECKING:
    from pathlib import Path


def snapshot(path: Path) -> object:
    """Return all that can be seen of a file."""
    if not os.path.lexists(path):
        return None
    status = path.lstat()
    what: object = None
    if path.is_symlink():
        what = os.readlink(path)
    elif path.is_dir():
        what = sorted(os.listdir(path))
    else:
        what = path.read_bytes()
    return status.st_mode, status.st_uid, what


def broken_before(breaks: Callable[[Path], None], *says: str) -> None:
    """Break the token file, begin a run, mend it."""
    with lab.case() as case:
        case.clock.advance(DUE)
        good = case.file.with_suffix('.good')
        shutil.copy2(case.file, good)
        breaks(case.file)
        seen = snapshot(case.file)
        asked = case.wiki.token_requests
        bot = case.bot()
        for _ in range(2):
            case.stops(bot, *says)
        check(snapshot(case.file) == seen, 'it touched the file')
        check(case.wiki.token_requests == asked, 'it refreshed')
        _remove(case.file)
        os.replace(good, case.file)
        case.goes_on(bot)


def broken_meanwhile(breaks: Callable[[Path], None], *says: str,
                     version: str = OLD) -> None:
    """Break the token file while a bot runs, mend it."""
    with lab.case(version) as case:
        bot = case.bot()
        case.edits(bot)
        breaks(case.file)
        seen = snapshot(case.file)
        case.clock.advance(DUE)
        case.edits(bot, *says, IN_MEMORY, LOGIN)
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        check(snapshot(case.file) == seen, 'it touched the file')
        _remove(case.file)
        case.clock.advance(SAVED_AGAIN)
        case.edits(bot)
        case.goes_on(bot)


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()


def broken(breaks: Callable[[Path], None], *says: str) -> None:
    broken_before(breaks, *says)
    broken_meanwhile(breaks, *says)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def newer_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()),
                                'version': 2}))


def foreign(path: Path) -> None:
    """Let another user own it; who cannot give it away, takes another's."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    else:
        path.unlink()
        path.symlink_to('/etc/passwd')


@fault('token file emptied', 'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(lambda path: path.write_bytes(b''), 'it is empty', 'mv ', LOGIN)


@fault('token file truncated at every 50th byte',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    with lab.case(counts=False) as case:
        size = case.file.stat().st_size
    for length in lab.some(range(1, size, 50)):
        def breaks(path: Path, length: int = length) -> None:
            os.truncate(path, length)

        broken(breaks, 'it is not JSON', 'mv ', LOGIN)


@fault('token file of a future version',
       'goes on from memory; message: pip install --upgrade')
def _() -> None:
    broken_before(newer_version, 'pip install --upgrade pywikibot-oauth2')
    broken_meanwhile(newer_version, 'pip install --upgrade pywikibot-oauth2')


@fault('token file not JSON', 'goes on from memory; message: mv, pwb login')
def _() -> None:
    for content in lab.some((b'\x80\x00', b'null', b'[]', b'{}',
                             b'{"version":1,"sessions":[]}',
                             b'[' * 100_000)):
        broken(lambda path, content=content: path.write_bytes(content),
               'mv ', LOGIN)


@fault('directory in place of the token file',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(directory, 'mv ', LOGIN)


@fault('token file owned by another',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(foreign, 'it belongs to another user', 'mv ', LOGIN)


@fault('symlink that leads to itself',
       'goes on from memory; message: mv, pwb login')
def _() -> None:
    broken(loop, 'mv ', LOGIN)


@fault('symlink to a good file', 'goes on; it stays a symlink')
def _() -> None:
    for is_running in (False, True):
        with lab.case(OLD) as case:
            bot = case.bot()
            if is_running:
                case.edits(bot)
            target = case.folder / 'elsewhere' / 'token.json'
            target.parent.mkdir()
            os.replace(case.file, target)
            case.file.symlink_to(target)
            old = case.refresh_token
            case.clock.advance(DUE)
            case.edits(bot)
            check(case.file.is_symlink(), 'it is a symlink no more')
            check(not target.is_symlink() and case.refresh_token != old,
                  'the new token is not where the symlink leads')
            case.goes_on(bot)


@fault('symlink to nothing',
       'goes on from memory; message: pwb login')
def _() -> None:
    def dangle(path: Path) -> None:
        path.unlink()
        path.symlink_to(path.parent / 'nothing')

    broken_before(dangle, LOGIN)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.edits(bot)
        dangle(case.file)
        case.clock.advance(DUE)
        case.edits(bot)
        check(case.file.is_symlink(), 'it is a symlink no more')
        case.goes_on(bot)


@fault('token file that others can read', 'goes on; its mode is 0600 again')
def _() -> None:
    for is_running in (False, True):
        with lab.case(OLD) as case:
            bot = case.bot()
            if is_running:
                case.edits(bot)
            case.file.chmod(0o644)
            case.clock.advance(DUE)
            case.edits(bot, 'could be read by others')
            check(case.file.stat().st_mode & 0o777 == 0o600, 'mode')
            case.goes_on(bot)


@fault('token file deleted', 'goes on from memory; message: pwb login')
def _() -> None:
    broken_before(lambda path: path.unlink(), LOGIN)
    with lab.case(OLD) as case:
        bot = case.bot()
        case.edits(bot)
        case.file.unlink()
        case.clock.advance(DUE)
        case.edits(bot)
        case.goes_on(bot)
