"""pwb oauth2: status, refresh, logout, token, export and import."""

from __future__ import annotations

import copy
import json

import pytest

from pywikibot_oauth2 import FileStore, StoreError
from pywikibot_oauth2.cli import status
from tests.harness import Owner, dialogs, edit_file, grants, pwb, wait_until
from tests.sandbox.config import FAMILY


@pytest.fixture
def owner(stranger):
    """Return somebody who has logged in."""
    stranger.use_oauth()
    stranger.authorize()
    return stranger


def block_the_place_of(path):
    """Make a file unreadable and unwritable."""
    path.unlink()
    path.mkdir()


def test_the_status_tells_everything_that_is_known(owner, wiki, shows):
    limits = {'edit': {'user': {'hits': 90, 'seconds': 60}}, 'thanks': {}}

    def limited(data):
        data['query']['userinfo']['ratelimits'] = limits
        return data

    wiki.block('Bot')
    wiki.fail_next('rewrite', path='/api.php', change=limited)
    shown = shows(
        '-all',
        0,
        '  account        Bot\n',
        f'{owner.client.id} (confidential), ',
        ', approved\n',
        '  state          authorized, and the wiki accepts the token',
        'but the account is blocked',
        '  grants         basic, highvolume, editpage, createeditmovepage\n',
        '(grant "Upload new files")',
        'edit 90 in 60 s (1 more with -json)',
        f'  kept in        {owner.token_file()}\n',
    )
    assert shown.count('sandbox:en\n') == 1
    shown = owner.alone('oauth2', '-json').stdout
    data = json.loads(shown)['sites'][0]
    assert data['state'] == 'authorized'
    assert data['missing']['upload'] == 'Upload new files'
    assert data['access_token_expires_at'].endswith('+00:00')
    assert owner.client.secret not in shown


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (-60, 'expired at 2027-01-15 07:59 UTC'),
        (59, 'until 2027-01-15 08:00 UTC (1 min from now)'),
        (3600 + 60, 'until 2027-01-15 09:01 UTC (1 h 1 min from now)'),
        (86400 + 7260, 'until 2027-01-16 10:01 UTC (1 d 2 h from now)'),
        (1e12, 'has no practical expiry'),
    ],
)
def test_the_status_says_how_long_a_token_is_valid(seconds, words):
    now = 1_800_000_000
    assert status._expiry(now + seconds, now) == words


def test_a_family_without_a_usable_address_does_not_hide_other_sites(
    owner, shows
):
    text = FAMILY.format(langs={'xx': 'no host'}, paths={'xx': ''})
    family = owner.write('odd_family.py', text.replace("'sandbox'", "'odd'"))
    owner.configure(f"family_files['odd'] = {family!r}\n")
    owner.configure("usernames['odd']['xx'] = 'Bot'\n")
    shows('-all', 0, 'sandbox:en\n  account        Bot\n')


def test_the_status_of_a_token_without_the_usual_rights(owner, wiki, shows):
    client = wiki.register(owner_only=True, grants=('basic',))
    owner.use_fixed_token(client.access_token)
    shows('', 0, '  rights         5 in all; not: bot, ')


@pytest.mark.parametrize('stage', ['rejected', 'expired', 'disabled'])
def test_the_status_names_the_stage_of_the_client(owner, wiki, shows, stage):
    wiki.set_stage(owner.client, 'proposed')
    shows('', 0, ', proposed\n', 'unless it is approved')
    wiki.set_stage(owner.client, stage)
    for code, option in ('not-approved', '-login'), ('access_denied', ''):
        shown = shows(option, 1, code, 'refused: http', 'expired, or an adm')
        assert 'unless it is approved' not in shown
        wiki.expire_access_tokens()


def test_without_an_authorization_the_status_says_what_to_run(stranger, shows):
    shows('', 2, 'pwb oauth2 -setup -site:sandbox:en')
    config = stranger.config.rename(stranger.folder / 'other')
    # Nobody has chosen Test Wikipedia, which is Pywikibot's default.
    shows('', 2, 'run:\n  pwb oauth2 -setup\n')
    config.rename(stranger.config)
    stranger.use_oauth()
    shows('', 1, 'Run "pwb login -site:sandbox:en"')


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


def test_a_misspelled_host_is_named(owner, wiki):
    edit_file(owner.config, wiki.netloc, 'wiki.exmaple')
    for option in ('-json', '-all'):
        shown = owner.alone('oauth2', option).stdout
        assert "authenticate['wiki.exmaple'] in user-config.py is not" in shown


def test_an_account_that_is_missing_is_named(owner, shows):
    edit_file(owner.config, "usernames['sandbox']['en'] = 'Bot'", '')
    for option in ('-logout', '-login', '-refresh', '-token'):
        shows(option, 2, "usernames['sandbox']['en'] is missing")


def test_a_refresh_gets_a_new_token_at_once(owner, wiki, shows):
    before = owner.token_file().read_text()
    shows('-refresh', 0)
    assert owner.token_file().read_text() != before
    assert grants(wiki, 'refresh_token') == 1
    # One that cannot be stored is not asked for.
    block_the_place_of(owner.token_file())
    shows('-refresh', 4)
    assert grants(wiki, 'refresh_token') == 1


@pytest.mark.usefixtures('owner')
def test_a_new_token_that_is_only_in_memory_is_status_4(shows, monkeypatch):
    def save(_):
        raise StoreError('There is no room.')

    monkeypatch.setattr(FileStore, 'reserve', lambda *_: save)
    shows('-refresh', 4, 'There is no room.', 'the token was renewed')


def test_only_the_token_is_written(owner, wiki, shows):
    data = json.loads(shows('-token -json', 0))
    assert data.keys() == {'access_token', 'expires_at'}
    token = shows('-token', 0)
    assert wiki.oauth.valid(token.removesuffix('\n'))


def test_a_logout_forgets_the_token_and_names_the_page(owner, shows):
    shows('-logout', 0, 'Special:OAuthManageMyGrants')
    assert 'access_token": "' not in owner.token_file().read_text()
    shows('-token', 1, 'pwb login')
    shows('-json', 1, 'logged out')
    shows('-logout', 0, 'is not logged in to')


@pytest.fixture
def exported(owner, shows):
    """Return the line that -export writes."""
    return shows('-export', 0).splitlines()[-1] + '\n'


def test_an_authorization_moves_to_another_folder(
    owner, wiki, tmp_path, shows, exported
):
    shows('', 1, 'ended: moved to another machine. Run "pwb login')
    moved = Owner(tmp_path / 'other', wiki, client=owner.client)
    shows('-import', 0, keys=exported, owner=moved)
    shows('', 0, 'state          authorized', owner=moved)


def test_only_an_export_is_imported(owner, shows, exported):
    eve = exported.replace('"Bot"', '"Eve"')
    odd = (line.replace('http://', 'http://[') for line in (exported, eve))
    elsewhere = exported.replace('/api.php', '/~eve/api.php')
    for bad in ('\n', '{}\n', eve, elsewhere, *odd):
        shows('-import', 2, keys=bad)
    # As if the ID and the secret had been confused
    edit_file(owner.config, owner.client.id, 'secret' * 6)
    shown = shows('-import', 2, keys=exported)
    assert 'and the client (36 characters).' in shown


def test_an_import_that_cannot_be_stored_does_not_say_so(
    owner, shows, exported
):
    block_the_place_of(owner.token_file())
    shown = shows('-import', 4, keys=exported)
    assert 'The token is kept in' not in shown
    owner.token_file().rmdir()
    shows('-import', 0, keys=exported)


def test_an_authorization_is_imported_again_by_a_hidden_paste(
    owner, shows, exported
):
    assert len(exported) > 1024  # the longest line on macOS
    with owner.terminal('oauth2', '-import') as terminal:
        terminal.expect('press Enter')
        wait_until(lambda: not terminal.is_restored())
        terminal.type(exported)
        shown = terminal.wait()
        assert terminal.is_restored()
    assert exported[:100] not in shown
    shows('', 0)


@pytest.mark.parametrize(
    ('option', 'redirection', 'status', 'words'),
    [
        ('-export', '2>&1 >/dev/full', 4, 'No space left on device'),
        ('-all', '2>&1 >/dev/full', 4, 'No space left on device'),
        ('-token', '>&-', 4, 'cannot be written to: it is closed.'),
        ('-token', '2>&-', 0, ''),
        ('-import', '<&-', 2, 'has no line for that'),
    ],
)
def test_a_full_or_closed_stream_is_reported_and_exports_nothing(
    owner, shows, option, redirection, status, words
):
    line = f'exec "$@" {redirection}'
    done = owner.in_shell(line, *pwb('oauth2', option))
    assert done.returncode == status, done.stdout
    assert words in done.stdout
    assert 'Traceback' not in done.stdout
    assert 'Exception ignored' not in done.stdout
    shows('', 0)


def test_options_are_read_before_any_wiki_is_asked(owner, wiki, shows):
    shows('-nonsense', 2, '-nonsense')
    shows('-login -logout', 2, 'cannot be used together')
    done = owner.alone('oauth2', '-help')
    assert done.returncode == 0
    for word in ('-setup', '-token', 'Exit statuses', 'GLOBAL OPTIONS'):
        assert word in done.stdout
    assert wiki.requests == []


def test_registering_by_hand_is_told_to_people_and_programs(
    owner, wiki, shows
):
    shows('-register', 0, 'propose/oauth2&wpname=Pywikibot+of+Bot')
    data = json.loads(shows('-register -json', 0))
    assert data['url'].startswith(wiki.url)
    assert data['grants']['editpage'].startswith('Edit existing pages')
    edit_file(owner.config, "usernames['sandbox']", "usernames['other']")
    words = 'wpname=Pywikibot+of+a+bot', 'as the account of the bot, whose'
    shows('-register', 0, *words)


@pytest.mark.parametrize(
    ('fault', 'answer'),
    [
        ('html', None),
        ('half', None),
        ('rewrite', {'error': {'code': 'readonly'}}),
        ('rewrite', []),
    ],
)
def test_an_unusable_answer_is_not_taken_for_a_refusal(
    owner, wiki, shows, fault, answer
):
    wiki.fail_next(fault, path='/api.php', change=lambda _: answer)
    shows('', 3, 'unreachable')


def test_a_refusal_by_the_api_is_not_taken_for_an_unusable_answer(
    owner, wiki, shows
):
    answer = {'error': {'code': 'readapidenied', 'info': 'You may not.'}}
    wiki.fail_next('rewrite', path='/api.php', change=lambda _: answer)
    shows('', 1, 'refused: readapidenied: You may not.')


def test_what_a_private_wiki_does_not_tell_is_unknown(owner, wiki, shows):
    def hide(data):
        return data if 'userinfo' in data['query'] else {'error': {}}

    wiki.fail_next('rewrite', times=2, path='/api.php', change=hide)
    assert json.loads(shows('-json', 0))['sites'][0]['missing'] is None


def test_a_login_renews_a_token_that_has_died_early(owner, wiki, shows):
    wiki.expire_access_tokens()
    shows('-login', 0, 'the wiki accepts the token')
    assert grants(wiki, 'refresh_token') == 1
    assert dialogs(wiki) == 0


def test_a_client_that_is_no_longer_there_is_named(owner, wiki, shows):
    wiki.expire_access_tokens()
    wiki.delete_client(owner.client)
    words = 'refused: ', 'Compare the client ID and the client secret'
    assert 'anonymous' not in shows('', 1, *words)


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


def test_a_fixed_access_token_is_neither_refreshed_nor_forgotten(
    stranger, wiki, shows
):
    token = wiki.register(owner_only=True).access_token
    stranger.use_fixed_token(token)
    shows('-all', 0, 'has no practical expiry')
    shows('-refresh', 2, 'never')
    shows('-logout', 2, 'remove it')
    shows('-login', 0)


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


@pytest.mark.slow
def test_a_login_that_the_wiki_does_not_answer_is_status_3(stranger, wiki):
    stranger.use_oauth()
    wiki.fail_next('status', times=4, path='profile', status=503)
    with stranger.terminal('oauth2', '-login') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        assert 'Run this again when the wiki answers.' in terminal.wait()
    assert terminal.process.returncode == 3
