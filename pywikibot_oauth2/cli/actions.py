"""What is done to the authorization of one account."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pywikibot
from pywikibot.comms import http
from pywikibot.exceptions import NoUsernameError

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.cli.status import examine, iso
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.login import OAuth2LoginManager
from pywikibot_oauth2.login.prompt import HiddenLine, can_paste, is_terminal


if TYPE_CHECKING:
    from collections.abc import Callable

    from pywikibot.site import BaseSite

    from pywikibot_oauth2.account import Account
    from pywikibot_oauth2.auth import OAuth2Auth


FINE, NOT_AUTHORIZED, WRONG, UNREACHABLE, NO_STORE = range(5)

_EXITS: dict[type[OAuth2Error], int] = {
    ConfigurationError: WRONG,
    StoreError: NO_STORE,
    ClientRefusedError: NOT_AUTHORIZED,
    EndpointError: UNREACHABLE,
}

#: The reason why an authorization has ended when it was moved elsewhere.
_MOVED = 'moved to another machine'


def exit_status(error: OAuth2Error) -> int:
    """Return the exit status that goes with an error."""
    for kind, status in _EXITS.items():
        if isinstance(error, kind):
            return status
    return NOT_AUTHORIZED


def account_of(site: BaseSite, auth: OAuth2Auth) -> Account:
    """Return the account of a site.

    :raises ConfigurationError: usernames has none for it
    """
    username = site.username()
    if username is None:
        raise ConfigurationError(
            f'usernames[{site.family.name!r}][{site.code!r}] is missing in'
            ' user-config.py.',
            error='no_username',
        )
    return auth.route(host.wiki_of_site(site), username).account


def act(
    action: Callable[[BaseSite, OAuth2Auth, Account, bool], int],
    site: BaseSite,
    auth: OAuth2Auth,
    *,
    opens_browser: bool,
) -> int:
    """Do something for one account; report what failed."""
    if site.username() is None:
        return WRONG  # the status says why
    try:
        return action(site, auth, account_of(site, auth), opens_browser)
    except OAuth2Error as error:
        pywikibot.error(f'{site}: {messages.explain(error, auth.client)}')
        return exit_status(error)


def login(
    site: BaseSite, auth: OAuth2Auth, account: Account, opens_browser: bool
) -> int:
    """Authorize, if necessary."""
    status = examine(site, auth)
    if status.state == 'authorized':
        return FINE
    if auth.client.owner_only:
        # Nobody needs to click; only the logout has to be forgotten.
        if auth.client.access_token is None:
            account.restart()
        return FINE
    manager = OAuth2LoginManager(site=site, user=site.username())
    manager.starts_anew = True
    manager.opens_browser = opens_browser
    try:
        manager.login()
    except NoUsernameError as error:
        pywikibot.error(error)
        return NOT_AUTHORIZED
    return FINE if account.state.is_saved else NO_STORE


def refresh(
    site: BaseSite, auth: OAuth2Auth, account: Account, _: bool
) -> int:
    """Renew the token now."""
    wiki = host.wiki_of_site(site)
    if auth.client.access_token is not None:
        pywikibot.error(
            f'{site}: the access token of an owner-only client is never'
            ' renewed. If the account was given a right, run "pwb oauth2'
            ' -reset", or reset the client at'
            f' {host.special_page(wiki, "OAuthConsumerRegistration/list")}'
            ' and replace the access token in the configuration.'
        )
        return WRONG
    account.load()
    before = account.state.header
    if not account.can_renew:
        command = messages.login_command(wiki, site.username())
        pywikibot.error(
            f'{site}: there is no authorization to renew, or the wiki gave no'
            f' refresh token. Run:\n  {command}'
        )
        return NOT_AUTHORIZED
    account.refresh(http.user_agent(site))
    if account.state.header in (before, None):
        return NOT_AUTHORIZED
    pywikibot.info(f'{site}: there is a new token.')
    return FINE if account.state.is_saved else NO_STORE


def logout(site: BaseSite, auth: OAuth2Auth, account: Account, _: bool) -> int:
    """Forget the token."""
    wiki = host.wiki_of_site(site)
    if auth.client.access_token is not None:
        pywikibot.error(
            f'{site}: the access token of {account.user} is not kept here,'
            ' but is in the configuration (access_token=…): remove it'
            ' there. To make it useless, reset or disable the client:\n'
            f'  {host.special_page(wiki, "OAuthConsumerRegistration/list")}'
        )
        return WRONG
    where = auth.store.where(account.user or '')
    if account.forget():
        pywikibot.info(
            f'{account.user} is logged out of {site}. The token is no longer'
            f' in {where}\nA bot that is running goes on until its token is'
            ' due, and then ends.'
        )
    else:
        pywikibot.info(
            f'{account.user} is not logged in to {site}; there is no token in'
            f' {where}'
        )
    pywikibot.info(
        'To revoke the authorization itself, so that no copy of the token is'
        ' of any use, open this page and choose "Revoke":\n'
        f'  {host.special_page(wiki, "OAuthManageMyGrants")}'
    )
    return FINE


def token(site: BaseSite, account: Account, *, is_json: bool) -> int:
    """Write a fresh access token to standard output, and nothing else."""
    account.load()
    header = account.header(http.user_agent(site))
    found = account.authorization
    if header is None or found is None or found.token is None:
        raise _not_authorized(account)
    if sys.stdout.isatty():
        pywikibot.warning(
            'Whoever sees this token can act as'
            f' {account.user} until it expires.'
        )
    text = found.token.access_token
    if is_json:
        text = json.dumps(
            {'access_token': text, 'expires_at': iso(found.token.expires_at)}
        )
    # Pywikibot would write it to its log file, too.
    sys.stdout.write(f'{text}\n')
    return FINE


def export(site: BaseSite, account: Account) -> int:
    """Write the authorization as one line; it is gone here afterwards."""
    if account.client.access_token is not None:
        raise ConfigurationError(
            'A fixed access token is in the configuration: copy that.',
            error='no_choice',
        )
    found = account.give_up(_MOVED)
    if found is None:
        raise _not_authorized(account)
    try:
        sys.stdout.write(json.dumps(found.serialize()) + '\n')
        sys.stdout.flush()
    except OSError:
        account.adopt(found)
        # Python would try again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreError(
            'The line could not be written. The authorization is still here.'
        ) from None
    pywikibot.info(
        f'The authorization of {account.user} on {site} is no longer here.'
        ' Give the line to "pwb oauth2 -import" on the other machine, and do'
        ' not keep a copy.'
    )
    return FINE


def import_(site: BaseSite, auth: OAuth2Auth, account: Account) -> int:
    """Read an authorization from standard input, and keep it."""
    try:
        found = Authorization.deserialize(json.loads(_read_line()))
    except (ValueError, RecursionError, EOFError, StoreError):
        raise ConfigurationError(
            'That is not a line that "pwb oauth2 -export" has written.',
            error='no_choice',
        ) from None
    ours = account.user, auth.client.client_id, host.wiki_of_site(site)
    if (found.user, found.client_id) != ours[:2] or not found.is_complete:
        raise ConfigurationError(
            f'The line is for {found.user} and the client {found.client_id},'
            f' not for {ours[0]} and the client {ours[1]}.',
            error='other_account',
            wiki=ours[2],
            account=account.user,
        )
    if host.entry_for(found.wiki) is not auth:
        raise ConfigurationError(
            f'The line is for {found.wiki}, not for {ours[2]}.',
            error='other_wiki',
            wiki=ours[2],
            account=account.user,
        )
    account.adopt(found)
    pywikibot.info(
        f'The token is kept in {auth.store.where(account.user or "")}'
    )
    return FINE if account.state.is_saved else NO_STORE


def _read_line() -> str:
    """Return a line of standard input; a terminal does not show it."""
    if not is_terminal():
        return sys.stdin.readline()
    if not can_paste():
        line: str = pywikibot.input('Paste the line', password=True)
        return line
    pywikibot.info('Paste the line (it is not shown), and press Enter:')
    with HiddenLine() as hidden:
        while (pasted := hidden.poll(60)) is None:
            pass
    return pasted


def _not_authorized(account: Account) -> AuthorizationEndedError:
    return AuthorizationEndedError(
        f'{account.user} has not authorized the client, or the authorization'
        ' has ended.',
        wiki=account.wiki,
        account=account.user,
    )
