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
from collections import namedtuple
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from .content import GRANT_RIGHTS, TEXTS, Session, User
from .server import json_response


GRANTS = ('basic', 'highvolume', 'editpage', 'createeditmovepage')
CODE_LIFE = 60
GRACE = 600  # how long master takes a refresh token after its first use
OWNER_ONLY_LIFE = 31556908800  # about a thousand years
STAGES = ('proposed', 'approved', 'rejected', 'expired', 'disabled')
GRANT_TYPES = ('authorization_code', 'refresh_token', 'client_credentials')
METHODS = ('S256', 'plain')
TokenPair = namedtuple('TokenPair', 'access_token refresh_token expires_in')
VERIFIER = re.compile(r'[A-Za-z0-9._~-]{43,128}')  # RFC 7636


@dataclass(eq=False)
class Client:
    """A registered application; *number* is the one in change tags."""

    id: str
    owner: User = field(repr=False)
    number: int
    registered: float
    secret: str = field(default='', repr=False)
    redirect_uri: str = 'http://127.0.0.1:8080/'
    confidential: bool = True
    owner_only: bool = False
    grants: tuple[str, ...] = GRANTS
    stage: str = 'approved'
    grant_types: tuple[str, ...] = GRANT_TYPES[:2]
    name: str = ''
    version: str = '1.0'
    description: str = ''
    # PHP lists the scopes with a gap, as an object, where `basic` was sent.
    sent_basic: bool = False
    access_token: str | None = field(default=None, repr=False)

    def usable_by(self, user):
        is_proposal = self.stage == 'proposed' and user is self.owner
        return self.stage == 'approved' or is_proposal


@dataclass(eq=False)
class Code:
    """What a person is asked to allow, and the code for it if they do."""

    client: Client
    query: dict[str, str]
    grants: tuple[str, ...]
    user: User
    expires: float = 0
    used: bool = False


@dataclass(eq=False)
class AccessToken:
    """An access token; *session* is that of its user and client."""

    client: Client
    session: Session
    grants: tuple[str, ...]
    expires: float
    revoked: bool = False

    @property
    def is_usable(self):
        """Tell whether the user, if there is one, may use the client."""
        user = self.session.user
        return user is None or self.client.usable_by(user)


@dataclass(eq=False)
class RefreshToken:
    """A refresh token and the access token it was issued with."""

    access: AccessToken
    expires: float
    used: float | None = None
    revoked: bool = False


class OAuthError(Exception):
    """An error of an endpoint; its text is *text* or by its code.

    In a browser it is a page, unless it is sent to *location*.
    """

    location = ''

    def __init__(self, status, code, hint='', text=''):
        super().__init__(text or TEXTS[code])
        self.status, self.code, self.hint = status, code, hint


def _invalid(hint, code='invalid_request', status=400):
    return OAuthError(status, code, hint)


def _malformed(parameter):
    return _invalid(f'Check the `{parameter}` parameter')


def _server_error(text):
    text = TEXTS['server_error'] + text
    return OAuthError(500, 'server_error', text=text)


class AuthorizationServer:
    """What Extension:OAuth keeps and decides."""

    def __init__(self, wiki):
        self._wiki = wiki
        self.clients, self.access_tokens, self.session_jwts = {}, {}, {}
        self._codes, self._refresh_tokens, self._sessions = {}, {}, {}
        self._accepted = set()

    # Clients

    def register(self, owner, **fields):
        """Register a client; *fields* are those of `Client`."""
        if fields.get('owner_only'):
            fields.setdefault('grant_types', GRANT_TYPES[2:])
        now, number = self._wiki.clock(), len(self.clients) + 1
        client = Client(secrets.token_hex(16), owner, number, now, **fields)
        client.grants = tuple(client.grants)
        self.clients[client.id] = client
        self.reset_secret(client)
        return client

    def reset_secret(self, client):
        """Give a client a new secret and, if owner-only, a new token."""
        client.secret = secrets.token_hex(20)
        self._wiki.secrets.add(client.secret)
        if client.owner_only:
            if client.access_token:
                self.access_tokens[client.access_token].revoked = True
            client.access_token = self._access(
                client, client.owner, client.grants, OWNER_ONLY_LIFE
            )

    def _client(self, request):
        form, master = request.form, self._wiki.is_master
        name, secret = _basic_credentials(request)
        secret = form.get('client_secret', secret)
        name = form.get('client_id', name)
        if name is None:
            raise _malformed('client_id')
        client = self.clients.get(name)
        refreshes = form['grant_type'] == 'refresh_token'
        if client is None and refreshes and not master:
            text = f"Client with identifier '{name}' does not exist!"
            raise _server_error(text)
        if client is None or form['grant_type'] not in client.grant_types:
            raise OAuthError(401, 'invalid_client')
        # Task T323855: on 1.43 a public client needs its secret to refresh.
        if client.confidential or (refreshes and not master):
            if master and secret is None:
                raise _malformed('client_secret')
            if secret != client.secret:
                raise OAuthError(401, 'invalid_client')
        return client

    # Authorizing

    def check_authorize(self, query, user):
        if 'client_id' not in query:
            raise _malformed('client_id')
        if query.get('response_type') != 'code':
            raise _malformed('response_type')
        client = self.clients.get(query['client_id'])
        if client is None or not self._same_redirect(
            query.get('redirect_uri', client.redirect_uri), client.redirect_uri
        ):
            raise OAuthError(401, 'invalid_client')
        grants = self._scope(client, query)
        if query.get('code_challenge_method', 'plain') not in METHODS:
            raise _malformed('code_challenge_method')
        challenge = query.get('code_challenge')
        if challenge is None and not client.confidential:
            raise _invalid(
                'Code challenge must be provided for public clients'
            )
        if challenge is not None and not VERIFIER.fullmatch(challenge):
            raise _invalid(TEXTS['code_challenge'])
        self._check_usable(client, user)
        return Code(client, query, grants, user)

    def _same_redirect(self, sent, registered):
        if sent == registered:
            return True
        # For IP literals, and only for them, master ignores the port.
        uris = urlsplit(sent), urlsplit(registered)
        return (
            self._wiki.is_master
            and uris[0].hostname in ('127.0.0.1', '::1')
            and len({uri._replace(netloc=uri.hostname) for uri in uris}) == 1
        )

    def _scope(self, client, query):
        """Return the grants that a dialog is about."""
        scopes, master = query.get('scope', '').split(), self._wiki.is_master
        unknown = [scope for scope in scopes if scope not in GRANT_RIGHTS]
        if unknown:
            hint = f'Check the `{unknown[0]}` scope'
            error = _invalid(hint, 'invalid_scope', 302)
            with_state = master and 'state' in query
            state = {'state': query['state']} if with_state else {}
            fields = {**state, **self.error_body(error)}
            error.location = _callback(client, query, fields)
            raise error
        return tuple(
            grant for grant in client.grants if not scopes or grant in scopes
        )

    def _check_usable(self, client, user):
        if not client.usable_by(user):
            hint = (
                f'Client {client.id} is not usable by user with ID {user.id}'
            )
            raise _invalid(hint, 'access_denied', 401)

    def allow(self, code):
        """Return where a browser goes after Allow."""
        # 760 to 820 hexadecimal characters on 1.43, 972 were seen on master
        length = 486 if self._wiki.is_master else 380 + random.randrange(31)
        text = secrets.token_hex(length)
        self._codes[text] = code
        code.expires = self._wiki.clock() + CODE_LIFE
        self._accepted.add((code.client, code.user))
        self._wiki.secrets.add(text)
        fields = {'code': text}
        if 'state' in code.query:
            fields['state'] = code.query['state']
        return _callback(code.client, code.query, fields)

    def deny(self, code):
        if 'redirect_uri' not in code.query:
            return None
        fields = self.error_body(OAuthError(400, 'unauthorized_client'))
        return _callback(code.client, code.query, fields)

    # The token endpoint

    def token_endpoint(self, request):
        try:
            pair = self._tokens(request)
        except OAuthError as error:
            request.error = error.code
            data = self.error_body(error)
            cache = 'private,no-cache,s-maxage=0'
            return json_response(data, error.status, Cache_Control=cache)
        data = {'token_type': 'Bearer', **pair._asdict()}
        if not pair.refresh_token:
            del data['refresh_token']
        kind = 'application/json; charset=UTF-8'
        return json_response(data, content_type=kind, Cache_Control='no-store')

    def error_body(self, error):
        data = {'error': error.code, 'error_description': str(error)}
        if error.hint:
            data['hint'] = error.hint
        if not self._wiki.is_master:
            data['message'] = str(error)
        return data

    def _tokens(self, request):
        kind = request.form.get('grant_type')
        if kind not in GRANT_TYPES:
            text = f'Unrecognized value for parameter "grant_type": {kind}.'
            if kind is None:
                text = 'The "grant_type" parameter must be set.'
            error = _malformed('grant_type')
            text = TEXTS['grant_type'] + text
            raise OAuthError(400, error.code, error.hint, text)
        client = self._client(request)
        if kind == 'authorization_code':
            return self._redeem(client, request)
        if kind == 'refresh_token':
            return self._refresh(client, request)
        # An ordinary client with this grant type gets an anonymous token.
        user = client.owner if client.owner_only else None
        if user:
            self._check_usable(client, user)
            request.user = user.name
        life = self._wiki.token_life
        access = self._access(client, user, client.grants, life, kind)
        return TokenPair(access, None, int(life))

    def _redeem(self, client, request):
        form, master = request.form, self._wiki.is_master
        if 'code' not in form:
            raise _malformed('code')
        code, problem = self._codes.get(form['code']), ''
        if code is None:
            problem = TEXTS['code_master' if master else 'code']
        elif code.expires < self._wiki.clock():
            problem = 'Authorization code has expired'
        elif code.used:
            problem = 'Authorization code has been revoked'
        if problem:
            kind = 'invalid_grant' if master else 'invalid_request'
            raise _invalid(problem, kind)
        if code.client is not client:
            raise _invalid('Authorization code was not issued to this client')
        self._verify(code.query, form)
        self._check_usable(client, code.user)
        if (client, code.user) not in self._accepted:
            value = 'false' if master else 'bool'
            text = f'Call to a member function getGrants() on {value}'
            raise _server_error(text)
        code.used = True
        request.user = code.user.name
        return self.issue(client, code.user, code.grants)

    def _verify(self, query, form):
        """Check that a code is used with what it was requested with."""
        uri, verifier = form.get('redirect_uri'), form.get('code_verifier')
        challenge = query.get('code_challenge')
        if 'redirect_uri' in query and uri is None:
            raise _malformed('redirect_uri')
        if uri != query.get('redirect_uri'):
            raise _invalid('Invalid redirect URI')
        if challenge is None:
            if verifier is not None and self._wiki.is_master:
                raise _invalid(TEXTS['code_verifier_alone'])
            return
        if verifier is None:
            raise _malformed('code_verifier')
        if not VERIFIER.fullmatch(verifier):
            raise _invalid(TEXTS['code_verifier'])
        self._wiki.secrets.add(verifier)
        if query.get('code_challenge_method') == 'S256':
            verifier = _b64(hashlib.sha256(verifier.encode()).digest())
        if verifier != challenge:
            problem = 'Failed to verify `code_verifier`.'
            raise _invalid(problem, 'invalid_grant')

    def _refresh(self, client, request):
        text, master = request.form.get('refresh_token'), self._wiki.is_master
        if text is None or (not text and master):
            raise _malformed('refresh_token')
        token = self._living(client, text)
        access, user = token.access, token.access.session.user
        scopes = request.form.get('scope', '').split()
        for scope in scopes:
            if scope not in access.grants:
                raise _invalid(f'Check the `{scope}` scope', 'invalid_scope')
        # On 1.43 the tokens are revoked before the client is looked at.
        if master:
            self._check_usable(client, user)
        if token.used is None:
            token.used = self._wiki.clock()
        access.revoked = True
        self._check_usable(client, user)
        request.user = user.name
        grants = tuple(scopes) or access.grants
        return self.issue(client, user, grants, 'refresh_token')

    def _living(self, client, text):
        """Return the refresh token with this text if it is still valid."""
        token, master = self._refresh_tokens.get(text), self._wiki.is_master
        # Task T412214: a client that did not get the answer may ask again.
        now, grace = self._wiki.clock(), GRACE if master else 0
        problem = ''
        if token is None:
            problem = 'Cannot decrypt the refresh token'
        elif token.access.client is not client:
            problem = 'Token is not linked to client'
        elif token.expires < now:
            problem = 'Token has expired'
        elif token.revoked or (token.used and now >= token.used + grace):
            problem = 'Token has been revoked'
        if problem:
            status = 400 if master else 401
            code = 'invalid_grant' if master else 'invalid_request'
            raise OAuthError(status, code, problem, TEXTS['refresh_token'])
        return token

    # Tokens

    def issue(self, client, user, grants=None, kind='authorization_code'):
        wiki, grants = self._wiki, grants or client.grants
        access = self._access(client, user, grants, wiki.token_life, kind)
        refresh = secrets.token_hex(438 if wiki.is_master else 436)
        self._refresh_tokens[refresh] = RefreshToken(
            self.access_tokens[access], wiki.clock() + wiki.refresh_life
        )
        self._accepted.add((client, user))
        wiki.secrets.add(refresh)
        return TokenPair(access, refresh, int(wiki.token_life))

    def _access(self, client, user, grants, life, kind=None):
        """Return an access token; without *kind* the one of registration."""
        now, subject = self._wiki.clock(), str(user.id) if user else ''
        claims = {
            'aud': client.id,
            'jti': secrets.token_hex(40),
            'iat': round(now, 6),
            'nbf': round(now, 6),
            'exp': round(now + life, 6),
            'sub': subject,
            'iss': self._wiki.url,
            'scopes': list(grants),
        }
        if self._wiki.is_master and kind:
            claims['sub'] = f'mw:local:sandboxwiki:{subject}'
            claims['grant_type'] = kind
        text = make_jwt(claims)
        session = self._sessions.setdefault((client, user), Session(user))
        token = AccessToken(client, session, grants, now + life)
        self.access_tokens[text] = token
        self._wiki.secrets.add(text)
        return text

    def valid(self, text):
        """Return the access token with this text if it is still valid."""
        token = self.access_tokens.get(text)
        if token is None or token.revoked:
            return None
        is_living = token.expires >= self._wiki.clock()
        return token if is_living and token.client.id in self.clients else None

    def session_jwt(self, token):
        for text, owner in self.session_jwts.items():
            if owner is token:
                return text
        text = make_jwt({'sub': str(token.session.user.id)})
        self.session_jwts[text] = token
        return text

    def revoke(self, user, client):
        session = self._sessions.get((client, user))
        for token in self.access_tokens.values():
            token.revoked |= token.session is session
        for refresh in self._refresh_tokens.values():
            refresh.revoked |= refresh.access.session is session
        self._accepted.discard((client, user))

    def expire_access_tokens(self):
        for token in self.access_tokens.values():
            token.expires = min(token.expires, self._wiki.clock() - 1)


def make_jwt(claims):
    parts = [{'typ': 'JWT', 'alg': 'RS256'}, claims]
    texts = (json.dumps(part, separators=(',', ':')) for part in parts)
    encoded = [_b64(text.encode()) for text in texts]
    return '.'.join([*encoded, _b64(secrets.token_bytes(256))])


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def _basic_credentials(request):
    scheme, _, value = request.headers.get('authorization', '').partition(' ')
    if scheme != 'Basic':
        return None, None
    name, _, secret = base64.b64decode(value).decode().partition(':')
    return name, secret


def _callback(client, query, fields):
    """Return the address that a browser is sent to."""
    uri = query.get('redirect_uri', client.redirect_uri)
    return uri + ('&' if '?' in uri else '?') + urlencode(fields)
