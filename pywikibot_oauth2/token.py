#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The token: a value with an absolute expiry, and when it is due."""
from __future__ import annotations

import math
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import EndpointError, StoreError


if TYPE_CHECKING:
    from collections.abc import Mapping


#: A token is refreshed so many seconds before it expires, or a tenth of
#: its life before, whichever is less.
LEEWAY = 60.0

# RFC 6750, section 2.1: what may stand behind "Bearer". Anything else,
# such as a line break, would make requests print the whole header.
_BEARER = re.compile(r'[A-Za-z0-9._~+/-]+=*')

_VISIBLE = re.compile(r'[ -~]+')

# A token that lives longer has no practical expiry: that of an owner-only
# client lies about 1,000 years ahead.
_ENDLESS = 100 * 365 * 86400.0


class Token:
    """An access token with what is needed to renew it; unchangeable.

    :param access_token: the access token
    :param refresh_token: the refresh token; None if there is none
    :param expires_at: when the access token expires, in seconds since
        1970 UTC; None if that is not known or never
    :param lifetime: the life of the access token when it was issued, in
        seconds; None if not known
    """

    __slots__ = ('access_token', 'expires_at', 'header', 'lifetime',
                 'refresh_token')

    def __init__(self, access_token: str, refresh_token: str | None = None,
                 expires_at: float | None = None,
                 lifetime: float | None = None) -> None:
        self.access_token = access_token
        self.refresh_token = refresh_token
        self.expires_at = expires_at
        self.lifetime = lifetime
        # MediaWiki compares the scheme case-sensitively: "bearer" would be
        # silently anonymous.
        self.header = f'Bearer {access_token}'

    @classmethod
    def from_reply(cls, reply: Mapping[str, object], now: float,
                   previous: Token | None = None) -> Token:
        """Make a token of what the token endpoint answered.

        The expiry counts from the receipt of the answer. One that makes
        no sense is taken as unknown, for the refresh token beside it may
        be the only one that is left.

        :param reply: the decoded JSON object
        :param now: the time of receipt, in seconds since 1970 UTC
        :param previous: the token that was refreshed, whose refresh token
            is kept if none is returned
        :raises EndpointError: there is no usable access token in it
        """
        access_token = reply.get('access_token')
        if not is_bearer(access_token):
            raise EndpointError('the answer holds no usable access token')
        refresh_token = reply.get('refresh_token')
        if not _is_visible(refresh_token):
            refresh_token = previous.refresh_token if previous else None
        lifetime = seconds(reply.get('expires_in'))
        expires_at = None if lifetime is None else now + lifetime
        return cls(str(access_token),
                   None if refresh_token is None else str(refresh_token),
                   expires_at, lifetime)

    @property
    def renew_at(self) -> float:
        """When it is due, in seconds since 1970 UTC; may be infinite."""
        if self.expires_at is None:
            return math.inf
        if self.lifetime is None:
            return self.expires_at - LEEWAY
        return self.expires_at - min(LEEWAY, self.lifetime / 10)

    def is_valid(self, now: float) -> bool:
        """Return whether it has not expired, as far as is known."""
        return self.expires_at is None or now < self.expires_at

    def serialize(self) -> dict[str, object]:
        """Return it as a JSON-able dict, the expiry in UTC (ISO 8601)."""
        expires_at = None
        if self.expires_at is not None:
            expires_at = datetime.fromtimestamp(
                self.expires_at, timezone.utc).isoformat()
        return {'access_token': self.access_token,
                'refresh_token': self.refresh_token,
                'expires_at': expires_at,
                'lifetime': self.lifetime}

    @classmethod
    def deserialize(cls, data: Mapping[str, object]) -> Token:
        """Make a token of what :meth:`serialize` returned.

        :raises StoreError: it is not such a dict
        """
        access_token = data.get('access_token')
        refresh_token = data.get('refresh_token')
        expires_at = data.get('expires_at')
        if not is_bearer(access_token) or not (
                refresh_token is None or _is_visible(refresh_token)):
            raise StoreError('it holds no usable token')
        return cls(str(access_token),
                   None if refresh_token is None else str(refresh_token),
                   _timestamp(expires_at), seconds(data.get('lifetime')))

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Token)
                and self.access_token == other.access_token
                and self.refresh_token == other.refresh_token)

    def __hash__(self) -> int:
        return hash(self.access_token)

    def __repr__(self) -> str:
        until = 'unknown' if self.expires_at is None else self.expires_at
        return f'<{type(self).__name__} expires_at={until}>'


def is_bearer(value: object) -> bool:
    """Return whether a value can be an access token (RFC 6750)."""
    return isinstance(value, str) and bool(_BEARER.fullmatch(value))


def _is_visible(value: object) -> bool:
    """Return whether a value can be a refresh token (RFC 6749, A.17)."""
    return isinstance(value, str) and bool(_VISIBLE.fullmatch(value))


def _timestamp(value: object) -> float | None:
    """Return the seconds since 1970 UTC of an ISO 8601 time, or None."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(str(value))
        if time.tzinfo is None:
            raise ValueError
        # Some local times near the ends of the calendar have none in UTC.
        return time.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError):
        raise StoreError('the expiry in it is no time in UTC') from None


def seconds(value: object) -> float | None:
    """Return a number of seconds, or None if it makes no sense as one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < _ENDLESS else None
