#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What a refusal by the token endpoint means, and what to do about it.

The shapes were recorded on MediaWiki 1.43 with Extension:OAuth 1.1.0; a
dead refresh token is an invalid_grant from 1.47 on.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    EndpointError,
    OAuth2Error,
)


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot_oauth2.client import OAuth2Client


# The hint of a refused authorization code, by its beginning.
_CODE_HINTS = {
    'Authorization code has been revoked':
        'The authorization code has been used already.',
    'Authorization code has expired':
        'The authorization code is too old.',
    'Cannot decrypt the authorization code':
        'What was pasted is no authorization code of this wiki; perhaps'
        ' only a part of it was.',
    'Failed to verify `code_verifier`':
        'The authorization code belongs to another login than this one.',
    'Check the `redirect_uri` parameter':
        'The callback URL is not the one that the code was issued for.',
    'Invalid redirect URI':
        'The callback URL is not the one that the code was issued for.',
}


def of_code(prefix: str, client: OAuth2Client,
            body: Mapping[str, object]) -> OAuth2Error:
    """Return the error for a refused authorization code."""
    error, hint = body.get('error'), str(body.get('hint') or '')
    refused = _of_client(prefix, client, body)
    if refused:
        return refused
    if error in ('invalid_request', 'invalid_grant', 'access_denied'):
        meaning = next((words for start, words in _CODE_HINTS.items()
                        if hint.startswith(start)),
                       f'The wiki refused the login: {_words(body)}.')
        return AuthorizationError(
            f'{meaning} Run "pwb login" again.\nWiki: {prefix}',
            is_final=False)
    return EndpointError(f'{prefix}: {_words(body)}')


def of_refresh_token(prefix: str, client: OAuth2Client,
                     body: Mapping[str, object]) -> OAuth2Error:
    """Return the error for a refused refresh token."""
    refused = _of_client(prefix, client, body)
    if refused:
        return refused
    if body.get('error') in ('invalid_request', 'invalid_grant'):
        return AuthorizationEndedError(
            f'{prefix} no longer accepts the refresh token:'
            f' {_words(body)}.')
    return EndpointError(f'{prefix}: {_words(body)}')


def _of_client(prefix: str, client: OAuth2Client,
               body: Mapping[str, object]) -> ClientRefusedError | None:
    """Return the error if it is the client that is refused."""
    if body.get('error') not in ('invalid_client', 'unauthorized_client'):
        return None
    if client.is_confidential:
        advice = ('Compare the client ID and the client secret in'
                  ' user-config.py with those that the wiki showed at'
                  ' registration. If they are right, the client is not'
                  ' approved, was disabled or deleted: see')
    else:
        advice = ('user-config.py gives no client secret. A client'
                  ' registered as confidential needs it at every request,'
                  ' and before MediaWiki 1.46 a public client needs it to'
                  ' refresh (task T323855). The client is listed at')
    return ClientRefusedError(
        f'{prefix} does not accept the client {client.client_id}:'
        f' {_words(body)}.\n{advice}\n'
        f'{prefix}/index.php?title=Special:OAuthConsumerRegistration/list')


def _words(body: Mapping[str, object]) -> str:
    """Return what the wiki says of an error, in one line."""
    words = body.get('hint') or body.get('error_description') or ''
    return ' '.join(f'{body.get("error")} {words}'.split()).rstrip('.')[:300]
