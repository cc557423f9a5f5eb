#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What can go wrong, by what the user can do about it."""
from __future__ import annotations

from pywikibot.exceptions import Error, FatalServerError, NoUsernameError


class OAuth2Error(Error):
    """The base of all errors that this package raises.

    Leaves that may come out of a request also derive from Pywikibot's
    FatalServerError: any other exception Pywikibot would print and
    repeat up to 15 times, though waiting does not mend it.
    """


class ConfigurationError(OAuth2Error, FatalServerError):
    """What stands in user-config.py cannot work."""


class AuthorizationError(OAuth2Error, NoUsernameError):
    """An authorization was not given: denied, timed out, not completed.

    :ivar is_final: whether the login that waits is over; if not, another
        answer may still complete it
    """

    def __init__(self, message: str, *, is_final: bool = True) -> None:
        super().__init__(message)
        self.is_final = is_final


class AuthorizationEndedError(OAuth2Error, FatalServerError):
    """The authorization has ended, or was never given: authorize (again)."""


class ClientRefusedError(OAuth2Error, FatalServerError):
    """The wiki does not accept the client ID or the client secret."""


class EndpointError(OAuth2Error, FatalServerError):
    """The wiki gave no usable answer; the same may work later.

    :ivar retry_after: seconds the wiki asked to wait, or None
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreError(OAuth2Error, FatalServerError):
    """A stored token cannot be read or written; it was left as it is.

    :ivar is_unreachable: whether nothing is known of what is stored, and
        the store can still take a newer token
    """

    def __init__(self, message: str, *, is_unreachable: bool = False) -> None:
        super().__init__(message)
        self.is_unreachable = is_unreachable
