"""pwb oauth2 as a whole: options, mistakes in user-config.py, secrets."""

from __future__ import annotations

import copy

import pytest

from tests.harness import edit_file


@pytest.mark.filterwarnings('ignore:Configuration variable "authenticate"')
@pytest.mark.parametrize(
    ('place', 'words'),
    [
        ('authenticate[b"x"]', 'has no OAuth2Auth'),
        ('authenticate', 'has no OAuth2Auth'),
        # The link is one that can be opened.
        ("authenticate['{netloc}']", '  http://127.0.0.1:'),
    ],
)
def test_a_mistake_in_the_configuration_is_status_2(
    stranger, wiki, shows, place, words
):
    stranger.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f'{place.format(netloc=wiki.netloc)} = _oauth2.OAuth2Auth('
        f"'{stranger.client.id}', 'secret', redirect_uri='127.0.0.1:80')\n"
    )
    for option in '', '-token':
        shows(option, 2, words)


def test_an_account_that_is_missing_is_named(owner, shows):
    edit_file(owner.config, "usernames['sandbox']['en'] = 'Bot'", '')
    for option in ('-logout', '-login', '-refresh', '-token'):
        shows(option, 2, "usernames['sandbox']['en'] is missing")


def test_options_are_read_before_any_wiki_is_asked(owner, wiki, shows):
    shows('-nonsense', 2, '-nonsense')
    shows('-login -logout', 2, 'cannot be used together')
    done = owner.alone('oauth2', '-help')
    assert done.returncode == 0
    for word in ('-setup', '-token', 'Exit statuses', 'GLOBAL OPTIONS'):
        assert word in done.stdout
    assert wiki.requests == []


def test_a_damaged_token_file_is_status_4_and_left_alone(owner, shows):
    owner.token_file().write_text('{"version": 1, "auth')
    # It is reported when the site is created, and by the login.
    shown = owner.alone('login').stdout
    assert shown.count('  pwb login -site:sandbox:en\n') == 2
    for option in ('-json', '-refresh', '-logout', '-login', '-token'):
        shown = shows(option, 4, 'It was left as it is.')
        assert shown.count('pwb login') == shown.count('-site:sandbox:en') > 0
    assert owner.token_file().read_text() == '{"version": 1, "auth'


def test_a_wiki_that_is_down_is_status_3_and_a_wikibase_not_waited_for(
    owner, wiki, shows
):
    wiki.close()
    shows('', 3, 'unreachable')
    wikibase = '\n    def interface(self, code):\n        return "DataSite"\n'
    family = owner.folder / 'sandbox_family.py'
    family.write_text(family.read_text() + wikibase)
    shows('', 3, 'unreachable')
    shows('-logout', 0)


@pytest.mark.slow
def test_nothing_secret_is_written_anywhere_else(stranger, wiki):
    everything = '-debug', '-log'

    def command(*options, keys=''):
        options += everything
        return stranger.alone('oauth2', *options, keys=keys).stdout

    keys = wiki.password('Bot') + '\n'
    options = '-setup', '-by:api', '-kind:owner-only', '-yes', '-stdin'
    shown = [command(*options, keys=keys)]
    stranger.use_oauth()
    shown.append(stranger.log_in('Bot', *everything))
    token = command('-token')
    assert any(secret in token for secret in wiki.secrets)
    shown += [command(option) for option in ('-json', '-refresh', '-logout')]
    files = [
        path
        for path in stranger.folder.rglob('*')
        if path.is_file() and path.suffix in ('.log', '.bak', '.lwp')
    ]
    assert any(path.name == 'oauth2-bot.log' for path in files)
    shown += [path.read_text() for path in files]
    assert len(wiki.secrets) > 8
    assert not [text for text in shown if any(s in text for s in wiki.secrets)]


def test_no_command_shows_a_secret_in_the_place_of_the_client_id(
    stranger, shows
):
    client = copy.copy(stranger.client)
    client.id = client.secret
    stranger.use_oauth(client=client)
    for option in ('-json', '-login', '-refresh', '-token'):
        assert client.secret not in shows(option, 2)


def test_a_key_that_pywikibot_does_not_find_is_named(owner, wiki, shows):
    port = wiki.netloc.partition(':')[2]
    key, wrong = (
        f"authenticate['{name}:{port}']" for name in ('localhost', 'LocalHost')
    )
    family = owner.folder / 'sandbox_family.py'
    edit_file(family, wiki.netloc, f'localhost:{port}')
    edit_file(owner.config, wiki.netloc, f'LocalHost:{port}')
    error = f'Pywikibot does not find {wrong}'
    options = '-json', '-all', '-login', '-token'
    for option in options:
        shows(option, 2, error, f'  {key}\n')
    edit_file(owner.config, wrong, key)
    for option in options:
        # The token is for another address.
        assert 'does not find' not in shows(option, 2)
