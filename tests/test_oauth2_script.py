#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the script "pwb oauth2", and of logins from elsewhere."""
from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
import pywikibot


pytest.importorskip('termios')

from pywikibot_oauth2 import FileStore, OAuth2Client
from pywikibot_oauth2.renewal import Renewal
from pywikibot_oauth2.scripts import base_dir
from tests.bots import configure
from tests.journey import CONFIG, SECONDS, Owner, Terminal, grants, pwb
from tests.sandbox import Sandbox
from tests.test_leaks import leaks


HAS_ENTRY_POINTS = tuple(
    map(int, pywikibot.__version__.split('.')[:2])) >= (9, 4)
DIRECTLY = [sys.executable, '-m', 'pywikibot_oauth2.scripts.oauth2']
LOG_IN = 'pwb oauth2 -login -site:sandbox:en'
LINES = """
import pywikibot_oauth2 as _oauth2
authenticate[{netloc!r}] = _oauth2.{call}
"""


@pytest.fixture
def owner(tmp_path, wiki):
    return Owner(tmp_path, wiki)


def run(owner, *arguments, command=None):
    """Run the script without a terminal; its two outputs stay apart."""
    return subprocess.run(
        [*(command or DIRECTLY), *arguments], env=owner.environment,
        cwd=owner.folder, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=SECONDS)


def in_terminal(owner, *arguments):
    """Run the script in a terminal."""
    return Terminal([*DIRECTLY, *arguments], owner.environment, owner.folder)


def paste_login(owner, *arguments):
    """Log in by the script, and paste the answer."""
    with in_terminal(owner, '-login', *arguments) as terminal:
        terminal.type(owner.wiki.approve(terminal.address) + '\n')
        shown = terminal.wait()
        assert terminal.process.returncode == 0, shown
    return shown


def status(owner, *arguments):
    """Return what -json says of the only site, and the exit status."""
    done = run(owner, '-json', *arguments)
    site, = json.loads(done.stdout)['sites']
    return site, done.returncode


def reconfigure(owner, old, new):
    """Change user-config.py."""
    path = owner.folder / 'user-config.py'
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def token_in(owner):
    """Return the token in the token file; None if there is none."""
    sessions = json.loads(owner.token_file().read_text())['sessions']
    return sessions[owner.client.id]['token']


# The script itself


@pytest.mark.skipif(not HAS_ENTRY_POINTS,
                    reason='Pywikibot has no entry points before 9.4')
def test_pwb_finds_the_script_by_its_name(owner, wiki):
    done = run(owner, command=pwb('oauth2'))
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith('sandbox:en\n')
    assert 'not found' not in done.stderr


@pytest.mark.skipif(not HAS_ENTRY_POINTS,
                    reason='Pywikibot has no entry points before 9.4')
def test_pwb_finds_no_other_modules_of_this_package(owner):
    # There is a login.py and a token.py in it.
    assert {path.name for path in base_dir.glob('*.py')} == {
        '__init__.py', 'oauth2.py'}
    assert 'Logged in' not in owner.alone('login').stdout
    assert 'Script to log the bot in' in owner.alone('login', '-help').stdout


@pytest.mark.parametrize('command', [
    DIRECTLY, pytest.param(pwb('oauth2'), marks=pytest.mark.skipif(
        not HAS_ENTRY_POINTS, reason='not found by pwb before 9.4'))])
def test_help_is_the_docstring_and_asks_no_wiki(owner, wiki, command):
    done = run(owner, '-help', command=command)
    assert done.returncode == 0
    for word in ('-all', '-login', '-refresh', '-logout', '-register',
                 '-json', 'Exit statuses', 'GLOBAL OPTIONS'):
        assert word in done.stdout
    assert wiki.requests == []


@pytest.mark.parametrize(('arguments', 'words'), [
    (['-lgout'], 'Unknown parameter "-lgout"'),
    (['-login', '-logout'], '-login and -logout exclude each other'),
    (['-site:sandbox:xx'], "Language 'xx' does not exist in family"),
    (['-family:nonesuch'], 'nonesuch')])
def test_wrong_options_have_an_exit_status_of_their_own(
        owner, arguments, words):
    done = run(owner, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert 'Traceback' not in done.stderr
    assert done.stdout == ''


# The status


def test_before_the_login_it_says_what_to_run(owner, wiki):
    done = run(owner)
    assert done.returncode == 1
    assert f'not authorized: Run "{LOG_IN}".' in done.stdout
    assert str(owner.token_file()) in done.stdout
    assert f'Run "{LOG_IN} -user:Other".' in run(owner, '-user:Other').stdout
    # Nothing was there to ask about.
    assert wiki.requests == []


def test_it_tells_all_that_is_known_of_an_authorization(owner, wiki):
    owner.log_in()
    done = run(owner)
    assert done.returncode == 0
    assert done.stderr == ''
    rows = dict(re.findall(r'^  ([a-z ]{14}) (.*)$', done.stdout,
                           re.MULTILINE))
    rows = {name.rstrip(): value for name, value in rows.items()}
    expiry = rows.pop('access token')
    assert re.fullmatch(r'until \d{4}-\d\d-\d\d \d\d:\d\d UTC'
                        r' \((1 h 0 min|\d\d min) from now\)', expiry)
    use_by = rows.pop('refresh token')
    date = datetime.now(timezone.utc) + timedelta(days=30)
    assert use_by.startswith(f'is to be used by about {date:%Y-%m-%d} (Med')
    assert rows == {
        'account': 'Bot',
        'client': f'{owner.client.id} (confidential)',
        'state': 'authorized, and the wiki accepts the token',
        'grants': 'basic, highvolume, editpage, createeditmovepage',
        'rights': 'bot, apihighlimits, edit, createpage, move and 14 more;'
                  ' not: noratelimit',
        'limits': 'none for what a bot does',
        'kept in': str(owner.token_file())}


def test_json_tells_the_same_to_a_program(owner, wiki):
    owner.log_in()
    site, exit_status = status(owner)
    assert exit_status == 0
    expires = datetime.fromisoformat(site.pop('access_token_expires_at'))
    left = expires - datetime.now(timezone.utc)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)
    use_by = datetime.fromisoformat(site.pop('refresh_token_use_by'))
    assert use_by - expires == timedelta(days=30, hours=-1)
    assert 'default' in site.pop('refresh_token_use_by_source')
    assert {'edit', 'apihighlimits'} < set(site.pop('rights'))
    assert site == {
        'site': 'sandbox:en', 'account': 'Bot',
        'client_id': owner.client.id, 'client_kind': 'confidential',
        'state': 'authorized', 'reason': None, 'exit_status': 0,
        'accepted': True, 'blocked': False, 'ratelimits': {},
        'grants': ['basic', 'highvolume', 'editpage',
                   'createeditmovepage'],
        'kept_in': str(owner.token_file())}


def test_it_shows_the_limits_that_the_wiki_reports(owner, wiki):
    limits = {'edit': {'user': {'hits': 90, 'seconds': 60},
                       'ip': {'hits': 8, 'seconds': 60}},
              'move': {'user': {'hits': 8, 'seconds': 60}},
              'thanks': {'user': {'hits': 10, 'seconds': 60}}}

    def limit(data):
        data['query']['userinfo']['ratelimits'] = limits
        return data

    owner.log_in()
    wiki.fail_next('rewrite', path='/api.php', change=limit, times=2)
    assert ('limits         edit 90 in 60 s; move 8 in 60 s (1 more with'
            ' -json)') in run(owner).stdout
    assert status(owner)[0]['ratelimits'] == limits


def test_an_account_that_is_blocked_is_said_to_be(owner, wiki):
    owner.log_in()
    wiki.block('Bot')
    assert 'but the account is blocked' in run(owner).stdout
    assert status(owner)[0]['blocked'] is True


@pytest.mark.parametrize('gateway', [False, True])
def test_a_token_that_is_dead_is_renewed_as_for_any_script(
        owner, wiki, gateway):
    owner.log_in()
    wiki.expire_access_tokens()
    wiki.gateway = gateway
    site, exit_status = status(owner)
    assert (exit_status, site['accepted']) == (0, True)
    assert grants(wiki, 'refresh_token') == 1


def test_a_token_that_is_due_is_renewed_before_it_is_shown(owner, wiki):
    owner.log_in()
    reconfigure(owner, 'import pywikibot_oauth2',
                'import time as _time\nimport pywikibot_oauth2')
    reconfigure(owner, ')\n', ', clock=lambda: _time.time() + 3590)\n')
    site, exit_status = status(owner)
    assert (exit_status, site['state']) == (0, 'authorized')
    assert grants(wiki, 'refresh_token') == 1


@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_an_authorization_that_was_revoked_is_said_to_have_ended(
        owner, wiki, version):
    owner.log_in()
    wiki.version = version
    wiki.revoke('Bot', owner.client)
    for _ in range(2):  # the second time from the token file
        site, exit_status = status(owner)
        assert exit_status == 1
        assert site['state'] == 'ended'
        assert 'no longer accepts the refresh token' in site['reason']
        assert LOG_IN in site['reason']
    assert wiki.count('/access_token') == 2


def test_a_client_that_was_disabled_is_said_to_be_refused(owner, wiki):
    owner.log_in()
    wiki.disable_client(owner.client)
    site, exit_status = status(owner)
    assert (exit_status, site['state']) == (1, 'refused')
    assert 'not-approved' in site['reason']
    assert site['accepted'] is False


@pytest.mark.parametrize('expired', [False, True])
def test_without_the_wiki_it_tells_what_it_knows(owner, wiki, expired):
    owner.log_in()
    if expired:
        reconfigure(owner, 'import pywikibot_oauth2',
                    'import time as _time\nimport pywikibot_oauth2')
        reconfigure(owner, ')\n', ', clock=lambda: _time.time() + 9000)\n')
    wiki.close()
    done = run(owner)
    assert done.returncode == 3
    assert 'Connection refused' in done.stdout
    # This the token itself says.
    assert 'basic, highvolume, editpage, createeditmovepage' in done.stdout
    assert ('expired at' if expired else 'from now)') in done.stdout
    assert 'Traceback' not in done.stderr
    site, exit_status = status(owner)
    assert (exit_status, site['accepted']) == (3, None)
    assert site['account'] == 'Bot'
    assert site['kept_in'] == str(owner.token_file())


@pytest.mark.parametrize(('fault', 'options'), [
    ('status', {'status': 503}), ('html', {}), ('empty', {}), ('half', {}),
    ('reset_before', {}),
    ('rewrite', {'change': lambda data: {'error': {
        'code': 'readonly', 'info': 'The wiki is in read-only mode.'}}}),
    ('rewrite', {'change': lambda data: []})])
def test_an_answer_that_is_none_is_no_refusal(owner, wiki, fault, options):
    owner.log_in()
    wiki.fail_next(fault, path='/api.php', **options)
    site, exit_status = status(owner)
    assert (exit_status, site['state']) == (3, 'unreachable')
    assert site['accepted'] is None
    assert status(owner)[1] == 0


def test_a_wikibase_that_is_down_takes_no_hour_either(owner, wiki):
    owner.log_in()
    family = owner.folder / 'sandbox_family.py'
    family.write_text(family.read_text() + (
        '\n    def interface(self, code):\n        return "DataSite"\n'))
    assert status(owner)[1] == 0
    wiki.close()
    assert status(owner)[1] == 3
    assert run(owner, '-logout').returncode == 0


def test_a_damaged_token_file_is_reported_and_left_alone(owner):
    owner.token_file().touch(mode=0o600)
    owner.token_file().write_text('{"version": 1, "sess')
    for action in ([], ['-refresh'], ['-logout'], ['-login']):
        done = run(owner, *action)
        assert done.returncode == 4, action
        assert 'It was left as it is.' in done.stdout + done.stderr
    assert owner.token_file().read_text() == '{"version": 1, "sess'


def test_it_says_what_is_wrong_in_user_config(owner, wiki):
    reconfigure(owner, owner.client.id, 'no client ID')
    site, exit_status = status(owner)
    assert (exit_status, site['state']) == (2, 'misconfigured')
    assert "'no client ID' is no client ID" in site['reason']
    reconfigure(owner, "usernames['sandbox']['en'] = 'Bot'", '')
    assert "usernames['sandbox']['en']" in status(owner)[0]['reason']


@pytest.mark.parametrize(('lines', 'words'), [
    ('', 'has no OAuth2Auth for sandbox:en'),
    ("authenticate[{netloc!r}] = ('a', 'b', 'c', 'd')\n",
     'has four values of OAuth 1.0a for sandbox:en')])
def test_without_oauth_2_it_shows_the_lines_that_are_missing(
        owner, wiki, lines, words):
    config = owner.folder / 'user-config.py'
    config.write_text(
        config.read_text().partition('import pywikibot_oauth2')[0]
        + lines.format(netloc=wiki.netloc))
    for arguments in ([], ['-logout'], ['-login'], ['-refresh']):
        done = run(owner, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert f'authenticate[{wiki.netloc!r}] = _oauth2.OA' in done.stderr
    assert run(owner, '-all').returncode == 2
    assert wiki.requests == []


def test_all_takes_each_site_of_usernames_that_has_oauth_2(tmp_path, wiki):
    with Sandbox(clock=wiki.clock) as other, Sandbox() as third:
        client = other.register()
        owner = Owner(
            tmp_path, wiki, others={'de': other, 'fr': third},
            extra=CONFIG.format(
                netloc=other.netloc, id=client.id, secret=client.secret,
                redirect_uri=client.redirect_uri, options=''))
        owner.log_in()
        done = run(owner, '-all', '-json')
        sites = json.loads(done.stdout)['sites']
        assert [(site['site'], site['state']) for site in sites] == [
            ('sandbox:en', 'authorized'), ('sandbox:de', 'not authorized')]
        assert done.returncode == 1
        # With a star it is the whole family, the third without OAuth 2.0.
        with (tmp_path / 'user-config.py').open('a') as file:
            file.write("usernames['sandbox'] = {'*': 'Bot'}\n")
        assert json.loads(
            run(owner, '-all', '-json').stdout)['sites'] == sites
        wiki.close()
        done = run(owner, '-all')
        assert done.returncode == 3
        assert re.findall(r'^\S+', done.stdout, re.MULTILINE) == [
            'sandbox:en', 'sandbox:de']
        done = run(owner, '-all', '-logout')
        assert done.returncode == 0
        assert 'Bot is logged out of sandbox:en' in done.stderr
        assert 'Bot is not logged in to sandbox:de' in done.stderr


# -login, -refresh


def test_login_asks_once_and_then_nothing(owner, wiki):
    shown = paste_login(owner)
    assert 'Bot is authorized on sandbox:en with the grants' in shown
    assert 'authorized, and the wiki accepts the token' in shown
    done = run(owner, '-login')
    assert done.returncode == 0
    assert done.stderr == ''
    assert grants(wiki, 'authorization_code') == 1


def test_login_without_a_terminal_says_what_to_do(owner, wiki):
    done = run(owner, '-login')
    assert done.returncode == 1
    assert 'Run this in a terminal' in done.stderr
    assert 'not authorized' in done.stdout


def test_a_login_that_was_denied_has_its_exit_status(owner, wiki):
    with in_terminal(owner, '-login') as terminal:
        terminal.type(wiki.deny(terminal.address) + '\n')
        assert 'User has rejected the request' in terminal.wait()
        assert terminal.process.returncode == 1


def test_ctrl_c_ends_the_login_quietly(owner):
    with in_terminal(owner, '-login') as terminal:
        assert terminal.address
        terminal.type('\x03')
        shown = terminal.wait()
        assert terminal.is_restored()
        assert terminal.process.returncode == 130
    assert 'Traceback' not in shown


def test_refresh_gets_a_new_token_though_the_old_one_is_valid(owner, wiki):
    owner.log_in()
    old = token_in(owner)
    done = run(owner, '-refresh')
    assert done.returncode == 0
    assert 'sandbox:en: there is a new token.' in done.stderr
    assert token_in(owner)['access_token'] != old['access_token']
    assert wiki.oauth.valid(old['access_token']) is None
    assert wiki.oauth.valid(token_in(owner)['access_token'])
    assert 'the wiki accepts the token' in done.stdout


def test_a_bot_that_runs_takes_what_was_refreshed(
        owner, wiki, monkeypatch):
    owner.log_in()
    configure(monkeypatch, owner.folder)
    bot = new_renewal(owner)
    old = bot.header()
    assert run(owner, '-refresh').returncode == 0
    assert bot.replace(old) == f'Bearer {token_in(owner)["access_token"]}'
    assert grants(wiki, 'refresh_token') == 1


def test_refresh_says_when_there_is_nothing_to_renew(owner, wiki):
    done = run(owner, '-refresh')
    assert done.returncode == 1
    assert LOG_IN in done.stderr
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    for words in ('no longer accepts the refresh token', LOG_IN):
        done = run(owner, '-refresh')
        assert done.returncode == 1
        assert words in done.stderr


def test_refresh_keeps_the_token_if_the_wiki_is_down(owner, wiki):
    owner.log_in()
    old = token_in(owner)
    wiki.fail_next('status', status=503)
    done = run(owner, '-refresh')
    assert done.returncode == 3
    assert 'HTTP status 503' in done.stderr
    assert token_in(owner) == old
    wiki.close()
    assert run(owner, '-refresh').returncode == 3
    assert token_in(owner) == old


# -logout


def new_renewal(owner):
    """Return what a bot of this account has, in this process."""
    client = OAuth2Client(owner.client.id, owner.client.secret)
    return Renewal(client, 'Bot', FileStore(), owner.wiki.clock)


def test_logout_forgets_the_token_and_names_the_page_that_revokes(
        owner, wiki):
    owner.log_in()
    token = token_in(owner)
    done = run(owner, '-logout')
    assert done.returncode == 0
    assert 'Bot is logged out of sandbox:en' in done.stderr
    assert f'{wiki.url}/index.php?title=Special:OAuthManageMyGrants' \
        in done.stderr
    assert done.stdout == ''
    content = owner.token_file().read_text()
    assert token['access_token'] not in content
    assert token['refresh_token'] not in content
    site, exit_status = status(owner)
    assert (exit_status, site['state']) == (1, 'logged out')
    done = run(owner, '-logout')
    assert done.returncode == 0
    assert 'Bot is not logged in to sandbox:en' in done.stderr


def test_logout_works_when_the_token_is_dead_or_the_wiki_is_down(
        owner, wiki):
    owner.log_in()
    wiki.revoke('Bot', owner.client)
    assert status(owner)[0]['state'] == 'ended'
    assert run(owner, '-logout').returncode == 0
    assert token_in(owner) is None
    paste_login(owner)
    wiki.close()
    assert run(owner, '-logout').returncode == 0
    assert token_in(owner) is None


def test_logout_with_json_says_what_is_left(owner):
    owner.log_in()
    site, exit_status = status(owner, '-logout')
    assert (exit_status, site['state']) == (0, 'logged out')


def test_after_the_logout_a_script_edits_nothing(owner, wiki):
    owner.log_in()
    run(owner, '-logout')
    done = owner.alone(owner.script())
    assert done.returncode != 0
    assert 'pwb login -site:sandbox:en' in done.stdout
    assert wiki.edits == []
    owner.log_in()
    assert owner.alone(owner.script()).returncode == 0


def test_a_bot_that_runs_does_not_undo_the_logout(
        owner, wiki, monkeypatch):
    owner.log_in()
    configure(monkeypatch, owner.folder)
    bot = new_renewal(owner)
    assert bot.header() is not None
    run(owner, '-logout')
    wiki.clock.advance(3600)  # the bot's token is due
    assert bot.header() is None
    assert token_in(owner) is None
    assert grants(wiki, 'refresh_token') == 0
    # But a new login it takes.
    paste_login(owner)
    assert bot.header() == f'Bearer {token_in(owner)["access_token"]}'


def test_a_logout_wins_against_bots_that_refresh_all_the_time(
        owner, wiki, monkeypatch):
    owner.log_in()
    configure(monkeypatch, owner.folder)

    def refresh():
        bot = new_renewal(owner)
        header = bot.header()
        while header is not None:
            header = bot.replace(header)

    bots = [threading.Thread(target=refresh) for _ in range(4)]
    for bot in bots:
        bot.start()
    assert run(owner, '-logout').returncode == 0
    for bot in bots:
        bot.join(SECONDS)
        assert not bot.is_alive()
    assert token_in(owner) is None
    assert grants(wiki, 'refresh_token') > 4


# -register


@pytest.mark.parametrize('confidential', [True, False])
def test_register_fills_in_the_form_of_the_wiki(
        tmp_path, wiki, confidential):
    owner = Owner(tmp_path, wiki)
    if not confidential:
        reconfigure(owner, repr(owner.client.secret), 'None')
    done = run(owner, '-register')
    assert done.returncode == 0
    address = re.search(r'^http\S+propose\S+$', done.stdout,
                        re.MULTILINE)[0]
    assert address.startswith(
        f'{wiki.url}/index.php?title=Special:OAuthConsumerRegistration/'
        'propose/oauth2&')
    assert parse_qsl(urlsplit(address).query)[1:] == [
        ('wpname', 'Pywikibot of Bot'), ('wpversion', '1.0'),
        ('wpdescription',
         'Lets Bot run scripts of Pywikibot under OAuth 2.0.'),
        ('wpcallbackUrl', owner.client.redirect_uri),
        ('wpoauth2IsConfidential', '1' if confidential else '0'),
        ('wpoauth2GrantTypes[]', 'authorization_code'),
        ('wpoauth2GrantTypes[]', 'refresh_token'),
        ('wpgranttype', 'normal')]
    for grant in ('High-volume (bot) access', 'Edit existing pages'):
        assert grant in done.stdout
    assert f'authenticate[{wiki.netloc!r}] = _oauth2.OAuth' in done.stdout
    data = json.loads(run(owner, '-register', '-json').stdout)
    assert data['url'] == address
    assert 'editpage' in data['grants']
    assert wiki.requests == []


def test_register_works_before_anything_is_configured(owner):
    config = owner.folder / 'user-config.py'
    config.write_text("family = 'wikipedia'\nmylang = 'de'\n")
    done = run(owner, '-register')
    assert done.returncode == 0
    assert ('https://meta.wikimedia.org/wiki/Special:'
            'OAuthConsumerRegistration/propose/oauth2?wpname=') in done.stdout
    assert 'wpcallbackUrl=http%3A%2F%2F127.0.0.1%3A8080%2F&' in done.stdout
    assert "authenticate['de.wikipedia.org']" in done.stdout


# Owner-only clients


@pytest.fixture
def own_client(wiki):
    return wiki.register(owner_only=True)


def with_line(owner, client, call):
    """Put another line into user-config.py."""
    config = owner.folder / 'user-config.py'
    config.write_text(
        config.read_text().partition('import pywikibot_oauth2')[0]
        + LINES.format(netloc=owner.wiki.netloc, call=call))
    owner.client = client


def test_an_access_token_alone_is_shown_and_cannot_be_forgotten(
        owner, wiki, own_client):
    with_line(owner, own_client,
              f'OAuth2Auth(access_token={own_client.access_token!r})')
    done = run(owner)
    assert done.returncode == 0
    assert 'has no practical expiry' in done.stdout
    assert 'kept in        the configuration' in done.stdout
    assert '(owner-only)' in done.stdout
    for action, words in (('-refresh', 'is never renewed'),
                          ('-logout', 'take it out there')):
        done = run(owner, action)
        assert done.returncode == 2
        assert words in done.stderr
        assert 'the wiki accepts the token' in run(owner).stdout
    assert run(owner, '-login').returncode == 0
    assert wiki.count('/access_token') == 0


def test_client_credentials_need_no_login_but_can_log_out(
        owner, wiki, own_client):
    with_line(owner, own_client, f'OAuth2Auth({own_client.id!r},'
              f' {own_client.secret!r}, owner_only=True)')
    site, exit_status = status(owner)
    assert exit_status == 0
    assert site['client_kind'] == 'owner-only'
    assert site['refresh_token_use_by'] is None
    old = token_in(owner)
    assert run(owner, '-refresh').returncode == 0
    assert token_in(owner) != old
    assert run(owner, '-logout').returncode == 0
    assert status(owner)[0]['state'] == 'logged out'
    assert owner.alone(owner.script()).returncode != 0
    assert wiki.edits == []
    assert run(owner, '-login').returncode == 0
    assert status(owner)[1] == 0
    assert owner.alone(owner.script()).returncode == 0


def test_pwb_login_says_how_client_credentials_log_in_again(
        owner, wiki, own_client):
    with_line(owner, own_client, f'OAuth2Auth({own_client.id!r},'
              f' {own_client.secret!r}, owner_only=True)')
    assert run(owner).returncode == 0
    assert run(owner, '-logout').returncode == 0
    # No script that logs in as scripts do undoes the logout.
    shown = owner.alone('login').stdout
    assert 'Bot was logged out of sandbox:en' in shown
    assert LOG_IN in shown
    assert 'Not logged in on sandbox:en.' in shown


# Secrets


def test_the_script_writes_nothing_secret_anywhere(owner, wiki):
    everything = '-debug', '-log'
    outputs = [paste_login(owner, *everything)]
    for arguments in ([], ['-json'], ['-all'], ['-register'], ['-refresh'],
                      ['-json', '-refresh']):
        done = run(owner, *arguments, *everything)
        outputs += done.stdout, done.stderr
    wiki.revoke('Bot', owner.client)
    for arguments in ([], ['-json'], ['-refresh'], ['-logout'], ['-json']):
        done = run(owner, *arguments, *everything)
        outputs += done.stdout, done.stderr
    assert len(wiki.secrets) >= 10
    for path in owner.folder.rglob('*'):
        if path.is_file() and path.name not in (
                'user-config.py', owner.token_file().name):
            outputs.append(path.read_text(errors='replace'))
    assert (owner.folder / 'logs' / 'oauth2-bot.log').exists()
    assert not [leak for number, text in enumerate(outputs)
                for leak in leaks(wiki, f'output {number}', text.encode())]


# pwb login with its options


def test_pwb_login_logout_says_what_to_use_instead(owner):
    owner.log_in()
    done = owner.alone('login', '-logout')
    assert done.returncode == 1
    assert 'pwb oauth2 -logout' in done.stdout
    assert 'Special:OAuthManageMyGrants' in done.stdout
    assert 'Traceback' not in done.stdout
    assert token_in(owner) is not None


def test_pwb_login_all_async_asks_for_one_login_at_a_time(tmp_path, wiki):
    with Sandbox(clock=wiki.clock) as other:
        client = other.register()
        owner = Owner(
            tmp_path, wiki, others={'de': other}, extra=CONFIG.format(
                netloc=other.netloc, id=client.id, secret=client.secret,
                redirect_uri=client.redirect_uri, options=''))
        with owner.terminal('login', '-all', '-async') as terminal:
            for number in (1, 2):
                terminal.expect('press Enter:', number)
                assert terminal.text.count('press Enter:') == number
                address = re.findall(r'^http\S+/oauth2/authorize\?\S+$',
                                     terminal.text, re.MULTILINE)[-1]
                asked = wiki if wiki.netloc in address else other
                terminal.type(asked.approve(address) + '\n')
                terminal.expect('The token is kept in', number)
            shown = terminal.wait()
        assert 'Logged in on sandbox:en as Bot.' in shown
        assert 'Logged in on sandbox:de as Bot.' in shown
        assert owner.alone('login', '-all', '-async').stdout.count(
            'Logged in on') == 2


# Where the browser is elsewhere


def test_the_token_file_may_be_taken_along_to_another_machine(
        owner, wiki, tmp_path):
    owner.log_in()
    there = Owner(tmp_path / 'server', wiki, client=owner.client)
    shutil.copy(owner.token_file(), there.token_file())
    assert run(there).returncode == 0
    wiki.expire_access_tokens()
    assert there.alone(there.script()).returncode == 0
    assert [edit.user for edit in wiki.edits] == ['Bot']
    # The copy lives on, and what it was copied from is dead.
    assert status(owner)[0]['state'] == 'ended'


def test_a_job_without_standard_input_runs_and_never_waits(owner, wiki):
    owner.log_in()
    command = [*pwb(owner.script())]
    closed = subprocess.run(
        ['sh', '-c', 'exec "$@" <&-', 'sh', *command], timeout=SECONDS,
        env=owner.environment, cwd=owner.folder, capture_output=True,
        text=True)
    assert closed.returncode == 0, closed.stderr
    owner.token_file().unlink()
    closed = subprocess.run(
        ['sh', '-c', 'exec "$@" <&-', 'sh', *command], timeout=SECONDS,
        env=owner.environment, cwd=owner.folder, capture_output=True,
        text=True)
    assert closed.returncode != 0
    assert 'Run this in a terminal:\n  pwb login' in closed.stderr
    assert len(wiki.edits) == 1


def test_where_there_is_no_browser_at_all_the_paste_is_enough(owner, wiki):
    # As in a container: no display, and none of the programs that
    # webbrowser knows.
    del owner.environment['BROWSER']
    command = [sys.executable, *DIRECTLY[1:], '-login']
    with Terminal(['/bin/sh', '-c', 'exec "$@"', 'sh', *command],
                  {**owner.environment, 'PATH': '/nowhere:/bin'},
                  owner.folder) as terminal:
        terminal.type(wiki.approve(terminal.address) + '\n')
        assert 'the wiki accepts the token' in terminal.wait()
