#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The client: what is registered on the wiki and named in user-config.py."""
from __future__ import annotations

from pywikibot_oauth2.errors import ConfigurationError


class OAuth2Client:
    """A client as registered at Special:OAuthConsumerRegistration.

    The secret is shown by no representation of the object.

    :param client_id: the client ID (called "client application key" by
        the wiki)
    :param client_secret: the client secret; None for a public client
    :param redirect_uri: the callback URL, exactly as registered; None if
        it shall not be sent, which makes the wiki take the registered one
    :raises ConfigurationError: a value cannot be what it should be
    """

    __slots__ = ('_secret', 'client_id', 'redirect_uri')

    def __init__(self, client_id: str, client_secret: str | None = None, *,
                 redirect_uri: str | None = None) -> None:
        for name, value in (('client ID', client_id),
                            ('client secret', client_secret or None),
                            ('redirect URI', redirect_uri)):
            optional = name != 'client ID'
            if value is None and optional:
                continue
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError(
                    f'The {name} must be a non-empty string, not'
                    f' {type(value).__name__}. Correct the OAuth2Auth(…)'
                    ' line in user-config.py.')
        self.client_id = client_id.strip()
        self.redirect_uri = redirect_uri
        self._secret = (client_secret or '').strip() or None

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

    def __repr__(self) -> str:
        kind = 'confidential' if self.is_confidential else 'public'
        return (f'<{type(self).__name__} {self.client_id!r} ({kind}),'
                f' redirect_uri={self.redirect_uri!r}>')
