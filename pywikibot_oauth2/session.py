#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The session: one user's authorization of one client on one wiki."""
from __future__ import annotations

import secrets
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Callable

from pywikibot_oauth2.acting import act
from pywikibot_oauth2.callback import Pending
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ConfigurationError,
    StoreError,
)
from pywikibot_oauth2.forksafe import ForkSafeLock
from pywikibot_oauth2.refusals import client_list
from pywikibot_oauth2.token import Token
from pywikibot_oauth2.wiki import require_safe_transport, script_prefix


if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from pywikibot.site import APISite
    from requests import PreparedRequest

    from pywikibot_oauth2.bearer import Bearer
    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.endpoint import Endpoint


_making_bearers = ForkSafeLock()

#: The version of what :meth:`OAuth2Session.serialize` returns.
VERSION = 1


class OAuth2Session:
    """One user's authorization of one client on one wiki.

    It is first pending: :meth:`authorization_url` says where the user
    has to go, and :meth:`complete` takes the address the user comes back
    with. Then it holds a token, until the user or the wiki ends it.

    As the ``auth`` of a request by the package requests it lets requests to
    its own wiki carry the token, any number of threads at once. The other
    methods are not made for being called by two threads at once.

    :param client: the client that is authorized
    :param wiki: a Pywikibot site or the address of an api.php
    :param user: the account it is for; None if not known yet
    :param user_agent: sent along with requests for tokens; None for the
        one that Pywikibot has without a site
    :param refreshes: whether it refreshes the token by itself when used
        as the auth of a request
    :param asserts_user: whether requests to api.php, when it is used as
        their auth, are to fail rather than to be anonymous (assert=user)
    :param on_change: called with the session after each change of what
        :meth:`serialize` returns, but for a new pending login
    :param clock: returns the seconds since 1970 UTC
    :raises ConfigurationError: wiki is no address of an api.php
    """

    __slots__ = ('_bearer', '_clock', '_pending', 'asserts_user', 'client',
                 'ended', 'on_change', 'prefix', 'refreshes', 'token', 'user',
                 'user_agent')

    def __init__(self, client: OAuth2Client, wiki: APISite | str, *,
                 user: str | None = None, user_agent: str | None = None,
                 refreshes: bool = True, asserts_user: bool = True,
                 on_change: Callable[[OAuth2Session], object] | None = None,
                 clock: Callable[[], float] = time.time) -> None:
        address = wiki if isinstance(wiki, str) else \
            wiki.base_url(wiki.apipath())
        prefix = script_prefix(address)
        if not prefix:
            raise ConfigurationError(
                f'{address!r} is not the address of an api.php.')
        self.client = client
        self.prefix = prefix
        self.user = user
        self.user_agent = user_agent
        self.refreshes = refreshes
        self.asserts_user = asserts_user
        self.on_change = on_change
        self._bearer: Bearer | None = None
        fixed_token = client.fixed_token()
        self.token = None if fixed_token is None else Token(fixed_token)
        #: why the authorization has ended, or None
        self.ended: str | None = None
        self._pending: Pending | None = None
        self._clock = clock

    @property
    def wiki(self) -> str:
        """The address of the api.php of the wiki that authorizes."""
        return f'{self.prefix}/api.php'

    @property
    def is_complete(self) -> bool:
        """Whether there is a token that the wiki has not refused."""
        return self.token is not None and self.ended is None

    def authorization_url(self) -> str:
        """Return the address where the user allows the client to act.

        It stays the same until the authorization is complete.

        :raises ConfigurationError: the wiki's address is not safe
        """
        if self._pending is None:
            self._pending = Pending(secrets.token_urlsafe(24),
                                    self._wire().new_verifier())
        return self._wire().authorization_url(*self._pending)

    @property
    def state(self) -> str | None:
        """The state that the callback has to bring back, if pending."""
        return self._pending.state if self._pending else None

    def complete(self, callback: str) -> None:
        """Take the address that the user was sent back to.

        :param callback: the callback URL, absolute or relative, or its
            query string beginning with a question mark
        :raises AuthorizationError: it says that the user refused, it is
            not the answer to this session's authorization URL, or the
            wiki does not accept what it brings
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: the wiki gave no usable answer; the same
            callback may be tried again
        """
        if self._pending is None:
            raise AuthorizationError(
                'No login is waiting for an answer. Run "pwb login" again.')
        code = self._pending.code_of(callback)
        reply = self._wire().exchange(code, self._pending.verifier)
        token = Token.from_reply(reply, self._clock())
        self._pending = None
        self._take(token)

    def refresh(self) -> None:
        """Renew the token; the wiki revokes the old one at once.

        An owner-only client gets a token of its own each time, beside
        which the older ones stay valid.

        :raises AuthorizationEndedError: the wiki refuses for good, or
            there is nothing to refresh with
        :raises ClientRefusedError: the wiki refuses the client
        :raises ConfigurationError: the client is not owner-only
        :raises EndpointError: the wiki gave no usable answer; the refresh
            token is kept
        """
        with self._kept_still():
            self._refresh()

    def _refresh(self) -> None:
        """Renew the token, while no request of another thread does."""
        old = self.token
        if self.client.fixed_token() is not None:
            raise AuthorizationEndedError(
                f'{self.prefix} does not accept the access token in'
                ' user-config.py. It belongs to another wiki, or it was'
                f' reset: see\n{client_list(self.prefix)}')
        if self.client.owner_only:
            self._take(self._fetch())
        elif old is not None and old.refresh_token is not None:
            reply = self._wire().refresh(old.refresh_token)
            self._take(Token.from_reply(reply, self._clock(), old))
        else:
            raise AuthorizationEndedError('There is no refresh token.')

    @property
    def can_refresh(self) -> bool:
        """Whether there is something to get a new token with."""
        if self.client.owner_only:
            return self.client.fixed_token() is None
        return self.token is not None and self.token.refresh_token is not None

    def _fetch(self) -> Token:
        """Return a token for the owner of the client."""
        wire = self._wire()
        token = Token.from_reply(wire.fetch(), self._clock())
        profile = wire.profile(token.header) or {}
        # From MediaWiki 1.47 on any other client gets an anonymous token.
        if profile.get('username') is None:
            raise ConfigurationError(
                f'The client {self.client.client_id} is not registered for'
                f' use by its owner only on {self.prefix}: with the token it'
                ' gets, edits would be anonymous. Take owner_only=True out'
                ' of user-config.py and run "pwb login".')
        if self.user is not None and profile['username'] != self.user:
            raise ConfigurationError(
                f'The owner of the client {self.client.client_id} is'
                f' {profile["username"]}, but user-config.py says'
                f' {self.user}. Correct usernames[…] there.')
        return token

    def profile(self, header: str | None = None) -> dict[str, object] | None:
        """Ask the wiki who the user is, and what the client may do.

        :param header: the Authorization header of the token to ask about,
            in place of the present one
        :return: among others username, groups, rights and grants; None
            if the wiki does not accept the token
        :raises EndpointError: the wiki gave no usable answer
        """
        if header is None and self.token is not None:
            header = self.token.header
        return None if header is None else self._wire().profile(header)

    def serialize(self) -> dict[str, object]:
        """Return the session as a JSON-able dict.

        It holds tokens and, if pending, the code verifier: keep it as
        you would keep a password. The client's secret is not in it.
        """
        pending = self._pending and self._pending.serialize()
        return {'version': VERSION,
                'client_id': self.client.client_id,
                'wiki': self.wiki,
                'user': self.user,
                'token': self.token and self.token.serialize(),
                'ended': self.ended,
                'pending': pending}

    @classmethod
    def deserialize(cls, data: Mapping[str, object], client: OAuth2Client, *,
                    user_agent: str | None = None,
                    refreshes: bool = True, asserts_user: bool = True,
                    on_change: Callable[[OAuth2Session], object] | None = None,
                    clock: Callable[[], float] = time.time) -> OAuth2Session:
        """Make a session of what :meth:`serialize` returned.

        The parameters not named here are those of the class.

        :param data: what :meth:`serialize` returned
        :param client: the client, with its secret
        :raises StoreError: it is no such dict, is of a future version or
            belongs to another client
        """
        if not isinstance(data, dict) or data.get('version') != VERSION:
            raise StoreError(
                'it is not a session of a version that this release knows')
        if data.get('client_id') != client.client_id:
            raise StoreError('it belongs to another client')
        wiki, user, token = (data.get(key) for key in
                             ('wiki', 'user', 'token'))
        if not (isinstance(wiki, str) and script_prefix(wiki)
                and (user is None or isinstance(user, str))
                and (token is None or isinstance(token, dict))):
            raise StoreError('a field of the session in it is damaged')
        session = cls(client, wiki, user=user, user_agent=user_agent,
                      refreshes=refreshes, asserts_user=asserts_user,
                      on_change=on_change, clock=clock)
        if token is not None:
            session.token = Token.deserialize(token)
        ended = data.get('ended')
        session.ended = None if ended is None else str(ended) or 'unknown'
        session._pending = Pending.deserialize(data.get('pending'))
        return session

    def end(self, reason: str) -> None:
        """Note that the wiki does not accept the authorization any more.

        :param reason: why, in words
        """
        self.ended = reason
        self._changed()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request, if it goes to the session's own wiki.

        :return: the same request
        :raises AuthorizationEndedError: nobody has authorized the session
            yet, or the authorization has ended
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: the token has expired and could not be
            renewed
        """
        url = request.url or ''
        if script_prefix(url) != self.prefix:
            return request
        if self.asserts_user and url.partition('?')[0] == self.wiki:
            # MediaWiki takes parameters from the address of a POST, too;
            # those in its body have precedence.
            request.prepare_url(url, {'assert': 'user'})
        return self.authenticate(request)

    def authenticate(self, request: PreparedRequest) -> PreparedRequest:
        """Let a request carry the token, wherever it goes.

        :return: the same request
        :raises ConfigurationError: the wiki is not reached by https
        :raises OAuth2Error: as when the session is called
        """
        if self._bearer is None:
            # Two of them would refresh beside each other.
            with _making_bearers:
                self._bearer = self._bearer or self._new_bearer()
        return self._bearer.authenticate(request)

    def use(self) -> AbstractContextManager[OAuth2Session]:
        """Return a context in which Pywikibot acts for this session.

        That holds for the current thread or task and nowhere else; a new
        thread begins without. Get the site by pywikibot.Site(…, user=…)
        within, with the name of the session's user.

        :raises ConfigurationError: when entered, if user-config.py has
            another kind of authentication for the wiki
        """
        return act(self)

    def _kept_still(self) -> AbstractContextManager[None]:
        """Return what keeps requests of other threads from renewing."""
        return nullcontext() if self._bearer is None \
            else self._bearer.renewal.lock

    def _new_bearer(self) -> Bearer:
        from pywikibot_oauth2.bearer import Bearer
        from pywikibot_oauth2.renewal import Renewal

        require_safe_transport(self.prefix)
        return Bearer(Renewal.of_session(self, self._clock), self._clock)

    def _take(self, token: Token) -> None:
        """Use a token from now on."""
        self.token = token
        self.ended = None
        self._changed()

    def _changed(self) -> None:
        if self._bearer is not None:
            self._bearer.renewal.publish()
        if self.on_change is not None:
            self.on_change(self)

    def _wire(self) -> Endpoint:
        # Loads requests-oauthlib, which user-config.py must not.
        from pywikibot_oauth2.endpoint import Endpoint

        return Endpoint(self.prefix, self.client, self.user_agent)

    def __repr__(self) -> str:
        status = ('complete' if self.is_complete else
                  'ended' if self.ended else
                  'pending' if self._pending else 'new')
        return (f'<{type(self).__name__} of {self.user!r} on {self.prefix},'
                f' client {self.client.client_id}, {status}>')
