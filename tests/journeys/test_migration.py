"""From OAuth 1 and from passwords to OAuth 2.0."""

from __future__ import annotations

from tests.harness import LOGGED_IN, Owner, editors


def test_the_cookies_of_a_password_are_not_used_any_more(tmp_path, wiki):
    password = wiki.password('Bot')
    owner = Owner(tmp_path, wiki, password=password, has_oauth=False)
    assert LOGGED_IN in owner.alone('login').stdout
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
    text = owner.config.read_text()
    owner.config.write_text(text.partition('import pywikibot_oauth2')[0])
    owner.edit()
    assert wiki.edits[-1].tags == ()
    assert editors(wiki) == ['Bot'] * 3


def test_what_belongs_to_oauth_1_is_recognised(owner, wiki):
    shown = owner.alone('login', '-oauth').stdout
    assert 'The option -oauth is for OAuth 1.0a.' in shown
    owner.configure(
        f'authenticate[{wiki.netloc!r}] = _oauth2.OAuth2Auth('
        "'key', 'secret', 'token', 'token secret')\n"
    )
    done = owner.alone('login')
    assert done.returncode != 0
    assert 'These are OAuth 1.0a credentials.' in done.stdout
    assert 'pwb oauth2 -setup' in done.stdout
    assert 'Traceback' not in done.stdout
    assert 'token secret' not in done.stdout


def test_a_wrong_configuration_is_said_before_a_password_is_asked_for(
    owner, wiki
):
    text = owner.config.read_text()
    owner.config.write_text(text.replace(owner.client.id, 'no client ID'))
    done = owner.alone('login')
    assert "'no client ID' is not a client ID" in done.stdout
    assert 'Not logged in on sandbox:en.' in done.stdout
    assert 'Traceback' not in done.stdout
    done = owner.alone(owner.script(), '1')
    assert done.stdout.rstrip().endswith('Correct it in user-config.py.')
    assert 'password' not in done.stdout
    assert editors(wiki) == []
