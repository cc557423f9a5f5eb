"""A token expires while nobody looks, and nobody notices."""

from __future__ import annotations

from tests.harness import Owner, dialogs, editors, shared_clock


def test_months_later_the_bot_still_runs_for_one_request_more(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, **shared_clock(tmp_path))
    owner.authorize()
    counts = []
    # After the first run, what is known of the wiki is cached.
    for days in (0, 0, 27, 27):
        owner.advance(days * 86400)
        wiki.requests.clear()
        assert owner.edit() == ''
        # None was refused.
        assert wiki.count(error=None) == len(wiki.requests)
        counts.append(len(wiki.requests))
    usual = counts[1]
    assert counts[2:] == [usual + 1] * 2
    assert editors(wiki) == ['Bot'] * 4
    assert dialogs(wiki) == 0
