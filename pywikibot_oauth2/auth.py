"""The account of a request, its header, and its repetition if refused."""

from __future__ import annotations

import atexit
import contextlib
import re
import time
import weakref
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar, get_cookie_header
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from pywikibot_oauth2 import blocks, host, messages
from pywikibot_oauth2.account import Account, Policy, State
from pywikibot_oauth2.client import Credentials, OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
)
from pywikibot_oauth2.locks import ForkSafeLock
from pywikibot_oauth2.protocol import Meaning, OAuth2Wiki, meaning_of_response
from pywikibot_oauth2.stores import MemoryStore
from pywikibot_oauth2.stores.file import (
    ExposedFileError,
    FileStore,
    read_private,
)
from pywikibot_oauth2.token import Header


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypedDict

    from requests import PreparedRequest, Response
    from typing_extensions import Self, Unpack

    from pywikibot_oauth2.stores import Store

    class SendOptions(TypedDict, total=False):
        """What requests passes to a response hook, and an adapter takes."""

        stream: bool
        timeout: float | tuple[float, float] | None
        verify: bool | str
        cert: str | tuple[str, str] | None
        proxies: dict[str, str] | None

    class Options(TypedDict, total=False):
        """What an OAuth2Auth takes besides its credentials."""

        redirect_uri: str | None
        owner_only: bool
        login_timeout: float
        store: Store | None
        clock: Callable[[], float]


# If a wiki asks us to wait for longer than this, in seconds, we give up.
_PATIENCE = 600

# One object for all: an empty set takes 216 bytes.
_NO_WIKIS: frozenset[str] = frozenset()


class BearerAuth(AuthBase):
    """Sends requests with an access token; again if the token was dead.

    :param account: the account that has the token
    :param clock: returns the seconds since 1970 UTC
    :ivar wikis: the wikis on which Pywikibot acts for the account
    """

    # A web tool has one for each of its users.
    __slots__ = '_clock', 'account', 'wikis'

    #: Whether a request must not be sent without a token.
    needs_token = True

    def __init__(self, account: Account, clock: Callable[[], float]) -> None:
        self.account = account
        self.wikis = _NO_WIKIS
        self._clock = clock

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Let a request carry the token, and only the cookies of the token.

        A cookie of another account, such as one from an old login by
        password, makes Wikimedia's wikis refuse the request.

        :return: the same request
        :raises OAuth2Error: there is no token
        """
        headers = request.headers
        if 'Cookie' in headers:
            del headers['Cookie']
        # The only place that reads the state without asking the account,
        # because this runs for every request.
        state = self.account.state
        if self._clock() >= state.due:
            state = self._renewed(request, state)
        if state.header is None:
            self.without_token(state.refusal)
            return request
        headers['Authorization'] = state.header
        if state.cookies is not None:
            self._add_cookies(request)
        request.hooks['response'].append(self._answered)
        return request

    def without_token(self, error: OAuth2Error | None) -> None:
        """Decide what to do about a request without a token.

        :param error: why there is none; None if there is no authorization
        :raises OAuth2Error: the request must not be sent
        """
        if error is not None:
            raise error
        account = self.account
        found = account.authorization
        raise AuthorizationEndedError(
            f'The authorization of {account.user} has not been given yet.'
            if found is None or found.ended is None
            else f'The authorization of {account.user} has ended:'
            f' {found.ended}',
            wiki=account.wiki,
            account=account.user,
            client_id=account.client.client_id,
        )

    @property
    def is_authorized(self) -> bool:
        """Whether there is a token that the wiki has not refused."""
        found = self.account.authorization
        return found is not None and found.is_complete

    def passed_on(self, response: Response) -> None:
        """See an answer to a request that is not repeated; for subclasses."""

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
        if self.wikis and before.header is not None:
            self._notice_renewal(before.header)
        return self.account.state

    def _notice_renewal(self, before: str) -> None:
        """Make Pywikibot fetch new CSRF tokens if it may hold old ones."""
        if self.account.state.header not in (before, None):
            host.clear_csrf_tokens(self.wikis, self.account.user)

    def _add_cookies(self, request: PreparedRequest) -> None:
        """Send the cookies that the wiki has set for the token."""
        value = get_cookie_header(  # type: ignore[no-untyped-call] # of requests
            self.account.state.cookies, request
        )
        if value:
            request.headers['Cookie'] = value

    def _answered(
        self, response: Response, **options: Unpack[SendOptions]
    ) -> Response:
        """Send a request again if the wiki says that its token is dead.

        This happens before Pywikibot sees the answer, which it would take
        for the end of the authorization.
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
        else:
            header = self._replace(sent, again.headers.get('User-Agent'))
            if header == sent:
                return response
        return self._repeat(response, again, header, options)

    def _is_worth_it(self, meaning: Meaning | None, sent: str) -> bool:
        """Return whether another token, or no cookie, may help."""
        account = self.account
        if meaning is Meaning.WRONG_COOKIE:
            return account.state.cookies is not None
        if meaning is Meaning.PERHAPS_DEAD:
            # Before Extension:OAuth of August 2026, rest.php said the same of
            # a page that the user may not read: only the profile can tell.
            if account.state.header != sent:
                return True
            try:
                wiki = OAuth2Wiki(account.client, account.wiki)
                return wiki.profile(Header(sent)) is None
            except OAuth2Error:
                return False
        return meaning is Meaning.DEAD_TOKEN and account.is_automatic

    def _replace(self, sent: str, user_agent: str | None) -> str | None:
        """Return a header to replace a refused one, or None."""
        try:
            header = self.account.replace(sent, user_agent)
        except OAuth2Error as error:
            self.without_token(error)
            return None
        self._notice_renewal(sent)
        if header == sent:
            # A fixed access token, which cannot be replaced.
            return sent if self.needs_token else None
        if header is None:
            self.without_token(self.account.state.refusal)
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
            if self.account.state.cookies is not None:
                self._add_cookies(request)
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

        Those of an owner-only client go with its token from then on: on
        Wikimedia they carry its rate-limit class, which the tokens of
        other clients carry in themselves.
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


def _detach(request: PreparedRequest, response: Response) -> None:
    """Keep cookies, and elsewhere the token, out of a redirected request.

    requests would add the cookies of Pywikibot's jar, and keeps the header
    Authorization for any path of the same host.
    """
    request.prepare_cookies(
        RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    )
    target = urljoin(response.url, response.headers['Location'])
    if host.wiki_at(target) != host.wiki_of(response.url):
        request.headers.pop('Authorization', None)


def _rewind(request: PreparedRequest) -> bool:
    """Rewind the body of a request, to send it again, if possible."""
    if isinstance(request.body, (bytes, str, type(None))):
        return True
    try:
        rewind_body(request)
    except UnrewindableBodyError:
        return False
    return True


def _action(request: PreparedRequest) -> str:
    """Return the action of a request to api.php, or an empty string."""
    body = request.body
    if isinstance(body, bytes):
        body = body[:100_000].decode(errors='replace')
    text = body if isinstance(body, str) else ''
    query = f'{(request.url or "").partition("?")[2]}&{text}'
    match = re.search(r'(?:^|&)action=([a-z]+)', query)
    return match[1] if match else ''


class _BotPolicy(Policy):
    """Waits and reports to the bot owner as Pywikibot itself does.

    :param auth: the value in authenticate
    :param user: the account
    """

    def __init__(self, auth: OAuth2Auth, user: str) -> None:
        self._auth = auth
        self._user = user
        self._last_text = ''

    def trusts(self, wiki: str) -> bool:
        """Return whether authenticate names a wiki."""
        return host.entry_for(wiki) is self._auth

    def warn(self, error: OAuth2Error, note: str = '') -> None:
        """Tell the bot owner, but not the same thing twice in a row."""
        text = messages.explain(error, self._auth.client)
        self.say(f'{text}\n{note}'.rstrip())

    def say(self, text: str) -> None:
        """Print a warning, but not the same one twice in a row."""
        from pywikibot.logging import warning

        if text != self._last_text:
            self._last_text = text
            warning(text)

    def wait(self, error: OAuth2Error, attempt: int) -> bool:
        """Wait for as long as Pywikibot would for a request of its own."""
        import pywikibot
        from pywikibot import config

        asked = error.retry_after or 0
        if attempt >= config.max_retries or asked > _PATIENCE:
            return False
        delay = min(config.retry_wait * 2**attempt, config.retry_max)
        delay = max(delay, asked)
        self.say(
            f'{error}\nThe token of {self._user} could not be renewed.'
            f' Waiting {delay:.1f} seconds before retrying.'
        )
        pywikibot.sleep(delay)
        return True


class _BotAuth(BearerAuth):
    """Sends Pywikibot's requests for one account.

    If there is no token, they are sent without one: a request that changes
    something carries assert=user, and the login manager comes before it.
    """

    needs_token = False

    def __init__(
        self, account: Account, policy: _BotPolicy, clock: Callable[[], float]
    ) -> None:
        super().__init__(account, clock)
        self.policy = policy
        self._explained: set[str] = set()

    def without_token(self, error: OAuth2Error | None) -> None:
        """Warn about what the bot owner can fix.

        :raises EndpointError: the wiki is in trouble
        """
        if isinstance(error, EndpointError):
            raise messages.advised(error, self.account.client) from None
        if isinstance(error, ClientRefusedError):
            # The login manager, which comes before any edit, has the advice.
            self.policy.say(f'{error} Requests are sent without a token.')
        elif error is not None:
            self.policy.warn(error)

    def passed_on(self, response: Response) -> None:
        """Explain once what an error code of api.php means.

        :raises SystemExit: the wiki refuses "pwb login -logout";
            otherwise Pywikibot would end with a traceback
        """
        code = response.headers.get('MediaWiki-API-Error', '')
        if not code:
            return
        account = self.account
        text = messages.of_api_error(
            account.wiki, account.client, code, _action(response.request)
        )
        if text is not None and code not in self._explained:
            self._explained.add(code)
            self.policy.say(text)
        if code == 'cannotlogout' and host.is_running('login'):
            raise SystemExit(1)


class OAuth2Auth(AuthBase):
    """Authenticates Pywikibot's requests to some hosts by OAuth 2.0.

    Put it into ``authenticate``, under one key or, for hosts that share the
    authorization, under several.

    :param client_id: the client ID that the wiki gave at registration
    :param client_secret: the client secret; None for a public client
    :param oauth1: not used; catches the four values of OAuth 1.0a
    :param redirect_uri: the callback URL, exactly as registered
    :param owner_only: whether the client is registered for its owner only
    :param access_token: the access token of an owner-only client, which is
        then all that is needed
    :param login_timeout: seconds that ``pwb login`` waits for the browser
    :param store: where tokens are kept; by default in a file next to
        Pywikibot's cookies
    :param clock: returns the seconds since 1970 UTC; for tests
    :raises ConfigurationError: a value cannot be right
    """

    #: Held during a login: a terminal can ask one question at a time.
    login_lock = ForkSafeLock()

    #: Lets the blocks of ``session.use()`` take precedence.
    heeds_blocks = True

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        *oauth1: str,
        redirect_uri: str | None = None,
        owner_only: bool = False,
        access_token: str | None = None,
        login_timeout: float = 300,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        with _no_traceback():
            if oauth1 or isinstance(client_id, (tuple, list)):
                raise ConfigurationError(
                    'These are values of OAuth 1.0a. OAuth 2.0 uses others.',
                    error='oauth1',
                )
            self.client = OAuth2Client(
                client_id,
                client_secret,
                redirect_uri=redirect_uri,
                owner_only=owner_only,
                access_token=access_token,
            )
        self.login_timeout = login_timeout
        if access_token is not None:
            store = MemoryStore()
        self.store = FileStore() if store is None else store
        self.clock = clock
        #: What is wrong with the configuration, if that is known.
        self.problem: ConfigurationError | None = None
        self._bearers: dict[str, _BotAuth] = {}
        self._routes: dict[str, _BotAuth] = {}
        self._off: set[str] = set()
        self._lock = ForkSafeLock()
        self._is_checked = False
        atexit.register(_tell_if_unused, weakref.ref(self))

    @classmethod
    def from_environment(cls, **options: Unpack[Options]) -> Self:
        """Take the credentials from environment variables.

        They are PYWIKIBOT_OAUTH2_CLIENT_ID, PYWIKIBOT_OAUTH2_CLIENT_SECRET
        and PYWIKIBOT_OAUTH2_ACCESS_TOKEN.

        :param options: redirect_uri, owner_only, login_timeout and store,
            as for the class
        :raises ConfigurationError: none of the variables is set
        """
        with _no_traceback():
            found = Credentials.from_environment()
        return cls(**found._asdict(), **options)

    @classmethod
    def from_file(cls, name: str, **options: Unpack[Options]) -> Self:
        """Take the credentials from a JSON file of mode 0600.

        It holds client_id, client_secret or access_token.

        :param name: the path; a relative path starts at the folder of
            user-config.py
        :param options: as for :meth:`from_environment`
        :raises ConfigurationError: there is no such file, others can read
            it, or it holds something else
        """
        with _no_traceback():
            found = _credentials_in(host.config_path(name))
        return cls(**found._asdict(), **options)

    @classmethod
    def from_command(
        cls,
        command: Sequence[str],
        client_id: str | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """Take the credentials from the output of a command.

        :param command: the program and its arguments, such as
            ``['pass', 'show', 'bot/oauth2']``; no shell is used
        :param client_id: the client ID, if the output is the client
            secret alone; otherwise it is what a credentials file holds
        :param options: as for :meth:`from_environment`
        :raises ConfigurationError: the command fails, or its output is
            something else
        """
        with _no_traceback():
            found = Credentials.from_command(command, client_id)
        return cls(**found._asdict(), **options)

    def __len__(self) -> int:
        """Return 2, so that Pywikibot passes the object to requests as it is.

        With 4, it would take the object for OAuth 1.0a and make each
        request a POST; it refuses other lengths.
        """
        return 2

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request to api.php or rest.php of a wiki.

        :raises ConfigurationError: the request would be made by the wrong
            account
        :raises EndpointError: the token has expired and could not be
            renewed
        """
        bearer = self._routes.get((request.url or '').partition('?')[0])
        if bearer is None or blocks.used_wikis:
            return self._authenticate(request)
        blocks.own_account.is_used = True
        return bearer(request)

    def _authenticate(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request for which a look-up is not enough."""
        wiki = host.wiki_of(request.url or '')
        if wiki is None or wiki in self._off:
            return request
        if blocks.used_wikis:
            block = blocks.current_block()
            if block is not None and self._is_for(block, wiki):
                return block.auth(request)
        if wiki in blocks.used_wikis and not blocks.own_account.is_used:
            blocks.refuse_stray_change(request)
            return request
        blocks.own_account.is_used = True
        bearer = self._routes.get(f'{wiki}/api.php') or self._discover(wiki)
        return request if bearer is None else bearer(request)

    def _is_for(self, block: blocks.Block, wiki: str) -> bool:
        """Return whether a request belongs to the user of a block.

        The wikis of a farm accept the tokens of one client; Pywikibot has
        to know the one that is asked, and authenticate has to name it.
        """
        return wiki == block.wiki or (
            block.client.same_registration(self.client)
            and host.entry_for(wiki) is self
            and host.known_site(wiki) is not None
        )

    def _discover(self, wiki: str) -> _BotAuth | None:
        """Find the account of a wiki that has not been asked before.

        :return: None if the wiki is not one of ours
        """
        # Plugs the login manager in, which also ends with a problem.
        site = host.admit(wiki, self)
        if self.problem is not None or site is None or site.username is None:
            return None
        try:
            if not self._is_checked:
                self.check()
            return self.route(wiki, site.username)
        except ConfigurationError as error:
            # The login manager, which comes before any edit, raises it.
            from pywikibot.logging import warning

            warning(messages.explain(error, self.client))
            self.problem = error
        return None

    def check(self) -> None:
        """Check what user-config.py says.

        :raises ConfigurationError: it cannot work
        """
        self.client.check()
        if host.is_running('login', '-oauth'):
            from pywikibot.logging import warning

            warning(messages.oauth1_option())
        host.check_wildcards(self)
        for key, other in host.entries().items():
            if (
                isinstance(other, OAuth2Auth)
                and other is not self
                and other.client.same_registration(self.client)
                and other.client != self.client
            ):
                raise ConfigurationError(
                    f'authenticate[{key!r}] and'
                    f' authenticate[{host.entries_of(self)[0]!r}] differ in'
                    ' the secret, the callback URL or the kind of the client'
                    f' {self.client.client_id}.',
                    error='two_clients',
                )
        self._is_checked = True

    def route(self, wiki: str, username: str) -> _BotAuth:
        """Make requests to a wiki run under an account from now on.

        :param wiki: the address of the wiki's script folder
        :param username: the account
        :raises ConfigurationError: the wiki is not reached by https
        """
        host.require_safe_transport(wiki)
        is_exposed = host.is_sent_through_proxy(wiki)
        bearer = self.bearer_for(wiki, username)
        with self._lock.held:
            before = self._routes.get(f'{wiki}/api.php')
            self._routes[f'{wiki}/api.php'] = bearer
            bearer.wikis |= {wiki}
            self._off.discard(wiki)
        if before is None:
            if is_exposed:
                bearer.policy.say(messages.through_proxy(wiki))
        elif before is not bearer:
            before.wikis -= {wiki}
            bearer.policy.say(
                f'Requests to {wiki} run under {username} from now on, no'
                f' longer under {before.account.user}. Use one account per'
                ' wiki in a process, or session.use().'
            )
        return bearer

    def bearer_for(self, wiki: str, username: str) -> _BotAuth:
        """Return what sends the requests of an account; route nothing to it.

        :param wiki: the wiki to ask if no authorization is stored yet
        :param username: the account
        """
        with self._lock.held:
            bearer = self._bearers.get(username)
            if bearer is None:
                policy = _BotPolicy(self, username)
                account = Account(
                    self.client,
                    self.store,
                    username,
                    wiki,
                    policy=policy,
                    clock=self.clock,
                )
                bearer = _BotAuth(account, policy, self.clock)
                self._bearers[username] = bearer
            return bearer

    def unroute(self, wiki: str) -> None:
        """Switch OAuth 2.0 off for a wiki.

        :param wiki: the address of the wiki's script folder
        """
        with self._lock.held:
            self._off.add(wiki)
            self._routes.pop(f'{wiki}/api.php', None)

    def wikis(self) -> list[str]:
        """Return the wikis that requests were authenticated for."""
        return [url.removesuffix('/api.php') for url in self._routes.copy()]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.client!r})'


def _credentials_in(path: Path) -> Credentials:
    """Return the credentials in a JSON file that nobody else can read.

    :raises ConfigurationError: the file is missing or is not a credentials
        file, or others can read it
    """
    try:
        content = read_private(path)
    except OSError as error:
        is_exposed = isinstance(error, ExposedFileError)
        raise ConfigurationError(
            f'The credentials file {path} cannot be used:'
            f' {error.strerror or error}.',
            error='exposed_file' if is_exposed else 'no_credentials',
            hint=str(path),
        ) from None
    return Credentials.from_json(content, f'The credentials file {path}')


@contextlib.contextmanager
def _no_traceback() -> Iterator[None]:
    """End Pywikibot with a message if user-config.py is wrong.

    A traceback would show the line, with the secrets in it.

    :raises ConfigurationError: the object is not created by user-config.py
    :raises SystemExit: it is
    """
    try:
        yield
    except ConfigurationError as error:
        if host.is_reading_user_config():
            raise SystemExit(messages.explain(error)) from None
        raise


def _tell_if_unused(reference: weakref.ref[OAuth2Auth]) -> None:
    """Warn, when Python ends, of an entry that no request could match.

    No request goes to a host that is misspelled, so that there is no
    other moment at which it would be noticed.
    """
    auth = reference()
    if auth is None or not host.had_a_site():
        return
    from pywikibot.logging import warning

    hosts = {host.netloc_of(site) for site in host.configured_sites()}
    used = {urlsplit(wiki).netloc for wiki in auth.wikis()}
    for key in host.entries_of(auth):
        if not any(host.is_match(key, name) for name in hosts | used):
            warning(messages.unused_entry(key, hosts))
