#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The session of one account, in memory and in the store."""
from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Callable

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.forksafe import ForkSafeLock
from pywikibot_oauth2.session import OAuth2Session


if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from requests.cookies import RequestsCookieJar

    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.errors import EndpointError
    from pywikibot_oauth2.store import Store
    from pywikibot_oauth2.token import Token

# Seconds after which a token that could not be stored is stored again.
_SAVE_AGAIN = 10

#: Why a session has ended that :meth:`KeptSession.forget` ended.
LOGGED_OUT = 'logged out'


class KeptSession:
    """Keeps the session of one account, for any number of threads.

    Which of two tokens is newer, no clock decides: as every change is
    written to the store, a token there that differs from the one last
    seen there was put there by someone else since, and is newer.

    :ivar session: the session at hand, or None
    :ivar current: the Authorization header to send, or None if there is
        no token, and the time from which on that may be out of date, in
        seconds since 1970 UTC; replaced as a whole, so that it may be read
        without the lock
    :ivar lock: held by a thread that changes any of this
    :ivar cookies: those that the wiki set for the current token
    """

    __slots__ = ('_client', '_clock', '_is_saved', '_last_warning',
                 '_seen', '_store', '_trouble', 'account', 'cookies',
                 'current', 'lock', 'session')

    def __init__(self, client: OAuth2Client, account: str, store: Store,
                 clock: Callable[[], float]) -> None:
        self.account = account
        self.session: OAuth2Session | None = None
        self.current: tuple[str | None, float] = (None, -math.inf)
        self.cookies: RequestsCookieJar | None = None
        self._client = client
        self._store = store
        self._clock = clock
        self.lock = ForkSafeLock()
        self._seen: Token | None = None
        self._is_saved = True
        # Why the last attempt to renew this session failed.
        self._trouble: EndpointError | None = None
        self._last_warning = ''

    def load(self) -> OAuth2Session | None:
        """Return the session, the newest one that is stored.

        :raises StoreError: what is stored cannot be read
        """
        with self.lock:
            self._read()
            return self.session

    def adopt(self, session: OAuth2Session) -> None:
        """Take a session that was just authorized, and store it.

        If it cannot be stored, it serves as long as this process lives.
        """
        with self.lock:
            try:
                with self._lock_store():
                    # What is stored now is older than this login.
                    with contextlib.suppress(StoreError):
                        self._read()
                    self._trouble = None
                    self.session = session
                    self._is_saved = False
                    self._save()
            except StoreError as error:
                self.session = session
                self._is_saved = False
                self._warn_unsaved(error)
            self.publish()

    def begin(self, session: OAuth2Session) -> None:
        """Take the session of an owner-only client, which needs no login.

        What is stored is used before the wiki is asked for a token.
        """
        with self.lock:
            self.session = session
            self.publish()

    def forget(self) -> bool:
        """Log out: drop the token, for all who share the store.

        A session that has ended is stored in its place. If it was merely
        removed, another bot would store the token that it renews next.

        :return: whether there was a token
        :raises StoreError: what is stored cannot be read or written;
            nothing was changed
        """
        with self.lock, self._lock_store():
            self._read()
            session = self.session
            if session is None or session.token is None:
                return False
            self._store.save(
                self.account, self._client.client_id,
                {**session.serialize(), 'token': None, 'ended': LOGGED_OUT})
            self._seen, self._is_saved = None, True
            session.token = None
            session.end(LOGGED_OUT)
            self.publish()
            return True

    def publish(self) -> None:
        """Let requests use the session from now on."""
        session = self.session
        self.cookies = None
        if session is None or session.token is None or session.ended:
            # The store is read at each request: a login in another
            # terminal is to be noticed.
            self.current = (None, -math.inf)
        else:
            due = math.inf
            if session.refreshes and session.can_refresh:
                due = session.token.renew_at
            if not self._is_saved:
                due = min(due, self._clock() + _SAVE_AGAIN)
            self.current = (session.token.header, due)

    def _read(self) -> bool:
        """Take the stored session if it is newer than the one at hand."""
        data = self._store.load(self.account, self._client.client_id)
        if data is None:
            return False
        try:
            stored = OAuth2Session.deserialize(data, self._client,
                                               clock=self._clock)
        except StoreError as error:
            raise StoreError(
                f'{self._store.where(self.account)} cannot be used: {error}.'
                ' It was left as it is.') from None
        session = self.session
        if session is not None and stored.token == self._seen and (
                not self._is_saved
                or bool(stored.ended) == bool(session.ended)):
            return False
        self.session = stored
        self._trouble = None
        self._seen = stored.token
        self._is_saved = True
        self.publish()
        return True

    def _store_session(self) -> None:
        """Store a session that is only in memory, if it can be stored."""
        self._is_saved = False
        try:
            with self._lock_store():
                if not self._read():
                    self._save()
        except StoreError as error:
            self._warn_unsaved(error)

    def _save(self) -> None:
        """Store the session; if that fails, keep it in memory and say so."""
        session = self.session
        assert session is not None
        try:
            self._store.save(self.account, self._client.client_id,
                             session.serialize())
        except StoreError as error:
            self._warn_unsaved(error)
        else:
            self._seen = session.token
            self._is_saved = True

    def _lock_store(self) -> AbstractContextManager[None]:
        return self._store.lock(self.account, self._client.client_id)

    def _warn_unsaved(self, error: StoreError) -> None:
        if self.session is not None and self.session.ended is not None:
            self._warn(str(error))
        else:
            self._warn(f'{error}\nThe new token of {self.account} is only in'
                       ' memory. Mend that before this program ends; else'
                       ' run "pwb login" again.')

    def _warn(self, message: str) -> None:
        """Say something, but not the same twice in a row."""
        from pywikibot.logging import warning

        if message != self._last_warning:
            self._last_warning = message
            warning(message)
