#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What shall be reached, as ratios and counts of one run."""
from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple


if TYPE_CHECKING:
    from collections.abc import Mapping


class Target(NamedTuple):
    """A bound for a figure.

    :ivar sign: <= or >= or =
    """

    text: str
    figure: str
    sign: str
    bound: float
    unit: str = ''

    def is_met(self, figures: Mapping[str, float]) -> bool:
        """Return whether it is reached."""
        found, compare = figures[self.figure], _COMPARE[self.sign]
        return compare(found, self.bound)


_COMPARE: dict[str, Callable[[float, float], bool]] = {
    '<=': lambda found, bound: found <= bound,
    '>=': lambda found, bound: found >= bound,
    '=': lambda found, bound: found == bound,
}

TARGETS = (
    Target('authentication of a small form, times the minimum',
           'auth_floor_ratio', '<=', 1.5),
    Target('the same with the most costly body, times the small form',
           'flatness', '<=', 1.3),
    Target('requests_oauthlib.OAuth2, times ours', 'oauth2_ratio', '>=',
           2.5),
    Target('OAuth 1, times ours', 'oauth1_ratio', '>=', 150),
    Target('requests more than a password login with cookies',
           'extra_requests', '<=', 0),
    Target('requests more at an expiry, pwb login', 'expiry, pwb login',
           '=', 1),
    Target('requests more at an expiry, a script that edits',
           'expiry, a script that edits', '=', 1),
    Target('modules that user-config.py loads and Pywikibot would not',
           'extra_modules', '=', 0),
    Target('refreshes at an expiry, 1 waiting', '1 waiting, refreshes',
           '=', 1),
    Target('refreshes at an expiry, 8 waiting', '8 waiting, refreshes',
           '=', 1),
    Target('refreshes at an expiry, 64 waiting', '64 waiting, refreshes',
           '=', 1),
    Target('the last of 1 goes on after', '1 waiting, first', '<=', .010,
           's'),
    Target('the last of 8 goes on after', '8 waiting, first', '<=', .010,
           's'),
    Target('the last of 64 goes on after', '64 waiting, first', '<=', .010,
           's'),
    Target('a session at rest, beside its tokens', 'deserialize, bytes',
           '<=', 2048, 'bytes'),
    Target('a session that was used, beside its tokens',
           'its first request, authentication only, bytes', '<=', 2048,
           'bytes'),
)


def rows(figures: Mapping[str, float]) -> list[tuple[str, ...]]:
    """Return the targets that were measured, and whether they are met."""
    return [(target.text, f'{target.sign} {target.bound:g} {target.unit}',
             f'{figures[target.figure]:.4g} {target.unit}',
             'met' if target.is_met(figures) else 'MISSED')
            for target in TARGETS if target.figure in figures]
