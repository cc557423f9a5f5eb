"""The sites that a command is about; none of them is contacted."""

from __future__ import annotations

import contextlib
import copy
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

    from pywikibot_oauth2.account import Account


# What user-config.py says. The global option -user, which is read after
# this module was imported, changes the original.
_USERNAMES = copy.deepcopy(config.usernames)


class _NoSiteinfo:
    """Stands for information about a wiki that was not requested."""

    def is_cached(self, _key: str) -> bool:
        """Return False."""
        return False


class OfflineSite(BaseSite):
    """A site that sends no request when it is created.

    :cvar siteinfo: used by Pywikibot 9 for the User-Agent
    """

    siteinfo = _NoSiteinfo()


def offline_site(
    code: str | None = None, family: Family | str | None = None
) -> BaseSite:
    """Return a site without a request, by default the current one.

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
        _require_spelling(site, host.entries_of(found))
        return found
    if isinstance(found, tuple) and len(found) == 4:
        what = 'has OAuth 1.0a credentials'
    else:
        what = 'has no OAuth2Auth' if found is None else 'has something else'
    raise ConfigurationError(
        f'user-config.py {what} for {site}. To set OAuth 2.0 up, run:\n'
        f'  pwb oauth2 -setup -site:{site}',
        error='no_entry',
    )


def _require_spelling(site: BaseSite, keys: list[str]) -> None:
    """Check that Pywikibot finds one of the keys for a site.

    :raises ConfigurationError: a capital letter or a port is different
    """
    netloc = host.netloc_of(site)
    if not any(host.is_found(key, netloc) for key in keys):
        raise ConfigurationError(
            f'Pywikibot does not find authenticate[{keys[0]!r}] for {site}.'
            ' Write the key in user-config.py like this:\n'
            f'  authenticate[{netloc!r}]',
            error='no_entry',
        )


def account_of(site: BaseSite, auth: OAuth2Auth) -> Account:
    """Return the account of a site, and let requests run under it.

    :raises ConfigurationError: usernames has none for it
    """
    username = site.username()
    if username is None:
        raise ConfigurationError(
            f'usernames[{site.family.name!r}][{site.code!r}] is missing in'
            ' user-config.py.',
            error='no_username',
        )
    return auth.route(host.wiki_of_site(site), username).account


def configured_account(site: BaseSite) -> str | None:
    """Return the account of a site whatever the global option -user says."""
    return host.account_in(_USERNAMES, site.family, site.code)


def configured_sites() -> Iterator[tuple[BaseSite, OAuth2Auth]]:
    """Yield the sites in usernames with OAuth 2.0 in user-config.py.

    An account for all codes of a family counts for each of them; accounts
    for all families are left out.
    """
    for name in list(config.usernames):
        codes: dict[str, str] = config.usernames[name]
        if name == '*' or not codes:
            continue
        with _warning(f'usernames[{name!r}]'):
            family = Family.load(name)
            all_codes = family.langs if '*' in codes else ()
            for code in dict.fromkeys((*codes, *all_codes)):
                if code == '*':
                    continue
                with _warning(f'usernames[{name!r}][{code!r}]'):
                    site = offline_site(code, family)
                    found = host.entry_for(host.wiki_of_site(site))
                    if isinstance(found, OAuth2Auth):
                        yield site, authentication(site)


@contextlib.contextmanager
def _warning(name: str) -> Iterator[None]:
    """Warn if a key of usernames is not that of a site with an address."""
    try:
        yield
    except (UnknownFamilyError, UnknownSiteError, ConfigurationError) as error:
        pywikibot.warning(f'{name} in user-config.py: {error}')
