"""Tests of session.use(): many users of one process, each as themselves."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import pywikibot
import requests
from pywikibot import config
from pywikibot.comms import http
from pywikibot.exceptions import Error, NoUsernameError

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    ConfigurationError,
    EndpointError,
    OAuth2Auth,
    OAuth2Session,
    blocks,
    host,
)
from pywikibot_oauth2.login import OAuth2LoginManager
from tests.harness import at_once, editors, join
from tests.helpers import (
    HOUR,
    client_of,
    in_thread,
    leave_pywikibot,
    listening,
    set_up_pywikibot,
)
from tests.sandbox import Sandbox


WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
FORM = {'action': 'edit', 'title': 'Sandbox', 'token': '+\\'}
NUMBERS = itertools.count(1)


class Tool:
    """A tool that users authorize, and what it does for them."""

    def __init__(self, wiki):
        self.wiki = wiki
        self.registered = wiki.register()
        self.client = client_of(self.registered)

    def session(self, user=None, *, wiki=None, client=None):
        """Let a user authorize the tool; by default a new one."""
        wiki, client = wiki or self.wiki, client or self.client
        user = user or f'Editor {next(NUMBERS)}'
        if user not in wiki.accounts.users:
            wiki.add_user(user)
        url, clock = wiki.api_url, wiki.clock
        session = OAuth2Session(client, url, user=user, clock=clock)
        if not client.owner_only:
            page = session.authorization_url()
            session.complete(wiki.approve(page, user))
        return session

    def owner_only(self):
        """Return the session of a new user who has an owner-only client."""
        user = f'Owner {next(NUMBERS)}'
        self.wiki.add_user(user)
        registered = self.wiki.register(owner=user, owner_only=True)
        return self.session(user, client=client_of(registered))

    def configure_bot(self, *, has_farm=False):
        """Let user-config.py name an account, which is authorized.

        :param has_farm: whether the other wiki accepts the same tokens
        """
        client = self.client.client_id, self.client.client_secret
        auth = OAuth2Auth(*client, clock=self.wiki.clock)
        wikis = {'en': self.wiki}
        if has_farm:
            join(self.wiki, self.other)
            wikis['de'] = self.other
        for code, wiki in wikis.items():
            config.usernames['sandbox'][code] = 'Bot'
            config.authenticate[wiki.netloc] = auth
        given = self.session('Bot')._account.authorization
        auth.bearer_for(self.wiki.url, 'Bot').account.adopt(given)
        return auth

    def let_bot_use_a_password(self, monkeypatch, *, has_entry=True):
        """Let user-config.py name an account that has only a password."""
        self.let_use_a_password(monkeypatch, 'Bot')
        monkeypatch.setattr(host, 'user_override', lambda: 'Bot')
        config.usernames['sandbox']['en'] = 'Bot'
        if has_entry:
            auth = OAuth2Auth(self.client.client_id)
            config.authenticate[self.wiki.netloc] = auth

    def let_use_a_password(self, monkeypatch, user):
        """Let the password file have the password of a user."""
        path = Path(config.base_dir, 'passwords')
        path.write_text(repr((user, self.wiki.password(user))))
        path.chmod(0o600)
        monkeypatch.setattr(config, 'password_file', str(path))

    @property
    def editors(self):
        """Who has edited, in order."""
        return editors(self.wiki)


def who(wiki, user=None):
    """Return whom Pywikibot, or the site of a user, acts for."""
    if user is None:
        answer = http.fetch(wiki.api_url, params=WHO)
    else:
        site = pywikibot.Site('en', 'sandbox', user=user)
        answer = http.request(site, site.apipath(), params=WHO)
    info = answer.json()['query']['userinfo']
    return None if 'anon' in info else info['name']


def edit(user, code='en', title='Sandbox', **options):
    """Edit a page with Pywikibot; the summary names the user."""
    site = pywikibot.Site(code, 'sandbox', user=user)
    page = pywikibot.Page(site, title)
    page.text = f'{user} was here, edit {next(NUMBERS)}'
    page.save(summary=user, quiet=True, **options)


def append(user, code='en'):
    """Edit a page as the web tool of the examples does, with one request."""
    site = pywikibot.Site(code, 'sandbox', user=user)
    page = pywikibot.Page(site, 'Sandbox')
    options = {'minor': False, 'bot': False}
    site.editpage(page, user, appendtext=str(next(NUMBERS)), **options)


def change_with_the_token_of(bot, user, code):
    """Edit on the site of a user with a CSRF token of the bot."""
    token = pywikibot.Site(code, 'sandbox', user=bot).tokens['csrf']
    site = pywikibot.Site(code, 'sandbox', user=user)
    site.simple_request(**{**FORM, 'text': 'x', 'token': token}).submit()


def save_later(user, code='en'):
    """Save a page asynchronously; return the error, if any."""
    errors = queue.Queue()
    options = {'callback': lambda _page, error: errors.put(error)}
    edit(user, code, asynchronous=True, **options)
    return errors.get(timeout=20)


def edit_in_block(session, work=append):
    """Edit as the user of a session."""
    with session.use():
        work(session.user)


def check_that_all_belongs_together(wiki):
    """Check the token, CSRF token and cookies of each request.

    :return: how many cookies were sent
    """
    cookies = 0
    for request in list(wiki.requests):
        token = wiki.oauth.access_tokens.get(request.bearer or '')
        if request.path.endswith('/access_token'):
            assert not request.cookies
        for name, value in request.cookies.items():
            assert name == 'sessionJwt'
            assert wiki.oauth.session_jwts[value] is token
            cookies += 1
    for each in wiki.edits:
        assert each.summary == each.user
    return cookies


@pytest.fixture
def tool(monkeypatch, tmp_path, wiki):
    with Sandbox(clock=wiki.clock) as other:
        set_up_pywikibot(monkeypatch, tmp_path, en=wiki, de=other)
        tool = Tool(wiki)
        tool.other = other
        yield tool
    leave_pywikibot()


@pytest.fixture
def session(tool):
    """Return the session of a new user of the tool."""
    return tool.session()


# Many at once


@pytest.mark.parametrize('like', ['master'])
def test_users_edit_at_once_while_their_tokens_expire(tool, wiki):
    def session(index):
        if index % 3 == 1:
            return tool.owner_only()
        if index % 3 == 2:
            return tool.session(wiki=tool.other, client=elsewhere)
        return tool.session()

    def work(index):
        session = sessions[index]
        code = 'en' if session.wiki == wiki.api_url else 'de'
        for _ in range(2):
            with session.use():
                barrier.wait(20)  # all are inside
                edit(session.user, code, session.user)
            barrier.wait(20)  # all are outside
            assert who(wiki) is None

    elsewhere, barrier = client_of(tool.other.register()), threading.Barrier(9)
    wiki.session_jwt = True
    sessions = [session(index) for index in range(9)]
    # Among them are the first blocks of this process.
    blocks._current_block = None
    for _ in range(2):
        at_once(9, work)
        wiki.clock.advance(HOUR)
    for each in (wiki, tool.other):
        cookies = check_that_all_belongs_together(each)
        assert bool(cookies) == (each is wiki)
        # The CSRF tokens were fetched again, too.
        assert {request.error for request in each.requests} <= {None}
        asked = each.count('/access_token')
        assert asked == each.count('/access_token', status=200)
    edits = Counter(editors(wiki) + editors(tool.other))
    assert edits == {session.user: 4 for session in sessions}
    assert len(http.cookie_jar) == 0


# In this thread and nowhere else


def test_nothing_of_a_block_is_used_outside_it(tool, wiki, session):
    for fails in (False, True):
        assert who(wiki) is None
        with contextlib.suppress(ZeroDivisionError), session.use() as used:
            assert used is session
            assert who(wiki) == session.user
            edit(session.user)
            1 // (not fails)
        wiki.requests.clear()
        assert who(wiki) is None
        (request,) = wiki.requests
        assert (request.bearer, request.cookies) == (None, {})
        # A site from inside edits nothing outside.
        assert who(wiki, session.user) is None
        with pytest.raises(Error, match=r'\.use\(\)" block'):
            edit(session.user)
    assert tool.editors == [session.user] * 2


def test_the_host_of_a_family_need_not_be_in_normal_form(
    wiki, monkeypatch, tmp_path
):
    netloc = wiki.netloc.replace('127.0.0.1', 'LocalHost')
    shown = SimpleNamespace(netloc=netloc, path='')
    set_up_pywikibot(monkeypatch, tmp_path, en=shown)
    client, url = client_of(wiki.register()), f'http://{netloc}/api.php'
    session = OAuth2Session(client, url, user='Bot', clock=wiki.clock)
    page = session.authorization_url().replace('localhost', '127.0.0.1', 1)
    session.complete(wiki.approve(page, 'Bot'))
    for _ in range(2):
        edit_in_block(session, edit)
    assert editors(wiki) == ['Bot', 'Bot']


@pytest.mark.parametrize(
    'bot', ['ours', 'new site', 'of the farm', 'off', 'no entry']
)
def test_a_bot_edits_in_any_thread_and_for_no_user(
    tool, wiki, session, bot, monkeypatch
):
    def failure(call, *arguments, **options):
        return pool.submit(call, *arguments, **options).exception(20)

    code = 'de' if bot == 'of the farm' else 'en'
    wiki = tool.other if code == 'de' else wiki
    if bot in ('off', 'no entry'):
        tool.let_bot_use_a_password(monkeypatch, has_entry=bot == 'off')
    else:
        tool.configure_bot(has_farm=code == 'de')
    user, errors = session.user, []
    with ThreadPoolExecutor(1) as pool:
        assert failure(append, 'Bot', code) is None
        # Starts Pywikibot's thread, which may inherit the block otherwise.
        assert save_later('Bot', code) is None
        with session.use():
            assert failure(append, 'Bot', code) is None
            for change in (
                lambda: save_later(user, code),
                lambda: failure(append, user, code),
                lambda: failure(edit, user, code),
                lambda: failure(http.fetch, wiki.api_url, 'POST', data=FORM),
            ):
                if bot != 'new site':
                    append(user, code)
                errors.append(change())
            append(user, code)  # fetches a CSRF token of its own
            change = change_with_the_token_of, 'Bot', user, code
            errors.append(failure(*change))
        with pytest.raises(ConfigurationError, match='wrong acc') as caught:
            append(user, code)
        append('Bot', code)
        assert failure(append, 'Bot', code) is None
        assert save_later('Bot', code) is None
    for error in (*errors, caught.value):
        assert 'not within a "with session.use()" block' in str(error)
        assert 'asynchronous=True' in str(error)
    assert f'block of {user}' in str(caught.value)
    assert 'wrong account' in str(errors[-1])
    if bot == 'ours':
        # A new thread that only reads does so without a token.
        assert in_thread(who, wiki) is None
        check_that_all_belongs_together(wiki)
    users = [user] * (1 if bot == 'new site' else 5)
    assert editors(wiki) == [*['Bot'] * 3, *users, *['Bot'] * 3]


def test_a_second_account_logs_in_where_no_block_was(tool, session):
    auth = tool.configure_bot(has_farm=True)
    own = tool.session('Second')._account.authorization
    auth.bearer_for(tool.wiki.url, 'Second').account.adopt(own)
    edit_in_block(session)
    append('Second', 'de')
    assert editors(tool.other) == ['Second']
    for user, code in ('Second', 'en'), (session.user, 'de'):
        with pytest.raises(Error, match='is not within a "with session'):
            append(user, code)


@pytest.mark.parametrize('has_entry', [True, False])
def test_a_bot_with_a_password_does_not_edit_with_the_cookies_of_a_user(
    tool, wiki, session, monkeypatch, has_entry
):
    # The user has logged in with a password in an earlier run.
    tool.let_use_a_password(monkeypatch, session.user)
    append(session.user)
    pywikibot._sites.clear()
    http.cookie_jar.clear()
    tool.let_bot_use_a_password(monkeypatch, has_entry=has_entry)
    append('Bot')
    edit_in_block(session)
    with pytest.raises(Error, match='no longer logged in as "Bot"'):
        append('Bot')
    assert tool.editors == [session.user, 'Bot', session.user]
    assert all(each.summary == each.user for each in wiki.edits)


def test_an_account_of_the_program_must_be_in_usernames(
    tool, wiki, session, monkeypatch
):
    tool.let_bot_use_a_password(monkeypatch, has_entry=False)
    monkeypatch.setattr(host, 'user_override', lambda: None)
    config.usernames.clear()
    append('Bot')
    edit_in_block(session)
    with pytest.raises(ConfigurationError, match='name it in usernames'):
        append('Bot')
    config.usernames['sandbox']['en'] = 'Bot'
    append('Bot')
    assert tool.editors == ['Bot', session.user, 'Bot']


def test_the_site_of_a_wiki_is_looked_for_once(tool, session, monkeypatch):
    def known_site(wiki):
        asked.append(wiki)
        return usual(wiki)

    asked, usual = [], host.known_site
    monkeypatch.setattr(host, 'known_site', known_site)
    for _ in range(2):
        edit_in_block(session, lambda _: None)
    assert len(asked) == 1


def test_a_wildcard_may_be_added_after_a_block(tool, wiki, session):
    edit_in_block(session)
    auth = tool.configure_bot()
    del config.authenticate[wiki.netloc]
    edit_in_block(session)
    config.authenticate[f'*.0.0.1:{wiki.netloc.partition(":")[2]}'] = auth
    append('Bot')
    edit_in_block(session)
    append('Bot')
    users = [session.user] * 2 + ['Bot', session.user, 'Bot']
    assert tool.editors == users


def test_a_block_edits_with_the_sites_of_no_other_account(tool, wiki):
    session, another, new = (tool.session() for _ in range(3))
    with session.use(), pytest.raises(Error, match='username'):
        edit(None)
    tool.configure_bot()
    append('Bot')
    edit_in_block(another)
    for user, work in (
        (another.user, append),
        ('Bot', append),
        (new.user, edit),
    ):
        text = f'site is for {user}, but Pywikibot acts for {session.user}'
        kind = ConfigurationError if work is append else Error
        with session.use(), pytest.raises(kind, match=text):
            work(user)
    assert tool.editors == ['Bot', another.user]
    # The name need not be written as Pywikibot writes it.
    session.user = session.user.replace(' ', '_')
    with session.use():
        append(session.user.replace('_', ' '))
    edit_in_block(new, edit)
    check_that_all_belongs_together(wiki)


def test_a_block_makes_no_change_by_rest_for_another_user(tool, wiki, session):
    def put(user, method='PUT', path='page/Sandbox'):
        wiki.requests.clear()
        site = pywikibot.Site('en', 'sandbox', user=user)
        uri = f'{site.scriptpath()}/rest.php/v1/{path}'
        http.request(site, uri, method=method, json={'source': ''})
        return wiki.requests[-1].bearer

    tool.configure_bot()
    append('Bot')
    with session.use():
        token = put(session.user)
        assert wiki.oauth.valid(token).session.user.name == session.user
        with pytest.raises(ConfigurationError, match='site is for Bot'):
            put('Bot')
        assert put('Bot', 'GET') == put('Bot', 'POST', 'transform/x') == token
    assert put('Bot') not in (token, None)
    with pytest.raises(ConfigurationError, match='wrong account'):
        put(session.user)


@pytest.mark.parametrize('is_known', [True, False])
def test_a_block_under_a_wrong_name_edits_for_nobody(tool, session, is_known):
    name, another = session.user, tool.session()
    if is_known:
        edit_in_block(another)
    for wrong, words in (
        (None, 'name is not known'),
        # As if the user had been asked for the name
        (another.user, f'no longer logged in as "{another.user}"'),
    ):
        for work in (append, edit, append):
            session.user = wrong
            with session.use():
                with pytest.raises(Error, match=words):
                    work(wrong or name)
                session.user = session.profile()['username']
                append(name)
    assert tool.editors == [another.user] * is_known + [name] * 6


def test_a_wiki_for_which_there_was_no_block_is_not_concerned(tool):
    config.authenticate[tool.other.netloc] = tool.configure_bot()
    client = client_of(tool.other.register())
    elsewhere = tool.session(wiki=tool.other, client=client)
    with elsewhere.use():
        assert in_thread(who, tool.wiki, 'Bot') == 'Bot'
        assert in_thread(edit, 'Bot') is None
        assert in_thread(who, tool.wiki) == 'Bot'
    # Also requests that come from no site are sent as before.
    asked = {**WHO, 'meta': 'tokens'}
    tokens = http.fetch(tool.wiki.api_url, params=asked).json()['query']
    form = {**FORM, 'text': 'x', 'token': tokens['tokens']['csrftoken']}
    http.fetch(tool.wiki.api_url, 'POST', data=form)
    assert tool.editors == ['Bot', 'Bot']


# Nested and interleaved blocks


@pytest.mark.parametrize('is_named', [True, False])
def test_blocks_can_be_nested_for_one_user_but_not_for_two(
    tool, wiki, is_named
):
    def work(session, same):
        with session.use(), same.use():
            while True:
                yield who(wiki)

    session, same, another = map(tool.session, ('Editor', 'Editor', 'Admin'))
    if not is_named:
        session.user = another.user = None
        same = session
    first, second = work(session, same), work(another, another)
    assert next(first) == 'Editor'
    words = r'block of {} is open .* block of {} cannot .* across a "yield"'
    users = session.user, another.user
    with pytest.raises(ConfigurationError, match=words.format(*users)):
        next(second)
    assert next(first) == 'Editor'
    first.close()
    assert who(wiki) is None


def test_a_block_that_is_left_out_of_order_says_so_and_is_not_restored(
    tool, wiki
):
    outer, inner, block = (tool.session('Editor').use() for _ in range(3))
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(ConfigurationError, match='out of order'):
        outer.__exit__(None, None, None)
    assert who(wiki) == 'Editor'
    inner.__exit__(None, None, None)
    assert blocks.current_block() is None
    assert who(wiki) is None
    # The same in another thread.
    block.__enter__()
    with pytest.raises(ConfigurationError, match='out of order'):
        in_thread(block.__exit__, None, None, None)
    with pytest.raises(ConfigurationError, match='has ended'):
        blocks.current_block()
    # It does not exclude another user.
    with tool.session('Admin').use():
        assert who(wiki) == 'Admin'
    assert blocks.current_block() is None


@pytest.mark.parametrize(
    'how', ['expired', 'refreshed', 'not normalized', 'no profile']
)
def test_no_csrf_token_outlives_its_access_token(tool, wiki, session, how):
    name = session.user
    if how == 'not normalized':
        session.user = name.replace('E', 'e').replace(' ', '_')
    tool.configure_bot(has_farm=True)
    with session.use():
        append(session.user)
        append(session.user, 'de')
        if how == 'refreshed':
            session.refresh()
        else:
            wiki.clock.advance(HOUR)
            if how == 'no profile':
                wiki.fail_next('reset_before', path='profile')
                with pytest.raises(EndpointError):
                    session.profile()
            assert who(wiki) == name
        append(session.user)
        append(session.user, 'de')
    for each in (wiki, tool.other):
        assert editors(each) == [name] * 2
        assert {request.error for request in each.requests} == {None}


def test_no_csrf_token_outlives_its_access_token_between_two_visits(
    tool, wiki, session
):
    tool.configure_bot(has_farm=True)
    for visit in ('first', 'unchanged', 'expired', 'refreshed'):
        # A web tool creates the session anew for each visit.
        session = OAuth2Session.deserialize(
            session.serialize(), session.client, clock=wiki.clock
        )
        if visit == 'expired':
            wiki.clock.advance(HOUR)
        elif visit == 'refreshed':
            session.refresh()
        for code in ('en', 'de'):
            edit_in_block(session, lambda user, code=code: append(user, code))
    for each in (wiki, tool.other):
        assert editors(each) == [session.user] * 4
        assert {request.error for request in each.requests} == {None}
        # One that is still good is kept.
        asked = [request.form.get('meta') or '' for request in each.requests]
        assert sum('tokens' in meta for meta in asked) == 3


# Asynchronous code


def test_tasks_keep_their_sessions_while_others_run(tool, wiki):
    sessions = [tool.session() for _ in range(8)]

    async def task(session):
        with session.use():
            for _ in range(2):
                # A thread is given the context of the task.
                await asyncio.to_thread(edit, session.user, 'en', session.user)
                await asyncio.sleep(0)
                assert who(wiki) == session.user
        assert who(wiki) is None

    async def main():
        await asyncio.gather(*map(task, sessions))

    asyncio.run(main())
    assert Counter(tool.editors) == {each.user: 2 for each in sessions}
    check_that_all_belongs_together(wiki)


def test_a_thread_of_a_block_works_for_its_user_or_for_a_bot(tool, session):
    tool.configure_bot()

    async def main():
        with session.use():
            for user in session.user, 'Bot', 'Admin':
                await asyncio.to_thread(append, user)

    with pytest.raises(Error, match='for Admin'):
        asyncio.run(main())
    assert tool.editors == [session.user, 'Bot']


def test_a_task_of_a_block_acts_until_the_block_ends(tool, wiki, session):
    another = tool.session()

    async def other():
        with another.use():
            return who(wiki)

    async def later(event):
        seen = [who(wiki)]
        await event.wait()
        try:
            seen.append(who(wiki))
        except ConfigurationError as error:
            seen.append(str(error))
        return seen

    async def main():
        event = asyncio.Event()
        with session.use():
            inside = asyncio.create_task(later(event))
            await asyncio.sleep(0)
            # It may also enter a block of another user.
            assert await asyncio.create_task(other()) == another.user
            assert who(wiki) == session.user
        outside = asyncio.create_task(later(event))
        await asyncio.sleep(0)
        event.set()
        return await inside, await outside

    tool.configure_bot()
    (first, error), outside = asyncio.run(main())
    assert first == session.user
    assert f'started in a block of {session.user} that has ended' in error
    assert outside == [None, None]


# Sessions that have ended, or sites of others


def test_a_revoked_session_edits_nothing_and_says_so(tool, wiki, session):
    edit_in_block(session, edit)
    wiki.revoke(session.user, tool.registered)
    wiki.requests.clear()
    for _ in range(2):
        with pytest.raises(AuthorizationEndedError, match='has ended'):
            edit_in_block(session, edit)
    assert session.ended
    # The same for one that nobody has authorized.
    new = OAuth2Session(tool.client, wiki.api_url, user='Bot')
    with pytest.raises(Error, match='not been given'):
        edit_in_block(new, edit)
    assert tool.editors == [session.user]
    assert all(each.bearer for each in wiki.requests if not each.form)
    session = tool.session(session.user)
    edit_in_block(session, edit)
    assert tool.editors == [session.user] * 2


@pytest.mark.parametrize('has_bot', [False, True])
def test_the_token_goes_to_no_other_wiki(tool, wiki, session, has_bot):
    port = wiki.netloc.partition(':')[2]
    if has_bot:
        config.authenticate[f'*.0.0.1:{port}'] = tool.configure_bot()
    urls = [
        f'{wiki.url}/~mallory/api.php',
        f'{wiki.url}/index.php',
        f'http://evil.example\\.0.0.1:{port}/api.php',
        f'http://2.0.0.1:{port}/api.php',
        f'{tool.other.url}/rest.php/v1/page/X',
    ]
    edit_in_block(session, edit)
    # The other wiki has another client, or has issued the ID of this one.
    values = ('f' * 32,) if has_bot else (session.client.client_id, 'x')
    config.authenticate[tool.other.netloc] = foreign = OAuth2Auth(*values)
    with session.use():
        for url in urls:
            for each in (config.authenticate[wiki.netloc], foreign, session):
                request = requests.Request('GET', url, auth=each).prepare()
                assert 'Authorization' not in request.headers, url
                assert 'assert' not in request.url
        elsewhere = pywikibot.Site('de', 'sandbox', user=session.user)
        assert not elsewhere.logged_in()
        assert pywikibot.Page(elsewhere, 'Main Page').text
        if not has_bot:
            with pytest.raises(NoUsernameError, match='is not within a "with'):
                OAuth2LoginManager(site=elsewhere, user=session.user).login()
    assert tool.other.requests
    for request in tool.other.requests:
        assert (request.bearer, request.cookies) == (None, {})


def test_a_wildcard_that_is_too_wide_sends_no_token(tool, session):
    auth = tool.configure_bot(has_farm=True)
    config.authenticate = {'*': auth}
    with session.use(), listening() as said:
        for wiki in tool.other, tool.wiki, tool.other:
            request = requests.Request('GET', wiki.api_url, auth=auth)
            sent = request.prepare().headers.get('Authorization')
            header = session.token.header if wiki is tool.wiki else None
            assert sent == header
    assert str(said).count("authenticate['*'] would send the token") == 1


def test_another_entry_in_authenticate_is_reported(wiki, session):
    password = ('user', 'password')
    config.authenticate[wiki.netloc] = password
    with pytest.raises(ConfigurationError, match='not an OAuth2Auth'):
        edit_in_block(session)
    assert config.authenticate == {wiki.netloc: password}


def test_a_proxy_for_this_machine_is_reported_by_one_block(
    session, local_proxy
):
    with listening() as said:
        for _ in range(2):
            with session.use():
                (text,) = said
    assert 'through a proxy' in text
