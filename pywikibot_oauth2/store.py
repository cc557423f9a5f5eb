#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Where serialized sessions are kept: the interface."""
from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager


class Store(ABC):
    """Keeps the session of each client of each account.

    All methods may be called by several threads and processes at once.
    Processes that share a store share the authorization.
    """

    @abstractmethod
    def load(self, account: str,
             client_id: str) -> Mapping[str, object] | None:
        """Return a stored session, or None if there is none.

        :raises StoreError: what is stored cannot be read
        """

    @abstractmethod
    def save(self, account: str, client_id: str,
             session: Mapping[str, object]) -> None:
        """Store a session in place of the one before, wholly or not.

        To be called while the lock is held.

        :raises StoreError: it could not be stored; the one before is
            still there
        """

    @abstractmethod
    def lock(self, account: str,
             client_id: str) -> AbstractContextManager[None]:
        """Return what keeps all others from changing the session.

        :raises StoreError: another holder does not give it back
        """

    def wait_for_change(self, account: str,  # noqa: ARG002
                        client_id: str) -> bool:  # noqa: ARG002
        """Wait while somebody else has the lock and has stored nothing.

        When many wait for a token that one of them refreshes, all can read
        it at once, instead of one after the other under the lock.

        :return: whether something was stored; if not, take the lock
        """
        return False

    @abstractmethod
    def where(self, account: str) -> str:
        """Return the place, for messages."""


class MemoryStore(Store):
    """Keeps nothing: the session lives in memory alone."""

    def load(self, account: str, client_id: str) -> None:
        """Return None."""

    def save(self, account: str, client_id: str,
             session: Mapping[str, object]) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def lock(self, account: str,  # noqa: ARG002
             client_id: str) -> Iterator[None]:  # noqa: ARG002
        """Exclude nobody: the threads exclude each other by themselves."""
        yield

    def where(self, account: str) -> str:  # noqa: ARG002
        """Return the place, for messages."""
        return 'memory'


#: The one that is needed: it has no state.
MEMORY = MemoryStore()
