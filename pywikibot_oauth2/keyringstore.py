#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The keyring of the operating system as the store."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.store import Store


if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType


class KeyringStore(Store):
    """Keeps sessions in the system keyring; needs the extra "keyring".

    Processes exclude each other by the lock of the token file. To that
    file goes a token which the keyring does not take, so that no login is
    lost; it moves to the keyring as soon as that can be written again.

    :param service: the name under which the keyring shows the entries
    """

    def __init__(self, service: str = 'pywikibot-oauth2') -> None:
        self._service = service
        self._files = FileStore()

    def where(self, account: str) -> str:
        """Return the entry, for messages."""
        return f'the system keyring, service {self._service}, {account}'

    def lock(self, account: str,
             client_id: str) -> AbstractContextManager[None]:
        """Keep other processes away; see :meth:`Store.lock`."""
        return self._files.lock(account, client_id)

    def load(self, account: str,
             client_id: str) -> Mapping[str, object] | None:
        """Return a stored session, or None; see :meth:`Store.load`."""
        # What the keyring did not take is newer than what is in it.
        left = self._files.load(account, client_id)
        if left is not None:
            return left
        content = self._get(account, client_id)
        if content is None:
            return None
        try:
            session = json.loads(content)
        except (ValueError, RecursionError):
            session = None
        if not isinstance(session, dict):
            raise StoreError(
                f'The entry {_name(account, client_id)} of'
                f' {self.where(account)} is no token; it was left as it is.')
        return session

    def save(self, account: str, client_id: str,
             session: Mapping[str, object]) -> None:
        """Store a session; see :meth:`Store.save`."""
        if self._files.load(account, client_id) is not None:
            # What is in the file is read first: it must never be the older.
            self._files.save(account, client_id, session)
        try:
            self._put(account, client_id, json.dumps(session))
        except StoreError as error:
            from pywikibot.logging import warning

            self._files.save(account, client_id, session)
            warning(f'{error}\nUntil it can be used, the token is kept in'
                    f' {self._files.where(account)}')
        else:
            self._files.forget(account, client_id)

    def _get(self, account: str, client_id: str) -> str | None:
        keyring = _keyring()
        try:
            content: str | None = keyring.get_password(
                self._service, _name(account, client_id))
        except Exception as error:  # noqa: BLE001 - see _unusable
            raise _unusable(error) from None
        return content

    def _put(self, account: str, client_id: str, content: str) -> None:
        keyring = _keyring()
        try:
            keyring.set_password(self._service, _name(account, client_id),
                                 content)
        except Exception as error:  # noqa: BLE001 - see _unusable
            raise _unusable(error) from None
        # A keyring that is switched off takes everything and keeps nothing.
        if self._get(account, client_id) != content:
            raise StoreError('The system keyring did not keep the token. See'
                             ' "keyring diagnose".')

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._service!r})'


def _keyring() -> ModuleType:
    """Return the package keyring."""
    try:
        import keyring
    except ImportError:
        raise StoreError(
            'The token is to be kept in the system keyring, but the package'
            " keyring is missing. Run:\n  pip install"
            " 'pywikibot-oauth2[keyring]'", is_unreachable=True) from None
    return keyring


def _unusable(error: Exception) -> StoreError:
    """Return the error for one of a backend.

    Not all of them are translated: those of D-Bus and of Windows, which
    refuses what is long, derive from Exception alone.
    """
    return StoreError('The system keyring cannot be used'
                      f' ({type(error).__name__}: {error}). Unlock it, or see'
                      ' "keyring diagnose".', is_unreachable=True)


def _name(account: str, client_id: str) -> str:
    return f'{account} {client_id}'
