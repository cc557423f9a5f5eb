"""The authorization server: clients, codes and tokens.

Where the two servers differ, `wiki.is_master` decides. The recordings
(`tests/recordings`) are the source of every answer here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urlsplit

from .accounts import GRANT_RIGHTS, Session, User
from .wire import Request, Response, json_response

if TYPE_CHECKING:
    from .sandbox import Sandbox

CODE_LIFE = 60
GRACE = 600  # how long master takes a refresh token after its first use
PROPOSAL_LIFE = 30 * 86400  # MWOAuthRequestExpirationAge
OWNER_ONLY_LIFE = 31556908800  # about a thousand years
STAGES = ('proposed', 'approved', 'rejected', 'expired', 'disabled')
GRANT_TYPES = ('authorization_code', 'refresh_token', 'client_credentials')

MALFORMED = (
    'The request is missing a required parameter, includes an '
    'invalid parameter value, includes a parameter more than once, '
    'or is otherwise malformed.'
)
BAD_GRANT = (
    'The provided authorization grant (e.g., authorization code, '
    'resource owner credentials) or refresh token is invalid, '
    'expired, revoked, does not match the redirection URI used in '
    'the authorization request, or was issued to another client.'
)
DENIED = (
    'The resource owner or authorization server denied the request.'
)
BAD_SCOPE = 'The requested scope is invalid, unknown, or malformed'
CANCELLED = 'User has rejected the request from client application'
SERVER_ERROR = (
    'The authorization server encountered an unexpected condition '
    'which prevented it from fulfilling the request: '
)


@dataclass(eq=False)
class Client:
    """A registered application; *number* is the one in change tags."""

    id: str
    secret: str = field(repr=False)
    redirect_uri: str
    confidential: bool
    owner_only: bool
    grants: tuple[str, ...]
    owner: User = field(repr=False)
    number: int
    registered: float
    stage: str = 'approved'
    grant_types: tuple[str, ...] = GRANT_TYPES[:2]
    name: str = ''
    version: str = '1.0'
    description: str = ''
    # PHP lists the scopes with a gap, as an object, where `basic` was sent.
    sent_basic: bool = False
    access_token: str | None = field(default=None, repr=False)

    def usable_by(self, user: User | None) -> bool:
        """Tell whether *user* may authorize the client."""
        return self.stage == 'approved' or (
            self.stage == 'proposed' and user is self.owner
        )


@dataclass(eq=False)
class Code:
    """An authorization code and what it is bound to."""

    client: Client
    user: User
    grants: tuple[str, ...]
    redirect_uri: str | None
    challenge: str | None
    method: str
    expires: float
    used: bool = False

    def verified_by(self, verifier: str) -> bool:
        """Tell whether the challenge was made of *verifier*."""
        if self.method == 'S256':
            verifier = _b64(hashlib.sha256(verifier.encode()).digest())
        return verifier == self.challenge


@dataclass(eq=False)
class AccessToken:
    """An access token; *session* is that of its user and client."""

    client: Client
    session: Session
    grants: tuple[str, ...]
    expires: float
    revoked: bool = False


@dataclass(eq=False)
class RefreshToken:
    """A refresh token and the access token it was issued with."""

    access: AccessToken
    expires: float
    used: float | None = None
    revoked: bool = False


class TokenPair(NamedTuple):
    """What a token request yields."""

    access_token: str
    refresh_token: str | None
    expires_in: int


class AuthorizeRequest(NamedTuple):
    """A request to the authorization endpoint that was found valid."""

    client: Client
    query: dict[str, str]
    grants: tuple[str, ...]


class AuthorizeError(Exception):
    """The browser is shown an error page, or sent to *location*."""

    def __init__(
        self, status: int, text: str, hint: str = '', location: str = ''
    ) -> None:
        super().__init__(text)
        self.status = status
        self.hint = hint
        self.location = location


class TokenError(Exception):
    """An error reply of the token endpoint."""

    def __init__(
        self, status: int, error: str, description: str, hint: str = ''
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.description = description
        self.hint = hint


def _malformed(parameter: str, hint: str = '') -> TokenError:
    return TokenError(
        400,
        'invalid_request',
        MALFORMED,
        hint or f'Check the `{parameter}` parameter',
    )


def _invalid_client() -> TokenError:
    return TokenError(401, 'invalid_client', 'Client authentication failed')


def _server_error(text: str) -> TokenError:
    return TokenError(500, 'server_error', SERVER_ERROR + text)


def not_usable(client: Client, user: User) -> str:
    """Return the hint of both endpoints for a client in another stage."""
    return f'Client {client.id} is not usable by user with ID {user.id}'


class AuthorizationServer:
    """What Extension:OAuth keeps and decides."""

    def __init__(self, wiki: Sandbox) -> None:
        self._wiki = wiki
        self.clients: dict[str, Client] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self.session_jwts: dict[str, AccessToken] = {}
        self._codes: dict[str, Code] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}
        self._sessions: dict[tuple[Client, User | None], Session] = {}
        self._accepted: set[tuple[Client, User]] = set()

    # Clients

    def register(self, owner: User, **fields: object) -> Client:
        """Register a client; *fields* are those of `Client`."""
        fields['grant_types'] = fields.get('grant_types') or (
            GRANT_TYPES[2:] if fields['owner_only'] else GRANT_TYPES[:2]
        )
        client = Client(
            secrets.token_hex(16),
            '',
            owner=owner,
            number=len(self.clients) + 1,
            registered=self._wiki.clock(),
            **fields,
        )
        self.clients[client.id] = client
        self.reset_secret(client)
        return client

    def reset_secret(self, client: Client) -> None:
        """Give a client a new secret and, if owner-only, a new token."""
        client.secret = secrets.token_hex(20)
        self._wiki.secrets.add(client.secret)
        if client.owner_only:
            if client.access_token:
                self.access_tokens[client.access_token].revoked = True
            client.access_token = self._access(
                client, client.owner, client.grants, OWNER_ONLY_LIFE
            )

    def _client(self, request: Request) -> Client:
        """Return the client that authenticates itself."""
        form, master = request.form, self._wiki.is_master
        name, secret = _basic_credentials(request)
        secret = form.get('client_secret', secret)
        name = form.get('client_id', name)
        if name is None:
            raise _malformed('client_id')
        client, grant = self.clients.get(name), form['grant_type']
        if client is None:
            if grant == 'refresh_token' and not master:
                raise _server_error(
                    f"Client with identifier '{name}' does not exist!"
                )
            raise _invalid_client()
        # Task T323855: on 1.43 a public client needs its secret to refresh.
        if client.confidential or (grant == 'refresh_token' and not master):
            if master and secret is None:
                raise _malformed('client_secret')
            if secret != client.secret:
                raise _invalid_client()
        if grant not in client.grant_types:
            raise _invalid_client()
        return client

    # Authorizing

    def check_authorize(
        self, query: dict[str, str], user: User
    ) -> AuthorizeRequest:
        """Validate a request to the authorization endpoint."""
        if 'client_id' not in query:
            raise _bad_query('client_id')
        if query.get('response_type') != 'code':
            raise _bad_query('response_type')
        client = self.clients.get(query['client_id'])
        if client is None or not self._same_redirect(
            query.get('redirect_uri', client.redirect_uri),
            client.redirect_uri,
        ):
            raise AuthorizeError(401, 'Client authentication failed')
        grants = self._scope(client, query)
        challenge = query.get('code_challenge')
        if challenge is None and not client.confidential:
            raise AuthorizeError(
                400,
                MALFORMED,
                'Code challenge must be provided for public clients',
            )
        if query.get('code_challenge_method', 'plain') not in (
            'S256',
            'plain',
        ):
            raise _bad_query('code_challenge_method')
        if challenge is not None and not _is_verifier(challenge):
            raise AuthorizeError(
                400,
                MALFORMED,
                'Code challenge must follow the specifications of RFC-7636.',
            )
        if not client.usable_by(user):
            raise AuthorizeError(401, DENIED, not_usable(client, user))
        return AuthorizeRequest(client, query, grants)

    def _same_redirect(self, sent: str, registered: str) -> bool:
        if sent == registered:
            return True
        # For IP literals, and only for them, master ignores the port.
        uris = urlsplit(sent), urlsplit(registered)
        return (
            self._wiki.is_master
            and uris[0].hostname in ('127.0.0.1', '::1')
            and len({uri._replace(netloc=uri.hostname) for uri in uris}) == 1
        )

    def _scope(self, client: Client, query: dict[str, str]) -> tuple[str, ...]:
        """Return the grants that a dialog is about."""
        scopes = query.get('scope', '').split()
        for scope in scopes:
            if scope not in GRANT_RIGHTS:
                master = self._wiki.is_master
                state = {'state': query['state']} if 'state' in query else {}
                fields = {
                    'error': 'invalid_scope',
                    'error_description': BAD_SCOPE,
                    'hint': f'Check the `{scope}` scope',
                }
                raise AuthorizeError(
                    302,
                    BAD_SCOPE,
                    location=_extend(
                        query.get('redirect_uri', client.redirect_uri),
                        {**state, **fields}
                        if master
                        else {**fields, 'message': BAD_SCOPE},
                    ),
                )
        return tuple(
            grant for grant in client.grants if not scopes or grant in scopes
        )

    def allow(self, request: AuthorizeRequest, user: User) -> str:
        """Return where a browser goes after Allow."""
        query, client = request.query, request.client
        # 760 to 820 hexadecimal characters on 1.43, 972 were seen on master
        length = 486 if self._wiki.is_master else 380 + random.randrange(31)
        text = secrets.token_hex(length)
        self._codes[text] = Code(
            client,
            user,
            request.grants,
            query.get('redirect_uri'),
            query.get('code_challenge'),
            query.get('code_challenge_method', 'plain'),
            self._wiki.clock() + CODE_LIFE,
        )
        self._accepted.add((client, user))
        self._wiki.secrets.add(text)
        fields = {'code': text}
        if 'state' in query:
            fields['state'] = query['state']
        return _extend(query.get('redirect_uri', client.redirect_uri), fields)

    def deny(self, request: AuthorizeRequest) -> str | None:
        """Return where a browser goes after Cancel, None if nowhere."""
        if 'redirect_uri' not in request.query:
            return None
        fields = {
            'error': 'unauthorized_client',
            'error_description': CANCELLED,
        }
        if not self._wiki.is_master:
            fields['message'] = CANCELLED
        return _extend(request.query['redirect_uri'], fields)

    # The token endpoint

    def token_endpoint(self, request: Request) -> Response:
        """Answer a request for tokens."""
        try:
            pair = self._tokens(request)
        except TokenError as error:
            request.error = error.error
            data = {
                'error': error.error,
                'error_description': error.description,
            }
            if error.hint:
                data['hint'] = error.hint
            if not self._wiki.is_master:
                data['message'] = error.description
            return json_response(
                data, error.status, Cache_Control='private,no-cache,s-maxage=0'
            )
        data = {
            'token_type': 'Bearer',
            'expires_in': pair.expires_in,
            'access_token': pair.access_token,
        }
        if pair.refresh_token:
            data['refresh_token'] = pair.refresh_token
        return json_response(
            data,
            content_type='application/json; charset=UTF-8',
            Cache_Control='no-store',
            Pragma='no-cache',
        )

    def _tokens(self, request: Request) -> TokenPair:
        kind = request.form.get('grant_type')
        if kind not in GRANT_TYPES:
            problem = (
                'The "grant_type" parameter must be set.'
                if kind is None
                else 'Unrecognized value for parameter "grant_type": '
                f'{kind}.'
            )
            raise TokenError(
                400,
                'invalid_request',
                f'Invalid request: Invalid request body: {problem}',
                'Check the `grant_type` parameter',
            )
        client = self._client(request)
        if kind == 'client_credentials':
            return self._credentials(client, request)
        return (self._redeem if kind == 'authorization_code' else self._refresh)(
            client, request
        )

    def _redeem(self, client: Client, request: Request) -> TokenPair:
        form = request.form
        if 'code' not in form:
            raise _malformed('code')
        code = self._codes.get(form['code'])
        if code is None:
            raise self._dead_code(
                'Cannot validate the provided authorization code'
                if self._wiki.is_master
                else 'Cannot decrypt the authorization code'
            )
        if code.expires < self._wiki.clock():
            raise self._dead_code('Authorization code has expired')
        if code.used:
            raise self._dead_code('Authorization code has been revoked')
        if code.client is not client:
            raise _malformed(
                'code', 'Authorization code was not issued to this client'
            )
        if code.redirect_uri and 'redirect_uri' not in form:
            raise _malformed('redirect_uri')
        if form.get('redirect_uri') != code.redirect_uri:
            raise _malformed('redirect_uri', 'Invalid redirect URI')
        self._verify(code, form.get('code_verifier'))
        self._check_usable(client, code.user)
        if (client, code.user) not in self._accepted:
            kind = 'false' if self._wiki.is_master else 'bool'
            raise _server_error(
                f'Call to a member function getGrants() on {kind}'
            )
        code.used = True
        request.user = code.user.name
        return self.issue(client, code.user, code.grants)

    def _dead_code(self, hint: str) -> TokenError:
        if self._wiki.is_master:
            return TokenError(400, 'invalid_grant', BAD_GRANT, hint)
        return _malformed('code', hint)

    def _verify(self, code: Code, verifier: str | None) -> None:
        if code.challenge is None:
            if verifier is not None and self._wiki.is_master:
                raise _malformed(
                    'code_challenge',
                    'code_verifier received when no code_challenge is present',
                )
            return
        if verifier is None:
            raise _malformed('code_verifier')
        if not _is_verifier(verifier):
            raise _malformed(
                'code_verifier',
                'Code Verifier must follow the specifications of RFC-7636.',
            )
        if not code.verified_by(verifier):
            raise TokenError(
                400,
                'invalid_grant',
                BAD_GRANT,
                'Failed to verify `code_verifier`.',
            )
        self._wiki.secrets.add(verifier)

    def _check_usable(self, client: Client, user: User) -> None:
        if not client.usable_by(user):
            raise TokenError(
                401, 'access_denied', DENIED, not_usable(client, user)
            )

    def _refresh(self, client: Client, request: Request) -> TokenPair:
        text = request.form.get('refresh_token')
        if text is None or (not text and self._wiki.is_master):
            raise _malformed('refresh_token')
        token = self._living(client, text)
        access = token.access
        scopes = request.form.get('scope', '').split()
        for scope in scopes:
            if scope not in access.grants:
                raise TokenError(
                    400,
                    'invalid_scope',
                    BAD_SCOPE,
                    f'Check the `{scope}` scope',
                )
        user = access.session.user
        # On 1.43 the tokens are revoked before the client is looked at.
        if self._wiki.is_master:
            self._check_usable(client, user)
        if token.used is None:
            token.used = self._wiki.clock()
        access.revoked = True
        self._check_usable(client, user)
        request.user = user.name
        return self.issue(
            client, user, tuple(scopes) or access.grants, 'refresh_token'
        )

    def _living(self, client: Client, text: str) -> RefreshToken:
        """Return the refresh token of that text if it still serves."""
        now = self._wiki.clock()
        token = self._refresh_tokens.get(text)
        if token is None:
            raise self._dead('Cannot decrypt the refresh token')
        if token.access.client is not client:
            raise self._dead('Token is not linked to client')
        if token.expires < now:
            raise self._dead('Token has expired')
        if token.revoked or self._is_used_up(token, now):
            raise self._dead('Token has been revoked')
        return token

    def _is_used_up(self, token: RefreshToken, now: float) -> bool:
        # Task T412214: a client that did not get the answer may ask again.
        grace = GRACE if self._wiki.is_master else 0
        return token.used is not None and now >= token.used + grace

    def _dead(self, hint: str) -> TokenError:
        status, error = (
            (400, 'invalid_grant')
            if self._wiki.is_master
            else (401, 'invalid_request')
        )
        return TokenError(
            status, error, 'The refresh token is invalid.', hint
        )

    def _credentials(self, client: Client, request: Request) -> TokenPair:
        # An ordinary client with this grant type gets an anonymous token.
        user = client.owner if client.owner_only else None
        if user:
            self._check_usable(client, user)
            request.user = user.name
        life = self._wiki.token_life
        access = self._access(
            client, user, client.grants, life, 'client_credentials'
        )
        return TokenPair(access, None, int(life))

    # Tokens

    def issue(
        self,
        client: Client,
        user: User,
        grants: tuple[str, ...] | None = None,
        kind: str = 'authorization_code',
    ) -> TokenPair:
        """Return a new pair of tokens."""
        life = self._wiki.token_life
        access = self._access(
            client, user, grants or client.grants, life, kind
        )
        refresh = secrets.token_hex(438 if self._wiki.is_master else 436)
        self._refresh_tokens[refresh] = RefreshToken(
            self.access_tokens[access],
            self._wiki.clock() + self._wiki.refresh_life,
        )
        self._accepted.add((client, user))
        self._wiki.secrets.add(refresh)
        return TokenPair(access, refresh, int(life))

    def _access(
        self,
        client: Client,
        user: User | None,
        grants: tuple[str, ...],
        life: float,
        kind: str | None = None,
    ) -> str:
        """Return an access token; without *kind* the one of registration."""
        now, subject = self._wiki.clock(), str(user.id) if user else ''
        claims: dict[str, object] = {
            'aud': client.id,
            'jti': secrets.token_hex(40),
            'iat': round(now, 6),
            'nbf': round(now, 6),
            'exp': round(now + life, 6),
            'sub': subject,
            'iss': self._wiki.url,
        }
        if self._wiki.is_master and kind:
            claims['sub'] = f'mw:local:sandboxwiki:{subject}'
            claims['grant_type'] = kind
        text = make_jwt({**claims, 'scopes': list(grants)})
        session = self._sessions.setdefault((client, user), Session(user))
        self.access_tokens[text] = AccessToken(
            client, session, grants, now + life
        )
        self._wiki.secrets.add(text)
        return text

    def valid(self, text: str) -> AccessToken | None:
        """Return the access token of that text if it is still good."""
        token = self.access_tokens.get(text)
        if (
            token is None
            or token.revoked
            or token.expires < self._wiki.clock()
            or token.client.id not in self.clients
        ):
            return None
        return token

    def session_jwt(self, token: AccessToken) -> str:
        """Return the value of the cookie that belongs to *token*."""
        for text, owner in self.session_jwts.items():
            if owner is token:
                return text
        text = make_jwt({'sub': str(token.session.user.id)})
        self.session_jwts[text] = token
        return text

    def revoke(self, user: User, client: Client) -> None:
        """Make all tokens of *user* for *client* useless."""
        session = self._sessions.get((client, user))
        for token in self.access_tokens.values():
            token.revoked |= token.session is session
        for refresh in self._refresh_tokens.values():
            refresh.revoked |= refresh.access.session is session
        self._accepted.discard((client, user))

    def expire_access_tokens(self) -> None:
        """Let every access token expire now."""
        for token in self.access_tokens.values():
            token.expires = min(token.expires, self._wiki.clock() - 1)

    def expire_proposals(self) -> None:
        """Let proposals expire, which is done when clients are listed."""
        for client in self.clients.values():
            age = self._wiki.clock() - client.registered
            if client.stage == 'proposed' and age > PROPOSAL_LIFE:
                client.stage = 'expired'


def make_jwt(claims: dict[str, object]) -> str:
    """Return a JWT with a random signature."""
    parts = [
        json.dumps(part, separators=(',', ':')).encode()
        for part in ({'typ': 'JWT', 'alg': 'RS256'}, claims)
    ]
    return '.'.join(map(_b64, [*parts, secrets.token_bytes(256)]))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def _is_verifier(text: str) -> bool:
    return bool(re.fullmatch(r'[A-Za-z0-9._~-]{43,128}', text))


def _bad_query(parameter: str) -> AuthorizeError:
    return AuthorizeError(
        400, MALFORMED, f'Check the `{parameter}` parameter'
    )


def _basic_credentials(request: Request) -> tuple[str | None, str | None]:
    scheme, _, value = request.headers.get('authorization', '').partition(' ')
    if scheme != 'Basic':
        return None, None
    try:
        name, colon, secret = base64.b64decode(value).decode().partition(':')
    except ValueError:
        return None, None
    return name, secret if colon else None


def _extend(uri: str, fields: dict[str, str]) -> str:
    return uri + ('&' if '?' in uri else '?') + urlencode(fields)
