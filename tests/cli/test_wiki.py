"""The login by password, of a set-up and of a reset."""

from __future__ import annotations

import json

import pytest

from tests.harness import Owner


@pytest.fixture
def reset(wiki, shows):
    """Return a function that resets an owner-only client."""
    client = wiki.register(owner_only=True)

    def reset(stranger, *words, **stdin):
        old = client.access_token
        stranger.use_fixed_token(old)
        options = '-reset -yes -stdin' if stdin else '-reset -yes'
        words = 'The new values are kept in', *words
        shows(options, 0, *words, owner=stranger, **stdin)
        assert client.access_token != old
        credentials = stranger.folder / '.pywikibot-oauth2.json'
        stored = json.loads(credentials.read_text())
        assert stored['access_token'] == client.access_token

    return reset


@pytest.mark.parametrize('kind', ['totp', 'email'])
def test_a_second_factor_is_asked_for(stranger, wiki, reset, keys, kind):
    wiki.second_factor('Bot', kind, '123456')
    # A mistyped code is asked for again, and every answer is tried.
    words, mistyped = 'Make user-config.py read them instead', 4 * '654321\n'
    reset(stranger, words, keys=f'{keys}{mistyped}123456\n')


def test_a_line_of_standard_input_replaces_a_wrong_stored_password(
    tmp_path, wiki, reset, keys
):
    stranger = Owner(tmp_path, wiki, has_oauth=False, password='mistyped')
    reset(stranger, 'WARNING: Incorrect username', keys=keys)


@pytest.mark.parametrize('content', [None, b"('Bot', 'my-secret\xff')"])
def test_a_password_file_that_cannot_be_read_is_named(
    stranger, wiki, shows, content
):
    stranger.use_fixed_token(wiki.register(owner_only=True).access_token)
    stranger.configure("password_file = 'other.py'\n")
    if content is not None:
        path = stranger.folder / 'other.py'
        path.touch(mode=0o600)
        path.write_bytes(content)
    shown = shows('-reset -yes -stdin', 2, 'that password_file names')
    assert 'my-secret' not in shown


def test_what_pywikibot_has_is_not_asked_for(tmp_path, wiki, reset):
    password = wiki.password('Bot')
    stranger = Owner(tmp_path, wiki, has_oauth=False, password=password)
    assert 'Logged in' in stranger.alone('login').stdout
    cookies = tmp_path / 'pywikibot-Bot.lwp'
    jar = cookies.read_text()
    cookies.unlink()
    reset(stranger)  # with the password

    cookies.write_text(jar)
    (tmp_path / 'user-password.py').write_text('')
    wiki.requests.clear()
    reset(stranger, "Using Pywikibot's stored login.")
    # That login is neither repeated nor ended.
    actions = {request.form.get('action') for request in wiki.requests}
    assert not actions & {'clientlogin', 'login', 'logout'}

    # One with a bot password is no use: it does not tell the e-mail address.
    wiki.accounts.users['Bot'].denied.add('viewmyprivateinfo')
    reset(stranger, keys=f'{password}\n')
    assert 'clientlogin' in {each.form.get('action') for each in wiki.requests}
