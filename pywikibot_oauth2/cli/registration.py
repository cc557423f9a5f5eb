"""Registering a client with the wiki's form or its REST API."""

from __future__ import annotations

from urllib.parse import urlencode

from pywikibot_oauth2 import host
from pywikibot_oauth2.messages import GRANTS


#: A callback URL that the form and the API accept. Without a path, the form
#: warns and the API refuses (recorded).
CALLBACK_URL = 'http://127.0.0.1:8080/callback'

_TYPES = ['authorization_code', 'refresh_token']


def form_address(wiki: str, username: str, callback_url: str | None) -> str:
    """Return the address of the form with its fields filled in.

    The address can hold text, check boxes and the grant types, but neither
    the grants (a matrix of check boxes) nor the agreement. An owner-only
    client has no callback URL.
    """
    fields: dict[str, object] = {
        'wpname': f'Pywikibot of {username}',
        'wpversion': '1.0',
        'wpdescription': f'Lets {username} run scripts of Pywikibot under'
        ' OAuth 2.0.',
        'wpoauth2IsConfidential': '1',
        'wpgranttype': 'normal',
    }
    if callback_url is None:
        fields['wpownerOnly'] = '1'
    else:
        fields['wpcallbackUrl'] = callback_url
        fields['wpoauth2GrantTypes[]'] = _TYPES
    query = urlencode(fields, doseq=True)
    return f'{host.client_page(wiki, "propose/oauth2")}&{query}'


def proposal(
    username: str, email: str, grants: list[str], callback_url: str | None
) -> dict[str, object]:
    """Return the fields of a registration by the REST API (recorded)."""
    return {
        'name': f'Pywikibot of {username}',
        'version': '1.0',
        'description': f'Lets {username} run scripts of Pywikibot.',
        'email': email,
        'wiki': '*',
        'is_confidential': True,
        'owner_only': callback_url is None,
        'callback_url': callback_url or '',
        'callback_is_prefix': False,
        'grant_types': _TYPES if callback_url else ['client_credentials'],
        'scopes': ['basic', *(grant for grant in grants if grant != 'basic')],
    }


def grants_table() -> str:
    """Return the grants that bots need, and what each is used for."""
    return '\n'.join(
        f'  {name:<20} {title:<42} {use}'
        for name, (title, _rights, use) in GRANTS.items()
    )


def instructions(wiki: str, name: str, url: str) -> str:
    """Return instructions for registering a client by hand."""
    return f"""\
"pwb oauth2 -setup" does all of this for you. To do it by hand, log in to the
wiki as {name}, whose e-mail address must be confirmed, and open:

{url}

The fields are filled in, except for these:

"Applicable grants". The bot can do only what they allow, and they cannot be
changed afterwards:

{grants_table()}

"This consumer is for use only by {name}": leave it unticked if you can click
"Allow" in a browser. If you tick it, the wiki shows an access token, which is
all that user-config.py needs: OAuth2Auth(access_token='…').

The application policy, at the end. Read it and tick its box.

The wiki then shows the client ID and the client secret, once. An administrator
has to approve the client within 30 days, or it expires; until then it works
for {name} only. An owner-only client is approved at once. Your clients are
listed at
{host.client_page(wiki)}"""
