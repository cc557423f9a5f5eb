"""What api.php says about an account, asked as any script would."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import requests
from pywikibot.comms import http

from pywikibot_oauth2 import host
from pywikibot_oauth2.errors import (
    EndpointError,
    OAuth2Error,
    printable,
    reason_of,
)


if TYPE_CHECKING:
    from pywikibot.site import BaseSite


#: The format of the answers.
FORMAT = {'format': 'json', 'formatversion': '2'}


def part(data: object, *names: str) -> dict[str, object]:
    """Return a JSON object nested in another one; {} if there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def query(site: BaseSite, **parameters: str) -> dict[str, object]:
    """Send a query as any other script would, and return the answer.

    :raises EndpointError: no usable answer came
    :raises OAuth2Error: as for any request that is authenticated
    """
    wiki = host.wiki_of_site(site)
    response = http.fetch(
        site.base_url(site.apipath()),
        params={'action': 'query', **parameters, **FORMAT},
        headers={'user-agent': http.user_agent(site)},
        verify=site.verify_SSL_certificate(),
        default_error_handling=False,
    )
    if isinstance(response, OAuth2Error):
        raise response
    if isinstance(response, Exception):
        raise EndpointError(f'{wiki}: {reason_of(response)}', wiki=wiki)
    with contextlib.suppress(ValueError, RecursionError):
        data = response.json()
        if isinstance(data, dict):
            return data
    raise EndpointError(
        f'{wiki}: HTTP status {response.status_code} with an answer that is'
        ' not a JSON object',
        wiki=wiki,
    )


def own_rights(site: BaseSite, username: str) -> list[str]:
    """Return the rights of the account itself; [] if they are unknown.

    A wiki shows only those rights of an account that the grants of the
    request include (seen on MediaWiki 1.39), so this request carries neither
    a token nor cookies.
    """
    ask = {'list': 'users', 'ususers': username, 'usprop': 'rights'}
    with contextlib.suppress(
        OAuth2Error, requests.RequestException, ValueError, RecursionError
    ):
        how = host.transport(host.wiki_of_site(site))
        response = requests.get(
            site.base_url(site.apipath()),
            params={'action': 'query', **ask, **FORMAT},
            headers={'User-Agent': how.user_agent},
            timeout=how.timeout,
            verify=how.verify,
            cert=how.cert,
            proxies=how.proxies,
        )
        match response.json():
            case {'query': {'users': [{'rights': [*rights]}]}}:
                return list(map(printable, rights))
    return []
