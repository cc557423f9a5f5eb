#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What user-config.py puts into authenticate, called for every request."""
from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Callable

from requests.auth import AuthBase

from pywikibot_oauth2 import acting
from pywikibot_oauth2.bearer import Bearer
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.forksafe import ForkSafeLock
from pywikibot_oauth2.renewal import Renewal
from pywikibot_oauth2.wiki import (
    known_site,
    require_safe_transport,
    script_prefix,
)


if TYPE_CHECKING:
    from requests import PreparedRequest

    from pywikibot_oauth2.session import OAuth2Session
    from pywikibot_oauth2.store import Store



class OAuth2Auth(AuthBase):
    """Lets Pywikibot's requests to some hosts run under OAuth 2.0.

    To be put into ``authenticate`` in user-config.py, once or for several
    hosts that share the authorization; see the README.

    :param client_id: the client ID that the wiki gave at registration
    :param client_secret: the client secret; None for a public client
    :param redirect_uri: the callback URL, exactly as registered
    :param login_timeout: seconds that ``pwb login`` waits for the browser
    :param store: where tokens are kept; by default in a file next to
        Pywikibot's cookies
    :param clock: returns the seconds since 1970 UTC; for tests
    :raises ConfigurationError: a value cannot be what it should be
    """

    def __init__(self, client_id: str, client_secret: str | None = None, *,
                 redirect_uri: str | None = None,
                 login_timeout: float = 300,
                 store: Store | None = None,
                 clock: Callable[[], float] = time.time) -> None:
        self.client = OAuth2Client(client_id, client_secret,
                                   redirect_uri=redirect_uri)
        self.login_timeout = login_timeout
        self.store = FileStore() if store is None else store
        self.clock = clock
        self.login_lock = ForkSafeLock()
        self._accounts: dict[str, Bearer] = {}
        self._routes: dict[str, Bearer] = {}
        self._off: set[str] = set()
        self._route_lock = ForkSafeLock()

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
            return session.authenticate(request)
        bearer = self._find_account(url)
        return request if bearer is None else bearer.authenticate(request)

    def account(self, username: str) -> Renewal:
        """Return what keeps the token of an account."""
        with self._route_lock:
            if username not in self._accounts:
                self._accounts[username] = Bearer(
                    Renewal(self.client, username, self.store, self.clock),
                    self.clock)
            return self._accounts[username].renewal

    def use(self, prefix: str, username: str | None) -> None:
        """Let requests to a wiki run under an account from now on.

        :param prefix: the address of the wiki's folder of scripts
        :param username: None switches OAuth 2.0 off for the wiki
        """
        with self._route_lock:
            if username is None:
                self._off.add(prefix)
                self._routes.pop(f'{prefix}/api.php', None)
            else:
                self.account(username)
                self._routes[f'{prefix}/api.php'] = self._accounts[username]
                self._off.discard(prefix)

    def _find_account(self, url: str) -> Bearer | None:
        """Return the account of a request that is not to api.php as before.

        :return: None if the request is not to be touched
        """
        prefix = script_prefix(url)
        if prefix is None:
            return None
        if prefix in self._off:
            return None
        account = self._routes.get(f'{prefix}/api.php')
        if account is None and self._is_configured(url):
            require_safe_transport(prefix)
            # Pywikibot is complete by now, and no login can come before
            # a request.
            from pywikibot_oauth2.login import install_login_manager

            install_login_manager()
            site = known_site(prefix)
            if site is not None and site.username is not None:
                self.use(prefix, site.username)
                account = self._routes[f'{prefix}/api.php']
        return account

    def _is_for(self, session: OAuth2Session, url: str) -> bool:
        """Return whether a request belongs to the acting session.

        The wikis of a farm accept the tokens of one client.
        """
        prefix = script_prefix(url)
        return prefix is not None and (
            prefix == session.prefix
            or session.client.client_id == self.client.client_id)

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
