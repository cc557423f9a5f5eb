#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the renewal, with real files, sockets, threads and processes."""
from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from pywikibot import config

from pywikibot_oauth2.errors import (
    ClientRefusedError,
    EndpointError,
    StoreError,
)
from tests.bots import Bot, Child, at_once, configure, listening, wait_until
from tests.sandbox import Clock


HOUR = 3600
YEAR = 365 * 86400
NOBODY = 65534

# What does not reach the token endpoint, or comes from a server in front
# of it: the refresh token is as it was.
NOT_HANDLED = {
    '500': ('status', {'status': 500}),
    '502': ('status', {'status': 502}),
    '503': ('status', {'status': 503, 'retry_after': 0}),
    '429': ('status', {'status': 429}),
    'html': ('html', {}),
    'empty': ('empty', {}),
    'redirect': ('redirect', {'location': '/elsewhere', 'status': 302}),
    '307': ('redirect', {'location': '/elsewhere', 'status': 307}),
    'list': ('status', {'status': 200, 'body': '[]',
                        'content_type': 'application/json'}),
    'no error': ('status', {'status': 400, 'body': '{}',
                            'content_type': 'application/json'}),
    'reset': ('reset_before', {}),
    'silence': ('hang_before', {}),
}

# What is acted on, but the answer gets lost.
LOST = ('half', 'reset_after', 'hang_after')


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    configure(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def said():
    with listening() as messages:
        yield messages


@pytest.fixture
def bot(wiki):
    return Bot(wiki)


@pytest.fixture
def brief(monkeypatch):
    """Let requests wait but shortly for an answer."""
    monkeypatch.setattr(config, 'socket_timeout', (5, 0.4))


def not_handled():
    return pytest.mark.parametrize(
        ('kind', 'options'), NOT_HANDLED.values(), ids=NOT_HANDLED)


# Before the token expires

def test_without_a_login_there_is_no_header_and_no_request(bot):
    assert bot.renewal.header() is None
    assert not bot.wiki.requests


def test_a_valid_token_costs_no_request(bot):
    header = bot.log_in()
    for _ in range(50):
        assert bot.renewal.header() == header
    assert not bot.wiki.requests


def test_a_valid_token_needs_no_look_at_the_file(bot):
    header = bot.log_in()
    bot.renewal.header()
    bot.path.write_text('garbage')
    assert bot.renewal.header() == header


def test_the_scheme_is_written_bearer_with_a_capital(bot):
    bot.log_in()
    scheme, _, token = bot.renewal.header().partition(' ')
    assert scheme == 'Bearer'
    assert token == bot.stored['token']['access_token']


@pytest.mark.parametrize(('life', 'leeway'), [(3600, 60), (100, 10)])
def test_it_is_refreshed_a_minute_or_a_tenth_of_its_life_before_expiry(
        bot, life, leeway):
    bot.wiki.token_life = life
    old = bot.log_in()
    bot.clock.advance(life - leeway - 2)
    assert bot.renewal.header() == old
    assert bot.asked == 0
    bot.clock.advance(3)
    new = bot.renewal.header()
    assert new != old
    assert bot.accepts(new)
    assert bot.asked == 1


def test_refresh_sends_the_refresh_token_and_the_client_and_no_more(bot):
    bot.log_in()
    sent = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.renewal.header()
    request, = bot.wiki.requests
    assert (request.method, request.path, request.query_string) == (
        'POST', '/rest.php/oauth2/access_token', '')
    assert request.form == {'grant_type': 'refresh_token',
                            'refresh_token': sent,
                            'client_id': bot.registered.id,
                            'client_secret': bot.registered.secret}
    assert 'authorization' not in request.headers
    assert 'cookie' not in request.headers
    assert 'Pywikibot' in request.headers['user-agent']


def test_new_tokens_are_in_the_file_before_they_are_used(bot):
    bot.log_in()
    old = bot.refresh_token
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.stored_header == header
    assert bot.refresh_token != old
    assert bot.path.stat().st_mode & 0o777 == 0o600


def test_refresh_keeps_the_old_refresh_token_if_none_is_returned(bot):
    bot.wiki.version = '1.47'
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('rewrite', change=without('refresh_token'))
    assert bot.accepts(bot.renewal.header())
    assert bot.refresh_token == kept
    bot.wiki.oauth.expire_access_tokens()
    assert bot.accepts(bot.renewal.replace(bot.stored_header))
    assert bot.tried == [kept, kept]


def without(name):
    return lambda data: {key: value for key, value in data.items()
                         if key != name}


@pytest.mark.parametrize('life', [
    'missing', None, 0, -1, -3600, 0.001, '3600', 'soon', '', True, [], {},
    1e300, 10 ** 400, float('nan'), float('inf')],
    ids=lambda life: repr(life)[:12])
def test_no_expires_in_makes_a_refresh_loop(bot, life):
    def change(data):
        return without('expires_in')(data) if life == 'missing' \
            else {**data, 'expires_in': life}

    bot.log_in()
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('rewrite', change=change, times=9)
    for calls in range(1, 6):
        header = bot.renewal.header()
        assert bot.accepts(header)
        # A life of a millisecond is a refresh for each request; what is
        # no life at all is not known to be over before the wiki says so.
        assert bot.asked <= (calls if life == 0.001 else 1)
    asked = bot.asked
    bot.wiki.expire_access_tokens()
    assert bot.accepts(bot.renewal.replace(header))
    assert bot.asked == asked + 1


# The wiki says that the token is dead

def test_a_refused_token_is_replaced(bot):
    old = bot.log_in()
    bot.renewal.header()
    bot.wiki.expire_access_tokens()
    new = bot.renewal.replace(old)
    assert bot.accepts(new)
    assert bot.renewal.header() == new
    assert bot.asked == 1


def test_a_token_that_was_replaced_already_is_not_replaced_again(bot):
    old = bot.log_in()
    bot.renewal.header()
    new = bot.renewal.replace(old)
    assert bot.renewal.replace(old) == new
    assert bot.asked == 1


def test_64_threads_that_need_it_at_once_refresh_once(bot):
    bot.log_in()
    bot.renewal.header()
    bot.clock.advance(HOUR)
    headers = at_once(64, lambda _: bot.renewal.header())
    assert set(headers) == {bot.stored_header}
    assert bot.accepts(headers[0])
    assert bot.asked == 1


def test_64_threads_whose_token_is_refused_refresh_once(bot):
    old = bot.log_in()
    bot.renewal.header()
    bot.wiki.expire_access_tokens()
    headers = at_once(64, lambda _: bot.renewal.replace(old))
    assert set(headers) == {bot.stored_header}
    assert bot.asked == 1


# Other processes

def test_the_newer_token_in_the_file_is_taken_instead_of_asking(bot):
    bot.log_in()
    other = bot.new_renewal()
    bot.renewal.header()
    other.header()
    bot.clock.advance(HOUR)
    new = other.header()
    assert bot.renewal.header() == new
    assert bot.asked == 1


def test_the_newer_token_is_taken_if_the_wiki_refuses_the_old_one(bot):
    old = bot.log_in()
    other = bot.new_renewal()
    bot.renewal.header()
    other.header()
    new = other.replace(old)
    assert bot.renewal.replace(old) == new
    assert bot.asked == 1


def test_a_newer_token_that_is_due_too_is_refreshed_with_its_own(bot):
    bot.log_in()
    other = bot.new_renewal()
    bot.renewal.header()
    bot.clock.advance(HOUR)
    other.header()
    newer = bot.refresh_token
    bot.clock.advance(HOUR)
    assert bot.accepts(bot.renewal.header())
    assert bot.tried[1:] == [newer]


def test_a_login_is_kept_though_another_process_refreshed_meanwhile(bot):
    old = bot.log_in()
    bot.renewal.load()
    bot.new_renewal().load()
    other = bot.new_renewal()
    other.header()
    assert other.replace(old) != old
    session = bot.authorized()
    bot.renewal.adopt(session)
    assert bot.renewal.header() == session.token.header
    assert bot.stored_header == session.token.header


def test_a_login_is_kept_though_the_file_was_never_read(bot):
    bot.log_in()
    session = bot.authorized()
    bot.renewal.adopt(session)
    assert bot.renewal.header() == session.token.header
    assert bot.stored_header == session.token.header


def test_the_session_of_another_client_stays_in_the_file(bot):
    other = Bot(bot.wiki)
    theirs = other.log_in()
    bot.log_in()
    bot.clock.advance(HOUR)
    bot.renewal.header()
    assert other.stored_header == theirs
    assert bot.asked == 1


def test_processes_share_one_refresh(bot):
    bot.log_in()
    children = [Child(bot) for _ in range(4)]
    try:
        for child in children:
            child.__enter__()
            assert child.ask('header') == bot.stored_header
        bot.renewal.header()
        bot.clock.advance(HOUR)
        for child in children:
            child.ask('advance', seconds=HOUR)
        for child in children:
            child.tell('header')
        headers = [bot.renewal.header(),
                   *(child.answer() for child in children)]
        assert set(headers) == {bot.stored_header}
        assert bot.asked == 1
        assert bot.accepts(headers[0])
        # The same when it is the wiki that says so.
        bot.wiki.expire_access_tokens()
        for child in children:
            child.tell('replace', refused=headers[0])
        assert {child.answer() for child in children} == {bot.stored_header}
        assert bot.asked == 2
    finally:
        for child in children:
            child.__exit__()


def test_a_process_that_was_killed_while_it_refreshed_blocks_nobody(bot):
    bot.wiki.version = '1.47'
    bot.log_in()
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('hang_after')
    with Child(bot) as child:
        child.tell('header')
        wait_until(lambda: bot.asked)
        child.kill()
        assert bot.accepts(bot.renewal.header())
    first, second = bot.tried
    assert first == second


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_a_fork_while_another_thread_refreshes_does_not_hang(bot):
    bot.log_in()
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('slow', delay=0.7)
    with Child(bot) as child:
        child.tell('header in a thread')
        wait_until(lambda: bot.wiki.faults_served['slow'])
        child.tell('header in a fork', seconds=5)
        answers = [child.answer(), child.answer()]
    header = bot.stored_header
    assert [0, header] in answers, 'the fork hung'
    assert header in answers
    assert bot.asked == 1


# The wiki ends the authorization

@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_a_refused_refresh_token_ends_the_authorization(bot, said, version):
    bot.wiki.version = version
    old = bot.log_in()
    bot.renewal.header()
    bot.wiki.revoke('Bot', bot.registered)
    assert bot.renewal.replace(old) is None
    assert bot.renewal.header() is None
    assert bot.asked == 1
    assert 'Token has been revoked' in bot.stored['ended']
    assert bot.refresh_token in bot.tried, 'the tokens were thrown away'
    message, = said
    assert 'The authorization of Bot has ended' in message
    assert 'pwb login' in message
    assert 'answer' not in message, 'there was no lost answer'


def test_an_ended_authorization_is_not_tried_again(bot):
    bot.log_in()
    bot.wiki.revoke('Bot', bot.registered)
    bot.clock.advance(HOUR)
    for renewal in (bot.renewal, bot.renewal, bot.new_renewal()):
        assert renewal.header() is None
    assert bot.asked == 1


def test_another_process_learns_from_the_file_that_it_has_ended(bot):
    old = bot.log_in()
    other = bot.new_renewal()
    other.header()
    bot.renewal.header()
    bot.wiki.revoke('Bot', bot.registered)
    bot.renewal.replace(old)
    assert other.replace(old) is None
    assert bot.asked == 1


def test_a_login_in_another_process_is_noticed_after_the_end(bot):
    old = bot.log_in()
    bot.renewal.header()
    bot.wiki.revoke('Bot', bot.registered)
    assert bot.renewal.replace(old) is None
    new = bot.log_in()
    assert bot.renewal.header() == new
    assert bot.asked == 1


def test_a_first_login_in_another_process_is_noticed(bot):
    assert bot.renewal.header() is None
    assert bot.log_in() == bot.renewal.header()


def test_the_end_does_not_overwrite_a_newer_login(bot):
    """Which was made after this process had read the file."""
    old = bot.log_in()
    bot.renewal.header()
    bot.wiki.revoke('Bot', bot.registered)
    new = bot.log_in()
    assert bot.renewal.replace(old) == new
    assert bot.stored_header == new
    assert bot.stored['ended'] is None
    assert bot.asked == 0


def test_a_token_without_a_refresh_token_ends_when_it_is_refused(bot, said):
    old = bot.log_in(refresh_token=None)
    bot.clock.advance(HOUR)
    assert bot.renewal.header() == old, 'only the wiki can say so'
    assert bot.renewal.replace(old) is None
    assert bot.asked == 0
    assert 'There is no refresh token' in said[0]


# Temporary failures

@not_handled()
def test_a_failure_leaves_the_old_token_as_long_as_it_is_valid(
        bot, brief, said, kind, options):
    old = bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR - 30)
    bot.wiki.fail_next(kind, **options)
    assert bot.renewal.header() == old
    assert bot.renewal.header() == old
    assert bot.asked == 1, 'asked again at once'
    assert 'still serves' in said[0]
    assert bot.refresh_token == kept
    bot.clock.advance(29)
    new = bot.renewal.header()
    assert new != old
    assert bot.accepts(new)
    assert bot.tried == [kept, kept]
    assert not bot.wiki.count('/elsewhere')


@not_handled()
def test_a_failure_is_repeated_if_the_old_token_has_expired(
        bot, brief, said, kind, options):
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.fail_next(kind, times=2, **options)
    assert bot.accepts(bot.renewal.header())
    assert bot.tried == [kept] * 3
    assert 'Waiting' in said[0]
    assert not bot.wiki.count('/elsewhere')


@not_handled()
def test_a_failure_that_lasts_is_an_error_and_loses_nothing(
        bot, brief, monkeypatch, kind, options):
    monkeypatch.setattr(config, 'max_retries', 1)
    old = bot.log_in()
    kept = bot.refresh_token
    bot.renewal.header()
    bot.wiki.expire_access_tokens()
    bot.wiki.fail_next(kind, times=2, **options)
    with pytest.raises(EndpointError) as caught:
        bot.renewal.replace(old)
    assert bot.wiki.url in str(caught.value)
    assert bot.tried == [kept] * 2
    assert bot.refresh_token == kept
    assert bot.stored['ended'] is None
    assert bot.accepts(bot.renewal.replace(old))


def test_a_wiki_that_cannot_be_reached_loses_nothing(bot):
    old = bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR - 30)
    bot.wiki.close()
    assert bot.renewal.header() == old
    bot.clock.advance(30)
    with pytest.raises(EndpointError, match='refused'):
        bot.renewal.header()
    assert bot.refresh_token == kept
    with bot.wiki:
        assert bot.accepts(bot.renewal.header())


def test_the_attempts_are_farther_and_farther_apart(bot, monkeypatch):
    for name, value in (('retry_wait', 0.1), ('retry_max', 0.25),
                        ('max_retries', 3)):
        monkeypatch.setattr(config, name, value)
    bot.log_in()
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('status', times=3, status=503)
    start = time.monotonic()
    assert bot.accepts(bot.renewal.header())
    assert 0.1 + 0.2 + 0.25 <= time.monotonic() - start < 3
    assert bot.asked == 4


def test_retry_after_is_respected_if_the_old_token_has_expired(bot):
    bot.log_in()
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('status', status=429, retry_after=1)
    start = time.monotonic()
    assert bot.accepts(bot.renewal.header())
    assert time.monotonic() - start >= 1


def test_retry_after_is_respected_while_the_old_token_serves(bot):
    old = bot.log_in()
    bot.clock.advance(HOUR - 50)
    bot.wiki.fail_next('status', status=429, retry_after=30)
    assert bot.renewal.header() == old
    bot.clock.advance(28)
    assert bot.renewal.header() == old
    assert bot.asked == 1
    bot.clock.advance(3)
    assert bot.renewal.header() != old
    assert bot.asked == 2


def test_retry_after_does_not_reach_beyond_the_expiry(bot):
    old = bot.log_in()
    bot.clock.advance(HOUR - 50)
    bot.wiki.fail_next('status', status=503, retry_after=86400)
    assert bot.renewal.header() == old
    bot.clock.advance(51)
    assert bot.accepts(bot.renewal.header())


def test_a_refused_client_is_an_error_and_keeps_the_token(bot, said):
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.disable_client(bot.registered)
    for asked in (1, 2):
        with pytest.raises(ClientRefusedError) as caught:
            bot.renewal.header()
        assert bot.asked == asked, 'a refusal was repeated'
    assert bot.registered.id in str(caught.value)
    assert 'user-config.py' in str(caught.value)
    assert bot.registered.secret not in str(caught.value)
    assert bot.refresh_token == kept
    assert bot.stored['ended'] is None
    assert not said
    bot.registered.disabled = False
    assert bot.accepts(bot.renewal.header())


def test_a_refused_client_does_not_take_away_a_valid_token(bot, said):
    old = bot.log_in()
    bot.clock.advance(HOUR - 30)
    bot.wiki.disable_client(bot.registered)
    assert bot.renewal.header() == old
    assert bot.registered.id in said[0]


# Lost answers

@pytest.mark.parametrize('kind', LOST)
def test_a_lost_answer_is_asked_for_again_with_the_same_token(
        bot, brief, kind):
    bot.wiki.version = '1.47'
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.fail_next(kind)
    assert bot.accepts(bot.renewal.header())
    assert bot.tried == [kept, kept]
    assert bot.stored['ended'] is None


@pytest.mark.parametrize('kind', LOST)
def test_a_lost_answer_ends_the_authorization_before_1_47_and_says_so(
        bot, brief, said, kind):
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.fail_next(kind)
    assert bot.renewal.header() is None
    assert bot.tried == [kept, kept]
    assert 'got no usable answer' in bot.stored['ended']
    assert 'got no usable answer' in said[-1]
    assert 'pwb login' in said[-1]


@pytest.mark.parametrize('version', ['1.43', '1.47'])
def test_an_answer_that_gets_lost_before_expiry_revokes_the_old_token(
        bot, version, said):
    bot.wiki.version = version
    old = bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR - 30)
    bot.wiki.fail_next('reset_after')
    assert bot.renewal.header() == old, 'this process cannot know'
    assert not bot.accepts(old)
    new = bot.renewal.replace(old)
    assert bot.tried == [kept, kept]
    if version == '1.47':
        assert bot.accepts(new)
    else:
        assert new is None
        assert 'got no usable answer' in said[-1]


def test_a_new_login_forgets_the_answer_that_got_lost(bot, brief, said):
    bot.log_in()
    bot.clock.advance(HOUR - 30)
    bot.wiki.fail_next('reset_before')
    bot.renewal.header()
    bot.renewal.adopt(bot.authorized())
    bot.wiki.revoke('Bot', bot.registered)
    assert bot.renewal.replace(bot.stored_header) is None
    assert 'answer' not in said[-1]


def test_a_refused_client_is_not_said_to_be_a_lost_answer(bot, said):
    old = bot.log_in()
    bot.clock.advance(HOUR - 30)
    bot.wiki.disable_client(bot.registered)
    assert bot.renewal.header() == old
    bot.registered.disabled = False
    bot.wiki.revoke('Bot', bot.registered)
    assert bot.renewal.replace(old) is None
    assert 'answer' not in said[-1]


def test_an_answer_without_a_token_loses_nothing(bot):
    bot.wiki.version = '1.47'
    bot.log_in()
    kept = bot.refresh_token
    bot.clock.advance(HOUR)
    bot.wiki.fail_next('rewrite', change=without('access_token'))
    assert bot.accepts(bot.renewal.header())
    assert bot.tried == [kept, kept]


# The file

@pytest.mark.parametrize('content', [
    b'', b'garbage', b'{"version": 1, "sess', b'{"version": 99}', b'[]',
    b'\xff\xfe', b'{"version": 1, "sessions": []}', b'null'],
    ids=['emptied', 'garbage', 'truncated', 'future', 'list', 'binary',
         'no sessions', 'null'])
def test_a_file_that_was_spoilt_is_left_and_the_token_in_memory_used(
        bot, said, content):
    bot.log_in()
    bot.renewal.header()
    bot.path.write_bytes(content)
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert bot.renewal.header() == header
    assert bot.asked == 1
    assert bot.path.read_bytes() == content
    assert any(str(bot.path) in message for message in said)


def test_a_session_of_a_newer_release_is_left_as_it_is(bot):
    """Though the layout of the file is one that can be read."""
    bot.log_in()
    bot.renewal.header()
    sessions = {bot.client.client_id: {**bot.stored, 'version': 99}}
    text = json.dumps({'version': 1, 'sessions': sessions})
    bot.path.write_text(text)
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert bot.path.read_text() == text
    bot.clock.advance(60)
    assert bot.renewal.header() == header
    assert bot.path.read_text() == text
    assert bot.asked == 1


def test_what_was_spoilt_and_mended_is_written_again(bot):
    bot.log_in()
    good = bot.path.read_bytes()
    bot.renewal.header()
    bot.path.write_bytes(b'garbage')
    bot.clock.advance(HOUR)
    bot.renewal.header()
    bot.path.write_bytes(good)
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert bot.stored_header == header
    assert bot.wiki.count('access_token', error='invalid_request') == 0


def test_a_spoilt_file_at_the_start_is_reported_with_its_path(bot, said):
    bot.path.write_text('garbage')
    assert bot.renewal.header() is None
    assert str(bot.path) in said[-1]
    with pytest.raises(StoreError) as caught:
        bot.renewal.load()
    assert str(bot.path) in str(caught.value)
    assert bot.path.read_text() == 'garbage'


def test_a_file_that_was_deleted_is_written_anew(bot):
    bot.log_in()
    bot.renewal.header()
    bot.path.unlink()
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert bot.stored_header == header
    assert bot.asked == 1


def test_a_directory_in_its_place_leaves_the_token_in_memory(bot, said):
    bot.log_in()
    bot.renewal.header()
    bot.path.unlink()
    bot.path.mkdir()
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert bot.renewal.header() == header
    assert any('in memory' in message for message in said)
    bot.path.rmdir()
    bot.clock.advance(60)
    assert bot.renewal.header() == header
    assert bot.stored_header == header, 'it was not tried again'
    assert bot.asked == 1


@pytest.mark.skipif(not Path('/proc/self/fd').exists(), reason='no /proc')
def test_a_directory_in_its_place_costs_no_file_descriptor(bot):
    bot.path.mkdir()
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(5):
        with pytest.raises(StoreError):
            bot.renewal.load()
    assert len(os.listdir('/proc/self/fd')) == before


def test_what_could_not_be_saved_is_not_given_up_for_what_is_older(
        bot, said):
    """Another process marks the old token, which it has, as dead."""
    old = bot.log_in()
    bot.renewal.header()
    before = bot.path.read_bytes()
    bot.path.unlink()
    bot.path.mkdir()
    new = bot.renewal.replace(old)
    bot.path.rmdir()
    bot.path.write_bytes(before)
    bot.path.chmod(0o600)
    other = bot.new_renewal()
    assert other.header() == old
    assert other.replace(old) is None
    assert bot.stored['ended']
    bot.clock.advance(HOUR)
    header = bot.renewal.header()
    assert bot.accepts(header)
    assert header not in (old, new)
    assert bot.stored_header == header
    assert bot.stored['ended'] is None
    assert other.header() == header


@pytest.fixture
def shared_folder():
    """Return a folder that another user can reach."""
    folder = Path(tempfile.mkdtemp(prefix='pywikibot-oauth2-'))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.skipif(not hasattr(os, 'geteuid'), reason='no user IDs here')
def test_a_folder_that_is_read_only_leaves_the_token_in_memory(
        bot, monkeypatch, shared_folder):
    monkeypatch.setattr(config, 'base_dir', str(shared_folder))
    old = bot.log_in()
    before = bot.path.read_bytes()
    for lock in shared_folder.glob('*.lock'):
        lock.unlink()
    if os.geteuid() == 0:
        for path in (shared_folder, *shared_folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    shared_folder.chmod(0o555)
    with Child(bot, user_id=NOBODY) as child:
        assert child.ask('header') == old
        child.ask('advance', seconds=HOUR)
        header = child.ask('header')
        assert bot.accepts(header)
        assert child.ask('header') == header
        assert bot.asked == 1
        assert bot.path.read_bytes() == before
        shared_folder.chmod(0o755)
        child.ask('advance', seconds=HOUR)
        header = child.ask('header')
        assert bot.accepts(header)
        assert bot.stored_header == header
        said = child.end()
    assert 'only in' in said
    assert 'cannot be locked' in said
    assert str(bot.path) in said


# The clock of this machine

@pytest.mark.parametrize('jump', [HOUR, -HOUR, YEAR, -YEAR],
                         ids=['hour on', 'hour back', 'year on',
                              'year back'])
def test_a_clock_that_jumps_makes_no_loop(wiki, jump):
    bot = Bot(wiki, clock=Clock())
    bot.log_in()
    bot.renewal.header()
    for number, seconds in enumerate((jump, -jump), 1):
        bot.clock.advance(seconds)
        for _ in range(9):
            header = bot.renewal.header()
            assert bot.accepts(header)
        assert bot.asked <= number
    # An hour later the wiki, whose clock is right, calls it dead.
    wiki.clock.advance(HOUR + 1)
    bot.clock.advance(HOUR + 1)
    asked = bot.asked
    header = bot.renewal.header()
    if not bot.accepts(header):
        header = bot.renewal.replace(header)
    assert bot.accepts(header)
    assert bot.asked == asked + 1


@pytest.mark.parametrize('jump', [HOUR, -HOUR, YEAR, -YEAR])
def test_a_clock_that_is_wrong_from_the_start_does_no_harm(wiki, jump):
    clock = Clock()
    clock.advance(jump)
    bot = Bot(wiki, clock=clock)
    bot.log_in()
    for hour in range(3):
        header = bot.renewal.header()
        assert bot.accepts(header)
        assert bot.asked == hour
        wiki.clock.advance(HOUR)
        clock.advance(HOUR)


def test_a_failure_and_a_clock_that_is_set_back_do_no_harm(wiki):
    bot = Bot(wiki, clock=Clock())
    old = bot.log_in()
    bot.clock.advance(HOUR - 30)
    wiki.fail_next('status', status=503, retry_after=10)
    assert bot.renewal.header() == old
    bot.clock.advance(-YEAR)
    for _ in range(9):
        assert bot.renewal.header() == old
    wiki.expire_access_tokens()
    assert bot.accepts(bot.renewal.replace(old))
    assert bot.asked == 2
