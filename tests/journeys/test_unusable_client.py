"""A client that nobody approved expires, or an administrator disables it."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, editors


@pytest.mark.both_servers
def test_the_next_run_says_so_at_once(owner, wiki):
    owner.log_in()
    wiki.set_stage(owner.client, 'expired')
    wiki.expire_access_tokens()
    wiki.requests.clear()
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert 'not approved within 30 days and has expired' in done.stdout
    assert 'Special:OAuthConsumerRegistration/list' in done.stdout
    assert editors(wiki) == []
    assert wiki.count('/access_token') <= 2

    # Usable again; 1.43 has used the refresh token up.
    wiki.set_stage(owner.client, 'approved')
    if not wiki.is_master:
        assert owner.alone(owner.script(), '1').returncode != 0
        assert LOGGED_IN in owner.log_in()
    owner.edit()
    assert editors(wiki) == ['Bot']


def test_a_login_tells_from_the_start_what_an_error_page_means(owner, wiki):
    wiki.set_stage(owner.client, 'expired')
    owner.has_browser()
    with owner.terminal('login') as terminal:
        assert terminal.address
        terminal.expect('If the wiki shows an error instead of "Allow"')
        terminal.type('\x03')
        assert 'Traceback' not in terminal.wait()
