"""A token expires while scripts run, and nobody notices."""

from __future__ import annotations

import pytest

from tests.harness import Owner, dialogs, editors, shared_clock


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody whose bot shares the wiki's clock."""
    owner = Owner(tmp_path, wiki, **shared_clock(tmp_path))
    owner.authorize()
    owner.edit()  # from now on what is known of the wiki is cached
    wiki.edits.clear()
    return owner


def requests_of(wiki, call):
    """Return how many requests a call made; none may be refused."""
    wiki.requests.clear()
    call()
    assert wiki.count(error=None) == len(wiki.requests)
    return len(wiki.requests)


def test_at_the_start_of_a_run_it_costs_one_request(owner, wiki):
    usual = requests_of(wiki, owner.edit)
    owner.advance(wiki.token_life)
    assert requests_of(wiki, owner.edit) == usual + 1
    assert owner.edit() == ''


def test_months_later_the_bot_still_runs(owner, wiki):
    for _ in range(2):
        owner.advance(wiki.refresh_life * 0.9)
        owner.edit()
    assert editors(wiki) == ['Bot'] * 2
    assert dialogs(wiki) == 0
