"""Tests of OAuth2Auth, with requests sent as Pywikibot sends them."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import pytest
from pywikibot import config
from pywikibot.comms import http

from pywikibot_oauth2 import OAuth2Auth, host
from pywikibot_oauth2.auth import _tell_if_unused
from tests.harness import Owner
from tests.helpers import HOUR, set_up_pywikibot


# Which requests


def test_pywikibot_passes_it_to_requests_and_reads_stay_gets(live):
    assert len(live.auth) == 2
    assert http.get_authentication(live.wiki.api_url) is live.auth
    assert live.who() == 'Bot'
    (request,) = live.wiki.requests
    assert request.method == 'GET'
    assert request.headers['authorization'] == live.header
    assert 'cookie' not in request.headers
    assert live.header_for(f'{live.wiki.url}/index.php') is None


def test_the_address_of_a_family_need_not_be_in_normal_form(
    bench, monkeypatch, said, tmp_path
):
    shown = SimpleNamespace(netloc='Wiki.EXAMPLE:443', path='/~bot/ä')
    set_up_pywikibot(monkeypatch, tmp_path, en=shown)
    family = tmp_path / 'sandbox_family.py'
    family.write_text(family.read_text().replace("'http'", "'https'"))
    config.usernames['sandbox']['en'] = 'Bot'
    config.authenticate['wiki.example'] = bench.auth
    url = 'https://wiki.example/~bot/%C3%A4'
    given = bench.bot.authorization()._replace(wiki=url)
    bench.bot.another().adopt(given)
    header = bench.header_for(f'{url}/rest.php/v1/page/X')
    assert header == given.token.header
    # Pywikibot itself does not find that key, which is said at the end.
    monkeypatch.setattr(host, 'had_a_site', lambda: True)
    auth = bench.new_auth()
    for key in ('wiki.example', shown.netloc):
        config.authenticate = {key: auth}
        is_found = http.get_authentication(f'https://{shown.netloc}/api.php')
        _tell_if_unused(weakref.ref(auth))
        assert len(said) == 1
        assert f'your sites are: {shown.netloc}' in said[0]
    assert is_found


def test_no_secret_goes_to_a_stored_address_that_pywikibot_does_not_know(
    live, said
):
    bot = live.bot
    moved = bot.stored._replace(wiki=f'{live.wiki.url}/~mallory')
    bot.store.save('Bot', bot.registered.id, moved.serialize())
    live.wiki.clock.advance(HOUR)
    live.who()
    assert not [each for each in live.wiki.requests if 'mallory' in each.path]
    assert f'in {bot.path} is for {moved.wiki}, not for' in said[0]
    # One that Pywikibot knows is asked, although it has no account there.
    config.usernames['sandbox'].pop('en')
    moved = bot.stored._replace(wiki=live.wiki.url)
    bot.store.save('Bot', bot.registered.id, moved.serialize())
    assert live.header_for(live.other.api_url)
    assert bot.asked == 1


def test_a_host_beats_a_wildcard_and_entries_share_their_token(live):
    bench = live
    port = bench.wiki.netloc.partition(':')[2]
    config.authenticate[f'*.0.0.1:{port}'] = wildcard = bench.new_auth()
    assert bench.header_for(bench.wiki.api_url, wildcard) is None
    bench.wiki.clock.advance(HOUR)
    assert bench.header_for(bench.other.api_url) != bench.header
    assert bench.who() == 'Bot'
    assert bench.bot.asked == 1
    assert set(bench.auth.wikis()) == {bench.wiki.url, bench.other.url}


@pytest.mark.parametrize('reason', ['no user name', 'switched off'])
def test_a_wiki_without_an_account_is_left_as_it_is(live, reason):
    live.password_session()
    if reason == 'no user name':
        config.usernames.clear()
    else:
        assert live.who() == 'Bot'
        live.auth.unroute(live.wiki.url, 'Bot')
    rest = f'{live.wiki.url}/rest.php/v1/page/Sandbox'
    assert live.who() == 'Admin'
    assert live.header_for(rest) is None
    config.usernames['*']['*'] = 'Bot'
    live.auth.route(live.wiki.url, 'Bot')
    assert live.who() == 'Bot'
    assert live.header_for(rest) == live.header


def test_a_route_that_changes_hands_is_reported(live, said):
    auth, url = live.auth, live.wiki.url
    assert live.who() == 'Bot'
    assert not said
    before = auth.bearer_for(url, 'Bot')
    after = auth.route(url, 'Admin')
    auth.route(url, 'Admin')
    (text,) = said
    assert 'run under Admin instead of Bot' in text
    assert (before.wikis, after.wikis) == (set(), {url})


def test_a_proxy_for_this_machine_is_reported_once(live, said, local_proxy):
    for _ in range(2):
        live.auth.route(live.wiki.url, 'Bot')
        (text,) = said
    assert 'through a proxy' in text


# The configuration is wrong


@pytest.mark.parametrize(
    ('key', 'words'),
    [('x', 'differ in the secret'), ('public', 'it has no secret'), ('', "'nonsense' is not a client ID"),
     ('0.0.0.0', 'needs https')],
)  # fmt: skip
def test_a_configuration_that_cannot_work_is_reported_and_nothing_sent(
    live, said, key, words
):
    auth, url = live.auth, live.wiki.api_url
    if key == 'x':
        config.authenticate[key] = OAuth2Auth(live.bot.registered.id, 'x')
    elif key == 'public':
        # A wiki can issue the ID of another wiki's client.
        for each in live.other, live.wiki:
            auth = OAuth2Auth(live.bot.registered.id)
            config.authenticate[each.netloc] = auth
    elif key:
        config.authenticate[key] = auth
        url = config.family_files['plain'] = f'http://{key}/api.php'
        config.usernames['plain']['plain'] = 'Bot'
    else:
        auth = config.authenticate[live.wiki.netloc] = OAuth2Auth('nonsense')
    for _ in range(2):
        assert live.header_for(url, auth) is None
    (text,) = said
    assert words in text
    assert words in str(auth.problem)


def test_a_host_without_a_site_is_reported_at_the_end(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure('import pywikibot_oauth2 as _oauth2\n')
    for key in (wiki.netloc, '*.wikipeda.org'):
        owner.configure(
            f"authenticate['{key}'] = _oauth2.OAuth2Auth('f' * 32)\n"
        )
    script = owner.python('import pywikibot; pywikibot.Site().mw_version')
    for shown in script, owner.alone('oauth2').stdout:
        assert "authenticate['*.wikipeda.org'] in user-config.py" in shown
        assert shown.count('OAuth 2.0 was not used there') == 1
        assert f'your sites are: {wiki.netloc}' in shown
