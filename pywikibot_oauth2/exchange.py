#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""How a token request is sent: as Pywikibot would, and unseen."""
from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

import requests_oauthlib
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from requests.adapters import HTTPAdapter

from pywikibot_oauth2.wiki import transport


if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from pywikibot_oauth2.client import OAuth2Client


class Exchange(requests_oauthlib.OAuth2Session):
    """One exchange: no cookies, no stored passwords, no redirects.

    :param prefix: the address of the wiki's folder of scripts
    :param client: the client that speaks
    :param user_agent: the User-Agent header; None for Pywikibot's
    """

    def __init__(self, prefix: str, client: OAuth2Client,
                 user_agent: str | None) -> None:
        super().__init__(client=WebApplicationClient(client.client_id),
                         redirect_uri=client.redirect_uri)
        how = transport(prefix)
        self.timeout = how.timeout
        self.verify = how.verify
        self.cert = how.cert
        self.proxies.update(how.proxies)
        #: What fetch_token and refresh_token send in place of their own.
        self.own_headers = {'Accept': 'application/json',
                            'User-Agent': user_agent or how.user_agent}
        if prefix.startswith('http://'):
            self.mount('https://', _PlainAdapter())
            # Proxies from the environment are not for this machine.
            self.trust_env = False

    def switch_to_owner(self) -> None:
        """Speak as a client that needs no authorization code."""
        self._client = BackendApplicationClient(str(self.client_id))
        self.redirect_uri = None

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect: what is sent is meant for one host."""

    def request(self, method: str, url: str,  # type: ignore[override]
                **kwargs: object) -> requests.Response:
        """Send a request as Pywikibot would.

        fetch_token knows no time-out, and of the certificate settings of
        a session requests lets the environment override False.
        """
        if kwargs.get('timeout') is None:
            kwargs['timeout'] = self.timeout
        if kwargs.get('verify') is None:
            kwargs['verify'] = self.verify
        response = super().request(
            method, url, **kwargs)  # type: ignore[arg-type]
        # JSON is UTF-8; requests-oauthlib decodes by what the server says.
        response.encoding = 'utf-8'
        return response


class _PlainAdapter(HTTPAdapter):
    """Speaks http to a wiki on this machine."""

    def send(self, request: requests.PreparedRequest,  # type: ignore[override]
             **kwargs: object) -> requests.Response:
        request.url = f'http://{(request.url or "").partition("://")[2]}'
        return super().send(request, **kwargs)  # type: ignore[arg-type]


_exchanging = threading.local()


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Keep requests-oauthlib from logging what is said meanwhile.

    On level DEBUG it logs the bodies of requests and answers whole, with
    the client secret and all tokens in them.
    """
    _exchanging.now = True
    try:
        yield
    finally:
        _exchanging.now = False


logging.getLogger('requests_oauthlib.oauth2_session').addFilter(
    lambda _record: not getattr(_exchanging, 'now', False))
