#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What user-config.py puts into authenticate, called for every request."""
from __future__ import annotations

import atexit
import sys
import time
import weakref
from typing import TYPE_CHECKING, Callable

from requests.auth import AuthBase

from pywikibot_oauth2 import acting, configuration, credentials
from pywikibot_oauth2.bearer import Bearer
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.forksafe import ForkSafeLock
from pywikibot_oauth2.renewal import Renewal
from pywikibot_oauth2.session import OAuth2Session
from pywikibot_oauth2.store import MEMORY
from pywikibot_oauth2.wiki import (
    known_site,
    require_safe_transport,
    script_prefix,
)


if TYPE_CHECKING:
    from requests import PreparedRequest

    from pywikibot_oauth2.store import Store



class OAuth2Auth(AuthBase):
    """Lets Pywikibot's requests to some hosts run under OAuth 2.0.

    To be put into ``authenticate`` in user-config.py, once or for several
    hosts that share the authorization; see the README.

    :param client_id: the client ID that the wiki gave at registration
    :param client_secret: the client secret; None for a public client
    :param oauth1: nothing; who gives the values of OAuth 1.0a is told so
    :param redirect_uri: the callback URL, exactly as registered
    :param owner_only: whether the client is registered for its owner only
    :param access_token: the access token of an owner-only client, which is
        then all that is needed
    :param login_timeout: seconds that ``pwb login`` waits for the browser
    :param store: where tokens are kept; by default in a file next to
        Pywikibot's cookies
    :param clock: returns the seconds since 1970 UTC; for tests
    :raises ConfigurationError: a value cannot be what it should be
    """

    #: Held during a login: one terminal takes one question at a time.
    login_lock = ForkSafeLock()

    def __init__(self, client_id: str | None = None,
                 client_secret: str | None = None, *oauth1: str,
                 redirect_uri: str | None = None,
                 owner_only: bool = False,
                 access_token: str | None = None,
                 login_timeout: float = 300,
                 store: Store | None = None,
                 clock: Callable[[], float] = time.time) -> None:
        if oauth1 or (isinstance(client_id, (tuple, list))
                      and len(client_id) == 4):
            raise ConfigurationError(
                'These are the values of OAuth 1.0a: consumer key and secret,'
                ' access key and secret. OAuth 2.0 has others: register a'
                ' client of OAuth 2.0 at Special:OAuthConsumerRegistration,'
                ' and give its client ID and client secret to OAuth2Auth.')
        self.client = OAuth2Client(
            client_id, client_secret, redirect_uri=redirect_uri,
            owner_only=owner_only, access_token=access_token)
        self.login_timeout = login_timeout
        if access_token is not None:
            store = MEMORY
        self.store = FileStore() if store is None else store
        self.clock = clock
        self._bearers: dict[str, Bearer] = {}
        self._routes: dict[str, Bearer] = {}
        self._off: set[str] = set()
        self._route_lock = ForkSafeLock()
        self._is_checked = False
        atexit.register(_tell_if_unused, weakref.ref(self))

    @classmethod
    def from_environment(cls, *, redirect_uri: str | None = None,
                         owner_only: bool = False,
                         login_timeout: float = 300,
                         store: Store | None = None) -> OAuth2Auth:
        """Take the credentials from environment variables.

        They are PYWIKIBOT_OAUTH2_CLIENT_ID, PYWIKIBOT_OAUTH2_CLIENT_SECRET
        and PYWIKIBOT_OAUTH2_ACCESS_TOKEN. The parameters are those of the
        class.

        :raises ConfigurationError: none is set
        """
        found = credentials.from_environment()
        return cls(found.client_id, found.client_secret,
                   access_token=found.access_token,
                   redirect_uri=redirect_uri, owner_only=owner_only,
                   login_timeout=login_timeout, store=store)

    @classmethod
    def from_file(cls, name: str, *, redirect_uri: str | None = None,
                  owner_only: bool = False, login_timeout: float = 300,
                  store: Store | None = None) -> OAuth2Auth:
        """Take the credentials from a JSON file of mode 0600.

        It holds client_id, client_secret or access_token. The other
        parameters are those of the class.

        :param name: the path; a relative one begins at the folder of
            user-config.py
        :raises ConfigurationError: there is no such file, others can read
            it, or it holds something else
        """
        found = credentials.from_file(name)
        return cls(found.client_id, found.client_secret,
                   access_token=found.access_token,
                   redirect_uri=redirect_uri, owner_only=owner_only,
                   login_timeout=login_timeout, store=store)

    def __len__(self) -> int:
        """Return 2: then Pywikibot hands the object to requests as it is.

        With 4 it would take it for OAuth 1 and make each request a POST;
        other lengths it refuses.
        """
        return 2

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request to api.php or rest.php of a wiki.

        :raises ConfigurationError: the wiki is not reached by https
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: the token has expired and could not be
            renewed
        :raises StoreError: what is stored cannot be read
        """
        # Written for speed: this runs for every request.
        bearer = self._routes.get((request.url or '').partition('?')[0])
        if bearer is None or acting.variable is not None:
            return self._authenticate(request)
        return bearer.authenticate(request)

    def _authenticate(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request that takes more than a look-up."""
        url = request.url or ''
        session = acting.acting_session()
        if session is not None and self._is_for(session, url):
            require_safe_transport(script_prefix(url) or '')
            return session.authenticate(request)
        bearer = self._find_account(url)
        if bearer is not None and session is None \
                and acting.variable is not None:
            acting.refuse_without_session()
        return request if bearer is None else bearer.authenticate(request)

    def account(self, username: str) -> Renewal:
        """Return what keeps the token of an account."""
        with self._route_lock:
            if username not in self._bearers:
                self._bearers[username] = Bearer(
                    Renewal(self.client, username, self.store, self.clock),
                    self.clock)
            return self._bearers[username].renewal

    def use(self, prefix: str, username: str | None) -> None:
        """Let requests to a wiki run under an account from now on.

        :param prefix: the address of the wiki's folder of scripts
        :param username: None switches OAuth 2.0 off for the wiki
        :raises ConfigurationError: the wiki is not reached by https
        """
        with self._route_lock:
            if username is None:
                self._off.add(prefix)
                self._routes.pop(f'{prefix}/api.php', None)
                return
            require_safe_transport(prefix)
            renewal = self.account(username)
            if self.client.owner_only and renewal.session is None:
                renewal.begin(OAuth2Session(
                    self.client, f'{prefix}/api.php', user=username,
                    clock=self.clock))
            self._routes[f'{prefix}/api.php'] = self._bearers[username]
            self._off.discard(prefix)

    def _find_account(self, url: str) -> Bearer | None:
        """Return the account of a request that is not to api.php as before.

        :return: None if the request is not to be touched
        """
        prefix = script_prefix(url)
        if prefix is None or prefix in self._off:
            return None
        bearer = self._routes.get(f'{prefix}/api.php')
        if bearer is None and self._is_configured(url):
            require_safe_transport(prefix)
            if not self._is_checked:
                configuration.check_pywikibot()
                configuration.check(self)
                self._is_checked = True
            # Pywikibot is complete by now, and no login can come before
            # a request.
            from pywikibot_oauth2.login import install_login_manager

            install_login_manager()
            site = known_site(prefix)
            if site is not None and site.username is not None:
                self.use(prefix, site.username)
                bearer = self._routes[f'{prefix}/api.php']
        return bearer

    def _is_for(self, session: OAuth2Session, url: str) -> bool:
        """Return whether a request belongs to the acting session.

        The wikis of a farm accept the tokens of one client.
        """
        prefix = script_prefix(url)
        return prefix is not None and (
            prefix == session.prefix
            or session.client.is_one_with(self.client))

    def _is_configured(self, url: str) -> bool:
        """Return whether authenticate names this object for an address."""
        http = sys.modules.get('pywikibot.comms.http')
        if http is None:
            return False
        configured: object = http.get_authentication(url)
        return configured is self

    def __repr__(self) -> str:
        return (f'{type(self).__name__}({self.client.client_id!r},'
                f' redirect_uri={self.client.redirect_uri!r})')


def _tell_if_unused(reference: weakref.ref[OAuth2Auth]) -> None:
    """Say so, when Python ends, if no request could ever be authenticated.

    A host that is misspelt is asked for by no request, so there is no
    other moment at which it would be noticed.
    """
    auth = reference()
    http = sys.modules.get('pywikibot.comms.http')
    # The cookie jar has a file as soon as there was a site.
    if auth is not None and http and http.cookie_jar.filename:
        configuration.warn_of_useless_hosts(auth)
