#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The client: what is registered on the wiki and named in user-config.py."""
from __future__ import annotations

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.token import is_bearer


class OAuth2Client:
    """A client as registered at Special:OAuthConsumerRegistration.

    Neither the secret nor the access token is shown by any representation
    of the object.

    :param client_id: the client ID (called "client application key" by
        the wiki); may be left out if there is an access token
    :param client_secret: the client secret; None for a public client
    :param redirect_uri: the callback URL, exactly as registered; None if
        it shall not be sent, which makes the wiki take the registered one
    :param owner_only: whether the client is registered for use by its
        owner only: then it needs no browser
    :param access_token: the access token that the wiki showed when an
        owner-only client was registered; it has no practical expiry
    :raises ConfigurationError: a value cannot be what it should be
    """

    __slots__ = ('_access_token', '_secret', 'client_id', 'owner_only',
                 'redirect_uri')

    def __init__(self, client_id: str | None = None,
                 client_secret: str | None = None, *,
                 redirect_uri: str | None = None, owner_only: bool = False,
                 access_token: str | None = None) -> None:
        self._access_token = _text('access token', access_token)
        self._secret = _text('client secret', client_secret)
        self.redirect_uri = _text('redirect URI', redirect_uri)
        self.client_id = _text('client ID', client_id) or ''
        self.owner_only = owner_only or self._access_token is not None
        if not self.client_id and self._access_token is None:
            raise _wrong('The client ID is missing, and there is no access'
                         ' token in its place.')
        if self._access_token is not None \
                and not is_bearer(self._access_token):
            raise _wrong('The access token holds what no access token can,'
                         ' such as a blank or a line break: it is only what'
                         ' the wiki showed, without "Bearer".')
        if owner_only and not (self._secret or self._access_token):
            raise _wrong('An owner-only client needs its client secret or'
                         ' its access token.')
        if self._access_token is not None and (self._secret
                                               or self.redirect_uri):
            raise _wrong('With an access token neither a client secret nor a'
                         ' redirect URI is of use.')

    @property
    def is_confidential(self) -> bool:
        """Whether the client has a secret."""
        return self._secret is not None

    def credentials(self) -> dict[str, str]:
        """Return the form fields that authenticate the client.

        MediaWiki takes them in the form or by HTTP Basic; the form is
        what it documents.
        """
        fields = {'client_id': self.client_id}
        if self._secret is not None:
            fields['client_secret'] = self._secret
        return fields

    def fixed_token(self) -> str | None:
        """Return the access token that was given, if any."""
        return self._access_token

    def is_same(self, other: OAuth2Client) -> bool:
        """Return whether another object says the same of one client."""
        return (self.credentials() == other.credentials()
                and self.redirect_uri == other.redirect_uri
                and self.owner_only == other.owner_only
                and self._access_token == other.fixed_token())

    def is_one_with(self, other: OAuth2Client) -> bool:
        """Return whether another object stands for the same client.

        An access token alone has no client ID, and is a client by itself.
        """
        return (self.client_id == other.client_id
                and (self.client_id != ''
                     or self._access_token == other.fixed_token()))

    def __repr__(self) -> str:
        kind = ('owner-only' if self.owner_only else
                'confidential' if self.is_confidential else 'public')
        return (f'<{type(self).__name__} {self.client_id!r} ({kind}),'
                f' redirect_uri={self.redirect_uri!r}>')


def _text(name: str, value: object) -> str | None:
    """Return a value without the blanks around it.

    :raises ConfigurationError: it is neither None nor a non-empty string
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f'The {name} must be a non-empty string, not'
                     f' {type(value).__name__}.')
    return value.strip()


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError(f'{message} Correct the OAuth2Auth(…) line in'
                              ' user-config.py.')
