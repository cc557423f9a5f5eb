#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The authorization server: clients, codes and tokens."""
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

from .accounts import Session, User
from .wire import Request, Response, json_response


if TYPE_CHECKING:
    from .sandbox import Sandbox


CODE_LIFE = 60
GRACE = 600
OWNER_ONLY_LIFE = 1000 * 365.2425 * 86400

MALFORMED = ('The request is missing a required parameter, includes an '
             'invalid parameter value, includes a parameter more than once, '
             'or is otherwise malformed.')
BAD_GRANT = ('The provided authorization grant (e.g., authorization code, '
             'resource owner credentials) or refresh token is invalid, '
             'expired, revoked, does not match the redirection URI used in '
             'the authorization request, or was issued to another client.')
REJECTED = 'User has rejected the request from client application'


@dataclass(eq=False)
class Client:

    """A registered application; *number* is the one in change tags."""

    id: str
    secret: str = field(repr=False)
    redirect_uri: str
    confidential: bool
    owner_only: bool
    grants: tuple[str, ...]
    approved: bool
    owner: User = field(repr=False)
    number: int
    access_token: str | None = field(default=None, repr=False)
    disabled: bool = False

    def usable_by(self, user: User) -> bool:
        """Tell whether *user* may authorize the client."""
        return not self.disabled and (self.approved or user is self.owner)


@dataclass(eq=False)
class Code:

    """An authorization code and what it is bound to."""

    client: Client
    user: User
    redirect_uri: str | None
    challenge: str | None
    method: str
    expires: float
    revoked: bool = False

    def verified_by(self, verifier: str) -> bool:
        """Tell whether the challenge was made of *verifier*."""
        if self.method == 'S256':
            verifier = _b64(hashlib.sha256(verifier.encode()).digest())
        return verifier == self.challenge


@dataclass(eq=False)
class AccessToken:

    """An access token; each has a session of its own."""

    client: Client
    session: Session
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


class AuthorizeError(Exception):

    """The browser is shown an error page with this HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class TokenError(Exception):

    """An error reply of the token endpoint."""

    def __init__(self, status: int, error: str, description: str,
                 hint: str | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.data = {'error': error, 'error_description': description}
        if hint:
            self.data['hint'] = hint
        self.data['message'] = description


def _malformed(parameter: str, hint: str | None = None) -> TokenError:
    return TokenError(400, 'invalid_request', MALFORMED,
                      hint or f'Check the `{parameter}` parameter')


def _invalid_client() -> TokenError:
    return TokenError(401, 'invalid_client', 'Client authentication failed')


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class AuthorizationServer:

    """What Extension:OAuth keeps and decides."""

    def __init__(self, wiki: Sandbox) -> None:
        self._wiki = wiki
        self.clients: dict[str, Client] = {}
        self.access_tokens: dict[str, AccessToken] = {}
        self._codes: dict[str, Code] = {}
        self._refresh_tokens: dict[str, RefreshToken] = {}
        self.session_jwts: dict[str, User] = {}
        self._numbers = 0

    # Clients

    def register(self, owner: User, *, redirect_uri: str, confidential: bool,
                 owner_only: bool, grants: tuple[str, ...],
                 approved: bool) -> Client:
        """Register a client."""
        self._numbers += 1
        client = Client(secrets.token_hex(16), secrets.token_hex(20),
                        redirect_uri, confidential, owner_only,
                        tuple(grants), approved, owner, self._numbers)
        self.clients[client.id] = client
        self._wiki.secrets.add(client.secret)
        if owner_only:
            client.access_token = self._access(client, owner,
                                               OWNER_ONLY_LIFE)
        return client

    def _client(self, request: Request) -> Client:
        """Return the client that authenticates itself."""
        form = request.form
        name, secret = _basic_credentials(request)
        secret = form.get('client_secret', secret)
        client = self.clients.get(form.get('client_id', name))
        grant = form['grant_type']
        if client is None or client.disabled:
            raise _invalid_client()
        # Task T323855: a public client needs its secret to refresh.
        secretless = not client.confidential and (
            grant == 'authorization_code'
            or (grant == 'refresh_token' and self._wiki.is_master))
        if secret != client.secret and not (secretless and secret is None):
            raise _invalid_client()
        return client

    # Authorizing

    def check_authorize(self, query: dict[str, str],
                        user: User) -> AuthorizeRequest:
        """Validate a request to the authorization endpoint."""
        client = self.clients.get(query.get('client_id', ''))
        if query.get('response_type') != 'code':
            raise AuthorizeError(400, 'Unsupported response type.')
        if client is None:
            raise AuthorizeError(401, 'Client authentication failed')
        if 'redirect_uri' in query and not self._same_redirect(
                query['redirect_uri'], client.redirect_uri):
            raise AuthorizeError(401, 'Client authentication failed')
        if not client.usable_by(user):
            raise AuthorizeError(401, 'Client authentication failed')
        if not client.confidential and 'code_challenge' not in query:
            raise AuthorizeError(
                400, 'Code challenge must be provided for public clients')
        if query.get('code_challenge_method', 'plain') not in ('S256',
                                                               'plain'):
            raise AuthorizeError(400, 'Unsupported code challenge method')
        return AuthorizeRequest(client, query)

    def _same_redirect(self, sent: str, registered: str) -> bool:
        if sent == registered:
            return True
        # For IP literals, and only for them, the port does not count.
        uris = urlsplit(sent), urlsplit(registered)
        return (self._wiki.is_master
                and uris[0].hostname in ('127.0.0.1', '::1')
                and len({uri._replace(netloc=uri.hostname or '')
                         for uri in uris}) == 1)

    def allow(self, request: AuthorizeRequest, user: User) -> str:
        """Return where a browser goes after Allow."""
        query = request.query
        # 760 to 820 hexadecimal characters
        text = secrets.token_hex(380 + random.randrange(31))
        self._codes[text] = Code(
            request.client, user, query.get('redirect_uri'),
            query.get('code_challenge'),
            query.get('code_challenge_method', 'plain'),
            self._wiki.clock() + CODE_LIFE)
        self._wiki.secrets.add(text)
        fields = {'code': text}
        if 'state' in query:
            fields['state'] = query['state']
        return _extend(query.get('redirect_uri')
                       or request.client.redirect_uri, fields)

    def deny(self, request: AuthorizeRequest) -> str | None:
        """Return where a browser goes after Cancel, None if nowhere."""
        if 'redirect_uri' not in request.query:
            return None
        return _extend(request.query['redirect_uri'], {
            'error': 'unauthorized_client',
            'error_description': REJECTED,
            'message': REJECTED,
        })

    # The token endpoint

    def token_endpoint(self, request: Request) -> Response:
        """Answer a request for tokens."""
        try:
            pair = self._tokens(request)
        except TokenError as error:
            request.error = error.data['error']
            return json_response(error.data, error.status,
                                 Cache_Control='private,no-cache,s-maxage=0')
        data = {'token_type': 'Bearer', 'expires_in': pair.expires_in,
                'access_token': pair.access_token}
        if pair.refresh_token:
            data['refresh_token'] = pair.refresh_token
        return json_response(data,
                             content_type='application/json; charset=UTF-8',
                             Cache_Control='no-store', Pragma='no-cache')

    def _tokens(self, request: Request) -> TokenPair:
        form = request.form
        if 'grant_type' not in form:
            raise TokenError(
                400, 'invalid_request', 'Invalid request: Invalid request '
                'body: The "grant_type" parameter must be set.',
                'Check the `grant_type` parameter')
        grants = {'authorization_code': self._redeem,
                  'refresh_token': self._refresh,
                  'client_credentials': self._credentials}
        grant = grants.get(form['grant_type'])
        if grant is None:
            raise TokenError(
                400, 'unsupported_grant_type', 'The authorization grant type '
                'is not supported by the authorization server.',
                'Check that all required parameters have been provided')
        return grant(self._client(request), request)

    def _redeem(self, client: Client, request: Request) -> TokenPair:
        form = request.form
        if client.owner_only:
            raise _invalid_client()
        if 'code' not in form:
            raise _malformed('code')
        code = self._codes.get(form['code'])
        if code is None:
            raise _malformed('code', 'Cannot decrypt the authorization code')
        if code.expires < self._wiki.clock():
            raise _malformed('code', 'Authorization code has expired')
        if code.revoked:
            raise _malformed('code', 'Authorization code has been revoked')
        if code.client is not client:
            raise _malformed(
                'code', 'Authorization code was not issued to this client')
        if code.redirect_uri and 'redirect_uri' not in form:
            raise _malformed('redirect_uri')
        if form.get('redirect_uri') != code.redirect_uri:
            raise _malformed('redirect_uri', 'Invalid redirect URI')
        if code.challenge:
            self._verify(code, form.get('code_verifier'))
        code.revoked = True
        request.user = code.user.name
        return self.issue(client, code.user)

    def _verify(self, code: Code, verifier: str | None) -> None:
        if verifier is None:
            raise _malformed('code_verifier')
        if not re.fullmatch(r'[A-Za-z0-9._~-]{43,128}', verifier):
            raise _malformed('code_verifier', 'Code Verifier must follow '
                             'the specifications of RFC-7636.')
        if not code.verified_by(verifier):
            raise TokenError(400, 'invalid_grant', BAD_GRANT,
                             'Failed to verify `code_verifier`.')
        self._wiki.secrets.add(verifier)

    def _refresh(self, client: Client, request: Request) -> TokenPair:
        if 'refresh_token' not in request.form:
            raise _malformed('refresh_token')
        now = self._wiki.clock()
        token = self._refresh_tokens.get(request.form['refresh_token'])
        if token is None:
            raise self._dead('Cannot decrypt the refresh token')
        if token.access.client is not client:
            raise self._dead('Token is not linked to client')
        if token.expires < now:
            raise self._dead('Token has expired')
        if token.revoked or (token.used is not None and not (
                self._wiki.is_master and now < token.used + GRACE)):
            raise self._dead('Token has been revoked')
        if token.used is None:
            token.used = now
        token.access.revoked = True
        user = token.access.session.user
        request.user = user.name
        return self.issue(client, user)

    def _dead(self, hint: str) -> TokenError:
        status, error = ((400, 'invalid_grant') if self._wiki.is_master
                         else (401, 'invalid_request'))
        return TokenError(status, error, 'The refresh token is invalid.',
                          hint)

    def _credentials(self, client: Client, request: Request) -> TokenPair:
        user = client.owner if client.owner_only else None
        if not client.confidential or (user is None
                                       and not self._wiki.is_master):
            raise _invalid_client()
        request.user = user.name if user else None
        life = self._wiki.token_life
        return TokenPair(self._access(client, user, life), None, int(life))

    # Tokens

    def issue(self, client: Client, user: User) -> TokenPair:
        """Return a new pair of tokens."""
        life = self._wiki.token_life
        access = self._access(client, user, life)
        refresh = secrets.token_hex(436)
        self._refresh_tokens[refresh] = RefreshToken(
            self.access_tokens[access],
            self._wiki.clock() + self._wiki.refresh_life)
        self._wiki.secrets.add(refresh)
        return TokenPair(access, refresh, int(life))

    def _access(self, client: Client, user: User | None, life: float) -> str:
        now = self._wiki.clock()
        text = make_jwt({
            'aud': client.id,
            'jti': secrets.token_hex(40),
            'iat': round(now, 6),
            'nbf': round(now, 6),
            'exp': round(now + life, 6),
            'sub': str(user.id) if user else '',
            'iss': self._wiki.url,
            'scopes': list(client.grants),
        })
        self.access_tokens[text] = AccessToken(client, Session(user),
                                               now + life)
        self._wiki.secrets.add(text)
        return text

    def valid(self, text: str) -> AccessToken | None:
        """Return the access token of that text if it is still good."""
        token = self.access_tokens.get(text)
        if (token is None or token.revoked
                or token.expires < self._wiki.clock()
                or token.client.id not in self.clients):
            return None
        return token

    def session_jwt(self, user: User) -> str:
        """Return the value of the cookie that names *user*."""
        for text, owner in self.session_jwts.items():
            if owner is user:
                return text
        text = make_jwt({'sub': str(user.id), 'iss': self._wiki.url})
        self.session_jwts[text] = user
        return text

    def revoke(self, user: User, client: Client) -> None:
        """Make all tokens and codes of *user* for *client* useless."""
        for token in self.access_tokens.values():
            if token.client is client and token.session.user is user:
                token.revoked = True
        for refresh in self._refresh_tokens.values():
            access = refresh.access
            if access.client is client and access.session.user is user:
                refresh.revoked = True
        for code in self._codes.values():
            if code.client is client and code.user is user:
                code.revoked = True

    def expire_access_tokens(self) -> None:
        """Let every access token expire now."""
        for token in self.access_tokens.values():
            token.expires = min(token.expires, self._wiki.clock() - 1)


def make_jwt(claims: dict[str, object]) -> str:
    """Return a JWT with a random signature."""
    parts = [json.dumps(part, separators=(',', ':')).encode()
             for part in ({'typ': 'JWT', 'alg': 'RS256'}, claims)]
    return '.'.join(map(_b64, [*parts, secrets.token_bytes(256)]))


def _basic_credentials(request: Request) -> tuple[str, str | None]:
    scheme, _, value = request.headers.get('authorization',
                                           '').partition(' ')
    if scheme != 'Basic':
        return '', None
    try:
        name, colon, secret = base64.b64decode(value).decode().partition(':')
    except ValueError:
        return '', None
    return name, secret if colon else None


def _extend(uri: str, fields: dict[str, str]) -> str:
    return uri + ('&' if '?' in uri else '?') + urlencode(fields)
