"""A token expires while scripts run, and nobody notices."""

from __future__ import annotations

import pytest

from tests.harness import DEAD, Owner, Reaper, dialogs, editors, grants


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody whose bot shares the wiki's clock."""
    owner = Owner(tmp_path, wiki, shares_clock=True)
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


@pytest.mark.both_servers
def test_a_token_that_dies_early_is_replaced_without_a_question(owner, wiki):
    with Reaper(wiki) as reaper:
        owner.edit(12)
    assert reaper.deaths >= 2
    assert editors(wiki) == ['Bot'] * 12
    assert wiki.pages['Sandbox'].endswith('* 11')
    assert wiki.count(error=DEAD) == grants(wiki, 'refresh_token')
    assert dialogs(wiki) == 0


def test_months_later_the_bot_still_runs(owner, wiki):
    for _ in range(4):
        owner.advance(wiki.refresh_life * 0.9)
        owner.edit()
    assert editors(wiki) == ['Bot'] * 4
    assert dialogs(wiki) == 0
