"""Actions on the authorization of one account."""

from __future__ import annotations

import contextlib
import json
import os
import sys

import pywikibot
from pywikibot.comms import http
from pywikibot.exceptions import NoUsernameError

from pywikibot_oauth2 import errors, host, messages
from pywikibot_oauth2.authorization import Authorization
from pywikibot_oauth2.cli import registration
from pywikibot_oauth2.cli.answers import Answers, impossible, paste, read_line
from pywikibot_oauth2.cli.sites import Case, offline_site
from pywikibot_oauth2.cli.status import examine, iso
from pywikibot_oauth2.login import OAuth2LoginManager
from pywikibot_oauth2.login.prompt import is_terminal


FINE, NOT_AUTHORIZED, WRONG, UNREACHABLE = range(4)


def login(case: Case, answers: Answers) -> int:
    """Authorize, if necessary."""
    account = case.account
    if examine(case).state == 'authorized':
        return FINE
    if case.client.owner_only:
        # Nobody needs to click; only a logout has to be undone.
        if case.client.access_token is None:
            account.restart()
        return FINE
    manager = OAuth2LoginManager(site=case.site, user=case.username)
    manager.asks_again = True
    manager.opens_browser = answers.opens_browser
    try:
        manager.login()
    except NoUsernameError as error:
        pywikibot.error(error)
        is_silent = getattr(error, 'error', None) == 'no_answer'
        return UNREACHABLE if is_silent else NOT_AUTHORIZED
    return FINE


def refresh(case: Case, _answers: Answers) -> int:
    """Renew the token now."""
    account = case.account
    if case.client.access_token is not None:
        raise impossible(
            'The access token of an owner-only client is never renewed. If'
            ' the account was given a right, run "pwb oauth2 -reset", or reset'
            f' the client at {host.client_page(case.wiki)}'
            ' and replace the access token in the configuration.'
        )
    account.load()
    before = account.state.header
    if not account.can_renew:
        raise errors.AuthorizationEndedError(
            'There is no authorization to renew, or the wiki did not issue a'
            ' refresh token.'
        )
    account.refresh(http.user_agent(case.site))
    if account.state.header in (before, None):
        return NOT_AUTHORIZED
    pywikibot.info(f'{case.site}: the token was renewed.')
    return FINE


def logout(case: Case, _answers: Answers) -> int:
    """Forget the token."""
    account, site = case.account, case.site
    if case.client.access_token is not None:
        raise impossible(
            f'{messages.FIXED_LOGOUT}:\n  {host.client_page(case.wiki)}'
        )
    pywikibot.info(
        f'{account.user} is logged out of {site}. The token is no longer'
        f' in {case.place}\nA running bot continues until its token is due,'
        ' and then stops.'
        if account.forget()
        else f'{account.user} is not logged in to {site}; there is no token'
        f' in {case.place}'
    )
    pywikibot.info(
        'To revoke the authorization itself, which also invalidates all'
        ' copies of the token, open this page and click "revoke access":\n'
        f'  {host.special_page(case.wiki, "OAuthManageMyGrants")}'
    )
    return FINE


def token(case: Case, answers: Answers) -> int:
    """Write a fresh access token to standard output, and nothing else."""
    account = case.account
    case.auth.check()
    account.load()
    header = account.header(http.user_agent(case.site))
    token = account.authorization.token
    if header is None or token is None:
        raise _not_authorized(case)
    if sys.stdout and sys.stdout.isatty():
        pywikibot.warning(
            f'Anyone who sees this token can act as {account.user} until it'
            ' expires.'
        )
    text, expiry = token.access_token, iso(token.expires_at)
    if '-json' in answers.options:
        text = json.dumps({'access_token': text, 'expires_at': expiry})
    write(text)
    return FINE


def write(text: str) -> None:
    """Write lines to standard output; raise a StoreError if that fails.

    Pywikibot would write them to its log file, too, and show a traceback
    when nobody reads them, as in "pwb oauth2 | head".
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
        reason = error.strerror or error
        raise errors.StoreError(
            f'Standard output cannot be written to: {reason}.',
            error='no_output',
        ) from None


def register(answers: Answers) -> int:
    """Show how to register a client by hand for the current site."""
    site = offline_site()
    name = site.username()
    wiki, callback_url = host.wiki_of_site(site), registration.CALLBACK_URL
    with contextlib.suppress(errors.ConfigurationError):
        callback_url = Case(site).client.redirect_uri or callback_url
    url = registration.form_address(wiki, name or 'a bot', callback_url)
    table = messages.GRANTS.items()
    grants = {grant: f'{title}: {use}' for grant, (title, _, use) in table}
    data = {'site': str(site), 'url': url, 'grants': grants}
    text = json.dumps(data, indent=1)
    if '-json' not in answers.options:
        whose = name or 'the account of the bot'
        text = registration.instructions(wiki, whose, url)
    write(text)
    return FINE


def export(case: Case, _answers: Answers) -> int:
    """Write the authorization as one line, and remove it here."""
    account = case.account
    if case.client.access_token is not None:
        raise impossible(
            f'The access token is in {messages.CONFIGURATION}: copy it from'
            ' there.'
        )
    found = account.forget('moved to another machine.')
    if found is None:
        raise _not_authorized(case)
    try:
        write(json.dumps(found.serialize()))
    except errors.StoreError as error:
        account.adopt(found)
        reason = f'{error} The authorization is still here.'
        raise errors.StoreError(reason, error='no_output') from None
    pywikibot.info(
        f'The authorization of {account.user} on {case.site} is no longer'
        ' here. Give the line to "pwb oauth2 -import" on the other machine,'
        ' and do not keep a copy.'
    )
    return FINE


def import_(case: Case, _answers: Answers) -> int:
    """Read an authorization from standard input, and keep it."""
    account, client_id = case.account, case.client.client_id
    try:
        line = paste('Paste the line') if is_terminal() else read_line()
        found = Authorization.deserialize(json.loads(line))
        is_ours = (
            host.entry_for(found.wiki) is case.auth
            and host.known_site(found.wiki, anywhere=True) is not None
        )
    except (ValueError, RecursionError, EOFError, errors.StoreError):
        raise impossible(
            'This line was not written by "pwb oauth2 -export".'
        ) from None
    code, theirs, ours = 'other_wiki', found.wiki, case.wiki
    ids = found.user, found.client_id
    if ids != (account.user, client_id) or not found.is_complete:
        code, is_ours = 'other_account', False
        theirs = f'{found.user} and the client {found.client_id}'
        ours = f'{account.user} and the client {case.client.shown_id}'
    if not is_ours:
        raise errors.ConfigurationError(
            f'The line is for {theirs}, not for {ours}.', error=code
        )
    account.adopt(found)
    if not account.state.is_saved:
        raise errors.StoreError(
            'Nothing was imported. Import the same line again later.'
        )
    pywikibot.info(f'The token is kept in {case.place}')
    return FINE


def _not_authorized(case: Case) -> errors.AuthorizationEndedError:
    return errors.AuthorizationEndedError(
        f'{case.username} has not authorized the client, or the authorization'
        ' has ended.'
    )
