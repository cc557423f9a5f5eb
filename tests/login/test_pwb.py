"""Tests of "pwb login" and of scripts that log in, as processes."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, Owner, Reaper, editors, join
from tests.sandbox import Sandbox


NOT_LOGGED_IN = 'Not logged in on sandbox:en.'
COMMAND = 'pwb login -site:sandbox:en'


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


def test_login_begins_anew_for_a_client_that_was_refused(owner, wiki):
    owner.log_in()
    wiki.expire_access_tokens()
    wiki.set_stage(owner.client, 'expired')
    done = owner.alone('login')
    assert 'A new authorization is needed.' in done.stdout
    assert 'Traceback' not in done.stdout
    assert f'  {COMMAND}\n{NOT_LOGGED_IN}\n' in done.stdout
    wiki.set_stage(owner.client, 'approved')
    owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_a_wrong_configuration_is_said_before_any_password_is_asked_for(
    owner, wiki
):
    text = owner.config.read_text()
    owner.config.write_text(text.replace(owner.client.id, 'no client ID'))
    done = owner.alone('login')
    assert "'no client ID' is not a client ID" in done.stdout
    assert NOT_LOGGED_IN in done.stdout
    assert 'Traceback' not in done.stdout
    done = owner.alone(owner.script(), '1')
    assert done.stdout.rstrip().endswith('Correct it in user-config.py.')
    assert 'password' not in done.stdout
    assert editors(wiki) == []


def test_the_option_oauth_is_said_to_be_for_oauth_1(owner):
    shown = owner.alone('login', '-oauth').stdout
    assert 'The option -oauth is for OAuth 1.0a.' in shown


# Other accounts, other ways


@pytest.mark.parametrize('like', ['1.43', 'master'])
def test_a_password_session_in_the_cookie_jar_is_no_login(tmp_path, like):
    with Sandbox(like=like) as wiki:
        password = wiki.password('Bot')
        owner = Owner(tmp_path, wiki, password=password, has_oauth=False)
        assert LOGGED_IN in owner.alone('login').stdout
        assert (tmp_path / 'pywikibot-Bot.lwp').exists()
        owner.use_oauth()
        done = owner.alone('login')
        assert NOT_LOGGED_IN in done.stdout
        assert COMMAND in done.stdout
        assert owner.alone(owner.script(), '1').returncode != 0
        assert editors(wiki) == []
        owner.log_in()
        owner.edit()
        assert wiki.edits[0].tags == ('OAuth CID: 1',)
        assert not [
            request
            for request in wiki.requests
            if request.bearer and request.cookies
        ]


def test_another_account_has_its_own_token(owner, wiki):
    wiki.add_user('Other')
    owner.log_in()
    mine = owner.token_file().read_bytes()
    done = owner.alone(owner.script(), '1', '-user:Other')
    assert done.returncode != 0
    assert 'Other has not authorized the client' in done.stdout
    assert f'{COMMAND} -user:Other\n' in done.stdout
    owner.log_in('Other', '-user:Other')
    assert owner.token_file().read_bytes() == mine
    owner.edit()
    owner.edit(1, '-user:Other')
    assert editors(wiki) == ['Bot', 'Other']


@pytest.mark.parametrize('place', [2, 0], ids=['after', 'before'])
def test_another_account_with_a_password_logs_in_by_it(tmp_path, wiki, place):
    wiki.add_user('Other')
    owner = Owner(tmp_path, wiki, extra="password_file = 'passwords.py'\n")
    owner.write('passwords.py', str(('Other', wiki.password('Other'))))
    command = [owner.script(), '1']
    command.insert(place, '-user:Other')
    done = owner.alone(*command)
    assert done.returncode == 0, done.stdout
    assert 'OAuth 2.0 is off for sandbox:en.' in done.stdout
    # And again, when the session is in the cookie jar.
    assert owner.alone(*command).returncode == 0
    edits = [(edit.user, edit.tags) for edit in wiki.edits]
    assert edits == [('Other', ())] * 2
    assert not owner.token_file('Other').exists()


@pytest.mark.parametrize('is_shared', [True, False])
def test_two_accounts_edit_two_wikis_in_one_process(tmp_path, wiki, is_shared):
    with Sandbox(clock=wiki.clock) as other:
        wiki.add_user('Other')
        owner = Owner(tmp_path, wiki, others={'de': other})
        owner.configure("usernames['sandbox']['de'] = 'Other'\n")
        if is_shared:
            join(wiki, other)
            owner.share(other)
        else:
            other.add_user('Other')
            uri = owner.client.redirect_uri
            client = other.register(redirect_uri=uri)
            owner.use_oauth(wiki=other, client=client)
        owner.log_in()
        owner.log_in('Other', '-site:sandbox:de', wiki=other)
        with Reaper(wiki) as reaper:
            owner.edit(6, 'en', 'de')
        assert reaper.deaths >= 2
        assert editors(wiki) == ['Bot'] * 6
        assert editors(other) == ['Other'] * 6
