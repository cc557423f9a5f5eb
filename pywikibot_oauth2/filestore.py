#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The token file next to Pywikibot's cookie jar."""
from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filelock import BaseFileLock


#: The version of the file's layout.
VERSION = 1

# A token file of more bytes than this is none.
_SIZE_LIMIT = 1 << 20

# How long who waits for the lock looks at the file, and how often, before
# the lock is tried again.
_LOOK_SECONDS = 0.003
_LOOKS = 10

# A temporary file that is older, in seconds, is nobody's any more.
_SWEEP_AGE = 3600


class FileStore(Store):
    """One file an account, named after the account's cookie jar.

    For pywikibot-Bot.lwp it is pywikibot-Bot.oauth2.json. Its mode is
    0600 from its first byte, and a new version replaces the old one as a
    whole. Processes exclude each other by a lock of the operating system
    on a file beside it, which ends with the process that holds it.

    :param lock_timeout: seconds to wait for another process that holds
        the lock; a request to the wiki lasts at most config.socket_timeout
    """

    def __init__(self, lock_timeout: float = 120) -> None:
        self._lock_timeout = lock_timeout
        self._lockless = False

    def path(self, account: str) -> Path:
        """Return the path of an account's token file."""
        from pywikibot import config
        from pywikibot.tools import as_filename

        return Path(config.datafilepath(
            f'pywikibot-{as_filename(account)}.oauth2.json'))

    def where(self, account: str) -> str:
        """Return the path, for messages."""
        return str(self.path(account))

    def load(self, account: str,
             client_id: str) -> Mapping[str, object] | None:
        """Return a stored session, or None; see :meth:`Store.load`."""
        path = self.path(account)
        return _of_account(path, _read(path).get(client_id), account)

    def save(self, account: str, client_id: str,
             session: Mapping[str, object]) -> None:
        """Store a session; see :meth:`Store.save`."""
        path = self.path(account)
        sessions = _read(path)
        # as_filename() gives some accounts the same name of the file.
        _of_account(path, sessions.get(client_id), account)
        _write(path, {**sessions, client_id: session})

    def forget(self, account: str, client_id: str) -> None:
        """Remove a session; to be called while the lock is held.

        :raises StoreError: the file cannot be read or written
        """
        path = self.path(account)
        sessions = _read(path)
        if sessions.pop(client_id, None) is not None:
            _write(path, sessions)

    @contextlib.contextmanager
    def lock(self, account: str,
             client_id: str) -> Iterator[None]:  # noqa: ARG002
        """Keep other processes away; see :meth:`Store.lock`."""
        from filelock import Timeout

        path = _target(self.path(account))
        lock = self._new_lock(path)
        try:
            lock.acquire(poll_interval=0.01)
        except Timeout:
            raise StoreError(
                f'Another process has held {path}.lock for'
                f' {self._lock_timeout:g} seconds. Find it with'
                f' "lsof {path}.lock" and end it.') from None
        except (OSError, NotImplementedError) as error:
            # Some network file systems cannot lock, and in a folder that
            # is read-only there is nothing to protect.
            self._warn_once(path, error)
        try:
            yield
        finally:
            lock.release()

    def wait_for_change(self, account: str,
                        client_id: str) -> bool:  # noqa: ARG002
        """Wait for the lock's holder; see :meth:`Store.wait_for_change`."""
        from filelock import Timeout

        path = _target(self.path(account))
        lock = self._new_lock(path)
        before = _signature(path)
        deadline = time.monotonic() + self._lock_timeout
        while time.monotonic() < deadline:
            try:
                with lock.acquire(timeout=0):
                    return False
            except Timeout:
                # To look at the file is much cheaper than to try the lock.
                for _ in range(_LOOKS):
                    time.sleep(_LOOK_SECONDS)
                    if _signature(path) != before:
                        return True
            except (OSError, NotImplementedError):
                return False
        return False

    def _new_lock(self, path: Path) -> BaseFileLock:
        from filelock import FileLock

        return FileLock(f'{path}.lock', timeout=self._lock_timeout,
                        mode=0o600)

    def _warn_once(self, path: Path, error: Exception) -> None:
        from pywikibot.logging import warning

        if not self._lockless:
            self._lockless = True
            warning(f'{path}.lock cannot be locked ({error}): do not let'
                    ' several bots share this token file.')


def _read(path: Path) -> dict[str, object]:
    """Return the sessions in a token file by client ID.

    :raises StoreError: it cannot be read; it was left as it is
    """
    try:
        # O_NONBLOCK: a named pipe in its place must not make us wait.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
        try:
            _check_owner(path, descriptor)
            with open(descriptor, 'rb', closefd=False) as file:
                content = file.read(_SIZE_LIMIT)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise _unreadable(path, 'it is not JSON' if content else
                          'it is empty') from None
    version = data.get('version') if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise StoreError(f'{path} was written by a newer release (version'
                         f' {version}); it was left as it is. Run'
                         ' "pip install --upgrade pywikibot-oauth2".')
    sessions = data.get('sessions') if version == VERSION else None
    if not isinstance(sessions, dict):
        raise _unreadable(path, 'it is not a token file')
    return sessions


def _of_account(path: Path, session: object,
                account: str) -> Mapping[str, object] | None:
    """Return a session if it is the account's.

    :raises StoreError: it is another account's
    """
    if session is None:
        return None
    user = session.get('user') if isinstance(session, dict) else None
    if user != account:
        raise _unreadable(path, f'it is for {user!r}, not for {account!r}')
    assert isinstance(session, dict)
    return session


def _write(path: Path, sessions: Mapping[str, object]) -> None:
    """Write a token file.

    :raises StoreError: it cannot be written; it is as it was
    """
    text = json.dumps({'version': VERSION, 'sessions': sessions}, indent=1)
    try:
        # A symbolic link that the user made stays one.
        _replace(_target(path), text.encode())
    except OSError as error:
        raise StoreError(f'{path} cannot be written:'
                         f' {error.strerror or error}') from None


def _signature(path: Path) -> tuple[int, int] | None:
    """Return what is another one for each version of a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _target(path: Path) -> Path:
    """Return where the symbolic links of a path lead.

    Before Python 3.13 Path.resolve raises RuntimeError if they lead in a
    circle.
    """
    return Path(os.path.realpath(path))


def _check_owner(path: Path, descriptor: int) -> None:
    """Refuse another user's file, and close one that others can read."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError('it is not a file')
    if not hasattr(os, 'geteuid'):
        return
    if status.st_uid != os.geteuid():
        raise OSError('it belongs to another user')
    if status.st_mode & 0o077:
        from pywikibot.logging import warning

        warning(f'{path} could be read by others; its mode is now 0600.')
        os.fchmod(descriptor, 0o600)


def _unreadable(path: Path, reason: str) -> StoreError:
    return StoreError(
        f'The token file {path} cannot be used: {reason}. It was left as it'
        f' is. To begin anew:\n  mv {path} {path}.bad\n  pwb login')


def _replace(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in place of another, wholly or not."""
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
