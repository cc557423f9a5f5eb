"""Tests of "pwb login" and of scripts that log in, as processes."""

from __future__ import annotations

import pytest

from tests.harness import Owner, editors


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
