"""Finding the wiki to set up, and its version of Extension:OAuth."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pywikibot
from pywikibot import config
from pywikibot.exceptions import UnknownFamilyError
from pywikibot.family import Family

from pywikibot_oauth2 import host
from pywikibot_oauth2.api import part
from pywikibot_oauth2.cli.answers import impossible
from pywikibot_oauth2.cli.sites import offline_site
from pywikibot_oauth2.cli.wiki import WikiSession
from pywikibot_oauth2.errors import EndpointError, printable


if TYPE_CHECKING:
    from pathlib import Path

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.cli.answers import Answers


# The limit for circular redirects.
_MOST_GUESSES = 12


def find_site(answers: Answers, folder: Path) -> tuple[BaseSite, str | None]:
    """Return the site to set up.

    :param answers: answers the question for the wiki
    :param folder: the folder of user-config.py
    :return: the site, and the address of its api.php if Pywikibot has no
        family for it
    """
    address = answers.given('wiki')
    if address is None and (
        (folder / 'user-config.py').exists() or _is_site_chosen()
    ):
        return offline_site(), None
    address = address or answers.ask(
        'wiki', 'Address of the wiki, such as https://en.wikipedia.org/:'
    )
    address = _checked(address)
    site = _known_site(address)
    if site is not None:
        return site, None
    url = _find_api(address)
    # A redirect may lead to a wiki with a family, as wikidata.org does.
    site = _known_site(url)
    if site is not None:
        return site, None
    # Pywikibot makes a family of an address.
    name = re.sub('[^a-z0-9]', '', urlsplit(url).hostname or '')
    config.family_files[name] = url
    return offline_site(name, name), url


def _is_site_chosen() -> bool:
    """Return whether a global option names a site.

    Without user-config.py, Pywikibot uses Test Wikipedia by default.
    """
    names = '-site:', '-family:', '-code:', '-lang:'
    return (config.family, config.mylang) != ('wikipedia', 'test') or any(
        argument.startswith(names) for argument in pywikibot.argvu
    )


def _checked(address: str) -> str:
    """Return an address with a scheme."""
    if '://' not in address:
        address = f'https://{address}'
    with contextlib.suppress(ValueError):
        if urlsplit(address).hostname:
            return address
    raise impossible(f'{printable(address)} is not the address of a wiki.')


def _known_site(address: str) -> BaseSite | None:
    """Return the site at an address, if Pywikibot has a family for it.

    ``pywikibot.Site(url=…)`` would send requests, and create a family for
    any other wiki.
    """
    netloc = urlsplit(address).netloc.lower()
    wiki = host.wiki_at(address)
    for name in list(config.family_files):
        with contextlib.suppress(UnknownFamilyError):
            family = Family.load(name)
            for code in family.langs:
                url = family.base_url(code, family.apipath(code))
                if urlsplit(url).netloc.lower() == netloc and (
                    wiki is None or wiki == host.wiki_at(url)
                ):
                    return offline_site(code, family)
    return None


def _find_api(address: str) -> str:
    """Return the address of the api.php of a wiki.

    Redirects are followed, but only over https: anyone who answers over
    http could redirect the password to their own wiki.

    :param address: the address of any page of the wiki
    :raises EndpointError: it is not where it usually is
    """
    wikis = _guesses(address)
    for wiki in wikis:
        try:
            extension_version(wiki)
        except EndpointError as error:
            if error.error == 'redirect' and len(wikis) < _MOST_GUESSES:
                pywikibot.info(error)
                more = _guesses(error.hint or '')
                wikis += [each for each in more if each not in wikis]
            continue
        return f'{wiki}/api.php'
    places = printable(', '.join(wikis) or address)
    raise EndpointError(
        f'No api.php was found at {places}. Give its full address:'
        ' -wiki:https://…/api.php',
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


def extension_version(wiki: str) -> str:
    """Return the version of Extension:OAuth that a wiki has.

    :param wiki: the address of the wiki's script folder
    :return: '?' if the wiki shows that only to users who are logged in
    :raises ConfigurationError: it has none, or cannot be reached safely
    :raises EndpointError: it gave no usable answer
    """
    with WikiSession(wiki) as session:
        answer = session.ask(
            action='query', meta='siteinfo', siprop='extensions'
        )
    if part(answer, 'error').get('code') == 'readapidenied':
        return '?'
    extensions = part(answer, 'query').get('extensions')
    if not isinstance(extensions, list):
        raise EndpointError(
            f'{wiki} did not say which extensions it has.',
            wiki=wiki,
            error='no_answer',
        )
    for entry in map(part, extensions):
        if entry.get('name') == 'OAuth':
            return printable(entry.get('version') or '?')
    raise impossible(f'{wiki} does not have Extension:OAuth.')
