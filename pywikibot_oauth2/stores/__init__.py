"""Stores, which keep authorizations, and what they must guarantee."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial


#: A serialized authorization.
Data = Mapping[str, object]
#: Stores an authorization in the place that was reserved for it.
Save = Callable[[Data], None]
#: Holds a lock.
Held = AbstractContextManager[None]


class Store(ABC):
    """Keeps the authorization of each client of each account.

    Processes that share a store share the authorizations in it. A store
    guarantees that:

    * several threads and processes may call every method at once;
    * :meth:`save` replaces an authorization as a whole or not at all; a
      concurrent :meth:`load` returns the old one or the new one;
    * :meth:`lock` excludes every other holder for the same account and
      client, on all machines that share the store. It ends with the
      process that holds it, or after a time that is longer than a token
      request takes;
    * only the owner of the account can read what is stored, from its first
      byte;
    * data that cannot be read is left as it is and reported.

    An authorization is a JSON-serializable dict. A store does not need to
    know what is in it; the caller checks whose it is.

    :cvar is_shared: whether other processes see what is stored
    """

    __slots__ = ()

    is_shared = True

    @abstractmethod
    def load(self, account: str, client_id: str) -> Data | None:
        """Return a stored authorization, or None if there is none.

        The lock need not be held.

        :param account: the name of the account
        :param client_id: the client ID
        :raises StoreError: what is stored cannot be read
        """

    @abstractmethod
    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Store an authorization, and replace the previous one.

        The caller holds the lock.

        :param account: the name of the account
        :param client_id: the client ID
        :param authorization: the authorization
        :raises StoreError: it could not be stored; the previous one is
            still there
        """

    @abstractmethod
    def lock(self, account: str, client_id: str) -> Held:
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

    def reserve(self, account: str, client_id: str) -> Save:
        """Reserve the place for a new authorization.

        The wiki is asked for a new token only if there is a place for the
        answer, because the old token is useless afterwards. The caller holds
        the lock; a reservation that was not used ends with it. A store that
        cannot reserve anything inherits this method.

        :param account: the name of the account
        :param client_id: the client ID
        :return: a function that stores an authorization in that place
        :raises StoreError: there is no place
        """
        return partial(self.save, account, client_id)


class MemoryStore(Store):
    """Stores nothing: the authorization is only in memory."""

    __slots__ = ()

    is_shared = False

    def load(self, account: str, client_id: str) -> None:
        """Return None."""

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Do nothing."""

    def lock(self, account: str, client_id: str) -> Held:
        """Do not lock: the account excludes other threads itself."""
        return contextlib.nullcontext()

    def where(self, account: str) -> str:
        """Return the place as it appears in messages."""
        return 'memory'
