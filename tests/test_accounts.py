#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of two accounts, their tokens and their cookies."""
from __future__ import annotations

import json

import pytest


pytest.importorskip('termios')

from tests.journey import Owner
from tests.mediawiki.farm import Reaper, configure, join, share
from tests.sandbox import Sandbox


# Edits with each of these sites in turn.
EDIT = """
import pywikibot
pywikibot.handle_args()
for number in range(6):
    for code in {codes}:
        site = pywikibot.Site(code)
        page = pywikibot.Page(site, 'Sandbox')
        page.text += f'\\n* {{number}}'
        page.save('two accounts', quiet=True)
        print(code, site.user())
"""


@pytest.fixture
def other(wiki):
    """Run a second wiki, on which Other is known too."""
    wiki.add_user('Other')
    with Sandbox() as other:
        yield other


def log_in(owner, wiki, user, *options):
    """Let an account log in, by pasting the answer."""
    with owner.terminal('login', *options) as terminal:
        terminal.type(wiki.approve(terminal.address, user) + '\n')
        shown = terminal.wait()
    assert f'as {user}.' in shown, shown


def send_cookies(*wikis):
    """Let a cookie that names the account come with each answer.

    MediaWiki 1.47 refuses it together with the token of another account.
    """
    for wiki in wikis:
        wiki.version = '1.47'
        for client in wiki.oauth.clients.values():
            client.owner_only = True


def check_cookies(wiki):
    """Check that each token came with no cookies but those it got.

    :return: the accounts that cookies came from
    """
    accounts = set()
    for request in wiki.requests:
        if not request.path.endswith('/api.php'):
            continue
        assert request.error is None \
            or request.error in ('badtoken', 'mwoauth-invalid-authorization')
        assert request.cookies.keys() <= {'sessionJwt'}
        if request.cookies:
            owner = wiki.oauth.session_jwts[request.cookies['sessionJwt']]
            token = wiki.oauth.access_tokens[request.bearer]
            assert owner is token.session.user
            accounts.add(owner.name)
    return accounts


def run(owner, text, *arguments):
    """Run a script that is given as text; return what it printed."""
    path = owner.folder / 'script.py'
    path.write_text(text)
    done = owner.alone(str(path), *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def accounts_in(path):
    """Return the accounts in a token file."""
    sessions = json.loads(path.read_text())['sessions']
    return {session['user'] for session in sessions.values()}


def two_wikis(tmp_path, wiki, other, *, one_client):
    """Return an owner who is Bot on one wiki and Other on another one."""
    owner = Owner(tmp_path, wiki, others={'de': other})
    configure(owner, "usernames['sandbox']['de'] = 'Other'\n")
    if one_client:
        join(wiki, other)
        share(owner, other)
    else:
        other.add_user('Other')
        client = other.register(redirect_uri=owner.client.redirect_uri)
        configure(owner, f'authenticate[{other.netloc!r}] ='
                         f' _oauth2.OAuth2Auth({client.id!r},'
                         f' {client.secret!r}, redirect_uri='
                         f'{client.redirect_uri!r})\n')
    owner.log_in()
    log_in(owner, other, 'Other', '-site:sandbox:de')
    assert accounts_in(owner.token_file()) == {'Bot'}
    assert accounts_in(owner.token_file('Other')) == {'Other'}
    return owner


@pytest.mark.parametrize('one_client', [True, False])
def test_two_accounts_edit_two_wikis_in_one_process(tmp_path, wiki, other,
                                                    one_client):
    owner = two_wikis(tmp_path, wiki, other, one_client=one_client)
    send_cookies(wiki, other)
    before = {name: owner.token_file(name).read_bytes()
              for name in ('Bot', 'Other')}
    for each in (wiki, other):
        each.requests.clear()
    with Reaper([wiki], lambda request: False) as reaper:
        output = run(owner, EDIT.format(codes=['en', 'de']))
    assert reaper.deaths >= 2
    assert [line for line in output.splitlines()
            if line.startswith(('en', 'de'))] == ['en Bot', 'de Other'] * 6
    assert [edit.user for edit in wiki.edits] == ['Bot'] * 6
    assert [edit.user for edit in other.edits] == ['Other'] * 6
    for each in (wiki, other):
        assert {edit.tags for edit in each.edits} == {('OAuth CID: 1',)}
    assert check_cookies(wiki) == {'Bot'}
    assert check_cookies(other) == {'Other'}
    # The tokens on the first wiki died, and each went into its own file.
    assert owner.token_file().read_bytes() != before['Bot']
    assert (owner.token_file('Other').read_bytes() != before['Other']) \
        == one_client
    assert accounts_in(owner.token_file()) == {'Bot'}
    assert accounts_in(owner.token_file('Other')) == {'Other'}


def test_two_accounts_edit_one_wiki_one_after_another(tmp_path, wiki):
    wiki.add_user('Other')
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    log_in(owner, wiki, 'Other', '-user:Other')
    send_cookies(wiki)
    wiki.requests.clear()
    for _ in range(2):
        wiki.expire_access_tokens()
        for user in ('Bot', 'Other'):
            output = run(owner, EDIT.format(codes=['en']), f'-user:{user}')
            assert output.count(f'en {user}\n') == 6
    assert [edit.user for edit in wiki.edits] \
        == (['Bot'] * 6 + ['Other'] * 6) * 2
    assert check_cookies(wiki) == {'Bot', 'Other'}
    assert accounts_in(owner.token_file()) == {'Bot'}
    assert accounts_in(owner.token_file('Other')) == {'Other'}
    # What came with tokens did not get into the jars of Pywikibot.
    for jar in tmp_path.glob('*.lwp'):
        assert 'sessionJwt' not in jar.read_text()


def test_password_sessions_of_both_accounts_do_not_get_in_the_way(
        tmp_path, wiki):
    wiki.add_user('Other')
    owner = Owner(tmp_path, wiki, extra="password_file = 'passwords.py'\n")
    passwords = tmp_path / 'passwords.py'
    passwords.touch(mode=0o600)
    passwords.write_text(''.join(f'({name!r}, {wiki.password(name)!r})\n'
                                 for name in ('Bot', 'Other')))
    config = tmp_path / 'user-config.py'
    text = config.read_text()
    config.write_text(text.partition('import pywikibot_oauth2')[0])
    for name in ('Bot', 'Other'):
        assert f'as {name}.' in owner.alone('login', f'-user:{name}').stdout
        assert 'session' in (tmp_path / f'pywikibot-{name}.lwp').read_text()
    passwords.unlink()
    config.write_text(text.replace("password_file = 'passwords.py'\n", ''))

    owner.log_in()
    log_in(owner, wiki, 'Other', '-user:Other')
    send_cookies(wiki)
    wiki.requests.clear()
    for user in ('Other', 'Bot'):
        run(owner, EDIT.format(codes=['en']), f'-user:{user}')
    assert [(edit.user, edit.tags) for edit in wiki.edits] \
        == [(user, ('OAuth CID: 1',)) for user in ['Other'] * 6 + ['Bot'] * 6]
    assert check_cookies(wiki) == {'Bot', 'Other'}
