"""The client: what was registered on the wiki, and its credentials."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.token import is_bearer


# The number of hexadecimal digits of MediaWiki's client IDs (recorded). Its
# client secrets are longer.
_ID_LENGTH = 32
# Seconds that a command may take, including a person's answer to it.
_COMMAND_TIMEOUT = 120


class Credentials(NamedTuple):
    """The credentials of a client; the representation shows none of them.

    The fields of a credentials file have these names, and so do environment
    variables, in capitals and with a prefix.
    """

    client_id: str | None = None
    client_secret: str | None = None
    access_token: str | None = None

    @classmethod
    def from_environment(cls) -> Credentials:
        """Return the credentials in environment variables.

        :raises ConfigurationError: none of the variables is set
        """
        names = [f'PYWIKIBOT_OAUTH2_{name.upper()}' for name in cls._fields]
        found = cls(*[os.environ.get(name) or None for name in names])
        if not any(found):
            raise ConfigurationError(
                f'None of the environment variables {", ".join(names)} is set.'
            )
        return found

    @classmethod
    def from_command(
        cls, command: Sequence[str], client_id: str | None = None
    ) -> Credentials:
        """Return the credentials that a command writes to standard output.

        :param client_id: the client ID; if given, the output is the
            client secret, otherwise it is what a credentials file holds
        :raises ConfigurationError: the command fails, or its output is
            something else
        """
        import subprocess

        is_list = isinstance(command, (list, tuple)) and bool(command)
        if not is_list or not all(isinstance(part, str) for part in command):
            raise ConfigurationError(
                'The command for the credentials must be a list of strings.'
            )

        # No variable holds the output, which a traceback might show.
        def run() -> bytes:
            return subprocess.check_output(command, timeout=_COMMAND_TIMEOUT)

        try:
            if client_id is None:
                return cls.from_json(run(), f'The output of {command[0]}')
            secret = run().decode(errors='replace').strip()
            return cls(client_id, secret or None)
        except subprocess.CalledProcessError as error:
            reason = f'ended with status {error.returncode}'
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            reason = f'cannot be run ({type(error).__name__})'
        raise ConfigurationError(
            f'The command {command[0]} for the credentials {reason}.'
        )

    @classmethod
    def from_json(cls, content: bytes, what: str) -> Credentials:
        """Return the credentials in a JSON object.

        :param what: the name of the object in messages
        :raises ConfigurationError: it is something else; the error does not
            show it
        """
        data = None
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            data = json.loads(content)
            if isinstance(data, dict) and {*map(type, data.values())} == {str}:
                return cls(**data)
        del content, data
        raise ConfigurationError(
            f'{what} must be a JSON object with strings for some of'
            f' {", ".join(cls._fields)}, and nothing else.',
            error='bad_credentials',
        )

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


class OAuth2Client:
    """A client as registered at Special:OAuthConsumerRegistration.

    No representation of the object shows the client secret or the access
    token.

    :param client_id: the client ID (the wiki calls it "client application
        key"); may be omitted if there is an access token
    :param client_secret: the client secret; None for a public client
    :param redirect_uri: the callback URL, exactly as registered; if it is
        None, the wiki uses the registered one
    :param owner_only: whether the client is registered for use by its
        owner only; such a client needs no browser
    :param access_token: the access token that the wiki showed when an
        owner-only client was registered; it has no practical expiry
    :raises ConfigurationError: a value is invalid
    """

    # Not a dataclass: pytest and JSON encoders show all fields of those.
    __slots__ = (*Credentials._fields, 'owner_only', 'redirect_uri')

    def __init__(
        self,
        client_id: str | None = None,
        client_secret: str | None = None,
        *,
        redirect_uri: str | None = None,
        owner_only: bool = False,
        access_token: str | None = None,
    ) -> None:
        self.client_id = _text('client ID', client_id) or ''
        self.client_secret = _text('client secret', client_secret)
        self.redirect_uri = _text('callback URL', redirect_uri)
        self.owner_only = owner_only or access_token is not None
        # Once this is set, the object is immutable.
        self.access_token = token = _text('access token', access_token)
        reason = None
        if token is None and not client_id:
            reason = 'There is neither a client ID nor an access token.'
        elif token is None and owner_only and not client_secret:
            reason = (
                'An owner-only client needs its client secret or its access'
                ' token.'
            )
        elif token is not None and not is_bearer(token):
            reason = (
                'The access token contains a character that an access token'
                ' cannot contain, such as a space or a line break.'
            )
        elif token is not None and (client_secret or redirect_uri):
            reason = (
                'A client with a fixed access token uses neither a client'
                ' secret nor a callback URL.'
            )
        if reason is not None:
            raise ConfigurationError(reason, client_id=self.shown_id or None)

    @property
    def is_confidential(self) -> bool:
        """Whether the client has a secret."""
        return self.client_secret is not None

    @property
    def kind(self) -> str:
        """The kind of client: owner-only, confidential or public."""
        if self.owner_only:
            return 'owner-only'
        return 'confidential' if self.is_confidential else 'public'

    @property
    def shown_id(self) -> str:
        """The client ID as it may be shown.

        A longer value in its place may be the client secret or the access
        token.
        """
        if len(self.client_id) <= _ID_LENGTH:
            return self.client_id
        return f'({len(self.client_id)} characters)'

    def check(self) -> None:
        """Check the values that a person may have mixed up or mistyped.

        :raises ConfigurationError: the client ID or the callback URL has a
            form that MediaWiki does not use
        """
        length = len(self.client_id)
        if length and not re.fullmatch(r'[0-9a-f]{32}', self.client_id):
            hidden = f'A value of {length} characters'
            value = hidden if length > _ID_LENGTH else repr(self.client_id)
            raise ConfigurationError(
                f'{value} is not a client ID, which consists of'
                f' {_ID_LENGTH} digits and letters from a to f.',
                client_id=self.shown_id,
                error='client_id',
            )
        reason = self.redirect_uri and _callback_error(self.redirect_uri)
        if reason:
            raise ConfigurationError(
                f'The callback URL {self.redirect_uri!r} {reason}.',
                client_id=self.client_id,
                error='redirect_uri',
            )

    def same_registration(self, other: OAuth2Client) -> bool:
        """Return whether another object stands for the same client.

        Without a client ID, the access tokens are compared.
        """
        return self.client_id == other.client_id and (
            self.client_id != '' or self.access_token == other.access_token
        )

    def __setattr__(self, name: str, value: object = None) -> None:
        if hasattr(self, 'access_token'):
            raise AttributeError(f'{type(self).__name__} is immutable')
        super().__setattr__(name, value)

    __delattr__ = __setattr__

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in OAuth2Client.__slots__)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, OAuth2Client)
            and self._values() == other._values()
        )

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self) -> str:
        raise TypeError(
            'An OAuth2Client holds a secret and cannot be pickled.'
        )

    def __deepcopy__(self, _memo: object = None) -> OAuth2Client:
        return self

    __copy__ = __deepcopy__

    def __repr__(self) -> str:
        return (
            f'<{type(self).__name__} {self.shown_id!r} ({self.kind}),'
            f' redirect_uri={self.redirect_uri!r}>'
        )


def _callback_error(url: str) -> str | None:
    """Return what is wrong with a callback URL, if anything."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError
    except ValueError:
        return 'is not a URL'
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        return 'does not begin with http:// or https:// and a host'
    if parts.fragment or re.search(r'\s', url):
        return 'contains a fragment (#) or a space'
    return None


def _text(name: str, value: str | None) -> str | None:
    """Return a value without the white space around it."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigurationError(
            f'The {name} must be a string, not {type(value).__name__}.'
        )
    if not value.strip():
        raise ConfigurationError(f'The {name} is empty.')
    return value.strip()
