"""Registering a client with the wiki's form or its REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pywikibot_oauth2 import host
from pywikibot_oauth2.messages import GRANTS


if TYPE_CHECKING:
    from pywikibot.site import BaseSite


#: A callback URL that the form and the API accept. Without a path, the form
#: warns and the API refuses (recorded).
CALLBACK_URL = 'http://127.0.0.1:8080/callback'

_PATH = 'OAuthConsumerRegistration'


def form_address(
    wiki: str, username: str, callback_url: str, *, owner_only: bool = False
) -> str:
    """Return the address of the form with its fields filled in.

    The address can hold text, check boxes and the grant types, but neither
    the grants (a matrix of check boxes) nor the agreement.

    :param wiki: the address of the wiki's script folder
    :param username: the account that registers the client
    :param callback_url: the callback URL, unless it is for its owner only
    :param owner_only: whether the client is for its owner only
    """
    fields = {
        'wpname': f'Pywikibot of {username}',
        'wpversion': '1.0',
        'wpdescription': f'Lets {username} run scripts of Pywikibot under'
        ' OAuth 2.0.',
        'wpoauth2IsConfidential': '1',
        'wpgranttype': 'normal',
    }
    more: dict[str, object] = {
        'wpcallbackUrl': callback_url,
        'wpoauth2GrantTypes[]': ['authorization_code', 'refresh_token'],
    }
    query = urlencode(
        {**fields, **({'wpownerOnly': '1'} if owner_only else more)},
        doseq=True,
    )
    return f'{host.special_page(wiki, f"{_PATH}/propose/oauth2")}&{query}'


def proposal(
    username: str,
    email: str,
    grants: list[str],
    callback_url: str,
    *,
    owner_only: bool,
) -> dict[str, object]:
    """Return the fields that register a client with the REST API (recorded).

    :param username: the account that registers the client
    :param email: its confirmed e-mail address
    :param grants: the names of the grants
    :param callback_url: the callback URL, unless it is for its owner only
    :param owner_only: whether the client is for its owner only
    """
    types = ['authorization_code', 'refresh_token']
    return {
        'name': f'Pywikibot of {username}',
        'version': '1.0',
        'description': f'Lets {username} run scripts of Pywikibot.',
        'email': email,
        'wiki': '*',
        'is_confidential': True,
        'owner_only': owner_only,
        'callback_url': '' if owner_only else callback_url,
        'callback_is_prefix': False,
        'grant_types': ['client_credentials'] if owner_only else types,
        'scopes': ['basic', *(grant for grant in grants if grant != 'basic')],
    }


def grants_table() -> str:
    """Return the grants that bots need, and what each is used for."""
    return '\n'.join(
        f'  {name:<20} {title:<42} {use}'
        for name, (title, _rights, use) in GRANTS.items()
    )


def text(site: BaseSite, url: str) -> str:
    """Return instructions for registering a client by hand.

    :param site: the site
    :param url: the address of the form
    """
    name = site.username() or 'the account of the bot'
    clients = host.special_page(host.wiki_of_site(site), f'{_PATH}/list')
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

"Copyright and terms". Read and tick them.

The wiki then shows the client ID and the client secret, once. An administrator
has to approve the client within 30 days, or it expires; until then it works
for {name} only. An owner-only client is approved at once. Your clients are
listed at
{clients}"""
