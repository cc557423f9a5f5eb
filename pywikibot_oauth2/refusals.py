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

import re
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    EndpointError,
    OAuth2Error,
)
from pywikibot_oauth2.wiki import special_page


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
        if 'callback URL' in meaning:
            meaning += (f' In user-config.py redirect_uri is'
                        f' {client.redirect_uri}; the registered one is shown'
                        f' at\n{client_list(prefix)}\n')
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


def of_owner(prefix: str, client: OAuth2Client,
             body: Mapping[str, object]) -> OAuth2Error:
    """Return the error for refused credentials of an owner-only client."""
    refused = _of_client(prefix, client, body)
    if refused:
        # Before MediaWiki 1.47 any other client gets this, too (recorded).
        return ClientRefusedError(
            f'{refused}\nOr it is not registered for use by its owner only:'
            ' then take owner_only=True out of user-config.py and run "pwb'
            ' login".')
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
        f' {_words(body)}.\n{advice}\n{client_list(prefix)}')


def client_list(prefix: str) -> str:
    """Return the address of the page that lists one's own clients."""
    return special_page(prefix, 'OAuthConsumerRegistration/list')


def _words(body: Mapping[str, object]) -> str:
    """Return what the wiki says of an error, in one line."""
    words = body.get('hint') or body.get('error_description') or ''
    return printable(f'{body.get("error")} {words}').rstrip('. ')


def printable(text: str) -> str:
    """Return what a server said in one short line, fit for a terminal."""
    return re.sub(r'[^\x21-\x7e\xa1-\ud7ff\ue000-\uffff]+', ' ', text)[:300]


# What an error of api.php may mean where OAuth 2.0 is used.
_OF_REQUESTS = {
    'permissiondenied':
        'If the account itself may do that, the client lacks the grant for'
        ' it{grant}. Grants cannot be added: register a client with them.',
    'cannotlogout':
        'To forget the token here run "pwb oauth2 -logout"; to end the'
        ' authorization on the wiki see\n{grants_page}',
    'mwoauth-invalid-authorization-wrong-wiki':
        'The client is registered for another wiki than this one.',
    'mwoauth-invalid-authorization-invalid-user':
        'The account does not exist on this wiki. Log in to it once in the'
        ' browser, as that account.',
    'mwoauth-invalid-authorization-blocked-user':
        'The account is blocked or locked.',
    'mwoauth-invalid-authorization-not-approved':
        'The client is not approved for this account, or was disabled. Until'
        ' it is approved only the account that registered it can use it.',
    'blocked': 'The account is blocked.',
}


# The names that the registration form has for what most bots need.
_GRANTS = {
    'edit': '"Edit existing pages"',
    'move': '"Create, edit, and move pages"',
    'delete': '"Delete pages, revisions, and log entries"',
    'protect': '"Protect and unprotect pages"',
    'upload': '"Upload new files"',
}


def grant_for(action: str) -> str:
    """Return what the wiki calls the grant for an action, if known."""
    return _GRANTS.get(action, '')


def of_request(prefix: str, client: OAuth2Client, code: str,
               action: str) -> str | None:
    """Return what an error code of api.php means here, and what to do.

    :param action: the action of the request, if known
    :return: None for a code that has nothing to do with OAuth 2.0
    """
    meaning = _OF_REQUESTS.get(code)
    if meaning is None:
        return None
    asked = f' to action={action}' if action else ''
    meaning = meaning.format(
        grant=f': {grant_for(action)}' if grant_for(action) else '',
        grants_page=special_page(prefix, 'OAuthManageMyGrants'))
    return (f'{prefix} answered {code}{asked}. {meaning}\nThe client is'
            f' {client.client_id or "owner-only"}: {client_list(prefix)}')
