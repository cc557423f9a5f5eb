"""Users, what they may do, and the sessions they are logged in with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from .data import DATA


ANONYMOUS = '127.0.0.1'
SESSION_COOKIE = 'sandboxwiki_session'

# MediaWiki lists rights in the order of the groups and of their rights.
GROUP_RIGHTS, GRANT_RIGHTS = (
    {name: text.split() for name, text in DATA[kind].items()}
    for kind in ('groups', 'grants')
)


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
    with another one starts it anew (recorded as the cases `csrf: …`).
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
