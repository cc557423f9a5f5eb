"""A store in the keyring of the operating system."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pywikibot.logging import warning

from pywikibot_oauth2.errors import StoreError, StoreUnreachableError
from pywikibot_oauth2.stores import Data, Held, Store
from pywikibot_oauth2.stores.file import FileStore, parse


if TYPE_CHECKING:
    from keyring.backend import KeyringBackend


class KeyringStore(Store):
    """Keeps authorizations in the system keyring.

    This requires the extra "keyring". Processes exclude each other with the
    lock of the token file, so those that share the keyring have to share the
    folder of that file, too. A token that the keyring does not accept is kept
    in that file, so that no login is lost; it moves to the keyring as soon as
    that can be written again.

    The Windows Credential Manager is refused: tokens do not fit in it.

    :param service: the name under which the keyring shows the entries
    """

    def __init__(self, service: str = 'pywikibot-oauth2') -> None:
        self._service = service
        self._files = FileStore()

    def where(self, account: str) -> str:
        """Return the name of the entry; see :meth:`Store.where`."""
        return f'the system keyring, service {self._service}, {account}'

    def lock(self, account: str, client_id: str) -> Held:
        """Exclude other processes; see :meth:`Store.lock`."""
        return self._files.lock(account, client_id)

    def load(self, account: str, client_id: str) -> Data | None:
        """Return a stored authorization; see :meth:`Store.load`."""
        # A token that the keyring did not accept is newer than the one in it.
        left = self._files.load(account, client_id)
        if left is not None:
            return left
        name = f'{account} {client_id}'
        with _keyring() as backend:
            return parse(
                backend.get_password(self._service, name),
                f'{name} in the keyring {self._service}',
            )

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Store an authorization; see :meth:`Store.save`."""
        if self._files.load(account, client_id) is not None:
            # The file is read first, so it must never be the older one.
            self._files.save(account, client_id, authorization)
        entry = self._service, f'{account} {client_id}'
        content = json.dumps(authorization)
        try:
            with _keyring() as backend:
                backend.set_password(*entry, content)
                # A disabled keyring accepts everything and keeps nothing.
                if backend.get_password(*entry) != content:
                    raise StoreUnreachableError(
                        'The system keyring did not keep the token.',
                        error='not_kept',
                    )
        except StoreUnreachableError as error:
            self._files.save(account, client_id, authorization)
            warning(
                f'{error}\nUntil it can be used, the token is kept in'
                f' {self._files.where(account)}'
            )
        else:
            self._files.forget(account, client_id)


@contextlib.contextmanager
def _keyring() -> Iterator[KeyringBackend]:
    """Provide the keyring that the package keyring has chosen.

    The package does not translate all errors of its backends: those of
    D-Bus and of Windows derive directly from Exception.

    :raises StoreUnreachableError: the keyring cannot be used
    :raises StoreError: it is too small
    """
    try:
        import keyring
    except ImportError:
        raise StoreUnreachableError(
            'The package keyring is not installed.',
            error='missing_package',
            hint='keyring',
        ) from None
    try:
        backend = keyring.get_keyring()
        if type(backend).__module__ == 'keyring.backends.Windows':
            # See CRED_MAX_CREDENTIAL_BLOB_SIZE, 5 · 512 bytes, in wincred.h.
            # The package keyring writes UTF-16.
            raise StoreError(
                'The Windows Credential Manager stores at most 2,560 bytes,'
                " which is not enough for MediaWiki's tokens.",
                error='keyring_too_small',
            )
        yield backend
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - any, see above
        raise StoreUnreachableError(
            'The system keyring cannot be used'
            f' ({type(error).__name__}: {error}).',
            error='unreachable',
        ) from None
