#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of what Pywikibot knows of the wiki behind an address."""
from __future__ import annotations

import itertools

import pytest
import pywikibot
from pywikibot import config
from pywikibot.comms import http
from pywikibot.exceptions import FatalServerError
from pywikibot.site import BaseSite

from pywikibot_oauth2 import ConfigurationError, refusals
from pywikibot_oauth2.wiki import (
    is_loopback,
    known_site,
    require_safe_transport,
    script_prefix,
    transport,
)


EN = 'https://en.wikipedia.org/w'
DE = 'https://de.wikipedia.org/w'


# What precedes the scripts

@pytest.mark.parametrize(('url', 'prefix'), [
    ('https://en.wikipedia.org/w/api.php', EN),
    ('https://en.wikipedia.org/w/api.php?action=query&meta=userinfo', EN),
    ('https://en.wikipedia.org/w/api.php#fragment', EN),
    ('https://en.wikipedia.org/w/api.php/', EN),
    ('https://en.wikipedia.org/w/rest.php', EN),
    ('https://en.wikipedia.org/w/rest.php/v1/page/Main_Page', EN),
    ('https://en.wikipedia.org/w/rest.php/oauth2/resource/profile', EN),
    ('https://en.wikipedia.org/w/rest.php/v1/page/A%2Fapi.php', EN),
    ('http://127.0.0.1:8080/api.php', 'http://127.0.0.1:8080'),
    ('http://[::1]:8080/mediawiki/api.php', 'http://[::1]:8080/mediawiki'),
])
def test_api_and_rest_take_a_token(url, prefix):
    assert script_prefix(url) == prefix


@pytest.mark.parametrize('url', [
    '', '/', 'api.php', 'https://en.wikipedia.org/',
    'https://en.wikipedia.org/w/index.php?title=api.php',
    'https://en.wikipedia.org/w/index.php?returnto=/w/api.php',
    'https://en.wikipedia.org/wiki/Main_Page',
    'https://en.wikipedia.org/w/index.php#/w/api.php',
    'https://en.wikipedia.org/w/load.php',
    'https://en.wikipedia.org/w/api.php5',
    'https://en.wikipedia.org/w/api.phpx/',
    'https://en.wikipedia.org/w/xapi.php',
    'https://en.wikipedia.org/w/rest_v1/page',
    'https://en.wikipedia.org/api/rest_v1/page/html/A',
    'https://upload.wikimedia.org/wikipedia/commons/a.png',
])
def test_nothing_else_takes_one(url):
    assert script_prefix(url) is None


# This machine

@pytest.mark.parametrize('host', [
    'localhost', 'LOCALHOST', 'LocalHost', '127.0.0.1', '127.0.0.2',
    '127.255.255.254', '::1'])
def test_a_loopback_host_is_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize('host', [
    None, '', 'example.org', '127.0.0.1.evil.example',
    'localhost.evil.example', 'evil-localhost', 'localhost.localdomain',
    '127.evil.example', '127.0.0.1.', '127.', '127', '127..1', '127.1',
    '127.0.1', '.127.0.0.1', '0177.0.0.1', '2130706433',
    '128.0.0.1', '0.0.0.0', '10.0.0.1', '192.168.0.1', '1.127.0.0.1',
    '::', '::2', '::ffff:8.8.8.8', '[::1]', '127.0.0.1:80', ' 127.0.0.1',
    '127.0.0.1 ', '127.0.0.1/', '127.0.0.-1', '127.0.0.0x1'])
def test_no_other_host_is_this_machine(host):
    assert not is_loopback(host)


@pytest.mark.parametrize('host', [
    '127.0.0.256', '127.0.0.999', '127.0.0.0.1', '127.0.0.1.2',
    '127.0.0.\u0661', '127.0.0.\u00b2', '127.99999999'])
def test_what_only_looks_like_an_address_has_to_be_looked_up(host):
    # Who answers for such a name could be anyone.
    assert not is_loopback(host)


@pytest.mark.parametrize('url', [
    'https://en.wikipedia.org/w', 'HTTPS://en.wikipedia.org/w',
    'https://127.0.0.1', 'http://127.0.0.1:8080', 'http://localhost/w/api.php',
    'HTTP://LOCALHOST:1/', 'http://[::1]:8080/',
    'https://user:password@wiki.example/w'])
def test_https_and_this_machine_are_safe(url):
    require_safe_transport(url)


@pytest.mark.parametrize('url', [
    'http://en.wikipedia.org/w', 'http://127.0.0.1.evil.example/',
    'http://localhost.evil.example/', 'http://127.0.0.1@evil.example/',
    'http://user:127.0.0.1@evil.example/', 'http://0.0.0.0/', 'http://',
    'http:///w', 'https://', 'https:///w', 'https:', '', '/w', 'w',
    '//127.0.0.1/', 'ftp://127.0.0.1/', 'file:///etc/passwd',
    'ws://127.0.0.1/', 'httpss://127.0.0.1/', 'http://[::1', 'https://[::1',
    'http://[::2]/', 'http://evil.example#@127.0.0.1/',
    'http://evil.example?@127.0.0.1/'])
def test_everything_else_is_a_configuration_error(url):
    with pytest.raises(ConfigurationError, match='needs https') as info:
        require_safe_transport(url)
    assert url in str(info.value)
    assert 'protocol()' in str(info.value)
    # Else Pywikibot would repeat the request.
    assert isinstance(info.value, FatalServerError)


# The sites that are configured

@pytest.fixture
def usernames(monkeypatch):
    """Configure the family wikipedia, and return its user names."""
    monkeypatch.setattr(config, 'family', 'wikipedia')
    monkeypatch.setattr(config, 'mylang', 'en')
    monkeypatch.setattr(config, 'usernames', type(config.usernames)(dict))
    return config.usernames


def test_a_wiki_is_found_by_its_address(usernames):
    usernames['wikipedia'].update(en='Bot', de='Der Bot')
    for prefix, code, username in ((EN, 'en', 'Bot'), (DE, 'de', 'Der Bot')):
        site = known_site(prefix)
        assert site.family.name == 'wikipedia'
        assert (site.code, site.username) == (code, username)
        assert site.name == f'wikipedia:{code}'


@pytest.mark.parametrize(('names', 'en', 'de'), [
    ({'wikipedia': {'*': 'Bot'}}, 'Bot', 'Bot'),
    ({'wikipedia': {'*': 'Bot', 'de': 'Der Bot'}}, 'Bot', 'Der Bot'),
    ({'*': {'*': 'Bot'}}, 'Bot', 'Bot'),
    ({'*': {'*': 'Bot', 'de': 'Der Bot'}}, 'Bot', 'Der Bot'),
    ({'*': {'*': 'Bot'}, 'wikipedia': {'de': 'Der Bot'}}, 'Bot', 'Der Bot'),
    ({'*': {'de': 'X'}, 'wikipedia': {'de': 'Der Bot'}}, None, 'Der Bot'),
    ({'wikipedia': {'en': 'bot_of_en'}}, 'Bot of en', None),
    ({'commons': {'*': 'Bot'}}, None, None),
    ({}, None, None),
])
def test_the_username_is_the_one_that_pywikibot_takes(
        usernames, names, en, de):
    for family, codes in names.items():
        usernames[family].update(codes)
    assert (known_site(EN).username, known_site(DE).username) == (en, de)


def test_the_username_is_the_same_as_that_of_the_site(usernames):
    usernames['*'].update({'*': 'Bot', 'fr': 'Robot'})
    usernames['wikipedia'].update(de='Der Bot')
    for code in ('en', 'de', 'fr'):
        # A site that has no API to log in with
        site = pywikibot.Site(code, 'wikipedia', interface=BaseSite)
        assert known_site(f'https://{code}.wikipedia.org/w').username \
            == site.username()


@pytest.mark.parametrize('prefix', [
    'https://wiki.example/w', 'https://en.wikipedia.org',
    'https://en.wikipedia.org/W', 'https://en.wikipedia.org/w/w',
    'http://en.wikipedia.org/w', 'https://en.wikipedia.org:444/w',
    'https://en.wikipedia.org.evil.example/w',
    'https://evil.example/en.wikipedia.org/w', 'https://en.wikipedia/w',
    'https://n.wikipedia.org/w', 'https:///w', '', '/w'])
def test_another_address_is_no_known_site(usernames, prefix):
    usernames['wikipedia']['*'] = 'Bot'
    assert known_site(prefix) is None


def test_a_family_is_looked_at_if_it_has_a_username(usernames):
    commons = 'https://commons.wikimedia.org/w'
    assert known_site(commons) is None
    usernames['commons']['commons'] = 'Bot'
    site = known_site(commons)
    assert (site.name, site.username) == ('commons:commons', 'Bot')


def test_a_misspelt_family_is_passed_over(usernames):
    usernames['wikipeida']['*'] = 'Bot'
    usernames['commons']['*'] = 'Bot'
    assert known_site('https://commons.wikimedia.org/w').username == 'Bot'
    assert known_site(EN).username is None


FAMILY = """\
from pywikibot import family


class Family(family.Family):
    name = {name!r}
    langs = {{'a': '127.0.0.1:8080', 'b': '127.0.0.1:8443'}}

    def protocol(self, code):
        return 'http' if code == 'a' else 'https'

    def scriptpath(self, code):
        return '' if code == 'a' else '/mediawiki'

    def verify_SSL_certificate(self, code):
        return False
"""
numbers = itertools.count(1)


@pytest.fixture
def own_family(tmp_path, usernames, monkeypatch):
    """Configure a family of the user's own; return its name."""
    # Pywikibot keeps the families that it has loaded by their names.
    name = f'own{next(numbers)}'
    path = tmp_path / f'{name}_family.py'
    path.write_text(FAMILY.format(name=name))
    monkeypatch.setitem(config.family_files, name, str(path))
    return name


def test_an_own_family_is_found(own_family, usernames):
    usernames[own_family]['a'] = 'Bot'
    site = known_site('http://127.0.0.1:8080')
    assert (site.name, site.username) == (f'{own_family}:a', 'Bot')
    site = known_site('https://127.0.0.1:8443/mediawiki')
    assert (site.name, site.username) == (f'{own_family}:b', None)
    assert known_site('https://127.0.0.1:8080') is None


def test_with_a_name_for_every_family_own_families_are_found(
        own_family, usernames):
    usernames['*']['*'] = 'Bot'
    site = known_site('http://127.0.0.1:8080')
    assert (site.name, site.username) == (f'{own_family}:a', 'Bot')


# How requests are sent

def test_the_transport_is_pywikibots(usernames, monkeypatch):
    how = transport(EN)
    assert how.user_agent == http.user_agent()
    assert 'Pywikibot' in how.user_agent
    assert how.timeout == config.socket_timeout
    assert how.verify is True
    assert how.cert is None
    assert how.proxies == dict(http.session.proxies)
    monkeypatch.setattr(config, 'socket_timeout', 7)
    monkeypatch.setattr(http.session, 'verify', '/path/to/ca.pem')
    monkeypatch.setattr(http.session, 'cert', ('/a', '/b'))
    monkeypatch.setitem(http.session.proxies, 'https', 'http://p.example')
    how = transport(EN)
    assert how.timeout == 7
    assert how.verify == '/path/to/ca.pem'
    assert how.cert == ('/a', '/b')
    assert how.proxies['https'] == 'http://p.example'


def test_the_proxies_are_a_copy():
    transport(EN).proxies['https'] = 'http://evil.example'
    assert 'https' not in http.session.proxies


def test_a_family_can_switch_the_verification_off(own_family, usernames):
    usernames[own_family]['b'] = 'Bot'
    assert transport('https://127.0.0.1:8443/mediawiki').verify is False
    assert transport(EN).verify is True


def test_a_session_without_a_setting_verifies(monkeypatch):
    monkeypatch.setattr(http.session, 'verify', None)
    assert transport('https://wiki.example').verify is True
    monkeypatch.setattr(http.session, 'verify', False)
    assert transport('https://wiki.example').verify is False


def test_wikimedia_lists_its_clients_on_meta(monkeypatch):
    monkeypatch.setitem(config.usernames['wikipedia'], 'en', 'Bot')
    assert refusals.client_list('https://en.wikipedia.org/w') == (
        'https://meta.wikimedia.org/wiki/'
        'Special:OAuthConsumerRegistration/list')
    assert refusals.client_list('https://wiki.example/w') == (
        'https://wiki.example/w/index.php?title='
        'Special:OAuthConsumerRegistration/list')
