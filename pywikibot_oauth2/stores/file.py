"""The token file beside Pywikibot's cookie jar."""

from __future__ import annotations

import contextlib
import errno
import functools
import inspect
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pywikibot_oauth2 import private_file
from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.stores import Store, left_alone, parse, verify


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filelock import BaseFileLock

    from pywikibot_oauth2.stores import Data, Save


#: The environment variable that names the folder of the token files.
FOLDER_VARIABLE = 'PYWIKIBOT_OAUTH2_FOLDER'

# The version of the file's layout.
_VERSION = 1

# The least space that is secured for a new token, in bytes. A file with
# one token has about 3,000.
_SPACE = 1 << 16

# How often a lock that somebody else holds is tried again, in seconds.
_POLL = 0.01

_CODES = {
    errno.EBUSY: 'not_replaceable',
    errno.EDQUOT: 'no_space',
    errno.EFBIG: 'no_space',
    errno.ENOSPC: 'no_space',
}


class FileStore(Store):
    """One file for each account, named after its cookie jar.

    For pywikibot-Bot.lwp it is pywikibot-Bot.oauth2.json. Its mode is
    0600 from its first byte, and a new version replaces it as a whole.
    Processes exclude each other by a lock of the operating system on a
    file beside it, which ends with the process that holds it.

    :param folder: the folder of the files, which is created if necessary;
        by default the one that the environment variable
        PYWIKIBOT_OAUTH2_FOLDER names, or else that of the cookie jars
    :param lock_timeout: seconds to wait for another process that holds
        the lock; more than a token request takes
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        lock_timeout: float = 120,
    ) -> None:
        self._folder = None if folder is None else os.fspath(folder)
        self._lock_timeout = lock_timeout
        self._is_lockless = False
        self._paths: dict[tuple[str, str], Path] = {}

    def path(self, account: str) -> Path:
        """Return the path of an account's token file."""
        from pywikibot import config

        own = self._own_folder()
        key = own or config.base_dir, account
        if key not in self._paths:
            from pywikibot.tools import as_filename

            name = f'pywikibot-{as_filename(account)}.oauth2.json'
            folder = own and os.path.abspath(os.path.expanduser(own))
            self._paths[key] = Path(
                os.path.join(folder, name)
                if folder
                else config.datafilepath(name)
            )
        return self._paths[key]

    def where(self, account: str) -> str:
        """Return the path as it appears in messages."""
        return str(self.path(account))

    def load(self, account: str, client_id: str) -> Data | None:
        """Return a stored authorization; see :meth:`Store.load`."""
        path = self.path(account)
        return verify(
            self._read(path, account).get(client_id),
            account,
            client_id,
            str(path),
        )

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Store an authorization; see :meth:`Store.save`."""
        with self.reserve(account, client_id) as save:
            save(authorization)

    @contextlib.contextmanager
    def reserve(self, account: str, client_id: str) -> Iterator[Save]:
        """Create the next version of the file; see :meth:`Store.reserve`.

        It has the mode and the space that it needs, and can replace the
        file.
        """
        path = self.path(account)
        # What is stored of other clients has to be kept.
        self._read(path, account)
        with contextlib.closing(self._draft(path)) as draft:

            def save(authorization: Data) -> None:
                others = self._read(path, account)
                _put(
                    path, account, {**others, client_id: authorization}, draft
                )

            yield save

    def forget(self, account: str, client_id: str) -> None:
        """Remove an authorization; the caller holds the lock.

        :raises StoreError: the file cannot be read or written
        """
        path = self.path(account)
        others = {**self._read(path, account)}
        if others.pop(client_id, None) is not None:
            with contextlib.closing(self._draft(path)) as draft:
                _put(path, account, others, draft)

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:  # noqa: ARG002 - the interface
        """Exclude other processes; see :meth:`Store.lock`.

        All clients of an account share the lock as they share the file,
        and so do all symbolic links to the file.
        """
        from filelock import Timeout

        path = self.path(account)
        name = f'{os.path.realpath(path)}.lock'
        lock = _lock_class()(name, timeout=self._lock_timeout, mode=0o600)
        try:
            self._make_folder(path)
            lock.acquire(poll_interval=_POLL)
        except Timeout:
            raise StoreError(
                f'Another process has held {name} for'
                f' {self._lock_timeout:g} seconds.',
                error='lock_timeout',
                hint=name,
            ) from None
        except (OSError, NotImplementedError) as error:
            # Some network file systems have no locks, and in a folder
            # that is read-only there is nothing to protect.
            self._warn_once(name, error)
        try:
            yield
        finally:
            lock.release()

    def _own_folder(self) -> str | None:
        return self._folder or os.environ.get(FOLDER_VARIABLE)

    def _make_folder(self, path: Path) -> None:
        os.makedirs(path.parent, mode=0o700, exist_ok=True)
        self._check_folder(path)

    def _check_folder(self, path: Path) -> None:
        """Refuse a folder of one's own in which others can replace files.

        Pywikibot's folder is accepted as Pywikibot accepts it.
        """
        if not self._own_folder() or not hasattr(os, 'geteuid'):
            return
        if os.stat(path.parent).st_mode & 0o022:
            raise StoreError(
                f'Others can write to the folder {path.parent}.',
                error='exposed_folder',
                hint=str(path.parent),
            )

    def _read(self, path: Path, account: str) -> Data:
        """Return the authorizations in a token file by client ID.

        :raises StoreError: it cannot be read
        """
        try:
            self._check_folder(path)
            return _authorizations(path, account)
        except FileNotFoundError:
            return {}
        except OSError as error:
            reason = error.strerror or error
            raise left_alone(
                str(path), 'unreadable', f'cannot be read: {reason}'
            ) from None

    def _draft(self, path: Path) -> private_file.Draft:
        with _writing(path):
            self._make_folder(path)
            size = path.stat().st_size if path.exists() else 0
            return private_file.Draft(path, max(_SPACE, 2 * size))

    def _warn_once(self, name: str, error: Exception) -> None:
        from pywikibot.logging import warning

        if not self._is_lockless:
            self._is_lockless = True
            warning(
                f'{name} cannot be locked ({error}): do not let several bots'
                ' share this token file.'
            )


@functools.cache
def _lock_class() -> Callable[..., BaseFileLock]:
    """Return a lock that reports a file system without locks.

    By default later releases of filelock create a file in place of the
    lock, which a process that was killed leaves behind.
    """
    from filelock import FileLock

    option = 'fallback_to_soft'
    if option in inspect.signature(FileLock.__init__).parameters:
        return functools.partial(FileLock, fallback_to_soft=False)
    return FileLock


def _authorizations(path: Path, account: str) -> Data:
    """Return the authorizations in a token file by client ID.

    No frame of the error's traceback holds its content.

    :raises OSError: it cannot be read
    :raises StoreError: it is not a token file of the account
    """
    data = parse(_content(path), str(path)) or {}
    version, owner = data.get('version'), data.get('account')
    found = data.get('authorizations')
    is_whole = isinstance(owner, str) and isinstance(found, dict)
    if version == _VERSION and owner == account and isinstance(found, dict):
        return found
    del data, found
    if isinstance(version, int) and version > _VERSION:
        code = 'newer_release'
        what = f'was written by a newer release (version {version})'
    elif version != _VERSION or not is_whole:
        code, what = 'damaged', 'is damaged: it is not a token file'
    else:
        # as_filename gives some accounts the same name of the file.
        code = 'other_account'
        what = f'is for account {owner!r}, not for {account!r}'
    raise left_alone(str(path), code, what)


def _content(path: Path) -> bytes:
    """Return the content of a token file, which is closed to others.

    :raises OSError: it cannot be read
    """
    try:
        return private_file.read(path)
    except private_file.ExposedFileError:
        from pywikibot.logging import warning

        os.chmod(path, 0o600)
        warning(f'{path} could be read by others; its mode is now 0600.')
    return private_file.read(path)


def _put(
    path: Path, account: str, authorizations: Data, draft: private_file.Draft
) -> None:
    data = {
        'version': _VERSION,
        'account': account,
        'authorizations': authorizations,
    }
    with _writing(path):
        draft.replace(json.dumps(data).encode())


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Translate what can go wrong when a token file is replaced."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if error.errno == errno.EBUSY:
            reason = (
                'it is mounted by itself; its folder has to be mounted instead'
            )
        code = _CODES.get(error.errno or 0, 'not_writable')
        raise left_alone(
            str(path), code, f'cannot be written: {reason}'
        ) from None
