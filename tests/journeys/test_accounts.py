"""Two accounts: their tokens and their cookies are kept apart."""

from __future__ import annotations

import pytest

from tests.harness import Owner, Reaper, editors, grants, join
from tests.journeys.conftest import COMMAND, stops
from tests.sandbox import Sandbox


@pytest.fixture
def wiki(wiki):
    wiki.add_user('Other')
    return wiki


@pytest.mark.parametrize('is_one_client', [True, False])
def test_two_accounts_edit_two_wikis_in_one_process(
    tmp_path, wiki, is_one_client
):
    with Sandbox(like=wiki.like) as other:
        other.add_user('Other')
        owner = Owner(tmp_path, wiki, others={'de': other})
        owner.configure("usernames['sandbox']['de'] = 'Other'\n")
        client = owner.client
        if is_one_client:
            join(wiki, other)
            owner.share(other)
        else:
            client = other.register(owner='Other')
            owner.use_oauth(wiki=other, client=client)
        owner.authorize()
        owner.authorize('Other', wiki=other, client=client)
        with Reaper(wiki) as reaper:
            owner.edit(6, 'en', 'de')
        assert reaper.deaths >= 1
        assert editors(wiki) == ['Bot'] * 6
        assert editors(other) == ['Other'] * 6


def test_another_account_has_its_own_token(owner, wiki):
    owner.authorize()
    mine = owner.token_file().read_bytes()
    stops(owner, '-user:Other', last=f'{COMMAND} -user:Other')
    owner.log_in('Other', '-user:Other')
    assert owner.token_file().read_bytes() == mine
    wiki.expire_access_tokens()
    for user in ('Other', 'Bot'):
        owner.edit(1, f'-user:{user}')
    assert editors(wiki) == ['Other', 'Bot']
    assert grants(wiki, 'refresh_token') == 2


def test_another_account_with_a_password_logs_in_with_it(owner, wiki):
    owner.configure("password_file = 'passwords.py'\n")
    owner.write('passwords.py', f'("Other", {wiki.password("Other")!r})\n')
    script = owner.script()
    # The second time, there is a session in the cookie jar.
    for command in (['-user:Other', script], [script, '-user:Other']):
        done = owner.alone(*command, '1')
        assert done.returncode == 0, done.stdout
        assert (wiki.edits[-1].user, wiki.edits[-1].tags) == ('Other', ())
    assert len(wiki.edits) == 2
    assert not owner.token_file('Other').exists()
    # The other account of the same folder goes on with OAuth 2.0.
    owner.authorize()
    owner.edit()
    assert wiki.edits[-1].tags == (f'OAuth CID: {owner.client.number}',)
