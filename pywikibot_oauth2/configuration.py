#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What can be seen to be wrong in user-config.py at the first request."""
from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.wiki import configured_hosts


if TYPE_CHECKING:
    from pywikibot_oauth2.auth import OAuth2Auth


# MediaWiki's client IDs have 32 hexadecimal digits.
_CLIENT_ID = re.compile(r'[0-9a-f]{32}')


def check(auth: OAuth2Auth) -> None:
    """Check what an OAuth2Auth of user-config.py says.

    :raises ConfigurationError: it cannot work; the message names the
        entry of authenticate and what to correct
    """
    entries = ' and '.join(f'authenticate[{key!r}]' for key in _keys(auth))
    client = auth.client
    if client.client_id and not _CLIENT_ID.fullmatch(client.client_id):
        hint = ('That looks like the values of OAuth 1.0a: register a client'
                ' of OAuth 2.0.' if client.fixed_token() is None
                and client.redirect_uri is None else
                'A client ID is what the wiki showed at registration as'
                ' "client application key".')
        raise ConfigurationError(
            f'{entries} in user-config.py: {client.client_id!r} is no client'
            f' ID, which has 32 digits and letters from a to f. {hint}')
    if client.redirect_uri is not None:
        reason = _redirect_uri_error(client.redirect_uri)
        if reason:
            raise ConfigurationError(
                f'{entries} in user-config.py: redirect_uri'
                f' {client.redirect_uri!r} {reason}. Put the callback URL'
                ' there that you registered.')
    _check_others(auth, entries)
    _warn_of_oauth_1()


def _warn_of_oauth_1() -> None:
    """Warn of an option of "pwb login" that asks for OAuth 1.0a values."""
    import pywikibot
    from pywikibot.bot import calledModuleName
    from pywikibot.logging import warning

    if calledModuleName() == 'login' and '-oauth' in pywikibot.argvu:
        warning('-oauth is for OAuth 1.0a. For OAuth 2.0, which'
                ' user-config.py is set up for, run "pwb login" without it.')


def check_pywikibot() -> None:
    """Check that Pywikibot has the place where the login hooks in.

    ``APISite.login`` has to look ``login.ClientLoginManager`` up when it
    is called; else it would ask for a password instead.

    :raises SystemExit: this version of Pywikibot does not; any other
        exception would reach the user below a traceback
    """
    import pywikibot
    from pywikibot import login
    from pywikibot.site import APISite

    method = inspect.unwrap(APISite.login)
    names = getattr(getattr(method, '__code__', None), 'co_names', ())
    if not (hasattr(login, 'ClientLoginManager')
            and 'ClientLoginManager' in names):
        raise SystemExit(
            f'pywikibot-oauth2 does not work with Pywikibot'
            f' {pywikibot.__version__}: this version logs in in another way.'
            ' Look for a newer pywikibot-oauth2, or run'
            ' "pip install \'pywikibot<12\'".')


def warn_of_useless_hosts(auth: OAuth2Auth) -> None:
    """Warn of entries whose host is that of no site in usernames."""
    from pywikibot.logging import warning

    hosts = None
    for key in _keys(auth):
        hosts = configured_hosts() if hosts is None else hosts
        if not any(_matches(key, host) for host in hosts):
            warning(f'authenticate[{key!r}] in user-config.py is the host of'
                    ' no site in usernames, so OAuth 2.0 was not used there.'
                    f' The hosts of your sites are: {_some(hosts)}')


def _keys(auth: OAuth2Auth) -> list[str]:
    from pywikibot import config

    entries: dict[str, object] = dict(config.authenticate)
    return [key for key, value in entries.items() if value is auth]


def _matches(key: str, host: str) -> bool:
    """Return whether Pywikibot takes an entry for a host."""
    return key == host or (key.startswith('*.') and host.endswith(key[1:]))


def _some(hosts: set[str]) -> str:
    names = sorted(hosts)
    return ', '.join(names[:5]) + (', …' if len(names) > 5 else '')


def _redirect_uri_error(redirect_uri: str) -> str:
    """Return why MediaWiki would refuse a callback URL, or nothing."""
    try:
        parts = urlsplit(redirect_uri)
        parts.port  # noqa: B018
    except ValueError:
        return 'is no address'
    if parts.scheme not in ('http', 'https') or not parts.hostname:
        return 'does not begin with http:// or https:// and a host'
    if parts.fragment or re.search(r'\s', redirect_uri):
        return 'has a fragment (#) or a blank in it'
    return ''


def _check_others(auth: OAuth2Auth, entries: str) -> None:
    """Refuse two entries that say different things of one client."""
    from pywikibot import config

    values: dict[str, object] = dict(config.authenticate)
    for key, other in values.items():
        if (isinstance(other, type(auth)) and other is not auth
                and other.client.is_one_with(auth.client)
                and not other.client.is_same(auth.client)):
            raise ConfigurationError(
                f'{entries} and authenticate[{key!r}] in user-config.py name'
                f' the client {auth.client.client_id}, but differ in its'
                ' secret, redirect_uri or kind. Put one OAuth2Auth object'
                ' under both.')
