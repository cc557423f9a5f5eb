"""The status of the authorization for one site, without secrets."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from pywikibot.comms import http

from pywikibot_oauth2 import errors, messages
from pywikibot_oauth2.api import own_rights, part, query
from pywikibot_oauth2.authorization import LOGGED_OUT
from pywikibot_oauth2.errors import printable
from pywikibot_oauth2.protocol import OAuth2Wiki
from pywikibot_oauth2.token import seconds


if TYPE_CHECKING:
    from pywikibot_oauth2.cli.sites import Case


#: The exit status of each state that an authorization may be in.
EXITS = {
    'authorized': 0,
    **dict.fromkeys(('not authorized', 'logged out', 'ended', 'refused'), 1),
    'misconfigured': 2,
    'unreachable': 3,
    'store unusable': 4,
}

_STATES = {
    errors.ConfigurationError: 'misconfigured',
    errors.StoreError: 'store unusable',
    errors.ClientRefusedError: 'refused',
    errors.EndpointError: 'unreachable',
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
_REFUSALS = r'mwoauth-|(?:auto)?blocked|assert|readapidenied|permissiondenied'

# The rights and limits that matter to every bot; -json has them all.
_RIGHTS = 'bot', 'apihighlimits', 'noratelimit', 'edit', 'createpage', 'move'
_LIMITS = 'edit', 'move', 'upload', 'rollback', 'purge'


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

    :ivar expires_at: when the access token expires, in seconds since 1970 UTC
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

    def serialize(self) -> dict[str, object]:
        """Return a JSON-serializable dict, with times in ISO 8601 format."""
        data = asdict(self)
        data['access_token_expires_at'] = iso(data.pop('expires_at'))
        return {**data, 'exit_status': EXITS[self.state]}


def state_of(error: errors.OAuth2Error) -> str:
    """Return the state of an authorization after an error."""
    for kind, state in _STATES.items():
        if isinstance(error, kind):
            return state
    return 'not authorized'


def examine(case: Case) -> Status:
    """Return the status of the authorization for a site.

    A token that is due is renewed, as with any other script. Nothing is
    tried twice, and no question is asked.
    """
    client, kept_in = case.client, case.username and case.place
    if client.access_token is not None:
        kept_in = messages.CONFIGURATION
    ids = str(case.site), case.username, client.shown_id or None
    status = Status(*ids, client.kind, kept_in)
    try:
        _examine(status, case)
    except errors.OAuth2Error as error:
        status.state, status.reason = state_of(error), case.explain(error)
        if isinstance(error, errors.ClientRefusedError):
            status.accepted = False
    if status.state == 'authorized' and not case.account.state.is_saved:
        status.state = 'store unusable'
        status.reason = 'The new token could not be stored.'
    token = None
    with contextlib.suppress(errors.ConfigurationError):
        token = case.account.authorization.token
    if token is not None:
        claims = token.claims()
        if status.grants is None:
            status.grants = _printable(claims.get('scopes'))
        expiry = token.expires_at or claims.get('exp')
        if isinstance(expiry, (int, float)):
            status.expires_at = expiry
    return status


def _printable(names: object) -> list[str] | None:
    """Return a list of names, safe for a terminal; None for anything else."""
    return list(map(printable, names)) if isinstance(names, list) else None


def _examine(status: Status, case: Case) -> None:
    """Ask the store and, if there is a token, the wiki."""
    account, user_agent = case.account, http.user_agent(case.site)
    case.auth.check()
    account.load()
    if account.header(user_agent) is not None:
        _ask_api(status, case)
    header, refusal = account.state.header, account.state.error()
    if refusal is not None:
        # The request above may have met it, or "-login".
        raise refusal
    if header is None:
        ended = account.authorization.ended
        if ended is not None:
            status.state, status.reason = 'ended', ended
            status.accepted = False
        if status.reason == LOGGED_OUT:
            status.state, status.reason = LOGGED_OUT, None
        if case.client.access_token is None:
            command = messages.login_command(case.wiki, case.username)
            status.reason = f'{status.reason or ""} Run "{command}".'.strip()
        return
    endpoints = OAuth2Wiki(case.client, account.wiki, user_agent)
    # If this fails, the token itself says which grants it was issued with.
    with contextlib.suppress(errors.EndpointError, errors.ClientRefusedError):
        profile = endpoints.profile(header) or {}
        status.grants = _printable(profile.get('grants'))
    with contextlib.suppress(errors.EndpointError, errors.ClientRefusedError):
        for entry in endpoints.own_clients(header):
            if entry.get('client_key') == case.client.client_id:
                status.client = _registration(entry, case)
                break
    if status.rights is not None:
        own = own_rights(case.site, case.username or '')
        if own:
            status.missing = messages.missing_rights(own, status.rights)


def _ask_api(status: Status, case: Case) -> None:
    """Ask api.php who we are, as any other script would."""
    facts = 'blockinfo|ratelimits|rights'
    data = query(case.site, meta='userinfo', uiprop=facts)
    error, info = part(data, 'error'), part(data, 'query', 'userinfo')
    words, name = 'an answer without userinfo', info.get('name')
    if error:
        words = printable(f'{error.get("code")}: {error.get("info")}')
    if re.match(_REFUSALS, words):
        status.refuse(words)
    elif error or not info:
        raise errors.EndpointError(f'{case.wiki}: {words}')
    elif 'anon' in info or case.account.state.header is None:
        status.refuse(
            'The wiki does not accept the token, or treats requests with it'
            ' as anonymous.'
        )
    elif name != case.username:
        status.refuse(
            f'The token is for {printable(name)}, but user-config.py has'
            f' {case.username}.'
        )
        status.accepted = True
    else:
        status.state, status.accepted = 'authorized', True
        rights = _printable(info.get('rights'))
        status.rights = rights and sorted(rights)
        # PHP encodes an empty object as a list.
        status.ratelimits = part(info, 'ratelimits')
        status.blocked = 'blockid' in info and not info.get('blockpartial')


def _registration(entry: dict[str, object], case: Case) -> Registration:
    """Return the wiki's data about the client."""
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
    client, is_owner_only = case.client, bool(entry.get('owner_only'))
    ours = client.redirect_uri
    if ours and found.callback_url and ours != found.callback_url:
        found.notes.append(f'user-config.py has another callback URL: {ours}')
    if is_owner_only != client.owner_only:
        kind = 'owner-only' if is_owner_only else 'not owner-only'
        found.notes.append(f'the client is {kind}, unlike in user-config.py')
    if found.stage == 'proposed':
        expiry = f'{_PROPOSAL_DAYS} days after that'
        with contextlib.suppress(ValueError):
            day = datetime.strptime(found.registered, '%H:%M, %d %B %Y')
            expiry = f'on {day + timedelta(days=_PROPOSAL_DAYS):%d %B %Y}'
        note = f'proposed on {found.registered}: expires {expiry} unless it is'
        found.notes.append(f'{note} approved')
    return found


def iso(time: float | None) -> str | None:
    """Return a time in seconds since 1970 UTC in ISO 8601 format."""
    if time is None:
        return None
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(time, timezone.utc)
        return moment.isoformat(timespec='seconds')
    return None


def text(status: Status, now: float) -> str:
    """Return the status of an authorization as lines of text."""
    client = f'{status.client_id or "-"} ({status.client_kind})'
    notes: list[str] = []
    if status.client is not None:
        client += f', "{status.client.name}", {status.client.stage}'
        notes = status.client.notes
    state = status.state
    if status.accepted:
        state += ', and the wiki accepts the token'
    if status.blocked:
        state += '; but the account is blocked'
    if status.reason:
        state += ': ' + status.reason.replace('\n', '\n' + 17 * ' ')
    grants, rights = status.grants, status.rights
    limits, expiry = status.ratelimits, status.expires_at
    missing = status.missing and messages.listed(status.missing)
    verb = 'looked' if status.state == 'not authorized' else 'kept'
    rows = [
        ('account', status.account),
        ('client', client),
        *(('', note) for note in notes),
        ('state', state),
        ('grants', None if grants is None else ', '.join(grants) or 'none'),
        ('rights', None if rights is None else _rights(rights)),
        ('missing', missing and f'the account also has {missing}'),
        ('limits', None if limits is None else _limits(limits)),
        ('access token', None if expiry is None else _expiry(expiry, now)),
        (f'{verb} in', status.kept_in),
    ]
    lines = [f'  {name:<14} {value}' for name, value in rows if value]
    return '\n'.join([status.site, *lines])


def _rights(rights: list[str]) -> str:
    present = [right for right in _RIGHTS if right in rights]
    missing = [right for right in _RIGHTS if right not in rights]
    more = len(rights) - len(present)
    words = f'{", ".join(present)} and {more} more'
    if not present:
        words = f'{more} in all'
    return words + (f'; not: {", ".join(missing)}' if missing else '')


def _limits(limits: dict[str, object]) -> str:
    """Return the limits for some actions; the highest of each applies."""
    found = []
    for action in _LIMITS:
        rates = []
        for limit in map(part, part(limits, action).values()):
            hits, time = limit.get('hits'), seconds(limit.get('seconds'))
            if isinstance(hits, (int, float)) and time:
                rates.append((hits / time, hits, time))
        if rates:
            _, hits, time = max(rates)
            found.append(f'{action} {hits:g} in {time:g} s')
    more = len(limits.keys() - set(_LIMITS))
    return ('; '.join(found) or 'none for common actions') + (
        f' ({more} more with -json)' if more else ''
    )


def _expiry(time: float, now: float) -> str:
    if time > now and seconds(time - now) is None:
        return 'has no practical expiry'
    date, _, clock = (iso(time) or '?').partition('T')
    when = f'{date} {clock[:5]} UTC'
    if time < now:
        return f'expired at {when}'
    minutes = math.ceil((time - now) / 60)
    days, hours = minutes // 1440, minutes // 60 % 24
    left = f'{minutes} min'
    if days:
        left = f'{days} d {hours} h'
    elif hours:
        left = f'{hours} h {minutes % 60} min'
    return f'until {when} ({left} from now)'
