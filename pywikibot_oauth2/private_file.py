"""Files that only their owner can read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path


#: No file of this package is larger, in bytes.
SIZE_LIMIT = 1 << 20


class ExposedFileError(OSError):
    """Others can read the file."""


def read(path: Path) -> bytes:
    """Return the content of a file that belongs to this user.

    :param path: the file
    :raises ExposedFileError: others can read it
    :raises OSError: it cannot be read, is not a regular file, belongs to
        another user or is too large
    """
    # O_NONBLOCK: a named pipe in its place must not make us wait.
    flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0)
    descriptor = os.open(path, flags | getattr(os, 'O_BINARY', 0))
    with open(descriptor, 'rb') as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError('it is not a regular file')
        if status.st_size > SIZE_LIMIT:
            raise OSError('it is too large')
        _check_owner(status)
        return file.read(SIZE_LIMIT)


def _check_owner(status: os.stat_result) -> None:
    if not hasattr(os, 'geteuid'):
        return
    if status.st_uid != os.geteuid():
        raise OSError('it belongs to another user')
    if status.st_mode & 0o077:
        raise ExposedFileError('others can read it')
