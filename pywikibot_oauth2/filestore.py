#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The token file next to Pywikibot's cookie jar."""
from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pywikibot_oauth2 import privatefile
from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filelock import BaseFileLock


#: The version of the file's layout.
VERSION = 1

# How long who waits for the lock looks at the file, and how often, before
# the lock is tried again: only a holder that stores nothing, because the
# wiki did not answer or the process died, lets others wait for the latter.
_LOOK_SECONDS = 0.003
_LOOKS = 30


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
        self._paths: dict[tuple[str, str], Path] = {}

    def path(self, account: str) -> Path:
        """Return the path of an account's token file."""
        from pywikibot import config

        # Asked for by each process that waits for a new token, at once.
        key = config.base_dir, account
        if key not in self._paths:
            from pywikibot.tools import as_filename

            self._paths[key] = Path(config.datafilepath(
                f'pywikibot-{as_filename(account)}.oauth2.json'))
        return self._paths[key]

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

        path = privatefile.target(self.path(account))
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

        path = privatefile.target(self.path(account))
        lock = self._new_lock(path)
        before = privatefile.signature(path)
        deadline = time.monotonic() + self._lock_timeout
        while time.monotonic() < deadline:
            try:
                with lock.acquire(timeout=0):
                    return False
            except Timeout:
                # To look at the file is much cheaper than to try the lock.
                for _ in range(_LOOKS):
                    time.sleep(_LOOK_SECONDS)
                    if privatefile.signature(path) != before:
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
        content = privatefile.read(path)
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
        privatefile.replace(path, text.encode())
    except OSError as error:
        raise StoreError(f'{path} cannot be written:'
                         f' {error.strerror or error}') from None


def _unreadable(path: Path, reason: str) -> StoreError:
    return StoreError(
        f'The token file {path} cannot be used: {reason}. It was left as it'
        f' is. To begin anew:\n  mv {path} {path}.bad\n  pwb login')
