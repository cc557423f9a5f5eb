"""Tests of the login manager, with a person in a real terminal."""

from __future__ import annotations

import pytest
import pywikibot
from pywikibot import config
from pywikibot.exceptions import NoUsernameError

from pywikibot_oauth2 import (
    AuthorizationEndedError,
    OAuth2Auth,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.login import OAuth2LoginManager
from pywikibot_oauth2.stores.file import FileStore
from pywikibot_oauth2.token import Token
from tests.harness import free_port
from tests.sandbox import Sandbox


class Bench:
    """A Pywikibot that is configured for a sandbox, in this process."""

    def __init__(self, wiki, **settings):
        uri = f'http://127.0.0.1:{free_port()}/cb'
        self.wiki = wiki
        self.client = wiki.register(redirect_uri=uri, **settings)
        self.store = FileStore()
        self.auth = OAuth2Auth(
            self.client.id,
            self.client.secret,
            redirect_uri=None if self.client.owner_only else uri,
            owner_only=self.client.owner_only,
            clock=wiki.clock,
            login_timeout=10,
        )
        config.usernames['sandbox']['en'] = 'Bot'
        config.authenticate[wiki.netloc] = self.auth

    def site(self, user='Bot'):
        return pywikibot.Site('en', user=user)

    def log_in(self, user='Bot', *, asks_again=False):
        manager = OAuth2LoginManager(site=self.site(user), user=user)
        manager.asks_again = asks_again
        return manager.login()

    def refused(self, *words, user='Bot', asks_again=False):
        """Check that a login fails with these words; return the message."""
        with pytest.raises(NoUsernameError) as caught:
            self.log_in(user, asks_again=asks_again)
        for each in words:
            assert each in str(caught.value)
        return str(caught.value)

    def put(self, token_of='Bot', wiki=None):
        """Store an authorization, as another process would."""
        reply = self.wiki.issue(self.client, token_of)._asdict()
        token = Token.from_reply(reply, self.wiki.clock())
        wiki = (wiki or self.wiki).url
        data = Authorization(self.client.id, wiki, 'Bot', token).serialize()
        with self.store.lock('Bot', self.client.id):
            self.store.save('Bot', self.client.id, data)

    @property
    def stored(self):
        return self.store.load('Bot', self.client.id)


@pytest.fixture
def bench(wiki):
    return Bench(wiki)


# A new authorization


def test_a_login_stores_the_token_and_says_what_it_allows(
    wiki, bench, person, said
):
    site = bench.site()
    assert site.userinfo['name'] != 'Bot'
    site.login()
    assert site.user() == 'Bot'
    assert bench.stored['token']['access_token'] in wiki.oauth.access_tokens
    text = '\n'.join(said)
    assert (
        f'Bot has authorized the client on {site} with the grants basic,'
        ' highvolume, editpage, createeditmovepage.'
    ) in text
    assert f'The token is kept in {bench.store.path("Bot")}' in text
    assert person.is_restored()
    # And nothing is asked again.
    bench.log_in()
    assert len(person.opened) == 1


def test_rights_that_the_token_lacks_are_listed_with_their_grants(
    wiki, person, said
):
    wiki.add_user('Bot', groups=('bot', 'sysop'))
    Bench(wiki, grants=('basic', 'editpage')).log_in()
    (line,) = [text for text in said if 'The account also has' in text]
    last = line.splitlines()[-1]
    assert 'delete (grant "Delete pages, revisions, and log entr' in last
    assert 'bot (grant "High-volume (bot) access")' in last
    assert 'minoredit' not in last


def test_the_login_succeeds_if_the_rights_cannot_be_compared(
    wiki, bench, person
):
    person.does = lambda url: (
        wiki.fail_next('status', path='api.php', times=3, status=500),
        person.allow(url),
    )
    bench.site()
    assert bench.log_in()


def test_a_wiki_in_trouble_after_the_click_costs_no_login(
    wiki, bench, person, monkeypatch
):
    monkeypatch.setattr(pywikibot, 'sleep', lambda _: None)
    path = 'resource/profile'
    wiki.fail_next('status', times=4, path=path, status=503)
    assert 'is kept' not in bench.refused('Run this again when the wiki')
    wiki.fail_next('status', times=3, path=path, status=503)
    assert bench.log_in()
    assert len(person.opened) == 2


def test_allow_as_another_user_is_reported_and_nothing_is_stored(
    bench, person
):
    person.does = lambda url: person.allow(url, 'Admin')
    text = bench.refused(
        'was clicked as Admin, not as Bot; nothing was stored.',
        "usernames['sandbox']['en'] = 'Admin'",
    )
    assert text.endswith('pwb login -site:sandbox:en')
    assert bench.stored is None
    # And it is asked again rather than remembered.
    person.does = person.allow
    assert bench.log_in()


class FullStore(FileStore):
    """A store without room for another token."""

    def reserve(self, account, client_id, authorization=None):
        raise StoreError('There is no place for it.', error='no_space')

    save = reserve


def test_an_unusable_store_is_reported_before_the_login(bench, person, said):
    bench.auth.store = FullStore()
    assert bench.log_in()
    warning, prompt, unsaved, *_ = said
    assert 'There is no place for it.' in warning
    assert 'click "Allow"' in prompt
    assert 'only in memory' in unsaved
    assert 'is kept in' not in str(said)


# An authorization that is no longer valid


def test_a_refused_client_is_explained_once_and_pwb_login_asks_again(
    wiki, bench, person, said
):
    bench.put()
    wiki.clock.advance(4000)
    wiki.set_stage(bench.client, 'disabled')
    reason = 'an administrator rejected or disabled it'
    bench.refused('is not usable', reason)
    assert 'disabled it' not in str(said)
    before = wiki.count('/access_token')
    bench.refused()
    assert wiki.count('/access_token') == before
    assert person.opened == []
    wiki.set_stage(bench.client, 'approved')
    assert bench.log_in(asks_again=True)
    assert 'A new authorization is needed.' in str(said)
    assert bench.stored['token']['access_token'] in wiki.oauth.access_tokens


@pytest.mark.parametrize('kind', ['reset_before', 'status'])
def test_a_wiki_in_trouble_is_an_error_unless_pwb_login_gets_an_answer(
    wiki, bench, person, kind
):
    bench.site()
    bench.put()
    wiki.clock.advance(4000)
    options = {'status': 503} if kind == 'status' else {}
    tries = 1 + config.max_retries
    wiki.fail_next(kind, times=2 * tries, **options)
    bench.refused('run the script again when the wiki answers')
    assert person.opened == []
    if kind == 'status':
        assert bench.log_in(asks_again=True)
    else:
        bench.refused(asks_again=True)
        assert person.opened == []


def test_a_token_of_another_wiki_is_sent_nowhere(wiki, bench, person):
    with Sandbox() as other:
        bench.put(wiki=other)
        bench.refused(f'is for {other.url}, not for {wiki.url}', 'pwb login')
        assert bench.log_in(asks_again=True)
        assert not other.requests
    assert bench.stored['wiki'] == wiki.api_url


def test_a_token_of_another_account_is_not_used(bench, person):
    bench.put(token_of='Admin')
    bench.refused('The access token belongs to Admin, not to Bot.')
    assert person.opened == []
    assert bench.log_in(asks_again=True)


def test_a_damaged_token_file_is_reported_and_left_alone(bench, person):
    path = bench.store.path('Bot')
    path.touch(mode=0o600)
    path.write_text('{"version": 1, "auth')
    for asks_again in (False, True):
        words = f'{path} is damaged', 'It was left as it is.'
        bench.refused(*words, asks_again=asks_again)
    assert person.opened == []
    assert path.read_text() == '{"version": 1, "auth'


def test_an_owner_only_client_needs_no_person_but_stays_out_after_a_logout(
    wiki, person
):
    bench = Bench(wiki, owner_only=True)
    assert bench.log_in()
    bench.auth.bearer_for(wiki.url, 'Bot').account.forget()
    words = 'Bot was logged out of sandbox:en.'
    bench.refused(words, 'pwb oauth2 -login -site:sandbox:en')
    assert person.opened == []


def test_in_a_block_the_login_is_that_of_the_session(wiki, bench, person):
    session = OAuth2Session(
        bench.auth.client, wiki.api_url, user='Admin', clock=wiki.clock
    )
    session.complete(wiki.approve(session.authorization_url(), 'Admin'))
    with session.use():
        assert bench.log_in('Admin')
        text = bench.refused('is for Bot, but Pywikibot acts for Admin here')
        wiki.revoke('Admin', bench.client)
        with pytest.raises(AuthorizationEndedError):
            session.refresh()
        words = 'Send the user to session.authorization_url().'
        text += bench.refused(words, user='Admin')
    assert 'pwb login' not in text
    assert person.opened == []
