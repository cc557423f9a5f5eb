#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Owner-only clients: bots that need no browser."""
from __future__ import annotations

import json
import subprocess

import pytest

from pywikibot_oauth2 import (
    ConfigurationError,
    FileStore,
    OAuth2Auth,
    OAuth2Client,
    OAuth2Session,
)
from pywikibot_oauth2.credentials import Credentials
from pywikibot_oauth2.renewal import Renewal
from tests.journey import SCRIPT, pwb
from tests.sandbox.config import make_config


LINES = """
import pywikibot_oauth2 as _oauth2
authenticate[{netloc!r}] = _oauth2.{call}
"""


class Owner:
    """A bot owner whose user-config.py has a line of the test's choice."""

    def __init__(self, folder, wiki, call, **settings):
        self.folder = folder
        self.environment = make_config(
            folder, wiki, extra=LINES.format(netloc=wiki.netloc, call=call),
            **settings)
        self.token_file = folder / 'pywikibot-Bot.oauth2.json'

    def edit(self):
        """Run a script that edits once, without a terminal."""
        script = self.folder / 'edit.py'
        script.write_text(SCRIPT.format(edits=1))
        return self.alone(str(script))

    def alone(self, *arguments):
        """Run pwb without a terminal; return what it printed."""
        return subprocess.run(
            pwb(*arguments), env=self.environment, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60).stdout


@pytest.fixture
def client(wiki):
    return wiki.register(owner_only=True)


def grants(wiki):
    """Return the kinds of token requests that were granted."""
    return [request.form.get('grant_type') for request in wiki.requests
            if request.path.endswith('access_token') and request.status == 200]


def editors(wiki):
    """Return who made the edits that were tried."""
    return [request.user for request in wiki.requests
            if request.form.get('action') == 'edit']


def test_an_access_token_is_all_that_is_needed(tmp_path, wiki, client):
    owner = Owner(tmp_path, wiki,
                  f'OAuth2Auth(access_token={client.access_token!r})')
    shown = owner.alone('login')
    assert 'Logged in on sandbox:en as Bot.' in shown
    shown += owner.edit()
    assert [edit.user for edit in wiki.edits] == ['Bot']
    assert grants(wiki) == []
    assert not owner.token_file.exists()
    assert client.access_token not in shown


def test_an_access_token_that_is_refused_is_explained(tmp_path, wiki, client):
    owner = Owner(tmp_path, wiki, "OAuth2Auth(access_token='garbage')")
    shown = owner.edit()
    assert 'does not accept the access token in user-config.py' in shown
    assert 'Special:OAuthConsumerRegistration/list' in shown
    assert wiki.edits == []
    assert 'authorize?' not in shown


def test_the_access_token_of_another_account_is_told(tmp_path, wiki, client):
    owner = Owner(tmp_path, wiki,
                  f'OAuth2Auth(access_token={client.access_token!r})',
                  user='Admin')
    shown = owner.edit()
    assert 'is that of Bot, not of Admin' in shown
    assert "usernames['sandbox']['en'] = 'Bot'" in shown
    assert wiki.edits == []


@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_id_and_secret_fetch_a_token_that_is_kept(tmp_path, wiki, client,
                                                  version):
    wiki.version = version
    owner = Owner(
        tmp_path, wiki,
        f'OAuth2Auth({client.id!r}, {client.secret!r}, owner_only=True)')
    shown = owner.alone('login')
    assert 'Logged in on sandbox:en as Bot.' in shown
    owner.edit()
    assert [edit.user for edit in wiki.edits] == ['Bot']
    # The second program took the token from the store.
    assert grants(wiki) == ['client_credentials']
    stored = json.loads(owner.token_file.read_text())
    assert stored['sessions'][client.id]['token']['refresh_token'] is None
    assert owner.token_file.stat().st_mode & 0o777 == 0o600


def test_the_token_is_fetched_again_before_it_expires(tmp_path, wiki, clock,
                                                      client):
    plain = OAuth2Client(client.id, client.secret, owner_only=True)
    renewal = Renewal(plain, 'Bot', FileStore(), clock)
    renewal.begin(OAuth2Session(plain, wiki.api_url, user='Bot', clock=clock))
    first = renewal.header()
    clock.advance(wiki.token_life - 61)
    assert renewal.header() == first
    clock.advance(2)
    second = renewal.header()
    assert second not in (first, None)
    assert grants(wiki) == ['client_credentials'] * 2
    FileStore().path('Bot').unlink()


@pytest.mark.parametrize(('version', 'words'), [
    ('1.43', 'Or it is not registered for use by its owner only'),
    ('1.47', 'edits would be anonymous')])
def test_a_client_that_is_not_owner_only_is_refused(tmp_path, wiki, version,
                                                    words):
    wiki.version = version
    client = wiki.register()
    owner = Owner(
        tmp_path, wiki,
        f'OAuth2Auth({client.id!r}, {client.secret!r}, owner_only=True)')
    shown = owner.edit()
    assert words in shown
    assert wiki.edits == []
    assert set(editors(wiki)) <= {None}
    assert not owner.token_file.exists()


def test_the_owner_has_to_be_the_configured_account(tmp_path, wiki, client):
    owner = Owner(
        tmp_path, wiki,
        f'OAuth2Auth({client.id!r}, {client.secret!r}, owner_only=True)',
        user='Admin')
    shown = owner.edit()
    assert 'is Bot, but user-config.py says Admin' in shown
    assert wiki.edits == []


def test_credentials_come_from_the_environment(tmp_path, wiki, client):
    owner = Owner(tmp_path, wiki,
                  'OAuth2Auth.from_environment(owner_only=True)')
    owner.environment['PYWIKIBOT_OAUTH2_CLIENT_ID'] = client.id
    owner.environment['PYWIKIBOT_OAUTH2_CLIENT_SECRET'] = client.secret
    assert 'Logged in on sandbox:en as Bot.' in owner.alone('login')


def test_credentials_come_from_a_file(tmp_path, wiki, client):
    path = tmp_path / 'client.json'
    path.write_text(json.dumps({'access_token': client.access_token}))
    path.chmod(0o600)
    owner = Owner(tmp_path, wiki, "OAuth2Auth.from_file('client.json')")
    assert 'Logged in on sandbox:en as Bot.' in owner.alone('login')
    path.chmod(0o640)
    assert f'chmod 600 {path}' in owner.alone('login')


@pytest.mark.parametrize('content', [
    '', '[]', '{}', '{"client_id": 1}', '{"password": "x"}', '"secret-word"'])
def test_a_credentials_file_of_another_shape_is_refused(
        tmp_path, monkeypatch, content):
    path = tmp_path / 'client.json'
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match='JSON object') as caught:
        OAuth2Auth.from_file(str(path))
    assert str(path) in str(caught.value)
    assert 'secret-word' not in str(caught.value)


def test_a_credentials_file_may_be_in_the_home(tmp_path, monkeypatch):
    path = tmp_path / 'client.json'
    path.write_text('{"client_id": "the client"}')
    path.chmod(0o600)
    monkeypatch.setenv('HOME', str(tmp_path))
    auth = OAuth2Auth.from_file('~/client.json')
    assert auth.client.client_id == 'the client'


def test_a_missing_credentials_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r'none\.json'):
        OAuth2Auth.from_file(str(tmp_path / 'none.json'))


def test_without_the_environment_variables_they_are_named(monkeypatch):
    monkeypatch.delenv('PYWIKIBOT_OAUTH2_CLIENT_ID', raising=False)
    with pytest.raises(ConfigurationError,
                       match='PYWIKIBOT_OAUTH2_ACCESS_TOKEN'):
        OAuth2Auth.from_environment()


def test_credentials_are_not_shown():
    credentials = Credentials('id', 'hidden-secret', 'hidden-token')
    assert 'hidden' not in repr(credentials)
    assert 'hidden' not in str(credentials)
