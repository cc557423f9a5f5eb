"""What the wiki knows: texts, users with their rights and sessions, pages."""

from __future__ import annotations

import json
import secrets
import time
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path


DATA = json.loads(
    Path(__file__).with_name('data.json').read_text(encoding='utf-8')
)
TEXTS = DATA['texts']
READABLE = '%H:%M, %d %B %Y'

ANONYMOUS = '127.0.0.1'
SESSION_COOKIE = 'sandboxwiki_session'

# MediaWiki lists rights in the order of the groups and of their rights.
GROUP_RIGHTS, GRANT_RIGHTS = (
    {name: text.split() for name, text in DATA[kind].items()}
    for kind in ('groups', 'grants')
)
NAMESPACES = dict(enumerate(DATA['namespaces'], -2))
# A change of a page, as a test wants to know it
Edit = namedtuple('Edit', 'user title text summary tags')


def timestamp(seconds, form='%Y-%m-%dT%H:%M:%SZ'):
    return time.strftime(form, time.gmtime(seconds))


@dataclass(eq=False)
class User:
    """An account; *denied* are rights that its groups do not give it."""

    id: int
    name: str
    password: str | None = field(repr=False)
    groups: tuple[str, ...]
    registered: float
    email_confirmed: bool = True
    editcount: int = 0
    blocked: float | None = None
    denied: set[str] = field(default_factory=set)
    second_factor: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def email(self):
        return f'{self.name.lower()}@example.org'

    @property
    def all_groups(self):
        return [*self.groups, '*', 'user', 'autoconfirmed']


@dataclass(eq=False)
class Session:
    """What CSRF tokens belong to.

    There is one for each cookie. By OAuth there is one for each person and
    client, and *used_with* is the access token of its last request: a request
    with another one starts a new one (recorded as the cases `csrf: …`).
    """

    user: User | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    used_with: object = None
    pending: User | None = None  # gave the password, not the second factor

    def token(self, kind):
        return self.tokens.setdefault(kind, secrets.token_hex(20) + '+\\')

    def use(self, access_token):
        if self.used_with is not access_token:
            self.tokens.clear()
            self.used_with = access_token
        return self


@dataclass(eq=False)
class Caller:
    """On whose behalf a request is carried out, and with which rights."""

    session: Session
    grants: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()  # rights that the wiki does not have

    @property
    def user(self):
        return self.session.user

    @property
    def name(self):
        return self.user.name if self.user else ANONYMOUS

    @property
    def groups(self):
        return self.user.all_groups if self.user else ['*']

    def token(self, kind):
        if self.user is None and kind != 'login':
            return '+\\'
        return self.session.token(kind)

    @property
    def rights(self):
        """The rights of the account, as far as the grants go."""
        rights = dict.fromkeys(
            right for group in self.groups for right in GROUP_RIGHTS[group]
        )
        refused = {*self.unsupported, *(self.user.denied if self.user else ())}
        if self.grants is not None:
            granted = {r for name in self.grants for r in GRANT_RIGHTS[name]}
            refused |= rights.keys() - granted
        return [right for right in rights if right not in refused]


class Accounts:
    """All users, and the sessions of those who logged in by password."""

    def __init__(self):
        self.users = {}
        self.sessions = {}

    def add(self, name, password, groups, now):
        user = User(len(self.users) + 1, name, password, tuple(groups), now)
        self.users[name] = user

    def check(self, name, password):
        user = self.users.get(name[:1].upper() + name[1:])
        is_right = user and password and user.password == password
        return user if is_right else None

    def start(self, user):
        """Start a session; return its cookie."""
        cookie = secrets.token_hex(16)
        self.sessions[cookie] = Session(user)
        return cookie


@dataclass(eq=False)
class Page:
    """A page and its last revision, made by *edit* at *time*."""

    id: int
    title: str
    edit: tuple[object, ...] | None = None
    time: float = 0
    revision: int = 0
    parent: int = 0

    @property
    def text(self):
        return self.edit.text


def normal_title(title):
    """Return a title, here without a namespace, as MediaWiki writes it."""
    title = ' '.join(title.replace('_', ' ').split())
    return title[:1].upper() + title[1:]


class Pages:
    """The current text of every page by its title."""

    def __init__(self):
        self._pages = {}
        self._last_revision = 0

    def __getitem__(self, title):
        return self.page(title).text

    def page(self, title):
        return self._pages.get(normal_title(title))

    def save(self, edit, time):
        title, number = normal_title(edit.title), len(self._pages) + 1
        page = self._pages.setdefault(title, Page(number, title))
        self._last_revision += 1
        page.parent, page.revision = page.revision, self._last_revision
        page.edit, page.time = edit, time
        return page
