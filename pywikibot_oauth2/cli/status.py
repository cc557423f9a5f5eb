"""The status of the authorization for one site, without secrets."""

from __future__ import annotations

import contextlib
import math
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pywikibot.comms import http

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.api import own_rights, part, query
from pywikibot_oauth2.authorization import LOGGED_OUT
from pywikibot_oauth2.cli.sites import account_of
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
    from pywikibot.site import BaseSite

    from pywikibot_oauth2.account import Account
    from pywikibot_oauth2.auth import OAuth2Auth
    from pywikibot_oauth2.client import OAuth2Client
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

_STATES = {
    ConfigurationError: 'misconfigured',
    StoreError: 'store unusable',
    ClientRefusedError: 'refused',
    EndpointError: 'unreachable',
}

# The stages of a client by the numbers that the wiki gives (recorded: 1).
_STAGES = dict(
    enumerate(('proposed', 'approved', 'rejected', 'expired', 'disabled'))
)

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

# The rights and limits that matter to every bot; -json has them all.
_RIGHTS = 'bot', 'apihighlimits', 'noratelimit', 'edit', 'createpage', 'move'
_LIMITS = 'edit', 'move', 'upload', 'rollback', 'purge'

# Seconds; a longer lifetime is taken as no expiry.
_PRACTICALLY_FOREVER = 100 * 365 * 86400


@dataclass
class Registration:
    """The client as the wiki describes it."""

    name: str
    stage: str
    registered: str
    callback_url: str | None
    grants: list[str]
    notes: list[str]


@dataclass
class Status:
    """The status of the authorization for one site.

    :ivar expires_at: when the access token expires, in seconds since 1970
        UTC
    :ivar missing: for each right that the account has and the token
        lacks, the grant that includes it
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

    def refuse(self, reason: str) -> None:
        """Record that the wiki does not accept the token."""
        self.state, self.reason, self.accepted = 'refused', reason, False

    @property
    def exit_status(self) -> int:
        """The exit status for the state."""
        return EXITS[self.state]

    def serialize(self) -> dict[str, object]:
        """Return a JSON-serializable dict, with times in ISO 8601 format."""
        data = asdict(self)
        data['access_token_expires_at'] = iso(data.pop('expires_at'))
        return {**data, 'exit_status': self.exit_status}


def state_of(error: OAuth2Error) -> str:
    """Return the state of an authorization after an error."""
    for kind, state in _STATES.items():
        if isinstance(error, kind):
            return state
    return 'not authorized'


def explain(error: OAuth2Error, site: BaseSite, client: OAuth2Client) -> str:
    """Return what went wrong for a site and what can be done about it."""
    if isinstance(error, StoreError):
        # A store does not know for which wiki it is asked.
        error.wiki = error.wiki or host.wiki_of_site(site)
        error.account = error.account or site.username()
    return messages.explain(error, client)


def examine(site: BaseSite, auth: OAuth2Auth) -> Status:
    """Return the status of the authorization for a site.

    A token that is due is renewed, as with any other script. Nothing is
    tried twice, and no question is asked.
    """
    name = site.username()
    kept_in = name and auth.store.where(name)
    if auth.client.access_token is not None:
        kept_in = 'the configuration (access_token)'
    client = auth.client
    status = Status(
        str(site), name, client.shown_id or None, client.kind, kept_in
    )
    try:
        account = account_of(site, auth)
        try:
            auth.check()
            _examine(status, site, account)
        finally:
            _read_token(status, account)
    except OAuth2Error as error:
        status.state = state_of(error)
        status.reason = explain(error, site, client)
        if isinstance(error, ClientRefusedError):
            status.accepted = False
    return status


def _read_token(status: Status, account: Account) -> None:
    """Record the claims of the token itself."""
    found = account.authorization
    if found is None or found.token is None:
        return
    claims = found.token.claims()
    scopes, expiry = claims.get('scopes'), claims.get('exp')
    if status.grants is None:
        status.grants = _printable(scopes)
    if isinstance(expiry, (int, float)):
        status.expires_at = expiry
    status.expires_at = found.token.expires_at or status.expires_at


def _printable(names: object) -> list[str] | None:
    """Return a list of names, safe for a terminal; None for anything else."""
    return list(map(printable, names)) if isinstance(names, list) else None


def _examine(status: Status, site: BaseSite, account: Account) -> None:
    """Ask the store and, if there is a token, the wiki."""
    account.load()
    header = account.header(http.user_agent(site))
    if header is not None:
        _ask_api(status, site, account)
        header = account.state.header
    if header is None:
        _explain_lack(status, site, account)
        return
    endpoints = OAuth2Wiki(account.client, account.wiki, http.user_agent(site))
    # If this fails, the token itself says which grants it was issued with.
    with contextlib.suppress(EndpointError, ClientRefusedError):
        profile = endpoints.profile(header) or {}
        status.grants = _printable(profile.get('grants'))
    with contextlib.suppress(EndpointError, ClientRefusedError):
        status.client = _registration(endpoints, header, account)
    if status.rights is not None:
        own = own_rights(site, status.account or '')
        status.missing = messages.missing_rights(own, status.rights)


def _explain_lack(status: Status, site: BaseSite, account: Account) -> None:
    """Record why there is no token, and which command to run."""
    found = account.authorization
    if found is not None and found.ended is not None:
        is_out = found.ended == LOGGED_OUT
        status.state = 'logged out' if is_out else 'ended'
        status.reason = None if is_out else found.ended
        status.accepted = False
    if account.client.access_token is None:
        command = messages.login_command(
            host.wiki_of_site(site), status.account
        )
        status.reason = f'{status.reason or ""} Run "{command}".'.strip()


def _ask_api(status: Status, site: BaseSite, account: Account) -> None:
    """Ask api.php who we are, as any other script would."""
    data = query(site, meta='userinfo', uiprop='blockinfo|ratelimits|rights')
    wiki = host.wiki_of_site(site)
    error = part(data, 'error')
    info = part(data, 'query', 'userinfo')
    if error:
        words = printable(f'{error.get("code")}: {error.get("info")}')
        if not str(error.get('code')).startswith(_REFUSALS):
            raise EndpointError(f'{wiki}: {words}', wiki=wiki)
        status.refuse(words)
    elif not info:
        raise EndpointError(f'{wiki}: an answer without userinfo', wiki=wiki)
    elif 'anon' in info or account.state.header is None:
        status.refuse('The wiki treats requests with this token as anonymous.')
    elif info.get('name') != status.account:
        status.refuse(
            f'The token is for {printable(info.get("name"))}, but'
            f' user-config.py has {status.account}.'
        )
        status.accepted = True
    else:
        status.state, status.accepted = 'authorized', True
        rights = _printable(info.get('rights'))
        status.rights = rights and sorted(rights)
        # PHP encodes an empty object as a list.
        status.ratelimits = part(info, 'ratelimits')
        status.blocked = 'blockid' in info and not info.get('blockpartial')


def _registration(
    endpoints: OAuth2Wiki, header: Header, account: Account
) -> Registration | None:
    """Return the wiki's data about the client, if the account owns it."""
    client = account.client
    for entry in endpoints.own_clients(header):
        if entry.get('client_key') == client.client_id:
            break
    else:
        return None
    number = entry.get('stage')
    # If "basic" was requested, it is an object with gaps (recorded).
    scopes = [*part(entry, 'scopes').values()] or entry.get('scopes')
    found = Registration(
        printable(entry.get('name')),
        _STAGES.get(number, '?') if isinstance(number, int) else '?',
        printable(entry.get('registration_formatted')),
        printable(entry.get('callback_url') or '') or None,
        _printable(scopes) or [],
        [],
    )
    ours = client.redirect_uri
    if ours and found.callback_url and ours != found.callback_url:
        found.notes.append(f'user-config.py has another callback URL: {ours}')
    if bool(entry.get('owner_only')) != client.owner_only:
        kind = 'owner-only' if entry.get('owner_only') else 'not owner-only'
        found.notes.append(f'the client is {kind}, unlike in user-config.py')
    if found.stage == 'proposed':
        found.notes.append(_proposal(found.registered))
    return found


def _proposal(registered: str) -> str:
    """Return the note about a client that is not approved yet."""
    expiry = f'{_PROPOSAL_DAYS} days after that'
    with contextlib.suppress(ValueError):
        day = datetime.strptime(registered, '%H:%M, %d %B %Y')
        expiry = f'on {day + timedelta(days=_PROPOSAL_DAYS):%d %B %Y}'
    return f'proposed on {registered}: expires {expiry} unless it is approved'


def iso(time: float | None) -> str | None:
    """Return a time in seconds since 1970 in ISO 8601 format, in UTC."""
    if time is None:
        return None
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(time, timezone.utc)
        return moment.isoformat(timespec='seconds')
    return None


# For a person


def text(status: Status, now: float) -> str:
    """Return the status of an authorization as lines of text.

    :param now: the time, in seconds since 1970 UTC
    """
    client = f'{status.client_id or "-"} ({status.client_kind})'
    notes: list[str] = []
    if status.client is not None:
        client += f', "{status.client.name}", {status.client.stage}'
        notes = status.client.notes
    grants = status.grants
    rows = [
        ('account', status.account),
        ('client', client),
        *(('', note) for note in notes),
        ('state', _state(status)),
        ('grants', None if grants is None else ', '.join(grants) or 'none'),
        ('rights', _rights(status.rights)),
        ('missing', _missing(status.missing)),
        ('limits', _limits(status.ratelimits)),
        ('access token', _expiry(status.expires_at, now)),
        ('kept in', status.kept_in),
    ]
    lines = [f'  {name:<14} {value}' for name, value in rows if value]
    return '\n'.join([status.site, *lines])


def _state(status: Status) -> str:
    words = status.state
    if status.accepted:
        words += ', and the wiki accepts the token'
    if status.blocked:
        words += '; but the account is blocked'
    if status.reason:
        words += ': ' + status.reason.replace('\n', '\n' + 17 * ' ')
    return words


def _rights(rights: list[str] | None) -> str | None:
    if rights is None:
        return None
    present = [right for right in _RIGHTS if right in rights]
    missing = [right for right in _RIGHTS if right not in rights]
    words = f'{", ".join(present)} and {len(rights) - len(present)} more'
    return words + (f'; not: {", ".join(missing)}' if missing else '')


def _missing(missing: dict[str, str] | None) -> str | None:
    if not missing:
        return None
    return 'the account may also ' + ', '.join(
        f'{right} (grant "{grant}")' for right, grant in missing.items()
    )


def _limits(limits: dict[str, object] | None) -> str | None:
    """Return the limits for some actions; the highest of each applies."""
    if limits is None:
        return None
    found = []
    for action in _LIMITS:
        groups = part(limits, action)
        rates = filter(None, (_rate(part(groups, name)) for name in groups))
        highest = max(rates, default=None)
        if highest is not None:
            found.append(f'{action} {highest[1]:g} in {highest[2]:g} s')
    more = len(limits.keys() - set(_LIMITS))
    return ('; '.join(found) or 'none for what a bot does') + (
        f' ({more} more with -json)' if more else ''
    )


def _rate(limit: dict[str, object]) -> tuple[float, float, float] | None:
    """Return hits per second, hits and seconds; None without a limit."""
    hits, seconds = limit.get('hits'), limit.get('seconds')
    if not isinstance(hits, (int, float)):
        return None
    if not isinstance(seconds, (int, float)) or not seconds:
        return None
    return hits / seconds, hits, seconds


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
    """Return a duration in at most two units."""
    minutes = math.ceil(seconds / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f'{days} d {hours} h'
    return f'{hours} h {minutes % 60} min' if hours else f'{minutes} min'
