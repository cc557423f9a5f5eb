"""Where authorizations are kept, and what a store must promise."""

from __future__ import annotations

import contextlib
import json
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import StoreError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    #: A serialized authorization.
    Data = Mapping[str, object]
    #: Stores an authorization in the place that was reserved for it.
    Save = Callable[[Data], None]


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

    An authorization is a JSON-able dict. A store need not know what is in
    it, and returns what it was given; the caller checks whose it is.

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

    def reserve(self, account: str, client_id: str) -> Save:
        """Secure the place for an authorization that is about to come.

        The wiki is asked for a new token only when there is a place for the
        answer, because the old token is of no use afterwards. The
        caller holds the lock; what was reserved and not used is given
        back with it. A store that cannot secure anything in advance
        inherits this method.

        :param account: the name of the account
        :param client_id: the client ID
        :return: stores an authorization in that place
        :raises StoreError: there is no place
        """
        return partial(self.save, account, client_id)


class MemoryStore(Store):
    """Keeps nothing: the authorization lives in memory alone."""

    __slots__ = ()

    is_shared = False

    def load(self, account: str, client_id: str) -> None:
        """Return None."""

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:
        """Exclude nobody: the account excludes other threads itself."""
        yield

    def where(self, account: str) -> str:
        """Return the place as it appears in messages."""
        return 'memory'


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
    raise left_alone(place, 'damaged', f'is damaged: it is {reason}')


def left_alone(place: str, code: str, what: str) -> StoreError:
    """Return the error for content that cannot be used and is left alone.

    :param what: the rest of the sentence that begins with the place
    """
    message = f'{place} {what}. It was left as it is.'
    return StoreError(message, error=code, hint=place)
