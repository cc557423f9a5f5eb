#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What Pywikibot knows of the wiki behind an address."""
from __future__ import annotations

import ipaddress
import re
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from pywikibot_oauth2.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywikibot.family import Family


#: Where Wikimedia's wikis have their pages about clients.
META = 'https://meta.wikimedia.org/wiki/'

# The first of the two scripts in the path of an address.
_SCRIPT = re.compile(r'([^?#]*?)/(?:api|rest)\.php(?=[/?#]|$)')


class Transport(NamedTuple):
    """How Pywikibot would send a request to a wiki.

    :ivar timeout: seconds, or a pair of seconds for connecting and
        reading
    """

    user_agent: str
    timeout: float | tuple[float, float] | None
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]


class KnownSite(NamedTuple):
    """A site of a configured family, and the account used on it."""

    family: Family
    code: str
    username: str | None

    @property
    def name(self) -> str:
        """The name as Pywikibot prints it, such as wikipedia:en."""
        return f'{self.family.name}:{self.code}'


def script_prefix(url: str) -> str | None:
    """Return what precedes api.php or rest.php in an address.

    A token is accepted by these two only; on index.php it is an error
    (recorded: HTTP 400).

    :param url: the address of a request
    :return: the address of the wiki's folder of scripts without a
        trailing slash, or None for any other address
    """
    match = _SCRIPT.match(url)
    return match[1] if match else None


def is_loopback(host: str | None) -> bool:
    """Return whether a host name means this machine without a look-up."""
    if (host or '').lower() == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host or '').is_loopback
    except ValueError:
        return False


def require_safe_transport(url: str) -> None:
    """Check that nobody can read along on the way to an address.

    :raises ConfigurationError: it is neither https nor on this machine
    """
    try:
        parts = urlsplit(url)
        safe = (bool(parts.hostname) if parts.scheme == 'https' else
                parts.scheme == 'http' and is_loopback(parts.hostname))
    except ValueError:
        safe = False
    if not safe:
        raise ConfigurationError(
            f'OAuth 2.0 needs https, but the address of the wiki is {url}\n'
            "Let the method protocol() of its family file return 'https'.")


def special_page(prefix: str, name: str) -> str:
    """Return the address of a wiki's page about clients or grants.

    Of Wikimedia's wikis only Meta has all of them.

    :param prefix: the address of the wiki's folder of scripts
    :param name: the title of the page without its namespace
    """
    from pywikibot.family import WikimediaFamily

    site = known_site(prefix)
    if site is not None and isinstance(site.family, WikimediaFamily):
        return f'{META}Special:{name}'
    return f'{prefix}/index.php?title=Special:{name}'


def known_site(prefix: str) -> KnownSite | None:
    """Find the site of the configured families that has an address.

    :param prefix: what :func:`script_prefix` returned
    """
    host = urlsplit(prefix).netloc
    for family in _families():
        for code in family.langs:
            # The first look is quick, for families of 300 languages.
            if (host in family.base_url(code, '')
                    and family.base_url(code, family.apipath(code))
                    == f'{prefix}/api.php'):
                return KnownSite(family, code, _username(family, code))
    return None


def configured_hosts() -> set[str]:
    """Return the hosts of all sites that usernames names an account for."""
    return {urlsplit(family.base_url(code, '')).netloc
            for family in _families() for code in family.langs
            if _username(family, code) is not None}


def transport(prefix: str) -> Transport:
    """Return how Pywikibot sends requests to the wiki at an address."""
    from pywikibot import config
    from pywikibot.comms import http

    site = known_site(prefix)
    verify = True if http.session.verify is None else http.session.verify
    if site and not site.family.verify_SSL_certificate(site.code):
        verify = False
    return Transport(http.user_agent(), config.socket_timeout, verify,
                     http.session.cert, dict(http.session.proxies))


def _families() -> Iterator[Family]:
    """Yield the families with a user name, the current one first."""
    from pywikibot import config
    from pywikibot.exceptions import UnknownFamilyError
    from pywikibot.family import Family

    names = dict.fromkeys([config.family, *config.usernames])
    if names.pop('*', '') is None:
        # A user name for every family: those that are in use already are
        # enough, for a request to a wiki follows the loading of its family.
        names.update(dict.fromkeys(
            site.family.name
            for site in vars(sys.modules['pywikibot'])['_sites'].values()))
        names.update(dict.fromkeys(config.family_files))
    for name in names:
        try:
            yield Family.load(name)
        except UnknownFamilyError:
            # A misspelt family in usernames is Pywikibot's to report.
            continue


def _username(family: Family, code: str) -> str | None:
    """Return the account that pywikibot.Site would take."""
    from pywikibot import config
    from pywikibot.tools import normalize_username

    names: dict[str, str] = {**config.usernames.get('*', {}),
             **config.usernames.get(str(family), {})}
    name: str | None = normalize_username(names.get(code) or names.get('*'))
    return name
