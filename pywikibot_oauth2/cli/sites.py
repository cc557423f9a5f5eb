"""The sites that a command is about; none of them is contacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pywikibot
from pywikibot import config
from pywikibot.exceptions import UnknownFamilyError, UnknownSiteError
from pywikibot.family import Family
from pywikibot.site import BaseSite

from pywikibot_oauth2 import host
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Iterator


class _NoSiteinfo:
    """What Pywikibot knows about a wiki without asking it."""

    def is_cached(self, key: str) -> bool:
        """Return False."""
        return False


class OfflineSite(BaseSite):
    """A site that sends no request when it is made.

    :cvar siteinfo: what Pywikibot 9 looks at for the User-Agent
    """

    siteinfo = _NoSiteinfo()


def current_site() -> BaseSite:
    """Return the site that the global options, or user-config.py, name."""
    return offline_site()


def offline_site(
    code: str | None = None, family: Family | str | None = None
) -> BaseSite:
    """Return a site without a request; by default the current one.

    :raises UnknownSiteError: the family has no such code
    """
    site: BaseSite = pywikibot.Site(code, family, interface=OfflineSite)  # type: ignore[arg-type] # any BaseSite
    return site


def authentication(site: BaseSite) -> OAuth2Auth:
    """Return the OAuth2Auth that user-config.py has for a site.

    :raises ConfigurationError: it has no OAuth2Auth for it
    """
    found = host.entry_for(host.wiki_of_site(site))
    if isinstance(found, OAuth2Auth):
        return found
    if isinstance(found, tuple) and len(found) == 4:
        what = 'has four values of OAuth 1.0a'
    else:
        what = 'has no OAuth2Auth' if found is None else 'has something else'
    raise ConfigurationError(
        f'user-config.py {what} for {site}. To set OAuth 2.0 up, run:\n'
        f'  pwb oauth2 -setup -site:{site}',
        error='no_entry',
    )


def configured_sites() -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield the sites in usernames with OAuth 2.0 in user-config.py.

    An account for all codes of a family counts for each of them; one for all
    families would be endless, and is left out.
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
            if code != '*':
                yield from _site(code, family)


def _site(code: str, family: Family) -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield a site if it has OAuth 2.0 in user-config.py."""
    try:
        site = offline_site(code, family)
    except UnknownSiteError as error:
        pywikibot.warning(
            f'usernames[{family.name!r}][{code!r}] in user-config.py: {error}'
        )
        return
    found = host.entry_for(host.wiki_of_site(site))
    if isinstance(found, OAuth2Auth):
        yield site, found
