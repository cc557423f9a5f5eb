"""Everything that depends on Pywikibot or changes it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pywikibot
from pywikibot import config
from pywikibot.exceptions import UnknownFamilyError
from pywikibot.tools import normalize_username
from requests import PreparedRequest, RequestException
from requests.utils import get_environ_proxies, select_proxy

from pywikibot_oauth2.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from publicsuffixlist import PublicSuffixList
    from pywikibot.family import Family
    from pywikibot.site import BaseSite


# The address of a request as requests prepares it. Anything else is left
# alone, such as a backslash or an "@" in the host, about which urllib.parse
# and urllib3 disagree. The patterns here and elsewhere are compiled at their
# first use, not at import.
_PREPARED = (
    r'(?s)(?P<origin>https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?)'
    r'(?P<folder>(?:/[^/?#\\]+)*?)'
    r'/(?:api\.php|rest\.php(?P<rest>/[^?#\\]*)?)'
    r'(?:[?#].*)?'
)
_DOT_SEGMENT = r'(?i)(?:^|/|%2f|\\|%5c)(?:\.|%2e){1,2}(?=$|/|%2f|\\|%5c)'
# In a form, or as one part of a multipart body.
_CSRF_TOKEN = rb'(?:^|&)token=|; name="token"'


class Transport(NamedTuple):
    """How Pywikibot would send a request to a wiki.

    The proxies take precedence over the environment only if they are passed
    with the request.
    """

    user_agent: str
    timeout: float | tuple[float, float] | None
    verify: bool | str
    cert: str | tuple[str, str] | None
    proxies: dict[str, str]


class KnownSite(NamedTuple):
    """A site of a family that Pywikibot knows."""

    family: Family
    code: str

    @property
    def username(self) -> str | None:
        """The account that pywikibot.Site would use."""
        return account_in(config.usernames, self.family, self.code)

    @property
    def wiki(self) -> str | None:
        """The address of its script folder; None if that is unusable."""
        path = self.family.apipath(self.code)
        return wiki_at(self.family.base_url(self.code, path))


# Addresses


def wiki_of(url: str) -> str | None:
    """Return the address of the script folder that a request goes to.

    A wiki accepts tokens at api.php and below rest.php only; elsewhere
    they are an error (recorded: HTTP 400 on index.php).

    :param url: the address of a prepared request
    :return: the address without a trailing slash or a default port; None if
        the request goes elsewhere
    """
    match = re.fullmatch(_PREPARED, url)
    if match is None or re.search(
        _DOT_SEGMENT, match['folder'] + (match['rest'] or '')
    ):
        return None
    default_port = ':443' if url.startswith('https') else ':80'
    return match['origin'].removesuffix(default_port) + match['folder']


def wiki_at(url: str) -> str | None:
    """Return :func:`wiki_of` for an address that is not prepared yet.

    A family may have upper case in a host, or a path with characters that
    requests encodes.
    """
    prepared = PreparedRequest()
    with contextlib.suppress(RequestException, UnicodeError):
        prepared.prepare_url(url, None)
    return wiki_of(prepared.url or '')


def wiki_of_site(site: BaseSite) -> str:
    """Return the address of the script folder of a site."""
    address = site.base_url(site.apipath())
    wiki = wiki_at(address)
    if wiki is None:
        raise ConfigurationError(f'{address!r} is not the address of a wiki.')
    return wiki


def is_loopback(host: str | None) -> bool:
    """Return whether a host name means this machine, without resolving it."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host or '').is_loopback
    return (host or '').lower() == 'localhost'


def require_safe_transport(wiki: str) -> None:
    """Refuse a connection on which somebody could eavesdrop."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(wiki)
        is_local = parts.scheme == 'http' and is_loopback(parts.hostname)
        if is_local or (parts.scheme == 'https' and parts.hostname):
            return
    raise ConfigurationError(
        f'OAuth 2.0 needs https, but the address of the wiki is {wiki}',
        wiki=wiki,
        error='not_https',
    )


def is_sent_through_proxy(wiki: str) -> bool:
    """Return whether a wiki on this machine is reached through a proxy."""
    if not is_loopback(urlsplit(wiki).hostname):
        return False
    from pywikibot.comms import http

    proxies = get_environ_proxies(wiki)
    return bool(http.session.trust_env and select_proxy(wiki, proxies))


# Sites and accounts


def known_site(
    wiki: str, *, anywhere: bool = False, by_host: bool = False
) -> KnownSite | None:
    """Find the site at an address among the families of Pywikibot.

    :param anywhere: whether to look at families without a username, too
    :param by_host: whether any script folder on the host will do
    """
    parts = urlsplit(wiki)
    for site in _sites(anywhere):
        # A quick test first, since families have up to 300 languages.
        address = site.family.base_url(site.code, '').lower()
        if (parts.hostname or '') in address and (
            site.wiki == wiki
            or (by_host and is_match(netloc_of(site), parts.netloc))
        ):
            return site
    return None


def normalized(username: str | None) -> str | None:
    """Return the name of an account as Pywikibot's sites have it."""
    return normalize_username(username)


def own_users(wiki: str) -> tuple[str | None, ...]:
    """Return the accounts that user-config.py and ``-user`` name."""
    site = known_site(wiki)
    return user_override(), None if site is None else site.username


def configured_sites() -> Iterator[KnownSite]:
    """Yield the sites for which usernames has an account."""
    return (site for site in _sites() if site.username is not None)


def netloc_of(site: KnownSite | BaseSite) -> str:
    """Return the host and port that Pywikibot looks up in authenticate."""
    return urlsplit(site.family.base_url(site.code, '')).netloc


def _sites(anywhere: bool = False) -> Iterator[KnownSite]:
    """Yield the sites of families with a username, then others if wanted."""
    from pywikibot.family import Family

    names = dict.fromkeys([config.family, *config.usernames])
    if names.pop('*', '') is None or anywhere:
        names.update(dict.fromkeys(config.family_files))
    for name in names:
        # Pywikibot reports a misspelled family in usernames.
        with contextlib.suppress(UnknownFamilyError):
            family = Family.load(name)
            yield from (KnownSite(family, code) for code in family.langs)


def account_in(
    usernames: Mapping[str, Mapping[str, str]], family: Family, code: str
) -> str | None:
    """Return the account of a site in a setting like usernames."""
    names = {**usernames.get('*', {}), **usernames.get(str(family), {})}
    return normalized(names.get(code) or names.get('*'))


def meta_of(site: KnownSite | BaseSite) -> str | None:
    """Return the Meta of a wiki of the Wikimedia Foundation.

    Clients and tokens are for all wikis that have the same Meta. The beta
    wikis have one of their own, which Pywikibot knows since 11.0; most of
    them have families since 11.8, which are not Wikimedia's there.
    """
    from pywikibot.family import WikimediaFamily

    # wikiversity:beta is not a beta wiki.
    _, is_beta, domain = netloc_of(site).partition('.beta.')
    if is_beta and domain in ('wmcloud.org', 'wmflabs.org'):
        return f'https://meta.wikimedia.beta.{domain}/w'
    # Lingua Libre belongs to Wikimedia France.
    if site.family.name == 'lingualibre' or not isinstance(
        site.family, WikimediaFamily
    ):
        return None
    return 'https://meta.wikimedia.org/w'


def central_wiki(wiki: str) -> str:
    """Return the wiki that has the pages about clients and grants."""
    site = known_site(wiki)
    return (meta_of(site) if site else None) or wiki


def special_page(wiki: str, name: str) -> str:
    """Return the address of a wiki's page about clients or grants."""
    return f'{central_wiki(wiki)}/index.php?title=Special:{name}'


def client_page(wiki: str, name: str = 'list') -> str:
    """Return the address of a page about clients, by default their list."""
    return special_page(wiki, f'OAuthConsumerRegistration/{name}')


def user_override() -> str | None:
    """Return the account that the global option ``-user`` selects, if any.

    Pywikibot 11 keeps it in ``bot._user_override``, for which there is no
    public name; before that, it is only on the command line.
    """
    from pywikibot import bot

    if hasattr(bot, '_user_override'):
        override = bot._user_override  # noqa: SLF001 - see above
        chosen = override[2] if override else ''
    else:
        options = _global_options('-user:')
        chosen = options[0].partition(':')[2] if options else ''
    return normalized(chosen)


def folder_option() -> list[str]:
    """Return the global option ``-dir`` as it was given, or nothing."""
    return _global_options('-dir:')[:1]


def _global_options(start: str) -> list[str]:
    """Return the options of the command line that begin like this."""
    # pwb takes the options that precede the name of the script.
    wrapper = sys.modules.get('pywikibot.scripts.wrapper')
    arguments = [*getattr(wrapper, 'global_args', ()), *sys.argv]
    return [text for text in arguments if text.startswith(start)]


def config_path(name: str) -> Path:
    """Return a path; a relative one starts at Pywikibot's folder."""
    return Path(config.base_dir, os.path.expanduser(name))


# The HTTP layer


def transport(wiki: str) -> Transport:
    """Return how Pywikibot sends requests to a wiki, if that is safe."""
    require_safe_transport(wiki)
    from pywikibot.comms import http

    site = known_site(wiki)
    verify = http.session.verify
    if verify is None:
        verify = True
    if site and not site.family.verify_SSL_certificate(site.code):
        verify = False
    # Do not use proxies from the environment for this machine. With
    # "no_proxy" instead, requests would temporarily change the environment of
    # the process, which other threads may read.
    is_local = is_loopback(urlsplit(wiki).hostname)
    direct = {'http': '', 'https': ''} if is_local else {}
    return Transport(
        http.user_agent(),
        config.socket_timeout,
        verify,
        http.session.cert,
        {**direct, **http.session.proxies},
    )


def leads_to_change(request: PreparedRequest) -> bool:
    """Return whether a request makes a change, or asks for a CSRF token."""
    if carries_csrf_token(request) or may_change_by_rest(request):
        return True
    query, body = (request.url or '').partition('?')[2], request.body
    form = parse_qs(f'{query}&{body}' if isinstance(body, str) else query)
    meta, kinds = ('|'.join(form.get(name, ())) for name in ('meta', 'type'))
    return 'tokens' in meta.split('|') and kinds != 'login'


def may_change_by_rest(request: PreparedRequest) -> bool:
    """Return whether a request may make a change by rest.php.

    With an access token, such a change needs no CSRF token.
    """
    path = (request.url or '').partition('?')[0]
    is_for_rest = '/rest.php/' in path and '/transform/' not in path
    return is_for_rest and request.method not in ('GET', 'HEAD')


def carries_csrf_token(request: PreparedRequest) -> bool:
    """Return whether a request carries a CSRF token.

    Every change by api.php does.
    """
    body = request.body
    if isinstance(body, str):
        body = body.encode()
    return isinstance(body, bytes) and bool(re.search(_CSRF_TOKEN, body))


def sending_user() -> str | None:
    """Return the account of the site that sends the current request.

    A request does not say which site it comes from, and neither does its
    CSRF token: the site may have fetched it as another account. But
    ``http.request()``, which is passed the site, is then among the callers
    of this function.

    :return: None if the request does not come from a site
    """
    from pywikibot.comms import http

    code = getattr(inspect.unwrap(http.request), '__code__', None)
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    site = None if frame is None else frame.f_locals.get('site')
    return None if site is None else site.username()


def clear_csrf_tokens(wikis: Iterable[str], username: str | None) -> None:
    """Make sites fetch new CSRF tokens after an access token was renewed.

    A CSRF token belongs to the access token with which it was fetched
    (recorded: badtoken). Otherwise Pywikibot would notice only when an edit
    fails, and print a warning.

    Pywikibot has no public list of its sites, and a site need not have been
    created by ``pywikibot.Site()``, so they are found through the garbage
    collector, which takes some milliseconds for each renewal.
    """
    # Pywikibot does not load this module.
    import gc

    from pywikibot.site import TokenWallet

    addresses, username = set(wikis), normalized(username)
    wallets = [each for each in gc.get_objects() if type(each) is TokenWallet]
    for wallet in wallets:
        # A site that is being created has nothing to drop yet.
        with contextlib.suppress(AttributeError):
            site = wallet.site
            address = site.base_url(site.apipath())
            if site.username() == username and wiki_at(address) in addresses:
                wallet.clear()


# The entries of authenticate, which user-config.py makes


def entries_of(auth: object) -> list[str]:
    """Return the keys under which an object is in authenticate."""
    return [key for key, value in entries().items() if value is auth]


def entry_for(wiki: str) -> object:
    """Return the entry of authenticate that Pywikibot chooses for a wiki.

    A specific host takes precedence over a wildcard, and the longest
    wildcard is the most specific. Unlike Pywikibot, this ignores case and a
    default port.
    """
    found = entries()
    keys = [key for key in found if is_match(key, urlsplit(wiki).netloc)]
    keys.sort(key=lambda key: (key[:1] != '*', len(key)))
    return found[keys[-1]] if keys else None


def is_match(key: str, host: str) -> bool:
    """Return whether a key matches a host, regardless of case and port 443."""
    key, host = (name.lower().removesuffix(':443') for name in (key, host))
    return is_found(key, host)


def is_found(key: str, host: str) -> bool:
    """Return whether Pywikibot finds a key for a host, exactly as written."""
    return key in ('*', host) or (
        key.startswith('*.') and host.endswith(key[1:])
    )


def entries() -> dict[str, object]:
    """Return the entries of authenticate, without the stand-ins of blocks.

    Pywikibot cannot find an entry under a key that is not a string.
    """
    # It is whatever user-config.py says.
    found: object = config.authenticate
    # Another thread may add an entry meanwhile.
    found = found.copy() if isinstance(found, dict) else {}
    return {
        key: entry
        for key, entry in found.items()
        if isinstance(key, str) and not hasattr(entry, 'stands_in')
    }


def admit(wiki: str, auth: object) -> str | None:
    """Return the account on a wiki if an entry authenticates its requests.

    From then on, Pywikibot uses the login manager of this package.

    :return: None if another entry is for the wiki, or Pywikibot knows no
        site and account there
    """
    site = known_site(wiki) if entry_for(wiki) is auth else None
    username = site.username if site else None
    if username is not None:
        install_login_manager()
    return username


def check_wildcards(auth: object) -> None:
    """Refuse wildcards that match wikis of several operators.

    With OAuth 1.0a, a wildcard is harmless, because a signature is useless
    to the wiki that receives it. A bearer token is not.

    :raises ConfigurationError: a wildcard is too wide; the hint has the
        keys to use instead
    """
    for key in entries_of(auth):
        if not key.startswith('*'):
            continue
        # Whoever operates a host has all of its wikis.
        operators = {
            netloc: meta_of(site) or site.family.name
            for site in configured_sites()
            if (netloc := netloc_of(site)) and is_match(key, netloc)
        }
        if _is_public_suffix(key) or len(set(operators.values())) > 1:
            keys = {narrow_key(f'https://{netloc}') for netloc in operators}
            raise ConfigurationError(
                f'authenticate[{key!r}] would send the token to wikis of'
                ' different operators.',
                error='wildcard',
                hint=' '.join(sorted(keys)),
            )


def _is_public_suffix(key: str) -> bool:
    """Return whether anyone can register a name below a wildcard."""
    domain = key.lstrip('*').lstrip('.').partition(':')[0]
    return '.' not in domain or bool(_suffixes().is_public(domain))


@functools.cache
def _suffixes() -> PublicSuffixList:
    """Return the public suffix list; reading it takes a moment."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


def narrow_key(wiki: str) -> str:
    """Return a key of authenticate that is narrow enough for a wiki."""
    host = urlsplit(wiki).netloc
    parent = host.partition('.')[2]
    if is_loopback(urlsplit(wiki).hostname) or _is_public_suffix(parent):
        return host
    return f'*.{parent}'


# The one change to Pywikibot


def install_login_manager() -> None:
    """Make Pywikibot use the login manager of this package.

    This is the only place where something in Pywikibot is replaced:
    ``APISite.login`` looks the class up under this name at each login.

    It is also the only place where a lower module imports a higher one.
    The login manager needs all of Pywikibot, which is not complete when
    user-config.py imports this package. It is complete at the first
    request, and no login precedes that.

    :raises SystemExit: Pywikibot looks up another class, and would ask for a
        password; any other exception would reach the user as a traceback
    """
    from pywikibot import login
    from pywikibot.site import APISite

    name = 'ClientLoginManager'
    method: object = inspect.unwrap(APISite.login)
    names = getattr(getattr(method, '__code__', None), 'co_names', ())
    if name not in names or not hasattr(login, name):
        raise SystemExit(
            'pywikibot-oauth2 does not support Pywikibot'
            f' {pywikibot.__version__}, which logs in differently. Run'
            ' "pip install --upgrade pywikibot-oauth2" or'
            ' "pip install \'pywikibot>=9,<13\'".'
        )
    ours = importlib.import_module('pywikibot_oauth2.login')
    setattr(login, name, ours.OAuth2LoginManager)


def had_a_site() -> bool:
    """Return whether Pywikibot has used a site in this process."""
    http = sys.modules.get('pywikibot.comms.http')
    # The cookie jar has a file name once there has been a site.
    return http is not None and bool(http.cookie_jar.filename)


def is_reading_user_config() -> bool:
    """Return whether Pywikibot is being imported and runs user-config.py."""
    return not hasattr(sys.modules.get('pywikibot'), 'Site')


def is_running(script: str, option: str | None = None) -> bool:
    """Return whether a script is running, optionally with a given option."""
    from pywikibot.bot import calledModuleName

    is_given = option is None or option in pywikibot.argvu
    return is_given and calledModuleName() == script
