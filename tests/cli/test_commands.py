"""pwb oauth2: status, refresh, logout, token, export and import."""

from __future__ import annotations

import copy
import json
import subprocess

import pytest

from tests.harness import Owner, grants, pwb, wait_until
from tests.sandbox.config import FAMILY


@pytest.fixture
def owner(authorized):
    return authorized


def command(owner, *options, keys=''):
    """Run pwb oauth2 without a terminal; return status and output."""
    done = owner.alone('oauth2', *options, keys=keys)
    assert 'Traceback' not in done.stdout
    return done.returncode, done.stdout


def check(owner, *rows):
    """Check the status and the words that each option gives."""
    for option, status, words in rows:
        found, shown = command(owner, option)
        assert found == status
        assert words in shown


def test_the_status_tells_all_that_is_known(owner, wiki):
    limits = {'edit': {'user': {'hits': 90, 'seconds': 60}}, 'thanks': {}}

    def limited(data):
        data['query']['userinfo']['ratelimits'] = limits
        return data

    wiki.block('Bot')
    wiki.fail_next('rewrite', path='/api.php', change=limited)
    status, shown = command(owner, '-all')
    assert status == 0
    assert shown.count('sandbox:en\n') == 1
    for line in (
        '  account        Bot\n',
        f'{owner.client.id} (confidential), ',
        ', approved\n',
        '  state          authorized, and the wiki accepts the token',
        'but the account is blocked',
        '  grants         basic, highvolume, editpage, createeditmovepage\n',
        '(grant "Upload new files")',
        'edit 90 in 60 s (1 more with -json)',
        f'  kept in        {owner.token_file()}\n',
    ):
        assert line in shown
    status, shown = command(owner, '-json')
    data = json.loads(shown)['sites'][0]
    assert data['state'] == 'authorized'
    assert data['missing']['upload'] == 'Upload new files'
    assert data['access_token_expires_at'].endswith('+00:00')
    assert owner.client.secret not in shown


def test_a_family_without_a_usable_address_does_not_hide_other_sites(owner):
    family = owner.write(
        'odd_family.py',
        FAMILY.format(langs={'xx': 'no host'}, paths={'xx': ''}).replace(
            "'sandbox'", "'odd'"
        ),
    )
    owner.configure(f"family_files['odd'] = {family!r}\n")
    owner.configure("usernames['odd']['xx'] = 'Bot'\n")
    status, shown = command(owner, '-all')
    assert status == 0
    assert "usernames['odd']['xx'] in user-config.py: 'http://no" in shown
    assert 'sandbox:en\n  account        Bot\n' in shown


@pytest.mark.parametrize(
    ('stage', 'status', 'words'),
    [
        ('proposed', 0, ', proposed\n'),
        ('rejected', 1, 'not-approved'),
        ('expired', 1, 'not-approved'),
        ('disabled', 1, 'not-approved'),
    ],
)
def test_the_status_names_the_stage_of_the_client(
    owner, wiki, stage, status, words
):
    wiki.set_stage(owner.client, stage)
    found, shown = command(owner)
    assert found == status
    assert words in shown
    assert ('unless it is approved' in shown) == (stage == 'proposed')


@pytest.mark.parametrize(
    ('has_oauth', 'status', 'advice'),
    [
        (True, 1, 'Run "pwb login -site:sandbox:en"'),
        (False, 2, 'pwb oauth2 -setup -site:sandbox:en'),
    ],
)
def test_without_an_authorization_the_status_says_what_to_run(
    tmp_path, wiki, has_oauth, status, advice
):
    found, shown = command(Owner(tmp_path, wiki, has_oauth=has_oauth))
    assert found == status
    assert advice in shown


ENTRY = "_oauth2.OAuth2Auth('{id}', 'secret', redirect_uri='127.0.0.1:80')"


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (f"authenticate[('{{netloc}}',)] = {ENTRY}", 'has no OAuth2Auth'),
        (f'authenticate[b"x"] = {ENTRY}', 'has no OAuth2Auth'),
        (f'authenticate = {ENTRY}', 'has no OAuth2Auth'),
        # The link is one that can be opened.
        (f"authenticate['{{netloc}}'] = {ENTRY}", '  http://127.0.0.1:'),
        ("_oauth2.OAuth2Auth('a', 'b', 'c', 'd')", '\n  pwb oauth2 -setup\n'),
        ("_oauth2.OAuth2Auth.from_file('x')", '\n  pwb oauth2 -setup\n'),
        ('_oauth2.OAuth2Auth()', 'Correct user-config.py'),
    ],
)
def test_a_mistake_in_the_configuration_is_status_2(
    tmp_path, wiki, line, words
):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    line = line.format(netloc=wiki.netloc, id=owner.client.id)
    owner.configure(f'import pywikibot_oauth2 as _oauth2\n{line}\n')
    status, shown = command(owner)
    assert status == 2
    assert words in shown


@pytest.mark.parametrize('option', ['-logout', '-login', '-refresh', '-token'])
def test_an_account_that_is_missing_is_named(owner, option):
    line = "usernames['sandbox']['en'] = 'Bot'"
    owner.config.write_text(owner.config.read_text().replace(line, ''))
    status, shown = command(owner, option)
    assert status == 2
    assert "usernames['sandbox']['en'] is missing" in shown


def test_a_refresh_gets_a_new_token_at_once(owner, wiki):
    before = owner.token_file().read_text()
    assert command(owner, '-refresh')[0] == 0
    assert owner.token_file().read_text() != before
    assert grants(wiki, 'refresh_token') == 1
    # One that cannot be stored is not asked for.
    owner.token_file().unlink()
    owner.token_file().mkdir()
    assert command(owner, '-refresh')[0] == 4
    assert grants(wiki, 'refresh_token') == 1


def test_the_token_is_all_that_is_written(owner, wiki):
    shown = command(owner, '-token', '-json')[1]
    assert json.loads(shown).keys() == {'access_token', 'expires_at'}
    token = command(owner, '-token')[1]
    assert wiki.oauth.valid(token.removesuffix('\n'))


def test_a_logout_forgets_the_token_and_names_the_page(owner):
    status, shown = command(owner, '-logout')
    assert status == 0
    assert 'Special:OAuthManageMyGrants' in shown
    assert 'access_token": "' not in owner.token_file().read_text()
    check(
        owner,
        ('-token', 1, 'pwb login'),
        ('-json', 1, 'logged out'),
        ('-logout', 0, 'is not logged in to'),
    )


@pytest.fixture
def exported(owner):
    """Return the line that -export writes."""
    return owner.alone('oauth2', '-export').stdout.splitlines()[0]


def test_an_authorization_moves_to_another_folder(
    owner, wiki, tmp_path, exported
):
    status, shown = command(owner)
    assert status == 1
    assert 'ended: moved to another machine. Run "pwb login' in shown
    moved = Owner(tmp_path / 'other', wiki, client=owner.client)
    status, shown = command(moved, '-import', keys=exported + '\n')
    assert status == 0, shown
    assert moved.edit() == ''


def test_nothing_but_an_export_is_imported(owner, exported):
    for bad in ('', '{}', exported.replace('"Bot"', '"Eve"')):
        assert command(owner, '-import', keys=bad + '\n')[0] == 2


@pytest.mark.slow
def test_an_import_that_cannot_be_stored_does_not_say_so(owner, exported):
    owner.token_file().unlink()
    owner.token_file().mkdir()
    status, shown = command(owner, '-import', keys=exported + '\n')
    assert status == 4
    assert 'The token is kept in' not in shown
    owner.token_file().rmdir()
    assert command(owner, '-import', keys=exported + '\n')[0] == 0


def test_an_authorization_is_imported_again_by_a_hidden_paste(owner, exported):
    assert len(exported) > 1024  # what a terminal of macOS takes in one line
    with owner.terminal('oauth2', '-import') as terminal:
        terminal.expect('press Enter')
        wait_until(lambda: not terminal.is_restored())
        terminal.type(exported + '\n')
        shown = terminal.wait()
        assert terminal.is_restored()
    assert exported[:100] not in shown
    assert command(owner)[0] == 0


@pytest.mark.parametrize('option', ['-export', '-token', '-json', '-all'])
def test_output_that_nobody_reads_is_reported_and_no_export(owner, option):
    with open('/dev/full', 'w') as full:
        done = subprocess.run(
            pwb('oauth2', option),
            env=owner.environment,
            cwd=owner.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 4, done.stderr
    assert 'No space left on device' in done.stderr
    assert 'Traceback' not in done.stderr
    assert 'Exception ignored' not in done.stderr
    assert command(owner)[0] == 0


@pytest.mark.parametrize(
    ('option', 'redirection', 'status'),
    [('-import', '<&-', 2), ('-token', '>&-', 4), ('-token', '2>&-', 0)],
)
def test_a_closed_stream_is_no_traceback(owner, option, redirection, status):
    shell = f'exec "$@" {redirection}'
    done = owner._complete(
        ['sh', '-c', shell, 'sh', *pwb('oauth2', option)], '', {}
    )
    assert done.returncode == status
    assert 'Traceback' not in done.stdout


@pytest.mark.parametrize(
    ('options', 'status', 'words'),
    [
        (['-nonsense'], 2, ['-nonsense']),
        (['-login', '-logout'], 2, ['cannot be used together']),
        (
            ['-help'],
            0,
            ['-setup', '-token', 'Exit statuses', 'GLOBAL OPTIONS'],
        ),
        (['-register'], 0, ['propose/oauth2&wpname=Pywikibot+of+Bot']),
    ],
)
def test_options_are_read_before_any_wiki_is_asked(
    owner, wiki, options, status, words
):
    found, shown = command(owner, *options)
    assert found == status
    assert all(word in shown for word in words)
    if '-register' not in options:
        assert wiki.requests == []


def test_registering_by_hand_is_told_to_programs_too(owner, wiki):
    data = json.loads(command(owner, '-register', '-json')[1])
    assert data['url'].startswith(wiki.url)
    assert data['grants']['editpage'].startswith('Edit existing pages')


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


@pytest.mark.parametrize('option', ['-json', '-refresh', '-logout', '-login'])
def test_a_damaged_token_file_is_status_4_and_left_alone(owner, option):
    owner.token_file().write_text('{"version": 1, "auth')
    status, shown = command(owner, option)
    assert status == 4
    assert 'pwb login -site:sandbox:en' in shown.replace('\\"', '"')
    assert 'It was left as it is.' in shown
    assert owner.token_file().read_text() == '{"version": 1, "auth'


def test_a_wiki_that_is_down_is_status_3_and_a_wikibase_not_waited_for(
    owner, wiki
):
    wiki.close()
    family = owner.folder / 'sandbox_family.py'
    wikibase = '\n    def interface(self, code):\n        return "DataSite"\n'
    for text in ('', wikibase):
        family.write_text(family.read_text() + text)
        # Pywikibot shows a traceback of its own.
        done = owner.alone('oauth2')
        assert done.returncode == 3
        assert 'unreachable' in done.stdout
    assert owner.alone('oauth2', '-logout').returncode == 0


def test_a_fixed_access_token_is_neither_refreshed_nor_forgotten(
    tmp_path, wiki
):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.use_fixed_token(wiki.register(owner_only=True).access_token)
    check(
        owner,
        ('-all', 0, 'has no practical expiry'),
        ('-refresh', 2, 'never'),
        ('-logout', 2, 'remove it'),
        ('-login', 0, ''),
    )


@pytest.mark.slow
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
        for option in ('-json', '-refresh', '-logout')
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


@pytest.mark.parametrize('option', ['-json', '-login', '-refresh', '-token'])
def test_a_secret_in_the_place_of_the_client_id_is_not_shown(
    tmp_path, wiki, option
):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    client = copy.copy(owner.client)
    client.id = client.secret
    owner.use_oauth(client=client)
    status, shown = command(owner, option)
    assert status in (1, 2)
    assert client.secret not in shown


@pytest.mark.parametrize('option', ['-json', '-all', '-login', '-token'])
def test_a_key_that_pywikibot_does_not_find_is_named(owner, wiki, option):
    port = wiki.netloc.partition(':')[2]
    family = owner.folder / 'sandbox_family.py'
    for path, name in (family, 'localhost'), (owner.config, 'LocalHost'):
        text = path.read_text().replace(wiki.netloc, f'{name}:{port}')
        path.write_text(text)
    status, shown = command(owner, option)
    assert status == 2
    assert "Pywikibot does not find authenticate['LocalHost:" in shown
    key = f"authenticate['localhost:{port}']"
    assert f'  {key}\n' in shown
    wrong = f"authenticate['LocalHost:{port}']"
    owner.config.write_text(owner.config.read_text().replace(wrong, key))
    assert 'does not find' not in command(owner, option)[1]
