"""Tests of the conversation, with a person in a real terminal."""

from __future__ import annotations

import getpass
import re
import socket
import sys
import threading
import webbrowser
from urllib.parse import parse_qsl, urlsplit

import pytest
import pywikibot

from pywikibot_oauth2 import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationError,
    ClientRefusedError,
    EndpointError,
)
from pywikibot_oauth2.login import prompt
from pywikibot_oauth2.login.conversation import Conversation
from pywikibot_oauth2.protocol import OAuth2Wiki
from tests.harness import SECONDS, free_port, wait_until


@pytest.fixture
def begin(wiki, person, said):
    """Return a function that logs in; it raises an error if that fails."""

    def begin(redirect_uri=None, *, timeout=20, secret=None, **settings):
        registered = wiki.register(
            redirect_uri=redirect_uri or f'http://127.0.0.1:{free_port()}/cb'
        )
        client = OAuth2Client(
            registered.id,
            secret or registered.secret,
            redirect_uri=registered.redirect_uri,
        )
        endpoints = OAuth2Wiki(client, wiki.url, 'test', wiki.clock)
        conversation = Conversation(
            client, endpoints, wiki=wiki.url, user='Bot', site='wiki:en'
        )
        token = conversation.run(timeout, **settings)
        assert wiki.oauth.valid(token.access_token) is not None

    yield begin
    assert person.is_restored()
    assert not [secret for secret in wiki.secrets if secret in str(said)]


def exchanges(wiki):
    """Return the forms of the requests for a token."""
    return [
        request.form
        for request in wiki.requests
        if request.form.get('grant_type') == 'authorization_code'
    ]


# Allow


def test_a_click_on_allow_is_enough(wiki, person, said, begin):
    begin(timeout=77)
    query = dict(parse_qsl(urlsplit(person.opened[0]).query))
    (client,) = wiki.oauth.clients.values()
    assert query['client_id'] == client.id
    assert query['redirect_uri'] == client.redirect_uri
    assert query['ui_locales'] == 'de'
    (form,) = exchanges(wiki)
    assert form['redirect_uri'] == client.redirect_uri
    # The prompt says what may go wrong and how long it waits.
    (text,) = said
    for words in (
        'To let this program act as Bot on wiki:en, open this address',
        'If the browser runs on another computer',
        'If the wiki shows an error instead of "Allow"',
        'unknown, not yet approved, expired or disabled',
        'title=Special:OAuthConsumerRegistration/list',
        'Waiting for 77 seconds.',
    ):
        assert words in text


@pytest.mark.parametrize(
    'pattern',
    [r'.*', r'\?.*', r'(?<=\?).*', r'(?<=code=)\w+'],
    ids=['address', 'query', 'bare query', 'bare code'],
)
def test_any_part_with_the_code_may_be_pasted(wiki, person, begin, pattern):
    person.does = lambda url: person.paste(
        f' <"{re.search(pattern, wiki.approve(url))[0]}"> '
    )
    begin()


def test_a_wrong_answer_does_not_end_the_login(wiki, person, said, begin):
    def paste(url):
        callback, state = wiki.approve(url), re.search('state=([^&]+)', url)[1]
        of_another_login = wiki.approve(url.replace(state, 'another'))
        person.go(of_another_login)  # which is not told in the terminal
        person.paste(
            'what is this?',
            'https://en.wikipedia.org/wiki/OAuth?x=1',
            callback[:600],
            callback[:-3],
            of_another_login,
            f'{callback[:100]}&state={state}',
            callback,
        )

    person.does = paste
    begin()
    warnings = [text for text in said if 'open the address again' in text]
    reasons = (
        *['address contains no authorization code'] * 2,
        'incomplete: the part from &state= on is missing',
        *['belongs to another login, or its end is missing'] * 2,
        'refused the authorization code',
    )
    for warning, reason in zip(warnings, reasons, strict=True):
        assert reason in warning
    assert len(exchanges(wiki)) == 2


def test_after_a_code_that_was_refused_the_browser_may_come_again(
    wiki, person, begin
):
    def come_twice(url):
        callback = wiki.approve(url)
        person.go(callback.replace('code=', 'code=0'))
        # The page arrives before the callback is passed on.
        wait_until(lambda: exchanges(wiki))
        person.go(callback)

    person.does = come_twice
    begin()
    assert len(exchanges(wiki)) == 2


# Not allowed


@pytest.mark.parametrize('way', ['go', 'paste'])
def test_a_click_on_cancel_ends_the_login_without_its_words(
    wiki, person, begin, way
):
    person.does = lambda url: getattr(person, way)(
        wiki.deny(url) + '&error_description=Run:+evil'
    )
    with pytest.raises(AuthorizationError, match='was cancelled') as caught:
        begin()
    error = caught.value
    assert 'evil' not in str(error)
    assert error.error == 'cancelled'


def test_a_login_ends_if_nobody_answers_and_opens_no_browser_on_request(
    person, begin
):
    with pytest.raises(AuthorizationError, match=r'within 0\.05 seconds'):
        begin(timeout=0.05, opens_browser=False)
    assert person.opened == []


def test_a_login_ends_if_the_terminal_is_closed_or_there_is_none(
    person, begin, said, monkeypatch
):
    person.does = lambda _url: person.paste('\x04')
    with pytest.raises(AuthorizationError, match='Ctrl-D was pressed, or'):
        begin()
    said.clear()
    monkeypatch.setattr(sys, 'stdin', None)
    with pytest.raises(AuthorizationError, match='has not authorized'):
        begin()
    assert said == []


def test_a_browser_within_the_terminal_is_not_opened(tmp_path, begin):
    lynx = webbrowser.GenericBrowser(['touch', str(tmp_path / 'opened')])
    webbrowser.register('lynx', None, lynx, preferred=True)
    before = threading.enumerate()
    with pytest.raises(AuthorizationError):
        begin(timeout=0.05)
    # The one that opens a browser waits until it is closed.
    for thread in set(threading.enumerate()).difference(before):
        thread.join(SECONDS)
    assert not (tmp_path / 'opened').exists()


# Where the browser cannot come back to


@pytest.fixture
def taken():
    """Return a callback URL with a port that somebody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield f'http://127.0.0.1:{server.getsockname()[1]}/cb'


@pytest.mark.parametrize('zero', ['', '0'])
def test_if_the_port_is_taken_a_new_wiki_gets_another_one(
    wiki, said, begin, taken, zero
):
    wiki.like = 'master'
    taken = taken.replace('.1:', f'.1:{zero}')
    begin(taken)
    used = exchanges(wiki)[0]['redirect_uri']
    assert re.fullmatch(r'http://127\.0\.0\.1:\d+/cb', used)
    assert used != taken
    assert 'Cannot listen on' not in str(said)


@pytest.mark.parametrize(
    ('name', 'like'),
    [('localhost', 'master'), ('127.0.0.1', 'master'), ('127.0.0.1', '1.43')],
)
def test_otherwise_the_owner_of_the_port_is_named_and_a_paste_accepted(
    wiki, person, said, begin, taken, name, like
):
    # The port of localhost matters, the second wiki does not answer, and to
    # the third one every port matters.
    wiki.like = like
    if (name, like) == ('127.0.0.1', 'master'):
        wiki.fail_next('reset_before')
    person.does = person.paste_callback
    uri = taken.replace('127.0.0.1', name)
    begin(uri)
    assert exchanges(wiki)[0]['redirect_uri'] == uri
    assert f'Cannot listen on {uri}' in said[0]
    assert f'in use, by a program of {getpass.getuser()})' in said[0]
    assert 'Then paste' in said[1]


def test_a_callback_that_is_not_on_this_machine_is_pasted(person, said, begin):
    person.does = person.paste_callback
    begin('https://bot.example.org/cb')
    assert 'Then paste' in said[0]


def test_where_nothing_can_be_pasted_the_browser_has_to_come_back(
    said, begin, monkeypatch
):
    monkeypatch.setattr(prompt, 'termios', None)
    with pytest.raises(AuthorizationError, match='Pasting is not poss'):
        begin('https://example.org/cb')
    assert said == []
    begin()
    assert 'Use a browser on this computer' in said[0]


# A wiki in trouble


def test_it_survives_a_wiki_that_is_down_for_a_moment(
    wiki, begin, monkeypatch
):
    waits = []
    monkeypatch.setattr(pywikibot, 'sleep', waits.append)
    wiki.fail_next('status', times=3, status=503)
    begin()
    assert waits == [1, 2, 4]
    wiki.fail_next('status', times=4, status=503)
    with pytest.raises(EndpointError, match='503') as caught:
        begin()
    assert waits == [1, 2, 4] * 2
    assert caught.value.error == 'no_answer'


def test_a_wrong_client_secret_ends_it(begin):
    with pytest.raises(ClientRefusedError, match='does not accept'):
        begin(secret='of another client')
