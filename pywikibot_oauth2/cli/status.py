"""What is known about the authorization for one site; nothing secret."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from pywikibot.comms import http

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.authorization import LOGGED_OUT
from pywikibot_oauth2.errors import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
    printable,
)
from pywikibot_oauth2.protocol import OAuth2Wiki


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.account import Account
    from pywikibot_oauth2.auth import OAuth2Auth
    from pywikibot_oauth2.token import Header


#: The exit status of each state that an authorization may be in.
EXITS = {
    'authorized': 0,
    'not authorized': 1,
    'logged out': 1,
    'ended': 1,
    'refused': 1,
    'misconfigured': 2,
    'unreachable': 3,
    'store unusable': 4,
}

# The stages of a client by the numbers that the wiki gives (recorded: 1).
_STAGES = ('proposed', 'approved', 'rejected', 'expired', 'disabled')

# A proposed client expires after this number of days
# (MWOAuthRequestExpirationAge, the default, also on Wikimedia).
_PROPOSAL_DAYS = 30

# The beginnings of error codes that concern the token or the account. Others,
# such as that of a locked database, are temporary.
_REFUSALS = (
    'mwoauth-',
    'blocked',
    'autoblocked',
    'assert',
    'readapidenied',
    'permissiondenied',
)

# The rights that make a difference to every bot, and the limits that a
# bot runs into; -json has them all.
_RIGHTS = 'bot', 'apihighlimits', 'noratelimit', 'edit', 'createpage', 'move'
_LIMITS = 'edit', 'move', 'upload', 'rollback', 'purge'

# Seconds; a longer lifetime is taken as no expiry.
_PRACTICALLY_FOREVER = 100 * 365 * 86400


class UnreachableError(Exception):
    """The wiki gave no usable answer."""


@dataclass
class Registration:
    """What the wiki says about the client."""

    name: str
    stage: str
    registered: str
    callback_url: str | None
    grants: list[str]
    notes: list[str]


@dataclass
class Status:
    """What is known about the authorization for one site.

    :ivar expires_at: when the access token expires, in seconds since 1970
        UTC
    :ivar missing: for each right that the account has and the token
        lacks, the grant that gives it
    """

    site: str
    account: str | None
    client_id: str | None
    client_kind: str
    kept_in: str | None
    state: str = 'not authorized'
    reason: str | None = None
    accepted: bool | None = None
    blocked: bool | None = None
    grants: list[str] | None = None
    rights: list[str] | None = None
    missing: dict[str, str] | None = None
    ratelimits: dict[str, object] | None = None
    expires_at: float | None = None
    client: Registration | None = None

    def set(self, state: str, reason: object = None) -> None:
        """Set the state, with the reason or what to do about it."""
        assert state in EXITS
        self.state = state
        self.reason = None if reason is None else str(reason)

    @property
    def exit_status(self) -> int:
        """The exit status that goes with the state."""
        return EXITS[self.state]

    def serialize(self) -> dict[str, object]:
        """Return it as a JSON-able dict, with times in ISO 8601 format."""
        data = asdict(self)
        data['access_token_expires_at'] = iso(data.pop('expires_at'))
        return {**data, 'exit_status': self.exit_status}


def examine(site: BaseSite, auth: OAuth2Auth) -> Status:
    """Find out everything about the authorization for a site.

    A token that is due is renewed, as for any other script; nothing is
    tried twice, and nobody is asked a question.
    """
    account_name = str(site.username() or '') or None
    status = Status(
        str(site),
        account_name,
        auth.client.client_id or None,
        auth.client.kind,
        place(auth, account_name),
    )
    if account_name is None:
        status.set(
            'misconfigured',
            f'usernames[{site.family.name!r}][{site.code!r}] is missing in'
            ' user-config.py.',
        )
        return status
    wiki = host.wiki_of_site(site)
    account = auth.bearer_for(wiki, account_name).account
    try:
        auth.check()
        auth.route(wiki, account_name)
        _examine(status, site, account)
    except (OAuth2Error, UnreachableError) as error:
        _set_by_error(status, error, auth)
    found = account.authorization
    token = found.token if found else None
    if token is not None:
        claims = token.claims()
        scopes, expiry = claims.get('scopes'), claims.get('exp')
        if status.grants is None and isinstance(scopes, list):
            status.grants = [printable(scope) for scope in scopes]
        if isinstance(expiry, (int, float)):
            status.expires_at = expiry
        status.expires_at = token.expires_at or status.expires_at
    return status


def _set_by_error(
    status: Status, error: OAuth2Error | UnreachableError, auth: OAuth2Auth
) -> None:
    """Set what an error says about the authorization."""
    states: dict[type[Exception], str] = {
        ConfigurationError: 'misconfigured',
        StoreError: 'store unusable',
        ClientRefusedError: 'refused',
    }
    text = (
        messages.explain(error, auth.client)
        if isinstance(error, OAuth2Error)
        else error
    )
    for kind, state in states.items():
        if isinstance(error, kind):
            status.set(state, text)
            break
    else:
        status.set('unreachable', text)
    if isinstance(error, ClientRefusedError):
        status.accepted = False


def _examine(status: Status, site: BaseSite, account: Account) -> None:
    """Ask the store and, if there is a token, the wiki.

    :raises OAuth2Error: something cannot be found out
    :raises UnreachableError: the wiki gave no usable answer
    """
    account.load()
    header = account.header(http.user_agent(site))
    if header is not None:
        _ask_api(status, site, account)
        header = account.state.header
    found = account.authorization
    if header is None:
        if found is not None and found.ended is not None:
            is_out = found.ended == LOGGED_OUT
            status.set(
                'logged out' if is_out else 'ended',
                None if is_out else found.ended,
            )
            status.accepted = False
        if account.client.access_token is None:
            command = messages.login_command(
                host.wiki_of_site(site), status.account
            )
            status.reason = f'{status.reason or ""} Run "{command}".'.strip()
        return
    endpoints = OAuth2Wiki(account.client, account.wiki, http.user_agent(site))
    # If this fails, the token itself says which grants it was issued with.
    with contextlib.suppress(EndpointError, ClientRefusedError):
        profile = endpoints.profile(header) or {}
        grants = profile.get('grants')
        if isinstance(grants, list):
            status.grants = [printable(grant) for grant in grants]
    with contextlib.suppress(EndpointError, ClientRefusedError):
        status.client = _registration(endpoints, header, account)
    if status.rights is not None:
        own = _own_rights(site, status.account or '')
        status.missing = messages.missing_rights(own, status.rights)


def _ask_api(status: Status, site: BaseSite, account: Account) -> None:
    """Ask api.php who we are, as any other script would."""
    data = _query(site, meta='userinfo', uiprop='blockinfo|ratelimits|rights')
    error = data.get('error')
    if isinstance(error, dict):
        words = printable(f'{error.get("code")}: {error.get("info")}')
        if not str(error.get('code')).startswith(_REFUSALS):
            raise UnreachableError(f'{host.wiki_of_site(site)}: {words}')
        status.set('refused', words)
        status.accepted = False
        return
    result = data.get('query')
    info = result.get('userinfo') if isinstance(result, dict) else None
    if not isinstance(info, dict):
        raise UnreachableError(
            f'{host.wiki_of_site(site)}: an answer without userinfo'
        )
    status.accepted = 'anon' not in info and account.state.header is not None
    if not status.accepted:
        status.set(
            'refused', 'The wiki treats requests with this token as anonymous.'
        )
    elif info.get('name') != status.account:
        status.set(
            'refused',
            f'The token is for {printable(info.get("name"))}, but'
            f' user-config.py has {status.account}.',
        )
    else:
        status.set('authorized')
        rights, limits = info.get('rights'), info.get('ratelimits')
        if isinstance(rights, list):
            status.rights = sorted(map(printable, rights))
        # PHP encodes an empty object as a list.
        status.ratelimits = limits if isinstance(limits, dict) else {}
        status.blocked = 'blockid' in info and not info.get('blockpartial')


def _own_rights(site: BaseSite, username: str) -> list[str]:
    """Return the rights of the account, whatever the token allows."""
    with contextlib.suppress(UnreachableError, OAuth2Error, LookupError):
        data = _query(site, list='users', ususers=username, usprop='rights')
        result = data['query']
        assert isinstance(result, dict)
        return [str(right) for right in result['users'][0]['rights']]
    return []


def _registration(
    endpoints: OAuth2Wiki, header: Header, account: Account
) -> Registration | None:
    """Return what the wiki says about the client, if the account owns it."""
    for entry in endpoints.own_clients(header):
        if entry.get('client_key') == account.client.client_id:
            break
    else:
        return None
    number, scopes = entry.get('stage'), entry.get('scopes')
    is_known = isinstance(number, int) and 0 <= number < len(_STAGES)
    # If "basic" was requested, it is an object with gaps (recorded).
    if isinstance(scopes, dict):
        scopes = list(scopes.values())
    found = Registration(
        printable(entry.get('name')),
        _STAGES[number] if is_known and isinstance(number, int) else '?',
        printable(entry.get('registration_formatted')),
        printable(entry.get('callback_url') or '') or None,
        [printable(scope) for scope in scopes or ()]
        if isinstance(scopes, list)
        else [],
        [],
    )
    ours = account.client.redirect_uri
    if ours and found.callback_url and ours != found.callback_url:
        found.notes.append(f'user-config.py has another callback URL: {ours}')
    if bool(entry.get('owner_only')) != account.client.owner_only:
        kind = 'owner-only' if entry.get('owner_only') else 'not owner-only'
        found.notes.append(f'the client is {kind}, unlike in user-config.py')
    if found.stage == 'proposed':
        found.notes.append(_proposal(found.registered))
    return found


def _proposal(registered: str) -> str:
    """Return what to say about a client that is not approved yet."""
    expiry = f'{_PROPOSAL_DAYS} days after that'
    with contextlib.suppress(ValueError):
        day = datetime.strptime(registered, '%H:%M, %d %B %Y')
        expiry = f'on {day + timedelta(days=_PROPOSAL_DAYS):%d %B %Y}'
    return f'proposed on {registered}: expires {expiry} unless it is approved'


def _query(site: BaseSite, **parameters: str) -> Mapping[str, object]:
    """Return the answer to a query of a site.

    :raises OAuth2Error: as for any request that is authenticated
    :raises UnreachableError: there is none
    """
    query = urlencode(
        {
            'action': 'query',
            **parameters,
            'format': 'json',
            'formatversion': '2',
        }
    )
    wiki = host.wiki_of_site(site)
    response = http.fetch(
        site.base_url(f'{site.apipath()}?{query}'),
        headers={'user-agent': http.user_agent(site)},
        verify=site.verify_SSL_certificate(),
        default_error_handling=False,
    )
    if isinstance(response, OAuth2Error):
        raise response
    if isinstance(response, Exception):
        raise UnreachableError(
            f'{wiki}: {type(response).__name__}: {_cause(response)}'
        )
    try:
        data = json.loads(response.content)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UnreachableError(
            f'{wiki}: HTTP status {response.status_code} with an answer that'
            ' is not a JSON object'
        )
    return data


def _cause(error: Exception) -> str:
    """Return the innermost cause of a failed request, in one line."""
    cause: object = error.args[0] if error.args else error
    cause = getattr(cause, 'reason', cause)
    # urllib3 begins with the representation of a connection.
    return printable(str(cause).rpartition('): ')[2])


def place(auth: OAuth2Auth, account: str | None) -> str | None:
    """Return where the token of an account is kept."""
    if auth.client.access_token is not None:
        return 'the configuration (access_token)'
    return None if account is None else auth.store.where(account)


def iso(time: float | None) -> str | None:
    """Return a time in seconds since 1970 in ISO 8601 format, in UTC."""
    if time is None:
        return None
    try:
        return datetime.fromtimestamp(time, timezone.utc).isoformat(
            timespec='seconds'
        )
    except (ValueError, OverflowError, OSError):
        return None


# For a person


def text(status: Status, now: float) -> str:
    """Return what is known about an authorization, as lines of text.

    :param status: what is known
    :param now: the time, in seconds since 1970 UTC
    """
    client = f'{status.client_id or "-"} ({status.client_kind})'
    found = status.client
    if found is not None:
        client += f', "{found.name}", {found.stage}'
    rows = [
        ('account', status.account),
        ('client', client),
        *(('', note) for note in (found.notes if found else ())),
        ('state', _state(status)),
        ('grants', _list(status.grants)),
        ('rights', _rights(status.rights)),
        ('missing', _missing(status.missing)),
        ('limits', _limits(status.ratelimits)),
        ('access token', _expiry(status.expires_at, now)),
        ('kept in', status.kept_in),
    ]
    return '\n'.join(
        [
            status.site,
            *(f'  {name:<14} {value}' for name, value in rows if value),
        ]
    )


def _state(status: Status) -> str:
    words = status.state
    if status.accepted:
        words += ', and the wiki accepts the token'
    if status.blocked:
        words += '; but the account is blocked'
    if status.reason:
        words += ': ' + status.reason.replace('\n', '\n' + 17 * ' ')
    return words


def _list(names: list[str] | None) -> str | None:
    return None if names is None else ', '.join(names) or 'none'


def _rights(rights: list[str] | None) -> str | None:
    if rights is None:
        return None
    missing = [right for right in _RIGHTS if right not in rights]
    words = ', '.join(right for right in _RIGHTS if right in rights)
    words += f' and {len(rights) - len(_RIGHTS) + len(missing)} more'
    return words + (f'; not: {", ".join(missing)}' if missing else '')


def _missing(missing: dict[str, str] | None) -> str | None:
    if not missing:
        return None
    return 'the account may also ' + ', '.join(
        f'{right} (grant "{grant}")' for right, grant in missing.items()
    )


def _limits(limits: dict[str, object] | None) -> str | None:
    """Return the limits that the wiki reports for some actions.

    Of those that apply to an account, the wiki uses the highest.
    """
    if limits is None:
        return None
    found = []
    for action in _LIMITS:
        groups = limits.get(action)
        rates = [
            (hits / seconds, hits, seconds)
            for hits, seconds in map(
                _rate, groups.values() if isinstance(groups, dict) else ()
            )
            if seconds
        ]
        if rates:
            _, hits, seconds = max(rates)
            found.append(f'{action} {hits:g} in {seconds:g} s')
    more = len(limits.keys() - set(_LIMITS))
    return ('; '.join(found) or 'none for what a bot does') + (
        f' ({more} more with -json)' if more else ''
    )


def _rate(limit: object) -> tuple[float, float]:
    """Return hits and seconds; no seconds if it is not a limit."""
    if isinstance(limit, dict):
        hits, seconds = limit.get('hits'), limit.get('seconds')
        if isinstance(hits, (int, float)) and isinstance(
            seconds, (int, float)
        ):
            return hits, seconds
    return 0, 0


def _expiry(time: float | None, now: float) -> str | None:
    if time is None:
        return None
    if time - now > _PRACTICALLY_FOREVER:
        return 'has no practical expiry'
    date, _, clock = (iso(time) or '?').partition('T')
    when = f'{date} {clock[:5]} UTC'
    if time < now:
        return f'expired at {when}'
    return f'until {when} ({_span(time - now)} from now)'


def _span(seconds: float) -> str:
    """Return a span of time in two units at most."""
    minutes = math.ceil(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f'{days} d {hours} h'
    return f'{hours} h {minutes % 60} min' if hours else f'{minutes} min'
