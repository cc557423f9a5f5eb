#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""When a token is renewed, by whom, and what happens if that fails."""
from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Callable

from pywikibot_oauth2 import refusals, signals
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ClientRefusedError,
    EndpointError,
    StoreError,
)
from pywikibot_oauth2.kept import KeptSession
from pywikibot_oauth2.store import MEMORY


if TYPE_CHECKING:
    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.session import OAuth2Session
    from pywikibot_oauth2.store import Store

# A wiki that asks to wait for more seconds than this is not waited for.
_PATIENCE = 600


class Renewal(KeptSession):
    """Keeps a session, and renews its token when that is due.

    :ivar is_alone: whether nobody can be asked for another authorization
    """

    __slots__ = ('_explained', 'is_alone')

    def __init__(self, client: OAuth2Client, account: str, store: Store,
                 clock: Callable[[], float]) -> None:
        super().__init__(client, account, store, clock)
        self.is_alone = False
        self._explained: frozenset[str] = frozenset()

    @classmethod
    def of_session(cls, session: OAuth2Session,
                   clock: Callable[[], float]) -> Renewal:
        """Return what keeps a session that lives in memory alone.

        It does not wait and try again: a web tool has a visitor waiting.
        And without a token it raises AuthorizationEndedError, since there
        is no login manager to ask.
        """
        renewal = cls(session.client, session.user or 'the user',
                      MEMORY, clock)
        renewal.session = session
        renewal.is_alone = True
        renewal.publish()
        return renewal

    def header(self, user_agent: str | None = None) -> str | None:
        """Return the header for a request; renew the token first if due.

        :param user_agent: the User-Agent of that request
        :return: None if there is no token, or the wiki ended it
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came, and the old token
            has expired
        :raises StoreError: what is stored cannot be read
        """
        with self.lock:
            header, due = self.current
            if self._clock() < due:
                return header
            if self.session is None or not self.session.is_complete:
                try:
                    self._read()
                except StoreError as error:
                    # Reading goes on without a token; the login manager,
                    # which comes before any edit, ends with the same words.
                    self._warn(str(error))
                    return None
            elif not self._is_saved:
                self._store_session()
                self.publish()
            header, due = self.current
            if self._clock() >= due and (header is not None
                                         or self._fetches_by_itself()):
                header = self._renew(user_agent, refused=False)
            return self._checked(header)

    def replace(self, refused: str,
                user_agent: str | None = None) -> str | None:
        """Return the header in place of one that the wiki refused.

        :param refused: the Authorization header that was sent
        :param user_agent: the User-Agent header that was sent
        :return: None if the wiki ended the authorization
        :raises: as :meth:`header`
        """
        with self.lock:
            if self.current[0] != refused:
                # Another thread has renewed it since.
                return self._checked(self.current[0])
            return self._checked(self._renew(user_agent, refused=True))

    def _checked(self, header: str | None) -> str | None:
        """Return a header, if only Pywikibot may do without one."""
        if header is None and self.is_alone:
            reason = self.session.ended if self.session else None
            raise AuthorizationEndedError(
                f'The authorization of {self.account} has not been given yet.'
                if reason is None else
                f'The authorization of {self.account} has ended. {reason}')
        return header

    def refresh(self, user_agent: str | None = None) -> str | None:
        """Renew the token now, due or not, as for a right that is new.

        What others stored in the meantime is renewed, too: it may have
        been issued before the right was given.

        :param user_agent: the User-Agent to send
        :return: as :meth:`header`; the header stays if there is nothing
            to renew it with
        :raises: as :meth:`header`, after one attempt
        """
        with self.lock, self._lock_store():
            self._read()
            session = self.session
            if session is not None and session.can_refresh \
                    and session.ended is None:
                with signals.deferred():
                    self._ask(session, user_agent)
                    self._save()
                    self.publish()
            return self.current[0]

    def explain(self, code: str, action: str) -> None:
        """Say once what an error code of api.php means, if it is known.

        :raises SystemExit: "pwb login -logout" is refused by the wiki;
            Pywikibot would go on to a traceback
        """
        session = self.session
        assert session is not None
        meaning = refusals.of_request(session.prefix, session.client, code,
                                      action)
        if meaning is not None and code not in self._explained:
            self._explained |= {code}
            self._warn(meaning)
        if code == 'cannotlogout':
            from pywikibot.bot import calledModuleName

            if calledModuleName() == 'login':
                raise SystemExit(1)

    def _renew(self, user_agent: str | None, *,
               refused: bool) -> str | None:
        """Renew the token, or say why it stays; return the header."""
        attempt = 0
        while True:
            try:
                self._renew_once(user_agent)
            except (ClientRefusedError, EndpointError, StoreError) as error:
                if isinstance(error, EndpointError):
                    self._trouble = error
                if self._postpone(error, refused=refused):
                    break
                self._wait(error, attempt)
                attempt += 1
            else:
                self._trouble = None
                break
        return self.current[0]

    def _renew_once(self, user_agent: str | None) -> None:
        """Adopt a newer token from the store, or else ask the wiki."""
        while self._store.wait_for_change(self.account,
                                          self._client.client_id):
            with contextlib.suppress(StoreError):
                if self._read() and self._clock() < self.current[1]:
                    return
        with self._lock_store():
            unread = None
            try:
                if self._read() and self._clock() < self.current[1]:
                    return
            except StoreError as error:
                # The token in memory is good; what is stored is left as
                # it is, for it may be a newer release's.
                unread = error
                self._warn(f'{error}\nGoing on with the token in memory.')
            session = self.session
            if session is None or not (session.is_complete
                                       or self._fetches_by_itself()):
                return
            with signals.deferred():
                self._ask(session, user_agent)
                # That it ended may be wrong where the newest was not read.
                if unread is None or (unread.is_unreachable
                                      and not session.ended):
                    self._save()
                else:
                    self._warn_unsaved(unread)
                self.publish()

    def _ask(self, session: OAuth2Session, user_agent: str | None) -> None:
        """Ask the wiki for a new token, or note that it refuses."""
        session.user_agent = user_agent or session.user_agent
        try:
            session.refresh()
        except AuthorizationEndedError as error:
            self._end(session, error)
        self._is_saved = False

    def _fetches_by_itself(self) -> bool:
        """Return whether a first token can be had without a person."""
        session = self.session
        return (session is not None and session.token is None
                and session.can_refresh and session.ended is None)

    def _end(self, session: OAuth2Session,
             error: AuthorizationEndedError) -> None:
        """Mark the token as dead and say so."""
        reason = str(error)
        if self._trouble is not None:
            reason += ('\nThe attempt before had got no usable answer'
                       f' ({self._trouble}). If the wiki acted on it all the'
                       ' same, the new token got lost with the answer; from'
                       ' MediaWiki 1.47 on it would have been given again.')
        session.end(reason)
        advice = '' if session.client.owner_only \
            else '\nRun "pwb login" to authorize again.'
        self._warn(f'The authorization of {self.account} has ended.'
                   f' {reason}{advice}')

    def _postpone(self, error: Exception, *, refused: bool) -> bool:
        """Go on with the old token if it still serves."""
        session = self.session
        assert session is not None
        token = session.token
        now = self._clock()
        if refused or token is None or not token.is_valid(now):
            return False
        self._warn(f'The token of {self.account} could not be renewed:'
                   f' {error}\nThe old one still serves.')
        # A tenth of what is left, so that there are several attempts.
        left = math.inf if token.expires_at is None \
            else token.expires_at - now
        wait = getattr(error, 'retry_after', None) or 0
        self.current = (token.header, now + min(left, max(left / 10, wait)))
        return True

    def _wait(self, error: Exception, attempt: int) -> None:
        """Wait before the next attempt, or give up.

        The bounds are those of Pywikibot's own requests.
        """
        import pywikibot
        from pywikibot import config

        asked = getattr(error, 'retry_after', None) or 0
        if (isinstance(error, ClientRefusedError) or self.is_alone
                or attempt >= config.max_retries or asked > _PATIENCE):
            if isinstance(error, EndpointError):
                raise EndpointError(
                    f'{error}\nThe token of {self.account} could not be'
                    ' renewed, but the authorization is kept: run this again'
                    ' when the wiki answers.', error.retry_after) from None
            raise error
        delay = min(config.retry_wait * 2 ** attempt, config.retry_max)
        delay = max(delay, asked)
        self._warn(f'The token of {self.account} could not be renewed:'
                   f' {error}\nWaiting {delay:.1f} seconds before retrying.')
        pywikibot.sleep(delay)
