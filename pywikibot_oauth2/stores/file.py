"""The token file beside Pywikibot's cookie jar."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pywikibot import config
from pywikibot.logging import warning
from pywikibot.tools import as_filename

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.stores import Data, Save, Store


# The version of the file's layout.
_VERSION = 1
# The minimum space that is reserved for a new token, in bytes. A file with
# one token has about 3,000.
_SPACE = 1 << 16
# Temporary files that are older than this, in seconds, are left over.
_SWEEP_AGE = 3600
# Seconds between two attempts to take a lock that someone else holds.
_POLL = 0.01

_CODES = {
    errno.EBUSY: 'not_replaceable',
    errno.EDQUOT: 'no_space',
    errno.ENOSPC: 'no_space',
    errno.EROFS: 'not_replaceable',
}


class FileStore(Store):
    """Keeps authorizations in a file for each account.

    Beside the cookie jar pywikibot-Bot.lwp, it is pywikibot-Bot.oauth2.json.
    Its mode is 0600 from its first byte, and a new version replaces it as a
    whole. Processes exclude each other with a lock of the operating system
    on a file beside it, which ends with the process that holds it.

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
        chosen = folder or os.environ.get('PYWIKIBOT_OAUTH2_FOLDER')
        # It stays the same if the program changes its working directory.
        self._folder = chosen and os.path.abspath(os.path.expanduser(chosen))
        self._lock_timeout = lock_timeout
        # What each thread must give back with the lock.
        self._reserved = threading.local()

    def path(self, account: str) -> Path:
        """Return the path of a token file.

        :param account: the name of the account
        """
        name = f'pywikibot-{as_filename(account)}.oauth2.json'
        return Path(self._folder or config.base_dir, name)

    def where(self, account: str) -> str:
        """Return the path of the token file; see :meth:`Store.where`."""
        return str(self.path(account))

    def load(self, account: str, client_id: str) -> Data | None:
        """Return a stored authorization; see :meth:`Store.load`."""
        return self._read(account).get(client_id)

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Store an authorization; see :meth:`Store.save`."""
        self._next_version(account, client_id, 0)(authorization)

    def reserve(self, account: str, client_id: str) -> Save:
        """Reserve space in the same folder; see :meth:`Store.reserve`."""
        return self._next_version(account, client_id, _SPACE)

    def _next_version(
        self, account: str, client_id: str, space: int
    ) -> Callable[[Data | None], None]:
        """Create the next version of the file, and reserve space in it.

        :return: a function that stores an authorization; None removes it
        """
        path = self.path(account)
        # What is stored for other clients must be kept.
        self._read(account)
        place = contextlib.ExitStack()
        with reported(path):
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            _, replace = place.enter_context(draft(path, space=space))
        if hasattr(self._reserved, 'places'):
            self._reserved.places.push(place)

        def save(authorization: Data | None) -> None:
            found = self._read(account)
            found[client_id] = authorization
            if authorization is None:
                del found[client_id]
            data = {'version': _VERSION, 'account': account}
            content = json.dumps({**data, 'authorizations': found}).encode()
            with reported(path), place:
                replace(content)

        return save

    def forget(self, account: str, client_id: str) -> None:
        """Remove an authorization; the caller holds the lock.

        :param account: the name of the account
        :param client_id: the client ID
        :raises StoreError: the file cannot be read or written
        """
        if self.load(account, client_id) is not None:
            self._next_version(account, client_id, 0)(None)

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:
        """Exclude other processes; see :meth:`Store.lock`.

        All clients of an account share the lock as they share the file,
        and so do all symbolic links to the file.
        """
        from filelock import FileLock, Timeout

        path = self.path(account)
        name = f'{os.path.realpath(path)}.lock'
        # By default, filelock falls back to a file that stands for the lock,
        # which a killed process would leave behind.
        lock = FileLock(
            name, self._lock_timeout, mode=0o600, fallback_to_soft=False
        )
        try:
            os.makedirs(path.parent, mode=0o700, exist_ok=True)
            self._check_folder(path.parent)
            lock.acquire(poll_interval=_POLL)
        except Timeout:
            raise StoreError(
                f'Another process has held {name} for'
                f' {self._lock_timeout:g} seconds.',
                error='lock_timeout',
                hint=name,
            ) from None
        except (OSError, NotImplementedError) as error:
            # Some network file systems have no locks, and a read-only
            # folder has nothing to protect.
            _warn_of_no_lock(name, str(error))
        with contextlib.ExitStack() as places:
            places.callback(lock.release)
            places.callback(vars(self._reserved).clear)
            self._reserved.places = places
            yield

    def _check_folder(self, folder: Path) -> None:
        """Refuse a chosen folder in which others can replace files.

        Pywikibot's own folder is accepted, as Pywikibot accepts it.
        """
        if (
            self._folder
            and hasattr(os, 'geteuid')
            and folder.stat().st_mode & 0o022
        ):
            raise StoreError(
                f'Others can write to the folder {folder}.',
                error='exposed_folder',
                hint=str(folder),
            )

    def _read(self, account: str) -> dict[str, Data | None]:
        """Return the authorizations in a token file by client ID.

        No frame of the traceback of an error holds them.
        """
        path = self.path(account)
        with reported(path, 'read', error='unreadable'):
            try:
                self._check_folder(path.parent)
                data = parse(read_private(path, repairs=True), str(path))
            except FileNotFoundError:
                return {}
        match data:
            case {'version': int(version)} if version > _VERSION:
                code = 'newer_release'
                what = f'was written by a newer release (version {version})'
            case {
                'version': 1,
                'account': str(owner),
                'authorizations': dict(found),
            }:
                if owner == account:
                    return found
                del found
                # as_filename gives some accounts the same file name.
                code = 'shared_name'
                what = f'is for account {owner!r}, not for {account!r}'
            case _:
                code, what = 'damaged', 'is damaged: it is not a token file'
        del data
        raise _left_alone(str(path), code, what)


def parse(content: str | bytes | None, place: str) -> Data | None:
    """Return a decoded JSON object; None for None.

    Neither the error nor its context holds the content, and no frame of
    its traceback does.

    :param place: the place as it appears in messages
    :raises StoreError: it is not a JSON object
    """
    if content is None:
        return None
    data = None
    with contextlib.suppress(ValueError, RecursionError):
        data = json.loads(content)
    if isinstance(data, dict):
        return data
    reason = 'not a JSON object' if content else 'empty'
    del content, data
    raise _left_alone(place, 'damaged', f'is damaged: it is {reason}')


def _left_alone(place: str, code: str, what: str) -> StoreError:
    message = f'{place} {what}. It was left as it is.'
    return StoreError(message, error=code, hint=place)


@functools.cache
def _warn_of_no_lock(name: str, reason: str) -> None:
    warning(
        f'{name} cannot be locked ({reason}): do not let several bots share'
        ' this token file.'
    )


@contextlib.contextmanager
def reported(
    path: Path, done: str = 'written', error: str | None = None
) -> Iterator[None]:
    """Turn an error of the operating system into a StoreError.

    :param path: the file in question
    :param done: what cannot be done with it: ``read`` or ``written``
    :param error: the error code, unless a more specific one fits
    """
    try:
        yield
    except OSError as failure:
        code = _CODES.get(failure.errno or 0, error or 'not_writable')
        # A folder that cannot be entered seems not to exist, either.
        if failure.errno == errno.ENOENT and not os.path.exists(path.parent):
            code = 'no_folder'
        what = f'cannot be {done}: {failure.strerror or failure}'
        raise _left_alone(str(path), code, what) from None


class ExposedFileError(OSError):
    """Others can read the file."""


def read_private(path: Path, *, repairs: bool = False) -> bytes:
    """Return the content of a file that belongs to this user.

    :param repairs: whether to make it private if others can read it
    :raises ExposedFileError: others can read it
    :raises OSError: it cannot be read, is not a regular file or belongs to
        another user
    """
    # O_NONBLOCK: a named pipe in its place must not block.
    flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0)
    descriptor = os.open(path, flags | getattr(os, 'O_BINARY', 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError('it is not a regular file')
        if hasattr(os, 'geteuid'):
            if status.st_uid != os.geteuid():
                raise OSError('it belongs to another user')
            if status.st_mode & 0o077:
                if not repairs:
                    raise ExposedFileError('others can read it')
                os.fchmod(descriptor, 0o600)
                warning(
                    f'{path} could be read by others; its mode is now 0600.'
                )
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def draft(
    path: Path, suffix: str = '.tmp', space: int = _SPACE
) -> Iterator[tuple[Path, Callable[[bytes], None]]]:
    """Reserve the place for the next version of a file.

    Create a temporary file in the same folder, with mode 0600 and the space
    that is needed. Provide its path, and a function that writes the content
    and replaces the file as a whole or not at all; it may be called once.

    :param suffix: the suffix of the temporary file
    :param space: the bytes to reserve at least; 0 reserves none
    :raises OSError: the place cannot be reserved; EBUSY if the file itself
        is a mount, which cannot be replaced
    """
    # A symbolic link stays one. Before Python 3.13, Path.resolve raises
    # RuntimeError on a loop.
    target = Path(os.path.realpath(path))
    if _is_mount(target):
        raise OSError(
            errno.EBUSY, 'the file itself is mounted, so it cannot be replaced'
        )
    _sweep(target)
    size = target.stat().st_size if target.exists() else 0
    prefix = f'{target.name}.'
    descriptor, name = tempfile.mkstemp(suffix, prefix, target.parent)
    try:
        with open(descriptor, 'wb') as file:

            def write(content: bytes) -> None:
                file.seek(0)
                file.write(content)
                file.truncate()
                file.flush()
                os.fsync(descriptor)

            def replace(content: bytes) -> None:
                write(content)
                # Windows does not replace an open file.
                file.close()
                os.replace(name, target)
                _sync_folder(target.parent)

            # Zeros, since macOS does not have posix_fallocate, and some
            # file systems do not support it.
            if space:
                write(bytes(max(space, 2 * size)))
            yield Path(name), replace
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _is_mount(path: Path) -> bool:
    """Return whether a file is a mount, as with ``docker -v file:file``.

    os.path.ismount compares device numbers. They are equal if the file was
    mounted from the same file system, and on overlayfs those of a file and
    its folder differ although neither is a mount. The list of all mounts
    also contains hidden ones.
    """
    try:
        return _mount_id(path) != _mount_id(path.parent)
    except (AttributeError, OSError):
        # There is no such file yet, or the system is not Linux.
        return False


def _mount_id(path: Path) -> str:
    descriptor = os.open(path, os.O_PATH)
    try:
        facts = Path(f'/proc/self/fdinfo/{descriptor}').read_text()
    finally:
        os.close(descriptor)
    return facts.partition('mnt_id:')[2].partition('\n')[0]


def _sweep(path: Path) -> None:
    """Remove temporary files of processes that were killed while writing."""
    for left in path.parent.glob('*.tmp'):
        if left.name.startswith(f'{path.name}.'):
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < time.time() - _SWEEP_AGE:
                    left.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power failure, if folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
