"""pwb oauth2 -setup, as a new bot owner runs it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest
import pywikibot
from pywikibot import config

from pywikibot_oauth2.cli import sites
from pywikibot_oauth2.cli.answers import Answers
from pywikibot_oauth2.cli.setup import Setup
from pywikibot_oauth2.cli.sites import offline_site
from tests.harness import Owner, Terminal, editors, wait_until
from tests.sandbox import Sandbox


SETUP = [sys.executable, '-m', 'pywikibot_oauth2', '-setup']
BY_API = '-kind:owner-only', '-by:api', '-yes', '-stdin'


def setup(owner, *options):
    """Open a terminal and run the set-up in it."""
    return Terminal([*SETUP, *options], owner.environment, owner.folder)


def answer_hidden(terminal, question, line):
    """Answer a question once the terminal hides what is typed."""
    terminal.expect(question)
    wait_until(lambda: not terminal.is_restored())
    terminal.type(f'{line}\n')


def interrupt(terminal):
    """Press Ctrl-C once the command waits for an answer.

    Python does not notice one that comes while input() begins to read.
    """
    command = ['ps', '-o', 'stat=', '-p', str(terminal.process.pid)]
    wait_until(lambda: subprocess.check_output(command).startswith(b'S'))
    terminal.type('\x03')


def files(owner):
    """Return what the folder holds that matters, by name."""
    return {
        path.name: path.read_text()
        for path in owner.folder.iterdir()
        if path.is_file() and path.suffix in ('.py', '.json', '.bak')
    }


def forget_configuration(owner):
    """Remove user-config.py and the family, as before the first set-up."""
    for name in ('user-config.py', 'sandbox_family.py'):
        (owner.folder / name).unlink()


def test_from_a_password_to_an_edit_without_a_browser(owner, wiki):
    with setup(owner) as terminal:
        terminal.answer('Which one', '2')
        terminal.expect('How is the client registered?')
        terminal.type('1\n')
        terminal.answer('Write these changes?', 'y')
        terminal.answer('Grants, separated by commas', 'editpage,highvolume')
        terminal.answer('Do you accept it?', 'y')
        answer_hidden(terminal, 'Password of Bot', wiki.password('Bot'))
        shown = terminal.wait()
    assert 'state          authorized' in shown
    assert 'pwb touch -site:sandbox:en -page:Sandbox' in shown
    assert wiki.password('Bot') not in shown
    # The address of the policy is in one piece.
    assert ':OAuthConsumerRegistration/propose/oauth2\n' in shown
    credentials = owner.folder / '.pywikibot-oauth2.json'
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert 'from_file(' in owner.config.read_text()
    assert (owner.folder / 'user-config.py.bak').exists()
    assert owner.edit() == ''
    assert editors(wiki) == ['Bot']
    # The session of the password has ended.
    assert any(
        request.form.get('action') == 'logout' for request in wiki.requests
    )


def run(owner, *options, keys='', wrapper=()):
    """Run the set-up without a terminal; return status and output."""
    done = owner._complete([*wrapper, *SETUP, *options], keys, {})
    assert 'Traceback' not in done.stdout
    return done.returncode, done.stdout


def unattended(owner, *options, keys=''):
    """Set an owner-only client up by the API, without a terminal."""
    status, shown = run(owner, *BY_API, *options, keys=keys)
    assert status == 0, shown
    assert editors(owner.wiki) == []
    return shown


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_a_reset_the_token_only(owner, wiki):
    keys = wiki.password('Bot') + '\n'
    unattended(owner, keys=keys)
    before = files(owner)
    *_, client = wiki.oauth.clients.values()
    status, shown = run(
        owner,
        '-kind:owner-only',
        f'-client-id:{client.id}',
        '-by:id',
        '-yes',
        '-stdin',
        keys=client.access_token + '\n',
    )
    assert status == 0, shown
    assert files(owner)['user-config.py'] == before['user-config.py']
    done = owner.alone('oauth2', '-reset', '-yes', '-stdin', keys=keys)
    assert done.returncode == 0, done.stdout
    name = '.pywikibot-oauth2.json'
    assert files(owner)[name] != before[name]
    token = json.loads(files(owner)[name])['access_token']
    assert wiki.oauth.valid(token).session.user.name == 'Bot'


def test_a_client_that_is_at_hand_is_tried_and_logs_in(owner, wiki):
    client = owner.client
    owner.has_browser()
    with setup(
        owner,
        '-kind:browser',
        '-by:id',
        f'-client-id:{client.id}',
        f'-callback-url:{client.redirect_uri}',
    ) as terminal:
        answer_hidden(terminal, 'Client secret', client.secret)
        terminal.answer('Write these changes?', 'y')
        shown = terminal.wait()
    assert 'Bot has authorized the client' in shown
    assert owner.edit() == ''


def test_the_account_need_not_be_typed_as_the_wiki_writes_it(owner, wiki):
    forget_configuration(owner)
    client = wiki.register(owner='Bot', owner_only=True)
    options = '-kind:owner-only', '-by:id', f'-client-id:{client.id}'
    with setup(owner, f'-wiki:{wiki.url}', *options) as terminal:
        terminal.answer('Account of the bot', ' bot')
        answer_hidden(terminal, 'Access token', client.access_token)
        terminal.answer('Write these changes?', 'y')
        assert 'Everything is set up' in terminal.wait()


def test_an_account_is_needed(owner, wiki):
    forget_configuration(owner)
    with setup(owner, f'-wiki:{wiki.url}') as terminal:
        terminal.answer('Account of the bot', '')
        assert 'There was no answer.' in terminal.wait()


def by_id(kind, secret):
    return [f'-kind:{kind}', '-client-id:{id}', '-by:id', *BY_API[2:]], secret


@pytest.mark.parametrize(
    ('options', 'keys', 'statuses', 'words'),
    [
        (*by_id('browser', '0' * 40), (1, 2), ''),
        (*by_id('owner-only', 'a.b.c'), (1, 2), ''),
        (BY_API, 'wrong', (1,), 'did not log Bot in'),
        (BY_API, None, (1,), 'mail'),
        ((), '', (2,), 'use the option -kind'),
        (
            ['-yes', '-user:Bot', '-wiki:http://127.0.0.1:9/'],
            '',
            (3,),
            'No api.php was found',
        ),
    ],
    ids=['secret', 'token', 'password', 'unconfirmed', 'nobody', 'no wiki'],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    owner, wiki, options, keys, statuses, words
):
    if keys is None:
        wiki.accounts.users['Bot'].email_confirmed = False
        keys = wiki.password('Bot')
    before = files(owner)
    options = [option.format(id=owner.client.id) for option in options]
    status, shown = run(owner, *options, keys=f'{keys}\n')
    assert status in statuses
    assert words in shown
    # Neither the file nor the login has anything to do with it.
    assert 'user-config.py and run' not in shown
    assert 'pwb login' not in shown
    assert files(owner) == before


def test_a_callback_url_without_a_path_is_explained(owner, wiki):
    options = '-kind:browser', *BY_API[1:], '-callback-url:http://[::1]:80/'
    status, shown = run(owner, *options, keys=wiki.password('Bot') + '\n')
    assert status == 1
    assert '  -callback-url:http://127.0.0.1:8080/callback\n' in shown


def test_the_callback_url_of_the_option_is_registered(owner, wiki):
    url = owner.client.redirect_uri
    options = '-kind:browser', *BY_API[1:], f'-callback-url:{url}'
    # Nobody can click Allow here.
    assert run(owner, *options, keys=wiki.password('Bot') + '\n')[0] == 1
    *_, client = wiki.oauth.clients.values()
    assert client is not owner.client
    assert client.redirect_uri == url
    assert f'redirect_uri={url!r}' in owner.config.read_text()


def test_no_client_is_registered_for_a_file_that_would_not_load(owner, wiki):
    # The import is there, but within a string.
    owner.configure('_x = """\nimport pywikibot_oauth2 as _oauth2\n"""\n')
    before, clients = files(owner), list(wiki.oauth.clients)
    status, shown = run(owner, *BY_API, keys=wiki.password('Bot') + '\n')
    assert status == 2
    assert "name '_oauth2' is not defined" in shown
    assert files(owner) == before
    assert list(wiki.oauth.clients) == clients


@pytest.mark.parametrize(
    'entry', ["['*']['*'] = 'Bot'", "['sandbox'] = {'en': 'Bot'}"]
)
def test_an_account_stays_however_it_is_configured(owner, wiki, entry):
    owner.config.write_text(
        owner.config.read_text().replace("['sandbox']['en'] = 'Bot'", entry)
    )
    keys = wiki.password('Bot') + '\n'
    unattended(owner, keys=keys)
    assert owner.config.read_text().count('usernames') == 1


@pytest.mark.slow
def test_the_key_is_what_pywikibot_looks_up(owner, wiki):
    # requests would prepare the address as the one of the wiki.
    family = owner.folder / 'sandbox_family.py'
    port = wiki.netloc.partition(':')[2]
    family.write_text(
        family.read_text().replace(wiki.netloc, f'LocalHost:{port}')
    )
    unattended(owner, keys=wiki.password('Bot') + '\n')
    assert f"authenticate['LocalHost:{port}']" in owner.config.read_text()
    assert owner.edit() == ''


def test_the_form_is_opened_filled_in(owner, wiki):
    with setup(owner, '-kind:owner-only', '-by:form') as terminal:
        terminal.expect('Client ID:')
        interrupt(terminal)
        shown = terminal.wait()
    assert 'wpownerOnly=1' in shown
    assert f'{wiki.url}/index.php?title=Special:OAuthConsumer' in shown


QUESTIONS = [
    *('Which one', 'How is the client registered?', 'Write these changes?'),
    *('Grants,', 'accept it?', 'Password of Bot'),
]


@pytest.mark.parametrize('last', QUESTIONS)
def test_ctrl_c_at_each_question_leaves_nothing_half_done(owner, wiki, last):
    before, clients = files(owner), list(wiki.oauth.clients)
    answers = dict.fromkeys(QUESTIONS, '')
    answers['Which one'] = 'owner-only'
    with setup(owner) as terminal:
        for question in QUESTIONS:
            terminal.expect(question)
            if question == last:
                break
            terminal.type(f'{answers[question]}\n')
        interrupt(terminal)
        shown = terminal.wait()
        assert terminal.process.returncode == 130
        assert terminal.is_restored()
    assert 'Traceback' not in shown
    assert files(owner) == before
    assert list(wiki.oauth.clients) == clients


@pytest.mark.parametrize('last', QUESTIONS)
def test_ctrl_d_at_each_question_leaves_nothing_half_done(owner, wiki, last):
    before, clients = files(owner), list(wiki.oauth.clients)
    with setup(owner) as terminal:
        for question in QUESTIONS:
            terminal.expect(question)
            if question == last:
                break
            terminal.type('2\n' if question == 'Which one' else '\n')
        if last.startswith('Password'):
            # What is typed before the terminal hides it is discarded.
            wait_until(lambda: not terminal.is_restored())
        terminal.type('\x04')
        shown = terminal.wait()
        assert terminal.process.returncode == 2
        assert terminal.is_restored()
    assert 'There was no answer.' in shown
    assert 'Traceback' not in shown
    assert files(owner) == before
    assert list(wiki.oauth.clients) == clients


@pytest.mark.parametrize('redirection', ['<&-', '</dev/null'])
def test_a_password_that_is_not_piped_is_missed(owner, wiki, redirection):
    wrapper = 'sh', '-c', f'exec "$@" {redirection}', 'sh'
    status, shown = run(owner, *BY_API, wrapper=wrapper)
    assert status == 2
    assert 'Standard input has no line for that.' in shown


def test_what_is_not_agreed_to_is_not_written_or_registered(owner, wiki):
    before, clients = files(owner), list(wiki.oauth.clients)
    with setup(owner, '-kind:owner-only', '-by:api') as terminal:
        terminal.answer('Write these changes?', 'n')
        assert 'Nothing was changed.' in terminal.wait()
    assert files(owner) == before
    assert list(wiki.oauth.clients) == clients


@pytest.mark.parametrize('kind', ['totp', 'email'])
def test_a_second_factor_is_asked_for(owner, wiki, kind):
    wiki.second_factor('Bot', kind, '123456')
    # A mistyped code is asked for again.
    keys = f'{wiki.password("Bot")}\n654321\n123456\n'
    unattended(owner, keys=keys)
    assert owner.edit() == ''


def test_a_password_that_pywikibot_has_is_not_asked_for(tmp_path, wiki):
    password = wiki.password('Bot')
    owner = Owner(tmp_path, wiki, has_oauth=False, password=password)
    unattended(owner)
    assert owner.edit() == ''


def test_a_login_that_pywikibot_keeps_is_used_and_stays(tmp_path, wiki):
    password = wiki.password('Bot')
    owner = Owner(tmp_path, wiki, has_oauth=False, password=password)
    assert 'Logged in' in owner.alone('login').stdout
    (tmp_path / 'user-password.py').write_text('')
    wiki.requests.clear()
    assert "Using Pywikibot's stored login." in unattended(owner)
    actions = {request.form.get('action') for request in wiki.requests}
    assert not actions & {'clientlogin', 'login', 'logout'}


@pytest.mark.parametrize('path', ['/api.php', ''])
def test_it_begins_without_any_configuration(owner, wiki, path):
    forget_configuration(owner)
    elsewhere = owner.folder / 'elsewhere'
    elsewhere.mkdir()
    status, shown = run(
        owner,
        *BY_API,
        '-user:Bot',
        f'-wiki:{wiki.url}{path}',
        keys=wiki.password('Bot') + '\n',
        wrapper=['sh', '-c', 'cd elsewhere; exec "$@"', 'sh'],
    )
    assert status == 0, shown
    assert not list(elsewhere.glob('*.py'))
    assert 'state          authorized' in shown


@pytest.mark.slow
def test_a_second_wiki_leaves_the_first_one_as_it_is(tmp_path, wiki):
    with Sandbox(clock=wiki.clock, like=wiki.like) as other:
        owner = Owner(tmp_path, wiki, has_oauth=False, others={'de': other})
        for each, site in ((wiki, 'en'), (other, 'de')):
            keys = each.password('Bot') + '\n'
            unattended(owner, f'-site:sandbox:{site}', keys=keys)
        owner.edit(1, 'en', 'de')
        assert editors(wiki) == editors(other) == ['Bot']


@pytest.mark.slow
def test_another_account_does_not_take_the_client_of_the_first(owner, wiki):
    unattended(owner, keys=wiki.password('Bot') + '\n')
    before = files(owner)
    keys = wiki.password('Admin') + '\n'
    status, shown = run(owner, *BY_API, '-user:Admin', keys=keys)
    assert status == 2
    assert 'which Bot uses' in shown
    assert files(owner) == before
    # What it says to run works, and so does what that says to run.
    folder, command = shown.splitlines()[-2:]
    assert folder.strip() == 'mkdir Admin'
    (owner.folder / 'Admin').mkdir()
    assert command.startswith('  python3 -m pywikibot_oauth2 -setup ')
    status, shown = run(owner, *BY_API, *command.split()[4:], keys=keys)
    assert status == 0, shown
    assert shown.splitlines()[-1].endswith(' -page:Sandbox -dir:Admin')
    *options, _page, folder = shown.splitlines()[-1].split()[2:]
    assert 'authorized' in owner.alone('oauth2', *options, folder).stdout
    assert owner.edit() == ''
    assert editors(wiki) == ['Bot']


@pytest.mark.slow
def test_a_folder_that_is_missing_is_named(owner, wiki):
    forget_configuration(owner)
    folder = owner.folder / 'none'
    owner.environment['PYWIKIBOT_DIR'] = str(folder)
    options = '-user:Bot', f'-wiki:{wiki.url}'
    keys = wiki.password('Bot') + '\n'
    status, shown = run(owner, *BY_API, *options, keys=keys)
    assert status == 4
    assert f'  mkdir -p {folder}' in shown
    folder.mkdir()
    assert run(owner, *BY_API, *options, keys=keys)[0] == 0


@pytest.mark.parametrize(
    ('username', 'key'),
    [('Bot', '*.wikipedia.org'), ('De', 'de.wikipedia.org')],
)
def test_a_key_is_narrow_enough_for_the_accounts(monkeypatch, username, key):
    names = {'de': username, 'en': 'Bot'}
    monkeypatch.setitem(config.usernames, 'wikipedia', names)
    one = object.__new__(Setup)
    one.site = offline_site('de', 'wikipedia')
    one.wiki, one.username = 'https://de.wikipedia.org/w', username
    assert one._keys() == {key}


@pytest.mark.slow
def test_a_second_client_is_registered_under_another_name(owner, wiki):
    keys = wiki.password('Bot') + '\n'
    for _ in range(3):
        unattended(owner, keys=keys)
    names = [client.name for client in wiki.oauth.clients.values()]
    of_bot = 'Pywikibot of Bot'
    assert names[-3:] == [of_bot, f'{of_bot} (2)', f'{of_bot} (3)']


def test_a_refused_registration_is_not_answered_by_a_login(owner, wiki):
    wiki.accounts.users['Bot'].denied.add('mwoauthproposeconsumer')
    keys = wiki.password('Bot') + '\n'
    status, shown = run(owner, *BY_API, keys=keys)
    assert status == 1
    assert 'refused: ' in shown
    assert 'pwb login' not in shown


@pytest.fixture
def moved(wiki):
    """Return the wiki that another one redirects to, whatever is asked."""
    with Sandbox(clock=wiki.clock, like=wiki.like) as other:
        wiki.fail_next(
            'redirect',
            times=100,
            path='/',
            status=301,
            location=f'{other.url}/api.php',
        )
        yield other


def test_a_redirect_is_followed_to_the_wiki_that_is_set_up(owner, wiki, moved):
    forget_configuration(owner)
    options = '-user:Bot', f'-wiki:{wiki.url}'
    keys = wiki.password('Bot') + '\n'
    status, shown = run(owner, *BY_API, *options, keys=keys)
    assert status == 0, shown
    assert f'{wiki.url}/api.php redirects to {moved.url}/api.php' in shown
    assert f'authenticate[{moved.netloc!r}]' in owner.config.read_text()
    assert not any(request.form.get('password') for request in wiki.requests)


def test_a_family_whose_host_redirects_is_told_where(owner, wiki, moved):
    before = files(owner)
    status, shown = run(owner, *BY_API, keys=wiki.password('Bot') + '\n')
    assert status == 3
    assert f'redirects to {moved.url}/api.php\nPut that host' in shown
    assert files(owner) == before


def test_redirects_in_a_circle_end(owner, wiki):
    forget_configuration(owner)
    location = f'{wiki.url}/loop/api.php'
    wiki.fail_next('redirect', times=100, path='/', location=location)
    options = '-yes', '-user:Bot', f'-wiki:{wiki.url}'
    status, shown = run(owner, *options)
    assert status == 3
    assert 'No api.php was found' in shown
    assert 'authorization is kept' not in shown


@pytest.mark.parametrize('option', ['-setup', '-reset'])
def test_nothing_is_issued_that_cannot_be_written(owner, wiki, option):
    *_, client = [*wiki.oauth.clients.values()]
    if option == '-reset':
        client = wiki.register(owner_only=True)
        owner.use_fixed_token(client.access_token)
    token, number = client.access_token, len(wiki.oauth.clients)
    before = files(owner)
    # No file may grow in this shell, that of the coverage included.
    command = [*SETUP[:-1], option, *BY_API]
    done = owner._complete(
        [
            'sh',
            '-c',
            'unset COVERAGE_PROCESS_CONFIG; ulimit -f 0; exec "$@"',
            'sh',
            *command,
        ],
        wiki.password('Bot') + '\n',
        {},
    )
    assert done.returncode == 4, done.stdout
    assert 'cannot be written' in done.stdout
    assert 'Traceback' not in done.stdout
    assert files(owner) == before
    assert len(wiki.oauth.clients) == number
    assert client.access_token == token


def test_whoever_has_no_configuration_is_asked_for_the_wiki(owner, wiki):
    forget_configuration(owner)
    with setup(owner, '-user:Bot') as terminal:
        terminal.answer('Address of the wiki', wiki.url)
        terminal.expect('has Extension:OAuth')


@pytest.mark.parametrize('address', ['', 'https://', 'https://[::1'])
def test_what_is_no_address_is_refused(owner, wiki, address):
    status, shown = run(owner, f'-wiki:{address}')
    assert status == 2
    assert 'is not the address of a wiki.' in shown


@pytest.mark.parametrize('option', ['-site:wikipedia:test', '-lang:test'])
def test_a_site_that_is_named_needs_no_configuration(
    tmp_path, monkeypatch, option
):
    monkeypatch.setattr(config, 'family', 'wikipedia')
    monkeypatch.setattr(config, 'mylang', 'test')
    monkeypatch.setattr(pywikibot, 'argvu', ['pwb', option])
    site, url = sites.find_site(Answers(['-setup']), tmp_path)
    assert (str(site), url) == ('wikipedia:test', None)


def test_a_known_wiki_is_found_by_a_page_address_of_old(tmp_path, monkeypatch):
    monkeypatch.setattr(sites, 'extension_version', lambda wiki: wiki)
    answers = Answers(['-wiki:http://de.wikipedia.org/w/index.php?title=X'])
    site, url = sites.find_site(answers, tmp_path)
    assert (str(site), url) == ('wikipedia:de', None)
