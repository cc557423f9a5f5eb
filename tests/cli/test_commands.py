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


def test_help_shows_the_options_and_asks_no_wiki(owner, wiki):
    wiki.requests.clear()
    status, shown = command(owner, '-help')
    assert status == 0
    for word in ('-setup', '-token', 'Exit statuses', 'GLOBAL OPTIONS'):
        assert word in shown
    assert wiki.requests == []


def test_a_block_and_the_limits_of_the_account_are_shown(owner, wiki):
    limits = {'edit': {'user': {'hits': 90, 'seconds': 60}}, 'thanks': {}}

    def limited(data):
        data['query']['userinfo']['ratelimits'] = limits
        return data

    wiki.block('Bot')
    wiki.fail_next('rewrite', path='/api.php', change=limited)
    status, shown = command(owner)
    assert status == 0
    assert 'but the account is blocked' in shown
    assert 'edit 90 in 60 s (1 more with -json)' in shown


@pytest.mark.parametrize(
    ('fault', 'options'),
    [
        ('status', {'status': 503}),
        ('html', {}),
        ('half', {}),
        ('reset_before', {}),
        ('rewrite', {'change': lambda _: {'error': {'code': 'readonly'}}}),
        ('rewrite', {'change': lambda _: []}),
    ],
)
def test_an_answer_of_no_use_is_not_taken_for_a_refusal(
    owner, wiki, fault, options
):
    wiki.fail_next(fault, path='/api.php', **options)
    status, shown = command(owner)
    assert status == 3
    assert 'unreachable' in shown
    assert 'Traceback' not in shown


@pytest.mark.parametrize('option', ['', '-refresh', '-logout', '-login'])
def test_a_damaged_token_file_is_status_4_and_left_alone(owner, option):
    owner.token_file().write_text('{"version": 1, "auth')
    status, shown = command(owner, *filter(None, [option]))
    assert status == 4
    assert 'It was left as it is.' in shown
    assert owner.token_file().read_text() == '{"version": 1, "auth'


def test_a_wikibase_that_is_down_is_not_waited_for(owner, wiki):
    family = owner.folder / 'sandbox_family.py'
    family.write_text(
        family.read_text()
        + '\n    def interface(self, code):\n        return "DataSite"\n'
    )
    wiki.close()
    assert command(owner)[0] == 3
    assert command(owner, '-logout')[0] == 0


def test_a_fixed_access_token_is_neither_refreshed_nor_forgotten(
    tmp_path, wiki
):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    token = wiki.register(owner_only=True).access_token
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f'authenticate[{wiki.netloc!r}] ='
        f' _oauth2.OAuth2Auth(access_token={token!r})\n'
    )
    status, shown = command(owner)
    assert status == 0
    assert 'has no practical expiry' in shown
    for option, words in (('-refresh', 'never'), ('-logout', 'remove it')):
        status, shown = command(owner, option)
        assert status == 2
        assert words in shown
    assert command(owner, '-login')[0] == 0


def test_nothing_secret_is_written_anywhere_else(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    everything = '-debug', '-log'
    keys = wiki.password('Bot') + '\n'
    options = '-setup', '-by:api', '-kind:owner-only', '-yes', '-stdin'
    shown = [command(owner, *options, *everything, keys=keys)[1]]
    owner.use_oauth()
    shown.append(owner.log_in('Bot', *everything))
    token = command(owner, '-token', *everything)[1]
    assert any(secret in token for secret in wiki.secrets)
    shown += [
        command(owner, option, *everything)[1]
        for option in ('-json', '-refresh', '-logout', '-register')
    ]
    files = [
        path
        for path in owner.folder.rglob('*')
        if path.is_file() and path.suffix in ('.log', '.bak', '.lwp')
    ]
    assert any(path.name == 'oauth2-bot.log' for path in files)
    shown += [path.read_text() for path in files]
    assert len(wiki.secrets) > 8
    assert not [text for text in shown if any(s in text for s in wiki.secrets)]
