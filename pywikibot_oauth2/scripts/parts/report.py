#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A status as text, for a person."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pywikibot_oauth2.scripts.parts.status import DAY, iso


if TYPE_CHECKING:
    from pywikibot_oauth2.scripts.parts.status import Status


# The rights that make a difference to every bot, and the limits that a
# bot runs into; -json has them all.
_RIGHTS = 'bot', 'apihighlimits', 'noratelimit', 'edit', 'createpage', 'move'
_LIMITS = 'edit', 'move', 'upload', 'rollback', 'purge'

# A token that lives longer than this has no practical expiry.
_ENDLESS = 100 * 365 * DAY


def text(status: Status, now: float) -> str:
    """Return what is known of an authorization, in lines."""
    rows = [
        ('account', status.account),
        ('client', f'{status.client_id or "-"} ({status.kind})'),
        ('state', _state(status)),
        ('grants', _list(status.grants)),
        ('rights', _rights(status.rights)),
        ('limits', _limits(status.limits)),
        ('access token', _expiry(status, now)),
        ('refresh token', _refresh_by(status, now)),
        ('kept in', status.kept_in),
    ]
    return '\n'.join(
        [
            status.site,
            *(f'  {name:<14} {value}' for name, value in rows if value),
        ]
    )


def _state(status: Status) -> str:
    words = status.state
    if status.accepted:
        words += ', and the wiki accepts the token'
    if status.blocked:
        words += '; but the account is blocked'
    if status.reason:
        words += ': ' + status.reason.replace('\n', '\n' + 17 * ' ')
    return words


def _list(names: list[str] | None) -> str | None:
    return None if names is None else ', '.join(names) or 'none'


def _rights(rights: list[str] | None) -> str | None:
    if rights is None:
        return None
    missing = [right for right in _RIGHTS if right not in rights]
    words = ', '.join(right for right in _RIGHTS if right in rights)
    words += f' and {len(rights) - len(_RIGHTS) + len(missing)} more'
    return words + (f'; not: {", ".join(missing)}' if missing else '')


def _limits(limits: dict[str, object] | None) -> str | None:
    """Return the limits that the wiki reports for some actions.

    Of those that apply to an account, the wiki takes the highest.
    """
    if limits is None:
        return None
    found = []
    for action in _LIMITS:
        groups = limits.get(action)
        rates = [
            (hits / seconds, hits, seconds)
            for hits, seconds in map(
                _rate, groups.values() if isinstance(groups, dict) else ()
            )
            if seconds
        ]
        if rates:
            _, hits, seconds = max(rates)
            found.append(f'{action} {hits:g} in {seconds:g} s')
    more = len(limits.keys() - set(_LIMITS))
    return ('; '.join(found) or 'none for what a bot does') + (
        f' ({more} more with -json)' if more else ''
    )


def _rate(limit: object) -> tuple[float, float]:
    """Return hits and seconds; no seconds if it is no limit."""
    if isinstance(limit, dict):
        hits, seconds = limit.get('hits'), limit.get('seconds')
        if isinstance(hits, (int, float)) and isinstance(
            seconds, (int, float)
        ):
            return hits, seconds
    return 0, 0


def _expiry(status: Status, now: float) -> str | None:
    time = status.expires_at
    if time is None:
        return None
    if time - now > _ENDLESS:
        return 'has no practical expiry'
    if time < now:
        return f'expired at {_time(time)}'
    return f'until {_time(time)} ({_span(time - now)} from now)'


def _refresh_by(status: Status, now: float) -> str | None:
    limit = status.refresh_by
    if limit is None:
        return None
    verb = 'had to be' if limit.time < now else 'is to be'
    return (
        f'{verb} used by about {(iso(limit.time) or "?")[:10]}'
        f' ({limit.source})'
    )


def _time(time: float) -> str:
    date, _, clock = (iso(time) or '?').partition('T')
    return f'{date} {clock[:5]} UTC'


def _span(seconds: float) -> str:
    """Return a span of time in two units at most."""
    minutes = math.ceil(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f'{days} d {hours} h'
    return f'{hours} h {minutes % 60} min' if hours else f'{minutes} min'
