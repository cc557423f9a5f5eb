"""The account: the only owner of a token that changes."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import math
import os
import sys
import time
import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pywikibot.logging import warning

from pywikibot_oauth2 import locks
from pywikibot_oauth2.authorization import LOGGED_OUT, Authorization
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
    StoreUnreachableError,
)
from pywikibot_oauth2.locks import ForkSafeLock, undisturbed
from pywikibot_oauth2.protocol import NOT_APPROVED, OAuth2Wiki
from pywikibot_oauth2.token import Header, Token


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests.cookies import RequestsCookieJar

    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.stores import Data, Save, Store


# Seconds until a token that could not be stored is stored again.
_SAVE_AGAIN = 10
# The number of generations by which a login or a logout is newer: more than
# another process has renewed but could not store.
_BY_A_PERSON = 1 << 20
# More generations than there can be in a store that cannot be read.
_UNKNOWN = 1 << 40
# Seconds for which a process that ends tries to store its tokens.
_LAST_SECONDS = 5
# Seconds for which a client that the wiki refused is not tried again.
_REFUSED_PAUSE = 60


class Policy:
    """Decisions that an account leaves to the code that uses it.

    This one suits programs, which get errors at once.
    """

    # A web tool has one for each session.
    __slots__ = ()

    def trusts(self, wiki: str) -> bool:
        """Return whether secrets may be sent to a wiki."""
        return True

    def warn(self, error: OAuth2Error, note: str = '') -> None:
        """Report an error that does not stop the work.

        :param note: the consequence of the error
        """
        warning(f'{error} {note}'.rstrip())

    def wait(self, error: OAuth2Error, attempt: int) -> bool:
        """Wait before another attempt to renew a token.

        :param error: why the last attempt failed
        :param attempt: the number of failed attempts before that
        :return: whether there should be another attempt
        """
        return False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class State:
    """Everything that changes, replaced as a whole.

    :ivar save_at: when to try again to store the authorization, in seconds
        since 1970 UTC; None if it is stored
    :ivar cookies: the cookies that the wiki set for this access token
    :ivar not_before: the time before which no renewal is attempted
    :ivar refusal: why there is no header although there is a token
    :ivar lost: the error that replaced the last answer about this token
    :ivar header: the Authorization header, which follows from the rest
    :ivar due: when the header needs attention, in seconds since 1970 UTC;
        it follows from the rest, too
    """

    authorization: Authorization
    save_at: float | None = None
    cookies: RequestsCookieJar | None = None
    not_before: float = -math.inf
    refusal: ClientRefusedError | None = None
    lost: str = ''
    header: Header | None = None
    due: float = -math.inf

    @property
    def is_saved(self) -> bool:
        """Whether the store has the authorization."""
        return self.save_at is None

    def error(self) -> ClientRefusedError | None:
        """Return a copy of the refusal, to be raised.

        An error that is raised repeatedly would keep the local variables of
        all frames that it passed.
        """
        return copy.copy(self.refusal)


class Account:
    """An authorization that any number of threads can use.

    Processes and machines share it through the store. The state is one
    immutable value that is read without a lock. Whoever changes it holds,
    in this order: the thread lock, delayed signals, the store lock.
    Signals take effect after the store lock has been released, so that a
    signal handler may use the account.

    Generations, not clocks, tell which authorization is newer. If the one
    in the store is older than the one in memory, for example because a
    backup was restored, the one in memory wins and is stored again. Before
    an end is stored, the store is read again; if it has another token, that
    token is adopted instead.

    :param store: where the authorization is kept
    :param user: the name of the account; None if it is not known yet
    :param wiki: the wiki to ask if nothing is stored yet
    :param policy: decisions that are left to the code that uses this object
    :param clock: returns the seconds since 1970 UTC
    :param is_automatic: whether a token that is due is renewed
    :ivar state: an immutable snapshot of everything that changes
    """

    # A web tool has one for each of its users.
    __slots__ = (
        '__weakref__',
        '_busy_pid',
        '_forks',
        '_lock',
        '_policy',
        '_store',
        '_wiki',
        'client',
        'clock',
        'is_automatic',
        'state',
    )

    def __init__(
        self,
        client: OAuth2Client,
        store: Store,
        user: str | None,
        wiki: str,
        *,
        policy: Policy,
        clock: Callable[[], float] = time.time,
        is_automatic: bool = True,
    ) -> None:
        self.client = client
        self.is_automatic = is_automatic
        self._wiki = wiki
        self._store = store
        self._policy = policy
        self.clock = clock
        self._lock = ForkSafeLock()
        self._forks = locks.forks
        self._busy_pid: int | None = None
        fixed = client.access_token
        token = None if fixed is None else Token(fixed)
        self._set(State(Authorization(client.client_id, wiki, user, token)))

    # For requests

    def header(
        self,
        user_agent: str | None = None,
        *,
        refused: str | None = None,
        is_bound: bool = False,
    ) -> Header | None:
        """Return the Authorization header; renew the token first if it is due.

        While it is not due, :attr:`state` has the header.

        :param user_agent: the User-Agent of the request
        :param refused: the header that the wiki refused, if any
        :param is_bound: whether the request carries a CSRF token, which
            belongs to the current access token; it is then sent with that
            token as long as the token lasts for one more request
        :return: the header; None if there is no token; a fixed access token
            remains the same if it is refused
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: secrets would go to the wrong wiki or
            account, or a fork has copied the refresh token
        :raises EndpointError: no usable answer came, and no token is valid
        :raises StoreError: what is stored cannot be used
        """
        if refused is not None and self.client.access_token is not None:
            message = f'{self.wiki} did not accept the fixed access token.'
            self._warn(AuthorizationEndedError(message, error='fixed_token'))
            return self.state.header
        with self._lock.held:
            if not self._is_busy:
                if self.authorization.generation == 0:
                    # A process that starts with a valid token needs no lock.
                    self._look()
                if self._needs_care(refused) and not (
                    is_bound and self._lasts()
                ):
                    self._renew(user_agent, refused)
            return self.state.header

    def refuse(self, sent: str) -> Header | None:
        """Use no token for a while, because api.php refuses the client.

        :param sent: the Authorization header that was sent
        :return: the header of a newer token; None if there is none
        """
        with self._lock.held:
            if self.state.header == sent:
                name = self.client.shown_id or 'of the fixed access token'
                message = (
                    f'{self.wiki} does not accept the client {name}:'
                    f' {NOT_APPROVED}.'
                )
                error = ClientRefusedError(message, error=NOT_APPROVED)
                error.is_unusable = True
                self._pause(error)
            return self.state.header

    def keep_cookies(
        self, sent: str, cookies: RequestsCookieJar | None
    ) -> None:
        """Keep the cookies that the wiki set for an access token.

        :param sent: the Authorization header that they were set for
        :param cookies: the cookies; None drops those that are kept
        """
        with self._lock.held:
            state = self.state
            if state.header != sent:
                return
            if cookies is not None and state.cookies is not None:
                new, cookies = cookies, state.cookies.copy()
                cookies.update(new)
            self._set(replace(state, cookies=cookies))

    # Facts

    @property
    def authorization(self) -> Authorization:
        """The authorization in memory, which may not have been given yet."""
        return self.state.authorization

    @property
    def user(self) -> str | None:
        """The name of the account; None if it is not known yet."""
        return self.authorization.user

    @property
    def wiki(self) -> str:
        """The wiki that issued the token, or that will be asked for one."""
        return self.authorization.wiki

    @property
    def of_user(self) -> str:
        """Whose authorization it is, as a part of a message."""
        return f' of {self.user}' if self.user else ''

    @property
    def can_renew(self) -> bool:
        """Whether the wiki would issue a new token without a person."""
        return self._is_renewable(self.authorization)

    # Changes of the authorization

    def load(self) -> Authorization:
        """Return the newest authorization, in memory or in the store.

        :raises ConfigurationError: secrets would go to the wrong wiki
        :raises StoreError: what is stored cannot be used
        """
        with self._lock.held:
            self._take(self._store.load(*self._key))
            return self.authorization

    def refresh(self, user_agent: str | None = None) -> None:
        """Renew the token now, for example after a right was granted.

        This is tried once. A token that others have stored in the meantime
        is renewed, too: it may have been issued before the right was granted.

        :raises OAuth2Error: as :meth:`header`
        """
        with self._lock.held:
            if not self._is_busy:
                self._renew_once(user_agent, None, is_forced=True)

    def adopt(self, authorization: Authorization) -> None:
        """Adopt a new authorization, and store it.

        If it cannot be stored, it is used until this process ends, and
        :attr:`State.is_saved` is False.
        """
        with self._lock.held:
            try:
                with self._exclusive():
                    state = self._following(authorization)
                    self._keep(state, self._store_directly)
            except StoreError as error:
                self._set(self._following(authorization))
                self._warn_unsaved(error)

    def resume(self, authorization: Authorization) -> None:
        """Begin with an authorization that the program has stored.

        A fixed access token is that of the client, not what was stored.
        """
        if self.client.access_token is None:
            self._set(State(authorization))
        else:
            self.identify(authorization.user)

    def restart(self) -> None:
        """Forget that the authorization has ended, for an owner-only client.

        :raises StoreError: what is stored cannot be read or written
        """
        with self._newest() as found:
            if found.ended is not None:
                self._replace_stored(found._replace(ended=None))

    def forget(self, reason: str = LOGGED_OUT) -> Authorization | None:
        """Drop the token, for all processes that share the store.

        The end is stored in its place. If the token were merely removed,
        another bot would store the next one that it gets.

        :param reason: why the authorization has ended
        :return: the previous authorization; None if there was no token
        :raises StoreError: what is stored cannot be read or written;
            nothing was changed
        """
        with self._newest() as found:
            if found.token is None:
                return None
            self._replace_stored(found.end(reason))
            return found

    def identify(self, user: str | None) -> None:
        """Record whose authorization it is."""
        with self._lock.held:
            found = self.authorization._replace(user=user)
            self._set(replace(self.state, authorization=found))

    def store_at_exit(self) -> OAuth2Error | None:
        """Store what is only in memory, because the process ends.

        :return: why that is impossible, or None
        """
        # A thread that waits for the wiki may hold it for long.
        if not self._lock.held.acquire(timeout=_LAST_SECONDS):
            return StoreError(f'A thread was using the token{self.of_user}.')
        try:
            with self._newest() as found:
                if not self.state.is_saved:
                    self._store_directly(found.serialize())
                self._set(replace(self.state, save_at=None))
        except OAuth2Error as error:
            return error
        finally:
            self._lock.held.release()
        return None

    def report_loss(self, error: OAuth2Error) -> None:
        """Report that a token is lost, because the process ends."""
        if self.authorization.is_complete:
            self._warn(error, f'The new token{self.of_user} is lost.')

    # Renewal

    @property
    def _is_busy(self) -> bool:
        """Whether a handler has interrupted a change in this thread."""
        return self._busy_pid == os.getpid()

    def _is_refused(self, refused: str | None) -> bool:
        """Return whether nobody has replaced the refused token yet."""
        return refused is not None and self.state.header == refused

    def _needs_care(self, refused: str | None) -> bool:
        """Return whether the token was refused or is due."""
        if self._is_refused(refused):
            return True
        state, now = self.state, self.clock()
        if state.refusal is not None:
            # A clock that is set back must not make the pause longer.
            return not 0 < state.not_before - now <= _REFUSED_PAUSE
        return now >= state.due

    def _lasts(self) -> bool:
        """Return whether the current token lasts for one more request.

        If another process has replaced it, the wiki no longer accepts it;
        looking in the store avoids a refused request.
        """
        self._look()
        token = self.authorization.token
        return token is not None and self._left > token.leeway / 6

    def _look(self) -> None:
        """Adopt what is stored if it is newer; errors are reported later."""
        with contextlib.suppress(OAuth2Error):
            self._take(self._store.load(*self._key))

    def _renew(self, user_agent: str | None, refused: str | None) -> None:
        """Renew the token, or keep using the old one while it is valid."""
        refusal = self.state.refusal
        if refusal is not None and refusal.error == NOT_APPROVED:
            # A request shows whether the client is still refused. A renewal
            # might use up the refresh token.
            self._set(replace(self.state, refusal=None))
            return
        for attempt in itertools.count():
            try:
                self._renew_once(user_agent, refused)
            except (ClientRefusedError, EndpointError, StoreError) as error:
                self._about(error)
                if self._serves(refused):
                    self._put_off(error)
                    return
                if isinstance(error, ClientRefusedError):
                    self._pause(error)
                    raise
                if not self._policy.wait(error, attempt):
                    raise
            else:
                return

    def _renew_once(
        self,
        user_agent: str | None,
        refused: str | None,
        *,
        is_forced: bool = False,
    ) -> None:
        """Adopt a newer token from the store; otherwise ask the wiki."""
        problem = None
        with self._exclusive() as key:
            try:
                self._take(self._store.load(*key), refused)
            except StoreError as error:
                if self._serves(refused):
                    raise
                problem = error
            else:
                if not self.state.is_saved:
                    self._keep(self.state, self._store_directly)
                if not (is_forced or self._needs_care(refused)):
                    return
            if self._may_ask(refused):
                self._ask(user_agent, refused, problem)
            elif problem is not None:
                self._warn(problem)

    def _may_ask(self, refused: str | None) -> bool:
        """Return whether the token can be renewed or was refused.

        :raises ConfigurationError: a fork has copied its refresh token
        """
        may_ask = self.can_renew or self._is_refused(refused)
        if (
            may_ask
            and self._forks != locks.forks
            and not self._store.is_shared
            and not self.client.owner_only
        ):
            message = (
                'A session that was created before a fork cannot be refreshed'
                ' in the child process: both processes would use the same'
                ' refresh token.'
            )
            raise self._about(ConfigurationError(message, error='fork'))
        return may_ask

    def _place(
        self, refused: str | None, problem: StoreError | None
    ) -> Save | None:
        """Return a function that stores the answer; None if nothing can.

        :param problem: why the stored token cannot be read; None if it can
        :raises StoreError: there is no place for it, and the old token serves
        """
        if problem is None:
            try:
                return self._store.reserve(*self._key)
            except StoreError:
                # There may be room for the token itself.
                if self._serves(refused):
                    raise
        elif isinstance(problem, StoreUnreachableError):
            # Such a store keeps new tokens somewhere else.
            self._warn(problem)
        else:
            note = f'The new token{self.of_user} will be only in memory.'
            self._warn(problem, note)
            return None
        return self._store_directly

    def _ask(
        self,
        user_agent: str | None,
        refused: str | None,
        problem: StoreError | None,
    ) -> None:
        """Ask the wiki for a new token, and store the answer."""
        authorization = self.authorization
        token = authorization.token
        # The process waits for the answer before it ends.
        _mark(self, is_unsaved=True)
        try:
            save = self._place(refused, problem)
            wiki = OAuth2Wiki(
                self.client, authorization.wiki, user_agent, self.clock
            )
            if token is None or self.client.owner_only:
                token = wiki.client_credentials()
                wiki.check_owner(token, self.user)
            elif token.refresh_token is None:
                raise AuthorizationEndedError('There is no refresh token.')
            else:
                token = wiki.refresh(token)
            new = authorization.with_token(token)
            data = new.serialize()
            self._keep(State(new, self._save_at), save, data)
        except AuthorizationEndedError as error:
            self._end(error, save)
        except EndpointError as error:
            self._set(replace(self.state, lost=str(error)))
            raise
        finally:
            _mark(self, is_unsaved=not self.state.is_saved)

    def _end(self, error: AuthorizationEndedError, save: Save | None) -> None:
        """Record that the authorization has ended, if it really has.

        If the store lock was lost, someone else may have renewed the token
        in the meantime, so the store is read again first. While it cannot be
        read, no end is stored.
        """
        before, lost = self.authorization, self.state.lost
        assert before.token is not None
        try:
            if self._take(self._store.load(*self._key), before.token.header):
                return
        except OAuth2Error:
            save = None
        reason = str(error)
        if lost:
            reason += (
                f' The previous attempt got no usable answer ({lost}); if the'
                ' wiki acted on it, the new token was lost with that answer.'
            )
        self._keep(State(before.end(reason), self._save_at), save)
        message = f'The authorization{self.of_user} has ended: {reason}'
        self._warn(AuthorizationEndedError(message, error='ended'))

    def _serves(self, refused: str | None) -> bool:
        """Return whether the current token is neither refused nor expired."""
        return not self._is_refused(refused) and self._left > 0

    @property
    def _left(self) -> float:
        """Seconds until the token that requests carry expires."""
        token = self.authorization.token
        if token is None or self.state.header is None:
            return 0
        return token.left(self.clock())

    def _pause(self, refusal: ClientRefusedError) -> None:
        """Use no token until a new one comes, or the pause is over."""
        self._about(refusal)
        until = self.clock() + _REFUSED_PAUSE
        self._set(replace(self.state, refusal=refusal, not_before=until))

    def _put_off(self, error: OAuth2Error) -> None:
        """Keep using the old token, and try again later."""
        left = self._left
        # A tenth of the time left, so that there are several attempts.
        wait = min(left, max(left / 10, error.retry_after or 0), 86400)
        # A store that does not work is left alone for a while, too.
        save_at = self.state.save_at and self._save_at
        not_before = self.clock() + wait
        self._set(replace(self.state, save_at=save_at, not_before=not_before))
        self._warn(error, f'The old token{self.of_user} is still valid.')

    # The store

    @property
    def _key(self) -> tuple[str, str]:
        """The account and the client under which it is stored."""
        return self.user or '', self.client.client_id

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[tuple[str, str]]:
        """Exclude all other processes; the caller holds the thread lock.

        :return: the key under which the authorization is stored
        :raises OAuth2Error: this thread would wait for itself
        """
        if self._is_busy:
            message = (
                f'A handler tried to change the token{self.of_user} while it'
                ' was being changed.'
            )
            raise self._about(OAuth2Error(message))
        key = self._key
        free = functools.partial(setattr, self, '_busy_pid', None)
        lock, self._busy_pid = self._store.lock(*key), os.getpid()
        try:
            with undisturbed(lock, free):
                yield key
        finally:
            # An interrupt may have come before that context began.
            free()

    @contextlib.contextmanager
    def _newest(self) -> Iterator[Authorization]:
        """Provide the newest authorization, and exclude everybody else."""
        with self._lock.held, self._exclusive() as key:
            self._take(self._store.load(*key))
            yield self.authorization

    def _take(self, data: Data | None, refused: str | None = None) -> bool:
        """Adopt the stored authorization if it is newer than the current one.

        If both have the same generation, because a lock was lost, the stored
        one is adopted if there is no token in memory, or if the wiki refused
        that token.

        :param data: what is stored
        :param refused: the Authorization header that the wiki refused
        :return: whether it was adopted
        :raises ConfigurationError: secrets would go to the wrong wiki
        :raises StoreError: it cannot be used
        """
        if data is None:
            return False
        stored, mine = self._checked(data), self.authorization
        ahead = stored.generation - mine.generation
        is_newer = ahead > 0
        if ahead == 0 and stored.token is not None:
            may_differ = mine.token is None or mine.token.header == refused
            is_newer = may_differ and stored.token.header != refused
        if is_newer:
            self._set(State(stored))
        elif ahead < 0:
            # The store went back in time.
            self._set(replace(self.state, save_at=self._save_at))
        return is_newer

    def _checked(self, data: Data) -> Authorization:
        """Return a stored authorization after checking whose it is.

        :raises ConfigurationError: secrets would go to the wrong wiki
        :raises StoreError: it is damaged, or is for another account or client
        """
        code = 'damaged'
        try:
            stored = Authorization.deserialize(data)
            if (stored.user or '', stored.client_id) != self._key:
                code = 'other_account'
                raise StoreError(
                    f'it is for {stored.user} and the client'
                    f' {stored.client_id}, not for {self.user} and the client'
                    f' {self.client.shown_id}'
                )
        except StoreError as error:
            place = self._store.where(self.user or '')
            message = f'{place} cannot be used: {error}. It was left as it is.'
            raise StoreError(message, error=code, hint=place) from None
        if stored.wiki != self._wiki and not self._policy.trusts(stored.wiki):
            message = (
                f'The authorization{self.of_user} in'
                f' {self._store.where(self.user or "")} is for'
                f' {stored.wiki}, not for {self._wiki}.'
            )
            raise self._about(ConfigurationError(message, error='other_wiki'))
        return stored

    def _following(self, authorization: Authorization) -> State:
        """Return the state with a higher generation than any other."""
        known, step = [authorization, self.authorization], _BY_A_PERSON
        try:
            data = self._store.load(*self._key)
            if data is not None:
                known.append(Authorization.deserialize(data))
        except StoreError:
            step = _UNKNOWN
        newest = max(found.generation for found in known)
        return State(
            authorization._replace(generation=newest + step), self._save_at
        )

    def _replace_stored(self, authorization: Authorization) -> None:
        """Store what a person has decided; if that fails, nothing changes."""
        generation = authorization.generation + _BY_A_PERSON
        new = authorization._replace(generation=generation)
        self._store_directly(new.serialize())
        self._set(State(new))

    def _store_directly(self, data: Data) -> None:
        """Store an authorization without reserving space first."""
        self._store.save(*self._key, data)

    def _keep(
        self, state: State, save: Save | None, data: Data | None = None
    ) -> None:
        """Adopt a state that is not saved yet, and store its authorization.

        :param save: stores it, which may fail; None if nothing can
        :param data: the serialized authorization, if it is at hand
        """
        self._set(state)
        if save is None:
            return
        try:
            save(data or state.authorization.serialize())
        except StoreError as error:
            # The pause begins now. Otherwise, the new token would be due, and
            # its refresh token would be used up, at the next request.
            self._set(replace(self.state, save_at=self._save_at))
            self._warn_unsaved(error)
        else:
            self._set(replace(self.state, save_at=None))

    # The state

    @property
    def _save_at(self) -> float:
        """When to try again to store what cannot be stored now."""
        return self.clock() + _SAVE_AGAIN

    def _set(self, state: State) -> None:
        """Replace the state; this is the only place that does."""
        token, header = state.authorization.token, None
        # Without a token, each request asks the store, so that a login in
        # another terminal is noticed.
        due = -math.inf
        if token is not None and state.refusal is None:
            header = token.header
            due = math.inf
            if self.is_automatic and self._is_renewable(state.authorization):
                due = max(token.due, state.not_before)
            if state.save_at is not None:
                due = min(due, state.save_at)
        self.state = replace(state, header=header, due=due)
        _mark(self, is_unsaved=not state.is_saved)

    def _is_renewable(self, authorization: Authorization) -> bool:
        if authorization.ended is not None:
            return False
        if self.client.owner_only:
            return self.client.access_token is None
        token = authorization.token
        return token is not None and token.refresh_token is not None

    # Reports

    def _warn(self, error: OAuth2Error, note: str = '') -> None:
        self._policy.warn(self._about(error), note)

    def _warn_unsaved(self, error: StoreError) -> None:
        note = f'The new token{self.of_user} is only in memory.'
        self._warn(error, note if self.authorization.is_complete else '')

    def _about(self, error: OAuth2Error) -> OAuth2Error:
        """Add the facts about this account to an error."""
        return error.about(self.user, self.client.shown_id, self.wiki)


# The accounts whose token has to be stored before this process ends: it is
# only in memory, or the wiki is being asked for it.
#
# Nobody can be told of a session that the program has dropped, and a web tool
# whose database is out of order may drop many.
_unsaved = weakref.WeakValueDictionary[int, Account]()

if hasattr(os, 'register_at_fork'):
    # The parent process has these tokens, or will have newer ones.
    os.register_at_fork(after_in_child=_unsaved.clear)


def _mark(account: Account, *, is_unsaved: bool) -> None:
    """Record whether a token has to be stored before the process ends."""
    if is_unsaved:
        _unsaved[id(account)] = account
        _store_as_child_ends(os.getpid())
    else:
        _unsaved.pop(id(account), None)


def _marked() -> list[Account]:
    # Unlike the values, this list is made in one step: other threads may run
    # while the process ends.
    found = (reference() for reference in _unsaved.valuerefs())
    return [account for account in found if account is not None]


@functools.cache
def _store_as_child_ends(_process: int) -> None:
    """Store tokens when a multiprocessing child ends: it skips atexit."""
    # The function is missing while another thread imports the module.
    module = sys.modules.get('multiprocessing')
    if getattr(module, 'parent_process', bool)():
        from multiprocessing.util import Finalize

        Finalize(None, store_the_rest, exitpriority=0)


def store_the_rest() -> None:
    """Store, when the process ends, what could not be stored before.

    A script often ends before the next attempt to store a token, and a
    server that is started again takes some seconds.
    """
    end = time.monotonic() + _LAST_SECONDS
    errors: dict[Account, OAuth2Error | None] = {}
    while (accounts := _marked()) and time.monotonic() < end:
        for account in accounts:
            error = errors[account] = account.store_at_exit()
            # As long as tokens can be stored, none is given up.
            if error is not None and time.monotonic() > end:
                break
        time.sleep(0.5 if _unsaved else 0)
    late = StoreError('There was no time to store it.')
    for account in _marked():
        account.report_loss(errors.get(account) or late)
        _mark(account, is_unsaved=False)
