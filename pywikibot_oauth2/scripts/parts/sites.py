#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The sites that the script is about, none of which is asked anything."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pywikibot
from pywikibot import config
from pywikibot.comms import http
from pywikibot.exceptions import UnknownFamilyError, UnknownSiteError
from pywikibot.family import Family, WikimediaFamily
from pywikibot.site import BaseSite

from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.wiki import META, script_prefix


if TYPE_CHECKING:
    from collections.abc import Iterator


class _NoSiteinfo:
    """What Pywikibot knows of a wiki that was not asked."""

    def is_cached(self, key: str) -> bool:  # noqa: ARG002
        """Return False."""
        return False


class OfflineSite(BaseSite):
    """A site that sends no request when it is made.

    :cvar siteinfo: what Pywikibot 9 looks at for the User-Agent
    """

    siteinfo = _NoSiteinfo()


def current_site() -> BaseSite:
    """Return the site that the global options, or user-config.py, name."""
    return pywikibot.Site(interface=OfflineSite)  # type: ignore[arg-type]


def authentication(site: BaseSite) -> OAuth2Auth:
    """Return what user-config.py has for a site.

    :raises ConfigurationError: it has no OAuth2Auth for it
    """
    host = site.hostname()
    found: object = http.get_authentication(site.base_url(''))
    if isinstance(found, OAuth2Auth):
        return found
    if isinstance(found, tuple) and len(found) == 4:
        what = 'has four values of OAuth 1.0a'
    else:
        what = 'has no OAuth2Auth' if found is None else 'has something else'
    raise ConfigurationError(
        f'user-config.py {what} for {site}. "pwb oauth2 -register" says how'
        ' to get the values for these lines, which belong there:\n'
        f'{lines(host)}'
    )


def lines(
    host: str,
    client_id: str = 'client id',
    redirect_uri: str = 'http://127.0.0.1:8080/',
) -> str:
    """Return the lines for user-config.py."""
    return (
        'import pywikibot_oauth2 as _oauth2\n'
        f'authenticate[{host!r}] = _oauth2.OAuth2Auth(\n'
        f"    {client_id!r}, 'client secret',"
        f' redirect_uri={redirect_uri!r})'
    )


def configured_sites() -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield the sites in usernames that user-config.py has OAuth 2.0 for.

    An account for all codes of a family stands for each of them; one for
    all families has no end, and is left out.
    """
    for name in list(config.usernames):
        codes: dict[str, str] = config.usernames[name]
        if name == '*' or not codes:
            continue
        try:
            family = Family.load(name)
        except UnknownFamilyError as error:
            pywikibot.warning(
                f'usernames[{name!r}] in user-config.py: {error}'
            )
            continue
        all_codes = family.langs if '*' in codes else ()
        for code in dict.fromkeys((*codes, *all_codes)):
            if code == '*':
                continue
            try:
                site = pywikibot.Site(code, family, interface=OfflineSite)  # type: ignore[arg-type]
            except UnknownSiteError as error:
                pywikibot.warning(
                    f'usernames[{name!r}][{code!r}] in user-config.py: {error}'
                )
                continue
            found: object = http.get_authentication(site.base_url(''))
            if isinstance(found, OAuth2Auth):
                yield site, found


def login_command(site: BaseSite) -> str:
    """Return the command that authorizes for a site."""
    # Before the name of the script, it is pwb that takes the option.
    wrapper = sys.modules.get('pywikibot.scripts.wrapper')
    arguments = (*getattr(wrapper, 'global_args', ()), *pywikibot.argvu)
    user = dict.fromkeys(
        shlex.quote(argument)
        for argument in arguments
        if argument.startswith('-user:')
    )
    return ' '.join(['pwb oauth2 -login', f'-site:{site}', *user])


def prefix_of(site: BaseSite) -> str:
    """Return the address of a site's folder of scripts."""
    prefix = script_prefix(site.base_url(site.apipath()))
    assert prefix is not None
    return prefix


def is_wikimedia(site: BaseSite) -> bool:
    """Return whether a site is one of Wikimedia's."""
    return isinstance(site.family, WikimediaFamily) and site.code != 'beta'


def special_page(site: BaseSite, name: str) -> str:
    """Return the address of a page about clients and grants."""
    if is_wikimedia(site):
        return f'{META}Special:{name}'
    return f'{prefix_of(site)}/index.php?title=Special:{name}'
