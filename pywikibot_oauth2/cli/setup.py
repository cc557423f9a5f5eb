"""Setting up OAuth 2.0."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pywikibot
from pywikibot import config
from pywikibot.login import ClientLoginManager
from pywikibot.tools import as_filename

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.cli import config_file, registration
from pywikibot_oauth2.cli.answers import Answers, impossible
from pywikibot_oauth2.cli.discovery import extension_version, find_site
from pywikibot_oauth2.cli.sites import configured_account
from pywikibot_oauth2.cli.wiki import WikiSession
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    printable,
)
from pywikibot_oauth2.login.conversation import open_browser
from pywikibot_oauth2.messages import GRANTS
from pywikibot_oauth2.protocol import OAuth2Wiki
from pywikibot_oauth2.token import Token


if TYPE_CHECKING:
    from pywikibot.site import BaseSite

    from pywikibot_oauth2.cli.actions import Case


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
    """The changes to be written.

    :ivar path: the path of user-config.py
    :ivar content: its new content; None if it stays as it is
    :ivar credentials: the path of the credentials file
    """

    path: Path
    content: config_file.Rehearsed | None
    credentials: Path


class Setup:
    """One set-up, step by step.

    :param answers: answers the questions
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.folder = _folder()
        self.site, self._family_url = find_site(answers, self.folder)
        self.wiki = host.wiki_of_site(self.site)
        host.require_safe_transport(self.wiki)
        self.username = (
            host.user_override()
            or self.site.username()
            or host.normalized(
                answers.ask('user', f'Account of the bot on {self.site}:')
            )
            or ''
        )
        if not self.username:
            raise impossible('There was no answer.')
        self._is_owner_only = False
        self._require_no_other_account()

    def _require_no_other_account(self) -> None:
        """Refuse to take the client of another account away.

        There is one entry of authenticate for a wiki.

        :raises ConfigurationError: another account uses it
        """
        other = configured_account(self.site)
        if other in (None, self.username) or not isinstance(
            host.entry_for(self.wiki), OAuth2Auth
        ):
            return
        login = messages.login_command(self.wiki, self.username)
        folder = shlex.quote(as_filename(self.username))
        raise impossible(
            f'user-config.py has a client for {self.site} already, which'
            f' {other} uses. If it is approved and not owner-only, it serves'
            f' {self.username}, too:\n  {login}\nA client of its own goes into'
            f' a folder of its own:\n  mkdir {folder}\n'
            f'  python3 -m pywikibot_oauth2 -setup -dir:{folder}'
            f' {shlex.quote(f"-user:{self.username}")}'
            f' -wiki:{self.wiki}/api.php'
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
        kind = self.answers.choose('kind', _KINDS)
        self._is_owner_only = kind == 'owner-only'
        pywikibot.info('\nHow is the client registered?')
        ways = _WAYS
        if self.answers.given('client-id'):
            ways = {'id': _WAYS['id'], **_WAYS}
        way = self.answers.choose('by', ways)
        if way == 'api':
            plan = self._plan(
                None, None if self._is_owner_only else self._callback_url
            )
            client = self._register()
        else:
            client = self._usable_client(by_form=way == 'form')
            plan = self._plan(client.client_id, client.redirect_uri)
        self._write(plan, client)

    @property
    def _callback_url(self) -> str:
        """The callback URL to register."""
        return self.answers.given('callback-url') or registration.CALLBACK_URL

    def _register(self) -> OAuth2Client:
        """Register a client with the REST API."""
        grants = self._grants()
        policy = host.special_page(
            self.wiki, 'OAuthConsumerRegistration/propose/oauth2'
        )
        # A question would be wrapped in the middle of the address.
        pywikibot.info(
            'By registering a client, you accept the application policy of'
            f' the wiki, which is linked from its form:\n  {policy}'
        )
        self.answers.agree('Do you accept it?')
        wiki = host.central_wiki(self.wiki)
        with _session(wiki, self.username, self.site, self.answers) as session:
            email = str(session.userinfo().get('email') or '')
            if not email:
                raise AuthorizationError(
                    f'{self.username} has no confirmed e-mail address on'
                    f' {wiki}, which is required to register a client.',
                    wiki=wiki,
                    account=self.username,
                    error='email_not_confirmed',
                )
            fields = registration.proposal(
                self.username,
                email,
                grants,
                self._callback_url,
                owner_only=self._is_owner_only,
            )
            answer = self._propose(session, fields)
        client_id = str(answer['client_key'])
        pywikibot.info(f'The client {printable(client_id)} was registered.')
        if self._is_owner_only:
            token = str(answer['access_token'])
            return OAuth2Client(client_id, access_token=token)
        return OAuth2Client(
            client_id, str(answer['secret']), redirect_uri=self._callback_url
        )

    def _propose(
        self, session: WikiSession, fields: dict[str, object]
    ) -> dict[str, object]:
        """Register a client, under a name that is not taken yet.

        The wiki compares name and version, but here accepts the versions 1.0
        and 2.0 only (recorded).
        """
        for number in range(1, 21):
            suffix = f' ({number})' if number > 1 else ''
            name = f'{fields["name"]}{suffix}'
            try:
                return session.rest('', {**fields, 'name': name})
            except AuthorizationError as error:
                if error.hint != 'consumer_exists':
                    raise
        raise AuthorizationError(
            f'{self.username} has already registered 20 clients of this name.',
            error='refused',
        )

    def _grants(self) -> list[str]:
        """Return the grants that the bot needs."""
        if not self.answers.given('grants') and not self.answers.takes_all:
            pywikibot.info(
                '\nThe bot can do only what its grants allow, and they cannot'
                f' be added later:\n{registration.grants_table()}'
            )
        text = self.answers.ask(
            'grants', 'Grants, separated by commas:', _DEFAULT_GRANTS
        )
        grants = [name.strip() for name in text.split(',') if name.strip()]
        unknown = [name for name in grants if name not in (*GRANTS, 'basic')]
        if unknown:
            pywikibot.warning(
                f'Not a grant that bots usually need: {", ".join(unknown)}'
            )
        return grants

    def _usable_client(self, *, by_form: bool) -> OAuth2Client:
        """Ask for the values of a client, and try them.

        :raises OAuth2Error: they do not work; no file has them yet
        """
        try:
            client = self._ask_for_values(by_form=by_form)
            self._try(client)
        except (ClientRefusedError, ConfigurationError) as error:
            is_unusable = getattr(error, 'is_unusable', False)
            if is_unusable or error.error == 'no_choice':
                raise
            clients = host.special_page(
                self.wiki, 'OAuthConsumerRegistration/list'
            )
            raise impossible(
                f'{error}\nNothing was written. Compare the values with those'
                f' at\n  {clients}\nand run the command again.'
            ) from None
        return client

    def _ask_for_values(self, *, by_form: bool) -> OAuth2Client:
        """Ask for the values that the wiki showed at registration."""
        ask, hidden = self.answers.ask, self.answers.hidden
        callback_url = self._callback_url
        if by_form:
            self._show_form()
        client_id = ask('client-id', 'Client ID:')
        if self._is_owner_only:
            token = hidden('Access token (it is not shown):')
            return OAuth2Client(client_id, access_token=token)
        secret = hidden(
            'Client secret (it is not shown; empty for a client that is not'
            ' confidential):'
        )
        if not by_form:
            callback_url = ask(
                'callback-url',
                'Callback URL, exactly as registered:',
                callback_url,
            )
        return OAuth2Client(
            client_id, secret or None, redirect_uri=callback_url
        )

    def _show_form(self) -> None:
        """Show the address of the form, and open it in a browser."""
        url = registration.form_address(
            self.wiki,
            self.username,
            self._callback_url,
            owner_only=self._is_owner_only,
        )
        pywikibot.info(
            f'Log in to the wiki as {self.username} and open this page.'
            ' Tick the grants that the bot needs and accept the terms:'
            f'\n\n{url}\n\n{registration.grants_table()}\n'
        )
        if self.answers.opens_browser:
            open_browser(url)

    def _try(self, client: OAuth2Client) -> None:
        """Try the values at the wiki before anything is written."""
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
                raise impossible(
                    f'{self.wiki} says that the access token belongs to'
                    f' {name}, not to {self.username}.'
                )

    def _plan(self, client_id: str | None, callback_url: str | None) -> Plan:
        """Show the changes for a client, and ask for consent."""
        path = self.folder / 'user-config.py'
        before, encoding = config_file.read(path)
        credentials = config_file.credentials_path(self.folder, client_id)
        is_known = bool(before.strip()) and bool(configured_account(self.site))
        after = config_file.changed(
            before,
            family=self.site.family.name,
            code=self.site.code,
            username=None if is_known else self.username,
            keys=self._keys(),
            credentials=credentials.name,
            options=f'redirect_uri={callback_url!r}' if callback_url else '',
            family_url=self._family_url,
        )
        changes = config_file.diff(before, after)
        if changes:
            pywikibot.info(f'\nChanges to {path}:\n\n{changes}')
        content = config_file.rehearse(
            path,
            after,
            encoding,
            credentials,
            is_owner_only=self._is_owner_only,
        )
        if not changes:
            return Plan(path, None, credentials)
        self.answers.agree('Write these changes?')
        return Plan(path, content, credentials)

    def _keys(self) -> set[str]:
        """Return the keys for the wiki and, on Wikimedia, its sisters."""
        if not host.is_wikimedia(self.site):
            # As Pywikibot looks it up: a family may have it in capitals.
            return {host.netloc_of(self.site)}
        sites = list(host.configured_sites())
        wikis = {self.wiki} | {
            site.wiki
            for site in sites
            if site.wiki
            and host.is_wikimedia(site)
            and site.username == self.username
        }
        others = [
            host.netloc_of(site)
            for site in sites
            if site.username != self.username and site.wiki != self.wiki
        ]
        keys = {wiki: host.narrow_key(wiki) for wiki in wikis}
        # The wikis of other accounts keep the clients that they have.
        return {
            urlsplit(wiki).netloc
            if any(host.is_match(key, other) for other in others)
            else key
            for wiki, key in keys.items()
        }

    def _write(self, plan: Plan, client: OAuth2Client) -> None:
        """Write the credentials and user-config.py."""
        names = 'client_id', 'client_secret', 'access_token'
        config_file.write_credentials(
            plan.credentials, {name: getattr(client, name) for name in names}
        )
        pywikibot.info(f'The credentials are kept in {plan.credentials}')
        if plan.content is not None:
            backup = config_file.replace(plan.path, plan.content)
            if backup is not None:
                pywikibot.info(f'The old file is kept as {backup}')


def _folder() -> Path:
    """Return the folder for user-config.py.

    Pywikibot ignores the folder in PYWIKIBOT_DIR until there is a
    user-config.py in it.
    """
    folder = Path(config.base_dir)
    wanted = os.environ.get('PYWIKIBOT_DIR')
    exists = (folder / 'user-config.py').exists()
    if wanted and not host.folder_option() and not exists:
        return Path(wanted).absolute()
    return folder


def _session(
    wiki: str, username: str, site: BaseSite, answers: Answers
) -> WikiSession:
    """Return a session, logged in with stored or entered credentials."""
    session = WikiSession(wiki, username)
    if session.borrow():
        pywikibot.info("Using Pywikibot's stored login.")
        return session
    known = ClientLoginManager(site=site, user=username)
    password = known.password if '@' not in known.login_name else None
    session.log_in(
        password or answers.hidden(f'Password of {username} (not shown):'),
        answers.hidden,
    )
    return session


def run(options: list[str]) -> int:
    """Set up OAuth 2.0, and return the exit status."""
    setup = Setup(Answers(options))
    setup.run()
    command = ['-m', 'pywikibot_oauth2', '-login', f'-site:{setup.site}']
    if host.user_override():
        command.append(f'-user:{setup.username}')
    if '-no-browser' in options:
        command.append('-no-browser')
    pywikibot.info('\nLogging in with the new configuration:')
    status = config_file.run_python(setup.folder, *command).returncode
    if status == 0:
        command = ['pwb', 'touch', f'-site:{setup.site}', '-page:Sandbox']
        if configured_account(setup.site) not in (None, setup.username):
            command.append(f'-user:{setup.username}')
        command += host.folder_option()
        pywikibot.info(
            f'\nEverything is set up. Try it:\n  {shlex.join(command)}'
        )
    return status


def reset(case: Case) -> int:
    """Get a new access token or client secret for an owner-only client."""
    site, auth, account, options = case
    client = auth.client
    token = client.access_token
    client_id = client.client_id or str(
        Token(token).claims().get('aud') if token else ''
    )
    if not client.owner_only or not client_id:
        raise impossible(
            'Only an owner-only client whose client ID is known can be reset.'
        )
    answers = Answers(options)
    answers.agree('The old access token stops working at once. Reset it?')
    path = config_file.credentials_path(Path(config.base_dir), client_id)
    config_file.require_room(path)
    central = host.central_wiki(host.wiki_of_site(site))
    with _session(central, account.user or '', site, answers) as session:
        answer = session.rest(
            f'/{client_id}/reset_secret', {'reason': 'reset by owner'}
        )
    is_new = not path.exists()
    # A client that gets its tokens with its secret has a new secret.
    values = (
        {'access_token': str(answer['access_token'])}
        if token
        else {'client_secret': str(answer['secret'])}
    )
    config_file.write_credentials(path, {'client_id': client_id, **values})
    pywikibot.info(f'The new values are kept in {path}')
    if is_new:
        pywikibot.warning(
            'Make user-config.py read them instead of the old ones:\n  '
            f'_oauth2.OAuth2Auth.from_file({path.name!r}'
            f'{"" if token else ", owner_only=True"})'
        )
    return 0
