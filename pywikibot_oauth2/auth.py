"""The value in authenticate, which selects the account of each request."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
import weakref
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pywikibot.logging import warning
from requests.auth import AuthBase

from pywikibot_oauth2 import blocks, host, messages
from pywikibot_oauth2.client import Credentials, OAuth2Client
from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.locks import ForkSafeLock
from pywikibot_oauth2.stores import MemoryStore, Store
from pywikibot_oauth2.stores.file import (
    ExposedFileError,
    FileStore,
    read_private,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypedDict

    from requests import PreparedRequest
    from typing_extensions import Never, Self, Unpack

    from pywikibot_oauth2.bots import BotAuth

    class Options(TypedDict, total=False):
        """What an OAuth2Auth takes besides its credentials."""

        redirect_uri: str | None
        owner_only: bool
        login_timeout: float
        store: Store | None
        clock: Callable[[], float]


class OAuth2Auth(AuthBase):
    """Authenticates Pywikibot's requests to some hosts by OAuth 2.0.

    Put it into ``authenticate``, under one key or, for hosts that share the
    authorization, under several.

    :param client_id: the client ID that the wiki gave at registration
    :param client_secret: the client secret; None for a public client
    :param oauth1: not used; detects the four values of OAuth 1.0a
    :param redirect_uri: the callback URL, exactly as registered
    :param owner_only: whether the client is registered for its owner only
    :param access_token: the access token of an owner-only client; nothing
        else is needed then
    :param login_timeout: seconds that ``pwb login`` waits for an answer
    :param store: where tokens are kept; by default in a file next to
        Pywikibot's cookies
    :param clock: returns the seconds since 1970 UTC; for tests
    :param unknown: not used; detects misspelled options
    :raises ConfigurationError: a value is invalid
    :raises SystemExit: a value in user-config.py is invalid
    """

    #: Held during a login: a terminal can ask one question at a time.
    login_lock = ForkSafeLock()

    #: Lets the blocks of ``session.use()`` take precedence.
    heeds_blocks = True

    #: Whether entries that match no site are reported when Python ends. They
    #: are always reported if Pywikibot has used a site.
    tells_if_unused = False

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
        **unknown: Never,
    ) -> None:
        with _no_traceback():
            if unknown:
                # Python's own error would be a traceback.
                raise ConfigurationError(
                    f'OAuth2Auth has no option {", ".join(unknown)}.'
                )
            is_right = isinstance(owner_only, bool)
            _require(is_right, 'owner_only', owner_only, 'a bool')
            is_right = isinstance(login_timeout, (int, float))
            _require(is_right, 'login_timeout', login_timeout, 'a number')
            is_right = store is None or isinstance(store, Store)
            _require(is_right, 'store', store, 'a store such as FileStore()')
            _require(callable(clock), 'clock', clock, 'a function')
            if oauth1 or isinstance(client_id, (tuple, list)):
                raise ConfigurationError(
                    'These are OAuth 1.0a credentials. OAuth 2.0 uses'
                    ' different ones.',
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
        self._bearers: dict[str, BotAuth] = {}
        self._routes: dict[str, BotAuth] = {}
        # The accounts that have logged in without OAuth 2.0, by their wikis.
        self._off: dict[str, str] = {}
        self._lock = ForkSafeLock()
        self._is_checked = False
        atexit.register(_tell_if_unused, weakref.ref(self))

    @classmethod
    def from_environment(cls, **options: Unpack[Options]) -> Self:
        """Read the credentials from environment variables.

        They are PYWIKIBOT_OAUTH2_CLIENT_ID, PYWIKIBOT_OAUTH2_CLIENT_SECRET
        and PYWIKIBOT_OAUTH2_ACCESS_TOKEN.

        :param options: redirect_uri, owner_only, login_timeout, store and
            clock, as for the class
        :raises ConfigurationError: none of the variables is set
        """
        with _no_traceback():
            found = Credentials.from_environment()
        return cls(**found._asdict(), **options)

    @classmethod
    def from_file(
        cls, name: str | os.PathLike[str], **options: Unpack[Options]
    ) -> Self:
        """Read the credentials from a JSON file of mode 0600.

        It holds client_id, client_secret or access_token.

        :param name: the path, which may be relative to the folder of
            user-config.py
        :param options: as for :meth:`from_environment`
        :raises ConfigurationError: there is no such file, others can read
            it, or it holds something else
        """
        with _no_traceback():
            if not isinstance(name, (str, os.PathLike)):
                raise ConfigurationError(
                    'The name of the credentials file must be a string, not'
                    f' {type(name).__name__}.'
                )
            found = _credentials_in(host.config_path(os.fspath(name)))
        return cls(**found._asdict(), **options)

    @classmethod
    def from_command(
        cls,
        command: Sequence[str],
        client_id: str | None = None,
        **options: Unpack[Options],
    ) -> Self:
        """Read the credentials from the output of a command.

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

        With 4, Pywikibot would assume OAuth 1.0a and make each request a
        POST; it refuses other lengths.
        """
        return 2

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request to api.php or rest.php of a wiki.

        :raises ConfigurationError: the request would be made by the wrong
            account
        :raises EndpointError: the expired token could not be renewed
        :raises OAuth2Error: a change by rest.php would be anonymous
        """
        url, routes = request.url or '', self._routes
        # Most requests to api.php are posted, without a query string.
        bearer = routes.get(url) or routes.get(url.partition('?')[0])
        if bearer is None or blocks.used_wikis:
            return self._authenticate(request)
        return bearer(request)

    def _authenticate(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request whose route is not known yet."""
        wiki = host.wiki_of(request.url or '')
        if wiki is None:
            return request
        block = blocks.current_block()
        if block is not None and self._is_for(block, wiki):
            return block.authenticate(request, wiki)
        bearer, user = None, self._off.get(wiki)
        if user is None:
            bearer = self._routes.get(f'{wiki}/api.php')
            bearer = bearer or self._discover(wiki)
            user = bearer.account.user if bearer is not None else None
        if blocks.may_concern(wiki, self.client):
            sender = blocks.own_sender((user,), request)
            if sender is None:
                return request
            if bearer is None:
                blocks.assert_user(sender, request)
        return request if bearer is None else bearer(request)

    def _is_for(self, block: blocks.Block, wiki: str) -> bool:
        """Return whether a request belongs to the user of a block.

        All wikis of a farm accept the tokens of one client, but Pywikibot
        must know the wiki, and authenticate must name it with the secret of
        that client, and without a wildcard that is too wide.
        """
        return wiki == block.wiki or (
            block.accepts(self.client)
            and host.entry_for(wiki) is self
            and host.known_site(wiki) is not None
            and self._can_work()
        )

    def _discover(self, wiki: str) -> BotAuth | None:
        """Return the authentication for a new wiki; None if it is not ours."""
        # Plugs the login manager in, which also reports a problem.
        username = host.admit(wiki, self)
        if username is None or not self._can_work():
            return None
        try:
            return self.route(wiki, username)
        except ConfigurationError as error:
            self._report(error)
        return None

    def _can_work(self) -> bool:
        """Return whether no problem is known, after checking once."""
        if self.problem is None and not self._is_checked:
            try:
                self.check()
            except ConfigurationError as error:
                self._report(error)
        return self.problem is None

    def _report(self, error: ConfigurationError) -> None:
        """Warn of a problem; from then on, no request gets a token."""
        warning(messages.explain(error, self.client))
        # The login manager, which runs before any edit, raises it.
        self.problem = error

    def check(self) -> None:
        """Check the configuration in user-config.py.

        :raises ConfigurationError: it cannot work
        """
        client = self.client
        try:
            client.check()
        except ConfigurationError as error:
            error.wiki = self._a_wiki()
            raise
        if host.is_running('login', '-oauth'):
            warning(messages.OAUTH1_OPTION)
        host.check_wildcards(self)
        for key, other in host.entries().items():
            if (
                isinstance(other, OAuth2Auth)
                and other is not self
                and other.client.same_registration(client)
                # A wiki can issue the ID of another wiki's client.
                and (other.client != client or client.kind == 'public')
            ):
                raise ConfigurationError(
                    f'authenticate[{key!r}] and'
                    f' authenticate[{host.entries_of(self)[0]!r}] differ in'
                    ' the secret, the callback URL or the kind of the client'
                    f' {client.client_id}, or it has no secret.',
                    error='two_clients',
                )
        self._is_checked = True

    def _a_wiki(self) -> str | None:
        """Return a wiki that the client is for, if there is a site of it."""
        for site in host.configured_sites():
            if site.wiki and host.entry_for(site.wiki) is self:
                return site.wiki
        return None

    def route(self, wiki: str, username: str) -> BotAuth:
        """Make requests to a wiki run under an account from now on.

        :param wiki: the address of the wiki's script folder
        :param username: the account
        :return: the authentication for the account
        :raises ConfigurationError: the wiki is not reached by https
        """
        host.require_safe_transport(wiki)
        is_exposed = host.is_sent_through_proxy(wiki)
        bearer = self.bearer_for(wiki, username)
        with self._lock.held:
            before = self._routes.get(f'{wiki}/api.php')
            self._routes[f'{wiki}/api.php'] = bearer
            bearer.wikis |= {wiki}
            self._off.pop(wiki, None)
        if before is None:
            if is_exposed:
                bearer.policy.say(messages.THROUGH_PROXY.format(wiki=wiki))
        elif before is not bearer:
            before.wikis -= {wiki}
            bearer.policy.say(
                f'From now on, requests to {wiki} run under {username}'
                f' instead of {before.account.user}. Use one account per wiki'
                ' in a process, or session.use().'
            )
        return bearer

    def bearer_for(self, wiki: str, username: str) -> BotAuth:
        """Return the authentication for an account, without using it yet.

        :param wiki: the wiki to ask if no authorization is stored yet
        :param username: the account
        """
        # Importing it takes as long as importing this module, and a script
        # that sends no request does not need it.
        from pywikibot_oauth2.bots import BotAuth

        with self._lock.held:
            if username not in self._bearers:
                self._bearers[username] = BotAuth(
                    self.client, self.store, username, wiki, self.clock
                )
            return self._bearers[username]

    def unroute(self, wiki: str, username: str) -> None:
        """Switch OAuth 2.0 off for a wiki.

        :param wiki: the address of the wiki's script folder
        :param username: the account that logs in with a password instead
        """
        with self._lock.held:
            self._off[wiki] = username
            self._routes.pop(f'{wiki}/api.php', None)

    def wikis(self) -> list[str]:
        """Return the wikis that requests were authenticated for."""
        return [url.removesuffix('/api.php') for url in self._routes.copy()]

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.client!r})'


def _require(is_right: bool, name: str, value: object, what: str) -> None:
    """Refuse a value of the wrong type before it is used."""
    if not is_right:
        raise ConfigurationError(
            f'The option {name} must be {what}, not {type(value).__name__}.'
        )


def _credentials_in(path: Path) -> Credentials:
    """Return the credentials in a JSON file that nobody else can read."""
    try:
        what = f'The credentials file {path}'
        return Credentials.from_json(read_private(path), what)
    except OSError as error:
        code = 'no_credentials'
        if isinstance(error, ExposedFileError):
            code = 'exposed_file'
        elif isinstance(error, FileNotFoundError):
            code = 'missing_file'
        raise ConfigurationError(
            f'The credentials file {path} cannot be used:'
            f' {error.strerror or error}.',
            error=code,
            hint=str(path),
        ) from None


@contextlib.contextmanager
def _no_traceback() -> Iterator[None]:
    """Exit with a message instead of an error if user-config.py is wrong.

    A traceback would show the line with the secrets.
    """
    try:
        yield
    except ConfigurationError as error:
        if host.is_reading_user_config():
            sys.stderr.write(f'{messages.explain(error)}\n')
            # As "pwb oauth2" ends if user-config.py has to be corrected.
            raise SystemExit(2) from None
        raise


@atexit.register
def _store_the_rest() -> None:
    """Store the tokens that could not be stored before.

    This is registered when user-config.py is read, so that it runs after
    Pywikibot has saved its last pages.
    """
    account = sys.modules.get('pywikibot_oauth2.account')
    if account is not None:
        account.store_the_rest()


def _finish_imports() -> None:
    """Import what a request needs before this process forks.

    If another thread were importing it, for its first request, the child
    process would wait for that thread forever.
    """
    import pywikibot_oauth2.bots  # noqa: F401 - it is loaded


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_finish_imports)


def _tell_if_unused(reference: weakref.ref[OAuth2Auth]) -> None:
    """Warn, when Python ends, of an entry that no request could match.

    No request is sent to a misspelled host, so nothing else would notice it.
    """
    auth = reference()
    if auth is None or not (auth.tells_if_unused or host.had_a_site()):
        return
    hosts = {host.netloc_of(site) for site in host.configured_sites()}
    used = {urlsplit(wiki).netloc for wiki in auth.wikis()}
    for key in host.entries_of(auth):
        if not (
            any(host.is_found(key, name) for name in hosts)
            or any(host.is_match(key, name) for name in used)
        ):
            warning(messages.unused_entry(key, hosts))
