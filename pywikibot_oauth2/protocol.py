"""Requests to ``rest.php/oauth2``, and the meaning of its answers."""

from __future__ import annotations

import contextlib
import enum
import hmac
import io
import json
import logging
import re
import secrets
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from oauthlib.oauth2 import (
    BackendApplicationClient,
    Client,
    WebApplicationClient,
)
from oauthlib.oauth2 import OAuth2Error as ProtocolError
from requests.adapters import HTTPAdapter
from requests_oauthlib import OAuth2Session as Session
from urllib3.exceptions import HTTPError

from pywikibot_oauth2 import host
from pywikibot_oauth2.authorization import PendingLogin
from pywikibot_oauth2.errors import (
    AnswerNotAcceptedError,
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    printable,
    reason_of,
)
from pywikibot_oauth2.token import Header, Hidden, Token, seconds


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import requests

    from pywikibot_oauth2.client import OAuth2Client


#: Seconds for a whole answer of the token endpoint.
DEADLINE = 60.0

# The maximum size of an answer, in bytes; a new token takes about 2,000.
_SIZE_LIMIT = 1 << 20

# An authorization code consists of visible characters (RFC 6749, appendix
# A.11); MediaWiki's has 760 to 980 hexadecimal digits (recorded).
_CODE = r'[!-~]+'

# The limit of a list of clients; by default, the wiki lists 50.
_ALL = 100

_E = TypeVar('_E', bound=OAuth2Error)


class Meaning(enum.Enum):
    """What an answer means."""

    DEAD_TOKEN = 'the access token is no longer valid'
    PERHAPS_DEAD = 'the access token or the page cannot be read'
    WRONG_COOKIE = 'a cookie does not match the access token'
    ENDED = 'the refresh token is no longer valid'
    CLIENT_REFUSED = 'the client ID or the client secret is wrong'
    CLIENT_UNUSABLE = 'nobody may use the client'
    CODE_REFUSED = 'the authorization code does not complete the login'
    OUR_MISTAKE = 'the request was wrong or was damaged on its way'


class Row(NamedTuple):
    """A recorded answer and its meaning.

    :ivar to: the request: ``code``, ``refresh``, ``token`` (any request
        for a token) or ``any`` (a request with an access token)
    :ivar statuses: the HTTP statuses
    :ivar error: the error code
    :ivar hint: the beginning of the hint
    :ivar meaning: the meaning of the answer
    :ivar cases: the recorded cases that show it, each preceded by the
        version if only that version does
    """

    to: str
    statuses: tuple[int, ...]
    error: str
    hint: str
    meaning: Meaning
    cases: tuple[str, ...]


_DEAD = 'mwoauth-invalid-authorization'
#: What api.php answers to the token of a client that nobody may use.
NOT_APPROVED = f'{_DEAD}-not-approved'

#: Every recorded refusal. The first row that matches counts. An answer that
#: matches none means a server in trouble: trying again later may work.
REFUSALS = (
    # The access token, on api.php and rest.php and at Wikimedia's gateway.
    Row('any', (200, 403), _DEAD, '', Meaning.DEAD_TOKEN,
        ('api: expired token', 'api: token of a revoked grant',
         'master rest: v1/page, expired token')),
    Row('any', (401,), 'access_denied', '', Meaning.DEAD_TOKEN,
        ('1.43 rest: resource/profile, expired token',)),
    Row('any', (403,), 'rest-read-denied', '', Meaning.PERHAPS_DEAD,
        ('1.43 rest: v1/page, expired token',
         'rest: v1/page, client with mwoauth-authonly')),
    # Not recorded: task T419034, which also has the value quoted.
    Row('any', (401,), 'invalid_token', '', Meaning.DEAD_TOKEN, ()),
    # Not recorded: documented for Wikimedia since March 2026.
    Row('any', (200, 403), f'{_DEAD}-jwt', '', Meaning.WRONG_COOKIE, ()),
    # The client.
    Row('any', (200, 403), NOT_APPROVED, '', Meaning.CLIENT_UNUSABLE,
        ('api: token of a client that an admin disabled',
         'master rest: v1/page, client whose proposal expired')),
    Row('token', (401,), 'invalid_client', '', Meaning.CLIENT_REFUSED,
        ('token: wrong client_secret', 'token: unknown client',
         '1.43 token: refresh, public client without client_secret')),
    Row('token', (400,), 'invalid_request', 'Check the `client_secret`',
        Meaning.CLIENT_REFUSED,
        ('master token: confidential client without client_secret',)),
    # Not server trouble: the client ID is wrong, or the client was deleted.
    Row('refresh', (500,), 'server_error', 'The authorization server'
        ' encountered an unexpected condition which prevented it from'
        ' fulfilling the request: Client with identifier ',
        Meaning.CLIENT_REFUSED, ('1.43 token: refresh, unknown client',)),
    Row('token', (401,), 'access_denied', 'Client ', Meaning.CLIENT_UNUSABLE,
        ('token: refresh, client that an admin disabled',)),
    # The refresh token. Before Extension:OAuth of August 2026, only the
    # hint distinguishes it from a request that was damaged.
    Row('refresh', (400,), 'invalid_grant', '', Meaning.ENDED,
        ('master token: refresh, revoked grant',)),
    Row('refresh', (401,), 'invalid_request', 'Token has been revoked',
        Meaning.ENDED, ('1.43 token: refresh, revoked grant',)),
    Row('refresh', (401,), 'invalid_request', 'Cannot decrypt the refresh',
        Meaning.ENDED,
        ('1.43 token: refresh with a refresh token that is not one',)),
    Row('refresh', (401,), 'invalid_request', 'Token is not linked to client',
        Meaning.ENDED,
        ('1.43 token: refresh with the refresh token of another client',)),
    # Not recorded: the same library's answer to one that is too old.
    Row('refresh', (401,), 'invalid_request', 'Token has expired',
        Meaning.ENDED, ()),
    # The authorization code.
    Row('code', (400,), 'invalid_grant', '', Meaning.CODE_REFUSED,
        ('token: wrong code_verifier', 'master token: code used a second time',
         'master token: code that is not a code')),
    Row('code', (400,), 'invalid_request', 'Authorization code',
        Meaning.CODE_REFUSED, ('1.43 token: code used a second time',)),
    Row('code', (400,), 'invalid_request', 'Cannot decrypt the authorization',
        Meaning.CODE_REFUSED, ('1.43 token: code that is not a code',)),
    Row('code', (400,), 'invalid_request', 'Check the `redirect_uri`',
        Meaning.CODE_REFUSED,
        ('token: redirect_uri was sent to authorize but not to'
         ' access_token',)),
    Row('code', (400,), 'invalid_request', 'Invalid redirect URI',
        Meaning.CODE_REFUSED,
        ('master token: authorization_code, registered redirect_uri though'
         ' another port was used (ip)',)),
    Row('code', (400,), 'invalid_request', 'Check the `code_verifier`',
        Meaning.CODE_REFUSED, ('token: missing code_verifier',)),
    # What we sent.
    Row('token', (400,), 'invalid_request', '', Meaning.OUR_MISTAKE,
        ('token: no grant_type', 'token: refresh, no refresh_token')),
    Row('token', (400,), 'invalid_scope', '', Meaning.OUR_MISTAKE,
        ('token: refresh, scope that the token has not (delete)',)),
    Row('token', (415,), 'rest-unsupported-content-type', '',
        Meaning.OUR_MISTAKE, ('token: refresh, body in JSON',)),
    Row('token', (403,), _DEAD, '', Meaning.OUR_MISTAKE,
        ('master token: refresh, with Authorization: Bearer and a token'
         ' that is not one',)),
)  # fmt: skip

_NOT_ACCEPTED = ClientRefusedError, 'does not accept the client'
# The refusals that have an error class, and what the wiki did.
_ERRORS: dict[Meaning | None, tuple[type[OAuth2Error], str]] = {
    Meaning.CLIENT_REFUSED: _NOT_ACCEPTED,
    Meaning.CLIENT_UNUSABLE: _NOT_ACCEPTED,
    Meaning.CODE_REFUSED: (
        AnswerNotAcceptedError, 'refused the authorization code'),
    Meaning.ENDED: (
        AuthorizationEndedError, 'no longer accepts the refresh token'),
}  # fmt: skip


def meaning_of(to: str, status: int, error: str, hint: str) -> Meaning | None:
    """Look an answer up in :data:`REFUSALS`.

    :param to: ``code``, ``refresh``, ``credentials`` or ``any``
    :return: None if it is not a refusal, or the server is in trouble
    """
    kinds = (to,) if to == 'any' else (to, 'token')
    for row in REFUSALS:
        if (
            row.to in kinds
            and status in row.statuses
            and error == row.error
            and hint.startswith(row.hint)
        ):
            return row.meaning
    return None


def meaning_of_response(response: requests.Response) -> Meaning | None:
    """Return the meaning of an answer to a request with an access token.

    The content is read only if the status and the headers are not enough.
    A new token does not help against any of the errors named
    mwoauth-invalid-authorization-….

    :return: None if the request was not refused for its token
    """
    status = response.status_code
    error = response.headers.get('MediaWiki-API-Error', '')
    if status == 401 and 'invalid_token' in response.headers.get(
        'WWW-Authenticate', ''
    ):
        error = 'invalid_token'
    elif status in (401, 403) and not error:
        error, _ = _error_and_hint(_json_object(response.content))
    if error == 'access_denied' and (
        'resource/' not in (response.request.path_url or '')
    ):
        return None
    return meaning_of('any', status, error, '') if error else None


def parse_callback(callback: str, pending: PendingLogin) -> str:
    """Return the authorization code that a callback brings.

    :param callback: the callback URL, absolute or relative, or its query
        string beginning with a question mark
    :param pending: the login that waits for it
    :raises AuthorizationError: the user refused
    :raises AnswerNotAcceptedError: it is not the answer to this login
    """
    query = _query(callback)
    states, codes = query.get('state', []), query.get('code', [])
    is_ours = len(states) == 1 and hmac.compare_digest(
        _bytes(states[0]), _bytes(pending.state)
    )
    if 'error' in query and (is_ours or not states):
        # A user who cancels comes back without a state (recorded). Since
        # anyone can make up such an address, only one with the state is
        # quoted.
        words = printable(query.get('error_description', [''])[0])
        raise AuthorizationError(
            f'The wiki did not authorize the client: {words}'
            if is_ours and words
            else 'The authorization was cancelled.',
            error=printable(query['error'][0]) if is_ours else 'cancelled',
        )
    if not any(re.fullmatch(_CODE, code) for code in codes):
        reason = 'The address contains no authorization code (?code=…).'
    elif not states:
        reason = (
            'The address is incomplete: the part from &state= on is missing.'
        )
    elif not is_ours or len(codes) > 1:
        reason = 'The address belongs to another login, or its end is missing.'
    else:
        return Hidden(codes[0])
    raise AnswerNotAcceptedError(reason)


def _query(callback: str) -> dict[str, list[str]]:
    """Return the fields of a callback; none if it cannot be parsed."""
    try:
        return parse_qs(
            urlsplit(callback.strip()).query,
            keep_blank_values=True,
            max_num_fields=50,
        )
    except ValueError:
        return {}


class OAuth2Wiki:
    """The OAuth 2.0 endpoints of one wiki, as one client uses them.

    They are below rest.php: authorize, access_token, resource/profile and
    client. None of them revokes a token (recorded).

    :param client: the client
    :param wiki: the address of the wiki's script folder
    :param user_agent: the User-Agent header; None for Pywikibot's
    :param clock: returns the seconds since 1970 UTC
    :param deadline: seconds for a whole answer
    :raises ConfigurationError: the address is not safe to send secrets to
    """

    def __init__(
        self,
        client: OAuth2Client,
        wiki: str,
        user_agent: str | None = None,
        clock: Callable[[], float] = time.time,
        deadline: float = DEADLINE,
    ) -> None:
        self._how = host.transport(wiki)
        self._client = client
        self._wiki = wiki
        self._user_agent = user_agent
        self._clock = clock
        self._deadline = deadline

    def begin(self) -> PendingLogin:
        """Begin a login."""
        return PendingLogin(
            secrets.token_urlsafe(24),
            WebApplicationClient('').create_code_verifier(64),
            self._client.redirect_uri,
        )

    def authorization_url(
        self, pending: PendingLogin, locale: str | None = None
    ) -> str:
        """Return the address where the user authorizes the client.

        :param locale: the language of the page; Extension:OAuth of August
            2026 heeds it, older ones ignore it (recorded)
        """
        fields = {
            'response_type': 'code',
            'client_id': self._client.client_id,
            'redirect_uri': pending.redirect_uri,
            'state': pending.state,
            'code_challenge': WebApplicationClient('').create_code_challenge(
                pending.verifier, 'S256'
            ),
            'code_challenge_method': 'S256',
            'ui_locales': locale,
        }
        query = urlencode(
            {name: value for name, value in fields.items() if value}
        )
        return f'{self._wiki}/rest.php/oauth2/authorize?{query}'

    def exchange(self, pending: PendingLogin, code: str) -> Token:
        """Exchange an authorization code for a token.

        :param pending: the login that the code belongs to
        :param code: the authorization code
        :raises AnswerNotAcceptedError: the wiki refuses the code
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came
        """
        fields = _Fields(code=code, code_verifier=pending.verifier)
        return self._token('code', fields, redirect_uri=pending.redirect_uri)

    def refresh(self, token: Token) -> Token:
        """Exchange a refresh token for a new token.

        The wiki revokes the old access token at once (recorded).

        :return: the new token, with the old refresh token if the answer
            holds none
        :raises AuthorizationEndedError: the refresh token is refused
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came, or the answer is for
            another account
        """
        fields = _Fields(refresh_token=token.refresh_token)
        new = self._token('refresh', fields, previous=token)
        if not new.is_same_subject(token):
            subs = [printable(t.claims().get('sub')) for t in (new, token)]
            raise self._error(
                EndpointError,
                f'{self._wiki} answered a refresh with a token for another'
                f' account (sub {" instead of ".join(subs)}).',
                'other_subject',
            )
        return new

    def client_credentials(self) -> Token:
        """Get a token for the owner of an owner-only client.

        :return: the token, which has no refresh token (recorded)
        :raises ClientRefusedError: the wiki refuses the client
        :raises EndpointError: no usable answer came
        """
        return self._token('credentials', _Fields())

    def check_owner(self, token: Token, user: str | None) -> None:
        """Check that a token is that of the owner of an owner-only client.

        Any other client with the grant type client_credentials gets an
        anonymous token. With Extension:OAuth of August 2026, the profile
        names the owner nevertheless (recorded), so only the claims show it.

        :param token: the token that :meth:`client_credentials` returned
        :param user: the account that the owner has to be; None for any
        :raises ConfigurationError: it is not
        :raises OAuth2Error: as :meth:`profile`
        """
        profile = self.profile(token.header) or {}
        owner = profile.get('username')
        client = self._client.shown_id
        subjects = {
            str(claims.get('sub') or '').rpartition(':')[2]
            for claims in (profile, token.claims())
        }
        if owner is None or subjects & {'', '0', client}:
            reason = f'{client} is not an owner-only client on {self._wiki}.'
            code = 'not_owner_only'
        elif user is not None and owner != user:
            reason = (
                f'The owner of the client {client} is {printable(owner)}, not'
                f' {user}.'
            )
            code = 'other_owner'
        else:
            return
        error = self._error(ConfigurationError, reason, code)
        raise error.about(user, client)

    def profile(self, header: Header) -> dict[str, object] | None:
        """Ask the wiki whose token it is, and what the token allows.

        :return: the profile with username, groups, rights and grants, among
            others; None if the token is not accepted
        :raises ClientRefusedError: nobody may use the client
        :raises EndpointError: no usable answer came
        """
        response = self._get('resource/profile', header)
        if meaning_of_response(response) is Meaning.DEAD_TOKEN:
            return None
        return self._content(response, 'any')

    def ignores_loopback_port(self) -> bool:
        """Return whether any port of 127.0.0.1 and [::1] is accepted.

        Extension:OAuth of August 2026 accepts any. It can be recognized by
        its answer to a request without a grant type, which has no "message"
        (recorded).

        :raises EndpointError: no answer came
        """
        session = self._session()
        response = self._send(session, session.post, 'access_token', _Fields())
        body = _json_object(response.content) or {}
        return 'error' in body and 'message' not in body

    def own_clients(self, header: Header) -> list[dict[str, object]]:
        """Return the clients that the account of a token has registered.

        The grant "basic" is enough (recorded).

        :raises EndpointError: no usable answer came
        """
        response = self._get(f'client?limit={_ALL}', header)
        clients = self._content(response, 'any').get('clients')
        if not isinstance(clients, list):
            return []
        return [entry for entry in clients if isinstance(entry, dict)]

    def _session(self, kind: type[Client] = WebApplicationClient) -> _Exchange:
        client = kind(self._client.client_id)
        return _Exchange(self._wiki, self._how, client)

    def _token(
        self,
        to: str,
        fields: _Fields,
        *,
        previous: Token | None = None,
        redirect_uri: str | None = None,
    ) -> Token:
        """Ask for a token, and return it."""
        kind: type[Client] = WebApplicationClient
        if to == 'credentials':
            kind = BackendApplicationClient
        session = self._session(kind)
        session.redirect_uri = redirect_uri
        method: Callable[..., object] = session.fetch_token
        if to == 'refresh':
            method = session.refresh_token
            fields['client_id'] = self._client.client_id
        else:
            fields['include_client_id'] = True
        fields['client_secret'] = self._client.client_secret
        response = self._send(session, method, 'access_token', fields)
        body = _Fields(self._content(response, to))
        try:
            return Token.from_reply(body, self._clock(), previous)
        except EndpointError as error:
            raise self._failed(str(error)) from None

    def _get(self, name: str, header: Header) -> requests.Response:
        session = self._session()
        return self._send(session, session.get, name, _Fields(), header)

    def _send(
        self,
        session: _Exchange,
        method: Callable[..., object],
        name: str,
        fields: _Fields,
        header: Header | None = None,
    ) -> requests.Response:
        """Send a request as Pywikibot would, and return the answer."""
        how = self._how
        headers = {
            'Accept': 'application/json',
            # The size of a compressed answer could not be limited.
            'Accept-Encoding': 'identity',
            'User-Agent': self._user_agent or how.user_agent,
        }
        if header is not None:
            headers['Authorization'] = header
        fields |= {
            'headers': headers,
            'timeout': how.timeout,
            'verify': how.verify,
            'proxies': dict(how.proxies),
        }

        def run() -> None:
            with session, _unlogged(), contextlib.suppress(_Answered):
                method(self._address(name), **fields)

        try:
            _within(self._deadline, run)
        except TimeoutError:
            reason = f'no complete answer within {self._deadline:g} s'
        except (OSError, HTTPError) as error:
            # These include the errors of requests, and a missing file of
            # certificates.
            reason = reason_of(error)
        except (ProtocolError, ValueError):
            reason = 'the request cannot be made'
        else:
            assert session.answer is not None
            return session.answer
        raise self._failed(reason)

    def _content(
        self, response: requests.Response, to: str
    ) -> dict[str, object]:
        """Return the JSON object of an answer, or raise the fitting error."""
        body = _json_object(response.content)
        error, hint = _error_and_hint(body)
        if response.ok and body is not None and not error:
            return body
        meaning = meaning_of(to, response.status_code, error, hint)
        words = self._shown(f'{error} {hint}').rstrip('.! ')
        if meaning not in _ERRORS:
            raise self._trouble(response, words)
        kind, what = _ERRORS[meaning]
        if kind is ClientRefusedError:
            what += f' {self._client.shown_id}'
        refusal = self._error(
            kind, f'{self._wiki} {what}: {words}.', error, hint
        )
        if isinstance(refusal, ClientRefusedError):
            refusal.is_unusable = meaning is Meaning.CLIENT_UNUSABLE
            # Only before Extension:OAuth of August 2026 do bodies have a
            # "message", and there the refused refresh used up the token
            # (recorded).
            refusal.ends_refresh_token = (
                refusal.is_unusable
                and to == 'refresh'
                and 'message' in (body or {})
            )
        raise refusal

    def _trouble(
        self, response: requests.Response, words: str
    ) -> EndpointError:
        """Return the error for an answer that cannot be used."""
        reason = f'HTTP status {response.status_code}'
        if words:
            reason += f': {words}'
        elif response.is_redirect:
            reason += ', a redirect, which is not followed'
        elif response.ok:
            reason += ' with an answer that is not JSON'
        error = self._failed(reason)
        error.status = response.status_code
        error.error = words or None
        error.retry_after = _retry_after(response)
        return error

    def _failed(self, reason: str) -> EndpointError:
        return self._error(EndpointError, f'{self._wiki}: {reason}')

    def _error(
        self, kind: type[_E], message: str, error: str = '', hint: str = ''
    ) -> _E:
        """Return an error with the facts that are known here."""
        return kind(
            message,
            wiki=self._wiki,
            client_id=self._client.shown_id,
            error=error or None,
            hint=self._shown(hint) or None,
        )

    def _shown(self, text: str) -> str:
        """Return a text of the wiki as it may be shown.

        The wiki may repeat the client ID, which may be the client secret.
        """
        client = self._client
        return printable(text).replace(client.client_id, client.shown_id)

    def _address(self, name: str) -> str:
        """Return an endpoint's address, always as https.

        oauthlib refuses http, even on this machine, unless an environment
        variable allows it for the whole process. The transport was checked
        when this object was created; :class:`_PlainAdapter` uses http.
        """
        return (
            f'https://{self._wiki.partition("://")[2]}/rest.php/oauth2/{name}'
        )


class _Fields(dict[str, object]):
    """The fields of a request, hidden from tools that show variables."""

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


class _Answered(Exception):  # noqa: N818 - nothing went wrong
    """Stops requests-oauthlib from reading an answer itself.

    It would read without a limit. oauthlib does not pass the hint on, and it
    rejects an answer whose expires_in is not a number, although the refresh
    token in that answer is the only one left.
    """


class _Exchange(Session):
    """One exchange, without cookies, stored passwords and redirects.

    :ivar answer: the answer; its content is empty if it was too large
    """

    answer: requests.Response | None = None

    def __init__(self, wiki: str, how: host.Transport, client: Client) -> None:
        super().__init__(client=client)
        self.cert = how.cert
        self.stream = True
        self.hooks['response'].append(self._read)
        if wiki.startswith('http://'):
            self.mount('https://', _PlainAdapter())

    def _read(self, response: requests.Response, **_options: object) -> None:
        """Read an answer up to the limit, and follow no redirect."""
        content = response.raw.read(_SIZE_LIMIT + 1, decode_content=True)
        response.close()
        if len(content) > _SIZE_LIMIT:
            content = b''
        response.raw = io.BytesIO(content)
        self.answer = response
        raise _Answered


class _PlainAdapter(HTTPAdapter):
    """Uses http for a wiki on this machine."""

    def send(
        self,
        request: requests.PreparedRequest,
        *args: object,
        **options: object,
    ) -> requests.Response:
        request.url = f'http://{(request.url or "").partition("://")[2]}'
        return super().send(request, *args, **options)  # type: ignore[arg-type] # passed on


def _within(limit: float, run: Callable[[], None]) -> None:
    """Run a function in a separate thread, for a limited time.

    The timeouts of requests apply to each read, so a server that sends a
    byte now and then could block all bots indefinitely.

    :param limit: seconds
    :raises TimeoutError: the function is still running
    """
    outcome: list[BaseException | None] = []

    def work() -> None:
        try:
            run()
            outcome.append(None)
        except BaseException as error:  # noqa: BLE001 - raised below
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # There is no room for another thread, or Python 3.12.0 to 3.12.2 is
        # ending, while Pywikibot still saves pages (gh-113964). The timeout
        # of each read has to do.
        work()
    deadline = time.monotonic() + limit
    # Repeatedly, because Python does not notice a signal that arrives just
    # before it begins to wait.
    while thread.is_alive() and time.monotonic() < deadline:
        thread.join(0.2)
    if not outcome:
        raise TimeoutError
    if outcome[0] is not None:
        raise outcome[0]


@contextlib.contextmanager
def _unlogged() -> Iterator[None]:
    """Keep requests-oauthlib from logging the exchanges of this thread.

    At the level DEBUG, it logs complete requests and answers, including the
    client secret and all tokens.
    """
    thread = threading.get_ident()
    logger = logging.getLogger('requests_oauthlib.oauth2_session')

    def is_other(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _json_object(content: bytes) -> dict[str, object] | None:
    """Return a JSON object, or None if it is anything else."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _error_and_hint(body: Mapping[str, object] | None) -> tuple[str, str]:
    """Return the error code of an answer and its hint.

    The code is ``error`` at the token endpoint, ``errorKey`` in rest.php and
    ``message`` in the registration of clients (recorded).
    """
    body = body or {}
    hint = body.get('hint') or body.get('error_description') or ''
    for name in ('errorKey', 'error', 'message'):
        error = body.get(name)
        if isinstance(error, str) and error:
            return error, str(hint)
    return '', ''


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that Retry-After asks to wait (RFC 9110)."""
    value = response.headers.get('Retry-After', '')
    wait = seconds(value)
    if wait is None and value:
        try:
            wait = parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            wait = None
    return wait if wait is not None and wait > 0 else None


def _bytes(text: str) -> bytes:
    return text.encode('utf-8', 'backslashreplace')
