"""pwb oauth2: login, refresh, logout, token, export and import."""

from __future__ import annotations

import json

import pytest

from pywikibot_oauth2 import FileStore, StoreError
from tests.cli.conftest import block_the_place_of
from tests.harness import Owner, dialogs, edit_file, grants, pwb, wait_until


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
@pytest.mark.parametrize('option', ['-refresh', '', '-login'])
def test_a_new_token_that_is_only_in_memory_is_status_4(
    wiki, shows, monkeypatch, option
):
    def save(_):
        raise StoreError('There is no room.')

    monkeypatch.setattr(FileStore, 'reserve', lambda *_: save)
    wiki.expire_access_tokens()
    shows(option, 4, 'There is no room.', 'unusable, and the wiki accepts')


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
        ('-import', '<&-', 2, 'A line of standard input is missing'),
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


def test_a_login_renews_a_token_that_has_died_early(owner, wiki, shows):
    wiki.expire_access_tokens()
    shows('-login', 0, 'the wiki accepts the token')
    assert grants(wiki, 'refresh_token') == 1
    assert dialogs(wiki) == 0


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
def test_a_login_that_the_wiki_does_not_answer_is_status_3(stranger, wiki):
    stranger.use_oauth()
    wiki.fail_next('status', times=4, path='profile', status=503)
    with stranger.terminal('oauth2', '-login') as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        assert 'Run this again when the wiki answers.' in terminal.wait()
    assert terminal.process.returncode == 3
