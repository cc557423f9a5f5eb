#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the client: what it shows, and what it does not accept."""
from __future__ import annotations

import io
import json
import logging
import pprint
import string
import traceback

import pytest
from pywikibot.exceptions import FatalServerError

from pywikibot_oauth2 import (
    ConfigurationError,
    OAuth2Auth,
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
)


CLIENT_ID = '0123456789abcdef'
SECRET = 'c0ffee5ec2e7c0ffee'
REDIRECT_URI = 'http://127.0.0.1:8080/'


def make_client():
    return OAuth2Client(CLIENT_ID, SECRET, redirect_uri=REDIRECT_URI)


def logged(client):
    stream = io.StringIO()
    logger = logging.Logger('a logger of its own')
    logger.addHandler(logging.StreamHandler(stream))
    logger.error('The client %s %r', client, client)
    logger.error(client)
    logger.error('%(c)s', {'c': client})
    return stream.getvalue()


def raised_with_locals(client):
    try:
        raise ValueError(client)
    except ValueError as error:
        return ''.join(traceback.TracebackException.from_exception(
            error, capture_locals=True).format())


def not_serializable(client):
    with pytest.raises(TypeError) as info:
        json.dumps(client)
    return f'{CLIENT_ID} {info.value}'


def attributes(client):
    """Return what tools show that look at public attributes."""
    return repr({name: getattr(client, name) for name in dir(client)
                 if not name.startswith('_')})


WAYS = [repr, str, format, ascii, pprint.pformat,
        '{}'.format, '{!r}'.format, '%s'.__mod__, '%r'.__mod__, logged,
        raised_with_locals, not_serializable, attributes,
        lambda client: string.Template('$c').substitute(c=client),
        lambda client: pprint.pformat({'clients': [client]}),
        lambda client: repr(OAuth2Session(
            client, 'https://wiki.example/w/api.php')),
        lambda client: json.dumps(OAuth2Session(
            client, 'https://wiki.example/w/api.php').serialize())]


@pytest.mark.parametrize('way', WAYS, ids=lambda way: way.__name__)
def test_the_secret_is_shown_in_no_way(way):
    client = make_client()
    # Else the test could not fail.
    assert SECRET in repr(client.credentials())
    shown = way(client)
    assert SECRET not in shown
    assert CLIENT_ID in shown


def test_its_variables_cannot_be_listed():
    with pytest.raises(TypeError):
        vars(make_client())


@pytest.mark.parametrize('way', [repr, str, pprint.pformat, logged,
                                 raised_with_locals],
                         ids=lambda way: way.__name__)
def test_what_is_in_user_config_does_not_show_the_secret(way):
    auth = OAuth2Auth(CLIENT_ID, SECRET, redirect_uri=REDIRECT_URI)
    shown = way(auth) + repr(vars(auth))
    assert SECRET not in shown
    assert CLIENT_ID in shown


def test_it_says_what_it_is():
    assert repr(make_client()) == (
        f"<OAuth2Client '{CLIENT_ID}' (confidential),"
        f" redirect_uri='{REDIRECT_URI}'>")
    assert repr(OAuth2Client(CLIENT_ID)) == (
        f"<OAuth2Client '{CLIENT_ID}' (public), redirect_uri=None>")


def test_a_client_with_a_secret_is_confidential():
    client = make_client()
    assert client.is_confidential
    assert client.credentials() == {'client_id': CLIENT_ID,
                                    'client_secret': SECRET}


def test_a_client_without_a_secret_is_public():
    client = OAuth2Client(CLIENT_ID, redirect_uri=REDIRECT_URI)
    assert not client.is_confidential
    assert client.credentials() == {'client_id': CLIENT_ID}


def test_blanks_from_copying_are_removed():
    client = OAuth2Client(f' {CLIENT_ID}\n', f'\t{SECRET} \n')
    assert client.credentials() == {'client_id': CLIENT_ID,
                                    'client_secret': SECRET}


def test_the_redirect_uri_stays_as_it_is():
    for uri in ('http://127.0.0.1:8080', 'HTTP://LocalHost:8080/%7e?a=b',
                'https://tool.example/ö'):
        assert OAuth2Client(CLIENT_ID, redirect_uri=uri).redirect_uri == uri


@pytest.mark.parametrize('make', [OAuth2Client, OAuth2Auth])
@pytest.mark.parametrize(('name', 'arguments'), [
    ('client ID', {'client_id': None}),
    ('client ID', {'client_id': ''}),
    ('client ID', {'client_id': ' \n'}),
    ('client ID', {'client_id': 12345}),
    ('client ID', {'client_id': b'12345'}),
    ('client ID', {'client_id': ('a', 'b')}),
    ('client secret', {'client_secret': ' \t'}),
    ('client secret', {'client_secret': 12345}),
    ('client secret', {'client_secret': b'c0ffee5ec2e7c0ffee'}),
    ('client secret', {'client_secret': [SECRET]}),
    ('redirect URI', {'redirect_uri': ''}),
    ('redirect URI', {'redirect_uri': ' '}),
    ('redirect URI', {'redirect_uri': 8080}),
    ('redirect URI', {'redirect_uri': b'http://127.0.0.1/'}),
], ids=lambda value: repr(value)[:40])
def test_a_bad_value_names_the_line_to_correct(make, name, arguments):
    arguments = {'client_id': CLIENT_ID, 'client_secret': SECRET,
                 'redirect_uri': REDIRECT_URI, **arguments}
    with pytest.raises(ConfigurationError) as info:
        make(**arguments)
    message = str(info.value)
    assert f'The {name} ' in message
    assert 'OAuth2Auth(…) line in user-config.py' in message
    assert SECRET not in message
    # Pywikibot would repeat the request for any other error.
    assert isinstance(info.value, FatalServerError)
    assert isinstance(info.value, OAuth2Error)


@pytest.mark.parametrize('token', [
    'Bearer hidden', 'hid\nden', 'hidden…', '"hidden"'])
def test_what_can_be_no_access_token_is_refused_and_not_shown(token):
    with pytest.raises(ConfigurationError, match='without "Bearer"') as info:
        OAuth2Client(access_token=token)
    assert 'hid' not in str(info.value)


def test_access_tokens_without_a_client_id_are_clients_of_their_own():
    one, two = (OAuth2Client(access_token=token) for token in ('a', 'b'))
    assert one.is_one_with(OAuth2Client(access_token='a'))
    assert not one.is_one_with(two)
    assert not one.is_one_with(make_client())
    assert make_client().is_one_with(OAuth2Client(CLIENT_ID))
