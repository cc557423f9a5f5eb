"""Files that only their owner can read."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
import time
from pathlib import Path


#: No file of this package is larger, in bytes.
SIZE_LIMIT = 1 << 20

# A temporary file that is older, in seconds, belongs to no process.
_SWEEP_AGE = 3600


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
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError('it is not a regular file')
        if status.st_size > SIZE_LIMIT:
            raise OSError('it is too large')
        _check_owner(status)
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


def _check_owner(status: os.stat_result) -> None:
    if not hasattr(os, 'geteuid'):
        return
    if status.st_uid != os.geteuid():
        raise OSError('it belongs to another user')
    if status.st_mode & 0o077:
        raise ExposedFileError('others can read it')


class Draft:
    """The next version of a file, whose place is secured in advance.

    A temporary file of mode 0600 in the same folder has the space that is
    needed, and can replace the file. Its mode is 0600 from the start.

    :param path: the file; a symbolic link stays one
    :param size: the space to secure, in bytes
    :raises OSError: the place cannot be secured; EBUSY if the file is a
        mount of its own, over which nothing can be renamed
    """

    def __init__(self, path: Path, size: int) -> None:
        # Path.resolve raises RuntimeError on a circle before Python 3.13.
        self._target = Path(os.path.realpath(path))
        if _is_mount(self._target):
            raise OSError(errno.EBUSY, 'it is a mount of its own')
        _sweep(self._target)
        descriptor, self._name = tempfile.mkstemp(
            prefix=f'{self._target.name}.',
            suffix='.tmp',
            dir=self._target.parent,
        )
        self._file = open(descriptor, 'wb')  # noqa: SIM115 - see close
        try:
            # Zeros and not posix_fallocate, which macOS does not have and
            # some file systems do not support.
            self._write(bytes(size))
        except BaseException:
            self.close()
            raise

    def replace(self, content: bytes) -> None:
        """Replace the file, as a whole or not at all; at most once.

        :raises OSError: it cannot be replaced; it is as it was
        """
        self._write(content)
        # Windows does not rename an open file.
        self._file.close()
        os.replace(self._name, self._target)
        _sync_folder(self._target.parent)

    def close(self) -> None:
        """Remove the temporary file unless it has replaced the file."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._name)

    def _write(self, content: bytes) -> None:
        self._file.seek(0)
        self._file.write(content)
        self._file.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())


def _is_mount(path: Path) -> bool:
    """Return whether a file is a mount, as of ``docker -v file:file``.

    os.path.ismount compares device numbers. They are the same if the file
    was mounted from the same file system, and on overlayfs those of a
    file and its folder differ although neither is a mount.
    """
    try:
        return _mount_id(path) != _mount_id(path.parent)
    except (AttributeError, OSError):
        # There is no such file yet, or the system is not Linux.
        return False


def _mount_id(path: Path) -> list[bytes]:
    descriptor = os.open(path, os.O_PATH)
    try:
        facts = Path(f'/proc/self/fdinfo/{descriptor}').read_bytes()
    finally:
        os.close(descriptor)
    return re.findall(rb'^mnt_id:.*$', facts, re.MULTILINE)


def _sweep(path: Path) -> None:
    """Remove what processes left that were killed while they wrote."""
    for left in path.parent.glob('*.tmp'):
        if left.name.startswith(f'{path.name}.'):
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
