#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What is known of an authorization; nothing secret."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from pywikibot.site import BaseSite

    from pywikibot_oauth2.auth import OAuth2Auth
    from pywikibot_oauth2.client import OAuth2Client


#: In seconds.
DAY = 86400

#: The exit status of each state that an authorization may be in.
EXITS = {
    'authorized': 0,
    'not authorized': 1,
    'logged out': 1,
    'ended': 1,
    'refused': 1,
    'misconfigured': 2,
    'unreachable': 3,
    'store unusable': 4,
}


class RefreshBy(NamedTuple):
    """By when a refresh token should have been used, and who says so."""

    time: float
    source: str


class Status:
    """What is known of the authorization for one site.

    :param site: the site
    :param auth: what user-config.py has for it
    """

    def __init__(self, site: BaseSite, auth: OAuth2Auth) -> None:
        self.site = str(site)
        self.account = str(site.username() or '') or None
        self.client_id = auth.client.client_id or None
        self.kind = kind(auth.client)
        self.kept_in = place(auth, self.account)
        self.state = 'not authorized'
        self.reason: str | None = None
        self.accepted: bool | None = None
        self.grants: list[str] | None = None
        self.rights: list[str] | None = None
        self.limits: dict[str, object] | None = None
        self.blocked: bool | None = None
        self.expires_at: float | None = None
        self.refresh_by: RefreshBy | None = None

    def set(self, state: str, reason: object = None) -> None:
        """Note the state, and why it is that or what to do."""
        assert state in EXITS
        self.state = state
        self.reason = None if reason is None else str(reason)

    @property
    def exit_status(self) -> int:
        """The exit status that goes with the state."""
        return EXITS[self.state]

    def serialize(self) -> dict[str, object]:
        """Return it as a JSON-able dict."""
        return {
            'site': self.site,
            'account': self.account,
            'client_id': self.client_id,
            'client_kind': self.kind,
            'state': self.state,
            'reason': self.reason,
            'exit_status': self.exit_status,
            'accepted': self.accepted,
            'blocked': self.blocked,
            'grants': self.grants,
            'rights': self.rights,
            'ratelimits': self.limits,
            'access_token_expires_at': iso(self.expires_at),
            'refresh_token_use_by': iso(
                self.refresh_by and self.refresh_by.time
            ),
            'refresh_token_use_by_source': self.refresh_by
            and self.refresh_by.source,
            'kept_in': self.kept_in,
        }


def kind(client: OAuth2Client) -> str:
    """Return what kind of client it is."""
    return (
        'owner-only'
        if client.owner_only
        else 'confidential'
        if client.is_confidential
        else 'public'
    )


def place(auth: OAuth2Auth, account: str | None) -> str | None:
    """Return where the token of an account is kept."""
    if auth.client.fixed_token() is not None:
        return 'the configuration (access_token)'
    return None if account is None else auth.store.where(account)


def iso(time: float | None) -> str | None:
    """Return a time as ISO 8601 has it, in UTC."""
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time, timezone.utc).isoformat(
            timespec='seconds'
        )
    except (ValueError, OverflowError, OSError):
        return None
