"""Actions on the authorization of one account."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import pywikibot
from pywikibot.comms import http
from pywikibot.exceptions import NoUsernameError

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.cli.answers import impossible, read_line
from pywikibot_oauth2.cli.sites import account_of
from pywikibot_oauth2.cli.status import EXITS, examine, explain, iso, state_of
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    ConfigurationError,
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

#: The reason why an authorization has ended when it was moved elsewhere.
_MOVED = 'moved to another machine.'


class Case(NamedTuple):
    """The site and the account of an action.

    :ivar auth: the entry of user-config.py for the site
    :ivar options: the options of the command line
    """

    site: BaseSite
    auth: OAuth2Auth
    account: Account
    options: list[str]

    @classmethod
    def of(cls, site: BaseSite, auth: OAuth2Auth, options: list[str]) -> Case:
        """Find the account.

        :raises ConfigurationError: usernames has none for the site
        """
        return cls(site, auth, account_of(site, auth), options)

    def page(self, name: str) -> str:
        """Return the address of a page about clients or grants."""
        return host.special_page(host.wiki_of_site(self.site), name)


def attempt(
    action: Callable[[Case], int],
    site: BaseSite,
    auth: OAuth2Auth,
    options: list[str],
) -> int:
    """Carry out an action for one account, and report errors."""
    try:
        return action(Case.of(site, auth, options))
    except OAuth2Error as error:
        pywikibot.error(f'{site}: {explain(error, site, auth.client)}')
        return EXITS[state_of(error)]


def login(case: Case) -> int:
    """Authorize, if necessary."""
    site, auth, account, options = case
    if examine(site, auth).state == 'authorized':
        return FINE
    if auth.client.owner_only:
        # Nobody needs to click; only a logout has to be undone.
        if auth.client.access_token is None:
            account.restart()
        return FINE
    manager = OAuth2LoginManager(site=site, user=site.username())
    manager.starts_anew = True
    manager.opens_browser = '-no-browser' not in options
    try:
        manager.login()
    except NoUsernameError as error:
        pywikibot.error(error)
        return NOT_AUTHORIZED
    return _saved(account)


def refresh(case: Case) -> int:
    """Renew the token now."""
    site, auth, account, _ = case
    if auth.client.access_token is not None:
        pywikibot.error(
            f'{site}: the access token of an owner-only client is never'
            ' renewed. If the account was given a right, run "pwb oauth2'
            ' -reset", or reset the client at'
            f' {case.page("OAuthConsumerRegistration/list")}'
            ' and replace the access token in the configuration.'
        )
        return WRONG
    account.load()
    before = account.state.header
    if not account.can_renew:
        wiki = host.wiki_of_site(site)
        pywikibot.error(
            f'{site}: there is no authorization to renew, or the wiki did not'
            ' issue a refresh token. Run:\n  '
            + messages.login_command(wiki, account.user)
        )
        return NOT_AUTHORIZED
    account.refresh(http.user_agent(site))
    if account.state.header in (before, None):
        return NOT_AUTHORIZED
    pywikibot.info(f'{site}: the token was renewed.')
    return _saved(account)


def logout(case: Case) -> int:
    """Forget the token."""
    site, auth, account, _ = case
    if auth.client.access_token is not None:
        pywikibot.error(
            f'{site}: the access token of {account.user} is not stored here,'
            ' but in the configuration (access_token=…): remove it there. To'
            ' invalidate it, reset or disable the client:\n'
            f'  {case.page("OAuthConsumerRegistration/list")}'
        )
        return WRONG
    where = auth.store.where(account.user or '')
    pywikibot.info(
        f'{account.user} is logged out of {site}. The token is no longer'
        f' in {where}\nA running bot continues until its token is due, and'
        ' then stops.'
        if account.forget()
        else f'{account.user} is not logged in to {site}; there is no token'
        f' in {where}'
    )
    pywikibot.info(
        'To revoke the authorization itself, which also invalidates all'
        ' copies of the token, open this page and choose "Revoke":\n'
        f'  {case.page("OAuthManageMyGrants")}'
    )
    return FINE


def token(case: Case) -> int:
    """Write a fresh access token to standard output, and nothing else."""
    account = case.account
    account.load()
    header = account.header(http.user_agent(case.site))
    found = account.authorization
    if header is None or found is None or found.token is None:
        raise _not_authorized(account)
    if sys.stdout and sys.stdout.isatty():
        pywikibot.warning(
            f'Anyone who sees this token can act as {account.user} until it'
            ' expires.'
        )
    text = found.token.access_token
    if '-json' in case.options:
        text = json.dumps(
            {'access_token': text, 'expires_at': iso(found.token.expires_at)}
        )
    write(text)
    return FINE


def write(text: str) -> None:
    """Write lines to standard output.

    Pywikibot would write them to its log file, too, and show a traceback
    when nobody reads them, as in "pwb oauth2 | head".

    :raises StoreError: they cannot be written
    """
    try:
        if sys.stdout is None:
            raise OSError('it is closed')
        encoding = sys.stdout.encoding or 'utf-8'
        text = text.encode(encoding, 'backslashreplace').decode(encoding)
        sys.stdout.write(f'{text}\n')
        sys.stdout.flush()
    except OSError as error:
        if sys.stdout is not None:
            # Python would try again at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise StoreError(
            'Standard output cannot be written to:'
            f' {error.strerror or error}.',
            error='no_output',
        ) from None


def export(case: Case) -> int:
    """Write the authorization as one line, and remove it here."""
    account = case.account
    if account.client.access_token is not None:
        raise impossible(
            'The access token is in the configuration: copy it from there.'
        )
    found = account.give_up(_MOVED)
    if found is None:
        raise _not_authorized(account)
    try:
        write(json.dumps(found.serialize()))
    except StoreError as error:
        account.adopt(found)
        raise StoreError(
            f'{error} The authorization is still here.', error='no_output'
        ) from None
    pywikibot.info(
        f'The authorization of {account.user} on {case.site} is no longer'
        ' here. Give the line to "pwb oauth2 -import" on the other machine,'
        ' and do not keep a copy.'
    )
    return FINE


def import_(case: Case) -> int:
    """Read an authorization from standard input, and keep it."""
    account, wiki = case.account, host.wiki_of_site(case.site)
    try:
        found = Authorization.deserialize(json.loads(_read_line()))
    except (ValueError, RecursionError, EOFError, StoreError):
        raise impossible(
            'This line was not written by "pwb oauth2 -export".'
        ) from None
    ours = account.user, case.auth.client.client_id
    if (found.user, found.client_id) != ours or not found.is_complete:
        raise ConfigurationError(
            f'The line is for {found.user} and the client {found.client_id},'
            f' not for {ours[0]} and the client {ours[1]}.',
            error='other_account',
            wiki=wiki,
            account=account.user,
        )
    if host.entry_for(found.wiki) is not case.auth:
        raise ConfigurationError(
            f'The line is for {found.wiki}, not for {wiki}.',
            error='other_wiki',
            wiki=wiki,
            account=account.user,
        )
    account.adopt(found)
    status = _saved(account)
    pywikibot.info(
        f'The token is kept in {case.auth.store.where(account.user or "")}'
        if status == FINE
        else 'Nothing was imported. Import the same line again later.'
    )
    return status


def _saved(account: Account) -> int:
    return FINE if account.state.is_saved else NO_STORE


def _read_line() -> str:
    """Return a line of standard input, hidden if that is a terminal."""
    if not is_terminal():
        return read_line()
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
