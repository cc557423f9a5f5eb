"""Tests of the account, with real files, sockets, threads and processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from pywikibot import config
from requests.cookies import cookiejar_from_dict

from pywikibot_oauth2 import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    FileStore,
    OAuth2Client,
    StoreError,
)
from pywikibot_oauth2.stores import MemoryStore
from tests.harness import at_once, wait_until
from tests.helpers import HOUR, Bot, Fork, StandingClock, client_of, on_both


YEAR = 365 * 86400
LOST_BODY = '{"error": "invalid_request", "hint": "Check the `grant_type`"}'
IN_JSON = {'body': LOST_BODY, 'content_type': 'application/json'}

# The token endpoint never sees the request, or a server in front of it
# answers: the refresh token is as it was.
if_not_handled = pytest.mark.parametrize(
    ('kind', 'options'),
    [
        ('status', {'status': 503}),
        ('status', {'status': 400, **IN_JSON}),
        ('html', {}),
        ('reset_before', {}),
        ('hang_before', {}),
    ],
)


@pytest.fixture
def bot(wiki, tmp_path, monkeypatch):
    monkeypatch.setattr(config, 'socket_timeout', (5, 0.3))
    return Bot(wiki, tmp_path)


@pytest.fixture
def patient(monkeypatch):
    """Let the bot wait for an answer that a test holds back."""
    monkeypatch.setattr(config, 'socket_timeout', (5, 20))


def held(wiki):
    """Hold the next answer back until the event that is returned is set."""
    event = threading.Event()
    wiki.fail_next('rewrite', change=lambda data: event.wait(20) and data)
    return event


def wait_until_held(wiki):
    wait_until(lambda: wiki.faults_served['rewrite'])


@pytest.fixture
def valid(bot):
    """Return a bot whose token is in memory."""
    bot.old = bot.log_in()
    bot.account.header()
    return bot


@pytest.fixture
def near(valid):
    """Return a bot whose token is due, and valid for 30 more seconds."""
    valid.wiki.clock.advance(HOUR - 30)
    return valid


@pytest.fixture
def due(valid):
    """Return a bot whose token has expired."""
    valid.wiki.clock.advance(HOUR)
    return valid


def without(name):
    """Return what takes a field out of an answer."""
    return lambda data: {key: data[key] for key in data if key != name}


# As long as the token is valid


def test_a_valid_token_needs_neither_the_wiki_nor_the_store(valid):
    valid.path.write_text('garbage')
    for _ in range(50):
        assert valid.account.header() == valid.old
    assert not valid.wiki.requests


@pytest.mark.parametrize(('life', 'leeway'), [(3600, 60), (100, 10)])
def test_a_token_is_renewed_a_minute_or_a_tenth_of_its_life_before_expiry(
    bot, life, leeway
):
    bot.wiki.token_life = life
    old = bot.log_in()
    bot.account.header()
    bot.wiki.clock.advance(life - leeway - 1)
    assert bot.account.header() == old
    assert bot.asked == 0
    bot.wiki.clock.advance(1)
    new = bot.account.header('the user agent')
    assert new != old
    assert bot.accepts(new)
    assert bot.asked == 1
    assert bot.wiki.requests[-1].headers['user-agent'] == 'the user agent'


def test_a_new_token_is_stored_before_it_is_used(due):
    class WatchedStore(FileStore):
        def reserve(self, account, client_id):
            save = super().reserve(account, client_id)

            def watched(authorization):
                steps.append(due.asked)
                save(authorization)

            steps.append(due.asked)
            return watched

    steps = []
    header = due.another(WatchedStore(due.path.parent)).header()
    assert steps == [0, 1], 'the place was not secured before the request'
    assert due.stored.token.header == header
    assert due.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize('life', ['missing', -1, 0.001, 'soon', float('nan')])
def test_no_expiry_makes_a_refresh_loop(due, life):
    change = {} if life == 'missing' else {'expires_in': life}
    due.wiki.fail_next(
        'rewrite',
        times=9,
        change=lambda data: {**without('expires_in')(data), **change},
    )
    for _ in range(5):
        assert due.accepts(due.account.header())
    assert due.asked == 1, 'the clock stands, so nothing has expired'
    due.wiki.expire_access_tokens()
    assert due.accepts(due.account.replace(due.account.state.header))
    assert due.asked == 2


def test_a_token_is_left_alone_where_that_is_wanted(due):
    account = due.another(is_automatic=False)
    assert account.header() == due.old
    assert due.asked == 0
    account.refresh()
    assert due.accepts(account.header())


# The wiki refuses the token


@pytest.mark.parametrize('is_refused', [False, True])
def test_64_threads_that_need_a_token_refresh_once(due, is_refused):
    if is_refused:
        headers = at_once(64, lambda _: due.account.replace(due.old))
    else:
        headers = at_once(64, lambda _: due.account.header())
    assert set(headers) == {due.stored.token.header}
    assert due.accepts(headers[0])
    assert due.asked == 1


# Other processes


@pytest.mark.parametrize('how', ['due', 'refused', 'bound'])
def test_a_newer_token_in_the_store_is_adopted(near, how):
    other = near.another()
    new = other.header()
    if how == 'refused':
        assert near.account.replace(near.old) == new
    else:
        assert near.account.header(is_bound=how == 'bound') == new
    assert new != near.old
    assert near.asked == 1


@pytest.mark.parametrize('is_by_hand', [False, True])
def test_a_newer_token_in_the_store_is_renewed_by_its_own(due, is_by_hand):
    newer = due.another()
    newer.header()
    if is_by_hand:
        due.account.refresh()
    else:
        due.wiki.clock.advance(HOUR)
    assert due.accepts(due.account.header())
    assert due.tried[1:] == [newer.authorization.token.refresh_token]


@pytest.mark.parametrize('was_read', [False, True])
def test_a_login_wins_over_what_another_process_has_renewed(bot, was_read):
    old = bot.log_in()
    if was_read:
        bot.account.load()
    other = bot.another()
    other.load()
    assert other.replace(old) != old
    given = bot.authorization()
    bot.account.adopt(given)
    assert bot.account.header() == given.token.header
    assert bot.stored.token == given.token
    bot.wiki.clock.advance(HOUR)
    assert other.header() == bot.account.header()


def test_processes_share_one_refresh(due):
    def work():
        account = due.another()
        account.load()
        return account.header()

    forks = [Fork(work) for _ in range(4)]
    assert {fork.result() for fork in forks} == {due.stored.token.header}
    assert due.accepts(due.stored.token.header)
    assert due.asked == 1


@pytest.mark.parametrize('like', ['master'])
@pytest.mark.usefixtures('patient')
def test_a_process_killed_while_it_refreshes_blocks_nobody(due, like):
    due.wiki.fail_next('hang_after')
    child = Fork(due.account.header)
    wait_until(lambda: due.asked)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert due.accepts(due.account.header())
    first, second = due.tried
    assert first == second


@pytest.mark.usefixtures('patient')
def test_a_wiki_that_hangs_holds_up_no_other_account(due):
    is_done = held(due.wiki)
    thread = threading.Thread(target=due.account.header)
    thread.start()
    wait_until_held(due.wiki)
    other = Bot(due.wiki, due.path.parent, user='Admin')
    other.log_in()
    assert other.accepts(other.account.replace(other.account.header()))
    is_done.set()
    thread.join()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures('patient')
def test_a_signal_waits_until_the_new_token_is_stored(due, number):
    def work():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        due.account.header()

    is_sent = held(due.wiki)
    child = Fork(work)
    wait_until_held(due.wiki)
    os.kill(child.pid, number)
    is_sent.set()
    assert child.wait() == -number
    assert due.accepts(due.stored.token.header)


@pytest.mark.parametrize('is_urgent', [False, True])
@pytest.mark.usefixtures('patient')
def test_a_signal_handler_may_use_the_account_in_mid_refresh(due, is_urgent):
    def send(data):
        main = threading.main_thread().ident
        signal.pthread_kill(main, signal.SIGTERM)
        if is_urgent:
            signal.pthread_kill(main, signal.SIGHUP)
            wait_until(lambda: seen)
        return data

    def handle(number, frame):
        # The store lock is free again, or nothing is waited for.
        seen.append(due.account.header())

    seen = []
    numbers = signal.SIGTERM, signal.SIGHUP
    usual = {number: signal.signal(number, handle) for number in numbers}
    due.wiki.fail_next('rewrite', change=send)
    try:
        new = due.account.header()
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert due.asked == 1
    assert seen == [due.old, new] if is_urgent else [new]


@pytest.mark.filterwarnings('ignore:This process:DeprecationWarning')
def test_a_fork_while_another_thread_refreshes_does_not_hang(due):
    is_forked = held(due.wiki)
    thread = threading.Thread(target=due.account.header)
    thread.start()
    wait_until_held(due.wiki)
    child = Fork(due.account.header)
    is_forked.set()
    thread.join()
    assert child.result() == due.stored.token.header
    assert due.asked == 1


def test_a_token_without_a_shared_store_is_not_renewed_after_a_fork(bot):
    account = bot.another(MemoryStore())
    account.adopt(bot.authorization())
    bot.wiki.clock.advance(HOUR)
    error = Fork(account.header).result()
    assert isinstance(error, ConfigurationError)
    assert 'before a fork' in str(error)
    assert bot.asked == 0
    assert bot.accepts(account.header())


# The authorization ends


@on_both
def test_a_dead_refresh_token_ends_the_authorization(bot, like):
    old = bot.log_in()
    bot.account.header()
    other = bot.another()
    other.header()
    bot.wiki.revoke('Bot', bot.registered)
    for account in (bot.account, bot.account, other, bot.another()):
        assert account.replace(old) is None
        assert account.header() is None
        assert not account.can_renew
    assert bot.asked == 1, 'a dead refresh token was sent again'
    assert 'Token has been revoked' in bot.stored.ended
    assert bot.stored.token is None
    assert bot.said.count('The authorization of Bot has ended') == 1
    assert 'got no usable answer' not in bot.said


@pytest.mark.parametrize('was_ended', [False, True])
def test_a_login_in_another_process_is_noticed(bot, was_ended):
    if was_ended:
        old = bot.log_in()
        bot.account.header()
        bot.wiki.revoke('Bot', bot.registered)
        assert bot.account.replace(old) is None
    for _ in range(2):
        assert bot.account.header() is None
    assert bool(bot.account.authorization) == was_ended
    assert not bot.account.can_renew
    assert bot.asked == was_ended
    assert bot.log_in() == bot.account.header()


def test_the_end_does_not_overwrite_a_newer_login(valid):
    valid.wiki.revoke('Bot', valid.registered)
    new = valid.log_in()
    assert valid.account.replace(valid.old) == new
    assert valid.stored.token.header == new
    assert valid.asked == 0


def test_a_token_without_a_refresh_token_ends_when_it_is_refused(bot):
    old = bot.log_in(refresh_token=None)
    bot.account.header()
    bot.wiki.clock.advance(HOUR)
    assert bot.account.header() == old, 'only the wiki can say so'
    assert bot.account.replace(old) is None
    assert bot.asked == 0
    assert 'There is no refresh token' in bot.said
    assert bot.stored.ended


class Raced(FileStore):
    """A token file whose lock is lost, for somebody removes the lock file.

    :ivar meanwhile: called between the look at the file and the request
    """

    def reserve(self, account, client_id):
        self.path(account).with_suffix('.json.lock').unlink()
        self.meanwhile()
        return super().reserve(account, client_id)


def test_an_end_does_not_overwrite_the_token_of_who_was_faster(due):
    store = Raced(due.path.parent)
    store.meanwhile = due.account.header
    assert due.another(store).header() == due.account.state.header
    assert due.tried[0] == due.tried[1], 'there was no race'
    assert due.stored.is_complete
    assert due.accepts(due.stored.token.header)


class Hiccup(FileStore):
    """A store that cannot be read once, if *is_due*."""

    is_due = False

    def load(self, account, client_id):
        if self.is_due:
            self.is_due = False
            raise StoreError('The server did not answer.')
        return super().load(account, client_id)


def test_nothing_has_ended_because_the_store_could_not_be_read_once(due):
    store = Hiccup(due.path.parent)
    account = due.another(store)
    account.load()
    new = due.account.header()
    store.is_due = True
    assert account.header() == new
    assert 'ended' not in due.said


@pytest.mark.parametrize('like', ['master'])
def test_of_two_winners_the_one_that_the_wiki_accepts_is_adopted(due, like):
    store = Raced(due.path.parent)
    store.meanwhile = due.account.header
    first, second = due.another(store).header(), due.account.state.header
    assert first != second
    assert due.stored.token.header == first
    assert due.account.replace(second) == first
    assert due.asked == 2


def test_a_token_wins_over_the_end_that_a_lost_race_has_left(valid):
    loser = valid.another()
    ended = loser.load().end('a lost race')
    valid.account.refresh()
    kept = valid.path.read_bytes()
    valid.store.save('Bot', valid.registered.id, ended.serialize())
    assert loser.load().ended
    valid.path.write_bytes(kept)
    assert loser.header() == valid.account.header()


# The store went back in time


@pytest.mark.parametrize('how', ['due', 'refused'])
def test_a_store_that_went_back_in_time_gets_the_newer_token_again(due, how):
    before = due.path.read_bytes()
    new = due.account.header()
    spent = due.tried[0]
    due.path.write_bytes(before)
    if how == 'due':
        due.wiki.clock.advance(HOUR)
        header = due.account.header()
    else:
        due.wiki.expire_access_tokens()
        header = due.account.replace(new)
    assert due.accepts(header)
    assert due.tried.count(spent) == 1
    assert due.stored.token.header == header
    assert due.another().header() == header


def test_what_memory_has_is_stored_soon_after_the_store_went_back(due):
    before = due.path.read_bytes()
    new = due.account.header()
    due.path.write_bytes(before)
    assert due.account.load().token.header == new
    due.wiki.clock.advance(10)
    assert due.account.header() == new
    assert due.stored.token.header == new
    assert due.asked == 1


def test_what_could_not_be_stored_is_not_given_up_for_an_end(due):
    before = due.path.read_bytes()
    due.path.unlink()
    due.path.mkdir()
    new = due.account.header()
    due.path.rmdir()
    due.path.write_bytes(before)
    due.path.chmod(0o600)
    other = due.another()
    assert other.header() is None, 'the refresh token was not spent'
    assert due.stored.ended
    due.wiki.clock.advance(HOUR)
    header = due.account.header()
    assert due.accepts(header)
    assert header != new
    assert due.stored.token.header == header
    assert other.header() == header


# Failures that pass


@if_not_handled
def test_a_failure_leaves_the_old_token_as_long_as_it_is_valid(
    near, kind, options
):
    kept = near.stored
    near.wiki.fail_next(kind, **options)
    for _ in range(9):
        assert near.account.header() == near.old
    assert near.asked == 1, 'the wiki was asked again at once'
    assert 'is still valid' in near.said
    assert near.stored == kept
    # A tenth of what is left, so that there are several attempts.
    near.wiki.clock.advance(3)
    assert near.accepts(near.account.header())
    assert near.tried == [kept.token.refresh_token] * 2


@if_not_handled
def test_a_failure_is_repeated_if_the_old_token_has_expired(
    due, kind, options
):
    kept = due.stored
    due.policy.attempts = 1
    due.wiki.fail_next(kind, times=2, **options)
    with pytest.raises(EndpointError) as caught:
        due.account.header()
    assert (caught.value.wiki, caught.value.account) == (due.wiki.url, 'Bot')
    assert due.stored == kept
    assert due.accepts(due.account.header())
    assert due.tried == [kept.token.refresh_token] * 3


@pytest.mark.parametrize(('asked_to_wait', 'waited'), [(20, 20), (YEAR, 30)])
def test_retry_after_is_respected_but_not_beyond_the_expiry(
    near, asked_to_wait, waited
):
    near.wiki.fail_next('status', status=429, retry_after=asked_to_wait)
    assert near.account.header() == near.old
    near.wiki.clock.advance(waited - 1)
    assert near.account.header() == near.old
    assert near.asked == 1
    near.wiki.clock.advance(1)
    assert near.account.header() != near.old


class Failing(FileStore):
    """A token file that cannot be written until *fails* is False."""

    fails = True

    def reserve(self, account, client_id):
        save = super().reserve(account, client_id)
        return self.fail if self.fails else save

    def fail(self, authorization):
        raise StoreError('the disk has failed')


def test_a_token_that_is_stored_late_is_left_alone_for_as_long(near):
    store = Failing(near.path.parent)
    account = near.another(store)
    account.adopt(near.authorization())
    near.wiki.clock.advance(HOUR - 40)
    near.wiki.fail_next('status', status=429, retry_after=30)
    header = account.header()
    store.fails = False
    for waited in (10, 19):
        near.wiki.clock.advance(waited)
        assert account.header() == header == near.stored.token.header
        assert near.asked == 1
    near.wiki.clock.advance(1)
    assert near.accepts(account.header())
    assert near.asked == 2


# The wiki refuses the client


@on_both
@pytest.mark.parametrize('stage', ['expired', 'rejected', 'disabled'])
def test_a_client_that_nobody_may_use_is_an_error_and_ends_nothing(
    due, like, stage
):
    due.policy.attempts = 9
    kept = due.stored
    due.wiki.set_stage(due.registered, stage)
    with pytest.raises(ClientRefusedError) as caught:
        due.account.header()
    assert caught.value.is_unusable
    assert caught.value.ends_refresh_token == (like == '1.43')
    assert caught.value.client_id == due.registered.id
    # For a minute, requests need not ask again.
    assert due.account.header() is None
    assert due.account.state.refusal is caught.value
    assert due.asked == 1, 'a refusal was repeated'
    assert due.stored == kept
    due.wiki.set_stage(due.registered, 'approved')
    due.wiki.clock.advance(60)
    header = due.account.header()
    assert due.asked == 2
    assert due.accepts(header) if like == 'master' else header is None
    assert 'got no usable answer' not in due.said


@pytest.mark.parametrize('like', ['master'])
def test_a_refusal_lasts_a_minute_also_if_the_clock_is_set_back(due):
    due.wiki.disable_client(due.registered)
    with pytest.raises(ClientRefusedError):
        due.account.header()
    due.wiki.set_stage(due.registered, 'approved')
    due.account.clock = lambda: due.wiki.clock() - 5 * HOUR
    assert due.accepts(due.account.header())


@on_both
@pytest.mark.parametrize('secret', ['wrong', None])
def test_a_wrong_client_secret_ends_nothing(due, like, secret):
    account = due.another(client=OAuth2Client(due.registered.id, secret))
    kept = due.stored
    with pytest.raises(ClientRefusedError) as caught:
        account.header()
    assert not caught.value.is_unusable
    assert due.registered.secret not in str(caught.value)
    assert due.stored == kept
    assert due.accepts(due.account.header())


def test_a_refused_client_does_not_take_a_valid_token_away(near):
    near.wiki.disable_client(near.registered)
    assert near.account.header() == near.old
    assert near.registered.id in near.said


@pytest.mark.parametrize('like', ['master'])
def test_a_token_that_the_wiki_refused_is_not_sent_again_meanwhile(bot):
    old = bot.log_in()
    bot.wiki.disable_client(bot.registered)
    for ask in (lambda: bot.account.replace(old), bot.account.header):
        with pytest.raises(ClientRefusedError):
            ask()
        assert bot.account.header() is None
        bot.wiki.clock.advance(60)


# Answers that get lost


@on_both
@pytest.mark.parametrize(
    'kind', ['half', 'reset_after', 'hang_after', 'rewrite']
)
def test_a_lost_answer_is_asked_for_again_with_the_same_token(due, like, kind):
    due.policy.attempts = 1
    kept = due.stored.token.refresh_token
    options = {'change': without('access_token')} if kind == 'rewrite' else {}
    due.wiki.fail_next(kind, **options)
    header = due.account.header()
    assert due.tried == [kept, kept]
    # On 1.43 a refresh token serves strictly once.
    is_good = like == 'master'
    assert due.accepts(header) if is_good else header is None
    assert due.stored.is_complete == is_good
    for text in (due.stored.ended or '', due.said):
        assert ('got no usable answer' in text) != is_good


@on_both
def test_an_answer_lost_before_the_expiry_is_noticed_at_the_next_request(
    near, like
):
    near.wiki.fail_next('reset_after')
    assert near.account.header() == near.old, 'nothing else is known'
    assert not near.accepts(near.old)
    new = near.account.replace(near.old)
    assert near.accepts(new) == (like == 'master')


@pytest.mark.parametrize('where', ['here', 'elsewhere'])
def test_a_login_makes_an_earlier_lost_answer_forgotten(near, where):
    near.wiki.fail_next('reset_before')
    near.account.header()
    if where == 'here':
        near.account.adopt(near.authorization())
    else:
        near.log_in()
        near.account.load()
    near.wiki.revoke('Bot', near.registered)
    assert near.account.replace(near.stored.token.header) is None
    assert 'got no usable answer' not in near.stored.ended


# Never the wrong wiki, never the wrong account


@pytest.mark.parametrize('step', ['header', 'load', 'refresh', 'replace'])
def test_nothing_is_sent_to_a_wiki_that_is_no_longer_configured(due, step):
    elsewhere = 'http://127.0.0.1:1/w'
    moved = due.stored.with_token(due.stored.token)._replace(wiki=elsewhere)
    due.store.save('Bot', due.registered.id, moved.serialize())
    due.policy.distrusted = {elsewhere}
    arguments = [due.old] if step == 'replace' else []
    with pytest.raises(ConfigurationError) as caught:
        getattr(due.account, step)(*arguments)
    assert elsewhere in str(caught.value)
    assert due.wiki.url in str(caught.value)
    assert not due.wiki.requests
    due.policy.distrusted.clear()
    assert due.account.load().wiki == due.account.wiki == elsewhere


@pytest.mark.parametrize('field', ['user', 'client_id'])
def test_what_is_stored_for_another_account_or_client_is_not_used(due, field):
    data = {**due.stored.serialize(), field: 'another'}
    due.store.save('Bot', due.registered.id, data)
    kept = due.path.read_bytes()
    account = due.another()
    with pytest.raises(StoreError, match='another'):
        account.load()
    assert account.header() is None
    assert f'{due.path} cannot be used' in due.said
    assert due.path.read_bytes() == kept
    assert not due.wiki.requests


# The store fails


@pytest.mark.parametrize('is_from_a_newer_release', [False, True])
def test_a_damaged_file_is_left_and_the_token_in_memory_is_used(
    due, is_from_a_newer_release
):
    good, content = due.path.read_text(), 'garbage'
    if is_from_a_newer_release:
        content = json.loads(good)
        content['authorizations'][due.registered.id]['version'] = 99
        content = json.dumps(content)
    due.path.write_text(content)
    header = due.account.header()
    assert due.accepts(header)
    for _ in range(3):
        due.wiki.clock.advance(9)
        assert due.account.header() == header
    assert due.asked == 1
    assert str(due.path) in due.said
    assert ('newer release' in due.said) == is_from_a_newer_release
    new = due.another()
    assert new.header() is None
    for call in due.account.load, new.forget:
        with pytest.raises(StoreError, match=str(due.path)):
            call()
    assert due.path.read_text() == content
    # It is stored again, also in the place of a file that was deleted.
    due.path.unlink()
    due.wiki.clock.advance(10)
    assert due.account.header() == header
    assert due.stored.token.header == header


class Full(FileStore):
    """A token file on a disk that is full until *has_space* is set."""

    has_space = False

    def reserve(self, account, client_id):
        if not self.has_space:
            raise StoreError(f'{self.where(account)}: the disk is full')
        return super().reserve(account, client_id)


def test_no_valid_token_is_spent_if_there_is_no_place_for_the_next(near):
    store = Full(near.path.parent)
    account = near.another(store)
    assert account.header() == near.old
    assert near.asked == 0
    assert 'is still valid' in near.said
    # When it has expired, a token in memory is better than none.
    near.wiki.clock.advance(30)
    header = account.header()
    assert near.accepts(header)
    assert near.stored.token.header == near.old
    assert not account.state.is_saved
    store.has_space = True
    near.wiki.clock.advance(10)
    assert account.header() == header
    assert near.stored.token.header == header
    assert near.asked == 1


@pytest.mark.parametrize('is_login', [True, False])
def test_what_a_person_does_wins_over_a_token_that_could_not_be_stored(
    due, is_login
):
    store = Full(due.path.parent)
    account = due.another(store)
    for _ in range(2):
        account.replace(account.header())
    assert not account.state.is_saved
    if is_login:
        new = due.log_in()
    else:
        new = None
        due.another().forget()
    kept = due.stored
    store.has_space = True
    due.wiki.clock.advance(10)
    assert account.header() == new
    assert due.stored == kept


def test_a_login_that_cannot_be_stored_serves_as_long_as_the_process(bot):
    account = bot.another(Full(bot.path.parent))
    account.adopt(bot.authorization())
    assert bot.accepts(account.header())
    assert not account.state.is_saved
    assert 'only in memory' in bot.said


# The clock of this machine


@pytest.mark.parametrize('jump', [HOUR, -HOUR, YEAR, -YEAR])
def test_a_clock_that_jumps_makes_no_loop(wiki, bot, jump):
    clock = StandingClock()
    account = bot.another(clock=clock)
    account.adopt(bot.authorization())
    for number, seconds in enumerate((jump, -jump), 1):
        clock.advance(seconds)
        for _ in range(9):
            assert bot.accepts(account.header())
        assert bot.asked <= number
    # An hour later the wiki, whose clock is right, calls the token dead.
    for each in (wiki.clock, clock):
        each.advance(HOUR + 1)
    asked, header = bot.asked, account.header()
    if not bot.accepts(header):
        header = account.replace(header)
    assert bot.accepts(header)
    assert bot.asked == asked + 1


@pytest.mark.parametrize('jump', [HOUR, -HOUR, YEAR, -YEAR])
def test_a_clock_that_is_always_wrong_does_no_harm(wiki, bot, jump):
    clock = StandingClock()
    clock.advance(jump)
    account = bot.another(clock=clock)
    given = bot.authorization()
    token = replace(given.token, expires_at=clock() + HOUR)
    account.adopt(given._replace(token=token))
    for hour in range(3):
        assert bot.accepts(account.header())
        assert bot.asked == hour
        for each in (wiki.clock, clock):
            each.advance(HOUR)


def test_a_failure_and_a_clock_that_is_set_back_do_no_harm(wiki, bot):
    clock = StandingClock()
    account = bot.another(clock=clock)
    account.adopt(bot.authorization())
    old = account.header()
    wiki.fail_next('status', status=503, retry_after=10)
    for seconds in (HOUR - 30, -YEAR):
        clock.advance(seconds)
        assert account.header() == old
    wiki.expire_access_tokens()
    assert bot.accepts(account.replace(old))
    assert bot.asked == 2


def test_a_bound_request_waits_as_long_as_the_token_lasts(near):
    near.wiki.clock.advance(19)
    assert near.account.header(is_bound=True) == near.old
    assert near.asked == 0
    near.wiki.clock.advance(1)
    assert near.accepts(near.account.header(is_bound=True))
    assert near.asked == 1


def test_cookies_are_kept_for_the_present_token_only(valid):
    account, old = valid.account, valid.old

    def kept(header, cookies):
        account.keep_cookies(header, cookies and cookiejar_from_dict(cookies))
        return account.state.cookies and dict(account.state.cookies)

    assert kept(old, {'a': '1'}) == {'a': '1'}
    assert kept(old, {'b': '2'}) == {'a': '1', 'b': '2'}
    assert kept(old, None) is None
    assert kept(old, {'a': '1'})
    account.replace(old)
    assert account.state.cookies is None
    assert kept(old, {'dead': '1'}) is None


# Owner-only clients


@pytest.fixture
def owner(wiki, tmp_path):
    return Bot(wiki, tmp_path, owner_only=True)


@on_both
def test_an_owner_only_client_fetches_a_token_and_the_next_one(owner, like):
    first = owner.account.header()
    assert owner.accepts(first)
    assert owner.stored.token.refresh_token is None
    assert owner.another().header() == first
    owner.wiki.clock.advance(HOUR - 61)
    assert owner.account.header() == first
    owner.wiki.clock.advance(1)
    second = owner.account.header()
    assert owner.accepts(second)
    assert owner.accepts(first), 'the old one stays valid'
    assert owner.asked == 2
    assert owner.account.can_renew


@pytest.mark.parametrize('was_logged_out', [False, True])
def test_an_owner_only_client_starts_again_if_asked_to(owner, was_logged_out):
    owner.account.header()
    if was_logged_out:
        assert owner.account.forget()
        assert owner.account.header() is None
    owner.account.restart()
    assert owner.accepts(owner.account.header())
    assert owner.accepts(owner.another().header())
    assert owner.asked == 1 + was_logged_out


@pytest.mark.parametrize(
    ('like', 'grant', 'error'),
    [
        ('1.43', 'authorization_code', ClientRefusedError),
        ('1.43', 'client_credentials', ConfigurationError),
        ('master', 'client_credentials', ConfigurationError),
    ],
)
def test_a_client_that_is_not_owner_only_is_refused(bot, like, grant, error):
    bot.registered.grant_types = (grant,)
    client = OAuth2Client(
        bot.registered.id, bot.registered.secret, owner_only=True
    )
    account = bot.another(client=client)
    with pytest.raises(error):
        account.header()
    assert account.state.header is None
    assert not bot.path.exists()


def test_the_owner_of_the_client_must_be_the_account(owner):
    account = owner.another(user='Admin')
    with pytest.raises(ConfigurationError, match='(?s)Bot.*Admin|Admin.*Bot'):
        account.header()
    assert account.state.header is None


def test_a_fixed_access_token_is_never_given_up(owner):
    client = OAuth2Client(access_token=owner.registered.access_token)
    account = owner.another(MemoryStore(), client=client)
    header = account.header()
    assert owner.accepts(header)
    # A gateway whose clock is wrong refuses it now and then.
    assert account.replace(header) == header
    owner.wiki.clock.advance(YEAR)
    assert account.header() == header
    assert 'did not accept the fixed access token' in owner.said
    assert not account.can_renew
    assert not owner.wiki.requests


def test_logging_out_is_noticed_by_all_who_share_the_store(bot):
    other = bot.another()
    assert not bot.account.forget(), 'there was nothing to forget'
    old = bot.log_in()
    other.header()
    assert bot.account.give_up('it was enough')
    assert not bot.account.forget()
    assert bot.stored.ended == 'it was enough'
    assert bot.account.header() is None
    assert other.replace(old) is None
    assert bot.asked == 0
    # A bot that renews at the same time does not bring it back.
    bot.log_in()
    other.header()
    bot.account.forget()
    bot.wiki.clock.advance(HOUR)
    assert other.header() is None
    assert bot.stored.ended == 'logged out'


def test_an_account_may_be_named_later(bot):
    account = bot.another(MemoryStore(), user=None)
    account.adopt(bot.authorization()._replace(user=None))
    header = account.header()
    account.identify('Bot')
    assert (account.user, account.authorization.user) == ('Bot', 'Bot')
    assert account.header() == header
    assert client_of(bot.registered) == account.client


# When the process ends


BRIEF = """
import sys
from pywikibot_oauth2 import FileStore, OAuth2Client
from pywikibot_oauth2.account import Account, Policy
from pywikibot_oauth2.errors import StoreError

class Busy(FileStore):
    def reserve(self, *key):
        save = super().reserve(*key)

        def refuse(data):
            global left
            left -= 1
            if left >= 0:
                raise StoreError('The server is starting.')
            save(data)

        return refuse

folder, wiki, client_id, secret, left = sys.argv[1:]
left = int(left)
client = OAuth2Client(client_id, secret, redirect_uri='http://127.0.0.1/x')
account = Account(client, Busy(folder), 'Bot', wiki, policy=Policy())
assert account.header()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ('times', 'is_kept'), [(1, True), (3, True), (99, False)]
)
def test_a_token_that_could_not_be_stored_is_stored_as_the_process_ends(
    wiki, bot, tmp_path, times, is_kept
):
    wiki.clock.advance(-HOUR)
    old = bot.log_in()
    wiki.clock.advance(HOUR)
    command = [sys.executable, '-c', BRIEF, tmp_path, wiki.url]
    command += [bot.client.client_id, bot.client.client_secret, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'only in memory' in done.stderr
    assert ('is lost' not in done.stderr) == is_kept, done.stderr
    assert (bot.stored.token.header != old) == is_kept
    assert bot.asked == 1


SESSIONS = """
import gc
import os
import sys
import time
from pywikibot_oauth2 import OAuth2Client, OAuth2Session, account
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.token import Token

def store(session):
    print(session.user, is_child, flush=True)
    time.sleep(0.2 * is_exit)
    raise OSError('The database is out of order.')

def session(user):
    session = OAuth2Session(client, url, user=user, on_change=store)
    session._account.adopt(
        Authorization('c' * 32, session.wiki[:-8], user, Token('a.b.c'))
    )
    return session

account._LAST_SECONDS = 0.5
is_child = is_exit = False
client, url = OAuth2Client('c' * 32), 'http://127.0.0.1:9/w/api.php'
"""
DROP = """
session('Dropped')
gc.collect()
assert not account._unsaved
"""
KEEP = """
kept = [session(f'Kept {number}') for number in range(20)]
is_exit = True
"""
FORK = """
kept = session('Kept')
is_child = not os.fork()
"""


def ended(script):
    """Return what a process printed, and its warnings."""
    command = [sys.executable, '-c', SESSIONS + script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_a_session_that_was_dropped_does_not_stay_in_memory():
    printed, said = ended(DROP)
    assert printed == 'Dropped False\n'
    assert 'is lost' not in said


def test_an_end_takes_seconds_however_many_tokens_cannot_be_stored():
    printed, said = ended(KEEP)
    assert 20 < len(printed.splitlines()) < 30
    # All are reported.
    for number in range(20):
        assert f'The new token of Kept {number} is lost.' in said


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork')
def test_a_child_stores_no_session_of_its_parent():
    printed, _ = ended(FORK)
    assert 'Kept False' in printed
    assert 'Kept True' not in printed
