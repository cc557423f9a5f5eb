"""An owner-only client: no browser, no approval."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, Owner, editors
from tests.journeys.conftest import stops


@pytest.mark.parametrize('is_fixed', [True, False])
def test_a_script_edits_at_once_until_the_token_is_reset(
    tmp_path, wiki, is_fixed
):
    client = wiki.register(owner_only=True)
    owner = Owner(tmp_path, wiki, client=client, has_oauth=False)
    if is_fixed:
        owner.use_fixed_token(wiki.issue(client).access_token)
    else:
        owner.use_oauth(', owner_only=True')
    assert owner.edit(3) == ''
    assert editors(wiki) == ['Bot'] * 3
    if is_fixed:
        assert LOGGED_IN in owner.alone('login').stdout

    wiki.expire_access_tokens()
    wiki.disable_client(client)
    assert 'Special:OAuthConsumerRegistration/list' in stops(owner, last='')
