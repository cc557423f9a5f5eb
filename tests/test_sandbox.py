#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What the sandbox does beyond the recordings."""
from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.sandbox import Clock, Sandbox, browser
from tests.sandbox.config import make_config
from tests.sandbox.oauth import AuthorizeError


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.oauth import Client


CALLBACK = 'http://127.0.0.1:8080/'
USERINFO = {'action': 'query', 'meta': 'userinfo'}
FRESH = {'id': 3, 'name': 'Bot'}
DEAD = 'mwoauth-invalid-authorization'


class Visitor:

    """A client of the sandbox."""

    def __init__(self, wiki: Sandbox) -> None:
        self.wiki = wiki
        self.session = requests.Session()
        self.session.trust_env = False

    def api(self, bearer: str | None = None, method: str = 'GET',
            **params: str) -> requests.Response:
        """Ask api.php."""
        headers = {'Authorization': f'Bearer {bearer}'} if bearer else {}
        data = {'format': 'json', 'formatversion': '2', **params}
        return self.session.request(
            method, self.wiki.api_url, headers=headers, timeout=10,
            **{'data' if method == 'POST' else 'params': data})

    def user(self, token: str | None = None) -> Any:
        """Ask who one is."""
        return self.api(token, **USERINFO).json()['query']['userinfo']

    def csrf(self, token: str | None = None) -> str:
        """Ask for a CSRF token."""
        answer = self.api(token, action='query', meta='tokens').json()
        return answer['query']['tokens']['csrftoken']

    def edit(self, bearer: str | None = None, **params: str) -> Any:
        """Edit a page."""
        params = {'title': 'Sandbox', 'text': 'new',
                  'token': self.csrf(bearer), **params}
        return self.api(bearer, 'POST', action='edit', **params).json()

    def tokens(self, **form: str) -> requests.Response:
        """Ask the token endpoint."""
        return self.session.post(
            self.wiki.url + '/rest.php/oauth2/access_token', form, timeout=10)

    def refresh(self, client: Client, token: str) -> requests.Response:
        """Ask for new tokens."""
        return self.tokens(grant_type='refresh_token', client_id=client.id,
                           client_secret=client.secret, refresh_token=token)


@pytest.fixture
def clock() -> Clock:
    """The clock of the sandbox."""
    return Clock()


@pytest.fixture
def wiki(clock: Clock) -> Iterator[Sandbox]:
    """A sandbox."""
    with Sandbox(clock=clock) as wiki:
        yield wiki


@pytest.fixture
def visitor(wiki: Sandbox) -> Iterator[Visitor]:
    """A client of that sandbox."""
    visitor = Visitor(wiki)
    yield visitor
    visitor.session.close()


@pytest.fixture
def client(wiki: Sandbox) -> Client:
    """A registered client."""
    return wiki.register(redirect_uri=CALLBACK)


def authorize_url(wiki: Sandbox, client: Client, **query: str) -> str:
    """Return the address that a person is sent to."""
    return wiki.url + '/rest.php/oauth2/authorize?' + urlencode(
        {'response_type': 'code', 'client_id': client.id, **query})


def code_of(callback: str) -> str:
    """Return the code in a callback URL."""
    return parse_qs(urlsplit(callback).query)['code'][0]


# Tokens

def test_a_code_lives_60_seconds(wiki: Sandbox, visitor: Visitor,
                                 client: Client, clock: Clock) -> None:
    code = code_of(wiki.approve(authorize_url(wiki, client)))
    clock.advance(61)
    reply = visitor.tokens(grant_type='authorization_code', code=code,
                           client_id=client.id, client_secret=client.secret)
    assert reply.json()['hint'] == 'Authorization code has expired'


def test_a_code_belongs_to_its_client(wiki: Sandbox, visitor: Visitor,
                                      client: Client) -> None:
    code = code_of(wiki.approve(authorize_url(wiki, client)))
    other = wiki.register()
    reply = visitor.tokens(grant_type='authorization_code', code=code,
                           client_id=other.id, client_secret=other.secret)
    assert reply.status_code == 400
    assert 'not issued to this client' in reply.json()['hint']


def test_approve_and_deny_do_what_the_dialog_does(
        wiki: Sandbox, visitor: Visitor, client: Client) -> None:
    verifier = 'abc.' * 16
    challenge = base64.urlsafe_b64encode(
        hashlib.sha256(verifier.encode()).digest()).decode().rstrip('=')
    url = authorize_url(wiki, client, state='s t', redirect_uri=CALLBACK,
                        code_challenge=challenge,
                        code_challenge_method='S256')
    callback = wiki.approve(url)
    assert callback.startswith(CALLBACK + '?code=')
    assert callback.endswith('&state=s+t')
    reply = visitor.tokens(
        grant_type='authorization_code', code=code_of(callback),
        client_id=client.id, client_secret=client.secret,
        redirect_uri=CALLBACK, code_verifier=verifier).json()
    assert visitor.user(reply['access_token']) == FRESH
    assert {verifier, code_of(callback), *reply.values()} \
        - wiki.secrets == {'Bearer', 3600}
    denied = wiki.deny(url)
    assert denied.startswith(CALLBACK + '?error=unauthorized_client&')
    assert 'state' not in denied
    assert wiki.deny(authorize_url(wiki, client)) is None


def test_a_client_that_is_not_approved_is_for_its_owner(
        wiki: Sandbox) -> None:
    wiki.add_user('Other')
    client = wiki.register(approved=False)
    assert wiki.approve(authorize_url(wiki, client))
    with pytest.raises(AuthorizeError) as error:
        wiki.approve(authorize_url(wiki, client), user='Other')
    assert error.value.status == 401


def test_a_deleted_or_disabled_client_is_of_no_use(
        wiki: Sandbox, visitor: Visitor) -> None:
    deleted, disabled = wiki.register(), wiki.register()
    pairs = wiki.issue(deleted), wiki.issue(disabled)
    wiki.delete_client(deleted)
    wiki.disable_client(disabled)
    codes = [visitor.api(pair.access_token, **USERINFO).json()['error']['code']
             for pair in pairs]
    assert codes == [DEAD, f'{DEAD}-not-approved']
    for client, pair in zip((deleted, disabled), pairs):
        reply = visitor.refresh(client, pair.refresh_token)
        assert reply.json()['error'] == 'invalid_client'


def test_a_refresh_token_dies_of_disuse(wiki: Sandbox, visitor: Visitor,
                                        client: Client,
                                        clock: Clock) -> None:
    pair = wiki.issue(client)
    clock.advance(30 * 86400 + 1)
    reply = visitor.refresh(client, pair.refresh_token)
    assert reply.json()['hint'] == 'Token has expired'


def test_access_tokens_expire_but_refresh_tokens_stay(
        wiki: Sandbox, visitor: Visitor, client: Client) -> None:
    pair = wiki.issue(client)
    wiki.expire_access_tokens()
    response = visitor.api(pair.access_token, **USERINFO)
    assert response.headers['MediaWiki-API-Error'] == DEAD
    assert wiki.requests[-1].error == DEAD
    assert visitor.refresh(client, pair.refresh_token).status_code == 200


def test_of_six_concurrent_refreshes_one_wins(
        wiki: Sandbox, client: Client) -> None:
    pair = wiki.issue(client)
    barrier = threading.Barrier(6)

    def refresh(_: int) -> requests.Response:
        visitor = Visitor(wiki)
        with visitor.session:
            barrier.wait()
            return visitor.refresh(client, pair.refresh_token)

    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(refresh, range(6)))
    assert sorted(reply.status_code for reply in replies) \
        == [200, 401, 401, 401, 401, 401]
    winner = min(replies, key=lambda reply: reply.status_code).json()
    visitor = Visitor(wiki)
    with visitor.session:
        assert visitor.user(winner['access_token']) == FRESH


# Newer versions of MediaWiki

def test_since_1_47_a_refresh_token_works_again_for_600_seconds(
        wiki: Sandbox, visitor: Visitor, client: Client,
        clock: Clock) -> None:
    wiki.like = 'master'
    pair = wiki.issue(client)
    assert visitor.refresh(client, pair.refresh_token).status_code == 200
    clock.advance(590)
    assert visitor.refresh(client, pair.refresh_token).status_code == 200
    clock.advance(20)
    reply = visitor.refresh(client, pair.refresh_token)
    assert reply.status_code == 400
    assert reply.json()['error'] == 'invalid_grant'


@pytest.mark.parametrize(('registered', 'sent', 'accepted'), [
    ('http://127.0.0.1:8080/', 'http://127.0.0.1:9090/', True),
    ('http://127.0.0.1/', 'http://127.0.0.1:9090/', True),
    ('http://[::1]:8080/x', 'http://[::1]:1/x', True),
    ('http://127.0.0.1:8080/', 'http://127.0.0.1:9090', False),
    ('http://127.0.0.1:8080/', 'http://127.0.0.1:8080/x', False),
    ('http://127.0.0.1:8080/', 'http://[::1]:8080/', False),
    ('http://localhost:8080/', 'http://localhost:9090/', False),
])
def test_since_1_47_the_port_of_a_loopback_address_does_not_count(
        wiki: Sandbox, registered: str, sent: str, accepted: bool) -> None:
    client = wiki.register(redirect_uri=registered)
    url = authorize_url(wiki, client, redirect_uri=sent)
    with pytest.raises(AuthorizeError):
        wiki.approve(url)
    wiki.like = 'master'
    if accepted:
        assert wiki.approve(url).startswith(sent + '?code=')
    else:
        with pytest.raises(AuthorizeError):
            wiki.approve(url)


def test_since_1_46_a_public_client_refreshes_without_a_secret(
        wiki: Sandbox, visitor: Visitor) -> None:
    wiki.like = 'master'
    client = wiki.register(confidential=False)
    reply = visitor.tokens(grant_type='refresh_token', client_id=client.id,
                           refresh_token=wiki.issue(client).refresh_token)
    assert reply.status_code == 200


def test_since_1_47_other_clients_get_an_anonymous_token(
        wiki: Sandbox, visitor: Visitor, client: Client) -> None:
    wiki.like = 'master'
    reply = visitor.tokens(
        grant_type='client_credentials', client_id=client.id,
        client_secret=client.secret).json()
    assert 'refresh_token' not in reply
    assert visitor.user(reply['access_token']) \
        == {'id': 0, 'name': '127.0.0.1', 'anon': True}


def test_since_1_47_a_cookie_names_the_user_of_an_owner_only_token(
        wiki: Sandbox, visitor: Visitor) -> None:
    tokens = {owner: wiki.register(owner_only=True, owner=owner).access_token
              for owner in ('Bot', 'Admin')}
    assert visitor.user(tokens['Bot']) == FRESH
    assert not visitor.session.cookies
    wiki.like = 'master'
    assert visitor.user(tokens['Bot']) == FRESH
    assert 'sessionJwt' in visitor.session.cookies
    assert visitor.user(tokens['Bot']) == FRESH
    error = visitor.api(tokens['Admin'], **USERINFO).json()['error']
    assert error['code'] == f'{DEAD}-invalid-user'


# The gateway

@pytest.mark.parametrize(('gateway', 'error'), [
    (True, 'error="invalid_token"'),
    ('unquoted', 'error=invalid_token'),
])
def test_the_gateway_refuses_dead_tokens_before_mediawiki(
        wiki: Sandbox, visitor: Visitor, client: Client,
        gateway: bool | str, error: str) -> None:
    token = wiki.issue(client).access_token
    wiki.gateway = gateway
    assert visitor.user(token) == FRESH
    assert visitor.user()['id'] == 0
    wiki.expire_access_tokens()
    profile = wiki.url + '/rest.php/oauth2/resource/profile'
    for response in (
            visitor.api(token, **USERINFO),
            visitor.api('garbage', 'POST', **USERINFO),
            visitor.session.get(profile, headers={
                'Authorization': f'Bearer {token}'})):
        assert response.status_code == 401
        assert response.json() == {'httpCode': 401,
                                   'httpReason': 'Jwt is expired'}
        assert error in response.headers['WWW-Authenticate']
    assert wiki.count(status=401, error='invalid_token') == 3


# Sessions and edits

def test_a_csrf_token_belongs_to_its_access_token(
        wiki: Sandbox, visitor: Visitor, client: Client) -> None:
    first, second = (wiki.issue(client).access_token for _ in range(2))
    csrf = visitor.csrf(first)
    assert visitor.csrf(first) == csrf
    assert visitor.edit(second, token=csrf)['error']['code'] == 'badtoken'
    assert visitor.edit(first, token=csrf)['edit']['result'] == 'Success'
    assert wiki.edits == [('Bot', 'Sandbox', 'new', '', ('OAuth CID: 1',))]
    assert wiki.pages['Sandbox'] == 'new'


def test_an_anonymous_edit_succeeds_unless_an_assertion_forbids_it(
        wiki: Sandbox, visitor: Visitor) -> None:
    answer = visitor.edit(**{'assert': 'user'})
    assert answer['error']['code'] == 'assertuserfailed'
    assert not wiki.edits
    assert visitor.edit()['edit']['result'] == 'Success'
    assert wiki.edits[0].user == '127.0.0.1'
    assert wiki.requests[-1].user is None


def test_a_blocked_user_cannot_edit(wiki: Sandbox, visitor: Visitor,
                                    client: Client) -> None:
    token = wiki.issue(client).access_token
    wiki.block('Bot')
    assert visitor.edit(token)['error']['code'] == 'blocked'
    profile = visitor.session.get(
        wiki.url + '/rest.php/oauth2/resource/profile',
        headers={'Authorization': f'Bearer {token}'}).json()
    assert profile['blocked'] is True


def test_a_password_session_is_of_one_user(wiki: Sandbox,
                                           visitor: Visitor) -> None:
    login = visitor.api(action='query', meta='tokens', type='login').json()
    form = {'action': 'clientlogin', 'username': 'Bot',
            'loginreturnurl': wiki.url,
            'logintoken': login['query']['tokens']['logintoken']}
    answer = visitor.api(method='POST', password='wrong', **form).json()
    assert answer['clientlogin']['status'] == 'FAIL'
    answer = visitor.api(method='POST', password=wiki.password('Bot'), **form)
    assert answer.json()['clientlogin']['status'] == 'PASS'
    assert visitor.user() == FRESH
    assert visitor.edit()['edit']['result'] == 'Success'
    assert wiki.edits[0].tags == ()
    visitor.api(method='POST', action='logout', token=visitor.csrf())
    assert visitor.user()['id'] == 0


def test_a_wiki_can_live_below_a_script_path() -> None:
    with Sandbox(path='/w') as wiki:
        visitor = Visitor(wiki)
        with visitor.session:
            token = wiki.issue(wiki.register()).access_token
            assert wiki.api_url == f'http://{wiki.netloc}/w/api.php'
            assert visitor.user(token) == FRESH
            assert visitor.session.get(wiki.server + '/api.php') \
                .status_code == 404
        url = authorize_url(wiki, wiki.register(
            redirect_uri='http://127.0.0.1:9/'))
        page = browser.authorize(url, 'Bot', wiki.password('Bot'))
        assert page.netloc == '127.0.0.1:9'


def test_requests_are_recorded(wiki: Sandbox, visitor: Visitor,
                               client: Client) -> None:
    visitor.edit(wiki.issue(client).access_token, summary='ä')
    request = wiki.requests[-1]
    assert (request.method, request.path) == ('POST', '/api.php')
    assert request.form['summary'] == 'ä'
    assert not request.query
    assert request.headers['AUTHORIZATION'].startswith('Bearer ')
    assert (request.user, request.status, request.error) == ('Bot', 200, None)
    assert request.body_length == int(request.headers['content-length'])
    assert wiki.count('/api.php', method='GET', user='Bot') == 1


def test_64_threads_are_answered(wiki: Sandbox, client: Client) -> None:
    token = wiki.issue(client).access_token

    def ask(_: int) -> bool:
        visitor = Visitor(wiki)
        with visitor.session:
            return all(visitor.user(token) == FRESH for _ in range(5))

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(ask, range(64)))
    assert wiki.count(user='Bot', status=200) == 320


# Faults

@pytest.mark.parametrize(('kind', 'options', 'status', 'text'), [
    ('status', {'status': 503, 'retry_after': 7}, 503, '<!DOCTYPE html>'),
    ('status', {'status': 429, 'body': '{}',
                'content_type': 'application/json'}, 429, '{}'),
    ('html', {}, 200, '<!DOCTYPE html>'),
    ('empty', {}, 200, ''),
    ('redirect', {'location': 'http://127.0.0.1:9/'}, 302, ''),
])
def test_an_error_page_means_that_nothing_was_done(
        wiki: Sandbox, visitor: Visitor, client: Client, kind: str,
        options: dict[str, Any], status: int, text: str) -> None:
    pair = wiki.issue(client)
    wiki.fail_next(kind, **options)
    reply = visitor.session.post(
        wiki.url + '/rest.php/oauth2/access_token',
        {'grant_type': 'refresh_token', 'client_id': client.id,
         'client_secret': client.secret, 'refresh_token': pair.refresh_token},
        allow_redirects=False)
    assert reply.status_code == status
    assert reply.text[:15] == text
    if 'retry_after' in options:
        assert reply.headers['Retry-After'] == '7'
    assert wiki.requests[-1].fault == kind
    assert wiki.requests[-1].status == status
    assert visitor.refresh(client, pair.refresh_token).status_code == 200
    assert wiki.faults_served == {kind: 1}


@pytest.mark.parametrize(('kind', 'handled'), [
    ('reset_before', False), ('reset_after', True), ('half', True),
    ('hang_before', False), ('hang_after', True),
])
def test_a_broken_connection_leaves_open_what_was_done(
        wiki: Sandbox, visitor: Visitor, client: Client, kind: str,
        handled: bool) -> None:
    token = wiki.issue(client).access_token
    csrf = visitor.csrf(token)
    wiki.fail_next(kind, path='api.php')
    with pytest.raises(requests.RequestException):
        visitor.session.post(
            wiki.api_url, {'action': 'edit', 'title': 'Sandbox',
                           'appendtext': kind, 'token': csrf},
            headers={'Authorization': f'Bearer {token}'}, timeout=0.2)
    while wiki.requests[-1].fault != kind:
        threading.Event().wait(0.01)
    assert len(wiki.edits) == handled
    assert wiki.requests[-1].status == (200 if kind == 'half' else None)
    assert wiki.faults_served == {kind: 1}
    assert visitor.user(token) == FRESH


def test_a_fault_can_rewrite_the_answer(wiki: Sandbox, visitor: Visitor,
                                        client: Client) -> None:
    def change(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, 'expires_in': 'x'}

    wiki.fail_next('rewrite', times=2, change=change)
    pair = wiki.issue(client)
    for _ in range(2):
        reply = visitor.refresh(client, pair.refresh_token).json()
        assert reply['expires_in'] == 'x'
    assert 'expires_in' not in visitor.refresh(client, 'garbage').json()


def test_a_fault_meets_only_its_path(wiki: Sandbox, visitor: Visitor) -> None:
    wiki.fail_next('status', path='api.php')
    assert visitor.tokens().status_code == 400
    assert visitor.api(**USERINFO).status_code == 503
    assert visitor.api(**USERINFO).status_code == 200


def test_a_slow_answer_comes_in_the_end(wiki: Sandbox,
                                        visitor: Visitor) -> None:
    wiki.fail_next('slow', path='api.php', delay=0.1)
    assert visitor.user()['id'] == 0


def test_closing_the_sandbox_ends_what_hangs() -> None:
    with Sandbox() as wiki, ThreadPoolExecutor(1) as pool:
        wiki.fail_next('hang_before', path='api.php')
        visitor = Visitor(wiki)
        with visitor.session:
            hanging = pool.submit(visitor.api, **USERINFO)
            while not wiki.requests:
                assert not hanging.done()
            wiki.close()
            assert isinstance(hanging.exception(), requests.RequestException)


# The browser

@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """Something that listens at a callback URL."""
    class Handler(BaseHTTPRequestHandler):

        def do_GET(self) -> None:
            self.server.targets.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'<h1>Thank <b>you</b></h1>')

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(('127.0.0.1', 0), Handler) as server:
        server.targets = []
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def run_browser(wiki: Sandbox, listener: HTTPServer, folder: Path,
                *arguments: str, **environ: str) -> tuple[int, str]:
    """Let the browser authorize a client with that listener."""
    callback = f'http://127.0.0.1:{listener.server_port}/callback'
    client = wiki.register(redirect_uri=callback)
    url = authorize_url(wiki, client, state='s', redirect_uri=callback)
    done = subprocess.run(
        [sys.executable, browser.__file__, *arguments, url], env=environ,
        cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout


def test_the_browser_presses_allow(wiki: Sandbox, listener: HTTPServer,
                                   tmp_path: Path) -> None:
    assert run_browser(wiki, listener, tmp_path) == (0, '200 Thank you\n')
    favicon, callback = listener.targets
    assert favicon == '/favicon.ico'
    assert callback.startswith('/callback?code=')
    assert callback.endswith('&state=s')


@pytest.mark.parametrize(('arguments', 'environ'), [
    (('--cancel',), {}), ((), {'SANDBOX_CANCEL': '1'}),
])
def test_the_browser_presses_cancel(
        wiki: Sandbox, listener: HTTPServer, tmp_path: Path,
        arguments: tuple[str, ...], environ: dict[str, str]) -> None:
    assert run_browser(wiki, listener, tmp_path, *arguments, **environ)[0] \
        == 0
    assert listener.targets[1].startswith(
        '/callback?error=unauthorized_client&')


def test_the_browser_stays_on_the_wiki_with_a_wrong_password(
        wiki: Sandbox, listener: HTTPServer, tmp_path: Path) -> None:
    status, output = run_browser(wiki, listener, tmp_path, '--user', 'Admin',
                                 SANDBOX_PASSWORD='wrong')
    assert status == 1
    assert 'Incorrect username or password' in output
    assert not listener.targets


def test_the_browser_survives_that_nobody_listens(
        wiki: Sandbox, client: Client) -> None:
    url = authorize_url(wiki, wiki.register(
        redirect_uri='http://127.0.0.1:9/'))
    page = browser.authorize(url, 'Bot', wiki.password('Bot'))
    assert page.text == 'This site cannot be reached.'


# Pywikibot

SCRIPT = """\
import pywikibot

site = pywikibot.Site()
site.login()
assert site.user() == 'Bot', site.user()
page = pywikibot.Page(site, 'Sandbox')
page.text += ' Edited.'
page.save('A summary')
assert [page.title() for page in site.allpages()] == ['Main Page', 'Sandbox']
assert [page.title() for page in site.search('edited')] == ['Sandbox']
assert page.oldest_revision.user == 'MediaWiki default'
assert [edit['title'] for edit in site.usercontribs('Bot')] == ['Sandbox']
assert not pywikibot.Page(site, 'Missing').exists()
site.logout()
"""


def run_pwb(folder: Path, environ: dict[str, str],
            *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pwb`."""
    return subprocess.run(
        [str(Path(sys.executable).with_name('pwb')), *arguments],
        env=environ, cwd=folder, stdin=subprocess.DEVNULL, timeout=60,
        capture_output=True, text=True, check=False)


def test_pywikibot_works_with_the_sandbox(wiki: Sandbox,
                                          tmp_path: Path) -> None:
    environ = make_config(tmp_path, wiki, password=wiki.password('Bot'))
    (tmp_path / 'script.py').write_text(SCRIPT)
    done = run_pwb(tmp_path, environ, 'script.py')
    assert done.returncode == 0, done.stderr
    assert wiki.edits == [('Bot', 'Sandbox', 'This is the sandbox. Edited.',
                           'A summary', ())]
    assert not [request for request in wiki.requests if request.error]
    assert (tmp_path / 'user-config.py').stat().st_mode & 0o777 == 0o600


def test_classic_scripts_work_with_the_sandbox(tmp_path: Path) -> None:
    pytest.importorskip('pywikibot_scripts')
    with Sandbox(path='/w') as wiki:
        for number in range(30):
            wiki.add_page(f'Page {number:02}', 'text [[Category:Things]]')
        environ = make_config(tmp_path, wiki, password=wiki.password('Bot'))
        outputs = [run_pwb(tmp_path, environ, *arguments) for arguments in (
            ('login',), ('listpages', '-start:A', '-format:3'),
            ('add_text', '-page:Sandbox', '-text:hello', '-always'),
            ('replace', '-cat:Things', '-limit:2', '-always', '-summary:x',
             'text', 'words'))]
        assert [done.returncode for done in outputs] == [0, 0, 0, 0], outputs
        assert outputs[1].stdout.split('\n')[:2] == ['Main Page', 'Page 00']
        assert outputs[1].stdout.count('Page ') == 30
        assert [edit.text for edit in wiki.edits] == [
            'This is the sandbox.\nhello', 'words [[Category:Things]]',
            'words [[Category:Things]]']


def test_a_folder_can_have_two_wikis(wiki: Sandbox, tmp_path: Path) -> None:
    with Sandbox(path='/w') as other:
        other.add_page('Sandbox', 'Der Sandkasten.')
        environ = make_config(tmp_path, wiki.netloc, others={'de': other},
                              extra="mylang = 'de'\n")
        (tmp_path / 'script.py').write_text(
            'import pywikibot\n'
            'for code in "en", "de":\n'
            '    site = pywikibot.Site(code)\n'
            '    print(pywikibot.Page(site, "Sandbox").text)\n')
        done = run_pwb(tmp_path, environ, 'script.py')
    assert done.stdout.split('\n')[:2] \
        == ['This is the sandbox.', 'Der Sandkasten.'], done.stderr
