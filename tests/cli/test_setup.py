"""pwb oauth2 -setup, as a new bot owner runs it."""

from __future__ import annotations

import stat
import subprocess

import pytest
from pywikibot import config

from pywikibot_oauth2.cli import setup as subject
from pywikibot_oauth2.cli.sites import offline_site
from tests.cli.conftest import (
    BY_API,
    NOWHERE,
    PROGRAM,
    forget_configuration,
    state,
)
from tests.harness import edit_file, editors, wait_until
from tests.sandbox import Sandbox


OF_BROWSER = '-kind:browser -by:api -yes -stdin -callback-url:'


def answer_hidden(terminal, question, line):
    """Answer a question once the terminal hides what is typed."""
    terminal.expect(question)
    wait_until(lambda: not terminal.is_restored())
    terminal.type(f'{line}\n')


def test_a_password_is_enough_for_a_setup_without_a_browser(stranger, wiki):
    # It may end with a space.
    wiki.accounts.users['Bot'].password += ' '
    with stranger.terminal('oauth2', '-setup') as terminal:
        terminal.answer('Which one', '2')
        terminal.answer('How is the client registered?', '1')
        terminal.answer('Write these changes once', 'y')
        terminal.answer('Grants, separated by commas', 'editpage,highvolume')
        terminal.answer('Do you accept it?', 'y')
        answer_hidden(terminal, 'Password of Bot', 'mistyped')
        # One more question, not the whole set-up again.
        terminal.expect('WARNING: Incorrect username or password')
        terminal.expect('Password of Bot', times=2)
        answer_hidden(terminal, 'Password', wiki.password('Bot'))
        shown = terminal.wait()
    assert 'state          authorized' in shown
    assert 'pwb touch -site:sandbox:en -page:Sandbox' in shown
    assert f'The old file is kept as {stranger.config}.bak\n' in shown
    assert wiki.password('Bot') not in shown
    # The address of the policy is not wrapped.
    assert ':OAuthConsumerRegistration/propose/oauth2\n' in shown
    credentials = stranger.folder / '.pywikibot-oauth2.json'
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert editors(wiki) == []
    assert stranger.edit() == ''
    assert editors(wiki) == ['Bot']
    # The session of the password has ended.
    assert any(
        request.form.get('action') == 'logout' for request in wiki.requests
    )


@pytest.mark.parametrize('like', ['master'])
@pytest.mark.parametrize('secrets', [(1, 1), (1, 0), (0, 0)])
def test_a_wiki_that_issues_the_id_of_another_client_gets_no_token_of_it(
    stranger, shows, secrets
):
    mine, path = stranger.client, stranger.folder / '.pywikibot-oauth2.json'
    setup = f'-setup -kind:browser -by:id -yes -stdin -client-id:{mine.id}'
    setup += f' -callback-url:{mine.redirect_uri}'
    mine.confidential, is_confidential = secrets
    shows(setup, 1, keys=f'{mine.secret * mine.confidential}\n')
    stranger.authorize()
    before = path.read_text()
    with Sandbox(like='master') as thief:
        theirs = thief.register(
            redirect_uri=mine.redirect_uri, confidential=is_confidential
        )
        thief.oauth.clients[mine.id] = theirs
        options = f'{setup} -wiki:{thief.url}/api.php -user:Bot'
        keys = f'{theirs.secret * is_confidential}\n'
        shows(options, 2, 'differ in the secret', keys=keys)
        assert not any(each.bearer for each in thief.requests)
    assert path.read_text() == before


@pytest.mark.slow
def test_a_second_run_changes_nothing_and_a_reset_the_token_only(
    stranger, wiki, shows, unattended, keys
):
    unattended()
    before, clients = state(stranger)
    *_, client = wiki.oauth.clients.values()
    for options in ('', f'-client-id:{client.id} -by:id', '-grants:editpage'):
        unattended(options, keys=client.access_token)
        assert state(stranger) == (before, clients)
    words = f'a client: {client.id} (owner-only), authorized.'
    shows('-setup', 2, words, 'Replace that client?', typed='')
    shows('-setup -grants:patrol -yes -stdin', 0, keys=keys)
    assert len(state(stranger)[1]) == len(clients) + 1
    *_, client = wiki.oauth.clients.values()
    # The kind was not asked for.
    assert client.owner_only
    before, _ = state(stranger)
    shows('-reset -yes -stdin', 0, keys=keys)
    name = '.pywikibot-oauth2-2.json'
    assert state(stranger)[0][name] != before[name]
    shows('', 0)
    wiki.disable_client(client)
    shows('-setup', 2, 'Which kind of client?', typed='')


def test_a_client_stays_while_the_stored_token_cannot_be_read(
    stranger, refused
):
    stranger.use_oauth()
    stranger.write('pywikibot-Bot.oauth2.json', '{')
    refused('-yes', 4, f'client: {stranger.client.id} (confidential), store')


def test_a_client_that_cannot_be_used_is_replaced_and_this_is_explained(
    stranger, refused
):
    stranger.use_oauth(secret='')
    edit_file(stranger.config, stranger.client.id, stranger.client.secret)
    words = 'misconfigured.\nA value of 40 characters is not', 'Which kind of'
    shown = refused('', 2, *words, typed='')
    assert stranger.client.secret not in shown


def test_a_change_keeps_the_callback_url_and_shows_no_secret_around_it(
    stranger, refused
):
    stranger.use_oauth()
    words = f"json', redirect_uri={stranger.client.redirect_uri!r})\n"
    shown = refused('-kind:browser -by:api', 2, words, typed='y\nn\n')
    assert stranger.client.secret not in shown


def test_a_client_that_is_at_hand_is_tried_and_logs_in(stranger):
    client = stranger.client
    stranger.has_browser()
    values = f'-client-id:{client.id}', f'-callback-url:{client.redirect_uri}'
    options = '-setup', '-kind:browser', '-by:id', *values
    with stranger.terminal('oauth2', *options) as terminal:
        answer_hidden(terminal, 'Client secret', client.secret)
        terminal.answer('Write these changes?', 'y')
        shown = terminal.wait()
    assert 'Bot has authorized the client' in shown
    assert 'state          authorized' in shown


def test_an_access_token_may_be_longer_than_a_terminal_takes(stranger):
    options = '-kind:owner-only', '-by:id', f'-client-id:{stranger.client.id}'
    with stranger.terminal('oauth2', '-setup', *options) as terminal:
        answer_hidden(terminal, 'access token', 5000 * 'x')
        shown = terminal.wait()
    assert '(5000 characters)' in shown
    assert 'does not accept the access token' in shown


def test_without_a_configuration_wiki_and_account_are_asked_for(
    stranger, wiki, refused
):
    forget_configuration(stranger)
    words = 'Address of the wiki', 'Account of the bot'
    refused('', 2, *words, 'There was no answer.', typed=f'{wiki.url}\n\n')
    # It need not be typed as the wiki writes it.
    refused('', 2, 'The account is Bot.', typed=f'{wiki.url}\n bot\n')
    refused('-user:Bot', 2, 'has Extension:OAuth 1.', typed=wiki.url)


def test_an_answer_that_cannot_be_used_is_asked_for_again(refused):
    words = "WARNING: '²' is not one of browser, owner-only.", QUESTIONS[1]
    refused('', 2, *words, typed='²\n2\n')
    refused('-kind:9', 2, "ERROR: '9' is not one of", typed='')
    options = '-kind:browser -by:id', 2, 'There was no answer.'
    assert 'Client secret' not in refused(*options, typed='\n \n')


BY_ID = '-client-id:{id} -by:id -yes -stdin'


@pytest.mark.parametrize(
    ('options', 'line', 'status', 'words'),
    [
        (f'-kind:browser {BY_ID}', '0' * 40, 2, 'Nothing was written.'),
        (f'-kind:owner-only {BY_ID}', 'a.b.c', 2, 'does not accept the acc'),
        (f'-kind:owner-only {BY_ID}', 'other', 2, 'does not accept the acc'),
        (BY_API, 'wrong', 1, 'did not log Bot in'),
        (BY_API, '', 2, 'A line of standard input is missing.'),
        (BY_API, 'unconfirmed', 1, 'mail'),
        (BY_API, 'denied', 1, 'refused: '),
        (
            f'{OF_BROWSER}http://[::1]:80/',
            'right',
            1,
            '  -callback-url:http://127.0.0.1:8080/callback\n',
        ),
        ('', '', 2, 'use the option -kind'),
        (f'-user:Bot -wiki:{NOWHERE}/', '', 3, f'found at {NOWHERE}, http'),
        *(
            (f'-wiki:{address}', '', 2, 'is not the address of a wiki.')
            for address in ('', 'https://', 'https://[::1')
        ),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    stranger, wiki, refused, keys, options, line, status, words
):
    bot = wiki.accounts.users['Bot']
    bot.email_confirmed = line != 'unconfirmed'
    if line == 'denied':
        bot.denied.add('mwoauthproposeconsumer')
    if line not in ('unconfirmed', 'denied', 'right'):
        keys = line and f'{line}\n'
    if line == 'other':
        # The client ID is that of another client.
        keys = wiki.register(owner_only=True).access_token
    options = options.format(id=stranger.client.id)
    shown = refused(options, status, words, keys=keys)
    # Neither user-config.py nor a login is the problem.
    assert 'user-config.py and run' not in shown
    assert 'pwb login' not in shown


def test_the_callback_url_of_the_option_is_registered(
    stranger, wiki, shows, keys
):
    url = stranger.client.redirect_uri
    # Nobody can click Allow here.
    shows(f'-setup {OF_BROWSER}{url}', 1, keys=keys)
    *_, client = wiki.oauth.clients.values()
    assert client is not stranger.client
    assert client.redirect_uri == url
    assert f'redirect_uri={url!r}' in stranger.config.read_text()


def test_no_client_is_registered_for_a_file_that_would_not_load(
    stranger, refused, keys
):
    # The import is there, but within a string.
    stranger.configure('_x = """\nimport pywikibot_oauth2 as _oauth2\n"""\n')
    refused(BY_API, 2, "name '_oauth2' is not defined", keys=keys)


@pytest.mark.parametrize(
    'entry', ["['*']['*'] = 'Bot'", "['sandbox'] = {'en': 'Bot'}"]
)
def test_what_is_not_agreed_to_is_not_written_or_registered(
    stranger, wiki, refused, entry
):
    edit_file(stranger.config, "['sandbox']['en'] = 'Bot'", entry)
    # Pywikibot looks the host up as the family has it.
    name = f'LocalHost:{wiki.netloc.partition(":")[2]}'
    edit_file(stranger.folder / 'sandbox_family.py', wiki.netloc, name)
    stranger.write('.pywikibot-oauth2.json', 'of another wiki')
    entry = f'authenticate[{name!r}] = _oauth2.OAuth2Auth.from_file'
    words = f"\n+{entry}('.pywikibot-oauth2-2.json')\n", 'these changes once'
    options = '-kind:owner-only -by:api', 2, *words, 'Nothing was changed.'
    shown = refused(*options, typed='n\n')
    # An account stays however it is configured.
    assert '\n+usernames' not in shown


def test_the_form_is_opened_filled_in(wiki, refused, monkeypatch):
    opened = []
    monkeypatch.setattr(subject, 'open_browser', opened.append)
    shown = refused('-kind:owner-only -by:form', 2, 'Client ID:', typed='')
    (url,) = opened
    assert f'\n{url}\n' in shown
    assert url.startswith(f'{wiki.url}/index.php?title=Special:OAuthConsumer')
    assert 'wpownerOnly=1' in url


QUESTIONS = [
    *('Which one', 'How is the client registered?', 'these changes once'),
    *('Grants,', 'accept it?', 'Password of Bot'),
]

ANSWERS = ['2', '', '', '', '', '']


@pytest.mark.parametrize(
    ('key', 'last', 'status'),
    [('\x03', 0, 130), ('\x03', 5, 130), ('\x04', 5, 2)],
)
def test_an_interrupted_question_leaves_nothing_half_done(
    stranger, key, last, status
):
    before = state(stranger)
    with stranger.terminal('oauth2', '-setup') as terminal:
        for question, answer in zip(QUESTIONS[:last], ANSWERS, strict=False):
            terminal.answer(question, answer)
        terminal.expect(QUESTIONS[last])
        if last == 5:
            # What is typed before the terminal hides it is discarded.
            wait_until(lambda: not terminal.is_restored())
        # Python does not notice Ctrl-C while input() begins to read.
        command = ['ps', '-o', 'stat=', '-p', str(terminal.process.pid)]
        wait_until(lambda: subprocess.check_output(command).startswith(b'S'))
        terminal.type(key)
        shown = terminal.wait()
        assert terminal.process.returncode == status
        assert terminal.is_restored()
    assert ('There was no answer.' in shown) == (status == 2)
    assert 'Traceback' not in shown
    assert state(stranger) == before


@pytest.mark.parametrize('last', range(5))
def test_an_end_of_input_at_any_question_leaves_nothing_half_done(
    refused, last
):
    typed = '\n'.join([*ANSWERS[:last], ''])
    words = QUESTIONS[last], 'There was no answer.'
    assert QUESTIONS[last + 1] not in refused('', 2, *words, typed=typed)


@pytest.mark.slow
def test_another_account_does_not_take_the_client_of_the_first(
    stranger, wiki, shows, refused, unattended
):
    unattended()
    keys = wiki.password('Admin') + '\n'
    options = f'{BY_API} -user:Admin'
    shown = refused(options, 2, 'which Bot uses', keys=keys)
    # The suggested command works, and so does the one that it suggests.
    folder, command = shown.splitlines()[-2:]
    assert folder.strip() == 'mkdir Admin'
    (stranger.folder / 'Admin').mkdir()
    start, setup, *options = command.partition(' -setup ')
    assert start == '  python3 -m pywikibot_oauth2'
    line = f'exec "$@" -setup {BY_API} {options[0]}'
    shown = stranger.in_shell(line, *PROGRAM, keys=keys).stdout
    _, command = shown.rstrip().rsplit('pwb touch ', 1)
    assert command.endswith(' -page:Sandbox -dir:Admin')
    options = command.replace('-page:Sandbox ', '')
    shows(options, 0, 'authorized')
    assert stranger.edit() == ''
    assert editors(wiki) == ['Bot']


@pytest.mark.slow
def test_a_missing_folder_is_named_and_an_empty_one_is_used(
    stranger, wiki, refused, unattended, keys
):
    forget_configuration(stranger)
    folder = stranger.folder / 'none'
    stranger.environment['PYWIKIBOT_DIR'] = str(folder)
    options = f'-user:Bot -wiki:{wiki.url}'
    refused(f'{BY_API} {options}', 4, f'  mkdir -p {folder}', keys=keys)
    folder.mkdir()
    unattended(options)
    assert (folder / 'user-config.py').exists()
    assert not stranger.config.exists()


@pytest.mark.parametrize(
    ('username', 'key'),
    [('Bot', '*.wikipedia.org'), ('De', 'de.wikipedia.org')],
)
def test_a_key_is_narrow_enough_for_the_accounts(monkeypatch, username, key):
    names = {'de': username, 'en': 'Bot'}
    monkeypatch.setitem(config.usernames, 'wikipedia', names)
    site = offline_site('de', 'wikipedia')
    assert subject.keys_for(site, username) == {key}
    # It would take precedence over a wildcard.
    oauth1 = {'de.wikipedia.org': ('a', 'b', 'c', 'd')}
    monkeypatch.setattr(config, 'authenticate', oauth1)
    assert subject.keys_for(site, username) == {key, *oauth1}


def test_beta_wikis_and_others_get_no_token_of_wikimedia(monkeypatch):
    monkeypatch.setitem(config.usernames, '*', {'*': 'Bot'})
    keys = subject.keys_for(offline_site('commons', 'commons'), 'Bot')
    assert {'*.wikimedia.org', '*.wikipedia.org'} <= keys
    assert not any('.beta.' in key or 'libre' in key for key in keys)
    keys = subject.keys_for(offline_site('beta', 'commons'), 'Bot')
    assert keys
    assert all('.beta.' in key for key in keys)


@pytest.mark.slow
def test_a_second_client_is_registered_under_another_name(wiki, unattended):
    of_bot = 'Pywikibot of Bot'
    for name in (of_bot, f'{of_bot} (2)'):
        wiki.register(name=name)
    unattended()
    *_, client = wiki.oauth.clients.values()
    assert client.name == f'{of_bot} (3)'


@pytest.mark.parametrize('option', ['-setup', '-reset'])
def test_nothing_is_issued_that_cannot_be_written(
    stranger, wiki, option, keys
):
    if option == '-reset':
        client = wiki.register(owner_only=True)
        stranger.use_fixed_token(client.access_token)
    before = state(stranger)
    # In this shell no file may grow, not even that of the coverage.
    line = 'unset COVERAGE_PROCESS_CONFIG; ulimit -f 0;'
    line += f' exec "$@" {option} {BY_API}'
    done = stranger.in_shell(line, *PROGRAM, keys=keys)
    assert done.returncode == 4, done.stdout
    assert 'cannot be written' in done.stdout
    assert 'Traceback' not in done.stdout
    assert state(stranger) == before
