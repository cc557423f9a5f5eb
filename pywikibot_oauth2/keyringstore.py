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
        keyring, errors = _keyring()
        try:
            content = keyring.get_password(self._service,
                                           _name(account, client_id))
        except errors as error:
            raise _unusable(error) from None
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
        try:
            keyring, errors = _keyring()
            try:
                keyring.set_password(self._service, _name(account, client_id),
                                     json.dumps(session))
            except errors as error:
                raise _unusable(error) from None
        except StoreError as error:
            from pywikibot.logging import warning

            self._files.save(account, client_id, session)
            warning(f'{error}\nUntil it can be used, the token is kept in'
                    f' {self._files.where(account)}')
        else:
            self._files.forget(account, client_id)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._service!r})'


def _keyring() -> tuple[ModuleType, tuple[type[Exception], ...]]:
    """Return the package keyring and the errors of its backends."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise StoreError(
            'The token is to be kept in the system keyring, but the package'
            ' keyring is missing. Run "pip install'
            ' pywikibot-oauth2[keyring]".') from None
    # D-Bus errors of a backend are not all translated.
    return keyring, (KeyringError, OSError, RuntimeError)


def _unusable(error: Exception) -> StoreError:
    return StoreError('The system keyring cannot be used'
                      f' ({type(error).__name__}: {error}). Unlock it, or see'
                      ' "keyring diagnose".')


def _name(account: str, client_id: str) -> str:
    return f'{account} {client_id}'
