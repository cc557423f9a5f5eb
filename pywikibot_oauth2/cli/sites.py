"""The sites that a command is about, and what is configured for them."""

from __future__ import annotations

import contextlib
import copy
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pywikibot
from pywikibot import config
from pywikibot.site import BaseSite

from pywikibot_oauth2 import errors, host, messages
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.cli.answers import Answers, impossible
from pywikibot_oauth2.cli.wiki import extension_version
from pywikibot_oauth2.errors import printable


if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywikibot.family import Family

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
    """A site that sends no request when it is created."""

    # Pywikibot 9 uses it for the User-Agent.
    siteinfo = _NoSiteinfo()


def offline_site(
    code: str | None = None, family: Family | str | None = None
) -> BaseSite:
    """Return a site without a request, by default the current one."""
    return pywikibot.Site(code, family, interface=OfflineSite)  # type: ignore[arg-type] # any BaseSite


class Case:
    """A site, its account and the OAuth2Auth for it, which must exist."""

    def __init__(self, site: BaseSite) -> None:
        self.site = site
        self.wiki = host.wiki_of_site(site)
        self.username: str | None = site.username()
        self.auth = _authentication(site, self.wiki)
        self.client = self.auth.client

    @cached_property
    def account(self) -> Account:
        """The account, under which requests run from now on."""
        if self.username is None:
            raise errors.ConfigurationError(
                f'usernames[{self.site.family.name!r}][{self.site.code!r}] is'
                ' missing in user-config.py.',
                error='no_username',
            )
        return self.auth.route(self.wiki, self.username).account

    @property
    def place(self) -> str:
        """Where the token is stored."""
        return self.auth.store.where(self.username or '')

    def explain(self, error: errors.OAuth2Error) -> str:
        """Return what went wrong, and what can be done about it."""
        error.about(self.username, self.client.shown_id, self.wiki)
        return messages.explain(error, self.client)


def _authentication(site: BaseSite, wiki: str) -> OAuth2Auth:
    """Return the OAuth2Auth for a site; Pywikibot must find it, too."""
    found, netloc = host.entry_for(wiki), host.netloc_of(site)
    if isinstance(found, OAuth2Auth):
        keys = host.entries_of(found)
        if any(host.is_found(key, netloc) for key in keys):
            return found
        # A capital letter or a port is different.
        reason = (
            f'Pywikibot does not find authenticate[{keys[0]!r}] for {site}.'
            ' Write the key in user-config.py like this:\n'
            f'  authenticate[{netloc!r}]'
        )
    else:
        what = 'has no OAuth2Auth' if found is None else 'has something else'
        if isinstance(found, tuple) and len(found) == 4:
            what = 'has OAuth 1.0a credentials'
        option = f' -site:{site}' if _is_chosen(Path(config.base_dir)) else ''
        reason = (
            f'user-config.py {what} for {site}. To set up OAuth 2.0, run:\n'
            f'  pwb oauth2 -setup{option}'
        )
    raise errors.ConfigurationError(reason, error='no_entry')


def configured_account(site: BaseSite) -> str | None:
    """Return the account of a site whatever the global option -user says."""
    return host.account_in(_USERNAMES, site.family, site.code)


def configured_cases() -> Iterator[Case]:
    """Yield the sites in usernames with OAuth 2.0 in user-config.py.

    An account for all codes of a family counts for each of them; accounts
    for all families are left out.
    """
    for site in host.configured_sites():
        codes = config.usernames.get(str(site.family), ())
        is_named = site.code in codes or '*' in codes
        found = host.entry_for(site.wiki) if is_named and site.wiki else None
        if isinstance(found, OAuth2Auth):
            try:
                yield Case(offline_site(site.code, site.family))
            except errors.ConfigurationError as error:
                pywikibot.warning(error)


def _is_chosen(folder: Path) -> bool:
    """Return whether a person has chosen the current site.

    Without user-config.py, Pywikibot uses Test Wikipedia by default.
    """
    names = '-site:', '-family:', '-code:', '-lang:'
    return (folder / 'user-config.py').exists() or (
        (config.family, config.mylang) != ('wikipedia', 'test')
        or any(option.startswith(names) for option in pywikibot.argvu)
    )


def find_site(answers: Answers, folder: Path) -> tuple[BaseSite, str | None]:
    """Return the site to set up.

    :return: the site, and the address of its api.php if Pywikibot has no
        family for it
    """
    if 'wiki' not in answers.given and _is_chosen(folder):
        return offline_site(), None
    url = answers.ask(
        'wiki', 'Address of the wiki, such as https://en.wikipedia.org/:'
    )
    if '://' not in url:
        url = f'https://{url}'
    wikis: list[str] = []
    with contextlib.suppress(ValueError):
        wikis = _guesses(url)
    if not wikis:
        raise impossible(f'{printable(url)} is not the address of a wiki.')
    exact = host.wiki_at(url)
    known = _known_site([exact] if exact else wikis)
    if known is None and exact is None:
        # The address of a page need not tell the script folder.
        known = _known_site(wikis[:1], by_host=True)
    if known is None:
        wiki = _find_wiki(wikis)
        # A redirect may lead to a wiki with a family, as wikidata.org does.
        known = _known_site([wiki])
    if known is not None:
        return known, None
    # Pywikibot makes a family of an address.
    name = re.sub('[^a-z0-9]', '', urlsplit(wiki).hostname or '')
    config.family_files[name] = url = f'{wiki}/api.php'
    return offline_site(name, name), url


def _known_site(wikis: list[str], *, by_host: bool = False) -> BaseSite | None:
    """Return the site of one of these wikis, if Pywikibot has a family.

    ``pywikibot.Site(url=…)`` would send requests, and create one.

    :param by_host: whether any site on the host of a wiki will do
    """
    for wiki in wikis:
        known = host.known_site(wiki, anywhere=True, by_host=by_host)
        if known is not None:
            return offline_site(known.code, known.family)
    return None


def _find_wiki(wikis: list[str]) -> str:
    """Return the first wiki that has an api.php.

    Redirects are followed, but only over https: anyone who answers over
    http could redirect the password to their own wiki.
    """
    for wiki in wikis:
        try:
            extension_version(wiki)
        except errors.EndpointError as error:
            # The limit is for circular redirects.
            if error.error == 'redirect' and len(wikis) < 12:
                pywikibot.info(error)
                more = _guesses(error.hint or '')
                wikis += [each for each in more if each not in wikis]
        else:
            return wiki
    raise errors.EndpointError(
        f'No api.php was found at {printable(", ".join(wikis))}. Give its full'
        ' address: -wiki:https://…/api.php',
        error='no_choice',
    )


def _guesses(address: str) -> list[str]:
    """Return where the script folder of a wiki may be."""
    parts = urlsplit(address)
    scheme = parts.scheme if host.is_loopback(parts.hostname) else 'https'
    folder = re.sub(r'/(?:api|index)\.php.*', '', parts.path).rstrip('/')
    places = dict.fromkeys([folder, '', '/w'])
    urls = [f'{scheme}://{parts.netloc}{place}/api.php' for place in places]
    return [wiki for wiki in map(host.wiki_at, urls) if wiki]
