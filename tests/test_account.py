"""The account: which token is current, renewed once and never lost."""

from __future__ import annotations

import copy
import math
import os
import pickle
import signal
import threading

import pytest
import requests

from pywikibot_oauth2.account import Account, Policy
from pywikibot_oauth2.authorization import LOGGED_OUT, Authorization
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    StoreError,
)
from pywikibot_oauth2.session import OAuth2Session
from pywikibot_oauth2.stores.file import FileStore
from pywikibot_oauth2.token import Header, Token
from tests.harness import at_once, grants


class Quiet(Policy):
    """Collects warnings; trusts the wikis that it is told."""

    def __init__(self, *wikis):
        self.wikis = wikis
        self.warnings = []

    def trusts(self, wiki):
        return wiki in self.wikis

    def warn(self, error, note=''):
        self.warnings.append(f'{error} {note}')


@pytest.fixture(params=['1.43', 'master'])
def wiki(wiki, request):
    """Return a sandbox wiki that plays one of the recorded servers."""
    wiki.like = request.param
    return wiki


@pytest.fixture
def client(wiki):
    """Return a confidential client."""
    found = wiki.register()
    return OAuth2Client(
        found.id, found.secret, redirect_uri=found.redirect_uri
    )


@pytest.fixture
def store(tmp_path):
    """Return a store in a folder of its own."""
    return FileStore(tmp_path / 'tokens', lock_timeout=5)


@pytest.fixture
def make(wiki, client, store, clock):
    """Return a function that makes an account as another process would."""

    def make(user='Bot', **options):
        return Account(
            options.pop('client', client),
            options.pop('store', store),
            user,
            options.pop('wiki', wiki.url),
            policy=Quiet(wiki.url),
            clock=clock,
            **options,
        )

    return make


@pytest.fixture
def issue(wiki, client, clock):
    """Return a function that gives an authorization without the dialog."""

    def issue(user='Bot', owner='Bot'):
        pair = wiki.issue(wiki.oauth.clients[client.client_id], owner)
        token = Token(
            pair.access_token,
            pair.refresh_token,
            clock() + pair.expires_in,
            pair.expires_in,
        )
        return Authorization(client.client_id, wiki.url, user, token)

    return issue


@pytest.fixture
def account(make, issue):
    """Return an account that is authorized."""
    account = make()
    account.adopt(issue())
    return account


def is_good(wiki, header):
    """Return whether the wiki accepts a header."""
    answer = requests.get(
        wiki.api_url,
        {'action': 'query', 'meta': 'userinfo', 'format': 'json'},
        headers={'Authorization': header},
    ).json()
    return 'error' not in answer and 'anon' not in answer['query']['userinfo']


def test_a_due_token_is_renewed_once_by_threads_and_processes(
    wiki, account, make, clock
):
    old = account.header()
    clock.advance(3550)
    new = at_once(8, lambda _: account.header())
    assert len({*new}) == 1
    assert new[0] != old
    assert make().header() == new[0]
    assert grants(wiki, 'refresh_token') == 1
    assert is_good(wiki, new[0])


def test_a_refused_token_is_replaced_once_before_it_is_due(wiki, account):
    old = account.header()
    wiki.expire_access_tokens()
    new = at_once(8, lambda _: account.replace(old))
    assert {*new} == {account.header()}
    assert grants(wiki, 'refresh_token') == 1


def test_a_request_with_a_csrf_token_goes_under_the_present_token(
    wiki, account, clock
):
    old = account.header()
    clock.advance(3550)
    assert account.header(is_bound=True) == old
    assert grants(wiki, 'refresh_token') == 0
    clock.advance(45)
    assert account.header(is_bound=True) != old


def test_a_bound_request_takes_what_another_process_has_renewed(
    wiki, account, make, clock
):
    clock.advance(3550)
    new = make().header()
    assert account.header(is_bound=True) == new
    assert grants(wiki, 'refresh_token') == 1


def test_a_store_that_went_back_in_time_does_not_win(
    wiki, account, make, store, clock
):
    path = store.path('Bot')
    backup = path.read_bytes()
    clock.advance(3550)
    newest = account.header()
    path.write_bytes(backup)
    clock.advance(3550)
    assert is_good(wiki, account.header())
    assert account.header() != newest
    assert make().header() == account.header()
    assert account.authorization.ended is None


@pytest.mark.parametrize('way', ['removed', 'folder'])
def test_an_end_is_never_written_over_the_token_of_another(
    wiki, account, make, store, issue, way
):
    old = account.header()
    other = make()
    winner = issue()
    lock = store.path('Bot').with_suffix('.json.lock')
    wiki.revoke('Bot', wiki.oauth.clients[account.client.client_id])
    # The lock is lost while the loser asks the wiki.
    asked = wiki.oauth.token_endpoint

    def adopt_meanwhile(request):
        wiki.oauth.token_endpoint = asked
        lock.unlink(missing_ok=True)
        if way == 'folder':
            lock.mkdir()
        other.adopt(issue())
        return asked(request)

    wiki.oauth.token_endpoint = adopt_meanwhile
    new = account.replace(old)
    assert new == other.header()
    assert make().load().ended is None
    assert winner.token is not None


@pytest.mark.parametrize(
    ('status', 'body'),
    [
        (
            400,
            '{"error": "invalid_request", "hint": "Check the `grant_type`'
            ' parameter"}',
        ),
        (
            400,
            '{"error": "invalid_request", "hint": "Check the `client_secret`'
            ' parameter"}',
        ),
        (500, '{"error": "server_error"}'),
        (418, 'no JSON'),
    ],
)
def test_no_other_refusal_ends_an_authorization(wiki, account, status, body):
    wiki.fail_next(
        'status', status=status, body=body, content_type='application/json'
    )
    with pytest.raises((EndpointError, ClientRefusedError)):
        account.refresh()
    account.refresh()
    assert is_good(wiki, account.header())


def test_a_dead_refresh_token_ends_it_for_all(wiki, account, make):
    wiki.revoke('Bot', wiki.oauth.clients[account.client.client_id])
    assert account.replace(account.header()) is None
    assert account.authorization.token is None
    assert 'no longer accepts' in make().load().ended
    assert len(account._policy.warnings) == 1


@pytest.mark.parametrize('stage', ['expired', 'rejected', 'disabled'])
def test_an_unusable_client_ends_nothing_and_is_asked_once(
    wiki, account, clock, stage
):
    registered = wiki.oauth.clients[account.client.client_id]
    wiki.set_stage(registered, stage)
    clock.advance(4000)
    with pytest.raises(ClientRefusedError) as info:
        account.header()
    assert info.value.is_unusable
    assert info.value.ends_refresh_token == (wiki.like == '1.43')
    assert account.state.refusal is info.value
    assert account.header() is None
    assert wiki.count('/access_token') == 1
    assert account.authorization.ended is None
    wiki.set_stage(registered, 'approved')
    clock.advance(100)
    if wiki.like == 'master':
        assert is_good(wiki, account.header())


def test_a_wrong_secret_ends_nothing(wiki, account, make, clock):
    wrong = OAuth2Client(account.client.client_id, '0' * 40)
    clock.advance(4000)
    with pytest.raises(ClientRefusedError):
        make(client=wrong).header()
    assert is_good(wiki, make().header())


def test_a_fixed_token_is_never_given_up(wiki, make, clock):
    registered = wiki.register(owner_only=True)
    fixed = OAuth2Client(access_token=registered.access_token)
    account = make(client=fixed)
    assert account.replace(account.header()) == account.header()
    assert is_good(wiki, account.header())
    assert len(account._policy.warnings) == 1


def test_a_stored_authorization_of_another_wiki_is_sent_nowhere(
    wiki, account, make, clock
):
    clock.advance(4000)
    elsewhere = make(wiki='https://b.example.org/w')
    elsewhere._policy.wikis = ()
    with pytest.raises(ConfigurationError) as info:
        elsewhere.header()
    assert wiki.url in str(info.value)
    assert 'https://b.example.org/w' in str(info.value)
    assert wiki.count('/access_token') == 0


@pytest.mark.parametrize('field', ['user', 'client_id'])
def test_what_is_stored_for_another_account_is_refused(
    make, store, issue, field
):
    data = {**issue().serialize(), field: 'Eve'}
    account = make()
    with store.lock(*account._key):
        store.save(*account._key, data)
    with pytest.raises(StoreError, match='Eve') as info:
        account.load()
    assert info.value.error == 'other_account'


def test_a_token_of_another_account_is_not_used(wiki, account, make, clock):
    wiki.add_user('Eve')
    stranger = wiki.issue(wiki.oauth.clients[account.client.client_id], 'Eve')
    wiki.fail_next(
        'rewrite',
        change=lambda data: {**data, 'access_token': stranger.access_token},
    )
    clock.advance(4000)
    with pytest.raises(EndpointError, match='another account'):
        account.header()
    assert make().load().token == account.authorization.token


def test_the_sub_of_both_servers_is_that_of_one_account(wiki, account, clock):
    wiki.like = 'master' if wiki.like == '1.43' else '1.43'
    clock.advance(4000)
    assert is_good(wiki, account.header())


def test_nothing_is_asked_before_there_is_a_place_for_the_answer(
    wiki, account, store, clock
):
    path = store.path('Bot')
    kept = path.read_bytes()
    path.unlink()
    path.mkdir()
    clock.advance(3550)
    old = account.state.header
    assert account.header() == old
    assert wiki.count('/access_token') == 0
    # When the old token no longer serves, memory has to do.
    clock.advance(100)
    new = account.header()
    assert is_good(wiki, new)
    assert not account.state.is_saved
    # It is stored as soon as that is possible.
    path.rmdir()
    path.write_bytes(kept)
    path.chmod(0o600)
    clock.advance(20)
    assert account.header() == new
    assert account.state.is_saved


def test_a_wiki_in_trouble_costs_nothing_while_the_token_serves(
    wiki, account, clock
):
    wiki.fail_next('status', times=1)
    clock.advance(3550)
    old = account.header()
    assert account.header() == old
    assert wiki.count('/access_token') == 1
    assert 'still serves' in account._policy.warnings[0]
    clock.advance(10)
    assert account.header() != old


def test_logging_out_is_final_for_all(account, make):
    other = make()
    other.load()
    assert account.forget()
    assert not account.forget()
    assert make().load().ended == LOGGED_OUT
    assert other.load().ended == LOGGED_OUT


def test_a_login_follows_whatever_is_stored(account, make, issue):
    account.forget()
    other = make()
    other.adopt(issue())
    assert account.header() == other.header()
    assert other.load().generation > 2


def test_cookies_go_with_their_token_only(account):
    jar = requests.cookies.RequestsCookieJar()
    jar.set('sessionJwt', 'x')
    old = account.header()
    account.keep_cookies(old, jar)
    assert account.state.cookies['sessionJwt'] == 'x'
    account.replace(old)
    assert account.state.cookies is None
    account.keep_cookies(old, jar)
    assert account.state.cookies is None


def test_signals_wait_for_the_token_and_may_use_the_account(wiki, account):
    seen = []

    def handler(*_):
        seen.append(account.header())

    usual = signal.signal(signal.SIGTERM, handler)
    asked = wiki.oauth.token_endpoint

    def interrupt(request):
        wiki.oauth.token_endpoint = asked
        os.kill(os.getpid(), signal.SIGTERM)
        return asked(request)

    wiki.oauth.token_endpoint = interrupt
    try:
        account.refresh()
    finally:
        signal.signal(signal.SIGTERM, usual)
    assert seen == [account.header()]


def test_a_session_in_memory_is_not_refreshed_after_a_fork(
    wiki, client, issue, clock
):
    session = OAuth2Session.deserialize(
        issue().serialize(), client, clock=clock
    )
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            session.refresh()
            os.write(writer, b'refreshed')
        except ConfigurationError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    assert b'before a fork' in os.read(reader, 1000)
    os.close(reader)
    session.refresh()
    assert grants(wiki, 'refresh_token') == 1


def test_a_session_is_neither_pickled_nor_copied(client, issue):
    session = OAuth2Session.deserialize(issue().serialize(), client)
    for make_copy in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r'serialize\(\)'):
            make_copy(session)


def test_a_refresh_by_hand_beside_the_first_request_spends_one_token(
    wiki, client, issue, clock
):
    session = OAuth2Session.deserialize(
        issue().serialize(), client, clock=clock
    )
    clock.advance(4000)

    def use(index):
        if index % 2:
            session.refresh()
        else:
            requests.get(
                wiki.api_url,
                {'action': 'query', 'format': 'json'},
                auth=session,
            )

    at_once(4, use)
    assert session.is_complete
    assert session.profile()['username'] == 'Bot'


def test_on_change_is_called_again_until_it_succeeds(
    wiki, client, issue, clock
):
    kept = []

    def on_change(changed):
        if not kept and not fails.pop():
            return
        if len(fails):
            raise OSError('no disk')
        kept.append(changed.serialize())

    fails = [True, True]
    session = OAuth2Session.deserialize(
        issue().serialize(), client, clock=clock, on_change=on_change
    )
    session.refresh()
    assert not kept
    clock.advance(20)
    requests.get(
        wiki.api_url, {'action': 'query', 'format': 'json'}, auth=session
    )
    assert kept[0]['token']['access_token'] == session.token.access_token


def test_a_token_without_a_refresh_token_ends_when_it_is_refused(
    wiki, make, issue
):
    found = issue()
    token = Token(found.token.access_token)
    account = make()
    account.adopt(found._replace(token=token))
    assert account.state.due == math.inf
    wiki.expire_access_tokens()
    assert account.replace(account.header()) is None
    assert 'no refresh token' in account.authorization.ended


def test_an_owner_only_client_fetches_its_token_itself(wiki, make):
    registered = wiki.register(owner_only=True)
    client = OAuth2Client(registered.id, registered.secret, owner_only=True)
    account = make(client=client)
    assert is_good(wiki, account.header())
    assert grants(wiki, 'client_credentials') == 1
    assert make(client=client).header() == account.header()
    with pytest.raises(ConfigurationError, match='Bot, not Eve'):
        make('Eve', client=client).header()


def test_nothing_secret_is_in_any_repr(account):
    found = account.authorization
    for text in map(
        repr, (found, found.token, account.header(), account.state)
    ):
        assert found.token.access_token not in text
        assert found.token.refresh_token not in text
    assert isinstance(account.header(), Header)


def test_a_wiki_that_hangs_holds_up_no_other_account(wiki, account, make):
    wiki.add_user('Alice')
    done = threading.Event()
    thread = threading.Thread(
        target=lambda: (make('Alice').load(), done.set())
    )
    with account._lock.held:
        thread.start()
        assert done.wait(10)
    thread.join()


def test_a_refresh_reports_the_end(wiki, client, issue):
    session = OAuth2Session.deserialize(issue().serialize(), client)
    wiki.revoke('Bot', wiki.oauth.clients[client.client_id])
    with pytest.raises(AuthorizationEndedError):
        session.refresh()
    assert session.ended
