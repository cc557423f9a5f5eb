"""Two accounts: their tokens and their cookies are kept apart."""

from __future__ import annotations

import json

import pytest

from tests.harness import EDITS, Owner, Reaper, editors, grants, join
from tests.sandbox import Sandbox


@pytest.fixture
def wiki(wiki):
    wiki.add_user('Other')
    return wiki


@pytest.fixture
def other(wiki):
    """Run a second wiki, on which Other is known too."""
    with Sandbox(like=wiki.like) as other:
        other.add_user('Other')
        yield other


def accounts_in(path):
    """Return the accounts in a token file."""
    found = json.loads(path.read_text())['authorizations'].values()
    return {authorization['user'] for authorization in found}


@pytest.mark.parametrize('is_one_client', [True, False])
def test_two_accounts_edit_two_wikis_in_one_process(
    tmp_path, wiki, other, is_one_client
):
    owner = Owner(tmp_path, wiki, others={'de': other})
    owner.configure("usernames['sandbox']['de'] = 'Other'\n")
    if is_one_client:
        join(wiki, other)
        owner.share(other)
    else:
        owner.use_oauth(wiki=other, client=other.register(owner='Other'))
    owner.authorize()
    owner.log_in('Other', '-site:sandbox:de', wiki=other)
    with Reaper(wiki) as reaper:
        owner.edit(6, 'en', 'de')
    assert reaper.deaths >= 1
    assert editors(wiki) == ['Bot'] * 6
    assert editors(other) == ['Other'] * 6
    for name in ('Bot', 'Other'):
        assert accounts_in(owner.token_file(name)) == {name}


def test_another_account_has_its_own_token(tmp_path, wiki):
    owner = Owner(tmp_path, wiki)
    owner.authorize()
    mine = owner.token_file().read_bytes()
    script = owner.script()
    done = owner.alone(script, '1', '-user:Other')
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith(
        'pwb login -site:sandbox:en -user:Other'
    )
    owner.has_browser('--user', 'Other')
    shown = owner.in_terminal('login', '-user:Other')
    assert 'Logged in on sandbox:en as Other.' in shown
    assert owner.token_file().read_bytes() == mine
    for user in ('Bot', 'Other', 'Bot'):
        wiki.expire_access_tokens()
        done = owner.alone(script, '1', f'-user:{user}')
        assert done.returncode == 0, done.stdout
    assert editors(wiki) == ['Bot', 'Other', 'Bot']
    assert grants(wiki, 'refresh_token') == 3


@pytest.mark.parametrize('is_first', [True, False])
def test_another_account_with_a_password_logs_in_with_it(
    tmp_path, wiki, is_first
):
    owner = Owner(tmp_path, wiki, extra="password_file = 'passwords.py'\n")
    owner.write('passwords.py', f'("Other", {wiki.password("Other")!r})\n')
    command = [owner.script(EDITS), '1']
    command.insert(0 if is_first else 2, '-user:Other')
    for _ in range(2):  # the second time with the session in the cookie jar
        done = owner.alone(*command)
        assert done.returncode == 0, done.stdout
    assert [(edit.user, edit.tags) for edit in wiki.edits] == [
        ('Other', ())
    ] * 2
    assert not owner.token_file('Other').exists()
    # The other account of the same folder goes on with OAuth 2.0.
    owner.authorize()
    owner.edit()
    assert wiki.edits[-1].tags == (f'OAuth CID: {owner.client.number}',)
