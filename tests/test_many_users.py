#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of many users at once, each with a session, in one process."""
from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import pywikibot
import pywikibot.login
import requests
from pywikibot import config
from pywikibot.comms import http
from pywikibot.data.api import CachedRequest
from pywikibot.family import Family
from requests.adapters import HTTPAdapter

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    ConfigurationError,
    OAuth2Auth,
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
)
from tests.bots import at_once, configure
from tests.sandbox import Clock, Sandbox
from tests.sandbox.config import FAMILY


TOKEN_LIFE = 2  # seconds
# What an expiry may bring; each access token has CSRF tokens of its own.
EXPIRY = {'badtoken', 'mwoauth-invalid-authorization'}
WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
CSRF = {'action': 'query', 'meta': 'tokens', 'format': 'json'}


class StandingClock(Clock):
    """Stands still until it is advanced, however slow this machine is."""

    def __init__(self):
        super().__init__()
        self.start = time.time()

    def __call__(self):
        return self.start + self.offset


class Expiries:
    """Lets all tokens expire in the midst of what many threads do.

    The threads begin each round of edits together, and when half as many
    edits as there are threads were made in it, all tokens expire. An edit
    that met two expiries would fail: Pywikibot takes a CSRF token that is
    refused twice for a lasting error.
    """

    def __init__(self, clock, threads, edits_a_round):
        self.number = 0
        self._clock = clock
        self._threads = threads
        self._edits = 0
        self._round = edits_a_round
        self._barrier = threading.Barrier(threads)
        self._lock = threading.Lock()

    @contextmanager
    def editing(self, number):
        """Give the time for a thread's edit of this number."""
        if number % self._round == 0:
            self._barrier.wait(60)
        yield
        with self._lock:
            self._edits += 1
            if (self._edits % (self._threads * self._round)
                    == self._threads // 2):
                self.number += 1
                self._clock.advance(TOKEN_LIFE + 1)


@pytest.fixture
def clock():
    return StandingClock()


@pytest.fixture
def wiki(clock):
    with Sandbox(clock=clock, token_life=TOKEN_LIFE) as sandbox:
        yield sandbox


@pytest.fixture
def tool(monkeypatch, tmp_path, wiki):
    """Return a tool on a Pywikibot that knows the wiki, and no account."""
    configure(monkeypatch, tmp_path)
    for name, value in (
            ('authenticate', {}), ('usernames', defaultdict(dict)),
            ('family_files', dict(config.family_files)),
            ('socket_timeout', (60, 60)), ('put_throttle', 0),
            ('minthrottle', 0), ('maxthrottle', 0)):
        monkeypatch.setattr(config, name, value)
    # Threads that are the first to need it would race for it.
    (tmp_path / 'throttle.ctrl').touch()
    # There Pywikibot is to find this family, and not an earlier one.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Family, '_families', {})
    monkeypatch.setattr(pywikibot, '_sites', {})
    # These two are replaced when they are first used.
    monkeypatch.setattr(pywikibot.login, 'ClientLoginManager',
                        pywikibot.login.ClientLoginManager)
    monkeypatch.setattr(CachedRequest, '_get_cache_dir',
                        CachedRequest._get_cache_dir)
    yield Tool(wiki, tmp_path / 'sandbox_family.py')
    http.cookie_jar.clear()
    http.session.close()


class Tool:
    """A tool that users authorize, and what it does for them."""

    def __init__(self, wiki, family_file):
        self.wiki = wiki
        self.registered = wiki.register()
        self.client = client_of(self.registered)
        self.family_file = family_file
        self.know(en=wiki)

    def know(self, **wikis):
        """Configure the family."""
        self.family_file.write_text(FAMILY.format(
            langs={code: wiki.netloc for code, wiki in wikis.items()},
            paths=dict.fromkeys(wikis, '')))
        config.family_files['sandbox'] = str(self.family_file)
        sys.modules.pop('sandbox_family', None)

    def session(self, user, wiki=None, **options):
        """Let a user authorize the tool."""
        wiki = wiki or self.wiki
        if user not in wiki.accounts.users:
            wiki.add_user(user)
        session = OAuth2Session(self.client, wiki.api_url, user=user,
                                clock=wiki.clock, **options)
        session.complete(wiki.approve(session.authorization_url(), user))
        return session

    def sessions(self, number):
        """Let so many users authorize the tool."""
        return [self.session(f'Editor {index:03}')
                for index in range(1, number + 1)]

    def owner_only_sessions(self, number):
        """Return sessions of users with a client of their own each.

        The answers to such clients set a cookie (MediaWiki 1.47).
        """
        self.wiki.version = '1.47'
        sessions = []
        for index in range(1, number + 1):
            user = f'Editor {index:03}'
            self.wiki.add_user(user)
            client = client_of(self.wiki.register(
                owner=user, owner_only=True), owner_only=True)
            sessions.append(OAuth2Session(client, self.wiki.api_url,
                                          user=user, clock=self.wiki.clock))
        return sessions

    @property
    def editors(self):
        """Who has edited, in order."""
        return [edit.user for edit in self.wiki.edits]

    def bearers(self):
        """Return the owners of the tokens that api.php got, in order."""
        return [owner_of(self.wiki, request.bearer)
                for request in list(self.wiki.requests)
                if request.path.endswith('/api.php')]


def client_of(registered, **options):
    if not options:
        options['redirect_uri'] = registered.redirect_uri
    return OAuth2Client(registered.id, registered.secret, **options)


def owner_of(wiki, bearer):
    """Return the name of the account that a token was issued to."""
    return bearer and wiki.oauth.access_tokens[bearer].session.user.name


def edit(user, title, text, *, code='en'):
    """Edit a page with Pywikibot; the summary says in whose name."""
    site = pywikibot.Site(code, 'sandbox', user=user)
    page = pywikibot.Page(site, title)
    page.text = text
    page.save(summary=user, quiet=True)
    return site


def edit_plainly(http_session, session, title):
    """Edit a page with nothing but requests.

    As any program has to, it gets another CSRF token if the one it has
    went with an access token that was renewed since.
    """
    for _ in range(20):
        tokens = http_session.get(session.wiki, params=CSRF, auth=session)
        answer = http_session.post(session.wiki, auth=session, data={
            'action': 'edit', 'title': title, 'format': 'json',
            'text': f'{session.user} was here', 'summary': session.user,
            'token': tokens.json()['query']['tokens']['csrftoken']}).json()
        if answer.get('error', {}).get('code') != 'badtoken':
            break
    return answer


def check_that_all_belongs_together(wiki, *, by_pywikibot=True):
    """Check the token, CSRF token and cookies of each request.

    :return: how many cookies were sent
    """
    csrf_owners = {text: access.session.user.name
                   for access in wiki.oauth.access_tokens.values()
                   for text in access.session.tokens.values()}
    cookies = 0
    for request in list(wiki.requests):
        owner = owner_of(wiki, request.bearer)
        if request.path.endswith('/access_token'):
            assert request.cookies == {}
            owner = request.user
        if request.path.endswith('/api.php'):
            assert owner is not None
        if 'token' in request.form:
            assert csrf_owners[request.form['token']] == owner
        for name, value in request.cookies.items():
            assert name == 'sessionJwt'
            assert wiki.oauth.session_jwts[value].name == owner
            cookies += 1
        if by_pywikibot and 'code' not in request.form:
            # That is the user of the site that it was sent for.
            assert f'User:{owner.replace(" ", "_")}' in \
                request.headers['user-agent']
    return cookies


def check_edits(wiki, sessions, number):
    """Check that each user made so many edits, and nobody any other."""
    assert Counter(each.user for each in wiki.edits) == Counter(
        {session.user: number for session in sessions})
    for each in wiki.edits:
        assert each.summary == each.user
        assert each.user in each.text
    for session in sessions:
        assert owner_of(wiki, session.token.access_token) == session.user


def errors(wiki):
    """Count the errors that the wiki answered with, by their codes."""
    return Counter(request.error for request in list(wiki.requests)
                   if request.error is not None)


# Many at once

def test_fifty_users_edit_ten_times_each_while_their_tokens_expire(
        tool, wiki, clock):
    sessions = tool.sessions(50)
    expiries = Expiries(clock, 50, 3)
    wiki.requests.clear()

    def work(index):
        session = sessions[index]
        with session.use():
            site = pywikibot.Site('en', 'sandbox', user=session.user)
            for number in range(10):
                if number % 3 == 0:
                    # An expiry that a thread has not noticed in the round
                    # before would be the first of two for its next edit.
                    site.tokens.clear()
                page = pywikibot.Page(site, f'{session.user} {number % 3}')
                text = f'{session.user} writes {number}'
                with expiries.editing(number):
                    if number % 2:
                        page.text = text
                        page.save(summary=session.user, quiet=True)
                    else:
                        assert site.editpage(page, text=text,
                                             summary=session.user)

    at_once(50, work)
    check_edits(wiki, sessions, 10)
    check_that_all_belongs_together(wiki)
    assert expiries.number == 4
    assert wiki.count('/access_token') >= 3 * 50
    # No refresh token was used twice.
    assert wiki.count('/access_token', status=200) == wiki.count(
        '/access_token')
    assert errors(wiki).keys() <= EXPIRY


def test_fifty_users_edit_one_page_at_once(tool, wiki):
    sessions = tool.sessions(50)

    def work(index):
        user = sessions[index].user
        with sessions[index].use():
            site = pywikibot.Site('en', 'sandbox', user=user)
            for number in range(2):
                site.editpage(
                    pywikibot.Page(site, 'Sandbox'), summary=user,
                    appendtext=f'\n* {user} {number}')

    at_once(50, work)
    assert Counter(tool.editors) == Counter(
        {session.user: 2 for session in sessions})
    # The last version holds all of it: none was lost to another.
    assert Counter(wiki.pages['Sandbox'].splitlines()[1:]) == Counter(
        f'* {session.user} {number}' for session in sessions
        for number in range(2))


def test_three_hundred_threads_edit_at_once_without_pywikibot(tool, wiki,
                                                              clock):
    sessions = tool.sessions(60)
    expiries = Expiries(clock, 300, 1)
    wiki.requests.clear()
    # What is kept by requests is shared by all of them.
    with requests.Session() as shared:
        shared.mount('http://', HTTPAdapter(pool_maxsize=300))

        def work(index):
            session = sessions[index % 60]
            with expiries.editing(0):
                return edit_plainly(shared, session, f'Page {index}')

        answers = at_once(300, work)
    assert [answer['edit']['result'] for answer in answers] == \
        ['Success'] * 300
    check_edits(wiki, sessions, 5)
    check_that_all_belongs_together(wiki, by_pywikibot=False)
    assert expiries.number == 1
    assert wiki.count('/access_token') >= 30
    for request in wiki.requests:
        if request.path.endswith('/api.php'):
            assert request.query['assert'] == 'user'


@pytest.mark.parametrize('by_pywikibot', [True, False])
def test_cookies_of_one_user_never_reach_another(tool, wiki, clock,
                                                 by_pywikibot):
    sessions = tool.owner_only_sessions(30)
    with requests.Session() as shared:
        shared.mount('http://', HTTPAdapter(pool_maxsize=30))

        def work(index):
            session = sessions[index]
            for number in range(2):
                title = f'{session.user} {number} {clock()}'
                with session.use():
                    if by_pywikibot:
                        edit(session.user, title, f'{title} was here')
                    else:
                        edit_plainly(shared, session, title)

        at_once(30, work)
        clock.advance(TOKEN_LIFE + 1)
        at_once(30, work)
        assert len(shared.cookies) == 0
    check_edits(wiki, sessions, 4)
    assert wiki.count('/access_token') == 2 * 30
    # MediaWiki 1.47 refuses a cookie of another user than the token's.
    assert errors(wiki).keys() <= EXPIRY
    assert check_that_all_belongs_together(
        wiki, by_pywikibot=by_pywikibot) >= 30 * 4
    assert len(http.cookie_jar) == 0


def test_a_threads_later_user_gets_nothing_of_the_one_before(tool, wiki):
    first, second = tool.sessions(2)
    with ThreadPoolExecutor(1) as pool:
        for number, session in enumerate([first, second, first, second]):
            def work(session=session, number=number):
                with session.use():
                    edit(session.user, f'Page {number}', session.user)

            pool.submit(work).result()
            assert pool.submit(who, wiki).result() is None
    assert tool.editors == [first.user, second.user] * 2


# In this thread and nowhere else

def who(wiki):
    """Return the user that Pywikibot acts as, None if nobody."""
    answer = http.fetch(wiki.api_url, params=WHO).json()
    info = answer['query']['userinfo']
    return None if 'anon' in info else info['name']


def test_outside_of_the_context_nothing_of_the_session_is_used(tool, wiki):
    session, = tool.sessions(1)
    assert who(wiki) is None
    with session.use() as used:
        assert used is session
        assert who(wiki) == session.user
    wiki.requests.clear()
    assert who(wiki) is None
    request, = wiki.requests
    assert request.bearer is None
    assert request.cookies == {}


def test_the_context_ends_with_an_exception_too(tool, wiki):
    session, = tool.sessions(1)
    with pytest.raises(ZeroDivisionError), session.use():
        1 / 0  # noqa: B018
    assert who(wiki) is None


def test_a_site_from_inside_edits_nothing_outside(tool, wiki):
    session, = tool.sessions(1)
    with session.use():
        site = edit(session.user, 'Inside', 'text')
        page = pywikibot.Page(site, 'Outside')
        page.text = 'by nobody?'
    # It says where the site is good for, and asks for no password.
    with pytest.raises(pywikibot.exceptions.Error, match=r'\.use\(\)'):
        page.save(quiet=True)
    assert tool.editors == [session.user]


def test_a_new_thread_begins_without_a_session(tool, wiki):
    session, = tool.sessions(1)
    seen = []
    with session.use():
        thread = threading.Thread(target=lambda: seen.append(who(wiki)))
        thread.start()
        thread.join()
        assert who(wiki) == session.user
    assert seen == [None]


def test_a_session_used_in_another_thread_meanwhile_is_not_seen(tool, wiki):
    sessions = tool.sessions(20)
    barrier = threading.Barrier(20)

    def work(index):
        seen = []
        with sessions[index].use():
            barrier.wait(60)  # all are inside
            seen.append(who(wiki))
            barrier.wait(60)
        barrier.wait(60)  # all are outside
        seen.append(who(wiki))
        return seen

    assert at_once(20, work) == [[session.user, None]
                                 for session in sessions]


def test_contexts_can_be_nested(tool, wiki):
    first, second = tool.sessions(2)
    with first.use():
        edit(first.user, 'One', first.user)
        with second.use():
            edit(second.user, 'Two', second.user)
            with first.use():
                edit(first.user, 'Three', first.user)
            edit(second.user, 'Four', second.user)
        edit(first.user, 'Five', first.user)
    check_that_all_belongs_together(wiki)
    assert who(wiki) is None
    assert tool.editors == [first.user, second.user, first.user,
                            second.user, first.user]


# Asynchronous code

def test_tasks_keep_their_sessions_while_others_run(tool, wiki):
    sessions = tool.sessions(20)

    async def task(session):
        seen = []
        with session.use():
            for number in range(3):
                # A thread is given the context of the task.
                await asyncio.to_thread(edit, session.user,
                                        f'{session.user} {number}',
                                        session.user)
                seen.append(who(wiki))
                await asyncio.sleep(0)
        seen.append(who(wiki))
        return seen

    async def main():
        return await asyncio.gather(*map(task, sessions))

    assert asyncio.run(main()) == [[session.user] * 3 + [None]
                                   for session in sessions]
    check_edits(wiki, sessions, 3)


def test_an_executor_is_given_the_context_by_hand(tool, wiki):
    session, = tool.sessions(1)

    async def main():
        loop = asyncio.get_running_loop()
        with session.use(), ThreadPoolExecutor(1) as pool:
            context = contextvars.copy_context()
            return [await loop.run_in_executor(pool, context.run, who, wiki),
                    await loop.run_in_executor(pool, who, wiki)]

    assert asyncio.run(main()) == [session.user, None]


def test_a_task_begun_inside_keeps_the_session(tool, wiki):
    session, = tool.sessions(1)

    async def later(event):
        await event.wait()
        return who(wiki)

    async def main():
        event = asyncio.Event()
        with session.use():
            inside = asyncio.create_task(later(event))
        outside = asyncio.create_task(later(event))
        event.set()
        return await inside, await outside

    assert asyncio.run(main()) == (session.user, None)


# Sessions that end

def revoked(tool, wiki):
    """Return a session that edited and was then revoked by its user."""
    session, = tool.sessions(1)
    with session.use():
        edit(session.user, 'Before', session.user)
    wiki.revoke(session.user, tool.registered)
    wiki.requests.clear()
    return session


def test_a_session_that_was_revoked_edits_nothing_and_says_so(tool, wiki):
    session = revoked(tool, wiki)
    for _ in range(2):
        with session.use(), pytest.raises(AuthorizationEndedError,
                                          match='has ended'):
            edit(session.user, 'After', session.user)
    assert tool.editors == [session.user]
    assert session.ended
    assert None not in tool.bearers()


def test_no_edit_is_made_by_a_session_that_nobody_authorized(tool, wiki):
    wiki.add_user('Editor')
    session = OAuth2Session(tool.client, wiki.api_url, user='Editor')
    session.authorization_url()
    with session.use(), pytest.raises(OAuth2Error, match='not been given'):
        edit('Editor', 'Sandbox', 'text')
    assert tool.editors == []


@pytest.mark.parametrize('asserts_user', [True, False])
def test_a_plain_request_of_a_session_that_ended_is_an_error(
        tool, wiki, asserts_user):
    session = revoked(tool, wiki)
    session.asserts_user = asserts_user
    for _ in range(2):
        with pytest.raises(AuthorizationEndedError, match='has ended'):
            requests.get(wiki.api_url, params=CSRF, auth=session)
    assert None not in tool.bearers()


def test_a_user_who_authorizes_again_can_edit_again(tool, wiki):
    session = revoked(tool, wiki)
    with session.use(), pytest.raises(pywikibot.exceptions.Error):
        edit(session.user, 'After', session.user)
    session = tool.session(session.user)
    with session.use():
        edit(session.user, 'Again', session.user)
    assert tool.editors == [session.user] * 2


def test_a_user_who_logs_in_again_can_edit_at_once(tool, wiki):
    for number in range(3):
        session = tool.session('Editor')
        with session.use():
            edit('Editor', f'Page {number}', 'Editor')
    assert tool.editors == ['Editor'] * 3


def test_two_sessions_of_one_user_edit_at_once(tool, wiki):
    sessions = [tool.session('Editor') for _ in range(2)]

    def work(index):
        for number in range(10):
            with sessions[index].use():
                edit('Editor', f'Page {index} {number}', 'Editor')

    at_once(2, work)
    assert tool.editors == ['Editor'] * 20
    check_that_all_belongs_together(wiki)


# What a tool stores

def test_the_tool_is_told_once_of_each_change(tool, wiki, clock):
    stored = []
    session = tool.session('Editor', on_change=lambda session: stored.append(
        session.serialize()))
    assert stored == [session.serialize()]
    # Ten threads need a new token at once.
    clock.advance(TOKEN_LIFE + 1)
    at_once(10, lambda index: requests.get(wiki.api_url, WHO, auth=session))
    assert len(stored) == 2
    assert stored[1] == session.serialize()
    wiki.expire_access_tokens()  # before the clock says so
    at_once(10, lambda index: requests.get(wiki.api_url, WHO, auth=session))
    assert len(stored) == 3
    assert stored[2] == session.serialize()
    wiki.revoke('Editor', tool.registered)
    with pytest.raises(AuthorizationEndedError):
        requests.get(wiki.api_url, WHO, auth=session)
    assert len(stored) == 4
    assert stored[3]['ended']


def test_a_stored_session_edits_in_the_next_request_to_the_tool(
        tool, wiki, clock):
    stored = {}

    def keep(session):
        stored[session.user] = session.serialize()

    for number in range(3):
        tool.session(f'Editor {number}', on_change=keep)
    for _ in range(4):
        clock.advance(TOKEN_LIFE + 1)
        for user in stored:
            session = OAuth2Session.deserialize(
                stored[user], tool.client, on_change=keep, clock=clock)
            with session.use():
                edit(user, 'Sandbox', f'{user} {clock()}')
    assert tool.editors == ['Editor 0', 'Editor 1', 'Editor 2'] * 4


def test_a_session_is_given_a_site_in_place_of_an_address(tool, wiki):
    site = pywikibot.Site('en', 'sandbox')
    assert OAuth2Session(tool.client, site).wiki == wiki.api_url


def test_an_owner_only_token_that_is_given_is_used(tool, wiki):
    registered = wiki.register(owner_only=True)
    session = OAuth2Session(OAuth2Client(
        access_token=registered.access_token), wiki.api_url, user='Bot')
    assert session.is_complete
    with session.use():
        edit('Bot', 'Sandbox', 'text')
    assert tool.editors == ['Bot']


# The wrong site

def test_the_site_of_another_user_is_an_error_that_names_both(tool, wiki):
    first, second = tool.sessions(2)
    with second.use():
        edit(second.user, 'Sandbox', second.user)
    with first.use(), pytest.raises(pywikibot.exceptions.Error,
                                    match=first.user) as info:
        edit(second.user, 'Sandbox', 'by whom?')
    assert second.user in str(info.value)
    # That did no harm to either.
    for session in (first, second):
        with session.use():
            edit(session.user, 'Sandbox', session.user)
    assert tool.editors == [second.user, first.user, second.user]


def test_a_site_without_a_user_is_an_error(tool, wiki):
    session, = tool.sessions(1)
    with session.use(), pytest.raises(pywikibot.exceptions.Error,
                                      match='username'):
        edit(None, 'Sandbox', 'by whom?')
    assert tool.editors == []


# More than one wiki

def test_the_tokens_of_a_session_go_to_its_own_wiki_only(tool, wiki):
    with Sandbox(clock=wiki.clock) as other:
        tool.know(en=wiki, de=other)
        session, = tool.sessions(1)
        other.add_user(session.user)
        with session.use():
            edit(session.user, 'Sandbox', session.user)
            elsewhere = pywikibot.Site('de', 'sandbox', user=session.user)
            assert not elsewhere.logged_in()
            assert pywikibot.Page(elsewhere, 'Main Page').text
            for path in ('/index.php?title=Main_Page',
                         '/rest.php/v1/page/Main_Page'):
                http.fetch(other.url + path)
            requests.get(other.api_url, params=WHO, auth=session)
        assert other.requests
        assert all(request.bearer is None and request.cookies == {}
                   and 'assert' not in request.query
                   for request in other.requests)
        assert tool.editors == [session.user]


def test_users_of_two_wikis_edit_at_once(tool, wiki, clock):
    with Sandbox(clock=wiki.clock, token_life=TOKEN_LIFE) as other:
        tool.know(en=wiki, de=other)
        elsewhere = Tool(other, tool.family_file)
        tool.know(en=wiki, de=other)
        sessions = [(code, each.session(f'Editor {number:03}'))
                    for number in range(10)
                    for code, each in (('en', tool), ('de', elsewhere))]
        expiries = Expiries(clock, 20, 5)
        wiki.requests.clear()
        other.requests.clear()

        def work(index):
            code, session = sessions[index]
            for number in range(5):
                with expiries.editing(number), session.use():
                    edit(session.user, f'{session.user} {number}',
                         session.user, code=code)

        at_once(20, work)
        for code, each in (('en', wiki), ('de', other)):
            check_edits(each, [session for where, session in sessions
                               if where == code], 5)
            check_that_all_belongs_together(each)


# Beside what user-config.py says

def test_the_account_of_user_config_edits_outside_of_the_context(tool, wiki):
    config.usernames['sandbox']['en'] = 'Bot'
    config.authenticate[wiki.netloc] = auth = OAuth2Auth(
        tool.client.client_id, tool.registered.secret, clock=wiki.clock)
    auth.account('Bot').adopt(tool.session('Bot'))
    sessions = tool.sessions(10)

    def work(index):
        for number in range(3):
            with sessions[index].use():
                edit(sessions[index].user, f'{index} {number}', 'text')
            edit('Bot', f'Bot {index} {number}', 'text')

    at_once(10, work)
    assert Counter(tool.editors) == Counter(
        {'Bot': 30, **{session.user: 3 for session in sessions}})
    assert config.authenticate == {wiki.netloc: auth}
    check_that_all_belongs_together(wiki)


def test_a_password_in_authenticate_is_reported(tool, wiki):
    session, = tool.sessions(1)
    config.authenticate[wiki.netloc] = ('user', 'password')
    with pytest.raises(ConfigurationError, match='Take it out'), \
            session.use():
        pass
    assert config.authenticate == {wiki.netloc: ('user', 'password')}


def test_an_asynchronous_save_is_refused_rather_than_made_by_another(
        tool, wiki):
    config.usernames['sandbox']['en'] = 'Bot'
    config.authenticate[wiki.netloc] = auth = OAuth2Auth(
        tool.client.client_id, tool.registered.secret, clock=wiki.clock)
    auth.account('Bot').adopt(tool.session('Bot'))
    session, = tool.sessions(1)
    is_over, errors = threading.Event(), []

    def over(page, error):
        errors.append(error)
        is_over.set()

    with session.use():
        site = pywikibot.Site('en', 'sandbox', user=session.user)
        page = pywikibot.Page(site, 'Sandbox')
        page.text = 'later'
        page.save(asynchronous=True, callback=over, quiet=True)
        assert is_over.wait(60)
    assert 'take asynchronous=True out' in str(errors)
    assert tool.editors == []


def test_a_refresh_by_hand_beside_requests_ends_nothing(tool, wiki):
    session, = tool.sessions(1)
    requests.get(wiki.api_url, WHO, auth=session)
    wiki.requests.clear()

    def work(index):
        for _ in range(5):
            if index:
                answer = requests.get(wiki.api_url, WHO, auth=session)
                assert answer.json()['query']['userinfo'][
                    'name'] == session.user
            else:
                session.refresh()

    at_once(6, work)
    assert session.is_complete
    assert wiki.count('/access_token') == 5
