#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Users, their rights, and the sessions they are logged in with."""
from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable


ANONYMOUS = '127.0.0.1'
SESSION_COOKIE = 'sandboxwiki_session'

GROUP_RIGHTS = {
    'bot': ('bot', 'autoconfirmed', 'editsemiprotected', 'nominornewtalk',
            'autopatrol', 'suppressredirect', 'apihighlimits'),
    'sysop': ('block', 'delete', 'bigdelete', 'deletedhistory',
              'deletedtext', 'undelete', 'editprotected', 'protect',
              'rollback', 'patrol', 'autopatrol', 'suppressredirect',
              'apihighlimits', 'noratelimit'),
    '*': ('createaccount', 'read', 'edit', 'createpage', 'createtalk',
          'viewmyprivateinfo', 'editmyprivateinfo', 'editmyoptions'),
    'user': ('move', 'move-subpages', 'move-rootuserpages',
             'move-categorypages', 'movefile', 'upload', 'reupload',
             'minoredit', 'sendemail', 'applychangetags', 'changetags',
             'viewmywatchlist', 'editmywatchlist', 'editcontentmodel'),
    'autoconfirmed': ('autoconfirmed', 'editsemiprotected'),
}

GRANT_RIGHTS = {
    'basic': ('autoconfirmed', 'autopatrol', 'editsemiprotected',
              'nominornewtalk', 'read'),
    'highvolume': ('apihighlimits', 'bot', 'noratelimit'),
    'editpage': ('applychangetags', 'changetags', 'edit',
                 'editcontentmodel', 'minoredit'),
    'createeditmovepage': ('createpage', 'createtalk', 'edit', 'move',
                           'move-categorypages', 'move-rootuserpages',
                           'move-subpages', 'suppressredirect'),
    'delete': ('bigdelete', 'delete', 'deletedhistory', 'deletedtext',
               'undelete'),
    'editprotected': ('editprotected',),
    'patrol': ('patrol',),
    'protect': ('protect',),
    'rollback': ('rollback',),
    'uploadfile': ('upload', 'reupload'),
    'viewmywatchlist': ('viewmywatchlist',),
    'editmywatchlist': ('editmywatchlist',),
}


@dataclass(eq=False)
class User:

    """An account."""

    id: int
    name: str
    password: str | None = field(repr=False)
    groups: tuple[str, ...]
    registered: float
    editcount: int = 0
    blocked: bool = False

    @property
    def all_groups(self) -> list[str]:
        """The groups of the user, those that everyone is in included."""
        return [*self.groups, '*', 'user', 'autoconfirmed']


@dataclass(eq=False)
class Session:

    """What CSRF tokens belong to: a cookie or an access token."""

    user: User | None = None
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, kind: str) -> str:
        """Return the token for *kind* of action."""
        if kind not in self.tokens:
            self.tokens[kind] = secrets.token_hex(20) + '+\\'
        return self.tokens[kind]


@dataclass(eq=False)
class Caller:

    """On whose behalf a request is carried out, and with which rights."""

    session: Session
    grants: tuple[str, ...] | None = None
    tags: tuple[str, ...] = ()

    @property
    def user(self) -> User | None:
        """The account, None if anonymous."""
        return self.session.user

    @property
    def name(self) -> str:
        """The name that an edit is attributed to."""
        return self.user.name if self.user else ANONYMOUS

    def token(self, kind: str) -> str:
        """Return the token that has to be sent for *kind* of action."""
        if self.user is None and kind != 'login':
            return '+\\'
        return self.session.token(kind)

    @property
    def rights(self) -> list[str]:
        """The rights of the account, as far as the grants go."""
        groups = self.user.all_groups if self.user else ['*']
        # A dict keeps the order, in which MediaWiki lists them too.
        rights = dict.fromkeys(
            right for group in groups for right in GROUP_RIGHTS.get(group, ()))
        if self.grants is None:
            return list(rights)
        granted = granted_rights(self.grants)
        return [right for right in rights if right in granted]


def granted_rights(grants: Iterable[str]) -> set[str]:
    """Return the rights that *grants* leave to a user."""
    return {right for grant in grants
            for right in GRANT_RIGHTS.get(grant, ())}


class Accounts:

    """All users, and the sessions of those who logged in by password."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}

    def add(self, name: str, password: str | None, groups: Iterable[str],
            now: float) -> User:
        """Create an account."""
        user = User(len(self.users) + 1, name, password, tuple(groups), now)
        self.users[name] = user
        return user

    def check(self, name: str, password: str) -> User | None:
        """Return the user of that name and password."""
        user = self.users.get(name[:1].upper() + name[1:])
        if user and user.password and user.password == password:
            return user
        return None

    def start(self, user: User | None) -> str:
        """Start a session; return the value of its cookie."""
        cookie = secrets.token_hex(16)
        self._sessions[cookie] = Session(user)
        return cookie

    def end(self, cookie: str | None) -> None:
        """Forget a session."""
        self._sessions.pop(cookie, None)

    def session(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie."""
        return self._sessions.get(cookie)
