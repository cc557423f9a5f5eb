#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What the store and the wiki say of an authorization."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pywikibot.comms import http

from pywikibot_oauth2 import configuration
from pywikibot_oauth2.endpoint import Endpoint
from pywikibot_oauth2.errors import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.kept import LOGGED_OUT
from pywikibot_oauth2.scripts.parts.sites import (
    is_wikimedia,
    login_command,
    prefix_of,
)
from pywikibot_oauth2.scripts.parts.status import DAY, RefreshBy, Status
from pywikibot_oauth2.wiki import require_safe_transport


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.auth import OAuth2Auth
    from pywikibot_oauth2.renewal import Renewal
    from pywikibot_oauth2.session import OAuth2Session


# How the codes begin of errors that mean the token or the account; others,
# such as that of a database that is locked, pass.
_REFUSALS = (
    'mwoauth-',
    'blocked',
    'autoblocked',
    'assert',
    'readapidenied',
    'permissiondenied',
)


class Unreachable(Exception):  # noqa: N818
    """The wiki gave no usable answer."""


def examine(site: BaseSite, auth: OAuth2Auth) -> Status:
    """Find out all about the authorization for a site.

    A token that is due is renewed, as for any other script; nothing is
    tried twice, and nobody is asked anything.
    """
    status = Status(site, auth)
    if status.account is None:
        status.set(
            'misconfigured',
            f'usernames[{site.family.name!r}][{site.code!r}] is'
            ' missing in user-config.py.',
        )
        return status
    prefix = prefix_of(site)
    try:
        require_safe_transport(prefix)
        configuration.check(auth)
        auth.use(prefix, status.account)
        _examine(status, site, auth.account(status.account))
    except ConfigurationError as error:
        status.set('misconfigured', error)
    except StoreError as error:
        status.set('store unusable', error)
    except ClientRefusedError as error:
        status.set('refused', error)
        status.accepted = False
    except (EndpointError, Unreachable) as error:
        status.set('unreachable', error)
    session = auth.account(status.account).session
    if session is not None and session.is_complete:
        _describe(status, site, session)
    return status


def _examine(status: Status, site: BaseSite, renewal: Renewal) -> None:
    """Ask the store, and if there is a token, the wiki.

    :raises OAuth2Error: what of it cannot be told
    :raises Unreachable: likewise
    """
    # A store that cannot be read is no error for a request.
    renewal.load()
    header = renewal.header(http.user_agent(site))
    session = renewal.session
    if header is not None:
        _ask_api(status, site, renewal)
        header = renewal.current[0]
    if header is None and session is not None and session.ended is not None:
        if session.ended == LOGGED_OUT:
            status.set('logged out')
        else:
            status.set('ended', session.ended)
        status.accepted = False
    if header is None or session is None:
        if session is None or session.client.fixed_token() is None:
            status.reason = (
                f'{status.reason or ""} Run "{login_command(site)}".'
            ).strip()
        return
    endpoint = Endpoint(prefix_of(site), session.client, http.user_agent(site))
    # Without it the token itself says which grants it was issued with.
    with contextlib.suppress(EndpointError):
        grants = (endpoint.profile(header) or {}).get('grants')
        if isinstance(grants, list):
            status.grants = [str(grant) for grant in grants]


def _ask_api(status: Status, site: BaseSite, renewal: Renewal) -> None:
    """Ask api.php, as any other script would, who it takes us for."""
    query = urlencode(
        {
            'action': 'query',
            'meta': 'userinfo',
            'uiprop': 'blockinfo|ratelimits|rights',
            'format': 'json',
            'formatversion': '2',
        }
    )
    data = _fetch(site, f'{site.apipath()}?{query}')
    error = data.get('error')
    if isinstance(error, dict):
        words = f'{error.get("code")}: {error.get("info")}'
        if not str(error.get('code')).startswith(_REFUSALS):
            raise Unreachable(f'{prefix_of(site)}: {words}')
        status.set('refused', words)
        status.accepted = False
        return
    result = data.get('query')
    info = result.get('userinfo') if isinstance(result, dict) else None
    if not isinstance(info, dict):
        raise Unreachable(f'{prefix_of(site)}: an answer without userinfo')
    status.accepted = 'anon' not in info and renewal.current[0] is not None
    if not status.accepted:
        status.set(
            'refused',
            'The wiki takes requests with this token for anonymous ones.',
        )
    elif info.get('name') != status.account:
        status.set(
            'refused',
            f'The token is that of {info.get("name")}, but'
            f' user-config.py says {status.account}.',
        )
    else:
        status.set('authorized')
        rights, limits = info.get('rights'), info.get('ratelimits')
        if isinstance(rights, list):
            status.rights = sorted(map(str, rights))
        # An empty one comes as a list, as PHP has no other way.
        status.limits = limits if isinstance(limits, dict) else {}
        status.blocked = 'blockid' in info and not info.get('blockpartial')


def _fetch(site: BaseSite, uri: str) -> Mapping[str, object]:
    """Return the JSON object at an address of a site.

    :raises OAuth2Error: as for any request that is authenticated
    :raises Unreachable: there is none
    """
    where = prefix_of(site)
    response = http.fetch(
        site.base_url(uri),
        headers={'user-agent': http.user_agent(site)},
        verify=site.verify_SSL_certificate(),
        default_error_handling=False,
    )
    if isinstance(response, OAuth2Error):
        raise response
    if isinstance(response, Exception):
        raise Unreachable(f'{where}: {_cause(response)}')
    try:
        data = json.loads(response.content)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise Unreachable(
            f'{where}: HTTP status {response.status_code} with'
            ' an answer that is no JSON object'
        )
    return data


def _cause(error: Exception) -> str:
    """Return the innermost cause of a failed request, in one line."""
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, 'reason', cause)
    # urllib3 begins with the representation of a connection.
    words = str(cause).rpartition('): ')[2]
    return f'{type(error).__name__}: {" ".join(words.split())[:200]}'


def _describe(status: Status, site: BaseSite, session: OAuth2Session) -> None:
    """Tell what the token itself says, which needs no wiki."""
    token = session.token
    assert token is not None
    claims = _claims(token.access_token)
    scopes = claims.get('scopes')
    if status.grants is None and isinstance(scopes, list):
        status.grants = [str(scope) for scope in scopes]
    status.expires_at = token.expires_at or _number(claims.get('exp'))
    if token.refresh_token is None:
        return
    if token.expires_at is not None and token.lifetime is not None:
        issued = token.expires_at - token.lifetime
    else:
        issued = _number(claims.get('iat')) or 0
    if not issued:
        return
    if is_wikimedia(site):
        status.refresh_by = RefreshBy(
            issued + 365 * DAY, "Wikimedia's 365 days"
        )
    else:
        status.refresh_by = RefreshBy(
            issued + 30 * DAY,
            "MediaWiki's default of one month, if the wiki has set no other",
        )


def _claims(access_token: str) -> dict[str, object]:
    """Return what stands in a JSON Web Token; unverified."""
    part = [*access_token.split('.'), ''][1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + '=='))
    except (ValueError, RecursionError):
        claims = None
    return claims if isinstance(claims, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
