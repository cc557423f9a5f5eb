"""Setting OAuth 2.0 up: from nothing to the first edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pywikibot
from pywikibot import config
from pywikibot.login import ClientLoginManager

from pywikibot_oauth2 import host
from pywikibot_oauth2.cli import config_file, registration
from pywikibot_oauth2.cli.answers import Answers
from pywikibot_oauth2.cli.discovery import extension_version, find_site
from pywikibot_oauth2.cli.password_session import PasswordSession
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ConfigurationError,
    printable,
)
from pywikibot_oauth2.login.conversation import open_browser
from pywikibot_oauth2.messages import GRANTS
from pywikibot_oauth2.protocol import OAuth2Wiki
from pywikibot_oauth2.token import Token


if TYPE_CHECKING:
    from pywikibot.site import BaseSite

    from pywikibot_oauth2.auth import OAuth2Auth


_KINDS = {
    'browser': 'you click "Allow" in a browser; tokens live for hours, and'
    ' several accounts can use the client. An administrator has to approve'
    ' it within 30 days',
    'owner-only': 'no browser, no approval, no expiry, and edits carry no'
    ' OAuth tag; whoever has the token can do what the grants allow',
}
_WAYS = {
    'api': 'now, with the password of the account, which is not stored',
    'form': "in a browser, by the wiki's form, which is filled in",
    'id': 'it is registered already',
}
_DEFAULT_GRANTS = 'highvolume,editpage,createeditmovepage'


class Plan(NamedTuple):
    """What will be written.

    :ivar path: the path of user-config.py
    :ivar before: what it holds
    :ivar after: what it will hold
    :ivar credentials: the path of the credentials file
    """

    path: Path
    before: str
    after: str
    credentials: Path


class Setup:
    """One set-up, step by step.

    :param answers: answers the questions
    :param opens_browser: whether the form is opened in a browser
    """

    def __init__(self, answers: Answers, *, opens_browser: bool) -> None:
        self.answers = answers
        self.folder = _folder()
        self._opens_browser = opens_browser
        self.site, self._family_url = find_site(answers, self.folder)
        self.wiki = host.wiki_of_site(self.site)
        host.require_safe_transport(self.wiki)
        self.central = host.central_wiki(self.wiki)
        self.username = (
            host.user_override()
            or self.site.username()
            or answers.ask('user', f'Account of the bot on {self.site}:')
        )

    def run(self) -> None:
        """Get a client and write the configuration for it.

        Everything that can be refused comes before a client is registered,
        because its values are shown only once.
        """
        version = extension_version(self.wiki)
        pywikibot.info(
            f'{self.site} has Extension:OAuth {version}. The account is'
            f' {self.username}.\n\nWhich kind of client?'
        )
        is_owner_only = self.answers.choose('kind', _KINDS) == 'owner-only'
        pywikibot.info('\nHow is the client registered?')
        ways = _WAYS
        if self.answers.given('client-id'):
            ways = {'id': _WAYS['id'], **_WAYS}
        way = self.answers.choose('by', ways)
        if way == 'api':
            url = None if is_owner_only else registration.CALLBACK_URL
            plan = self._plan(None, url)
            self._agree(plan)
            client = self._register(is_owner_only)
        else:
            client = self._ask_for_values(is_owner_only, by_form=way == 'form')
            self._try(client)
            plan = self._plan(client.client_id, client.redirect_uri)
            self._agree(plan)
        self._write(plan, client)

    def _register(self, is_owner_only: bool) -> OAuth2Client:
        """Register a client by the REST API."""
        grants = self._grants()
        policy = host.special_page(
            self.wiki, 'OAuthConsumerRegistration/propose/oauth2'
        )
        self.answers.agree(
            'By registering a client you accept the application policy of'
            f' the wiki, which its form names:\n  {policy}\nDo you accept it?'
        )
        with password_session(
            self.central, self.username, self.site, self.answers
        ) as session:
            email = str(session.userinfo().get('email') or '')
            if not email:
                raise AuthorizationError(
                    f'{self.username} has no confirmed e-mail address on'
                    f' {self.central}, which a client needs.',
                    wiki=self.central,
                    account=self.username,
                    error='email_not_confirmed',
                )
            answer = self._propose(session, email, grants, is_owner_only)
        pywikibot.info(
            f'The client {printable(answer["client_key"])} was registered.'
        )
        if is_owner_only:
            return OAuth2Client(
                str(answer['client_key']),
                access_token=str(answer['access_token']),
            )
        return OAuth2Client(
            str(answer['client_key']),
            str(answer['secret']),
            redirect_uri=registration.CALLBACK_URL,
        )

    def _propose(
        self,
        session: PasswordSession,
        email: str,
        grants: list[str],
        is_owner_only: bool,
    ) -> dict[str, object]:
        """Register a client, under a version that is not taken yet."""
        for number in range(20):
            try:
                return session.rest(
                    '',
                    registration.proposal(
                        self.username,
                        email,
                        grants,
                        owner_only=is_owner_only,
                        version=f'1.{number}',
                    ),
                )
            except AuthorizationError as error:
                if error.error != 'consumer_exists':
                    raise
        raise AuthorizationError(
            f'{self.username} has registered 20 clients of that name.',
            wiki=self.central,
            error='consumer_exists',
        )

    def _grants(self) -> list[str]:
        """Return the grants that the bot needs."""
        if self.answers.given('grants') is None and (
            not self.answers.takes_all
        ):
            pywikibot.info(
                '\nGrants cannot be added later, and the bot can do nothing'
                f' whose grant is missing:\n{registration.grants_table()}'
            )
        text = self.answers.ask(
            'grants', 'Grants, separated by commas:', _DEFAULT_GRANTS
        )
        grants = [name.strip() for name in text.split(',') if name.strip()]
        unknown = [
            name for name in grants if name not in GRANTS and name != 'basic'
        ]
        if unknown:
            pywikibot.warning(
                f'Not a grant that bots usually need: {", ".join(unknown)}'
            )
        return grants

    def _ask_for_values(
        self, is_owner_only: bool, *, by_form: bool
    ) -> OAuth2Client:
        """Ask for the values that the wiki showed at registration."""
        callback_url = self.answers.given('callback-url')
        if by_form:
            url = registration.form_address(
                self.wiki,
                self.username,
                owner_only=is_owner_only,
                callback_url=callback_url or registration.CALLBACK_URL,
            )
            pywikibot.info(
                f'Log in to the wiki as {self.username} and open this page.'
                ' Tick the grants that the bot needs and accept the terms:'
                f'\n\n{url}\n\n{registration.grants_table()}\n'
            )
            if self._opens_browser:
                open_browser(url)
        client_id = self.answers.ask('client-id', 'Client ID:')
        if is_owner_only:
            token = self.answers.hidden('Access token (it is not shown):')
            return OAuth2Client(client_id, access_token=token)
        secret = self.answers.hidden(
            'Client secret (it is not shown; empty for a client that is not'
            ' confidential):'
        )
        if not by_form:
            callback_url = self.answers.ask(
                'callback-url',
                'Callback URL, exactly as registered:',
                registration.CALLBACK_URL,
            )
        return OAuth2Client(
            client_id,
            secret or None,
            redirect_uri=callback_url or registration.CALLBACK_URL,
        )

    def _try(self, client: OAuth2Client) -> None:
        """Try the values at the wiki before anything is written.

        :raises OAuth2Error: the wiki does not accept them
        """
        client.check()
        endpoints = OAuth2Wiki(client, self.wiki)
        if client.access_token is None:
            try:
                endpoints.refresh(Token('none', 'none'))
            except AuthorizationEndedError:
                # The client was accepted; the made-up token was not.
                return
        else:
            profile = endpoints.profile(Token(client.access_token).header)
            name = printable((profile or {}).get('username') or 'nobody')
            if name != self.username:
                raise ConfigurationError(
                    f'{self.wiki} says that the access token is that of'
                    f' {name}, not of {self.username}.',
                    error='no_choice',
                )

    def _plan(self, client_id: str | None, callback_url: str | None) -> Plan:
        """Return what to write for a client.

        :param client_id: None if it is not registered yet
        :param callback_url: None for an owner-only client
        """
        path = self.folder / 'user-config.py'
        before = path.read_text('utf-8') if path.exists() else ''
        credentials = config_file.credentials_path(self.folder, client_id)
        after = config_file.changed(
            before,
            family=self.site.family.name,
            code=self.site.code,
            username=self.username,
            keys=self._keys(),
            credentials=credentials.name,
            options=f'redirect_uri={callback_url!r}' if callback_url else '',
            family_url=self._family_url,
        )
        return Plan(path, before, after, credentials)

    def _keys(self) -> set[str]:
        """Return the keys of authenticate for the wiki and its sisters.

        On Wikimedia, those are the other wikis of the same account.
        """
        if not host.is_wikimedia(self.site):
            return {urlsplit(self.wiki).netloc}
        sisters = (
            host.wiki_at(site.family.base_url(site.code, '/api.php'))
            for site in host.configured_sites()
            if host.is_wikimedia(site) and site.username == self.username
        )
        return {
            host.narrow_key(wiki) for wiki in (self.wiki, *sisters) if wiki
        }

    def _agree(self, plan: Plan) -> None:
        """Show what changes in user-config.py, and ask."""
        changes = config_file.diff(plan.before, plan.after)
        if changes:
            pywikibot.info(f'\nThis changes in {plan.path}:\n\n{changes}')
            self.answers.agree('Write it?')

    def _write(self, plan: Plan, client: OAuth2Client) -> None:
        """Write the credentials and user-config.py."""
        values = {
            'client_id': client.client_id,
            'client_secret': client.client_secret,
            'access_token': client.access_token,
        }
        config_file.write_credentials(
            plan.credentials,
            {name: value for name, value in values.items() if value},
        )
        pywikibot.info(f'The credentials are kept in {plan.credentials}')
        if plan.after != plan.before:
            backup = config_file.replace(plan.path, plan.after)
            if backup is not None:
                pywikibot.info(f'The old file is kept as {backup}')


def _folder() -> Path:
    """Return the folder for user-config.py.

    Pywikibot ignores the folder in PYWIKIBOT_DIR until there is a
    user-config.py in it.
    """
    folder = Path(config.base_dir)
    wanted = os.environ.get('PYWIKIBOT_DIR')
    has_option = any(arg.startswith('-dir:') for arg in sys.argv)
    if wanted and not has_option and not (folder / 'user-config.py').exists():
        return Path(wanted).absolute()
    return folder


def run(options: list[str]) -> int:
    """Set OAuth 2.0 up.

    :param options: the options of the command line
    :return: the exit status
    """
    setup = Setup(Answers(options), opens_browser='-no-browser' not in options)
    setup.run()
    command = [sys.executable, '-m', 'pywikibot_oauth2', '-login']
    command += [f'-dir:{setup.folder}', f'-site:{setup.site}']
    if host.user_override():
        command.append(f'-user:{setup.username}')
    if '-no-browser' in options:
        command.append('-no-browser')
    pywikibot.info('\nLogging in with the new configuration:')
    environment = {**os.environ, 'PYWIKIBOT_DIR': str(setup.folder)}
    environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 0:
        pywikibot.info(
            '\nEverything is set up. Try it:\n  pwb touch'
            f' -site:{setup.site} -page:Sandbox'
        )
    return status


def reset(site: BaseSite, auth: OAuth2Auth, options: list[str]) -> int:
    """Get an owner-only client a new access token.

    :param site: the site
    :param auth: what user-config.py has for it
    :param options: the options of the command line
    :return: the exit status
    """
    client = auth.client
    token = client.access_token
    client_id = client.client_id or str(
        Token(token).claims().get('aud') if token else ''
    )
    if not client.owner_only or not client_id:
        raise ConfigurationError(
            'Only an owner-only client whose client ID is known can be reset.',
            error='no_choice',
        )
    answers = Answers(options)
    answers.agree('The old access token stops working at once. Reset it?')
    central = host.central_wiki(host.wiki_of_site(site))
    with password_session(
        central, site.username() or '', site, answers
    ) as session:
        answer = session.rest(
            f'/{client_id}/reset_secret', {'reason': 'reset by owner'}
        )
    target = config_file.credentials_path(Path(config.base_dir), client_id)
    is_new = not target.exists()
    # A client that gets its tokens with its secret has a new secret.
    name, field = (
        ('client_secret', 'secret') if token is None else ('access_token',) * 2
    )
    config_file.write_credentials(
        target, {'client_id': client_id, name: str(answer[field])}
    )
    pywikibot.info(f'The new values are kept in {target}')
    if is_new:
        pywikibot.warning(
            'Make user-config.py read them, in place of the old ones:\n  '
            f'_oauth2.OAuth2Auth.from_file({target.name!r}'
            f'{"" if token else ", owner_only=True"})'
        )
    return 0


def password_session(
    wiki: str, username: str, site: BaseSite, answers: Answers
) -> PasswordSession:
    """Return a session of an account, logged in.

    A password or a cookie that Pywikibot already has is used.

    :raises AuthorizationError: the wiki refuses
    """
    session = PasswordSession(wiki, username)
    if session.borrow():
        pywikibot.info('The login that Pywikibot keeps is used.')
        return session
    known = ClientLoginManager(site=site, user=username)
    password = known.password if '@' not in known.login_name else None
    session.log_in(
        password or answers.hidden(f'Password of {username} (not shown):'),
        answers.hidden,
    )
    return session
