"""Advice for a bot owner: what to do about an error."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from typing import TypeVar

from pywikibot_oauth2 import host
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    printable,
)


_E = TypeVar('_E', bound=OAuth2Error)

#: The grants that bots need, by their names in MediaWiki, with their titles
#: in the registration form, the rights that they give, and who needs them.
GRANTS = {
    'highvolume': (
        'High-volume (bot) access', ('bot', 'apihighlimits', 'noratelimit'),
        'every bot: marks edits as bot edits and raises limits'),
    'editpage': (
        'Edit existing pages', ('edit', 'minoredit'), 'every bot that edits'),
    'editprotected': (
        'Edit protected pages', ('editprotected',),
        'bots that edit protected pages, if the account may'),
    'createeditmovepage': (
        'Create, edit, and move pages',
        ('createpage', 'createtalk', 'move', 'suppressredirect'),
        'bots that create, move or redirect pages'),
    'uploadfile': (
        'Upload new files', ('upload', 'reupload-own'),
        'upload, imagetransfer'),
    'uploadeditmovefile': (
        'Upload, replace, and move files',
        ('reupload', 'movefile', 'upload_by_url'),
        'upload -ignorewarn, movepages of files'),
    'patrol': ('Patrol changes to pages', ('patrol',), 'patrol'),
    'rollback': ('Rollback changes to pages', ('rollback',), 'revertbot'),
    'viewmywatchlist': (
        'View your watchlist', ('viewmywatchlist',), 'watchlist'),
    'editmywatchlist': (
        'Edit your watchlist', ('editmywatchlist',), 'watchlist, -watch'),
    'delete': (
        'Delete pages, revisions, and log entries', ('delete', 'undelete'),
        'delete, if the account may'),
    'protect': (
        'Protect and unprotect pages', ('protect',),
        'protect, if the account may'),
}  # fmt: skip

#: The title of the grant that includes a right.
GRANT_OF = {
    right: title for title, rights, _ in GRANTS.values() for right in rights
}

_AGAIN = 'with:\n  mv {path} {path}.bad\n  {login}'

# What to do about an error, by its type or by its error code.
_ADVICE: dict[type | str | None, str] = {
    ConfigurationError: 'Correct user-config.py.',
    AuthorizationEndedError: 'Run this in a terminal:\n  {login}',
    AuthorizationError: 'Run this in a terminal to try again:\n  {login}',
    EndpointError: 'The authorization is kept: run the script again when the'
        ' wiki answers.',
    'no_terminal': 'Run this in a terminal:\n  {login}',
    'wrong_user': 'Then run:\n  {login}',
    'owner_only_logged_out': 'To log in, run:\n  pwb oauth2 -login{options}',
    'not_answerable': 'Close the program that listens there, or register a'
        ' client whose callback URL is like http://127.0.0.1:8080/callback.',
    'owner_only': 'See "pwb oauth2" for the reason, and your clients at'
        '\n  {clients}',
    'not_loadable': 'user-config.py was left as it is. Correct it, and run the'
        ' command again.',
    'bad_callback_url': 'It needs a path, and https unless it is on this'
        ' machine; for instance:'
        '\n  -callback-url:http://127.0.0.1:8080/callback',
    'email_not_confirmed': 'Set and confirm it in the preferences of the'
        ' account.',
    'other_subject': 'To authorize again, run this in a terminal:\n  {login}',
    'other_wiki': 'Nothing was sent. If user-config.py is right, run this in a'
        ' terminal:\n  {login}',
    'fixed_token': 'If this keeps happening, the token was reset or belongs to'
        ' another wiki. Put the right one into the configuration, or get a new'
        ' one:\n  pwb oauth2 -reset{options}',
    'not_owner_only': 'Edits made with its token would be anonymous. Remove'
        ' owner_only=True from user-config.py and run:\n  {login}',
    'other_account': 'Correct usernames[…] in user-config.py, or authorize the'
        ' right account:\n  {login}',
    'other_owner': 'Correct usernames[…] in user-config.py, or register a'
        ' client as the right account (pwb oauth2 -setup).',
    'not_https': 'Make the method protocol() in the family file return'
        ' "https".',
    'no_answer': 'Run this again when the wiki answers.',
    'redirect': 'Put that host into the family file, or into family_files in'
        ' user-config.py.',
    'exposed_file': 'Run:\n  chmod 600 {path}',
    'wildcard': 'Name the wikis in user-config.py instead; these keys of'
        ' authenticate are narrow enough:\n  {hint}',
    'oauth1': 'Remove the line with them from user-config.py, so that'
        ' Pywikibot starts again, and run:\n  pwb oauth2 -setup',
    'two_clients': 'If both wikis have one operator, put one OAuth2Auth object'
        ' under both keys in user-config.py. If not, one wiki has copied'
        " the other's client ID: remove its key.",
    'client_id': 'The client ID is what the wiki showed at registration as'
        ' "client application key". Correct it in user-config.py.',
    'redirect_uri': 'In user-config.py, redirect_uri must be the callback URL'
        ' exactly as it is registered; see\n  {clients}',
    'damaged': f'If it is a file, start over {_AGAIN}',
    'no_credentials': 'The account that runs the bot must own it; see:'
        '\n  ls -l {path}',
    'missing_file': 'Restore it, or remove the line that names it from'
        ' user-config.py and run:\n  pwb oauth2 -setup',
    'newer_release': 'Run:\n  pip install --upgrade pywikibot-oauth2',
    'bad_url': 'Correct the URL of RedisStore in user-config.py.',
    'exposed_folder': 'Run:\n  chmod go-w {path}',
    'keyring_too_small': 'Take store=KeyringStore(…) out of user-config.py.'
        ' Tokens are then stored in files that only you can read.',
    'lock_busy': 'If this keeps happening, look for a bot that hangs.',
    'lock_lost': 'If this keeps happening, give RedisStore a longer'
        ' lock_timeout in user-config.py.',
    'lock_timeout': 'Find the process that holds it and end it:'
        '\n  lsof {path}',
    'missing_package': "Run:\n  pip install 'pywikibot-oauth2[{hint}]'",
    'no_space': 'Make room, or raise the quota; see:\n  df -h {folder}',
    'not_kept': 'See which keyring is in use:\n  keyring diagnose',
    'not_replaceable': 'Mount its folder, and make it writable. For a'
        ' token, you can also set PYWIKIBOT_OAUTH2_FOLDER to another folder.',
    'no_folder': 'Create the folder:\n  mkdir -p {folder}',
    'not_writable': 'The account that runs the bot must own the folder; see:'
        '\n  ls -ld {folder}',
    'shared_name': 'Give one of the accounts another folder in user-config.py:'
        ' store=_oauth2.FileStore(…).',
    'unreachable': 'Start it, unlock it or correct its address.',
    'unreadable': f'Start over {_AGAIN}',
}  # fmt: skip
# No advice: the message is enough, or only a program can react.
_ADVICE |= dict.fromkeys(
    ('bad_credentials', 'fork', 'no_choice', 'no_entry', 'no_output',
     'no_username', 'not_pending', 'other_block', 'password', 'refused'),
    '',
)  # fmt: skip

_UNUSABLE = (
    'The client was not approved within 30 days and has expired, or an'
    ' administrator rejected or disabled it. Its owner can see which at\n'
    '  {clients}\nRegister an expired client again (pwb oauth2 -setup), and'
    ' ask for approval as that page says; an owner-only client needs no'
    ' approval.'
)
_USED_UP = (
    ' This wiki has an older Extension:OAuth, in which the attempt has used'
    ' up the refresh token. When the client is usable again, run:\n  {login}'
)
_WRONG_SECRET = (
    'Compare the client ID and the client secret in user-config.py with'
    ' those that the wiki showed at registration. If you no longer have'
    ' them, look the client up at\n  {clients}\nAfter a correction, run:\n'
    '  {login}'
)
_NOT_OWNER_ONLY = (
    'If the client is not registered for its owner only, remove'
    ' owner_only=True from user-config.py. Otherwise, do this: '
)
_NO_SECRET = (
    'user-config.py has no client secret. A client that is registered as'
    ' confidential always needs it, and before MediaWiki 1.46 a public'
    ' client needs it to refresh a token (task T323855). The client is'
    ' listed at\n  {clients}\nAfter a correction, run:\n  {login}'
)


def explain(error: OAuth2Error, client: OAuth2Client | None = None) -> str:
    """Return the message of an error, with advice for a bot owner."""
    kinds = [error.error, *type(error).__mro__]
    advice = next((_ADVICE[kind] for kind in kinds if kind in _ADVICE), '')
    if isinstance(error, ClientRefusedError):
        if error.is_unusable:
            advice = _UNUSABLE + (_USED_UP if error.ends_refresh_token else '')
        elif client is not None and not client.is_confidential:
            advice = _NO_SECRET
        else:
            is_owner_only = client is not None and client.owner_only
            advice = (_NOT_OWNER_ONLY if is_owner_only else '') + _WRONG_SECRET
    if not advice:
        return str(error)
    login = login_command(error.wiki, error.account)
    hint = error.hint or ''
    advice = advice.format(
        login=login,
        options=login.removeprefix('pwb login'),
        # A wildcard may reach no wiki.
        hint=hint or 'the hosts of your wikis',
        path=shlex.quote(hint),
        folder=shlex.quote(os.path.dirname(hint)),
        clients=host.client_page(error.wiki) if error.wiki else 'the wiki',
    )
    # The error of a request contains the advice already.
    return str(error) if advice in str(error) else f'{error}\n{advice}'


def advised(error: _E, client: OAuth2Client | None = None) -> _E:
    """Return an error with the advice in its message."""
    text = explain(error, client)
    copy = type(error)(text)
    # This is where Pywikibot keeps the message.
    vars(copy).update({**vars(error), 'unicode': text})
    return copy


def login_command(wiki: str | None, account: str | None = None) -> str:
    """Return the command that authorizes an account on a wiki."""
    site = host.known_site(wiki) if wiki else None
    command = 'pwb login'
    if site is not None:
        command += f' -site:{site.family.name}:{site.code}'
    if account is not None and account == host.user_override():
        command += f' {shlex.quote(f"-user:{account}")}'
    return ' '.join([command, *map(shlex.quote, host.folder_option())])


#: The warning about "pwb login -oauth".
OAUTH1_OPTION = (
    'The option -oauth is for OAuth 1.0a. For OAuth 2.0, which user-config.py'
    ' is set up for, run "pwb login" without it.'
)
#: The warning about a proxy for a wiki on this machine.
THROUGH_PROXY = (
    'Requests to {wiki}, which is on this machine, go through a proxy because'
    ' of the environment, and so does the access token. Set'
    ' NO_PROXY=127.0.0.1,localhost in the environment.'
)
#: Where a fixed access token is.
CONFIGURATION = (
    'the configuration (user-config.py, or the file, command or environment'
    ' that it reads)'
)
#: What to do instead of logging out with a fixed access token.
FIXED_LOGOUT = (
    f'The access token is in {CONFIGURATION}: remove it there. To invalidate'
    ' it, reset or disable the client'
)

# What an error code of api.php may mean under OAuth 2.0.
_API_ERRORS = {
    'permissiondenied': 'If the account itself may do that, the client lacks'
        ' the grant for it{grant}. Grants cannot be added to a client:'
        ' register another one (pwb oauth2 -setup).',
    'cannotlogout': 'To forget the token here, run "pwb oauth2 -logout"; to'
        ' end the authorization on the wiki, see\n  {grants_page}',
    'readapidenied': 'The client may only identify its user, because it was'
        ' registered for that purpose. Register another one (pwb oauth2'
        ' -setup).',
    'mwoauth-invalid-authorization-wrong-wiki': 'The client is registered for'
        ' another wiki.',
    'mwoauth-invalid-authorization-invalid-user': 'The account does not exist'
        ' on this wiki. Log in to it once in the browser, as that account.',
    'mwoauth-invalid-authorization-blocked-user': 'The account is blocked or'
        ' locked.',
    'mwoauth-invalid-authorization-jwt': 'A cookie that did not belong to the'
        ' access token was dropped.',
    'badtoken': 'This keeps happening although the access token is the same:'
        ' another machine, Pywikibot folder or session seems to use the client'
        ' with its own authorization, but MediaWiki has only one session for'
        ' each account and client. Let them share one store (RedisStore), or'
        ' register a client for each (pwb oauth2 -setup).',
    'mwoauth-api-module-disabled': 'This wiki does not allow that with OAuth.',
    'blocked': 'The account is blocked; the authorization is still valid.',
}  # fmt: skip

# Codes that mean permissiondenied, and the right that they are about; if that
# is empty, the action names it.
_RIGHTS = {
    'cantcreate': 'createpage', 'nocreate-loggedin': 'createpage',
    'cantmove': 'move', 'cantdelete': 'delete', 'cantundelete': 'undelete',
    'protectedpage': 'editprotected', 'cantedit': '',
    'cantchangeuploadedfile': '',
}  # fmt: skip


def of_api_error(
    wiki: str, client: OAuth2Client, code: str, action: str
) -> str | None:
    """Return an explanation of an error code of api.php, with advice.

    :param action: the action of the request, or an empty string
    :return: None for a code that has nothing to do with OAuth 2.0
    """
    meaning = _API_ERRORS.get('permissiondenied' if code in _RIGHTS else code)
    if meaning is None:
        return None
    if code == 'cannotlogout' and client.access_token is not None:
        meaning = f'{FIXED_LOGOUT}.'
    clients = host.client_page(wiki)
    grant = GRANT_OF.get(_RIGHTS.get(code) or action)
    meaning = meaning.format(
        grant=f': "{grant}"' if grant else '',
        grants_page=host.special_page(wiki, 'OAuthManageMyGrants'),
        clients=clients,
    )
    asked = f' to action={action}' if action else ''
    return (
        f'{wiki} answered {printable(code)}{asked}. {meaning}\nThe client is'
        f' {client.client_id or "owner-only"}: {clients}'
    )


def missing_rights(
    account_rights: Iterable[str], token_rights: Iterable[str]
) -> dict[str, str]:
    """Return the rights that a token lacks, with the titles of their grants.

    The result does not contain rights that the account itself lacks.
    """
    missing = set(account_rights) - set(token_rights)
    return {right: GRANT_OF[right] for right in GRANT_OF if right in missing}


def listed(missing: Mapping[str, str]) -> str:
    """Return the result of :func:`missing_rights` as text."""
    items = missing.items()
    return ', '.join(f'{right} (grant "{grant}")' for right, grant in items)


def unused_entry(key: str, hosts: Iterable[str]) -> str:
    """Return the warning about a key of authenticate without a site."""
    names = sorted(hosts)
    some = ', '.join(names[:5]) + (', …' if len(names) > 5 else '')
    return (
        f'authenticate[{key!r}] in user-config.py is not the host of any site'
        ' in usernames, so OAuth 2.0 was not used there. The hosts of your'
        f' sites are: {some}'
    )
