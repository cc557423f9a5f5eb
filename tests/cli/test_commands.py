"""pwb oauth2: status, refresh, logout, token, export and import."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.harness import Owner, dialogs, grants, pwb, wait_until


STAGES = ('proposed', 'approved', 'rejected', 'expired', 'disabled')


@pytest.fixture(params=['1.43', 'master'])
def wiki(wiki, request):
    """Return a sandbox wiki that plays one of the recorded servers."""
    wiki.like = request.param
    return wiki


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody who has logged in."""
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    return owner


def command(owner, *options, keys=''):
    """Run pwb oauth2 without a terminal; return status and output."""
    done = owner.alone('oauth2', *options, keys=keys)
    return done.returncode, done.stdout


def test_the_status_tells_all_that_is_known(owner):
    status, shown = command(owner)
    assert status == 0
    for line in (
        '  account        Bot\n',
        f'{owner.client.id} (confidential), ',
        ', approved\n',
        '  state          authorized, and the wiki accepts the token\n',
        '  grants         basic, highvolume, editpage, createeditmovepage\n',
        '(grant "Upload new files")',
        f'  kept in        {owner.token_file()}\n',
    ):
        assert line in shown
    status, shown = command(owner, '-json')
    data = json.loads(shown)['sites'][0]
    assert data['state'] == 'authorized'
    assert data['missing']['upload'] == 'Upload new files'
    assert data['access_token_expires_at'].endswith('+00:00')
    assert owner.client.secret not in shown


@pytest.mark.parametrize('stage', STAGES)
def test_the_status_names_the_stage_of_the_client(owner, wiki, stage):
    wiki.set_stage(owner.client, stage)
    status, shown = command(owner)
    if stage in ('proposed', 'approved'):
        assert status == 0
        assert f', {stage}\n' in shown
    else:
        assert status == 1
        assert 'not-approved' in shown
    assert ('unless it is approved' in shown) == (stage == 'proposed')
    assert 'Traceback' not in shown


def test_without_an_authorization_the_status_says_what_to_run(tmp_path, wiki):
    status, shown = command(Owner(tmp_path, wiki))
    assert status == 1
    assert 'Run "pwb login -site:sandbox:en"' in shown
    owner = Owner(tmp_path / 'other', wiki, has_oauth=False)
    status, shown = command(owner)
    assert status == 2
    assert 'pwb oauth2 -setup -site:sandbox:en' in shown


def test_a_refresh_gets_a_new_token_at_once(owner, wiki):
    before = owner.token_file().read_text()
    assert command(owner, '-refresh')[0] == 0
    assert owner.token_file().read_text() != before
    assert grants(wiki, 'refresh_token') == 1


def test_a_refresh_that_cannot_be_stored_ends_with_status_4(owner):
    file = owner.token_file()
    file.rename(owner.folder / 'kept')
    file.mkdir()
    status, shown = command(owner, '-refresh')
    assert status == 4, shown


def test_logging_out_forgets_the_token_and_names_the_page(owner):
    status, shown = command(owner, '-logout')
    assert status == 0
    assert 'Special:OAuthManageMyGrants' in shown
    assert 'access_token": "' not in owner.token_file().read_text()
    status, shown = command(owner)
    assert status == 1
    assert 'logged out' in shown
    assert 'is not logged in to' in command(owner, '-logout')[1]


def test_the_token_is_all_that_is_written(owner, wiki):
    wiki.expire_access_tokens()
    done = owner.alone('oauth2', '-token')
    token = done.stdout.strip()
    assert '\n' not in token
    assert wiki.oauth.valid(token) or command(owner)[0] == 0
    data = json.loads(owner.alone('oauth2', '-token', '-json').stdout)
    assert data.keys() == {'access_token', 'expires_at'}
    owner.alone('oauth2', '-logout')
    status, shown = command(owner, '-token')
    assert status == 1
    assert 'pwb login' in shown


def test_an_authorization_moves_to_another_folder(owner, wiki, tmp_path):
    other = tmp_path / 'other'
    shutil.copytree(
        owner.folder, other, ignore=shutil.ignore_patterns('other', 'logs')
    )
    (other / owner.token_file().name).unlink()
    line = owner.alone('oauth2', '-export').stdout.splitlines()[0]
    assert command(owner)[0] == 1
    moved = Owner(other, wiki, client=owner.client)
    status, shown = command(moved, '-import', keys=line + '\n')
    assert status == 0, shown
    assert command(moved)[0] == 0
    assert moved.edit() == ''
    assert dialogs(wiki) == 0 or dialogs(wiki) == 1
    # Nothing else is taken.
    for bad in ('', '{}', line.replace('"Bot"', '"Eve"')):
        status, shown = command(moved, '-import', keys=bad + '\n')
        assert status == 2
        assert 'Traceback' not in shown


def test_an_authorization_is_imported_again_by_a_hidden_paste(owner):
    line = owner.alone('oauth2', '-export').stdout.splitlines()[0]
    assert len(line) > 1024  # what a terminal of macOS takes in one line
    with owner.terminal('oauth2', '-import') as terminal:
        terminal.expect('press Enter')
        wait_until(lambda: not terminal.is_restored())
        terminal.type(line + '\n')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert line[:100] not in shown
    assert command(owner)[0] == 0


def test_an_export_that_nobody_reads_is_taken_back(owner):
    with open('/dev/full', 'w') as full:
        done = subprocess.run(
            pwb('oauth2', '-export'),
            env=owner.environment,
            cwd=owner.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 4, done.stderr
    assert 'Traceback' not in done.stderr
    assert command(owner)[0] == 0


def test_unknown_and_contradicting_options_are_refused(owner):
    assert command(owner, '-nonsense')[0] == 2
    status, shown = command(owner, '-login', '-logout')
    assert status == 2
    assert 'exclude each other' in shown


def test_registering_by_hand_shows_the_form_filled_in(owner, wiki):
    status, shown = command(owner, '-register')
    assert status == 0
    assert 'propose/oauth2&wpname=Pywikibot+of+Bot' in shown
    data = json.loads(command(owner, '-register', '-json')[1])
    assert data['url'].startswith(wiki.url)
    assert data['grants']['editpage'].startswith('Edit existing pages')


def test_a_wiki_that_is_down_is_status_3(owner, wiki):
    wiki.close()
    status, shown = command(owner)
    assert status == 3
    assert 'unreachable' in shown


def test_all_sites_are_shown(owner):
    status, shown = command(owner, '-all')
    assert status == 0
    assert shown.count('sandbox:en\n') == 1
