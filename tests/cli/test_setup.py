"""pwb oauth2 -setup, as a new bot owner runs it."""

from __future__ import annotations

import stat
import subprocess
import sys

import pytest

from tests.harness import Owner, Terminal, editors, wait_until
from tests.sandbox import Sandbox


SETUP = [sys.executable, '-m', 'pywikibot_oauth2', '-setup']


@pytest.fixture(params=['1.43', 'master'])
def wiki(wiki, request):
    """Return a sandbox wiki that plays one of the recorded servers."""
    wiki.like = request.param
    return wiki


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody who has a Pywikibot folder, and no OAuth 2.0 yet."""
    return Owner(tmp_path, wiki, has_oauth=False)


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


def test_from_a_password_to_an_edit_without_a_browser(owner, wiki):
    with setup(owner) as terminal:
        terminal.answer('Which one', '2')
        terminal.expect('How is the client registered?')
        terminal.type('1\n')
        terminal.answer('Write it?', 'y')
        terminal.answer('Grants, separated by commas', 'editpage,highvolume')
        terminal.answer('Do you accept it?', 'y')
        answer_hidden(terminal, 'Password of Bot', wiki.password('Bot'))
        shown = terminal.wait()
    assert 'state          authorized' in shown
    assert 'pwb touch -site:sandbox:en -page:Sandbox' in shown
    assert wiki.password('Bot') not in shown
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


def test_a_second_run_changes_nothing_that_is_right(owner, wiki):
    options = ['-kind:owner-only', '-by:api', '-yes', '-stdin']
    keys = wiki.password('Bot') + '\n'
    command = [*SETUP, *options]
    assert owner._complete(command, keys, {}).returncode == 0
    before = owner.config.read_text()
    *_, client = wiki.oauth.clients.values()
    by_id = ['-kind:owner-only', f'-client-id:{client.id}', '-by:id']
    done = owner._complete(
        [*SETUP, *by_id, '-yes', '-stdin'], client.access_token + '\n', {}
    )
    assert done.returncode == 0, done.stdout
    assert owner.config.read_text() == before


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
        terminal.answer('Write it?', 'y')
        shown = terminal.wait()
    assert 'Bot has authorized the client' in shown
    assert owner.edit() == ''


def test_wrong_values_are_refused_before_anything_is_written(owner):
    before = files(owner)
    for options, secret in (
        (['-kind:browser', f'-client-id:{owner.client.id}'], '0' * 40),
        (['-kind:owner-only', f'-client-id:{owner.client.id}'], 'a.b.c'),
    ):
        done = owner._complete(
            [*SETUP, *options, '-by:id', '-yes', '-stdin'], secret + '\n', {}
        )
        assert done.returncode in (1, 2), done.stdout
        assert 'Traceback' not in done.stdout
    assert files(owner) == before


def test_a_wrong_password_is_refused_and_nothing_is_written(owner):
    before = files(owner)
    done = owner._complete(
        [*SETUP, '-kind:owner-only', '-by:api', '-yes', '-stdin'],
        'wrong\n',
        {},
    )
    assert done.returncode == 1, done.stdout
    assert 'did not log Bot in' in done.stdout
    assert files(owner) == before


def test_the_form_is_opened_filled_in(owner, wiki):
    with setup(owner, '-kind:owner-only', '-by:form') as terminal:
        terminal.expect('Client ID:')
        interrupt(terminal)
        shown = terminal.wait()
    assert 'wpownerOnly=1' in shown
    assert f'{wiki.url}/index.php?title=Special:OAuthConsumer' in shown


QUESTIONS = (
    'Which one',
    'How is the client registered?',
    'Write it?',
    'Grants,',
    'accept it?',
    'Password of Bot',
)


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


def test_what_is_not_agreed_to_is_not_written_or_registered(owner, wiki):
    before, clients = files(owner), list(wiki.oauth.clients)
    with setup(owner, '-kind:owner-only', '-by:api') as terminal:
        terminal.answer('Write it?', 'n')
        assert 'Nothing was changed.' in terminal.wait()
    assert files(owner) == before
    assert list(wiki.oauth.clients) == clients


def unattended(owner, *options, keys=''):
    """Set an owner-only client up by the API, without a terminal."""
    options = '-kind:owner-only', '-by:api', '-yes', '-stdin', *options
    done = owner._complete([*SETUP, *options], keys, {})
    assert done.returncode == 0, done.stdout
    assert editors(owner.wiki) == []
    return done.stdout


@pytest.mark.parametrize('kind', ['totp', 'email'])
def test_a_second_factor_is_asked_for(owner, wiki, kind):
    wiki.second_factor('Bot', kind, '123456')
    # A mistyped code is asked for again.
    keys = f'{wiki.password("Bot")}\n654321\n123456\n'
    unattended(owner, keys=keys)
    assert owner.edit() == ''


def test_a_bot_with_a_password_file_moves_in_one_command(tmp_path, wiki):
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
    assert 'The login that Pywikibot keeps is used.' in unattended(owner)
    actions = {request.form.get('action') for request in wiki.requests}
    assert not actions & {'clientlogin', 'login', 'logout'}


def test_an_account_without_a_confirmed_address_is_told_so(owner, wiki):
    wiki.accounts.users['Bot'].email_confirmed = False
    before = files(owner)
    options = '-kind:owner-only', '-by:api', '-yes', '-stdin'
    keys = wiki.password('Bot') + '\n'
    done = owner._complete([*SETUP, *options], keys, {})
    assert done.returncode == 1
    assert 'mail' in done.stdout
    assert files(owner) == before


@pytest.mark.parametrize('address', ['{url}/api.php', '{url}'])
def test_it_begins_without_any_configuration(tmp_path, wiki, address):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    for name in ('user-config.py', 'sandbox_family.py'):
        (tmp_path / name).unlink()
    (tmp_path / 'elsewhere').mkdir()
    done = owner._complete(
        [
            *('sh', '-c', 'cd elsewhere; exec "$@"', 'sh', *SETUP),
            *('-kind:owner-only', '-by:api', '-yes', '-stdin', '-user:Bot'),
            f'-wiki:{address.format(url=wiki.url)}',
        ],
        wiki.password('Bot') + '\n',
        {},
    )
    assert done.returncode == 0, done.stdout
    assert not list((tmp_path / 'elsewhere').glob('*.py'))
    assert 'state          authorized' in done.stdout


def test_a_wiki_that_is_none_is_refused(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    options = ['-yes', '-user:Bot', '-wiki:http://127.0.0.1:9/']
    done = owner._complete([*SETUP, *options], '', {})
    assert done.returncode == 3
    assert 'No api.php of a wiki was found' in done.stdout


def test_a_second_wiki_leaves_the_first_one_as_it_is(tmp_path, wiki):
    with Sandbox(clock=wiki.clock, like=wiki.like) as other:
        owner = Owner(tmp_path, wiki, has_oauth=False, others={'de': other})
        for each, site in ((wiki, 'en'), (other, 'de')):
            keys = each.password('Bot') + '\n'
            unattended(owner, f'-site:sandbox:{site}', keys=keys)
        owner.edit(1, 'en', 'de')
        assert editors(wiki) == editors(other) == ['Bot']


def test_a_reset_replaces_the_access_token_where_it_is_kept(owner, wiki):
    keys = wiki.password('Bot') + '\n'
    unattended(owner, keys=keys)
    before = (owner.folder / '.pywikibot-oauth2.json').read_text()
    done = owner.alone('oauth2', '-reset', '-yes', '-stdin', keys=keys)
    assert done.returncode == 0, done.stdout
    after = (owner.folder / '.pywikibot-oauth2.json').read_text()
    assert before != after
    assert owner.edit() == ''


def test_nobody_is_asked_where_there_is_no_terminal(owner):
    done = owner._complete([*SETUP], '', {})
    assert done.returncode == 2
    assert 'give the option -kind' in done.stdout
