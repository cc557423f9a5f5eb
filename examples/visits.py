"""The data that a web tool keeps about its visitors on the server.

Each visitor has a JSON file in a folder that nobody else can read, because
the file holds tokens. The browser has only a key, in a cookie: 256 random
bits that need no signature. The file is named after a hash of the key, so
that a list of the files is useless. A tool on several machines would keep
the same data in Redis.

Remove old files now and then, for example with
``find /var/lib/webtool -name '*.json' -mtime +30 -delete``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

from filelock import FileLock


# Seconds to wait for another request of the same visitor.
TIMEOUT = 60


class Visit(dict):  # type: ignore[type-arg]
    """The data of one visitor; locked until it is closed.

    Requests of one visitor are handled one after another, across threads
    and processes, so that no two of them refresh one token. A browser that
    sends no key, or an unknown one, does not belong to any visitor: nothing
    is locked for it, and it gets its own key as soon as there is something
    to keep.

    :param folder: the folder of the files
    :param key: the key that the browser sent, if any
    :raises filelock.Timeout: another request of the visitor takes too long
    """

    def __init__(self, folder: str, key: str | None) -> None:
        super().__init__()
        self._folder = Path(folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock: FileLock | None = None
        #: whether the browser does not know the key yet
        self.is_new = False
        self.key = key or ''
        if self.key and self._path.exists():
            self._open()
        else:
            # A key that somebody else made up is not used.
            self.key = secrets.token_urlsafe(32)

    def _open(self) -> None:
        """Wait for the visitor's other requests, then read the file."""
        # There are 4,096 locks, so that their files need not be removed.
        name = f'{self._path.name[:3]}.lock'
        lock = FileLock(self._folder / name, timeout=TIMEOUT)
        lock.acquire()
        self._lock = lock
        try:
            self.update(json.loads(self._path.read_text()))
        except FileNotFoundError:
            # The visitor has logged out meanwhile.
            self.key = secrets.token_urlsafe(32)

    @property
    def _path(self) -> Path:
        digest = hashlib.sha256(self.key.encode()).hexdigest()
        return self._folder / f'{digest}.json'

    def save(self, **changes: object) -> None:
        """Change the data, and replace the file."""
        self.update(changes)
        self.is_new = self.is_new or not self._path.exists()
        temporary = self._path.with_suffix('.new')
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(
            temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600
        )
        with open(descriptor, 'w') as file:
            json.dump(self, file)
        temporary.replace(self._path)

    def renew(self) -> None:
        """Start with a new key, as after a login."""
        self.forget()
        self.key = secrets.token_urlsafe(32)

    def forget(self) -> None:
        """Forget the visitor."""
        self.clear()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def close(self) -> None:
        """Let the visitor's next request continue."""
        if self._lock is not None:
            self._lock.release()
