#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The wiki's form to register a client, filled in as far as it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pywikibot_oauth2.scripts.parts.sites import lines, special_page


if TYPE_CHECKING:
    from pywikibot.site import BaseSite

    from pywikibot_oauth2.client import OAuth2Client


#: The grants that bots need, as the wiki calls them, by their names.
GRANTS = {
    # "High-volume editing" in older releases.
    'highvolume': (
        'High-volume (bot) access',
        'marks edits as those of a bot and lifts the limits of'
        ' requests; every bot',
    ),
    'editpage': ('Edit existing pages', 'every bot that edits'),
    'editprotected': (
        'Edit protected pages',
        'only if the account may, and the bot has to',
    ),
    'createeditmovepage': (
        'Create, edit, and move pages',
        'bots that create, move or redirect pages',
    ),
    'uploadfile': ('Upload new files', 'upload, imagetransfer'),
    'uploadeditmovefile': (
        'Upload, replace, and move files',
        'upload with -ignorewarn, movepages of files',
    ),
    'patrol': ('Patrol changes to pages', 'patrol'),
    'rollback': ('Rollback changes to pages', 'revertbot'),
    'viewmywatchlist': ('View your watchlist', 'watchlist'),
    'editmywatchlist': ('Edit your watchlist', 'watchlist, -watch'),
    'delete': (
        'Delete pages, revisions, and log entries',
        'delete, if the account may',
    ),
    'protect': ('Protect and unprotect pages', 'protect, if the account may'),
}

REDIRECT_URI = 'http://127.0.0.1:8080/'


def address(site: BaseSite, client: OAuth2Client | None) -> str:
    """Return the address of the form with its fields filled in.

    The form takes text, single boxes, "radio buttons" and the grant types
    from the address, but neither the grants (a check matrix) nor the
    agreement, which is for the person to tick.

    :param client: the client that user-config.py has for it, if any
    """
    name = site.username() or 'me'
    redirect_uri = client.redirect_uri if client else None
    fields = [
        ('wpname', f'Pywikibot of {name}'),
        ('wpversion', '1.0'),
        (
            'wpdescription',
            f'Lets {name} run scripts of Pywikibot under OAuth 2.0.',
        ),
        ('wpcallbackUrl', redirect_uri or REDIRECT_URI),
        (
            'wpoauth2IsConfidential',
            '0'
            if client and not client.is_confidential and not client.owner_only
            else '1',
        ),
        ('wpoauth2GrantTypes[]', 'authorization_code'),
        ('wpoauth2GrantTypes[]', 'refresh_token'),
        ('wpgranttype', 'normal'),
    ]
    page = special_page(site, 'OAuthConsumerRegistration/propose/oauth2')
    return f'{page}{"&" if "?" in page else "?"}{urlencode(fields)}'


def text(site: BaseSite, client: OAuth2Client | None) -> str:
    """Return what to do to register a client."""
    name = site.username() or 'the account of the bot'
    grants = '\n'.join(
        f'  {title:<42} {use}' for title, use in GRANTS.values()
    )
    redirect_uri = (client.redirect_uri if client else None) or REDIRECT_URI
    return f"""\
Log in to the wiki as {name}, whose e-mail address must be confirmed, and open:

{address(site, client)}

The fields are filled in, except for these:

"Applicable grants". They cannot be changed afterwards, and the bot can do
nothing whose grant is missing:

{grants}

"This consumer is for use only by {name}": leave it off if there is a browser
to click "Allow" in. Tick it for a machine that has none: the wiki then shows
an access token, which is all that user-config.py needs:
OAuth2Auth(access_token='…').

"Copyright and terms": to be read and ticked by you.

The wiki then shows the client ID and the client secret, once. They belong
into user-config.py:

{lines(site.hostname(), redirect_uri=redirect_uri)}

Until an administrator approves the client it works for {name} only, which is
all that a bot needs. Your clients are listed at
{special_page(site, 'OAuthConsumerRegistration/list')}"""
