"""The token: what the wiki issued, and when it expires."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import EndpointError, StoreError


if TYPE_CHECKING:
    from collections.abc import Mapping


#: A token is due this many seconds before it expires, or a tenth of its
#: lifetime before, whichever is less.
LEEWAY = 60.0

# RFC 6750, section 2.1: what may follow "Bearer". Anything else, such as
# a line break, would make requests print the whole header.
_BEARER = re.compile(r'[A-Za-z0-9._~+/-]+=*')
# RFC 6749, appendix A.17.
_VISIBLE = re.compile(r'[ -~]+')
# A longer lifetime has no practical end: the token of an owner-only
# client is valid for about 1,000 years (recorded).
_PRACTICALLY_FOREVER = 100 * 365 * 86400.0


class Header(str):
    """The value of an Authorization header, hidden from tools.

    Debuggers and traceback formatters show local variables by ``repr``.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return '<Authorization header>'


@dataclass(frozen=True, repr=False)
class Token:
    """An access token with what is needed to renew it.

    :param access_token: the access token
    :param refresh_token: the refresh token; None if there is none
    :param expires_at: when the access token expires, in seconds since
        1970 UTC; None if that is never or unknown
    :param lifetime: the lifetime of the access token when it was issued,
        in seconds; None if unknown
    """

    access_token: str
    refresh_token: str | None = None
    expires_at: float | None = None
    lifetime: float | None = None

    @classmethod
    def from_reply(
        cls,
        reply: Mapping[str, object],
        now: float,
        previous: Token | None = None,
    ) -> Token:
        """Make a token of an answer of the token endpoint.

        The expiry counts from the receipt of the answer. An expiry that
        makes no sense is taken as unknown, because the refresh token next
        to it may be the only one that is left.

        :param reply: the decoded JSON object
        :param now: the time of receipt, in seconds since 1970 UTC
        :param previous: the refreshed token, whose refresh token is kept
            if the answer holds none
        :raises EndpointError: the answer holds no usable access token
        """
        access_token = reply.get('access_token')
        if not is_bearer(access_token):
            raise EndpointError('The answer holds no usable access token.')
        refresh_token = reply.get('refresh_token')
        if not _is_visible(refresh_token):
            refresh_token = previous.refresh_token if previous else None
        lifetime = seconds(reply.get('expires_in'))
        return cls(
            str(access_token),
            None if refresh_token is None else str(refresh_token),
            None if lifetime is None else now + lifetime,
            lifetime,
        )

    @property
    def header(self) -> Header:
        """The Authorization header.

        MediaWiki compares the scheme case-sensitively: with "bearer" a
        request is silently anonymous (recorded).
        """
        return Header(f'Bearer {self.access_token}')

    @property
    def due(self) -> float:
        """When to renew it, in seconds since 1970 UTC; may be infinite."""
        return self._before_expiry(1)

    @property
    def last_use(self) -> float:
        """When it may no longer last for a request, in seconds since 1970."""
        return self._before_expiry(6)

    def _before_expiry(self, divisor: int) -> float:
        if self.expires_at is None:
            return math.inf
        leeway = min(LEEWAY, (self.lifetime or math.inf) / 10)
        return self.expires_at - leeway / divisor

    def is_valid(self, now: float) -> bool:
        """Return whether it has not expired, as far as is known."""
        return self.expires_at is None or now < self.expires_at

    def is_same_subject(self, other: Token) -> bool:
        """Return whether another token is for the same account.

        The claim ``sub`` is a bare user ID on MediaWiki 1.43, and since
        Extension:OAuth of August 2026 it is mw:local:<wiki>:<user ID>
        (recorded); an upgrade of the wiki must not end an authorization.
        A token that cannot be read passes.
        """
        subjects = [
            str(token.claims().get('sub') or '') for token in (self, other)
        ]
        if not all(subjects):
            return True
        if all(':' in subject for subject in subjects):
            return subjects[0] == subjects[1]
        return len({subject.rpartition(':')[2] for subject in subjects}) == 1

    def claims(self) -> dict[str, object]:
        """Return the claims of the access token, a JWT, unverified."""
        part = [*self.access_token.split('.'), ''][1]
        try:
            claims = json.loads(base64.urlsafe_b64decode(part + '=='))
        except (ValueError, RecursionError):
            claims = None
        return claims if isinstance(claims, dict) else {}

    def serialize(self) -> dict[str, object]:
        """Return it as a JSON-able dict, the expiry in UTC (ISO 8601)."""
        return {
            'access_token': self.access_token,
            'refresh_token': self.refresh_token,
            'expires_at': iso(self.expires_at),
            'lifetime': self.lifetime,
        }

    @classmethod
    def deserialize(cls, data: object) -> Token:
        """Make a token of what :meth:`serialize` returned.

        :raises StoreError: it is not such a dict
        """
        if not isinstance(data, dict):
            raise StoreError('the token is damaged')
        access_token = data.get('access_token')
        refresh_token = data.get('refresh_token')
        if not is_bearer(access_token) or not (
            refresh_token is None or _is_visible(refresh_token)
        ):
            raise StoreError('the token is damaged')
        return cls(
            str(access_token),
            None if refresh_token is None else str(refresh_token),
            _timestamp(data.get('expires_at')),
            seconds(data.get('lifetime')),
        )

    def __repr__(self) -> str:
        until = 'unknown' if self.expires_at is None else self.expires_at
        return f'<{type(self).__name__} expires_at={until}>'


def is_bearer(value: object) -> bool:
    """Return whether a value can be an access token (RFC 6750)."""
    return isinstance(value, str) and bool(_BEARER.fullmatch(value))


def seconds(value: object) -> float | None:
    """Return a number of seconds, or None if it makes no sense as one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < _PRACTICALLY_FOREVER else None


def iso(time: float | None) -> str | None:
    """Return a time in seconds since 1970 as ISO 8601 writes it, in UTC."""
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time, timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _is_visible(value: object) -> bool:
    return isinstance(value, str) and bool(_VISIBLE.fullmatch(value))


def _timestamp(value: object) -> float | None:
    """Return the seconds since 1970 UTC of an ISO 8601 time, or None.

    :raises StoreError: it is not such a time
    """
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
        if time.tzinfo is None:
            raise ValueError
        # Some local times at the ends of the calendar have none in UTC.
        return time.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError):
        raise StoreError('the expiry is not a time in UTC') from None
