"""What a test can ask the sandbox and arrange in it."""

from __future__ import annotations

import threading
import time

from . import api, dialog, faults, rest
from .content import SESSION_COOKIE, Accounts, Caller, Edit, Pages, Session
from .oauth import AuthorizationServer
from .server import Server, html_response, json_response, parse_form


FOUNDER = 'MediaWiki default'


class Clock:
    """Seconds since the epoch: the real time plus what was advanced."""

    offset = 0.0

    def __call__(self):
        return time.time() + self.offset

    def advance(self, seconds):
        self.offset += seconds


class Sandbox:
    """A wiki on loopback, to be used in a `with` statement.

    These and *gateway* can be changed at any time.

    :param token_life: how long an access token lives, in seconds
    :param refresh_life: how long a refresh token lives, in seconds
    :param clock: the time, in seconds since the epoch
    :param like: '1.43' (MediaWiki 1.43 LTS) or 'master' (Extension:OAuth of
        August 2026, as on Wikimedia)
    :param path: the script path, for example ``/w``
    :param host: an address of this machine
    :param session_jwt: send the cookie sessionJwt to owner-only clients, as
        Wikimedia does
    """

    gateway = False

    def __init__(
        self, *, token_life=3600, refresh_life=30 * 86400, clock=None, port=0,
        like='1.43', path='', host='127.0.0.1', session_jwt=False,
    ):  # fmt: skip
        self.token_life, self.refresh_life = token_life, refresh_life
        self.clock, self.like = clock or Clock(), like
        self.path, self.host, self._port = path, host, port
        self.session_jwt = session_jwt
        self.lock = threading.RLock()
        self.requests, self.edits, self.secrets = [], [], set()
        self.pages, self.accounts = Pages(), Accounts()
        self.oauth = AuthorizationServer(self)
        self.faults = faults.Faults()
        self.add_user('Admin', groups=('sysop',))
        self.accounts.add(FOUNDER, None, (), self.clock())
        self.add_user('Bot', groups=('bot',))
        self.add_page('Main Page', 'Welcome to the sandbox.')
        self.add_page('Sandbox', 'This is the sandbox.')

    def __enter__(self):
        self._server = Server(self._port, self._answer, self.host)
        self._port = self._server.port
        return self

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        self._server.close()

    @property
    def is_master(self):
        return self.like == 'master'

    # Addresses

    @property
    def netloc(self):
        return f'{self.host}:{self._port}'

    @property
    def server(self):
        return f'http://{self.netloc}'

    @property
    def url(self):
        return self.server + self.path

    @property
    def api_url(self):
        return self.url + '/api.php'

    # What a test arranges

    def register(self, *, owner='Bot', **fields):
        """Register a client; *fields* are those of `oauth.Client`."""
        with self.lock:
            return self.oauth.register(self.accounts.users[owner], **fields)

    def set_stage(self, client, stage):
        """Let an administrator, or time, put a client into a stage."""
        client.stage = stage

    def disable_client(self, client):
        self.set_stage(client, 'disabled')

    def delete_client(self, client):
        with self.lock:
            self.oauth.clients.pop(client.id, None)

    def add_user(self, name, password='', groups=()):
        password = password or f'sandbox-password-{name}'
        with self.lock:
            self.secrets.add(password)
            self.accounts.add(name, password, groups, self.clock())

    def password(self, user):
        return self.accounts.users[user].password

    def second_factor(self, user, kind, code):
        """Ask *user* for a code at login: kind 'totp' or 'email'."""
        self.accounts.users[user].second_factor = kind, code

    def add_page(self, title, text):
        with self.lock:
            self.pages.save(Edit(FOUNDER, title, text, '', ()), self.clock())

    def block(self, user, blocked=True):
        self.accounts.users[user].blocked = self.clock() if blocked else None

    def issue(self, client, user='Bot'):
        with self.lock:
            return self.oauth.issue(client, self.accounts.users[user])

    def approve(self, authorize_url, user='Bot'):
        with self.lock:
            return self.oauth.allow(self._visit(authorize_url, user))

    def deny(self, authorize_url, user='Bot'):
        with self.lock:
            return self.oauth.deny(self._visit(authorize_url, user))

    def _visit(self, authorize_url, user):
        """Check the URL; an error page raises `oauth.OAuthError`."""
        address, _, query = authorize_url.partition('?')
        assert address == f'{self.url}/rest.php/oauth2/authorize'
        account = self.accounts.users[user]
        return self.oauth.check_authorize(parse_form(query), account)

    def revoke(self, user, client):
        with self.lock:
            self.oauth.revoke(self.accounts.users[user], client)

    def expire_access_tokens(self):
        with self.lock:
            self.oauth.expire_access_tokens()

    def fail_next(self, kind, times=1, path='access_token', **options):
        self.faults.add(kind, times, path, options)

    # What a test asks

    @property
    def faults_served(self):
        return self.faults.served

    def count(self, path_suffix='', **conditions):
        with self.lock:
            requests = list(self.requests)
        return sum(
            request.path.endswith(path_suffix)
            and all(getattr(request, k) == v for k, v in conditions.items())
            for request in requests
        )

    # What the server asks

    def caller(self, session, grants=None, tags=()):
        # No account had editcontentmodel on the server recorded as master.
        missing = ('editcontentmodel',) if self.is_master else ()
        return Caller(session or Session(), grants, tags, missing)

    def caller_of(self, token):
        tag = f'OAuth CID: {token.client.number}'
        return self.caller(token.session.use(token), token.grants, (tag,))

    def session_of(self, request):
        return self.accounts.sessions.get(request.cookies.get(SESSION_COOKIE))

    def _answer(self, request):
        fault = self.faults.take(request.path)
        if fault is None:
            response = self._handle(request)
        else:
            response = faults.serve(fault, request, self._handle)
        if response.delivery in ('whole', 'half'):
            request.status = response.status
        request.body = b''
        with self.lock:
            self.requests.append(request)
        return response

    def _handle(self, request):
        script = request.path.removeprefix(self.path)
        is_ours = request.path.startswith(self.path)
        with self.lock:
            if is_ours and (script == '/' or script.startswith('/index.php')):
                return dialog.answer(self, request)
            is_script = script.startswith(('/api.php', '/rest.php/'))
            if not is_ours or not is_script:
                return html_response('Not found', status=404)
            token = request.bearer
            if self.gateway and token and not self.oauth.valid(token):
                return self._gateway_response(request)
            part = api if script == '/api.php' else rest
            return part.answer(self, request)

    def _gateway_response(self, request):
        """Refuse a token before MediaWiki sees it, as task T419034 says."""
        error = request.error = 'invalid_token'
        if self.gateway != 'unquoted':
            error = f'"{error}"'
        challenge = f'Bearer realm="sandbox", error={error}, '
        challenge += 'error_description="Jwt is expired"'
        data = {'httpCode': 401, 'httpReason': 'Jwt is expired'}
        return json_response(data, 401, WWW_Authenticate=challenge)
