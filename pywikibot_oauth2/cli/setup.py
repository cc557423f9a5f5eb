"""Setting OAuth 2.0 up: from nothing to the first edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pywikibot
import requests
from pywikibot import config
from pywikibot.login import ClientLoginManager

from pywikibot_oauth2 import host
from pywikibot_oauth2.cli import config_file, registration
from pywikibot_oauth2.cli.password_session import PasswordSession
from pywikibot_oauth2.cli.sites import OfflineSite, current_site
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ConfigurationError,
    EndpointError,
    printable,
)
from pywikibot_oauth2.login.prompt import is_terminal
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
    'api': 'now, with the password of the account, which is kept nowhere',
    'form': "in a browser, by the wiki's form, which is filled in",
    'id': 'it is registered already',
}
_DEFAULT_GRANTS = 'highvolume,editpage,createeditmovepage'


class Answers:
    """Answers questions by options, or asks a person.

    :param options: the options of the command line
    """

    def __init__(self, options: list[str]) -> None:
        self.takes_all = '-yes' in options
        self._reads_secrets = '-stdin' in options
        self._given = dict(
            option[1:].split(':', 1) for option in options if ':' in option
        )

    def given(self, name: str) -> str | None:
        """Return what an option says, or None."""
        return self._given.get(name)

    def ask(self, name: str, question: str, default: str = '') -> str:
        """Return an answer.

        :raises ConfigurationError: nobody can be asked
        """
        if name in self._given:
            return self._given[name]
        if self.takes_all and default:
            return default
        self._require_terminal(name)
        answer: str = pywikibot.input(question, default=default)
        return answer.strip()

    def choose(self, name: str, choices: dict[str, str]) -> str:
        """Return one of several choices.

        :raises ConfigurationError: there is no such choice
        """
        default = next(iter(choices))
        if name not in self._given and not self.takes_all:
            for number, (choice, text) in enumerate(choices.items(), 1):
                pywikibot.info(f'  {number}  {choice}: {text}')
        answer = self.ask(name, 'Which one?', default)
        if answer.isdigit() and 0 < int(answer) <= len(choices):
            return list(choices)[int(answer) - 1]
        if answer not in choices:
            raise ConfigurationError(
                f'{answer!r} is not one of {", ".join(choices)}.',
                error='no_choice',
            )
        return answer

    def hidden(self, question: str) -> str:
        """Return a secret, which is not shown.

        :raises ConfigurationError: nobody can be asked
        """
        if self._reads_secrets:
            return sys.stdin.readline().rstrip('\n')
        self._require_terminal('stdin')
        answer: str = pywikibot.input(question, password=True)
        return answer.strip()

    def agree(self, question: str) -> None:
        """Go on only if the person agrees.

        :raises ConfigurationError: the person does not
        """
        if self.takes_all:
            return
        self._require_terminal('yes')
        if not pywikibot.input_yn(question, default=True):
            raise ConfigurationError('Nothing was changed.', error='no_choice')

    def _require_terminal(self, name: str) -> None:
        if not is_terminal():
            raise ConfigurationError(
                f'Nobody can be asked here: give the option -{name}.',
                error='no_choice',
            )


class Setup:
    """One set-up, step by step.

    :param answers: answers the questions
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.site = _site(answers)
        self.username = self.site.username() or answers.ask(
            'user', f'Account of the bot on {self.site}:'
        )
        self.wiki = host.wiki_of_site(self.site)
        self.central = host.central_wiki(self.wiki)
        host.require_safe_transport(self.wiki)

    def client(self) -> OAuth2Client:
        """Return the client to use, registered if need be."""
        version = _look_at(self.wiki)
        pywikibot.info(
            f'{self.site} has Extension:OAuth {version}. The account is'
            f' {self.username}.\n\nWhich kind of client?'
        )
        kind = self.answers.choose('kind', _KINDS)
        is_owner_only = kind == 'owner-only'
        default = 'id' if self.answers.given('client-id') else None
        ways = {'id': _WAYS['id'], **_WAYS} if default else _WAYS
        pywikibot.info('\nHow is the client registered?')
        way = self.answers.choose('by', ways)
        if way == 'api':
            client = self._register(is_owner_only)
        else:
            client = self._ask_for_values(is_owner_only, by_form=way == 'form')
        self._try(client)
        return client

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
        """Ask for what the wiki showed at registration."""
        if by_form:
            url = registration.form_address(
                self.wiki,
                self.username,
                owner_only=is_owner_only,
                callback_url=registration.CALLBACK_URL,
            )
            pywikibot.info(
                f'Log in to the wiki as {self.username} and open this page.'
                ' Tick the grants that the bot needs and accept the terms:'
                f'\n\n{url}\n\n{registration.grants_table()}\n'
            )
        client_id = self.answers.ask('client-id', 'Client ID:')
        if is_owner_only:
            token = self.answers.hidden('Access token (it is not shown):')
            return OAuth2Client(client_id, access_token=token)
        secret = self.answers.hidden(
            'Client secret (it is not shown; empty for a client that is not'
            ' confidential):'
        )
        callback_url = self.answers.given('callback-url')
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

    def write(self, client: OAuth2Client) -> None:
        """Write the credentials and user-config.py."""
        folder = Path(config.base_dir)
        path = folder / 'user-config.py'
        before = path.read_text('utf-8') if path.exists() else ''
        secrets = {
            'client_id': client.client_id,
            'client_secret': client.client_secret,
            'access_token': client.access_token,
        }
        target = config_file.credentials_path(folder, client.client_id)
        after = config_file.changed(
            before,
            family=self.site.family.name,
            code=self.site.code,
            username=self.username,
            keys=self._keys(),
            credentials=target.name,
            options=f'redirect_uri={client.redirect_uri!r}'
            if client.redirect_uri
            else '',
        )
        changes = config_file.diff(before, after)
        if changes:
            pywikibot.info(f'\nThis changes in {path}:\n\n{changes}')
            self.answers.agree('Write it?')
        config_file.write_credentials(
            target, {name: value for name, value in secrets.items() if value}
        )
        if changes:
            backup = config_file.replace(path, after)
            if backup is not None:
                pywikibot.info(f'The old file is kept as {backup}')

    def _keys(self) -> list[str]:
        """Return the keys of authenticate for the wiki and its sisters."""
        keys = {host.narrow_key(self.wiki)}
        if host.is_wikimedia(self.site):
            keys |= {
                host.narrow_key(wiki)
                for site in host.configured_sites()
                if host.is_wikimedia(site)
                and (
                    wiki := host.wiki_at(
                        site.family.base_url(site.code, '/api.php')
                    )
                )
            }
        return sorted(keys)


def run(options: list[str]) -> int:
    """Set OAuth 2.0 up.

    :param options: the options of the command line
    :return: the exit status
    """
    setup = Setup(Answers(options))
    client = setup.client()
    setup.write(client)
    command = [sys.executable, '-m', 'pywikibot_oauth2', '-login']
    command += [f'-site:{setup.site}']
    if '-no-browser' in options:
        command.append('-no-browser')
    pywikibot.info('\nLogging in with the new configuration:')
    environment = {**os.environ, 'PYWIKIBOT_DIR': config.base_dir}
    environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 0:
        pywikibot.info(
            '\nEverything is set up. Try it:\n  pwb touch -page:Sandbox'
        )
    return status


def reset(site: BaseSite, auth: OAuth2Auth) -> int:
    """Get an owner-only client a new access token.

    :param site: the site
    :param auth: what user-config.py has for it
    :return: the exit status
    """
    client = auth.client
    if not client.owner_only or not client.client_id:
        raise ConfigurationError(
            'Only an owner-only client whose client ID is known can be reset.',
            error='no_choice',
        )
    answers = Answers([])
    answers.agree('The old access token dies at once. Reset it?')
    central = host.central_wiki(host.wiki_of_site(site))
    with password_session(
        central, site.username() or '', site, answers
    ) as session:
        answer = session.rest(
            f'/{client.client_id}/reset_secret', {'reason': 'reset by owner'}
        )
    folder = Path(config.base_dir)
    target = config_file.credentials_path(folder, client.client_id)
    config_file.write_credentials(
        target,
        {
            'client_id': client.client_id,
            'access_token': str(answer['access_token']),
        },
    )
    pywikibot.info(f'The new access token is kept in {target}')
    return 0


def password_session(
    wiki: str, username: str, site: BaseSite, answers: Answers
) -> PasswordSession:
    """Return a session of an account, logged in.

    A password or a cookie that Pywikibot has already is used.

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


def _site(answers: Answers) -> BaseSite:
    """Return the site to set up."""
    url = answers.given('wiki')
    if url is None and Path(config.base_dir, 'user-config.py').exists():
        return current_site()
    if url is None and config.family and config.mylang != 'language':
        return current_site()
    url = url or answers.ask(
        'wiki', 'Address of the wiki, such as https://en.wikipedia.org/:'
    )
    if not urlsplit(url).scheme:
        url = f'https://{url}/'
    site: BaseSite = pywikibot.Site(url=url, interface=OfflineSite)  # type: ignore[arg-type] # any BaseSite
    return site


def _look_at(wiki: str) -> str:
    """Return the version of Extension:OAuth that a wiki has.

    :raises ConfigurationError: it has none
    :raises EndpointError: it gave no usable answer
    """
    how = host.transport(wiki)
    try:
        response = requests.get(
            f'{wiki}/api.php',
            {
                'action': 'query',
                'meta': 'siteinfo',
                'siprop': 'extensions',
                'format': 'json',
            },
            headers={'User-Agent': how.user_agent},
            timeout=how.timeout,
            verify=how.verify,
            proxies={'no_proxy': '*'} if how.is_local else how.proxies,
        )
        extensions = response.json()['query']['extensions']
        names = {entry['name']: entry for entry in extensions}
    except (requests.RequestException, ValueError, LookupError, TypeError):
        raise EndpointError(
            f'{wiki} did not say which extensions it has.', wiki=wiki
        ) from None
    if 'OAuth' not in names:
        raise ConfigurationError(
            f'{wiki} does not have Extension:OAuth.',
            wiki=wiki,
            error='no_choice',
        )
    return printable(names['OAuth'].get('version') or '')
