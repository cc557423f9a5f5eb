"""The client: what it does not accept, what it shows, where it comes from."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import pprint
import sys

import pytest
from pywikibot import config
from pywikibot.exceptions import FatalServerError

from pywikibot_oauth2 import (
    ConfigurationError,
    FileStore,
    OAuth2Auth,
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
)
from pywikibot_oauth2 import client as client_module
from pywikibot_oauth2.client import Credentials
from tests.harness import Owner
from tests.helpers import raises, shown


CLIENT_ID = '0123456789abcdef' * 2
SECRET = 'c0ffee5ec2e7c0ffee'
CALLBACK = 'http://127.0.0.1:8080/callback'


def make_client(**changes):
    values = {'client_secret': SECRET, 'redirect_uri': CALLBACK}
    return OAuth2Client(CLIENT_ID, **{**values, **changes})


def test_the_secret_is_never_shown():
    client, auth = make_client(), OAuth2Auth(CLIENT_ID, SECRET)
    session = OAuth2Session(client, 'https://wiki.example/w/api.php')
    shown = [json.dumps(session.serialize()), pprint.pformat(vars(auth))]
    for show in repr, str, ascii, '{}'.format, pprint.pformat:
        shown += map(show, (client, auth, session))
    for text in shown:
        assert SECRET not in text
        assert CLIENT_ID in text
    for refuse in json.dumps, vars, pickle.dumps, dataclasses.asdict:
        with pytest.raises(TypeError) as info:
            refuse(client)
        assert SECRET not in str(info.value)
    assert SECRET not in repr(OAuth2Client(access_token=SECRET))
    assert SECRET not in repr(Credentials(CLIENT_ID, SECRET, SECRET))


@pytest.mark.parametrize(
    ('client', 'kind', 'is_confidential'),
    [
        (make_client(), 'confidential', True),
        (make_client(client_secret=None), 'public', False),
        (make_client(owner_only=True), 'owner-only', True),
        (OAuth2Client(CLIENT_ID, access_token='a'), 'owner-only', False),
    ],
)
def test_it_says_what_it_is(client, kind, is_confidential):
    assert client.kind == kind
    assert client.owner_only == (kind == 'owner-only')
    assert client.is_confidential == is_confidential
    assert repr(client) == (
        f"<OAuth2Client '{CLIENT_ID}' ({kind}),"
        f' redirect_uri={client.redirect_uri!r}>'
    )


def test_blanks_from_copying_are_removed_and_nothing_else():
    client = OAuth2Client(f' {CLIENT_ID}\n', f'\t{SECRET} \n')
    assert (client.client_id, client.client_secret) == (CLIENT_ID, SECRET)
    for uri in 'HTTP://LocalHost:8080/%7e?a=b', 'https://tool.example/ö':
        assert make_client(redirect_uri=uri).redirect_uri == uri


BAD = {
    'client_id': ('client ID', ['', ' \n', 12345, b'12345']),
    'client_secret': ('client secret', [' \t', 12345, b'c0ffee', [SECRET]]),
    'redirect_uri': ('callback URL', ['', ' ', 8080, b'http://127.0.0.1/']),
    'access_token': ('access token', ['', 5, b'abc']),
}


@pytest.mark.parametrize('make', [OAuth2Client, OAuth2Auth])
@pytest.mark.parametrize(
    ('name', 'value'),
    [(name, value) for name in BAD for value in BAD[name][1]],
)
def test_a_bad_value_is_named_and_not_shown(make, name, value):
    values = {'client_id': CLIENT_ID, 'client_secret': SECRET, name: value}
    with raises(ConfigurationError) as info:
        make(**values)
    assert str(info.value).startswith(f'The {BAD[name][0]} ')
    assert SECRET not in str(info.value)
    # Pywikibot would repeat the request for any other error.
    assert isinstance(info.value, FatalServerError)
    assert isinstance(info.value, OAuth2Error)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({}, 'neither a client ID nor an access token'),
        ({'client_id': CLIENT_ID, 'owner_only': True}, 'needs its client sec'),
        ({'client_id': 'hid' * 20, 'owner_only': True}, 'needs its client'),
        ({'access_token': 'x', 'redirect_uri': CALLBACK}, 'uses neither a'),
        ({'access_token': 'x', 'client_secret': SECRET}, 'uses neither a'),
        *[({'access_token': token}, 'contains a character')
          for token in ('Bearer hid', 'hid\nden', 'hidden…', '"hidden"')],
    ],
)  # fmt: skip
def test_values_that_contradict_each_other_are_refused(values, words):
    with raises(ConfigurationError, words) as info:
        OAuth2Client(**values)
    assert 'hid' not in f'{info.value} {vars(info.value)}'
    # A neutral sentence: a program need not have such a file.
    assert 'user-config' not in str(info.value)


@pytest.mark.parametrize(
    ('name', 'value'),
    [('owner_only', 'False'), ('login_timeout', '300'), ('store', 3),
     ('store', FileStore), ('clock', 3)],
)  # fmt: skip
def test_an_option_of_another_type_is_named_at_once(name, value):
    words = f', not {type(value).__name__}.'
    with raises(ConfigurationError, words) as info:
        OAuth2Auth(CLIENT_ID, SECRET, **{name: value})
    assert str(info.value).startswith(f'The option {name} must be ')


NO_URL = 'does not begin with http:// or https://'
MISSPELLED = {
    'nonsense': "'nonsense' is not a client ID, which",
    '127.0.0.1:8080': NO_URL,
    'ftp://127.0.0.1/': NO_URL,
    'http:///x': NO_URL,
    f'{CALLBACK}#x': 'contains a fragment',
    f'{CALLBACK}/a b': 'contains a fragment (#) or a space',
    'http://[::1/': 'is not a URL',
    'http://127.0.0.1:x/': 'is not a URL',
}


@pytest.mark.parametrize('value', MISSPELLED)
def test_a_misspelled_value_is_found_when_it_is_checked(value):
    name = 'client_id' if value == 'nonsense' else 'redirect_uri'
    values = {'client_id': CLIENT_ID, 'redirect_uri': CALLBACK, name: value}
    with raises(ConfigurationError, MISSPELLED[value], error=name):
        OAuth2Client(**values).check()
    for client in make_client(), OAuth2Client(access_token='abc'):
        client.check()


@pytest.mark.parametrize(
    'values', [(SECRET * 3, CLIENT_ID), (CLIENT_ID + SECRET, None)]
)
def test_a_secret_in_the_place_of_the_client_id_is_not_shown(values):
    client = OAuth2Client(*values)
    with raises(ConfigurationError, 'A value of ') as info:
        client.check()
    session = OAuth2Session(client, 'https://wiki.example/w/api.php')
    shown = f'{info.value} {vars(info.value)} {client!r} {session!r}'
    assert SECRET not in shown


def test_access_tokens_without_a_client_id_are_clients_of_their_own():
    one, two = (OAuth2Client(access_token=token) for token in 'ab')
    assert one.same_registration(OAuth2Client(access_token='a'))
    assert not one.same_registration(two)
    assert not one.same_registration(make_client())
    assert make_client().same_registration(OAuth2Client(CLIENT_ID))


def test_it_is_a_value():
    client = make_client()
    assert client == make_client()
    assert hash(client) == hash(make_client())
    assert client != make_client(client_secret='other')
    assert client != 'other'
    assert copy.copy(client) is copy.deepcopy(client) is client
    for name in 'client_secret', 'redirect_url':
        with pytest.raises(AttributeError, match='is immutable'):
            setattr(client, name, 'other')
        with pytest.raises(AttributeError, match='is immutable'):
            delattr(client, name)


sources = pytest.mark.parametrize('source', [Credentials, OAuth2Auth])
PRINT = [sys.executable, '-c', 'import sys; print(sys.argv[1])']


def values_of(found):
    client = getattr(found, 'client', found)
    return client.client_id, client.client_secret, client.access_token


@sources
def test_they_come_from_the_environment(source, monkeypatch):
    for name in Credentials._fields:
        monkeypatch.delenv(f'PYWIKIBOT_OAUTH2_{name.upper()}', raising=False)
    with raises(ConfigurationError, 'PYWIKIBOT_OAUTH2_CLIENT_ID'):
        source.from_environment()
    monkeypatch.setenv('PYWIKIBOT_OAUTH2_CLIENT_ID', CLIENT_ID)
    monkeypatch.setenv('PYWIKIBOT_OAUTH2_CLIENT_SECRET', SECRET)
    monkeypatch.setenv('PYWIKIBOT_OAUTH2_ACCESS_TOKEN', '')
    assert values_of(source.from_environment()) == (CLIENT_ID, SECRET, None)


@sources
def test_they_come_from_a_command(source):
    found = source.from_command([*PRINT, f'{SECRET}\n'], CLIENT_ID)
    assert values_of(found) == (CLIENT_ID, SECRET, None)
    found = source.from_command([*PRINT, f'{{"access_token": "{SECRET}"}}'])
    assert values_of(found)[1:] == (None, SECRET)


FAILING = f'import sys; print({SECRET!r}); sys.exit(3)'


@pytest.mark.parametrize(
    ('command', 'words'),
    [
        ([sys.executable, '-c', FAILING], 'ended with status 3'),
        ([*PRINT, SECRET], 'must be a JSON object'),
        (['/nonexistent', SECRET], 'cannot be run (FileNotFoundError)'),
        ([sys.executable, 'a\0b'], 'cannot be run (ValueError)'),
        ('pass show bot', 'must be a list of strings'),
        ([], 'must be a list of strings'),
        ([5, SECRET], 'must be a list of strings'),
        (5, 'must be a list of strings'),
    ],
)
def test_a_command_that_fails_is_reported(command, words):
    with raises(ConfigurationError, words) as info:
        OAuth2Auth.from_command(command)
    assert SECRET not in str(info.value)


def test_a_command_is_not_waited_for_endlessly(monkeypatch):
    monkeypatch.setattr(client_module, '_COMMAND_TIMEOUT', 0.1)
    with raises(ConfigurationError, '(TimeoutExpired)'):
        OAuth2Auth.from_command(['sleep', '60'])


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Return the path of a credentials file, relative to the bot's."""
    monkeypatch.setattr(config, 'base_dir', str(tmp_path))
    path = tmp_path / 'credentials.json'
    path.touch(mode=0o600)
    return path


def test_they_come_from_a_file_that_nobody_else_can_read(path):
    path.write_text(json.dumps({'client_id': 'id', 'client_secret': SECRET}))
    for name in path.name, path:
        found = OAuth2Auth.from_file(name)
        assert values_of(found) == ('id', SECRET, None)
    path.chmod(0o640)
    facts = {'error': 'exposed_file', 'hint': str(path)}
    with raises(ConfigurationError, 'others can read', **facts):
        OAuth2Auth.from_file(path.name)
    with raises(ConfigurationError, 'a string, not int'):
        OAuth2Auth.from_file(3)


@pytest.mark.usefixtures('keeps_garbage')
@pytest.mark.parametrize(
    'content',
    [SECRET, '', '[]', '{}', f'{{"client_secret": "{SECRET}"', 'null', '\xff',
     f'{{"client_secret": ["{SECRET}"]}}', f'{{"secret": "{SECRET}"}}',
     '[' * 100_000],
    ids=lambda content: content[:9],
)  # fmt: skip
def test_a_file_that_holds_something_else_is_not_quoted(path, content):
    path.write_bytes(content.encode('latin-1'))
    for read, source in (
        (OAuth2Auth.from_file, path),
        (OAuth2Auth.from_command, ['cat', str(path)]),
    ):
        with raises(ConfigurationError, 'must be a JSON obj') as info:
            read(source)
        assert SECRET not in shown(info.value)


def test_a_file_that_cannot_be_read_is_reported(path):
    path.unlink()
    facts = {'error': 'missing_file', 'hint': str(path)}
    with raises(ConfigurationError, 'No such file', **facts):
        OAuth2Auth.from_file(path.name)
    path.mkdir()
    facts['error'] = 'no_credentials'
    with raises(ConfigurationError, 'not a regular file', **facts):
        OAuth2Auth.from_file(path.name)


NO_OPTION = 'OAuth2Auth has no option redirect_url.'


@pytest.mark.parametrize(
    ('call', 'advice'),
    [
        (f"('', '{SECRET}')", 'Correct user-config.py.'),
        (f"('k', '{SECRET}', 'c', 'd')", 'pwb oauth2 -setup'),
        (f"(('k', '{SECRET}', 'c', 'd'))", 'pwb oauth2 -setup'),
        (f"('k', '{SECRET}', redirect_url=3)", NO_OPTION),
        (f".from_file('x', redirect_uri='{SECRET}')", 'oauth2 -setup'),
        ('.from_environment()', 'Correct user-config.py.'),
        (f".from_command(['x'], '{SECRET}')", 'user-config.py.'),
        (f"s('k', '{SECRET}')", 'There is no OAuth2Auths in'),
    ],
)
def test_a_wrong_value_ends_it_and_is_not_shown(tmp_path, wiki, call, advice):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f"authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth{call}\n"
    )
    command = [sys.executable, '-c', 'import pywikibot']
    with owner.start(*command) as process:
        shown = process.communicate('')[0]
    assert process.returncode == 2
    assert advice in ' '.join(shown.split())
    assert 'Traceback' not in shown
    assert SECRET not in shown
