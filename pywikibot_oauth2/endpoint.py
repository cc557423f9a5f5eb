#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The wire: what is said to a wiki's OAuth 2.0 endpoints."""
from __future__ import annotations

import contextlib
import io
import json
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable

import requests
from oauthlib.oauth2 import OAuth2Error as ProtocolError
from oauthlib.oauth2 import WebApplicationClient
from urllib3.exceptions import HTTPError

from pywikibot_oauth2 import refusals
from pywikibot_oauth2.errors import EndpointError, OAuth2Error
from pywikibot_oauth2.exchange import Exchange, unlogged
from pywikibot_oauth2.token import seconds
from pywikibot_oauth2.wiki import require_safe_transport


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywikibot_oauth2.client import OAuth2Client

    Refusal = Callable[[str, OAuth2Client, Mapping[str, object]],
                       OAuth2Error]


class Endpoint:
    """The OAuth 2.0 endpoints of one wiki, as one client uses them.

    They lie below rest.php: authorize, access_token and
    resource/profile. There is none to revoke a token.

    :param prefix: the address of the wiki's folder of scripts
    :param client: the client that speaks
    :param user_agent: the User-Agent header; None for Pywikibot's
    :raises ConfigurationError: the address is not safe to send secrets to
    """

    def __init__(self, prefix: str, client: OAuth2Client,
                 user_agent: str | None = None) -> None:
        require_safe_transport(prefix)
        self.prefix = prefix
        self.user_agent = user_agent
        self.client = client
        self._protocol = WebApplicationClient(client.client_id)

    def new_verifier(self) -> str:
        """Return a fresh PKCE code verifier of 64 characters."""
        verifier: str = self._protocol.create_code_verifier(64)
        return verifier

    def authorization_url(self, state: str, verifier: str) -> str:
        """Return the address where the user says yes or no."""
        challenge = self._protocol.create_code_challenge(verifier, 'S256')
        url: str = self._protocol.prepare_request_uri(
            self._oauthlib_address('authorize'),
            redirect_uri=self.client.redirect_uri, state=state,
            code_challenge=challenge, code_challenge_method='S256')
        return self._real_address(url)

    def exchange(self, code: str, verifier: str) -> dict[str, object]:
        """Exchange an authorization code for tokens.

        :return: the decoded answer
        :raises AuthorizationError: the wiki refuses the code
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came
        """
        secret = self.client.credentials().get('client_secret')
        with self._session(refusals.of_code) as session:
            return dict(session.fetch_token(
                self._oauthlib_address('access_token'), code=code,
                include_client_id=True, client_secret=secret,
                code_verifier=verifier, headers=session.own_headers))

    def refresh(self, refresh_token: str) -> dict[str, object]:
        """Exchange a refresh token for new tokens.

        The wiki revokes the old access token at once.

        :return: the decoded answer
        :raises AuthorizationEndedError: the refresh token is refused
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came
        """
        with self._session(refusals.of_refresh_token) as session:
            session.auto_refresh_kwargs = self.client.credentials()
            return dict(session.refresh_token(
                self._oauthlib_address('access_token'),
                refresh_token=refresh_token, headers=session.own_headers))

    def fetch(self) -> dict[str, object]:
        """Get a token for the owner of an owner-only client.

        :return: the decoded answer, without a refresh token (recorded)
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came
        """
        client = self.client
        with self._session(refusals.of_owner) as session:
            session.switch_to_owner()
            return dict(session.fetch_token(
                self._oauthlib_address('access_token'),
                include_client_id=True, headers=session.own_headers,
                client_secret=client.credentials().get('client_secret')))

    def profile(self, header: str) -> dict[str, object] | None:
        """Ask the wiki whose token it is, and with which grants.

        :param header: the value of the Authorization header
        :return: the profile, or None if the token is not accepted
        :raises EndpointError: no usable answer came
        """
        with self._session(refusals.of_code) as session:
            response = session.request(
                'GET', self._oauthlib_address('resource/profile'),
                headers={**session.own_headers, 'Authorization': header})
            # 401, error access_denied (recorded), or the gateway's 401.
            if response.status_code == HTTPStatus.UNAUTHORIZED:
                return None
            return self._decode(response, refusals.of_code)

    @contextlib.contextmanager
    def _session(self, refusal: Refusal) -> Iterator[Exchange]:
        """Give a session for one exchange, and translate its errors."""
        session = Exchange(self.prefix, self.client, self.user_agent)

        def check(response: requests.Response) -> requests.Response:
            return _parsable(self._decode(response, refusal))

        for hook in ('access_token_response', 'refresh_token_response'):
            session.register_compliance_hook(hook, check)
        try:
            with session, unlogged():
                yield session
        except (requests.RequestException, HTTPError, UnicodeError) as error:
            # The latter two come of host names that cannot be.
            raise EndpointError(
                f'{self.prefix}: {_reason(error)}') from None
        except ProtocolError as error:
            raise EndpointError(
                f'{self.prefix}: {error.description}') from None

    def _decode(self, response: requests.Response,
                refusal: Refusal) -> dict[str, object]:
        """Return the JSON object of an answer, or raise what it means."""
        status = response.status_code
        where = f'{self.prefix}: HTTP status {status}'
        if status >= 500 or status == 429:
            raise EndpointError(where, _retry_after(response))
        if 300 <= status < 400:
            raise EndpointError(f'{where}: a redirect, which is not followed')
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise EndpointError(f'{where}: an answer that is no JSON object')
        if isinstance(body.get('error'), str):
            raise refusal(self.prefix, self.client, body)
        if not response.ok:
            raise EndpointError(where)
        return body

    def _oauthlib_address(self, name: str) -> str:
        """Return an endpoint's address with the scheme https.

        oauthlib refuses any other, even for this machine, unless an
        environment variable says otherwise. The safety was checked when
        this object was made; the adapter of :class:`Exchange` undoes it.
        """
        host = self.prefix.partition('://')[2]
        return f'https://{host}/rest.php/oauth2/{name}'

    def _real_address(self, url: str) -> str:
        scheme = self.prefix.partition('://')[0]
        return f'{scheme}://{url.partition("://")[2]}'


def _parsable(body: dict[str, object]) -> requests.Response:
    """Return a checked answer in a form that oauthlib can parse.

    oauthlib raises ValueError on an expiry that is no number. The refresh
    token beside it may be the only one left, so it must not get lost.
    """
    kept: dict[str, object] = {
            key: body[key]
            for key in ('access_token', 'refresh_token', 'token_type')
            if key in body}
    lifetime = seconds(body.get('expires_in'))
    if lifetime is not None:
        kept['expires_in'] = lifetime
    response = requests.Response()
    response.status_code = 200
    response.encoding = 'utf-8'
    response.raw = io.BytesIO(json.dumps(kept).encode())
    return response


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that Retry-After asks to wait (RFC 9110)."""
    value = response.headers.get('Retry-After', '')
    wait = seconds(value)
    if wait is None and value:
        try:
            wait = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            wait = None
    return wait if wait is not None and wait > 0 else None


def _reason(error: Exception) -> str:
    """Return the innermost cause of a failed request, in one line."""
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, 'reason', cause)
    return f'{type(error).__name__}: {" ".join(str(cause).split())[:300]}'
