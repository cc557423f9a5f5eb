"""pwb oauth2 -setup, as a new bot owner runs it."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys

import pytest

from tests.harness import Owner, Terminal, editors, wait_until


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
        terminal.answer('Grants, separated by commas', 'editpage,highvolume')
        terminal.answer('Do you accept it?', 'y')
        answer_hidden(terminal, 'Password of Bot', wiki.password('Bot'))
        terminal.answer('Write it?', 'y')
        shown = terminal.wait()
    assert 'state          authorized' in shown
    assert 'pwb touch -page:Sandbox' in shown
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
        terminal.type('\x03')
        shown = terminal.wait()
    assert 'wpownerOnly=1' in shown
    assert f'{wiki.url}/index.php?title=Special:OAuthConsumer' in shown


@pytest.mark.parametrize('question', ['Which one', 'Grants,', 'accept it?'])
def test_ctrl_c_leaves_nothing_half_done(owner, question):
    before = files(owner)
    with setup(
        owner,
        *([] if question == 'Which one' else ['-kind:owner-only', '-by:api']),
    ) as terminal:
        if question == 'accept it?':
            terminal.answer('Grants,', '')
        terminal.expect(question)
        # Python does not notice a Ctrl-C right before it begins to wait.
        while terminal.process.poll() is None:
            terminal.type('\x03')
            with contextlib.suppress(subprocess.TimeoutExpired):
                terminal.process.wait(0.5)
        terminal.wait()
        assert terminal.process.returncode != 0
        assert terminal.is_restored()
    assert files(owner) == before


def test_nobody_is_asked_where_there_is_no_terminal(owner):
    done = owner._complete([*SETUP], '', {})
    assert done.returncode == 2
    assert 'give the option -kind' in done.stdout
