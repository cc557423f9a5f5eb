#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A disk that takes nothing."""
from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tests.faults.lab import (
    DUE,
    IN_MEMORY,
    LOGIN,
    NOBODY,
    OLD,
    SAVED_AGAIN,
    Case,
    lab,
    told,
)
from tests.faults.table import fault
from tests.faults.watch import check


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.actors import Bot


def unsaved(case: Case, bot: Bot, mend: Callable[[], None]) -> None:
    """Check what a bot does that cannot save its token, until it can."""
    before = case.file.read_bytes()
    case.clock.advance(DUE)
    case.edits(bot, IN_MEMORY, LOGIN)
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    check(case.file.read_bytes() == before, 'it touched the file')
    mend()
    check(not list(case.folder.glob('*.tmp')), 'it left files behind')
    case.clock.advance(SAVED_AGAIN)
    case.edits(bot)
    case.goes_on(bot)


@contextlib.contextmanager
def small_disk() -> Iterator[Path | None]:
    """Give a file system of 64 KB, if that is allowed."""
    folder = Path(tempfile.mkdtemp(dir=lab.folder))
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs',
                       str(folder)], stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write a file until the disk is full; return its path."""
    ballast = folder / 'ballast'
    with contextlib.suppress(OSError), ballast.open('wb', 0) as file:
        while True:
            file.write(bytes(1024))
    return ballast


@fault('disk full', 'goes on from memory; message: mend that, pwb login')
def _() -> None:
    for is_running in (False, True):
        with small_disk() as disk:
            if disk is None:
                break
            with lab.case(OLD, folder=disk) as case:
                bot = case.bot()
                if is_running:
                    case.edits(bot)
                ballast = fill(disk)
                unsaved(case, bot, ballast.unlink)
    with lab.case(OLD) as case:
        # The next best thing: no file of this process may grow.
        case.clock.advance(DUE)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

        def work(bot: Bot) -> list[bool]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
            edited = [bot.edit().edited]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            bot.case.clock.advance(SAVED_AGAIN)
            return [*edited, bot.edit().edited]

        child = case.child(work)
        check(child.join() == [True, True], 'no edit:', child.said)
        check(IN_MEMORY in child.said, 'it said', child.said)
        case.goes_on()


@fault('folder that is read-only',
       'goes on from memory; message: mend that, pwb login')
def _() -> None:
    uid = NOBODY if os.geteuid() == 0 else None
    for is_running in (False, True):
        with lab.case(OLD) as case:
            if uid is not None:
                for path in (case.folder, *case.folder.iterdir()):
                    os.chown(path, uid, uid)
            if not is_running:
                case.clock.advance(DUE)

            def work(bot: Bot, is_running: bool = is_running) -> list:
                edited = [bot.edit().edited] if is_running else []
                for path in bot.folder.glob('*.lock'):
                    path.unlink()
                bot.folder.chmod(0o555)
                if is_running:
                    # Only this process's clock; to the wiki it is early.
                    bot.case.clock.advance(DUE)
                edited.append(bot.edit().edited)
                bot.folder.chmod(0o700)
                bot.case.clock.advance(SAVED_AGAIN)
                return [*edited, bot.edit().edited]

            child = case.child(work, uid)
            edited = child.join()
            check(all(edited), 'no edit:', edited, child.said)
            for words in ('cannot be locked', IN_MEMORY, LOGIN):
                check(words in child.said, words, child.said)
            later = case.child(told, uid)
            check(later.join()[0], 'the next run:', later.said)
            if uid is not None:
                os.chown(case.file, 0, 0)
            case.goes_on()
