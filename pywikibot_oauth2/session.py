"""The session: one user's authorization, for programs."""

from __future__ import annotations

import contextlib
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import parse_qs

from requests.auth import AuthBase

from pywikibot_oauth2 import host
from pywikibot_oauth2.account import Account, Policy
from pywikibot_oauth2.authorization import Authorization, PendingLogin
from pywikibot_oauth2.bearer import BearerAuth
from pywikibot_oauth2.blocks import Block
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ConfigurationError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.locks import ForkSafeLock
from pywikibot_oauth2.protocol import OAuth2Wiki, parse_callback
from pywikibot_oauth2.stores import MemoryStore
from pywikibot_oauth2.token import Token


if TYPE_CHECKING:
    from pywikibot.site import BaseSite
    from requests import PreparedRequest, Response
    from typing_extensions import Unpack

    class Options(TypedDict, total=False):
        """The options of a session besides its client, wiki and user."""

        user_agent: str | None
        refreshes: bool
        asserts_user: bool
        on_change: Callable[[OAuth2Session], object] | None
        clock: Callable[[], float]


# Shared by all sessions, since it is held for microseconds only.
_begin_lock = ForkSafeLock()


class OAuth2Session(AuthBase):
    """One user's authorization of one client on one wiki.

    At first it is pending: :meth:`authorization_url` returns the address to
    send the user to, and :meth:`complete` takes the address with which the
    user comes back. Then it has a token, until the user or the wiki ends it.

    As the ``auth`` of a request, it adds the token to requests to its own
    wiki. Several threads may call all methods at once.

    A session cannot be copied or pickled, because two copies would use the
    same refresh token; use :meth:`serialize` to move it elsewhere.

    :param client: the client that is authorized
    :param wiki: a Pywikibot site, or the address of an api.php
    :param user: the account that it is for; None if not known yet
    :param user_agent: the User-Agent of :meth:`complete`, :meth:`refresh` and
        :meth:`profile`; None for the one that Pywikibot has without a site
    :param refreshes: whether a request refreshes a token that is due
    :param asserts_user: whether requests to api.php fail rather than be
        anonymous (``assert=user``, unless they have another ``assert``)
    :param on_change: called with the session whenever it has another token
        or has ended, so that the program can store what :meth:`serialize`
        returns. It is called while other threads wait for the session, and
        must not send requests with it. If it raises an exception, a warning
        is logged once, and it is called again at the next change, or at the
        next request after ten seconds, until it succeeds.
    :param clock: returns the seconds since 1970 UTC
    :raises ConfigurationError: wiki is not the address of an api.php
    """

    # A web tool has one for each of its users.
    __slots__ = (
        '_account',
        '_auth',
        '_pending',
        '_user_agent',
        '_wiki',
        'asserts_user',
        'client',
        'on_change',
    )

    def __init__(
        self,
        client: OAuth2Client,
        wiki: BaseSite | str,
        *,
        user: str | None = None,
        user_agent: str | None = None,
        refreshes: bool = True,
        asserts_user: bool = True,
        on_change: Callable[[OAuth2Session], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(wiki, str):
            is_api = wiki.partition('?')[0].endswith('/api.php')
            address = host.wiki_at(wiki) if is_api else None
        else:
            address = host.wiki_of_site(wiki)
        if address is None:
            raise ConfigurationError(
                f'{wiki!r} is not the address of an api.php.'
            )
        self.client = client
        self.asserts_user = asserts_user
        self.on_change = on_change
        # Many sessions have the same wiki.
        self._wiki = sys.intern(address)
        self._user_agent = user_agent
        self._pending: PendingLogin | None = None
        program = _Program(self)
        self._account = Account(
            client,
            program,
            user,
            self._wiki,
            policy=program,
            clock=clock,
            is_automatic=refreshes,
        )
        self._auth = BearerAuth(self._account)

    @property
    def wiki(self) -> str:
        """The address of the api.php of the wiki."""
        return f'{self._wiki}/api.php'

    @property
    def user(self) -> str | None:
        """The account; None if it is not known yet."""
        return self._account.user

    @user.setter
    def user(self, name: str) -> None:
        self._account.identify(name)

    @property
    def token(self) -> Token | None:
        """The token, or None."""
        return self._account.authorization.token

    @property
    def ended(self) -> str | None:
        """Why the authorization has ended, or None."""
        return self._account.authorization.ended

    @property
    def is_complete(self) -> bool:
        """Whether there is a token that the wiki has not refused."""
        return self._account.authorization.is_complete

    @property
    def state(self) -> str | None:
        """The state that the callback must contain, if pending."""
        return self._pending.state if self._pending else None

    def authorization_url(self, locale: str | None = None) -> str:
        """Return the address where the user allows the client to act.

        It stays the same until the authorization is complete.

        :param locale: the language of the page, such as ``de``
        :raises ConfigurationError: the wiki is not reached by https
        """
        endpoints = self._endpoints()
        with _begin_lock.held:
            pending = self._pending = self._pending or endpoints.begin()
        return endpoints.authorization_url(pending, locale)

    def complete(self, callback: str) -> None:
        """Complete the login with the address the user was sent back to.

        :param callback: the callback URL, absolute or relative, or its
            query string beginning with a question mark
        :raises AuthorizationError: the user refused, the address does not
            belong to this session's authorization URL, or the wiki does
            not accept the code in it
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: the wiki is not reached by https
        :raises EndpointError: the wiki gave no usable answer; the same
            callback may be tried again
        """
        pending = self._pending
        if pending is None:
            raise AuthorizationError(
                'No login is pending.', wiki=self._wiki, error='not_pending'
            )
        try:
            code = parse_callback(callback, pending)
        except AuthorizationError as error:
            facts = self.user, self.client.shown_id, self._wiki
            raise error.about(*facts) from None
        finally:
            # Tools that show variables would show the code in it.
            del callback
        token = self._endpoints().exchange(pending, code)
        self._pending = None
        self._account.adopt(
            Authorization(self.client.client_id, self._wiki, self.user, token)
        )

    def refresh(self) -> None:
        """Renew the token; the wiki revokes the old one at once.

        An owner-only client gets another token each time, and older ones
        stay valid.

        :raises AuthorizationEndedError: the wiki refuses for good, or
            there is nothing to refresh with
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: the client is not owner-only or not the
            user's, a fork copied the session, or the wiki has no https
        :raises EndpointError: the wiki gave no usable answer; the refresh
            token is kept
        """
        reason: str | None = 'There is nothing to refresh the token with.'
        if self._account.can_renew:
            before = self._account.state.header
            self._account.refresh(self._user_agent)
            self._auth.notice_renewal(before)
            reason = self.ended
        if reason is not None:
            raise AuthorizationEndedError(
                reason, wiki=self._wiki, account=self.user
            )

    def profile(self) -> dict[str, object] | None:
        """Ask the wiki who the user is and what the client may do.

        The token is renewed if necessary, as for any other request.

        :return: the profile with username, groups, rights and grants, among
            others; None if there is no token or the wiki does not accept it
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: as :meth:`refresh`
        :raises EndpointError: the wiki gave no usable answer
        """
        account, refused = self._account, None
        for _ in range(2):
            before = account.state.header
            header = account.header(self._user_agent, refused=refused)
            self._auth.notice_renewal(before)
            if header in (None, refused):
                break
            found = self._endpoints().profile(header)
            if found is not None or not account.is_automatic:
                return found
            refused = header
        error = account.state.error()
        if error is not None:
            raise error
        return None

    def serialize(self) -> dict[str, object]:
        """Return the session as a JSON-serializable dict.

        It holds the tokens or, while pending, the code verifier: keep it
        as you would keep a password. The client secret is not in it.
        """
        return {
            **self._account.authorization.serialize(),
            'pending': self._pending and self._pending._asdict(),
        }

    @classmethod
    def deserialize(
        cls,
        data: Mapping[str, object],
        client: OAuth2Client,
        **options: Unpack[Options],
    ) -> OAuth2Session:
        """Create a session from what :meth:`serialize` returned.

        :param data: the serialized session
        :param client: the client, with its secret
        :param options: user_agent, refreshes, asserts_user, on_change and
            clock, as for the class
        :raises StoreError: it is not such a dict, is from a newer release
            or belongs to another client
        """
        session, pending, reason = None, None, 'it belongs to another client'
        try:
            found = Authorization.deserialize(data)
            pending = PendingLogin.deserialize(data.get('pending'))
            if found.client_id == client.client_id:
                session = cls(client, f'{found.wiki}/api.php', **options)
        except (ConfigurationError, StoreError) as error:
            reason = str(error).rstrip('.')
        # Tools that show variables would show the tokens in it.
        del data
        if session is None:
            raise StoreError(f'The session is unusable: {reason}.')
        session._pending = pending
        session._account.resume(found)
        return session

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request, if it goes to the session's own wiki.

        :return: the same request
        :raises AuthorizationEndedError: the session is not authorized yet,
            or the authorization has ended
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: as :meth:`refresh`
        :raises EndpointError: the token has expired and could not be
            renewed
        """
        url = request.url or ''
        if host.wiki_of(url) != self._wiki:
            return request
        host.require_safe_transport(self._wiki)
        path, _, query = url.partition('?')
        if (
            self.asserts_user
            and path.endswith('/api.php')
            and 'assert' not in parse_qs(query)
        ):
            # MediaWiki also takes parameters from the address of a POST;
            # those in its body take precedence.
            request.prepare_url(url, {'assert': 'user'})
        request.hooks['response'].append(self._remain)
        return self._auth(request)

    def _remain(self, response: Response, **_options: object) -> None:
        """Do nothing: as a hook, this method keeps the session alive.

        Otherwise, on_change could not be called when a request that outlives
        all other references, such as a prepared one, renews the token.
        """

    @contextlib.contextmanager
    def use(self) -> Iterator[OAuth2Session]:
        """Let Pywikibot act for this session within a ``with`` block.

        This applies to the current thread or task, and to tasks started
        within the block; a new thread must enter its own block. Create the
        site within the block, with ``pywikibot.Site(…, user=…)`` and the
        name of the session's user. Do not hold the block across a
        ``yield``.

        :raises ConfigurationError: when entered, if the wiki has no https,
            ``authenticate`` has something else for it or a block of another
            user is open here; when left, if blocks are left out of order
        """
        host.require_safe_transport(self._wiki)
        host.install_login_manager()
        with Block(self._auth, self._wiki):
            yield self

    def __reduce__(self) -> str:
        raise TypeError(
            'An OAuth2Session cannot be pickled or copied: two copies would'
            ' use the same refresh token. Use serialize() and deserialize().'
        )

    def _endpoints(self) -> OAuth2Wiki:
        return OAuth2Wiki(
            self.client, self._wiki, self._user_agent, self._account.clock
        )

    def __repr__(self) -> str:
        status = 'pending' if self._pending else 'new'
        if self.is_complete or self.ended:
            status = 'ended' if self.ended else 'complete'
        return (
            f'<{type(self).__name__} of {self.user!r} on {self._wiki},'
            f' client {self.client.shown_id}, {status}>'
        )


class _Program(MemoryStore, Policy):
    """Lets the program store the session, and reports what goes wrong."""

    __slots__ = ('_reported', '_session')

    def __init__(self, session: OAuth2Session) -> None:
        self._session = weakref.ref(session)
        self._reported: str | None = None

    def save(
        self, account: str, client_id: str, authorization: Mapping[str, object]
    ) -> None:
        """Call on_change.

        :raises StoreError: it raised an exception
        """
        session = self._session()
        if session is None or session.on_change is None:
            return
        try:
            session.on_change(session)
        except Exception as error:
            raise StoreError(
                f'on_change of {session!r} raised {type(error).__name__}.'
                ' It will be called again.'
            ) from error
        self._reported = None

    def warn(self, error: OAuth2Error, note: str = '') -> None:
        """Log an error; if on_change keeps failing, log that only once."""
        if isinstance(error, StoreError):
            before, self._reported = self._reported, f'{error} {note}'
            if before == self._reported:
                return
        super().warn(error, note)
