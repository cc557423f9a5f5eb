"""Tests of what bots are told, and wait for."""

from __future__ import annotations

import re
import sys

import pytest
import pywikibot
from pywikibot import config
from pywikibot.comms import http

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    ClientRefusedError,
    EndpointError,
)
from tests.bench import DEAD, GOOD, WHO, api_error
from tests.helpers import HOUR, on_both
from tests.sandbox.server import json_response


def test_after_the_end_requests_go_without_a_token(live, said):
    live.password_session()
    live.who()
    tokens = {**WHO, 'meta': 'tokens'}
    tokens = http.fetch(live.wiki.api_url, params=tokens).json()
    token = tokens['query']['tokens']['csrftoken']
    live.wiki.revoke('Bot', live.bot.registered)
    # An edit is not made anonymously.
    assert live.edit(token=token) == 'badtoken'
    assert live.who() == '127.0.0.1'
    assert live.edit(**{'assert': 'user'}) == 'assertuserfailed'
    assert len(live.at_api()) == 6
    assert not any(request.cookies for request in live.wiki.requests)
    assert not live.wiki.edits
    assert live.bot.asked == 1
    (text,) = said
    assert 'pwb login' in text
    header = live.bot.log_in()
    assert live.who() == 'Bot'
    assert live.at_api()[-1].headers['authorization'] == header


@pytest.mark.parametrize('code', [DEAD, f'{DEAD}-not-approved'])
def test_a_change_by_rest_is_not_made_anonymously(live, code):
    def put():
        url = f'{live.other.url}/rest.php/wikibase/v1/entities/items/Q1'
        return http.fetch(url, 'PUT', default_error_handling=False)

    refusal = json_response({'errorKey': code}, 403)
    live.other.answers = [refusal, GOOD]
    live.wiki.revoke('Bot', live.bot.registered)
    assert put().status_code == 403
    assert live.other.sent('authorization') == [live.header]
    with pytest.raises((AuthorizationEndedError, ClientRefusedError)):
        raise put()
    assert len(live.other.requests) == 1


@on_both
def test_a_valid_token_of_a_disabled_client_waits_until_it_is_enabled(
    live, said, like
):
    live.who()
    live.wiki.disable_client(live.bot.registered)
    for _ in range(2):
        assert live.who() == '127.0.0.1'
        live.wiki.clock.advance(60)
    (text,) = said
    assert f'{DEAD}-not-approved. Requests are sent without' in text
    live.wiki.set_stage(live.bot.registered, 'approved')
    assert live.who() == 'Bot'
    # On 1.43, a refresh would have used up the refresh token.
    assert live.bot.asked == 0


@pytest.mark.parametrize('is_due', [False, True])
def test_a_refused_client_is_a_warning_and_requests_go_without_a_token(
    live, said, is_due
):
    live.who()
    live.wiki.disable_client(live.bot.registered)
    if is_due:
        live.wiki.clock.advance(HOUR)
    else:
        live.wiki.expire_access_tokens()
    for _ in range(3):
        assert live.who() == '127.0.0.1'
    assert live.bot.asked == 1
    (text,) = said
    assert live.bot.registered.id in text
    assert 'Requests are sent without a token' in text
    assert live.bot.stored.is_complete


def test_a_wiki_that_fails_is_waited_for_and_then_an_error(live, said):
    live.wiki.clock.advance(HOUR)
    live.wiki.fail_next('status', times=3, status=503)
    with pytest.raises(EndpointError) as caught:
        live.edit()
    assert 'run the script again when the wiki answers' in str(caught.value)
    assert caught.value.account == 'Bot'
    assert live.bot.asked == config.max_retries + 1
    assert not live.at_api()
    assert 'Waiting 0.0 seconds before retrying' in said[0]
    assert live.who() == 'Bot'


def test_the_waits_grow_and_have_a_limit(bench, said, monkeypatch):
    def wait(attempt, retry_after=None):
        return policy.wait(EndpointError('', retry_after=retry_after), attempt)

    config.retry_wait, config.retry_max, config.max_retries = 5, 8, 9
    waited = []
    monkeypatch.setattr(pywikibot, 'sleep', waited.append)
    policy = bench.auth.route(bench.wiki.url, 'Bot').policy
    assert wait(0)
    assert wait(1)
    assert wait(5)
    assert wait(0, retry_after=600)
    assert not wait(9)
    assert not wait(0, retry_after=601)
    assert waited == [5, 8, 8, 600]
    # What has just been said is not repeated.
    told = [re.search(r'Waiting (\S+) seconds', text)[1] for text in said]
    assert told == ['5.0', '8.0', '600.0']


@pytest.mark.parametrize(
    ('code', 'data', 'words'),
    [('permissiondenied', 'action=delete&title=A', 'Delete pages'),
     ('blocked', '', 'the authorization is still valid'),
     (f'{DEAD}-jwt', '', 'A cookie that did not belong'),
     ('badtoken', '', None)],
)  # fmt: skip
def test_the_meaning_of_an_error_code_is_explained_once(
    live, said, code, data, words
):
    answers = [api_error(code), api_error('mwoauth-api-module-disabled')] * 2
    live.other.answers = [*answers, GOOD]
    for answer in answers:
        sent = http.fetch(live.other.api_url, 'POST', data=data)
        assert sent.content == answer.body
    assert len(live.other.requests) == 4
    assert live.bot.asked == 0
    assert len(said) == 1 + (words is not None)
    assert not words or words in said[0]


def test_a_logout_that_the_wiki_refuses_ends_pwb_login(live, monkeypatch):
    live.other.answers = [api_error('cannotlogout')]
    assert http.fetch(live.other.api_url).ok
    monkeypatch.setattr(sys, 'argv', ['login.py', '-logout'])
    monkeypatch.setattr(pywikibot.bot, 'calledModuleName', lambda: 'login')
    with pytest.raises(SystemExit):
        http.fetch(live.other.api_url)


@pytest.mark.parametrize(
    ('seconds', 'is_explained'), [(0, True), (301, False), (HOUR, False)]
)
def test_csrf_tokens_that_are_refused_again_and_again_are_explained_once(
    live, said, seconds, is_explained
):
    for _ in range(5):
        assert live.edit() == 'badtoken'
        live.wiki.clock.advance(seconds)
    assert len(said) == is_explained
    assert is_explained == ('its own authorization' in ''.join(said))
