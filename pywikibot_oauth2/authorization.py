"""What one user allowed one client on one wiki."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NamedTuple

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.token import Token, is_bearer


#: The version of what :meth:`Authorization.serialize` returns.
VERSION = 1

#: The reason why an authorization has ended when its owner logged out.
LOGGED_OUT = 'logged out'


class Authorization(NamedTuple):
    """What one user allowed one client on one wiki.

    It is immutable. The methods return its successor, whose generation is
    higher by one, so that the newer of two copies can be told without a
    clock.

    :param wiki: the address of the script folder of the wiki
    :param user: the account; None if it is not known yet
    :param token: the token; None if there is none
    :param ended: why the authorization has ended, or None
    :param generation: the higher, the newer; 0 until a token is obtained
    """

    client_id: str
    wiki: str
    user: str | None = None
    token: Token | None = None
    ended: str | None = None
    generation: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether there is a token that the wiki has not refused."""
        return self.token is not None and self.ended is None

    def with_token(self, token: Token) -> Authorization:
        """Return the authorization with a new token."""
        return self._replace(
            token=token, ended=None, generation=self.generation + 1
        )

    def end(self, reason: str) -> Authorization:
        """Return the authorization as ended, without its token."""
        return self._replace(
            token=None, ended=reason, generation=self.generation + 1
        )

    def serialize(self) -> dict[str, object]:
        """Return it as a JSON-serializable dict, which holds the tokens.

        Its expires_at is in seconds since 1970 UTC, its lifetime in
        seconds.
        """
        token = self.token
        return {
            'version': VERSION,
            **self._asdict(),
            'wiki': f'{self.wiki}/api.php',
            'token': token
            and {
                'access_token': token.access_token,
                'refresh_token': token.refresh_token,
                'expires_at': token.expires_at,
                'lifetime': token.lifetime,
            },
        }

    @classmethod
    def deserialize(cls, data: Mapping[str, object]) -> Authorization:
        """Create an authorization from what :meth:`serialize` returned.

        :raises StoreError: it is not such a dict, or a newer release
            wrote it
        """
        fields = data if isinstance(data, Mapping) else {}
        match {**dict.fromkeys(cls._fields), **fields}:
            case {'version': int(version)} if version > VERSION:
                raise StoreError('a newer release wrote it')
            case {
                'version': 1,
                'client_id': str(client_id),
                'wiki': str(wiki),
                'user': str() | None as user,
                'token': token,
                'ended': str() | None as ended,
                'generation': int(generation),
            } if (
                wiki.endswith('/api.php')
                and type(generation) is int
                and generation >= 0
            ):
                return cls(
                    client_id,
                    sys.intern(wiki.removesuffix('/api.php')),
                    user,
                    None if token is None else Token.deserialize(token),
                    'unknown' if ended == '' else ended,
                    generation,
                )
        raise StoreError('a field is damaged')


class PendingLogin(NamedTuple):
    """A login that is not complete yet; no part of it may be shown.

    :param state: the state that the callback must contain
    :param verifier: the PKCE code verifier
    :param redirect_uri: the callback URL that was sent, or None
    """

    state: str
    verifier: str
    redirect_uri: str | None = None

    @classmethod
    def deserialize(cls, data: object) -> PendingLogin | None:
        """Create it from a dict of its fields; None for None.

        :raises StoreError: it is not such a dict
        """
        match data:
            case None:
                return None
            case {
                'state': state,
                'verifier': verifier,
                'redirect_uri': str() | None as redirect_uri,
                **others,
            } if not others and is_bearer(state) and is_bearer(verifier):
                return cls(state, verifier, redirect_uri)
        raise StoreError('the pending login is damaged')

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'
