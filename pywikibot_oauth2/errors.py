"""Errors that carry facts; the advice is in other modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywikibot.exceptions import Error, FatalServerError, NoUsernameError


if TYPE_CHECKING:
    from typing_extensions import Self


class OAuth2Error(Error):
    """The base of all errors that this package raises.

    The message is one neutral sentence. All other facts are in the
    attributes, so that a program can decide what to do.

    Subclasses that a request may raise also derive from Pywikibot's
    FatalServerError: Pywikibot prints any other exception and repeats the
    request up to 15 times, although waiting does not help.

    :param message: what went wrong
    :param wiki: the address of the wiki's script folder
    :param account: the account that the authorization is for
    :param client_id: the client ID
    :param error: the error code that the wiki gave
    :param hint: what the wiki said about it
    :param retry_after: seconds that the wiki asked to wait
    """

    def __init__(
        self,
        message: str,
        *,
        wiki: str | None = None,
        account: str | None = None,
        client_id: str | None = None,
        error: str | None = None,
        hint: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.wiki = wiki
        self.account = account
        self.client_id = client_id
        self.error = error
        self.hint = hint
        self.retry_after = retry_after

    def about(
        self,
        account: str | None,
        client_id: str | None,
        wiki: str | None = None,
    ) -> Self:
        """Add facts that were not known where the error arose.

        :return: the error itself
        """
        self.wiki = self.wiki or wiki
        self.account = self.account or account
        self.client_id = self.client_id or client_id
        return self


class ConfigurationError(OAuth2Error, FatalServerError):
    """The configuration cannot work."""


class AuthorizationError(OAuth2Error, NoUsernameError):
    """The authorization was denied, timed out, or was not completed.

    :ivar is_final: whether the pending login is over; if not, another
        answer may still complete it
    """

    is_final = True


class AnswerNotAcceptedError(AuthorizationError):
    """An answer does not complete the login, which is still pending."""

    is_final = False


class AuthorizationEndedError(OAuth2Error, FatalServerError):
    """The authorization has ended or was never given."""


class ClientRefusedError(OAuth2Error, FatalServerError):
    """The wiki does not accept the client.

    :ivar is_unusable: whether nobody may use the client (it expired, was
        rejected or was disabled) even though its credentials are right
    :ivar ends_refresh_token: whether the refused refresh has used up the
        refresh token (as before Extension:OAuth of August 2026)
    """

    is_unusable = False
    ends_refresh_token = False


class EndpointError(OAuth2Error, FatalServerError):
    """The wiki gave no usable answer; trying again later may work.

    :ivar status: the HTTP status, or None if there was no answer
    """

    status: int | None = None


class StoreError(OAuth2Error, FatalServerError):
    """A stored token cannot be read or written; it was left as it is."""


class StoreUnreachableError(StoreError):
    """The store cannot be reached; a new token is kept somewhere else."""


def printable(text: object) -> str:
    """Return a text from a wiki as one short line, safe for a terminal.

    Control characters, which could move the cursor or overwrite the
    screen, become spaces, and so do the marks of Pywikibot's colors.
    """
    line = [char if char.isprintable() else ' ' for char in str(text)[:1000]]
    return ' '.join(''.join(line).replace('<<', ' ').split())[:300]


def reason_of(error: Exception) -> str:
    """Return the innermost cause of a failed request, in one line."""
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, 'reason', cause)
    # urllib3 begins with the representation of a connection.
    words = str(cause).rpartition('): ')[2]
    return f'{type(error).__name__}: {printable(words)}'
