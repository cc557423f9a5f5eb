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
    owner.log_in()
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


def test_the_four_values_of_oauth_1_are_recognised(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f'authenticate[{wiki.netloc!r}] = _oauth2.OAuth2Auth('
        "'key', 'secret', 'token', 'token secret')\n"
    )
    done = owner.alone('login')
    assert done.returncode != 0
    assert 'values of OAuth 1.0a' in done.stdout
    assert 'pwb oauth2 -setup' in done.stdout
    assert 'Traceback' not in done.stdout
    assert 'token secret' not in done.stdout
