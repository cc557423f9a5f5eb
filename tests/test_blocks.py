"""Tests of session.use(): many users of one process, each as themselves."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import sys
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
from pywikibot.exceptions import Error

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    ConfigurationError,
    OAuth2Auth,
    OAuth2Session,
    blocks,
    host,
)
from tests.harness import at_once, editors, join
from tests.helpers import (
    HOUR,
    client_of,
    in_thread,
    leave_pywikibot,
    set_up_pywikibot,
)
from tests.sandbox import Sandbox
from tests.sandbox.config import FAMILY
from tests.stores.contract import listening


WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}
FORM = {'action': 'edit', 'title': 'Sandbox', 'token': '+\\'}
NUMBERS = itertools.count(1)


class Tool:
    """A tool that users authorize, and what it does for them."""

    def __init__(self, wiki):
        self.wiki = wiki
        self.registered = wiki.register()
        self.client = client_of(self.registered)

    def session(self, user=None, *, wiki=None, client=None, **options):
        """Let a user authorize the tool; by default a new one."""
        wiki, client = wiki or self.wiki, client or self.client
        user = user or f'Editor {next(NUMBERS)}'
        if user not in wiki.accounts.users:
            wiki.add_user(user)
        options.setdefault('clock', wiki.clock)
        session = OAuth2Session(client, wiki.api_url, user=user, **options)
        if not client.owner_only:
            url = session.authorization_url()
            session.complete(wiki.approve(url, user))
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


def edit(user, code='en', title='Sandbox'):
    """Edit a page with Pywikibot; the summary says in whose name."""
    site = pywikibot.Site(code, 'sandbox', user=user)
    page = pywikibot.Page(site, title)
    page.text = f'{user} was here, edit {next(NUMBERS)}'
    page.save(summary=user, quiet=True)


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
    results = queue.Queue()
    page = pywikibot.Page(
        pywikibot.Site(code, 'sandbox', user=user), 'Sandbox'
    )
    page.text = f'later, edit {next(NUMBERS)}'
    options = {'callback': lambda *result: results.put(result)}
    page.save(summary=user, quiet=True, asynchronous=True, **options)
    return results.get(timeout=20)[1]


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
        # Also the CSRF tokens were fetched anew.
        assert {request.error for request in each.requests} <= {None}
        asked = each.count('/access_token')
        assert asked == each.count('/access_token', status=200)
    edits = Counter(editors(wiki) + editors(tool.other))
    assert edits == {session.user: 4 for session in sessions}
    assert len(http.cookie_jar) == 0


# In this thread and nowhere else


def test_outside_of_the_block_nothing_of_the_session_is_used(tool, wiki):
    session = tool.session()
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


def test_a_thread_without_a_block_changes_nothing(tool, wiki):
    session = tool.session()
    with session.use(), pytest.raises(Error) as caught:
        later = save_later(session.user)
        in_thread(lambda: http.fetch(wiki.api_url, 'POST', data=FORM))
    for error in (later, caught.value):
        assert 'not within a "with session.use()" block' in str(error)
        assert 'asynchronous=True' in str(error)
    assert wiki.edits == []
    assert who(wiki, 'Bot') is None


@pytest.mark.parametrize(
    'bot', ['ours', 'new site', 'of the farm', 'off', 'no entry']
)
def test_a_bot_edits_in_any_thread_and_for_no_user(
    tool, wiki, bot, monkeypatch
):
    def failure(call, *arguments, **options):
        return pool.submit(call, *arguments, **options).exception(20)

    code = 'de' if bot == 'of the farm' else 'en'
    wiki = tool.other if code == 'de' else wiki
    if bot in ('off', 'no entry'):
        tool.let_bot_use_a_password(monkeypatch, has_entry=bot == 'off')
    else:
        tool.configure_bot(has_farm=code == 'de')
    session = tool.session()
    user, errors = session.user, []
    with ThreadPoolExecutor(1) as pool:
        assert failure(append, 'Bot', code) is None
        append('Bot', code)
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
    assert f'block of {user}' in str(caught.value)
    assert 'wrong account' in str(errors[-1])
    if bot == 'ours':
        # A new thread that only reads does so without a token.
        assert in_thread(who, wiki) is None
        check_that_all_belongs_together(wiki)
    users = [user] * (1 if bot == 'new site' else 5)
    assert editors(wiki) == [*['Bot'] * 3, *users, *['Bot'] * 3]


@pytest.mark.parametrize('has_entry', [True, False])
def test_a_bot_with_a_password_does_not_edit_with_the_cookies_of_a_user(
    tool, wiki, monkeypatch, has_entry
):
    session = tool.session()
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


def test_an_own_account_is_one_that_usernames_names(tool, wiki, monkeypatch):
    tool.let_bot_use_a_password(monkeypatch, has_entry=False)
    monkeypatch.setattr(host, 'user_override', lambda: None)
    config.usernames.clear()
    append('Bot')
    session = tool.session()
    edit_in_block(session)
    with pytest.raises(ConfigurationError, match='name it in usernames'):
        append('Bot')
    config.usernames['sandbox']['en'] = 'Bot'
    append('Bot')
    assert tool.editors == ['Bot', session.user, 'Bot']


def test_a_wildcard_may_be_added_after_a_block(tool, wiki):
    session = tool.session()
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


def test_a_block_changes_nothing_by_rest_for_another_account(tool, wiki):
    def put(user, method='PUT', path='page/Sandbox'):
        wiki.requests.clear()
        site = pywikibot.Site('en', 'sandbox', user=user)
        uri = f'{site.scriptpath()}/rest.php/v1/{path}'
        http.request(site, uri, method=method, json={'source': ''})
        return wiki.requests[-1].bearer

    tool.configure_bot()
    append('Bot')
    session = tool.session()
    with session.use():
        token = put(session.user)
        assert wiki.oauth.valid(token).session.user.name == session.user
        with pytest.raises(ConfigurationError, match='site is for Bot'):
            put('Bot')
        assert put('Bot', 'GET') == put('Bot', 'POST', 'transform/x') == token
    assert put('Bot') not in (token, None)
    with pytest.raises(ConfigurationError, match='wrong account'):
        put(session.user)


def test_the_user_of_a_block_may_become_known_within_it(tool, wiki):
    session = tool.session()
    name = session.user
    with session.use():
        for _ in range(2):  # then the site has a CSRF token
            session.user = None
            with pytest.raises(ConfigurationError, match='name is not known'):
                append(name)
            session.user = session.profile()['username']
            append(session.user)
    assert tool.editors == [name] * 2


@pytest.mark.parametrize('is_known', [True, False])
def test_the_token_of_another_user_edits_for_nobody(tool, wiki, is_known):
    session, another = tool.session(), tool.session()
    name = session.user
    if is_known:
        edit_in_block(another)
    wiki.edits.clear()
    # As if the user had been asked for the name.
    session.user = another.user
    for work in (append, edit):
        with session.use(), pytest.raises(Error) as caught:
            work(another.user)
        assert f'no longer logged in as "{another.user}"' in str(caught.value)
    session.user = session.profile()['username']
    with session.use():
        append(name)
    assert tool.editors == [name]


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


def test_blocks_of_one_user_and_of_no_other_can_be_nested(tool, wiki):
    session, same, another = map(tool.session, ('Editor', 'Editor', 'Admin'))
    with session.use():
        with same.use():
            edit('Editor')
        with pytest.raises(ConfigurationError) as caught, another.use():
            pass
        assert 'Editor' in str(caught.value)
        assert 'Admin' in str(caught.value)
        edit('Editor')
    assert who(wiki) is None
    assert tool.editors == ['Editor'] * 2


@pytest.mark.parametrize('is_named', [True, False])
def test_interleaved_generators_never_act_for_each_other(tool, wiki, is_named):
    def work(session):
        with session.use(), session.use():
            while True:
                yield who(wiki)

    session, another = tool.session(), tool.session()
    name = session.user
    if not is_named:
        session.user = another.user = None
    first, second = work(session), work(another)
    assert next(first) == name
    with pytest.raises(ConfigurationError, match='across a "yield"'):
        next(second)
    assert next(first) == name
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
    blocks._current_block.set(None)


@pytest.mark.parametrize('how', ['expired', 'refreshed', 'not normalized'])
def test_no_csrf_token_outlives_its_access_token(tool, wiki, how):
    session = tool.session()
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
            assert who(wiki) == name
        append(session.user)
        append(session.user, 'de')
    for each in (wiki, tool.other):
        assert editors(each) == [name] * 2
        assert {request.error for request in each.requests} == {None}


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


def test_a_task_begun_in_a_block_acts_until_the_block_ends(tool, wiki):
    session, another = (tool.session() for _ in range(2))

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


def test_a_session_that_was_revoked_edits_nothing_and_says_so(tool, wiki):
    session = tool.session()
    edit_in_block(session, edit)
    wiki.revoke(session.user, tool.registered)
    wiki.requests.clear()
    for _ in range(2):
        with (
            session.use(),
            pytest.raises(AuthorizationEndedError, match='has ended'),
        ):
            edit(session.user)
    assert session.ended
    # The same for one that nobody has authorized.
    new = OAuth2Session(tool.client, wiki.api_url, user='Bot')
    with new.use(), pytest.raises(Error, match='not been given'):
        edit('Bot')
    assert tool.editors == [session.user]
    assert all(each.bearer for each in wiki.requests if not each.form)
    session = tool.session(session.user)
    edit_in_block(session, edit)
    assert tool.editors == [session.user] * 2


@pytest.mark.parametrize('has_bot', [False, True])
def test_the_token_goes_to_no_other_wiki(tool, wiki, has_bot):
    port = wiki.netloc.partition(':')[2]
    if has_bot:
        config.authenticate[f'*.0.0.1:{port}'] = tool.configure_bot()
    session = tool.session()
    urls = [
        f'{wiki.url}/~mallory/api.php',
        f'http://evil.example\\.0.0.1:{port}/api.php',
        f'http://2.0.0.1:{port}/api.php',
        f'{tool.other.url}/rest.php/v1/page/X',
    ]
    edit_in_block(session, edit)
    # The other wiki is configured for another client.
    config.authenticate[tool.other.netloc] = foreign = OAuth2Auth('f' * 32)
    with session.use():
        for url in urls:
            for each in (config.authenticate[wiki.netloc], foreign, session):
                request = requests.Request('GET', url, auth=each).prepare()
                assert 'Authorization' not in request.headers, url
                assert 'assert' not in request.url
        elsewhere = pywikibot.Site('de', 'sandbox', user=session.user)
        assert not elsewhere.logged_in()
        assert pywikibot.Page(elsewhere, 'Main Page').text
    assert tool.other.requests
    for request in tool.other.requests:
        assert (request.bearer, request.cookies) == (None, {})


def test_a_wildcard_that_is_too_wide_sends_no_token(
    tool, wiki, tmp_path, monkeypatch
):
    monkeypatch.delitem(sys.modules, 'foreign_family', raising=False)
    path = tmp_path / 'foreign_family.py'
    with Sandbox(clock=wiki.clock) as foreign:
        family = FAMILY.replace("'sandbox'", "'foreign'").format(
            langs={'de': foreign.netloc}, paths={'de': foreign.path}
        )
        path.write_text(family)
        config.family_files['foreign'] = str(path)
        config.usernames['foreign']['de'] = 'Bot'
        auth = tool.configure_bot()
        config.authenticate = {'*': auth}
        session = tool.session()
        with session.use(), listening() as said:
            for each in (foreign, wiki, foreign):
                request = requests.Request('GET', each.api_url, auth=auth)
                sent = request.prepare().headers.get('Authorization')
                assert sent == (session.token.header if each is wiki else None)
        text = "authenticate['*'] would send the token"
        assert str(said).count(text) == 1
        # It logs no bot in, either.
        with Tool(foreign).session().use():
            pass
        foreign.requests.clear()
        site = pywikibot.Site('de', 'foreign', user='Bot')
        with pytest.raises(Error, match='would send the token'):
            in_thread(site.login)
        assert not [each for each in foreign.requests if each.bearer]


def test_another_entry_in_authenticate_is_reported(tool, wiki):
    password = ('user', 'password')
    config.authenticate[wiki.netloc] = password
    with (
        pytest.raises(ConfigurationError, match='not an OAuth2Auth'),
        tool.session().use(),
    ):
        pass
    assert config.authenticate == {wiki.netloc: password}
