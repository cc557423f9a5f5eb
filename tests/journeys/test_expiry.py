"""Tokens expire while nobody looks, and nobody notices."""

from __future__ import annotations

from tests.harness import (
    DEAD,
    Owner,
    Reaper,
    dialogs,
    editors,
    grants,
    join,
    shared_clock,
)
from tests.sandbox import Sandbox


def test_the_bot_still_runs_months_later_with_one_more_request(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, **shared_clock(tmp_path))
    owner.authorize()
    counts = []
    # After the first run, information about the wiki is cached.
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


# Its wikis share one authorization server, as Wikimedia's do.
def test_one_click_is_enough_for_a_farm_of_wikis_with_expiries(tmp_path, wiki):
    with Sandbox(like=wiki.like) as other:
        join(wiki, other)
        owner = Owner(tmp_path, wiki, others={'de': other})
        owner.share(other)
        owner.authorize()
        shown = owner.alone('login', '-site:sandbox:de').stdout
        assert 'Logged in on sandbox:de as Bot.' in shown
        with Reaper(wiki, other) as reaper:
            owner.edit(8, 'en', 'de')
    assert reaper.deaths >= 2
    for each in (wiki, other):
        assert editors(each) == ['Bot'] * 8
        assert each.count('/api.php', error=DEAD)
    assert dialogs(wiki) == dialogs(other) == 0
    # It is refreshed where it was authorized.
    assert grants(wiki, 'refresh_token') == reaper.deaths
    assert other.count('/access_token') == 0
    files = [path.name for path in owner.folder.glob('*.oauth2.json')]
    assert files == [owner.token_file().name]
