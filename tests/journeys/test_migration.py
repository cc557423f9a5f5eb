"""From OAuth 1 and from passwords to OAuth 2.0."""

from __future__ import annotations

from tests.harness import Owner, editors
from tests.journeys.conftest import stops


def test_the_cookies_of_a_password_are_not_used_any_more(tmp_path, wiki):
    password = wiki.password('Bot')
    owner = Owner(tmp_path, wiki, password=password, has_oauth=False)
    before = owner.config.read_text()
    owner.edit()
    assert wiki.edits[-1].tags == ()
    assert 'session' in (tmp_path / 'pywikibot-Bot.lwp').read_text()

    owner.use_oauth()
    stops(owner)
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


def test_an_option_for_oauth_1_is_recognized(owner):
    shown = owner.alone('login', '-oauth').stdout
    assert 'The option -oauth is for OAuth 1.0a.' in shown


def test_a_wrong_configuration_is_reported_before_a_password_is_asked_for(
    owner,
):
    text = owner.config.read_text()
    owner.config.write_text(text.replace(owner.client.id, 'no client ID'))
    shown = stops(owner, last='Correct it in user-config.py.')
    assert 'password' not in shown
