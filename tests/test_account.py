"""Tests of the account, with real files, sockets, threads and processes."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from requests.cookies import cookiejar_from_dict

from pywikibot_oauth2 import (
    ClientRefusedError,
    ConfigurationError,
    FileStore,
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.account import (
    Account,
    Policy,
    _mark,
    _marked,
    store_the_rest,
)
from pywikibot_oauth2.stores import MemoryStore
from tests.harness import TOP, at_once, wait_until
from tests.helpers import HOUR, SECONDS, Bot, Fork, listening, on_both, raises


# The sandbox has threads when a test forks.
pytestmark = pytest.mark.filterwarnings(
    'ignore:This process:DeprecationWarning'
)

YEAR = 365 * 86400
BY = [
    pytest.param(lambda it: it.account.header(), id='due'),
    pytest.param(lambda it: it.account.header(refused=it.old), id='refused'),
]


class SpoiledStore(FileStore):
    """A token file with steps that fail, or before which something happens.

    :param fails: how often a step, such as "load", will fail
    :ivar before: called with the name of each step
    """

    def __init__(self, folder, **fails):
        super().__init__(folder)
        self.fails = Counter(fails)
        self.before = lambda step: None

    def lock(self, *key):
        self._begin('lock')
        return super().lock(*key)

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

    def save(self, *arguments):
        self._begin('save')
        super().save(*arguments)

    def _begin(self, step):
        self.before(step)
        self.fails[step] -= 1
        if self.fails[step] >= 0:
            raise StoreError('the disk has failed')


@pytest.fixture
def bot(wiki, tmp_path):
    return Bot(wiki, tmp_path)


@pytest.fixture
def store(tmp_path):
    return SpoiledStore(tmp_path)


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


def test_a_valid_token_needs_neither_the_wiki_nor_the_store(valid):
    valid.path.write_text('garbage')
    for _ in range(50):
        assert valid.account.header() == valid.old
    assert not valid.wiki.requests


@pytest.mark.parametrize(('leeway', 'is_bound'), [(60, False), (10, True)])
def test_a_token_is_renewed_before_it_expires(valid, leeway, is_bound):
    # Or, beside a CSRF token, before it might expire on its way.
    valid.wiki.clock.advance(HOUR - leeway - 1)
    assert valid.account.header(is_bound=is_bound) == valid.old
    assert valid.asked == 0
    valid.wiki.clock.advance(1)
    new = valid.account.header('the user agent', is_bound=is_bound)
    assert new != valid.old
    assert valid.accepts(new)
    assert valid.asked == 1
    assert valid.wiki.requests[-1].headers['user-agent'] == 'the user agent'


def test_a_new_token_is_stored_before_it_is_used(due, store):
    steps = []
    store.before = lambda step: steps.append((step, due.asked))
    header = due.another(store).header()
    # Its place was secured before the request.
    assert steps[-2:] == [('reserve', 0), ('save', 1)]
    assert due.stored.token.header == header


@pytest.mark.parametrize('step', ['load', 'reserve'])
def test_no_valid_token_is_spent_if_the_store_fails(near, store, step):
    account = near.another(store)
    account.load()
    store.fails[step] = 1
    assert account.header() == near.old
    assert near.asked == 0


def test_a_new_token_is_stored_where_less_room_is_left_than_is_reserved(
    due, store
):
    store.fails['reserve'] = 9
    header = due.another(store).header()
    assert due.stored.token.header == header
    assert not due.said


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
    newer = near.another()
    assert newer.header() == ask(near) != near.old
    assert near.asked == 1
    # On request, it is renewed at once.
    newer.refresh()
    kept = newer.authorization.token
    near.account.refresh()
    assert near.tried[2] == kept.refresh_token
    assert near.accepts(near.account.header())


@pytest.mark.parametrize('was_read', [False, True])
def test_a_login_wins_over_what_another_process_has_renewed(bot, was_read):
    old = bot.log_in()
    if was_read:
        bot.account.load()
    other = bot.another()
    other.load()
    assert other.header(refused=old) != old
    given = bot.authorization()
    bot.account.adopt(given)
    assert bot.account.header() == given.token.header
    assert bot.stored.token == given.token
    bot.wiki.clock.advance(HOUR)
    assert other.header() == bot.account.header()


def test_a_wiki_that_hangs_holds_up_no_other_account_and_no_fork(due):
    def meanwhile(data):
        header = other.log_in()
        assert other.accepts(other.account.header(refused=header))
        children.append(Fork(due.account.header))
        return data

    children, other = [], Bot(due.wiki, due.path.parent, user='Admin')
    due.wiki.fail_next('rewrite', change=meanwhile)
    header = due.account.header()
    assert [child.result() for child in children] == [header]
    assert due.tried.count(due.tried[0]) == 1


def test_a_signal_handler_may_use_the_account_during_a_refresh(due):
    def send(data):
        main = threading.main_thread().ident
        for number in numbers:
            signal.pthread_kill(main, number)
        wait_until(lambda: seen)
        return data

    def handle(number, frame):
        seen.append(due.account.header())

    seen, numbers = [], (signal.SIGTERM, signal.SIGHUP)
    usual = {number: signal.signal(number, handle) for number in numbers}
    due.wiki.fail_next('rewrite', change=send)
    try:
        new = due.account.header()
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    assert due.asked == 1
    # The second signal is not delayed, and no handler waits.
    assert seen == [due.old, new]


def test_a_handler_does_not_wait_for_a_lock_of_its_own_thread(due, store):
    # One that reports the warnings of a store on the wiki, for example.
    def report(step):
        steps.append(step)
        if step == 'save':
            assert account.header() == given.token.header
            with raises(OAuth2Error, 'while it was being changed'):
                account.forget()

    account, given = due.another(store), due.authorization(expires_in=0.001)
    due.wiki.clock.advance(1)
    steps, store.before = [], report
    account.adopt(given)
    assert steps.count('lock') == 1
    assert due.stored.token == given.token


@pytest.mark.parametrize('fails', [0, 1])
def test_a_signal_takes_effect_when_a_change_is_over(valid, store, fails):
    account, number = valid.another(store), signal.SIGTERM
    store.before = lambda step: step == 'save' and signal.raise_signal(number)
    store.fails['save'] = fails
    usual = signal.signal(number, lambda *_: account.forget())
    with raises(StoreError, 'failed') if fails else nullcontext():
        account.forget('tidied up')
    signal.signal(number, usual)
    ended = 'logged out' if fails else 'tidied up'
    assert valid.stored.ended == ended


def test_a_late_refusal_of_an_old_token_drops_nothing_of_the_new_one(near):
    cookies = cookiejar_from_dict({'a': '1'})
    near.account.keep_cookies(near.old, cookies)
    near.wiki.fail_next('status', status=503)
    assert near.account.header(refused='Bearer old') == near.old
    assert near.account.state.cookies is cookies


def test_an_interrupt_at_any_moment_leaves_the_account_usable(valid):
    def interrupt(frame, event, arg):
        # While coverage is measured, it has a trace function, too.
        if account._busy_pid is not None and event == 'call':
            calls.append(event)
            if len(calls) > number:
                sys.settrace(usual)
                raise KeyboardInterrupt

    account, usual, number = valid.another(MemoryStore()), sys.gettrace(), 0
    is_over = False
    while not is_over:
        calls = []
        sys.settrace(interrupt)
        try:
            account.adopt(valid.authorization())
            is_over = True
        except KeyboardInterrupt:
            number += 1
        finally:
            sys.settrace(usual)
        assert not account._is_busy
    assert number > 10
    assert account.state.header


def test_a_token_without_a_shared_store_is_not_renewed_after_a_fork(valid):
    bot, account = valid, valid.another(MemoryStore())
    account.adopt(bot.authorization())
    bot.wiki.clock.advance(HOUR)
    error = Fork(account.header).result()
    assert isinstance(error, ConfigurationError)
    assert 'before a fork' in str(error)
    assert bot.asked == 0
    assert bot.accepts(account.header())
    # A store that is shared, or a token without refresh token, has no copy.
    owner = Bot(bot.wiki, bot.path.parent, owner_only=True)
    for account in bot.account, owner.another(MemoryStore()):
        assert bot.accepts(Fork(account.header).result())


# Ends, failures and refusals


def test_a_token_without_a_refresh_token_ends_when_it_is_refused(bot):
    old = bot.log_in(refresh_token=None)
    bot.account.header()
    bot.wiki.clock.advance(HOUR)
    assert bot.account.header() == old, 'only the wiki can say so'
    assert bot.account.header(refused=old) is None
    assert bot.asked == 0
    assert 'There is no refresh token' in bot.said
    assert bot.stored.ended


@on_both
def test_of_two_that_refresh_because_a_lock_was_lost_neither_ends_it(
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
        assert due.account.header(refused=second) == first
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


def test_no_end_is_stored_while_the_store_cannot_be_read(due, store):
    account, kept = due.another(store), due.stored
    due.wiki.revoke('Bot', due.registered)
    # The place for the answer is secured, and then the store fails.
    store.before = lambda step: store.fails.update(
        load=9 * (step == 'reserve')
    )
    assert account.header() is None
    assert due.stored == kept
    store.fails.clear()
    assert account.header() is None
    assert due.stored.ended
    assert due.asked == 1


def test_a_token_wins_over_the_end_that_a_lost_race_has_left(valid):
    loser = valid.another()
    ended = loser.load().end('a lost race')
    valid.account.refresh()
    kept = valid.path.read_bytes()
    valid.store.save('Bot', valid.registered.id, ended.serialize())
    assert loser.load().ended
    valid.path.write_bytes(kept)
    assert loser.header() == valid.account.header()


def test_a_store_that_went_back_in_time_gets_the_newer_token_again(due):
    before = due.path.read_bytes()
    new = due.account.header()
    due.path.write_bytes(before)
    assert due.account.load().token.header == new
    due.wiki.clock.advance(10)
    assert due.account.header() == new == due.stored.token.header


def test_what_could_not_be_stored_is_not_given_up_for_an_end(due, store):
    account, other = due.another(store), due.another()
    store.fails.update(reserve=1, save=1)
    new = account.header()
    assert 'The new token of Bot is only in memory.' in due.said
    assert other.header() is None, 'the refresh token was not spent'
    assert due.stored.ended
    due.wiki.clock.advance(HOUR)
    header = account.header()
    assert due.accepts(header)
    assert header != new
    assert due.stored.token.header == header == other.header()


# If the wiki does not ask to wait, it is a tenth of the time left, so that
# there are several attempts.
@pytest.mark.parametrize(
    ('asked_to_wait', 'waited'), [(None, 3), (20, 20), (YEAR, 30)]
)
def test_retry_after_is_respected_but_not_beyond_the_expiry(
    near, asked_to_wait, waited
):
    # What shows the warning may use the token.
    near.policy.warn = lambda *_: near.account.header()
    near.wiki.fail_next('status', status=429, retry_after=asked_to_wait)
    for seconds in (0, waited - 1):
        near.wiki.clock.advance(seconds)
        assert near.account.header() == near.old
    assert near.asked == 1
    near.wiki.clock.advance(1)
    assert near.account.header() != near.old


def test_a_login_serves_while_the_store_cannot_be_locked(bot, store):
    account, given = bot.another(store), bot.authorization()
    store.fails['lock'] = 2
    account.adopt(given)
    assert 'only in memory' in bot.said
    for waited in (0, 10, 9):
        bot.wiki.clock.advance(waited)
        assert account.header() == given.token.header
        assert not account.state.is_saved
    bot.wiki.clock.advance(1)
    assert account.header() == given.token.header == bot.stored.token.header


def test_a_token_that_is_stored_late_is_left_alone_for_as_long(near, store):
    account = near.another(store)
    store.fails['save'] = 2
    account.adopt(near.authorization())
    # A login that cannot be stored serves as long as the process.
    assert near.accepts(account.header())
    assert not account.state.is_saved
    assert 'only in memory' in near.said
    kept = account.state
    near.wiki.clock.advance(5)
    account.keep_cookies(kept.header, cookiejar_from_dict({'a': '1'}))
    assert account.state.due == kept.due
    near.wiki.clock.advance(HOUR - 45)
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


@pytest.mark.parametrize('like', ['master'])
def test_a_token_that_the_wiki_refused_is_not_sent_again_meanwhile(valid):
    valid.policy.attempts = 9
    valid.wiki.disable_client(valid.registered)
    for ask in (
        lambda: valid.account.header(refused=valid.old),
        valid.account.header,
    ):
        with pytest.raises(ClientRefusedError):
            ask()
        assert valid.account.header() is None
        valid.wiki.clock.advance(60)
    assert valid.asked == 2, 'a refusal was repeated'
    # A minute has also passed if the clock is set back.
    valid.wiki.set_stage(valid.registered, 'approved')
    valid.wiki.clock.advance(-60)
    assert valid.account.header() is None
    valid.account.clock = lambda: valid.wiki.clock() - 5 * HOUR
    assert valid.accepts(valid.account.header())


def test_a_client_that_the_api_refuses_has_a_pause_unless_a_token_is_newer(
    valid,
):
    account = valid.account
    new = account.header(refused=valid.old)
    assert account.refuse(valid.old) == new
    assert account.state.refusal is None
    assert account.refuse(new) is None
    client = f'does not accept the client {valid.client.client_id}: '
    assert client in str(account.state.refusal)
    fixed = valid.another(client=OAuth2Client(access_token='a.b.c'))
    fixed.refuse(fixed.header())
    assert 'the client of the fixed access token: ' in str(fixed.state.refusal)


@on_both
def test_an_answer_lost_before_the_expiry_is_noticed_at_the_next_request(
    near, like
):
    near.wiki.fail_next('reset_after')
    assert near.account.header() == near.old, 'nothing else is known'
    assert not near.accepts(near.old)
    new = near.account.header(refused=near.old)
    # On 1.43, a refresh token can be used only once.
    is_lost = like == '1.43'
    assert near.accepts(new) != is_lost
    for text in near.stored.ended or '', near.said:
        assert ('if the wiki acted on it' in text) == is_lost


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
    assert near.account.header(refused=near.stored.token.header) is None
    assert 'got no usable answer' not in near.stored.ended


@pytest.mark.parametrize('act', [Bot.log_in, lambda b: b.another().forget()])
def test_what_a_person_does_wins_over_a_token_that_could_not_be_stored(
    due, store, act
):
    account = due.another(store)
    store.fails.update(reserve=9, save=9)
    for _ in range(2):
        account.header(refused=account.header())
    assert not account.state.is_saved
    act(due)
    kept = due.stored
    store.fails.clear()
    due.wiki.clock.advance(10)
    account.header()
    assert account.authorization == due.stored == kept


@pytest.mark.parametrize(
    ('change', 'words'),
    [({'version': 99}, 'newer release'), ({'user': 'Admin'}, 'for Admin'),
     ({'client_id': 'another'}, 'client another')],
)  # fmt: skip
def test_what_cannot_be_used_is_named_and_left_alone(due, change, words):
    data = {**due.stored.serialize(), **change}
    due.store.save('Bot', due.registered.id, data)
    kept, account = due.path.read_bytes(), due.another()
    for call in account.load, account.forget:
        with raises(StoreError, words, hint=str(due.path)):
            call()
    assert account.header() is None
    assert not due.wiki.requests
    # Nor does what is renewed from memory replace it.
    assert due.accepts(due.account.header())
    assert 'The new token of Bot will be only in memory.' in due.said
    assert due.path.read_bytes() == kept


def test_cookies_are_kept_for_the_present_token_only(valid):
    account, old = valid.account, valid.old

    def kept(header, cookies):
        account.keep_cookies(header, cookies and cookiejar_from_dict(cookies))
        return account.state.cookies and dict(account.state.cookies)

    assert kept(old, {'a': '1'}) == {'a': '1'}
    assert kept(old, {'b': '2'}) == {'a': '1', 'b': '2'}
    assert kept(old, None) is None
    assert kept(old, {'a': '1'})
    account.header(refused=old)
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


@on_both
def test_a_client_that_is_not_owner_only_is_refused(bot, like):
    bot.registered.grant_types = ('client_credentials',)
    secret = bot.registered.secret
    client = OAuth2Client(bot.registered.id, secret, owner_only=True)
    account = bot.another(client=client)
    with raises(ConfigurationError, 'is not an owner-only client'):
        account.header()
    assert account.state.header is None
    assert not bot.path.exists()


def test_the_owner_of_the_client_must_be_the_account(owner):
    account = owner.another(user='Admin')
    with pytest.raises(ConfigurationError, match='(?s)Bot.*Admin|Admin.*Bot'):
        account.header()
    assert account.state.header is None


def test_logins_and_logouts_are_noticed_by_all_who_share_the_store(bot):
    account, other = bot.account, bot.another()
    for _ in range(2):
        assert account.header() is None
    assert account.authorization.generation == 0
    assert not account.can_renew
    assert not account.forget(), 'there was nothing to forget'
    old = bot.log_in()
    assert account.header() == other.header() == old
    assert account.forget('it was enough')
    assert not account.forget()
    assert bot.stored.ended == 'it was enough'
    assert account.header() is None
    assert other.header(refused=old) is None
    assert bot.asked == 0
    # A bot that renews at the same time does not bring it back.
    assert bot.log_in() == other.header()
    account.forget()
    bot.wiki.clock.advance(HOUR)
    assert other.header() is None
    assert bot.stored.ended == 'logged out'


def test_a_logout_that_cannot_be_stored_changes_nothing(valid, store):
    account, steps = valid.another(store), []
    store.fails['save'] = 1
    store.before = steps.append
    with raises(StoreError, 'the disk has failed'):
        account.forget()
    # What others store meanwhile would be lost without the lock.
    assert steps == ['lock', 'load', 'save']
    assert account.header() == valid.stored.token.header == valid.old


# When the process ends


def end_early(folder, wiki, client_id, secret):
    """Renew a token that cannot be stored at first, and end meanwhile."""
    client = OAuth2Client(client_id, secret, redirect_uri='http://127.0.0.1/x')
    store = SpoiledStore(folder, save=3)
    end_early.kept = Account(client, store, 'Bot', wiki, policy=Policy())
    threading.Thread(target=end_early.kept.header, daemon=True).start()
    wait_until(lambda: end_early.kept in _marked())


@pytest.mark.parametrize(
    'run',
    [
        'end_early(*sys.argv[1:])',
        'ForkProcess(None, end_early, "", sys.argv[1:]).start()',
    ],
    ids=['script', 'child'],
)
def test_a_token_that_could_not_be_stored_is_stored_as_the_process_ends(
    bot, tmp_path, run
):
    old = bot.log_in(expires_in=0.001)
    bot.wiki.fail_next('slow', delay=0.5)
    script = 'import sys\nfrom multiprocessing.context import ForkProcess\n'
    script += f'from tests.test_account import end_early\n{run}'
    command = [sys.executable, '-c', script, tmp_path, bot.wiki.url]
    command += [bot.client.client_id, bot.client.client_secret]
    done = subprocess.run(command, capture_output=True, text=True, cwd=TOP)
    assert done.returncode == 0, done.stderr
    assert 'only in memory' in done.stderr
    assert 'is lost' not in done.stderr
    assert bot.stored.token.header != old
    assert bot.asked == 1


def test_an_end_waits_for_a_renewal_but_that_of_a_child_does_not(bot):
    old = bot.log_in()
    bot.wiki.clock.advance(HOUR)
    with ThreadPoolExecutor(1) as pool:
        # The wiki does not answer meanwhile.
        with bot.wiki.lock:
            pool.submit(bot.account.header)
            wait_until(lambda: bot.account in _marked())
            Fork(store_the_rest).result()
        store_the_rest()
        assert bot.stored.token.header != old


def test_other_threads_may_renew_while_the_process_ends(bot):
    def renew(accounts):
        while not has_ended.is_set():
            for is_unsaved in (True, False):
                for account in accounts:
                    _mark(account, is_unsaved=is_unsaved)

    has_ended, usual = threading.Event(), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(
                renew, [bot.another(MemoryStore()) for _ in range(500)]
            )
            for _ in range(5000):
                assert len(_marked()) <= 500
        finally:
            has_ended.set()
            sys.setswitchinterval(usual)


class Program:
    """A program that cannot store its sessions.

    :ivar calls: the users whose sessions it was to store
    :ivar pause: the seconds that it takes
    :ivar now: the time, which passes while it stores or the process waits
    :ivar fails: whether it cannot
    """

    def __init__(self, bot):
        self.bot, self.calls, self.pause = bot, [], 0
        self.now, self.fails = 0, True

    def sleep(self, seconds):
        self.now += seconds

    def store(self, session):
        self.calls.append(session.user)
        self.sleep(self.pause)
        if self.fails:
            raise OSError('The database is out of order.')

    def session(self, user):
        wiki = self.bot.wiki
        wiki.add_user(user)
        session = OAuth2Session(
            self.bot.client, wiki.api_url, user=user, on_change=self.store
        )
        session.complete(wiki.approve(session.authorization_url(), user))
        return session


@pytest.fixture
def program(bot, monkeypatch):
    program = Program(bot)
    clock = SimpleNamespace(monotonic=lambda: program.now, sleep=program.sleep)
    monkeypatch.setattr('pywikibot_oauth2.account.time', clock)
    monkeypatch.setattr('pywikibot_oauth2.account._LAST_SECONDS', 0.1)
    return program


def test_a_session_that_was_dropped_does_not_stay_in_memory(program):
    account = weakref.ref(program.session('Dropped')._account)
    gc.collect()
    assert program.calls == ['Dropped']
    assert account() is None


def test_an_end_takes_seconds_however_many_tokens_cannot_be_stored(program):
    kept = [program.session(f'Kept {number}') for number in range(20)]
    program.pause = 0.04
    with listening() as said:
        store_the_rest()
    # After each login, and then for as long as there is time.
    assert len(program.calls) == 20 + 3
    # All are reported.
    for session in kept:
        text = f'The new token of {session.user} is lost.'
        assert text in str(said)


def test_an_end_takes_as_long_as_tokens_can_be_stored(program):
    kept = [program.session(f'Kept {number}') for number in range(5)]
    program.pause, program.fails = 0.04, False
    with listening() as said:
        store_the_rest()
    assert len(program.calls) == 2 * len(kept)
    assert not said


def test_an_end_does_not_wait_for_a_thread_that_uses_a_token(program):
    def use(lock):
        with lock.held:
            is_used.set()
            has_ended.wait(SECONDS)

    is_used, has_ended = threading.Event(), threading.Event()
    kept = program.session('Kept')
    with ThreadPoolExecutor(1) as pool, listening() as said:
        pool.submit(use, kept._account._lock)
        is_used.wait(SECONDS)
        store_the_rest()
        has_ended.set()
    assert 'A thread was using the token of Kept' in str(said)
    assert program.calls == ['Kept'], 'it was stored once, and in vain'


def test_a_child_stores_no_session_of_its_parent(program):
    def work():
        store_the_rest()
        return program.calls

    kept = program.session('Kept')
    assert Fork(work).result() == [kept.user]
    store_the_rest()
    assert len(program.calls) > 1
