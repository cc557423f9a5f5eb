"""What the sandbox does beyond the recordings."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.sandbox import Sandbox
from tests.sandbox.config import make_config


USERINFO = {'action': 'query', 'meta': 'userinfo'}
PASSWORD = 'sandbox-password-Bot'
SCRIPT = """\
import pywikibot

site = pywikibot.Site()
site.login()
page = pywikibot.Page(site, 'Sandbox')
page.text += ' Edited.'
page.save('A summary')
assert not pywikibot.Page(site, 'Missing').exists()
"""


@pytest.fixture
def session():
    with requests.Session() as session:
        yield session


def ask(session, wiki, bearer='', path='api.php', **params):
    params = {'format': 'json', 'formatversion': '2', **params}
    headers = {'Authorization': f'Bearer {bearer}'} if bearer else {}
    url = f'{wiki.url}/{path}'
    return session.post(url, params, headers=headers, allow_redirects=False)


def refresh(session, wiki, client, token):
    path = 'rest.php/oauth2/access_token'
    form = {'client_id': client.id, 'client_secret': client.secret}
    form.update(grant_type='refresh_token', refresh_token=token)
    return ask(session, wiki, path=path, **form)


@pytest.mark.parametrize(('gateway', 'quote'), [(True, '"'), ('unquoted', '')])
def test_the_gateway_refuses_dead_tokens(session, wiki, gateway, quote):
    token, wiki.gateway = wiki.issue(wiki.register()).access_token, gateway
    assert ask(session, wiki, token, **USERINFO).status_code == 200
    wiki.expire_access_tokens()
    for path in ('api.php', 'rest.php/oauth2/resource/profile'):
        answer = ask(session, wiki, token, path)
        assert answer.status_code == 401
        challenge = answer.headers['WWW-Authenticate']
        assert f'error={quote}invalid_token{quote}' in challenge
    assert wiki.count(status=401, error='invalid_token') == 2


@pytest.mark.parametrize(
    ('kind', 'field'), [('totp', 'OATHToken'), ('email', 'token')]
)
def test_a_second_factor_is_asked_for(session, wiki, kind, field):
    wiki.second_factor('Bot', kind, '123456')
    answer = ask(session, wiki, action='query', meta='tokens', type='login')
    form = {'logintoken': answer.json()['query']['tokens']['logintoken']}
    answers = [
        ask(session, wiki, action='clientlogin', **form, **step).json()
        for step in (
            {'username': 'Bot', 'password': PASSWORD},
            {'logincontinue': '1', field: 'wrong'},
            {'logincontinue': '1', field: '123456'},
        )
    ]
    statuses = [answer['clientlogin']['status'] for answer in answers]
    assert statuses == ['UI', 'UI', 'PASS']
    assert field in answers[0]['clientlogin']['requests'][0]['fields']
    answer = ask(session, wiki, uiprop='email', **USERINFO).json()
    assert answer['query']['userinfo']['email'] == 'bot@example.org'


def test_a_session_jwt_belongs_to_its_access_token(session, wiki):
    wiki.session_jwt = True
    mine, other = (wiki.register(owner_only=True) for _ in range(2))
    for _ in range(2):
        answer = ask(session, wiki, mine.access_token, **USERINFO)
        assert 'error' not in answer.json()
    answer = ask(session, wiki, other.access_token, **USERINFO).json()
    code = 'mwoauth-invalid-authorization-jwt'
    assert answer['error']['code'] == code


def test_a_proposal_expires_when_clients_are_listed(session, wiki, clock):
    client, another = wiki.register(stage='proposed'), wiki.register()
    clock.advance(30 * 86400 + 1)
    assert client.stage == 'proposed'
    session.headers['Authorization'] = (
        f'Bearer {wiki.issue(another).access_token}'
    )
    session.get(f'{wiki.url}/rest.php/oauth2/client')
    assert client.stage == 'expired'


@pytest.mark.parametrize(
    ('kind', 'status', 'options'),
    [
        ('status', 503, {'status': 503, 'retry_after': 7}),
        ('html', 200, {}),
        ('empty', 200, {}),
        ('redirect', 302, {'location': 'http://127.0.0.1:9/'}),
    ],
)
def test_a_page_instead_means_that_nothing_was_done(
    session, wiki, kind, status, options
):
    client = wiki.register()
    token = wiki.issue(client).refresh_token
    wiki.fail_next(kind, **options)
    answer = refresh(session, wiki, client, token)
    assert answer.status_code == status
    assert 'access_token' not in answer.text
    assert refresh(session, wiki, client, token).json()['access_token']
    assert wiki.faults_served == {kind: 1}


@pytest.mark.parametrize(
    'kind', ['reset_before', 'reset_after', 'half', 'hang_before']
)
def test_a_broken_connection_leaves_open_what_was_done(session, wiki, kind):
    wiki.fail_next(kind, path='api.php')
    edit = {'title': 'Sandbox', 'appendtext': kind, 'token': '+\\'}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, session, wiki, action='edit', **edit)
        while not wiki.requests:
            threading.Event().wait(0.001)
        wiki.close()
        assert isinstance(answer.exception(), requests.RequestException)
    assert len(wiki.edits) == (kind in ('reset_after', 'half'))


@pytest.mark.parametrize('like', ['1.43', 'master'])
def test_pywikibot_works_with_the_sandbox(tmp_path, like):
    with Sandbox(like=like, path='/w') as wiki:
        environ = make_config(tmp_path, wiki, password=PASSWORD)
        command = [sys.executable, '-c', SCRIPT]
        subprocess.run(command, env=environ, cwd=tmp_path, check=True)
        assert wiki.edits[0][:2] == ('Bot', 'Sandbox')
        assert not [request for request in wiki.requests if request.error]
