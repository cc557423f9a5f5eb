"""A farm: wikis that share one authorization server, as Wikimedia's do."""

from __future__ import annotations

from tests.harness import DEAD, Owner, Reaper, dialogs, editors, grants, join
from tests.sandbox import Sandbox


def test_one_click_serves_both_wikis_through_expiries(tmp_path, wiki):
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
