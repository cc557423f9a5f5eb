"""From OAuth 1 and from passwords to OAuth 2.0."""

from __future__ import annotations

import sys

from tests.harness import Owner, editors


def test_the_cookies_of_a_password_are_not_used_any_more(tmp_path, wiki):
    password = wiki.password('Bot')
    owner = Owner(tmp_path, wiki, password=password, has_oauth=False)
    before = owner.config.read_text()
    owner.edit()
    assert wiki.edits[-1].tags == ()
    assert 'session' in (tmp_path / 'pywikibot-Bot.lwp').read_text()

    owner.use_oauth()
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith('pwb login -site:sandbox:en')
    owner.authorize()
    wiki.requests.clear()
    owner.edit()
    assert wiki.edits[-1].tags == (f'OAuth CID: {owner.client.number}',)
    assert not [each for each in wiki.requests if each.cookies]

    # And back, as long as the password is there.
    owner.config.write_text(before)
    owner.edit()
    assert wiki.edits[-1].tags == ()
    assert editors(wiki) == ['Bot'] * 3


def test_an_option_for_oauth_1_is_recognised(owner):
    shown = owner.alone('login', '-oauth').stdout
    assert 'The option -oauth is for OAuth 1.0a.' in shown


def test_a_wrong_configuration_is_said_before_a_password_is_asked_for(owner):
    text = owner.config.read_text()
    owner.config.write_text(text.replace(owner.client.id, 'no client ID'))
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith('Correct it in user-config.py.')
    assert 'password' not in done.stdout
    assert editors(owner.wiki) == []
    done = owner.alone('login')
    assert "'no client ID' is not a client ID" in done.stdout
    assert 'Not logged in on sandbox:en.' in done.stdout
    assert 'Traceback' not in done.stdout


BOUND_EARLY = """
import pywikibot
from pywikibot.site import APISite
def log_in(self, *_, cookie_only=False, **_options):
    if not cookie_only:
        print('Password:')
APISite.login = log_in
site = pywikibot.Site()
print(site.siteinfo['generator'])
site.login()
"""


# What else it says is in tests/test_host.py.
def test_a_pywikibot_that_logs_in_differently_sends_no_request(owner, wiki):
    done = owner.in_shell('exec "$@"', sys.executable, '-c', BOUND_EARLY)
    assert done.returncode == 1
    assert 'pywikibot-oauth2 does not support Pywikibot' in done.stdout
    assert 'Traceback' not in done.stdout
    assert 'Password' not in done.stdout
    assert wiki.requests == []
