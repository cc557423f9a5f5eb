"""Where authorizations are kept: what a store has to promise."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.errors import StoreError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    #: Stores an authorization in the place that was reserved for it.
    Save = Callable[[Mapping[str, object]], None]


class Store(ABC):
    """Keeps the authorization of each client of each account.

    Processes that share a store share the authorizations in it. A store
    promises:

    * Several threads and processes may call every method at once.
    * :meth:`save` replaces an authorization as a whole or not at all; a
      concurrent :meth:`load` returns the old one or the new one.
    * :meth:`lock` excludes every other holder for the same account and
      client, on all machines that share the store. It ends with the
      process that holds it, or after a time that is longer than a token
      request takes.
    * Nobody but the owner of the account can read what is stored, from
      its first byte.
    * What cannot be read is left as it is and reported.

    An authorization is a JSON-able dict; a store need not know what is in
    it, and returns what it was given.

    :cvar is_shared: whether other processes see what is stored
    """

    is_shared = True

    @abstractmethod
    def load(
        self, account: str, client_id: str
    ) -> Mapping[str, object] | None:
        """Return a stored authorization, or None if there is none.

        The lock need not be held.

        :param account: the name of the account
        :param client_id: the client ID
        :raises StoreError: what is stored cannot be read
        """

    @abstractmethod
    def save(
        self,
        account: str,
        client_id: str,
        authorization: Mapping[str, object],
    ) -> None:
        """Store an authorization in place of the one before.

        The caller holds the lock.

        :param account: the name of the account
        :param client_id: the client ID
        :param authorization: what to store
        :raises StoreError: it could not be stored; the one before is
            still there
        """

    @abstractmethod
    def lock(
        self, account: str, client_id: str
    ) -> AbstractContextManager[None]:
        """Return a context in which nobody else changes an authorization.

        :param account: the name of the account
        :param client_id: the client ID
        :raises StoreError: another holder does not release the lock
        """

    @abstractmethod
    def where(self, account: str) -> str:
        """Return the place as it appears in messages.

        :param account: the name of the account
        """

    def read(self, account: str, client_id: str) -> Authorization | None:
        """Return a stored authorization after checking whose it is.

        :param account: the name of the account
        :param client_id: the client ID
        :raises StoreError: it is damaged, or another account's or client's
        """
        data = self.load(account, client_id)
        if data is None:
            return None
        try:
            found = Authorization.deserialize(data)
        except StoreError as error:
            raise StoreError(
                f'{self.where(account)} cannot be used: {error}.',
                error='damaged',
                hint=self.where(account),
            ) from None
        if (found.user, found.client_id) != (account, client_id):
            raise StoreError(
                f'{self.where(account)} holds an authorization of'
                f' {found.user} for the client {found.client_id}, not of'
                f' {account} for the client {client_id}.',
                error='other_account',
                hint=self.where(account),
            )
        return found

    @contextlib.contextmanager
    def reserve(self, account: str, client_id: str) -> Iterator[Save]:
        """Secure the place for an authorization that is about to come.

        The wiki is asked for a new token only when there is a place to
        put the answer, because the old token is of no use afterwards. The
        caller holds the lock. A store that cannot secure anything in
        advance inherits this method.

        :param account: the name of the account
        :param client_id: the client ID
        :return: a context that gives a function, which stores what it is
            called with
        :raises StoreError: there is no place
        """
        yield lambda authorization: self.save(
            account, client_id, authorization
        )


class MemoryStore(Store):
    """Keeps nothing: the authorization lives in memory alone."""

    is_shared = False

    def load(self, account: str, client_id: str) -> None:
        """Return None."""

    def save(
        self,
        account: str,
        client_id: str,
        authorization: Mapping[str, object],
    ) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:  # noqa: ARG002 - the interface
        """Exclude nobody: threads exclude each other by themselves."""
        yield

    def where(self, account: str) -> str:  # noqa: ARG002 - the interface
        """Return the place as it appears in messages."""
        return 'memory'
