"""Blocks of ``session.use()``, in which Pywikibot acts for one user."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pywikibot import config
from pywikibot.logging import warning
from requests.auth import AuthBase

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.locks import ForkSafeLock


if TYPE_CHECKING:
    from collections.abc import Collection
    from contextvars import ContextVar

    from requests import PreparedRequest

    from pywikibot_oauth2.bearer import BearerAuth
    from pywikibot_oauth2.client import OAuth2Client


# The innermost block of the current thread or task; None until there is one
# in this process. Pywikibot itself does not load contextvars.
_current_block: ContextVar[Block | None] | None = None

#: Advice about work that is done in the wrong thread.
ADVICE = (
    'Enter the block in the thread or task that does the work, and do not'
    ' save asynchronously (asynchronous=True). If it is an account of the'
    ' program itself, name it in usernames.'
)

_lock = ForkSafeLock()
#: The wikis for which there has been a block in this process.
used_wikis: set[str] = set()
#: The client IDs of those blocks.
used_clients: set[str] = set()
# By wiki and user: a hash of the Authorization header at the end of the last
# block, and the wikis on which Pywikibot has acted for the user.
_last_used: dict[tuple[str, str | None], tuple[int, frozenset[str]]] = {}


class _StandIn(AuthBase):
    """The entry of a wiki without an OAuth2Auth after its first block.

    It remains after the block, because a change may be started in a block
    and sent after it, with the cookies of an account that has logged in with
    a password.
    """

    stands_in = True

    def __len__(self) -> int:
        """Return 2; see :meth:`OAuth2Auth.__len__`."""
        return 2

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request for the block that it is made in."""
        wiki = host.wiki_of(request.url or '')
        if wiki is None:
            return request
        entry = host.entry_for(wiki)
        if isinstance(entry, AuthBase):
            # A wildcard that the program has added since.
            return entry(request)
        block = current_block()
        if block is not None and wiki == block.wiki:
            return block.authenticate(request, wiki)
        user = own_sender(host.own_users(wiki), request)
        assert_user(user, request)
        return request


class Block:
    """A context in which Pywikibot acts for one user.

    It applies to the thread or task that enters it, and to tasks started
    within it, as :mod:`contextvars` defines.
    """

    def __init__(self, auth: BearerAuth, wiki: str) -> None:
        self.auth = auth
        self.wiki = wiki
        self.outer: Block | None = None
        self.place = _place()
        self.has_ended = False

    @property
    def client(self) -> OAuth2Client:
        """The client that the user has authorized."""
        return self.auth.account.client

    def accepts(self, client: OAuth2Client) -> bool:
        """Return whether a client is the one that the user has authorized.

        Another wiki can issue the same client ID, but not the same secret.
        """
        ours = self.client
        return (
            ours.same_registration(client)
            and ours.client_secret == client.client_secret
        )

    @property
    def user(self) -> str | None:
        """The user's name as Pywikibot's sites have it, if it is known."""
        return host.normalized(self.auth.account.user)

    def is_for(self, user: str | None) -> bool:
        """Return whether the work for a user belongs to the block.

        Without a global interpreter lock, a thread inherits the context in
        which it was started. The thread of an executor, which was started
        for one user, then works for all others.

        :param user: the account; None for that of the site that sends the
            current request, if a site does
        """
        if self.place[0] == threading.get_ident():
            return True
        user = user or host.sending_user()
        inherits = getattr(sys.flags, 'thread_inherit_context', False)
        return user == self.user or (user is None and not inherits)

    def authenticate(
        self, request: PreparedRequest, wiki: str
    ) -> PreparedRequest:
        """Authenticate a request, unless another user's site makes a change.

        :param wiki: the wiki that the request goes to: that of the block, or
            another one of the same farm
        :raises ConfigurationError: a site of another user makes a change
        """
        other = host.sending_user()
        if other not in (None, self.user) and host.leads_to_change(request):
            raise ConfigurationError(
                self.why_not(other), wiki=wiki, account=other
            )
        # The program may have been wrong about whose session it is.
        assert_user(other, request)
        self.auth.wikis |= {wiki}
        return self.auth(request)

    def why_not(self, other: str | None) -> str:
        """Return why a site of another user cannot be used in the block."""
        user = self.user or 'a user whose name is not known (session.user)'
        return (
            f'The site is for {other}, but Pywikibot acts for {user} here.'
            ' Create and use it within "with session.use():" for a session of'
            f' {other}.'
        )

    def error(self, text: str) -> ConfigurationError:
        """Return an error about the block."""
        return ConfigurationError(text, account=self.user, wiki=self.wiki)

    def _excludes(self, other: Block) -> bool:
        """Return whether another user's block may be open here.

        A thread or task that was started within the other block may enter a
        block of any user.
        """
        return (
            not other.has_ended
            and other.place == self.place
            and other.auth is not self.auth
            and (self.user is None or self.user != other.user)
        )

    def __enter__(self) -> None:
        global _current_block
        from contextvars import ContextVar

        with _lock.held:
            if _current_block is None:
                _current_block = ContextVar('current_block', default=None)
        outer = _current_block.get()
        if outer is not None and self._excludes(outer):
            raise self.error(
                f'A block of {outer.user} is open here, and a block of'
                f' {self.user} cannot begin until it has ended. A block must'
                ' not be held across a "yield".'
            )
        self._stand_in()
        if self.wiki not in used_wikis and host.is_sent_through_proxy(
            self.wiki
        ):
            warning(messages.THROUGH_PROXY.format(wiki=self.wiki))
        self._drop_csrf_tokens()
        used_clients.add(self.client.client_id)
        used_wikis.add(self.wiki)
        self.outer = outer
        _current_block.set(self)

    def __exit__(self, *_exception: object) -> None:
        assert _current_block is not None
        self.has_ended = True
        if self.user is not None:
            used = hash(self.auth.account.state.header), self.auth.wikis
            _last_used[self.wiki, self.user] = used
        if _current_block.get() is not self or self.place != _place():
            raise self.error(
                f'The block of {self.user} was left out of order: blocks must'
                ' be left where they were entered, the last one first.'
            )
        outer = self.outer
        while outer is not None and outer.has_ended:
            outer = outer.outer
        _current_block.set(outer)

    def _drop_csrf_tokens(self) -> None:
        """Make sites fetch new CSRF tokens if the wiki would refuse theirs.

        A web tool has a new session object for each visit. The token may
        have been renewed between two visits, by this or another process, or
        will be at the first request.
        """
        account = self.auth.account
        state = account.state
        last, wikis = _last_used.get((self.wiki, self.user), (None, None))
        if wikis is not None:
            self.auth.wikis |= wikis
            if last != hash(state.header) or account.clock() >= state.due:
                host.clear_csrf_tokens(wikis, self.user)

    def _stand_in(self) -> None:
        """Make sure that Pywikibot's requests to the wiki come here."""
        entry, key = host.entry_for(self.wiki), urlsplit(self.wiki).netloc
        if entry is None:
            if isinstance(config.authenticate.get(key), _StandIn):
                # Looking for the site of a Wikipedia takes a millisecond.
                return
            site = host.known_site(self.wiki)
            key = host.netloc_of(site) if site else key
            config.authenticate.setdefault(key, _StandIn())  # type: ignore[arg-type] # what Pywikibot passes to requests as it is
        elif not getattr(entry, 'heeds_blocks', False):
            raise ConfigurationError(
                f'authenticate has an entry for {self.wiki} that is not an'
                ' OAuth2Auth.',
                wiki=self.wiki,
            )


def current_block(user: str | None = None) -> Block | None:
    """Return the block of the current thread or task; None if there is none.

    :param user: as for :meth:`Block.is_for`
    :raises ConfigurationError: it has ended
    """
    block = None if _current_block is None else _current_block.get()
    if block is None or not block.is_for(user):
        return None
    if block.has_ended:
        raise block.error(
            f'This task or thread was started in a block of {block.user} that'
            ' has ended.'
        )
    return block


def may_concern(wiki: str, client: OAuth2Client | None) -> bool:
    """Return whether a wiki may have been asked within a block.

    A block is also for other wikis of a farm that accept its client.
    """
    return wiki in used_wikis or (
        client is not None and client.client_id in used_clients
    )


def own_sender(
    users: Collection[str | None], request: PreparedRequest
) -> str | None:
    """Return the program's own account that sends a request, if any.

    It does not matter in which thread: a thread of an executor, or the one in
    which Pywikibot saves asynchronously, does not inherit the block in which
    its work was submitted, and may work for one of these accounts.

    :param users: the program's own accounts
    :return: None if the request does not come from a site of one of them
    :raises ConfigurationError: it makes a change nevertheless
    """
    user = host.sending_user()
    if user is not None and user in users:
        return user
    if host.leads_to_change(request):
        raise ConfigurationError(
            'This thread or task is not within a "with session.use()" block'
            f' of {user or "a user"}, so the change would be made by the'
            f' wrong account. {ADVICE}',
            account=user,
        )
    return None


def assert_user(user: str | None, request: PreparedRequest) -> None:
    """Make the wiki refuse a change by an account other than the site's.

    A request without a token may have the cookies of another account, because
    Pywikibot has one cookie jar for all. The first site of a user in a block
    adds the cookies of that user, if the user has logged in with a password
    before.
    """
    if user is not None and host.carries_csrf_token(request):
        request.prepare_url(request.url, {'assertuser': user})


def _place() -> tuple[int, object]:
    """Return the current thread and task."""
    task = None
    if 'asyncio' in sys.modules:
        import asyncio

        with contextlib.suppress(RuntimeError):
            task = asyncio.current_task()
    return threading.get_ident(), task
