#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A file that only its owner can read, and that is replaced as a whole."""
from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from pathlib import Path


# More bytes than this no file has that is meant here.
_SIZE_LIMIT = 1 << 20

# A temporary file that is older, in seconds, is nobody's any more.
_SWEEP_AGE = 3600


def read(path: Path) -> bytes:
    """Return the beginning of a file that belongs to this user.

    :raises OSError: it cannot be read, or is none or another user's
    """
    # O_NONBLOCK: a named pipe in its place must not make us wait.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0)
                         | getattr(os, 'O_BINARY', 0))
    try:
        size = _check_owner(path, descriptor)
        return os.read(descriptor, min(size, _SIZE_LIMIT))
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in place of another, wholly or not.

    :raises OSError: it cannot be written; the other one is as it was
    """
    # A symbolic link that the user made stays one.
    path = target(path)
    _sweep(path)
    # mkstemp creates the file with mode 0600.
    descriptor, name = tempfile.mkstemp(prefix=f'{path.name}.', suffix='.tmp',
                                        dir=path.parent)
    try:
        with open(descriptor, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def signature(path: Path) -> tuple[int, int] | None:
    """Return what is another one for each version of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def target(path: Path) -> Path:
    """Return where the symbolic links of a path lead.

    Before Python 3.13 Path.resolve raises RuntimeError if they lead in a
    circle.
    """
    return Path(os.path.realpath(path))


def _check_owner(path: Path, descriptor: int) -> int:
    """Refuse another user's file, and close one that others can read.

    :return: the size of the file
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError('it is not a file')
    if not hasattr(os, 'geteuid'):
        return status.st_size
    if status.st_uid != os.geteuid():
        raise OSError('it belongs to another user')
    if status.st_mode & 0o077:
        from pywikibot.logging import warning

        warning(f'{path} could be read by others; its mode is now 0600.')
        os.fchmod(descriptor, 0o600)
    return status.st_size


def _sweep(path: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    for left in path.parent.iterdir():
        if (left.name.startswith(f'{path.name}.')
                and left.name.endswith('.tmp')):
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < time.time() - _SWEEP_AGE:
                    left.unlink()


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
