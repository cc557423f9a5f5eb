"""What the package knows about Pywikibot and changes in it."""

from __future__ import annotations

import contextlib
import os
import sys
from functools import partial
from types import ModuleType

import pytest
import pywikibot
import requests
from hypothesis import given
from hypothesis import strategies as st
from pywikibot import bot, config
from pywikibot.comms import http
from pywikibot.exceptions import FatalServerError
from pywikibot.family import Family
from pywikibot.site import APISite, BaseSite, TokenWallet

from pywikibot_oauth2 import ConfigurationError, OAuth2Auth, OAuth2Error, host
from pywikibot_oauth2.login import OAuth2LoginManager
from tests.helpers import raises
from tests.strategies import anything, examples


EN = 'https://en.wikipedia.org/w'
DE = 'https://de.wikipedia.org/w'
COMMONS = 'https://commons.wikimedia.org/w'


@pytest.mark.parametrize(
    ('url', 'wiki'),
    [
        *[(f'{EN}/{rest}', EN) for rest in (
            'api.php', 'api.php?action=query&meta=userinfo\n',
            'api.php?title=../..', 'api.php#fragment', 'rest.php',
            'rest.php?x', 'rest.php/v1/page/Main_Page',
            'rest.php/v1/page/A%2Fapi.php', 'rest.php/v1/page/a..b')],
        ('http://127.0.0.1:8080/api.php', 'http://127.0.0.1:8080'),
        ('http://[::1]:8080/wiki/api.php', 'http://[::1]:8080/wiki'),
        ('https://wiki.example:443/w/api.php', 'https://wiki.example/w'),
        ('http://localhost:80/api.php', 'http://localhost'),
        ('https://wiki.example:80/api.php', 'https://wiki.example:80'),
        ('https://wiki.example/~u/a%C3%A4/api.php',
         'https://wiki.example/~u/a%C3%A4'),
        *[(url, None) for url in (
            '', 'api.php', '//en.wikipedia.org/w/api.php',
            'https://en.wikipedia.org/wiki/Main_Page',
            *[f'{EN}/{rest}' for rest in (
                'index.php?returnto=/w/api.php', 'index.php#/w/api.php',
                'load.php', 'api.php5', 'api.php/', 'xapi.php',
                'rest_v1/page')],
            # urllib.parse and urllib3 take these for different hosts.
            'https://evil.example\\@en.wikipedia.org/w/api.php',
            'https://en.wikipedia.org\\.evil.example/w/api.php',
            'https://en.wikipedia.org@evil.example/w/api.php',
            'https://user:pass@en.wikipedia.org/w/api.php',
            # A server may take these for another folder.
            *[f'https://en.wikipedia.org/{path}/api.php' for path in (
                '..', '.', 'w/..', '../w', 'w/%2e%2e', '%2E', 'w/.%2e',
                'a%2f..', 'a%2F%2e%2e%2fb', 'a\\b', 'a%5c..%5cb')],
            f'{EN}/rest.php/../index.php', f'{EN}/rest.php/v1%2F..%2f..',
            f'{EN}/rest.php/%2e%2e/x', f'{EN}/rest.php/a\\b',
            # requests writes neither of these.
            'https://EN.wikipedia.org/w/api.php', 'HTTPS://a.example/api.php',
            'https://wiki.exämple/api.php', 'https://a.example:x/api.php',
            'ftp://en.wikipedia.org/w/api.php')],
    ],
)  # fmt: skip
def test_only_a_request_to_a_script_goes_to_the_wiki_of_its_folder(url, wiki):
    assert host.wiki_of(url) == wiki


@pytest.mark.parametrize(
    ('url', 'wiki'),
    [
        ('HTTPS://EN.Wikipedia.ORG/w/api.php', EN),
        ('https://en.wikipedia.org:443/w/api.php', EN),
        ('https://wiki.example/%7euser/ä/api.php',
         'https://wiki.example/~user/%C3%A4'),
        ('https://bücher.example/api.php', 'https://xn--bcher-kva.example'),
        ('http://[::1]/w/api.php', 'http://[::1]/w'),
        ('https://wiki.example/w/../api.php', 'https://wiki.example'),
        ('https://wiki.example/a b/api.php', 'https://wiki.example/a%20b'),
        ('https://wiki.example/%2e%2e/api.php', None),
        ('https://wiki.example/a%5c..%5cb/api.php', None),
        ('https://*.example/api.php', None),
        ('https:///api.php', None),
        ('http://[::1/api.php', None),
        ('api.php', None),
        ('', None),
    ],
)  # fmt: skip
def test_an_address_is_read_as_requests_would_send_it(url, wiki):
    assert host.wiki_at(url) == wiki


LOOPBACK = ['localhost', 'LOCALHOST', '127.0.0.1', '127.255.255.254',
            '::1']  # fmt: skip
# A name that only looks like an address has to be resolved, and then anyone
# may answer.
ELSEWHERE = [
    None, '', 'example.org', '127.0.0.1.evil.example', 'evil-localhost',
    'localhost.localdomain', '127.0.0.1.', '127', '127.1', '0177.0.0.1',
    '2130706433', '128.0.0.1', '0.0.0.0', '::', '::ffff:8.8.8.8', '[::1]',
    '127.0.0.1:80', ' 127.0.0.1', '127.0.0.256', '127.0.0.\u0661',
]  # fmt: skip


@pytest.mark.parametrize('name', LOOPBACK + ELSEWHERE)
def test_only_a_loopback_address_is_this_machine(name):
    assert host.is_loopback(name) == (name in LOOPBACK)


SAFE = [EN, 'HTTPS://en.wikipedia.org/w', 'https://127.0.0.1',
        'http://127.0.0.1:8080', 'HTTP://LOCALHOST:1/', 'http://[::1]:8080/',
        'https://user:password@wiki.example/w']  # fmt: skip
UNSAFE = [
    'http://en.wikipedia.org/w', 'http://127.0.0.1.evil.example/',
    'http://127.0.0.1@evil.example/', 'http://0.0.0.0/', 'http://', 'https://',
    'https:', '', '/w', '//127.0.0.1/', 'ftp://127.0.0.1/', 'ws://127.0.0.1/',
    'httpss://127.0.0.1/', 'https://[::1', 'http://[::2]/',
    'http://evil.example#@127.0.0.1/', 'http://evil.example?@127.0.0.1/',
    'http://wiki.example\\@127.0.0.1.wiki.example/',
]  # fmt: skip


@pytest.mark.parametrize('url', SAFE + UNSAFE)
def test_only_https_and_this_machine_are_safe(url):
    if url in SAFE:
        host.require_safe_transport(url)
        return
    facts = {'wiki': url, 'error': 'not_https'}
    with raises(ConfigurationError, 'needs https', **facts) as info:
        host.require_safe_transport(url)
    assert str(info.value).endswith(url)
    # Otherwise, Pywikibot would repeat the request.
    assert isinstance(info.value, FatalServerError)


pieces = st.sampled_from(
    ['127.0.0.1', '127.1', 'localhost', '[::1]', '[', ']', '@', ':', '#', '?',
     '/', '\\', '.', 'evil.example', '\u0661', '%31', ' ', '\t', '/api.php']
)  # fmt: skip


@examples(200)
@given(
    st.sampled_from(['http://', 'https://', 'HTTP://', '', 'ftp://'])
    | anything,
    st.lists(pieces | anything, max_size=4).map(''.join),
)
def test_any_address_is_safe_or_an_error(scheme, rest):
    url = scheme + rest
    wiki = host.wiki_of(url)
    assert wiki is None or url.replace(':80/', '/').startswith(wiki)
    again = host.wiki_at(url)
    assert again is None or host.wiki_of(f'{again}/api.php') == again
    host.is_loopback(rest)
    with contextlib.suppress(OAuth2Error):
        host.require_safe_transport(url)
        assert url.strip().lower().startswith('http')


@pytest.fixture(autouse=True)
def usernames(monkeypatch):
    """Configure the family wikipedia, and return its usernames."""
    monkeypatch.setattr(config, 'family', 'wikipedia')
    monkeypatch.setattr(config, 'mylang', 'en')
    monkeypatch.setattr(config, 'usernames', type(config.usernames)(dict))
    monkeypatch.setattr(config, 'authenticate', {})
    return config.usernames


@pytest.mark.parametrize(
    ('names', 'en', 'de'),
    [
        ({'wikipedia': {'*': 'Bot'}}, 'Bot', 'Bot'),
        ({'wikipedia': {'*': 'Bot', 'de': 'Der Bot'}}, 'Bot', 'Der Bot'),
        ({'*': {'*': 'Bot', 'de': 'Der Bot'}}, 'Bot', 'Der Bot'),
        ({'*': {'*': 'Bot'}, 'wikipedia': {'de': 'D'}}, 'Bot', 'D'),
        ({'*': {'de': 'X'}, 'wikipedia': {'de': 'D'}}, None, 'D'),
        ({'wikipedia': {'en': 'bot_of_en'}}, 'Bot of en', None),
        # The misspelled family is skipped.
        ({'wikipeida': {'*': 'Bot'}, 'commons': {'*': 'Bot'}}, None, None),
    ],
)
def test_a_wiki_is_found_with_the_right_username(usernames, names, en, de):
    for family, codes in names.items():
        usernames[family].update(codes)
    configured = [site.username for site in host.configured_sites()]
    assert {*filter(None, [en, de])} <= {*configured}
    for wiki, code, username in (EN, 'en', en), (DE, 'de', de):
        found = host.known_site(wiki)
        assert (found.code, found.username) == (code, username)
        assert found.family.name == 'wikipedia'
        assert f'https://{host.netloc_of(found)}/w' == wiki
        # A site without an API to log in with
        site = pywikibot.Site(code, 'wikipedia', interface=BaseSite)
        assert site.username() == username


@pytest.mark.parametrize(
    'wiki',
    ['https://wiki.example/w', 'https://en.wikipedia.org',
     'https://en.wikipedia.org/W', 'https://en.wikipedia.org/w/w',
     'http://en.wikipedia.org/w', 'https://en.wikipedia.org:444/w',
     'https://en.wikipedia.org.evil.example/w', 'https://en.wikipedia/w',
     'https://evil.example/en.wikipedia.org/w', 'https://n.wikipedia.org/w',
     'https:///w', '', '/w',
     # No account is configured for the family.
     COMMONS],
)  # fmt: skip
def test_another_address_is_not_a_known_site(usernames, wiki):
    usernames['wikipedia']['*'] = 'Bot'
    assert host.known_site(wiki) is None


OWN = {
    'a': 'http://127.0.0.1:8080',
    'b': 'https://127.0.0.1:8443/mediawiki',
    'c': 'https://wiki.example/~%C3%A4',
}


@pytest.fixture
def own_families(monkeypatch):
    """Configure families of the user's own, each with one site."""
    # Pywikibot keeps the families that it has loaded.
    monkeypatch.setattr(Family, '_families', {})
    wikis = {**OWN, 'c': 'https://WIKI.Example/~ä', 'd': 'https://*'}
    for name, wiki in wikis.items():
        monkeypatch.setitem(config.family_files, name, f'{wiki}/api.php')


@pytest.mark.parametrize('family', ['own', '*'])
def test_a_family_in_family_files_is_found(own_families, usernames, family):
    for name, wiki in OWN.items():
        usernames['*' if family == '*' else name]['*'] = 'Bot'
        site = host.known_site(wiki)
        assert (site.code, site.username) == (name, 'Bot')
    assert host.known_site('https://127.0.0.1:8080') is None
    site = pywikibot.Site('c', 'c', interface=BaseSite)
    assert host.wiki_of_site(site) == OWN['c']
    site = pywikibot.Site('d', 'd', interface=BaseSite)
    with raises(ConfigurationError, 'not the address of a wiki'):
        host.wiki_of_site(site)


@pytest.mark.parametrize(
    ('family', 'code', 'meta'),
    [
        ('wikipedia', 'en', 'meta.wikimedia.org'),
        ('commons', 'commons', 'meta.wikimedia.org'),
        ('wikiversity', 'beta', 'meta.wikimedia.org'),
        # The domain of the beta wikis depends on the version of Pywikibot.
        ('commons', 'beta', 'meta.wikimedia.beta.{}'),
        ('wikidata', 'beta', 'meta.wikimedia.beta.{}'),
        ('b', 'b', 'meta.wikimedia.beta.wmcloud.org'),
        # Others have theirs on themselves.
        ('c', 'c', None),
        ('lingualibre', 'lingualibre', None),
    ],
)
def test_wikimedia_has_its_special_pages_on_meta(
    usernames, monkeypatch, family, code, meta
):
    monkeypatch.setattr(Family, '_families', {})
    for name, url in (
        ('b', 'https://de.wikipedia.beta.wmcloud.org/w/api.php'),
        ('c', 'https://meta.beta.wmcloud.org.evil.example/api.php'),
    ):
        monkeypatch.setitem(config.family_files, name, url)
    usernames[family][code] = 'Bot'
    site = host.KnownSite(Family.load(family), code)
    domain = host.netloc_of(site).partition('.beta.')[2]
    central = f'https://{meta.format(domain)}/w' if meta else site.wiki
    shown = f'{central}/index.php?title=Special:OAuthManageMyGrants'
    assert host.special_page(site.wiki, 'OAuthManageMyGrants') == shown


@pytest.mark.parametrize(
    ('override', 'arguments', 'before', 'expected'),
    [
        (('*', '*', 'other_bot'), [], [], 'Other bot'),
        (None, ['-user:Other'], [], None),
        # Before Pywikibot 11
        ('missing', ['-user:other_bot', 'x'], [], 'Other bot'),
        ('missing', ['x'], ['-user:Other'], 'Other'),
        ('missing', ['-user:'], [], None),
        ('missing', ['-username:x'], [], None),
    ],
)
def test_the_account_that_the_command_line_chose(
    monkeypatch, override, arguments, before, expected
):
    if override == 'missing':
        monkeypatch.delattr(bot, '_user_override', raising=False)
    else:
        monkeypatch.setattr(bot, '_user_override', override, raising=False)
    wrapper = ModuleType('wrapper')
    wrapper.global_args = before
    monkeypatch.setitem(sys.modules, 'pywikibot.scripts.wrapper', wrapper)
    monkeypatch.setattr(sys, 'argv', ['pwb', *arguments])
    assert host.user_override() == expected


def test_a_relative_path_starts_at_pywikibots_folder(monkeypatch):
    monkeypatch.setenv('HOME', '/home/x')
    paths = [str(host.config_path(name)) for name in ('a/b', '/a', '~/a')]
    assert paths == [os.path.join(config.base_dir, 'a/b'), '/a', '/home/x/a']


def test_the_transport_is_pywikibots(monkeypatch):
    how = host.transport(EN)
    assert how.user_agent == http.user_agent()
    assert 'Pywikibot' in how.user_agent
    assert how[1:] == (config.socket_timeout, True, None, {})
    how.proxies['https'] = 'http://evil.example'
    assert 'https' not in http.session.proxies
    monkeypatch.setattr(config, 'socket_timeout', 7)
    monkeypatch.setattr(http.session, 'verify', '/ca.pem')
    monkeypatch.setattr(http.session, 'cert', ('/a', '/b'))
    monkeypatch.setitem(http.session.proxies, 'https', 'http://p.example')
    how = host.transport('http://127.0.0.1:8080/w')
    # Proxies of the environment are not used for this machine.
    proxies = {'http': '', 'https': 'http://p.example'}
    assert how[1:] == (7, '/ca.pem', ('/a', '/b'), proxies)


def test_only_a_family_or_a_setting_can_switch_the_verification_off(
    own_families, usernames, monkeypatch
):
    usernames['b']['b'] = 'Bot'
    assert host.transport(OWN['b']).verify is True
    name = 'verify_SSL_certificate'
    monkeypatch.setattr(Family, name, lambda self, code: code != 'b')
    assert host.transport(OWN['b']).verify is False
    assert host.transport(EN).verify is not False
    for setting, expected in (None, True), (False, False):
        monkeypatch.setattr(http.session, 'verify', setting)
        assert host.transport('https://wiki.example').verify is expected
    with pytest.raises(ConfigurationError):
        host.transport('http://wiki.example')


@pytest.mark.parametrize('wiki', ['http://127.0.0.1:8080', 'http://x.example'])
@pytest.mark.parametrize(
    ('names', 'is_used'),
    [('http', True), ('all', True), ('http no', False), ('https', False)],
)
def test_a_proxy_for_this_machine_is_noticed(
    monkeypatch, wiki, names, is_used
):
    for variable in [*os.environ]:
        if variable.lower().endswith('_proxy'):
            monkeypatch.delenv(variable)
    for name in names.split():
        monkeypatch.setenv(f'{name}_proxy', '127.0.0.1')
    expected = is_used and '127' in wiki
    assert host.is_sent_through_proxy(wiki) == expected
    monkeypatch.setattr(http.session, 'trust_env', False)
    assert not host.is_sent_through_proxy(wiki)


ASKED = [
    (True, {'meta': 'tokens'}),
    (True, {'meta': 'userinfo|tokens|siteinfo', 'type': 'csrf|login'}),
    (False, {'meta': 'tokens', 'type': 'login'}),
    (False, {'meta': 'userinfo', 'titles': 'meta=tokens'}),
]


@pytest.mark.parametrize(
    ('carries', 'leads', 'content'),
    [
        (True, True, {'data': {'action': 'edit', 'token': 'x+\\'}}),
        (True, True, {'data': {'token': '+\\'}}),
        (True, True, {'data': b'action=edit&token=x'}),
        (True, True, {'data': {'a': 'x'}, 'files': {'token': (None, 'x')}}),
        (False, False, {'data': {'titles': '&token=x'}}),
        (False, False, {'data': {'lgtoken': 'x'}}),
        (False, False, {'data': iter([b'token=x'])}),
        (False, False, {}),
        *[(False, leads, {'params': fields}) for leads, fields in ASKED],
        *[(False, leads, {'data': fields}) for leads, fields in ASKED],
    ],
    ids=range(16),
)
def test_a_csrf_token_or_a_request_for_one_leads_to_a_change(
    carries, leads, content
):
    request = requests.Request('POST', f'{EN}/api.php', **content).prepare()
    assert host.carries_csrf_token(request) == carries
    assert host.leads_to_change(request) == leads


def test_the_csrf_tokens_of_one_account_are_dropped(own_families, monkeypatch):
    # It would ask the wikis.
    monkeypatch.setattr(APISite, 'login', lambda *_, **_options: None)
    # Not made by pywikibot.Site, which keeps what it has made.
    accounts = ('a', 'Bot'), ('b', 'Bot'), ('c', 'Bot'), ('a', 'Me')
    sites = [APISite(name, name, user) for name, user in accounts]
    for site in sites:
        site.tokens._tokens['csrf'] = 'x'
    # What is not complete yet
    half = [APISite.__new__(APISite), TokenWallet.__new__(TokenWallet)]
    host.clear_csrf_tokens([OWN['a'], OWN['b']], 'Bot')
    kept = "{'csrf': 'x'}"
    assert [str(site.tokens) for site in sites] == ['{}', '{}', kept, kept]
    half.clear()


@pytest.mark.parametrize(
    ('keys', 'wiki', 'expected'),
    [
        (['en.wikipedia.org', '*.wikipedia.org'], EN, 0),
        (['*', '*.org', '*.wikipedia.org'], EN, 2),
        (['*', '*.org'], EN, 1),
        (['EN.Wikipedia.org'], EN, 0),
        (['*.WIKIPEDIA.org'], 'https://EN.wikipedia.org/w', 0),
        (['127.0.0.1:8080'], 'http://127.0.0.1:8080', 0),
        (['127.0.0.1'], 'http://127.0.0.1:8080', None),
        (['*.wikipedia.org', 'EN.wikipedia.org:443'], EN, 1),
        (['*', '*.wikipedia.org:443', '*.org:443'], EN, 1),
        (['en.wikipedia.org:80', 'en.wikipedia.org:8443'], EN, None),
        (['wikipedia.org', '*.de.wikipedia.org', 'e*.wikipedia.org'], EN,
         None),
        ([], EN, None),
    ],
)  # fmt: skip
def test_a_specific_key_beats_a_wildcard(keys, wiki, expected):
    config.authenticate = {key: (key, n) for n, key in enumerate(keys)}
    found = host.entry_for(wiki)
    assert host.entries() == config.authenticate
    if expected is None:
        assert found is None
        return
    assert found == (keys[expected], expected)
    assert host.entries_of(found) == [found[0]]
    name = wiki.partition('://')[2].partition('/')[0].lower()
    assert host.is_match(found[0], name)


class Key(str):
    """A key during whose use another thread adds an entry."""

    def __hash__(self):
        config.authenticate.setdefault('new', None)
        return super().__hash__()


def test_entries_may_be_added_while_they_are_read():
    config.authenticate.update({Key('a'): 1, 'b': 2, 3: 4})
    del config.authenticate['new']
    assert host.entries() == {'a': 1, 'b': 2}
    config.authenticate = None
    assert host.entries() == {}


OURS = '*.wikimedia.org *.wikipedia.org'
SHARED = '*.a.shared.net *.shared.net'


@pytest.mark.parametrize(
    ('key', 'hint'),
    [
        ('*', f'{SHARED} *.tribe.net {OURS} 127.0.0.1:8080 WIKI.Example'),
        ('*.org', OURS),
        ('*.ORG', OURS),
        ('*.toolforge.org', ''),
        ('*.co.uk', ''),
        # As Pywikibot looks it up
        ('*.example', 'WIKI.Example'),
        # Several operators
        ('*.shared.net', SHARED),
        *[(key, None) for key in ('*.wikipedia.org', '*.wikimedia.org',
                                  '*.shared.org', 'en.wikipedia.org', 'org',
                                  # Families of one host
                                  '*.tribe.net')],
    ],
)  # fmt: skip
def test_a_wildcard_that_reaches_several_operators_is_refused(
    usernames, own_families, monkeypatch, key, hint
):
    for name in 'one.a', 'two':
        url = f'https://{name}.shared.net/w/api.php'
        monkeypatch.setitem(config.family_files, name[:3], url)
    for name in 'here', 'there':
        url = f'https://wiki.tribe.net/{name}/api.php'
        monkeypatch.setitem(config.family_files, name, url)
    usernames['wikipedia']['*'] = 'Bot'
    for name in 'commons', 'meta', 'a', 'c', 'one', 'two', 'here', 'there':
        usernames[name][name] = 'Bot'
    auth = object()
    config.authenticate = {key: auth, 'other.example': object()}
    if hint is None:
        host.check_wildcards(auth)
        return
    facts = {'error': 'wildcard', 'hint': hint}
    with raises(ConfigurationError, repr(key), **facts):
        host.check_wildcards(auth)


def test_an_account_is_admitted_where_it_is_configured(usernames, monkeypatch):
    monkeypatch.setattr(pywikibot.login, 'ClientLoginManager', object)
    auth = OAuth2Auth('id', 'secret')
    assert host.admit(EN, auth) is None
    config.authenticate = {'*.wikipedia.org': auth}
    assert host.admit(EN, auth) is None
    assert pywikibot.login.ClientLoginManager is object
    usernames['wikipedia']['*'] = 'Bot'
    assert host.admit('https://xx.wikipedia.org/w', auth) is None
    assert host.admit(EN, object()) is None
    assert host.admit(EN, auth) == 'Bot'
    assert pywikibot.login.ClientLoginManager is OAuth2LoginManager


@pytest.mark.parametrize('future', ['renamed', 'bound early', 'no function'])
def test_an_unsupported_pywikibot_is_refused(usernames, monkeypatch, future):
    monkeypatch.setattr(pywikibot, '__version__', '99.1')
    if future == 'renamed':
        monkeypatch.delattr(pywikibot.login, 'ClientLoginManager')
    else:
        login = partial(print) if future == 'no function' else lambda self: 0
        monkeypatch.setattr(APISite, 'login', login)
    usernames['wikipedia']['*'] = 'Bot'
    auth = OAuth2Auth('id', 'secret')
    config.authenticate = {'*.wikipedia.org': auth}
    # This ends the process before the first request is sent.
    with pytest.raises(SystemExit) as info:
        host.admit(EN, auth)
    assert str(info.value).startswith(
        'pywikibot-oauth2 does not support Pywikibot 99.1, which'
    )
    assert 'Run "pip install --upgrade pywikibot-oauth2" or' in str(info.value)


def test_the_running_script_is_known(monkeypatch):
    assert not host.is_reading_user_config()
    monkeypatch.setattr(pywikibot, 'argvu', ['/x/login.py'])
    assert host.is_running('login')
    assert not host.is_running('touch')
    for jar in None, '/x/pywikibot-Bot.lwp':
        monkeypatch.setattr(http.cookie_jar, 'filename', jar)
        assert host.had_a_site() == (jar is not None)
