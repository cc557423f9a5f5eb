"""Tests of the account, with real files, sockets, threads and processes."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from pywikibot import config
from requests.cookies import cookiejar_from_dict

from pywikibot_oauth2 import (
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    FileStore,
    OAuth2Client,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.account import Account, Policy, _unsaved, store_the_rest
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.stores import MemoryStore
from pywikibot_oauth2.token import Token
from tests.harness import TOP, at_once, wait_until
from tests.helpers import HOUR, Bot, Fork, StandingClock, on_both
from tests.stores.contract import listening


# The sandbox has threads when a test forks.
pytestmark = pytest.mark.filterwarnings(
    'ignore:This process:DeprecationWarning'
)

YEAR = 365 * 86400
BY = [
    pytest.param(lambda bot: bot.account.header(), id='due'),
    pytest.param(lambda bot: bot.account.replace(bot.old), id='refused'),
]
LOST_BODY = '{"error": "invalid_request", "hint": "Check the `grant_type`"}'
IN_JSON = {'body': LOST_BODY, 'content_type': 'application/json'}


class SpoiledStore(FileStore):
    """A token file with steps that fail, or before which something happens.

    :param fails: how often a step, such as "load", will fail
    :ivar before: called with the name of each step
    """

    def __init__(self, folder, **fails):
        super().__init__(folder)
        self.fails = Counter(fails)
        self.before = lambda step: None

    def load(self, *key):
        self._begin('load')
        return super().load(*key)

    def reserve(self, *key):
        self._begin('reserve')
        save = super().reserve(*key)

        def begin_and_save(data):
            self._begin('save')
            save(data)

        return begin_and_save

    def _begin(self, step):
        self.before(step)
        self.fails[step] -= 1
        if self.fails[step] >= 0:
            raise StoreError('the disk has failed')


@pytest.fixture
def bot(wiki, tmp_path, monkeypatch):
    monkeypatch.setattr(config, 'socket_timeout', (5, 20))
    return Bot(wiki, tmp_path)


@pytest.fixture
def store(tmp_path):
    return SpoiledStore(tmp_path)


@contextlib.contextmanager
def held(wiki, start):
    """Start a refresh, and hold its answer back meanwhile."""
    event = threading.Event()
    wiki.fail_next('rewrite', change=lambda data: event.wait(20) and data)
    started = start()
    wait_until(lambda: wiki.faults_served['rewrite'])
    try:
        yield started
    finally:
        event.set()


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


def test_a_valid_token_needs_neither_the_wiki_nor_the_store(valid):
    valid.path.write_text('garbage')
    for _ in range(50):
        assert valid.account.header() == valid.old
    assert not valid.wiki.requests


@pytest.mark.parametrize(
    ('life', 'leeway', 'is_bound'),
    [(3600, 60, False), (100, 10, False), (3600, 10, True)],
)
def test_a_token_is_renewed_before_it_expires(bot, life, leeway, is_bound):
    # Or, beside a CSRF token, before it might expire on its way.
    bot.wiki.token_life = life
    old = bot.log_in()
    bot.account.header()
    bot.wiki.clock.advance(life - leeway - 1)
    assert bot.account.header(is_bound=is_bound) == old
    assert bot.asked == 0
    bot.wiki.clock.advance(1)
    new = bot.account.header('the user agent', is_bound=is_bound)
    assert new != old
    assert bot.accepts(new)
    assert bot.asked == 1
    assert bot.wiki.requests[-1].headers['user-agent'] == 'the user agent'


def test_a_new_token_is_stored_before_it_is_used(due, store):
    steps = []
    store.before = lambda step: steps.append((step, due.asked))
    header = due.another(store).header()
    # Its place was secured before the request.
    assert steps[-2:] == [('reserve', 0), ('save', 1)]
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


# Other threads and processes


@pytest.mark.parametrize('ask', BY)
def test_64_threads_and_some_processes_refresh_once(due, ask):
    forks = [Fork(lambda: due.another().header()) for _ in range(4)]
    headers = at_once(64, lambda _: ask(due))
    headers += [fork.result() for fork in forks]
    assert set(headers) == {due.stored.token.header}
    assert due.accepts(headers[0])
    assert due.asked == 1


def test_a_refresh_by_hand_beside_others_spends_no_token_twice(due):
    # As in a session, whose store has no lock.
    account = due.another(MemoryStore())
    account.adopt(due.stored)
    ask = account.header, account.refresh
    at_once(8, lambda index: ask[index % 2]())
    assert due.accepts(account.header())
    assert len(set(due.tried)) == due.asked


@pytest.mark.parametrize(
    'ask',
    [*BY, pytest.param(lambda b: b.account.header(is_bound=True), id='bound')],
)
def test_a_newer_token_in_the_store_is_adopted(near, ask):
    new = near.another().header()
    assert ask(near) == new != near.old
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


def test_a_wiki_that_hangs_holds_up_no_other_account_and_no_fork(due):
    thread = threading.Thread(target=due.account.header)
    other = Bot(due.wiki, due.path.parent, user='Admin')
    with held(due.wiki, thread.start):
        header = other.log_in()
        assert other.accepts(other.account.replace(header))
        child = Fork(due.account.header)
    thread.join()
    assert child.result() == due.stored.token.header
    assert due.tried.count(due.tried[0]) == 1


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_the_new_token_is_stored(due, number):
    def work():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        due.account.header()

    with held(due.wiki, lambda: Fork(work)) as child:
        os.kill(child.pid, number)
    assert child.wait() == -number
    assert due.accepts(due.stored.token.header)


@pytest.mark.parametrize('is_urgent', [False, True])
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


def test_a_token_without_a_shared_store_is_not_renewed_after_a_fork(bot):
    account = bot.another(MemoryStore())
    account.adopt(bot.authorization())
    bot.wiki.clock.advance(HOUR)
    error = Fork(account.header).result()
    assert isinstance(error, ConfigurationError)
    assert 'before a fork' in str(error)
    assert bot.asked == 0
    assert bot.accepts(account.header())


# Ends, failures and refusals


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
    # A login in another process is noticed.
    assert bot.account.authorization
    assert bot.log_in() == bot.account.header()


def test_a_token_without_a_refresh_token_ends_when_it_is_refused(bot):
    old = bot.log_in(refresh_token=None)
    bot.account.header()
    bot.wiki.clock.advance(HOUR)
    assert bot.account.header() == old, 'only the wiki can say so'
    assert bot.account.replace(old) is None
    assert bot.asked == 0
    assert 'There is no refresh token' in bot.said
    assert bot.stored.ended


@on_both
def test_of_two_that_refresh_because_a_lock_was_lost_none_ends_it(
    due, store, like
):
    def race(step):
        # Somebody removes the lock file.
        if step == 'reserve':
            due.path.with_suffix('.json.lock').unlink()
            due.account.header()

    store.before = race
    first, second = due.another(store).header(), due.account.state.header
    assert due.tried[0] == due.tried[1], 'there was no race'
    assert due.stored.is_complete
    assert due.stored.token.header == first
    assert due.accepts(first)
    # Of two winners, the one that the wiki accepts is adopted.
    assert (first != second) == (like == 'master')
    if like == 'master':
        assert due.account.replace(second) == first
    assert due.asked == 2


def test_nothing_has_ended_because_the_store_could_not_be_read_once(
    due, store
):
    account = due.another(store)
    account.load()
    new = due.account.header()
    store.fails['load'] = 1
    assert account.header() == new
    assert 'ended' not in due.said


def test_a_token_wins_over_the_end_that_a_lost_race_has_left(valid):
    loser = valid.another()
    ended = loser.load().end('a lost race')
    valid.account.refresh()
    kept = valid.path.read_bytes()
    valid.store.save('Bot', valid.registered.id, ended.serialize())
    assert loser.load().ended
    valid.path.write_bytes(kept)
    assert loser.header() == valid.account.header()


@pytest.mark.parametrize('ask', BY)
def test_a_store_that_went_back_in_time_gets_the_newer_token_again(due, ask):
    before = due.path.read_bytes()
    new = due.old = due.account.header()
    due.path.write_bytes(before)
    assert due.account.load().token.header == new
    due.wiki.clock.advance(10)
    assert due.account.header() == new == due.stored.token.header
    # The same if it is to be renewed.
    due.path.write_bytes(before)
    due.wiki.clock.advance(HOUR)
    header = ask(due)
    assert due.accepts(header)
    assert header == due.stored.token.header == due.another().header()
    assert due.asked == len(set(due.tried)) == 2


def test_what_could_not_be_stored_is_not_given_up_for_an_end(due, store):
    account, other = due.another(store), due.another()
    store.fails.update(reserve=1, save=1)
    new = account.header()
    assert other.header() is None, 'the refresh token was not spent'
    assert due.stored.ended
    due.wiki.clock.advance(HOUR)
    header = account.header()
    assert due.accepts(header)
    assert header != new
    assert due.stored.token.header == header == other.header()


# The token endpoint never sees the request, or a server in front of it
# answers: the refresh token is as it was.
@pytest.mark.parametrize(
    ('kind', 'options'),
    [('status', {'status': 503}), ('status', {'status': 400, **IN_JSON}),
     ('html', {}), ('reset_before', {}), ('hang_before', {})],
)  # fmt: skip
def test_a_failure_is_an_error_only_when_the_old_token_has_expired(
    near, kind, options
):
    kept = near.stored
    near.policy.attempts = 1
    if kind == 'hang_before':
        config.socket_timeout = 5, 0.3
    near.wiki.fail_next(kind, times=4, **options)
    # A tenth of what is left, so that there are several attempts.
    for asked, seconds in ((1, 0), (2, 3)):
        near.wiki.clock.advance(seconds)
        for _ in range(9):
            assert near.account.header() == near.old
        assert near.asked == asked
    assert 'is still valid' in near.said
    near.wiki.clock.advance(27)
    with pytest.raises(EndpointError) as caught:
        near.account.header()
    assert (caught.value.wiki, caught.value.account) == (near.wiki.url, 'Bot')
    assert near.stored == kept
    config.socket_timeout = 5, 20
    assert near.accepts(near.account.header())
    assert near.tried == [kept.token.refresh_token] * 5


@pytest.mark.parametrize(('asked_to_wait', 'waited'), [(20, 20), (YEAR, 30)])
def test_retry_after_is_respected_but_not_beyond_the_expiry(
    near, asked_to_wait, waited
):
    near.wiki.fail_next('status', status=429, retry_after=asked_to_wait)
    for seconds in (0, waited - 1):
        near.wiki.clock.advance(seconds)
        assert near.account.header() == near.old
    assert near.asked == 1
    near.wiki.clock.advance(1)
    assert near.account.header() != near.old


def test_a_token_that_is_stored_late_is_left_alone_for_as_long(near, store):
    account = near.another(store)
    store.fails.update(reserve=1, save=1)
    account.adopt(near.authorization())
    # A login that cannot be stored serves as long as the process.
    assert near.accepts(account.header())
    assert not account.state.is_saved
    assert 'only in memory' in near.said
    near.wiki.clock.advance(HOUR - 40)
    near.wiki.fail_next('status', status=429, retry_after=30)
    header = account.header()
    assert near.stored.token.header != header
    for waited in (10, 19):
        near.wiki.clock.advance(waited)
        assert account.header() == header == near.stored.token.header
        assert near.asked == 1
    near.wiki.clock.advance(1)
    assert near.accepts(account.header())
    assert near.asked == 2


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
def test_a_token_that_the_wiki_refused_is_not_sent_again_meanwhile(valid):
    valid.wiki.disable_client(valid.registered)
    for ask in (
        lambda: valid.account.replace(valid.old),
        valid.account.header,
    ):
        with pytest.raises(ClientRefusedError):
            ask()
        assert valid.account.header() is None
        valid.wiki.clock.advance(60)
    # A minute has also passed if the clock is set back.
    valid.wiki.set_stage(valid.registered, 'approved')
    valid.wiki.clock.advance(-60)
    assert valid.account.header() is None
    valid.account.clock = lambda: valid.wiki.clock() - 5 * HOUR
    assert valid.accepts(valid.account.header())


@on_both
@pytest.mark.parametrize(
    'kind', ['half', 'reset_after', 'hang_after', 'rewrite']
)
def test_a_lost_answer_is_asked_for_again_with_the_same_token(due, like, kind):
    due.policy.attempts = 1
    if kind == 'hang_after':
        config.socket_timeout = 5, 0.5
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


@pytest.mark.parametrize('is_from_a_newer_release', [False, True])
def test_a_damaged_file_is_left_and_the_token_in_memory_is_used(
    due, is_from_a_newer_release
):
    content = 'garbage'
    if is_from_a_newer_release:
        data = json.loads(due.path.read_text())
        data['authorizations'][due.registered.id]['version'] = 99
        content = json.dumps(data)
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


def test_no_valid_token_is_spent_if_there_is_no_place_for_the_next(
    near, store
):
    account = near.another(store)
    store.fails['reserve'] = 2
    assert account.header() == near.old
    assert near.asked == 0
    assert 'is still valid' in near.said
    # When it has expired, a token in memory is better than none.
    near.wiki.clock.advance(30)
    header = account.header()
    assert near.accepts(header)
    assert near.stored.token.header == near.old
    assert not account.state.is_saved
    near.wiki.clock.advance(10)
    assert account.header() == header
    assert near.stored.token.header == header
    assert near.asked == 1


@pytest.mark.parametrize('is_login', [True, False])
def test_what_a_person_does_wins_over_a_token_that_could_not_be_stored(
    due, store, is_login
):
    account = due.another(store)
    store.fails['reserve'] = 9
    for _ in range(2):
        account.replace(account.header())
    assert not account.state.is_saved
    new = due.log_in() if is_login else None
    if not is_login:
        due.another().forget()
    kept = due.stored
    store.fails.clear()
    due.wiki.clock.advance(10)
    assert account.header() == new
    assert due.stored == kept


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
    account = owner.account
    first = account.header()
    assert owner.accepts(first)
    assert owner.stored.token.refresh_token is None
    assert owner.another().header() == first
    owner.wiki.clock.advance(HOUR - 61)
    assert account.header() == first
    owner.wiki.clock.advance(1)
    second = account.header()
    assert owner.accepts(second)
    assert owner.accepts(first), 'the old one stays valid'
    assert account.can_renew
    # After a logout it starts again if it is asked to.
    account.restart()
    assert account.header() == second
    assert account.forget()
    assert account.header() is None
    account.restart()
    assert owner.accepts(account.header())
    assert owner.accepts(owner.another().header())
    assert owner.asked == 3


@pytest.mark.parametrize(
    ('like', 'grant', 'error'),
    [('1.43', 'authorization_code', ClientRefusedError),
     ('1.43', 'client_credentials', ConfigurationError),
     ('master', 'client_credentials', ConfigurationError)],
)  # fmt: skip
def test_a_client_that_is_not_owner_only_is_refused(bot, like, grant, error):
    bot.registered.grant_types = (grant,)
    secret = bot.registered.secret
    client = OAuth2Client(bot.registered.id, secret, owner_only=True)
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


def test_logins_and_logouts_are_noticed_by_all_who_share_the_store(bot):
    account, other = bot.account, bot.another()
    for _ in range(2):
        assert account.header() is None
    assert not account.authorization
    assert not account.can_renew
    assert not account.forget(), 'there was nothing to forget'
    old = bot.log_in()
    assert account.header() == other.header() == old
    assert account.forget('it was enough')
    assert not account.forget()
    assert bot.stored.ended == 'it was enough'
    assert account.header() is None
    assert other.replace(old) is None
    assert bot.asked == 0
    # A bot that renews at the same time does not bring it back.
    assert bot.log_in() == other.header()
    account.forget()
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


# When the process ends


def end_early(folder, wiki, client_id, secret, failures):
    """Use a token that cannot be stored at first, and end."""
    client = OAuth2Client(client_id, secret, redirect_uri='http://127.0.0.1/x')
    store = SpoiledStore(folder, save=int(failures))
    account = Account(client, store, 'Bot', wiki, policy=Policy())
    assert account.header()
    return account


@pytest.mark.parametrize(
    ('failures', 'is_kept'),
    [(3, True), pytest.param(99, False, marks=pytest.mark.slow)],
)
def test_a_token_that_could_not_be_stored_is_stored_as_the_process_ends(
    wiki, bot, tmp_path, failures, is_kept
):
    wiki.clock.advance(-HOUR)
    old = bot.log_in()
    wiki.clock.advance(HOUR)
    script = 'import sys\nfrom tests.test_account import end_early\n'
    script += 'kept = end_early(*sys.argv[1:])'
    command = [sys.executable, '-c', script, tmp_path, wiki.url]
    command += [bot.client.client_id, bot.client.client_secret, str(failures)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP)
    assert done.returncode == 0, done.stderr
    assert 'only in memory' in done.stderr
    assert ('is lost' not in done.stderr) == is_kept, done.stderr
    assert (bot.stored.token.header != old) == is_kept
    assert bot.asked == 1


class Program:
    """A program that cannot store its sessions.

    :ivar calls: the users whose sessions it was to store
    :ivar pause: the seconds that it takes to fail
    """

    def __init__(self):
        self.calls, self.pause = [], 0

    def store(self, session):
        self.calls.append(session.user)
        time.sleep(self.pause)
        raise OSError('The database is out of order.')

    def session(self, user):
        wiki, client = 'http://127.0.0.1:9', OAuth2Client('c' * 32)
        url, given = f'{wiki}/api.php', (client.client_id, wiki, user)
        session = OAuth2Session(client, url, user=user, on_change=self.store)
        session._account.adopt(Authorization(*given, Token('a.b.c')))
        return session


@pytest.fixture
def program(monkeypatch):
    monkeypatch.setattr('pywikibot_oauth2.account._LAST_SECONDS', 0.5)
    return Program()


def test_a_session_that_was_dropped_does_not_stay_in_memory(program):
    program.session('Dropped')
    gc.collect()
    assert program.calls == ['Dropped']
    assert not _unsaved


def test_an_end_takes_seconds_however_many_tokens_cannot_be_stored(program):
    kept = [program.session(f'Kept {number}') for number in range(20)]
    program.pause = 0.2
    with listening() as said:
        store_the_rest()
    assert 20 < len(program.calls) < 30
    # All are reported.
    for session in kept:
        text = f'The new token of {session.user} is lost.'
        assert text in str(said)


def test_a_child_stores_no_session_of_its_parent(program):
    def work():
        store_the_rest()
        return program.calls

    kept = program.session('Kept')
    assert Fork(work).result() == [kept.user]
    store_the_rest()
    assert len(program.calls) > 1
