"""Advice: what a bot owner is told to do about each error."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from pathlib import Path

import pytest
from pywikibot import bot, config

import pywikibot_oauth2
from pywikibot_oauth2 import OAuth2Client, OAuth2Error, errors, messages


PACKAGE = Path(pywikibot_oauth2.__file__).parent
EN = 'https://en.wikipedia.org/w'
LIST = (
    'https://meta.wikimedia.org/w/index.php?title='
    'Special:OAuthConsumerRegistration/list'
)
LOGIN = 'pwb login -site:wikipedia:en'
CLIENT = OAuth2Client('a' * 32, 'secret')


@pytest.fixture(autouse=True)
def usernames(monkeypatch):
    monkeypatch.setattr(config, 'family', 'wikipedia')
    monkeypatch.setattr(config, 'usernames', type(config.usernames)(dict))
    config.usernames['wikipedia']['en'] = 'Bot'
    monkeypatch.setattr(bot, '_user_override', None, raising=False)


CODE = re.compile(r'[a-z]+[0-9]?(_[a-z]+)*')
# Strings that are not error codes.
OTHERS = {'beta', 'code', 'error', 'meta', 'replace', 'state'}


def codes_in(path):
    """Yield the error codes that stand in a module."""
    parts = []
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
            parts += [k.value for k in node.keywords if k.arg == 'error']
            if name in ('_error', '_failed', '_unusable', '_left_alone'):
                parts += [a for a in node.args if isinstance(a, ast.Constant)]
        elif isinstance(node, ast.Assign) and any(
            'code' in ast.unparse(target).lower() for target in node.targets
        ):
            parts.append(node.value)
    for leaf in itertools.chain(*map(ast.walk, parts)):
        value = getattr(leaf, 'value', None)
        if isinstance(value, str) and CODE.fullmatch(value):
            yield value


SILENT = {
    'bad_credentials', 'fork', 'no_choice', 'no_entry', 'no_output',
    'no_username', 'not_pending', 'other_block', 'password', 'refused',
}  # fmt: skip
CODES = {c for path in PACKAGE.rglob('*.py') for c in codes_in(path)} - OTHERS
# What the advice contains, with a hint that needs quotes.
FILLED_IN = {
    **dict.fromkeys(('no_terminal', 'other_account', 'other_subject',
                     'other_wiki', 'wrong_user'), LOGIN),
    **dict.fromkeys(('owner_only', 'redirect_uri'), LIST),
    'damaged': "mv '/a b/c' '/a b/c'.bad\n  " + LOGIN,
    'exposed_file': "chmod 600 '/a b/c'",
    'exposed_folder': "chmod go-w '/a b/c'",
    'fixed_token': 'pwb oauth2 -reset -site:wikipedia:en',
    'lock_timeout': "lsof '/a b/c'",
    'missing_package': "pip install 'pywikibot-oauth2[/a b/c]'",
    'no_credentials': "ls -l '/a b/c'",
    'no_folder': "mkdir -p '/a b'",
    'no_space': "df -h '/a b'",
    'not_owner_only':
        f'Remove owner_only=True from user-config.py and run:\n  {LOGIN}',
    'not_writable': "ls -ld '/a b'",
    'owner_only_logged_out': 'pwb oauth2 -login -site:wikipedia:en',
    'unreadable': "Start over with:\n  mv '/a b/c' '/a b/c'.bad\n  " + LOGIN,
    'wildcard': '\n  /a b/c',
}  # fmt: skip


# The kind of the error decides what to do about these.
BY_KIND = {'cancelled', 'ended', 'timeout'}


def test_every_error_code_of_the_package_has_advice_or_needs_none():
    assert len(CODES) > 35
    listed = {code for code in messages._ADVICE if isinstance(code, str)}
    assert listed | BY_KIND == CODES


@pytest.mark.parametrize('code', sorted(CODES - BY_KIND))
def test_the_advice_follows_the_message(code):
    error = OAuth2Error('Failed.', wiki=EN, error=code, hint='/a b/c')
    message, _, advice = messages.explain(error).partition('\n')
    template = messages._ADVICE[code]
    assert message == 'Failed.'
    assert bool(advice) == (code not in SILENT)
    assert ('{' in template) == (code in FILLED_IN)
    assert FILLED_IN.get(code, template) in advice
    assert not re.search(r'[{}]', advice)
    # A wildcard may reach no wiki.
    error.hint = ''
    if code == 'wildcard':
        assert messages.explain(error).endswith('\n  the hosts of your wikis')


@pytest.mark.parametrize(
    ('kind', 'advice'),
    [
        (errors.ConfigurationError, '\nCorrect user-config.py.'),
        (errors.AuthorizationEndedError, f'in a terminal:\n  {LOGIN}'),
        (errors.AuthorizationError, f'to try again:\n  {LOGIN}'),
        (errors.AnswerNotAcceptedError, f'to try again:\n  {LOGIN}'),
        (errors.EndpointError, 'run the script again when the wiki'),
        (errors.StoreError, ''),
        (errors.StoreUnreachableError, ''),
        (OAuth2Error, ''),
    ],
)
def test_without_a_code_the_kind_of_error_decides(kind, advice):
    for code in None, 'a code of the wiki':
        text = messages.explain(kind('Failed.', wiki=EN, error=code))
        assert text == 'Failed.' if not advice else advice in text


def refused(client=None, **facts):
    error = errors.ClientRefusedError('Refused.', wiki=EN, error='x')
    vars(error).update(facts)
    return ' '.join(messages.explain(error, client).split())


def test_a_refused_client_gets_the_advice_that_fits():
    wrong = refused(CLIENT)
    assert 'Compare the client ID and the client secret in user-c' in wrong
    assert LIST in wrong
    assert wrong.endswith(LOGIN)
    assert refused() == wrong
    public = refused(OAuth2Client('a' * 32))
    assert 'user-config.py has no client secret.' in public
    assert 'before MediaWiki 1.46 a public client needs it to ref' in public
    assert 'T323855' in public
    unusable = refused(CLIENT, is_unusable=True)
    assert 'an administrator rejected or disabled it' in unusable
    assert 'not approved within 30 days' in unusable
    assert LIST in unusable
    assert 'used up the refresh token' not in unusable
    used_up = refused(CLIENT, is_unusable=True, ends_refresh_token=True)
    assert used_up.startswith(unusable)
    assert 'used up the refresh token' in used_up
    assert used_up.endswith(LOGIN)
    owner_only = OAuth2Client('a', 'b', owner_only=True)
    assert 'remove owner_only=True' in refused(owner_only)
    assert 'at the wiki After' in refused(CLIENT, wiki=None)


def test_an_advised_error_keeps_its_kind_and_its_facts():
    error = errors.EndpointError(
        'Failed.', wiki=EN, retry_after=5, client_id='x'
    )
    error.status = 503
    copy = messages.advised(error)
    # The status explains it again.
    assert messages.explain(copy) == str(copy)
    assert type(copy) is errors.EndpointError
    assert copy.args == (str(copy),) == (messages.explain(error),)
    assert (copy.wiki, copy.retry_after) == (EN, 5)
    assert (copy.client_id, copy.status) == ('x', 503)
    assert str(error) == 'Failed.'


@pytest.mark.parametrize(
    ('wiki', 'account', 'override', 'command'),
    [
        (EN, 'Bot', None, LOGIN),
        (EN, "O'Bot x", "O'Bot x", f"{LOGIN} '-user:O'\"'\"'Bot x'"),
        (EN, 'Other', 'Bot', LOGIN),
        ('https://wiki.example/w', 'Bot', None, 'pwb login'),
        (None, None, None, 'pwb login'),
    ],
)
def test_the_command_for_a_login_can_be_pasted_into_a_shell(
    monkeypatch, wiki, account, override, command
):
    chosen = override and ('*', '*', override)
    monkeypatch.setattr(bot, '_user_override', chosen, raising=False)
    assert messages.login_command(wiki, account) == command
    assert len(shlex.split(command)) <= 4


INVALID = 'mwoauth-invalid-authorization'
LACKS = 'the client lacks the grant for it: "{}"'
MOVE = LACKS.format('Create, edit, and move pages')
DELETE = LACKS.format('Delete pages, revisions, and log entries')


@pytest.mark.parametrize(
    ('code', 'action', 'words'),
    [
        ('permissiondenied', 'edit', LACKS.format('Edit existing pages')),
        ('permissiondenied', 'frobnicate', 'lacks the grant for it. Grants'),
        ('permissiondenied', 'move', MOVE),
        ('cantcreate', 'edit', MOVE),
        ('nocreate-loggedin', 'edit', MOVE),
        ('cantmove', '', MOVE),
        ('cantdelete', '', DELETE),
        ('cantundelete', '', DELETE),
        ('protectedpage', 'edit', LACKS.format('Edit protected pages')),
        ('cantedit', 'edit', LACKS.format('Edit existing pages')),
        ('cannotlogout', 'logout', 'run "pwb oauth2 -logout"; to end the aut'),
        ('cannotlogout', 'logout', 'title=Special:OAuthManageMyGrants'),
        ('readapidenied', 'query', 'The client may only identify its user'),
        (f'{INVALID}-wrong-wiki', '', 'registered for another wiki'),
        (f'{INVALID}-invalid-user', '', 'does not exist on this wiki. Log in'),
        (f'{INVALID}-blocked-user', '', 'The account is blocked or locked.'),
        (f'{INVALID}-jwt', '', 'A cookie that did not belong to the access'),
        ('badtoken', 'edit', 'one session for each account and client'),
        ('mwoauth-api-module-disabled', '', 'does not allow that with OAuth'),
        ('blocked', 'edit', 'blocked; the authorization is still valid'),
    ],
)  # fmt: skip
def test_an_error_code_of_the_api_is_explained(code, action, words):
    text = ' '.join(messages.of_api_error(EN, CLIENT, code, action).split())
    asked = f' to action={action}' if action else ''
    assert text.startswith(f'{EN} answered {code}{asked}. ')
    assert words in text
    assert text.endswith(f'The client is {CLIENT.client_id}: {LIST}')
    assert not re.search(r'[{}]', text)


def test_other_error_codes_are_left_to_pywikibot():
    for code in 'maxlag', INVALID, '':
        assert messages.of_api_error(EN, CLIENT, code, 'edit') is None
    fixed = OAuth2Client(access_token='abc')
    text = messages.of_api_error(EN, fixed, 'blocked', '')
    assert f'The client is owner-only: {LIST}' in text


def test_a_fixed_access_token_is_not_forgotten_by_pwb_oauth2():
    fixed = OAuth2Client(access_token='abc')
    text = messages.of_api_error(EN, fixed, 'cannotlogout', 'logout')
    assert 'pwb oauth2 -logout' not in text
    assert 'is in the configuration (user-config.py, or the' in text


def test_rights_that_the_token_lacks_are_named_with_their_grants():
    missing = messages.missing_rights(
        ['edit', 'move', 'delete', 'read', 'x'], ['edit', 'read', 'protect']
    )
    assert missing == {
        'move': 'Create, edit, and move pages',
        'delete': 'Delete pages, revisions, and log entries',
    }
    assert 'x' not in messages.GRANT_OF
    for title, rights, _use in messages.GRANTS.values():
        assert {messages.GRANT_OF[right] for right in rights} == {title}


def test_an_unused_entry_is_shown_with_some_hosts_of_sites():
    hosts = [f'{letter}.wikipedia.org' for letter in 'fedcba']
    text = messages.unused_entry('*.wikipeda.org', hosts)
    assert "authenticate['*.wikipeda.org'] in user-config.py" in text
    assert text.endswith(f'are: {", ".join(sorted(hosts)[:5])}, …')
    assert '…' not in messages.unused_entry('x', hosts[:5])


ADVISERS = ('messages.py', 'login', 'cli', 'scripts', '__init__.py')


def test_nothing_but_the_advice_tells_a_bot_owner_what_to_do():
    """Look at all strings that are not docstrings."""
    found = []
    for path in PACKAGE.rglob('*.py'):
        if path.relative_to(PACKAGE).parts[0] in ADVISERS:
            continue
        tree = ast.parse(path.read_text(encoding='utf-8'))
        statements = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }
        for node in ast.walk(tree):
            text = getattr(node, 'value', None)
            if isinstance(text, str) and node not in statements:
                found += re.findall(r'pwb \w+|user-config', text)
    assert found == []
