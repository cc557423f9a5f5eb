"""Requests with an access token: the header, and one repetition."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar, get_cookie_header
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from pywikibot_oauth2 import host
from pywikibot_oauth2.errors import AuthorizationEndedError, OAuth2Error
from pywikibot_oauth2.protocol import Meaning, OAuth2Wiki, meaning_of_response
from pywikibot_oauth2.token import Header


if TYPE_CHECKING:
    from typing import TypedDict

    from requests import PreparedRequest, Response
    from typing_extensions import Unpack

    from pywikibot_oauth2.account import Account, State

    class SendOptions(TypedDict, total=False):
        """What requests passes to a response hook, and an adapter takes."""

        stream: bool
        timeout: float | tuple[float, float] | None
        verify: bool | str
        cert: str | tuple[str, str] | None
        proxies: dict[str, str] | None


# Shared, because an empty set takes 216 bytes.
_NO_WIKIS: frozenset[str] = frozenset()


class BearerAuth(AuthBase):
    """Sends requests with an access token, and repeats them if it is dead.

    :param account: the account that has the token
    :ivar wikis: the wikis on which Pywikibot acts for the account
    """

    # A web tool has one for each of its users.
    __slots__ = 'account', 'wikis'

    #: Whether a request must not be sent without a token.
    needs_token = True

    def __init__(self, account: Account) -> None:
        self.account = account
        self.wikis = _NO_WIKIS

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the token to a request, and only the cookies of the token.

        A cookie of another account, such as one from an old login by
        password, makes Wikimedia's wikis refuse the request.

        :raises OAuth2Error: there is no token
        """
        headers = request.headers
        # Checking whether there is one takes twice as long, because requests
        # raises and catches a KeyError.
        headers['Cookie'] = ''
        del headers['Cookie']
        # Only here is the state read without asking the account, because
        # this runs for every request.
        account = self.account
        state = account.state
        if account.clock() >= state.due:
            state = self._renewed(request, state)
        header = state.header
        if header is None:
            is_change = host.may_change_by_rest(request)
            self.without_token(state.error(), is_change=is_change)
            return request
        headers['Authorization'] = header
        if state.cookies is not None:
            _add_cookies(request, state)
        request.hooks['response'].append(self._answered)
        return request

    def without_token(
        self, error: OAuth2Error | None, *, is_change: bool = False
    ) -> None:
        """Decide what to do about a request without a token.

        :param error: why there is none; None if there is no authorization
        :param is_change: whether it may make a change by rest.php, which
            ignores assert=user
        :raises OAuth2Error: the request must not be sent
        """
        if error is not None:
            raise error
        account = self.account
        ended = account.authorization.ended
        raise AuthorizationEndedError(
            f'The authorization{account.of_user} has not been given yet.'
            if ended is None
            else f'The authorization{account.of_user} has ended: {ended}',
            wiki=account.wiki,
            account=account.user,
            client_id=account.client.shown_id,
        )

    def passed_on(self, response: Response) -> None:
        """Look at an answer to a request that is not repeated."""

    def _renewed(self, request: PreparedRequest, before: State) -> State:
        """Return the state after the account has renewed it if necessary."""
        try:
            self.account.header(
                request.headers.get('User-Agent'),
                is_bound=before.header is not None
                and request.method != 'GET'
                and host.carries_csrf_token(request),
            )
        except OAuth2Error as error:
            self.without_token(error)
        self.notice_renewal(before.header)
        return self.account.state

    def notice_renewal(self, before: str | None) -> None:
        """Make Pywikibot fetch new CSRF tokens if it may hold old ones.

        :param before: the Authorization header before the renewal; None if
            there was no token
        """
        state = self.account.state
        is_new = before is not None and state.header not in (before, None)
        if self.wikis and is_new:
            host.clear_csrf_tokens(self.wikis, state.authorization.user)

    def _answered(
        self, response: Response, **options: Unpack[SendOptions]
    ) -> Response:
        """Send a request again if the wiki says that its token is dead.

        This happens before Pywikibot sees the answer, which it would treat
        as the end of the authorization.
        """
        request = response.request
        sent = request.headers.get('Authorization')
        if sent is None:
            # Redirected to another host, where requests drops the header.
            return response
        if 'Set-Cookie' in response.headers:
            self._take_cookies(response, sent)
        if response.is_redirect:
            _detach(request, response)
        elif not response.ok or 'MediaWiki-API-Error' in response.headers:
            return self._refused(response, sent, options)
        return response

    def _refused(
        self, response: Response, sent: str, options: SendOptions
    ) -> Response:
        """Repeat a refused request if that may help."""
        meaning = meaning_of_response(response)
        again = response.request.copy()
        if not self._is_worth_it(meaning, sent) or not _rewind(again):
            self.passed_on(response)
            return response
        # Frees the connection, whether or not the request is repeated.
        _ = response.content
        response.close()
        header: str | None = sent
        if meaning is Meaning.WRONG_COOKIE:
            self.account.keep_cookies(sent, None)
        elif meaning is Meaning.CLIENT_UNUSABLE:
            # Otherwise, Pywikibot would exit while it creates the site.
            header = self.account.refuse(sent)
        else:
            header = self._replace(sent, again.headers.get('User-Agent'))
            if header == sent:
                return response
        if header is None:
            self.without_token(self.account.state.error())
            if host.may_change_by_rest(again):
                return response
        return self._repeat(response, again, header, options)

    def _is_worth_it(self, meaning: Meaning | None, sent: str) -> bool:
        """Return whether another token, or no cookie, may help."""
        account = self.account
        if meaning is Meaning.WRONG_COOKIE:
            return account.state.cookies is not None
        if meaning is Meaning.CLIENT_UNUSABLE:
            return not self.needs_token
        if not account.is_automatic:
            return False
        if meaning is Meaning.PERHAPS_DEAD:
            # Before Extension:OAuth of August 2026, rest.php says the same
            # about a page that the user may not read. The profile decides.
            if account.state.header != sent:
                return True
            try:
                wiki = OAuth2Wiki(account.client, account.wiki)
                return wiki.profile(Header(sent)) is None
            except OAuth2Error:
                return False
        return meaning is Meaning.DEAD_TOKEN

    def _replace(self, sent: str, user_agent: str | None) -> str | None:
        """Return a header to replace a refused one, or None."""
        try:
            header = self.account.header(user_agent, refused=sent)
        except OAuth2Error as error:
            self.without_token(error)
            return None
        self.notice_renewal(sent)
        if header == sent:
            # A fixed access token, which cannot be replaced.
            return sent if self.needs_token else None
        return header

    def _repeat(
        self,
        response: Response,
        request: PreparedRequest,
        header: str | None,
        options: SendOptions,
    ) -> Response:
        """Send a request on the same connection with another header."""
        del request.headers['Authorization']
        request.headers.pop('Cookie', None)
        if header is not None:
            request.headers['Authorization'] = header
            state = self.account.state
            if state.header == header:
                _add_cookies(request, state)
        # The adapter calls no hooks, so this happens once per request.
        again: Response = response.connection.send(request, **options)
        again.history.append(response)
        again.request = request
        if 'Set-Cookie' in again.headers:
            self._take_cookies(again, header)
        if again.is_redirect:
            # requests derives the next request from the first one.
            _detach(response.request, again)
        return again

    def _take_cookies(self, response: Response, sent: str | None) -> None:
        """Keep cookies out of Pywikibot's jar, which all accounts share.

        Those of an owner-only client are sent with its token from then on:
        on Wikimedia, they carry its rate-limit class, which the tokens of
        other clients contain.
        """
        if sent is not None and self.account.client.owner_only:
            self.account.keep_cookies(sent, response.cookies)
        response.raw = _WithoutCookies(response.raw)


class _WithoutCookies:
    """An answer in which requests finds no cookies for its jar."""

    def __init__(self, raw: object) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> object:
        if name.startswith('_'):
            raise AttributeError(name)
        return getattr(self._raw, name)


def _add_cookies(request: PreparedRequest, state: State) -> None:
    """Send the cookies that the wiki has set for the token.

    They are taken from the state that the header was taken from, because
    the account may have replaced it since.
    """
    if state.cookies is None:
        return
    value = get_cookie_header(  # type: ignore[no-untyped-call] # of requests
        state.cookies, request
    )
    if value:
        request.headers['Cookie'] = value


def _detach(request: PreparedRequest, response: Response) -> None:
    """Remove cookies and, for another wiki, the token before a redirect.

    requests would add the cookies of Pywikibot's jar, and keep the
    Authorization header for any path of the same host.
    """
    request.prepare_cookies(
        RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    )
    target = urljoin(response.url, response.headers['Location'])
    if host.wiki_at(target) != host.wiki_of(response.url):
        request.headers.pop('Authorization', None)


def _rewind(request: PreparedRequest) -> bool:
    """Rewind the body of a request if possible, to send it again."""
    if isinstance(request.body, (bytes, str, type(None))):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True
