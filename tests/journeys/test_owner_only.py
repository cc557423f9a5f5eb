"""An owner-only client: no browser, no approval."""

from __future__ import annotations

import pytest

from tests.harness import LOGGED_IN, Owner, editors


@pytest.fixture
def client(wiki):
    wiki.session_jwt = True
    return wiki.register(owner_only=True)


@pytest.fixture(params=['a fixed token', 'client credentials'])
def owner(request, tmp_path, wiki, client):
    """Return somebody who has not logged in and need not."""
    owner = Owner(tmp_path, wiki, client=client, has_oauth=False)
    if request.param == 'client credentials':
        owner.use_oauth(', owner_only=True')
    else:
        token = wiki.issue(client).access_token
        owner.configure(
            'import pywikibot_oauth2 as _oauth2\n'
            f'authenticate[{wiki.netloc!r}] = _oauth2.OAuth2Auth('
            f'access_token={token!r})\n'
        )
    return owner


def test_a_script_edits_at_once(owner, wiki):
    assert owner.edit(3) == ''
    assert editors(wiki) == ['Bot'] * 3
    # The cookie that says how many requests are allowed goes along.
    assert [request.cookies for request in wiki.requests if request.bearer][
        -1
    ].keys() == {'sessionJwt'}
    assert LOGGED_IN in owner.alone('login').stdout


def test_a_token_that_was_reset_is_reported_with_a_way_out(
    owner, wiki, client
):
    wiki.expire_access_tokens()
    wiki.disable_client(client)
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert 'Special:OAuthConsumerRegistration/list' in done.stdout
    assert editors(wiki) == []
