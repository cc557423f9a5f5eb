#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What is wrong in user-config.py is told at the first run."""
from __future__ import annotations

import pytest

from tests.test_owner_only import LINES, Owner


ID = '0123456789abcdef' * 2


@pytest.mark.parametrize(('call', 'words'), [
    ("OAuth2Auth('nonsense', 's', redirect_uri='http://127.0.0.1:8080/')",
     "'nonsense' is no client ID, which has 32 digits"),
    ("OAuth2Auth('consumer key', 'consumer secret')",
     'looks like the values of OAuth 1.0a'),
    (f"OAuth2Auth({ID!r}, 's', redirect_uri='127.0.0.1:8080')",
     'does not begin with http:// or https:// and a host'),
    (f"OAuth2Auth({ID!r}, 's', redirect_uri='http://127.0.0.1:8080/#x')",
     'has a fragment (#)'),
    (f"OAuth2Auth({ID!r}, 's', redirect_uri='http://[::1/')",
     'is no address')])
def test_a_value_that_cannot_be_right_is_told_at_the_first_run(
        tmp_path, wiki, call, words):
    owner = Owner(tmp_path, wiki, call)
    shown = ' '.join(owner.alone('login').split())
    assert words in shown
    assert f"authenticate['{wiki.netloc}'] in user-config.py" in shown
    assert wiki.requests == []


def test_two_entries_that_contradict_are_told(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, f"OAuth2Auth({ID!r}, 's')\n"
                  f"authenticate['*.example.org'] = "
                  f"_oauth2.OAuth2Auth({ID!r}, 't')")
    shown = ' '.join(owner.alone('login').split())
    assert "and authenticate['*.example.org'] in user-config.py" in shown
    assert 'Put one OAuth2Auth object under both.' in shown
    assert wiki.requests == []


def test_a_host_of_no_site_is_told_at_the_end(tmp_path, wiki):
    client = wiki.register()
    owner = Owner(tmp_path, wiki,
                  f'OAuth2Auth({client.id!r}, {client.secret!r})')
    config = tmp_path / 'user-config.py'
    config.write_text(config.read_text().replace(
        f'authenticate[{wiki.netloc!r}]', "authenticate['*.wikipeda.org']"))
    shown = ' '.join(owner.edit().split())
    assert "authenticate['*.wikipeda.org'] in user-config.py" in shown
    assert wiki.netloc in shown


@pytest.mark.parametrize(('call', 'words'), [
    ('OAuth2Auth()', 'The client ID is missing'),
    (f'OAuth2Auth({ID!r}, owner_only=True)', 'needs its client secret'),
    ("OAuth2Auth(access_token='x', redirect_uri='http://127.0.0.1/')",
     'neither a client secret nor a redirect URI is of use')])
def test_arguments_that_do_not_fit_are_told(call, words):
    import pywikibot_oauth2 as _oauth2

    with pytest.raises(_oauth2.ConfigurationError, match=words):
        exec(LINES.format(netloc='x', call=call),
             {'authenticate': {}})
