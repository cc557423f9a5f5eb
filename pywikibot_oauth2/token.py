"""The token: what the wiki issued, and when it expires."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, SupportsIndex, TypeGuard

from pywikibot_oauth2.errors import EndpointError, StoreError


if TYPE_CHECKING:
    from typing_extensions import Self


#: A token is due this many seconds before it expires, or a tenth of its
#: lifetime before, whichever is less.
LEEWAY = 60.0

# RFC 6750, section 2.1: what may follow "Bearer". Anything else, such as
# a line break, would make requests print the whole header.
_BEARER = r'[A-Za-z0-9._~+/-]+=*'
# RFC 6749, appendix A.17.
_VISIBLE = r'[ -~]+'
# A longer lifetime is taken as no expiry: the token of an owner-only client
# is valid for about 1,000 years (recorded).
_PRACTICALLY_FOREVER = 100 * 365 * 86400.0
# No clock gets here, in seconds since 1970 UTC; NaN is not less, either.
_LAST_TIME = 1e15


class Hidden(str):
    """A secret text, hidden from tools.

    Debuggers and traceback formatters show local variables by ``repr``.

    :cvar what: what they show instead
    """

    __slots__ = ()
    what = 'secret'

    def __getitem__(self, key: SupportsIndex | slice) -> Self:
        # Some of these tools shorten long strings first.
        return type(self)(super().__getitem__(key))

    def __repr__(self) -> str:
        return f'<{self.what}>'


class Header(Hidden):
    """The value of an Authorization header."""

    __slots__ = ()
    what = 'Authorization header'


@dataclass(frozen=True, repr=False, slots=True)
class Token:
    """An access token, with the refresh token that renews it.

    :param access_token: the access token
    :param refresh_token: the refresh token; None if there is none
    :param expires_at: when the access token expires, in seconds since
        1970 UTC; None for never or unknown
    :param lifetime: the lifetime of the access token when it was issued,
        in seconds; None if unknown
    :ivar header: the Authorization header; MediaWiki compares its scheme
        case-sensitively, and with "bearer" a request is silently anonymous
        (recorded)
    :ivar leeway: seconds before its expiry from which it is renewed
    :ivar due: when to renew the token, in seconds since 1970 UTC
    """

    access_token: str
    refresh_token: str | None = None
    expires_at: float | None = None
    lifetime: float | None = None
    header: Header = field(init=False, compare=False)
    leeway: float = field(init=False, compare=False)
    due: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        expiry = math.inf if self.expires_at is None else self.expires_at
        leeway = min(LEEWAY, (self.lifetime or math.inf) / 10)
        header = Header(f'Bearer {self.access_token}')
        object.__setattr__(self, 'header', header)
        object.__setattr__(self, 'leeway', leeway)
        object.__setattr__(self, 'due', expiry - leeway)

    @classmethod
    def from_reply(
        cls,
        reply: Mapping[str, object],
        now: float,
        previous: Token | None = None,
    ) -> Token:
        """Create a token from an answer of the token endpoint.

        The expiry counts from the receipt of the answer. An expiry that
        makes no sense is treated as unknown, because the refresh token in
        the same answer may be the only one left.

        :param now: the time of receipt, in seconds since 1970 UTC
        :param previous: the old token, whose refresh token is kept if the
            answer holds none
        :raises EndpointError: the answer holds no usable access token
        """
        access_token = reply.get('access_token')
        if not is_bearer(access_token):
            raise EndpointError('The answer holds no usable access token.')
        refresh_token = reply.get('refresh_token')
        if not _is_visible(refresh_token):
            refresh_token = previous.refresh_token if previous else None
        lifetime = seconds(reply.get('expires_in'))
        expires_at = None if lifetime is None else now + lifetime
        return cls(access_token, refresh_token, expires_at, lifetime)

    def left(self, now: float) -> float:
        """Return the seconds until it expires, as far as is known."""
        return math.inf if self.expires_at is None else self.expires_at - now

    def is_valid(self, now: float) -> bool:
        """Return whether it has not expired, as far as is known."""
        return self.left(now) > 0

    def is_same_subject(self, other: Token) -> bool:
        """Return whether another token is for the same account.

        The claim ``sub`` is a bare user ID on MediaWiki 1.43, and since
        Extension:OAuth of August 2026 it is mw:local:<wiki>:<user ID>
        (recorded); an upgrade of the wiki must not end an authorization.
        A token whose claims cannot be read is accepted.
        """
        subjects = {
            str(token.claims().get('sub') or '') for token in (self, other)
        }
        if not all(':' in subject for subject in subjects):
            subjects = {subject.rpartition(':')[2] for subject in subjects}
        return len(subjects) == 1 or '' in subjects

    def claims(self) -> dict[str, object]:
        """Return the claims of the access token, a JWT, unverified."""
        part = [*self.access_token.split('.'), ''][1]
        try:
            claims = json.loads(base64.urlsafe_b64decode(part + '=='))
        except (ValueError, RecursionError):
            claims = None
        return claims if isinstance(claims, dict) else {}

    @classmethod
    def deserialize(cls, data: object) -> Token:
        """Create a token from its fields in a dict.

        :raises StoreError: it is not such a dict
        """
        fields = data if isinstance(data, Mapping) else {}
        access_token = fields.get('access_token')
        refresh_token = fields.get('refresh_token')
        expires_at = fields.get('expires_at')
        lifetime = seconds(fields.get('lifetime'))
        if (
            is_bearer(access_token)
            and (refresh_token is None or _is_visible(refresh_token))
            and type(expires_at) in (int, float, type(None))
            and abs(expires_at or 0) < _LAST_TIME
        ):
            return cls(access_token, refresh_token, expires_at, lifetime)
        raise StoreError('the token is damaged')

    def __repr__(self) -> str:
        until = 'unknown' if self.expires_at is None else self.expires_at
        return f'<{type(self).__name__} expires_at={until}>'


def is_bearer(value: object) -> TypeGuard[str]:
    """Return whether a value can be an access token (RFC 6750)."""
    return isinstance(value, str) and bool(re.fullmatch(_BEARER, value))


def seconds(value: object) -> float | None:
    """Return a number of seconds, or None if it makes no sense as one."""
    number = 0.0
    if isinstance(value, (int, float, str)) and value is not True:
        with contextlib.suppress(ValueError, OverflowError):
            number = float(value)
    return number if 0 < number < _PRACTICALLY_FOREVER else None


def _is_visible(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(re.fullmatch(_VISIBLE, value))
