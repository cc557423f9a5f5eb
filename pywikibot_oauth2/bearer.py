#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The token of a request, and what to do with the answer to it."""
from __future__ import annotations

import re
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Callable

from requests.cookies import (
    RequestsCookieJar,
    extract_cookies_to_jar,
    get_cookie_header,
)


if TYPE_CHECKING:
    from typing import TypedDict

    from requests import PreparedRequest, Response
    from requests.structures import CaseInsensitiveDict
    from typing_extensions import Unpack

    from pywikibot_oauth2.renewal import Renewal
    from pywikibot_oauth2.session import OAuth2Session

    class SendOptions(TypedDict, total=False):
        """What requests hands to a response hook, and an adapter takes."""

        stream: bool
        timeout: float | tuple[float, float] | None
        verify: bool | str
        cert: str | tuple[str, str] | None
        proxies: dict[str, str] | None


class Bearer:
    """Sends requests with a token, and once more if it was dead.

    :param renewal: what keeps the token
    :param clock: returns the seconds since 1970 UTC
    """

    __slots__ = ('_clock', '_hook', 'renewal')

    def __init__(self, renewal: Renewal, clock: Callable[[], float]) -> None:
        self.renewal = renewal
        self._clock = clock
        # Bound once, not for each request.
        self._hook = self._on_response

    def authenticate(self, request: PreparedRequest) -> PreparedRequest:
        """Let a request carry the token, and no cookies but the token's.

        :return: the same request
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: the token has expired and could not be
            renewed
        :raises StoreError: what is stored cannot be read
        """
        # Written for speed: this runs for every request.
        renewal = self.renewal
        header, due = renewal.current
        if self._clock() >= due:
            header = renewal.header(request.headers.get('User-Agent'))
        _set_header(request.headers, header)
        if renewal.cookies:
            _add_cookies(request, renewal.cookies)
        if header is not None:
            request.hooks['response'].append(self._hook)
        return request

    def _on_response(self, response: Response,
                     **options: Unpack[SendOptions]) -> Response:
        """Send a request once more if the wiki calls its token dead.

        Runs before Pywikibot sees the answer, which it would take for
        the end of the authorization.
        """
        sent = response.request.headers.get('Authorization')
        if sent is None:
            # Redirected to another host, where requests drops the header.
            return response
        self._keep_cookies(response, sent)
        if response.is_redirect:
            _keep_from_redirect(response.request)
        session = self.renewal.session
        if session is None:
            return response
        error = response.headers.get('MediaWiki-API-Error')
        if error is not None:
            self.renewal.explain(error, _action(response.request))
        if not session.refreshes or not self._is_refused(
                response, session, sent):
            return response
        request = response.request.copy()
        if not _rewind(request):
            return response
        # Frees the connection for the repetition, and also if there is none.
        response.content  # noqa: B018
        response.close()
        header = self.renewal.replace(sent,
                                      request.headers.get('User-Agent'))
        # The old token's cookies do not fit the new one; it has none yet.
        del request.headers['Authorization']
        _set_header(request.headers, header)
        # The adapter calls no hooks, so this happens once a request.
        again = response.connection.send(request, **options)
        again.history.append(response)
        again.request = request
        self._keep_cookies(again, header)
        if again.is_redirect:
            # It is the first request that requests makes the next one of.
            _keep_from_redirect(response.request)
        return again

    def _is_refused(self, response: Response, session: OAuth2Session,
                    sent: str) -> bool:
        """Return whether the wiki or its gateway calls the token dead.

        Of the errors named mwoauth-invalid-authorization-…, such as
        -wrong-wiki or -blocked-user, none is mended by a new token.
        """
        if response.headers.get('MediaWiki-API-Error') == \
                'mwoauth-invalid-authorization':
            return True
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            # The gateway's value is quoted or not (task T419034); the
            # hint is that of rest.php/oauth2/resource (recorded).
            return ('invalid_token' in response.headers.get(
                        'WWW-Authenticate', '')
                    or b'Access token could not be verified'
                    in response.content)
        # rest.php says the same of an expired token (recorded) and of a
        # page that the user may not read: only the profile tells.
        return (response.status_code == HTTPStatus.FORBIDDEN
                and b'rest-read-denied' in response.content
                and (self.renewal.current[0] != sent
                     or session.profile(sent) is None))

    def _keep_cookies(self, response: Response, sent: str | None) -> None:
        """Keep what the wiki set for this token out of Pywikibot's jar.

        There it would be sent along with requests of other accounts.
        """
        if 'Set-Cookie' not in response.headers:
            return
        if sent is not None and self.renewal.current[0] == sent:
            jar = self.renewal.cookies or RequestsCookieJar()
            extract_cookies_to_jar(  # type: ignore[no-untyped-call]
                jar, response.request, response.raw)
            self.renewal.cookies = jar
        response.raw = _WithoutCookies(response.raw)


class _WithoutCookies:
    """An answer in which requests finds no cookies for its own jar."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        # Where requests.cookies looks for them, if there is anything.
        self._original_response = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._raw, name)


def _keep_from_redirect(request: PreparedRequest) -> None:
    """Keep requests from adding the cookies of Pywikibot's jar."""
    request.prepare_cookies(RequestsCookieJar(
        policy=DefaultCookiePolicy(allowed_domains=[])))


def _action(request: PreparedRequest) -> str:
    """Return the action of a request to api.php, if it can be seen."""
    body = request.body
    text = body.decode(errors='replace') if isinstance(body, bytes) \
        else body if isinstance(body, str) else ''
    query = f'{(request.url or "").partition("?")[2]}&{text}'
    match = re.search(r'(?:^|&)action=([a-z]+)', query)
    return match[1] if match else ''


def _set_header(headers: CaseInsensitiveDict[str],
                header: str | None) -> None:
    """Set the header Authorization, and remove the header Cookie.

    A cookie of another account, of an old password session for instance,
    makes MediaWiki 1.47 refuse the request.
    """
    # What the methods of requests' mapping do to the dict within, without
    # their calls: those for a header that is missing take longer than all
    # the rest of the authentication.
    store = getattr(headers, '_store', None)
    if store is None:
        headers.pop('Cookie', None)
        if header is not None:
            headers['Authorization'] = header
        return
    store.pop('cookie', None)
    if header is not None:
        store['authorization'] = 'Authorization', header


def _add_cookies(request: PreparedRequest,
                 cookies: RequestsCookieJar) -> None:
    """Send the cookies along that the wiki set for the token."""
    value = get_cookie_header(  # type: ignore[no-untyped-call]
        cookies, request)
    if value:
        request.headers['Cookie'] = value


def _rewind(request: PreparedRequest) -> bool:
    """Make a body that was sent ready to be sent again, if possible."""
    if isinstance(request.body, (bytes, str, type(None))):
        return True
    from requests.exceptions import UnrewindableBodyError
    from requests.utils import rewind_body

    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
