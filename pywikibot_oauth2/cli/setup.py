"""Setting up OAuth 2.0."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pywikibot
from pywikibot import config
from pywikibot.tools import as_filename

from pywikibot_oauth2 import errors, host, messages
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.cli import config_file, registration
from pywikibot_oauth2.cli.answers import Answers, impossible
from pywikibot_oauth2.cli.registration import form_address, proposal
from pywikibot_oauth2.cli.sites import Case, configured_account, find_site
from pywikibot_oauth2.cli.status import examine
from pywikibot_oauth2.cli.wiki import WikiSession, extension_version
from pywikibot_oauth2.client import Credentials, OAuth2Client
from pywikibot_oauth2.errors import printable
from pywikibot_oauth2.login.conversation import open_browser
from pywikibot_oauth2.protocol import OAuth2Wiki
from pywikibot_oauth2.stores.file import draft, reported
from pywikibot_oauth2.token import Token


if TYPE_CHECKING:
    from collections.abc import Callable

    from pywikibot.site import BaseSite


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


class Setup:
    """One set-up, step by step."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.folder = _folder()
        self.site, self._family_url = find_site(answers, self.folder)
        self.wiki = host.wiki_of_site(self.site)
        host.require_safe_transport(self.wiki)
        self.username = host.user_override() or self.site.username() or ''
        while not self.username:
            name = answers.ask('user', f'Account of the bot on {self.site}:')
            self.username = host.normalized(name) or ''
        # There is one entry of authenticate for a wiki.
        other = configured_account(self.site)
        if self._old_client and other not in (None, self.username):
            login = messages.login_command(self.wiki, self.username)
            folder = shlex.quote(as_filename(self.username))
            raise impossible(
                f'user-config.py already has a client for {self.site}, which'
                f' {other} uses. If it is approved and not owner-only, it'
                f' also works for {self.username}:\n  {login}\nOtherwise, use'
                f' another client in a separate folder:\n  mkdir {folder}\n'
                f'  python3 -m pywikibot_oauth2 -setup -dir:{folder}'
                f' {shlex.quote(f"-user:{self.username}")}'
                f' -wiki:{self.wiki}/api.php'
            )

    def run(self) -> None:
        """Get a client and write the configuration for it.

        Everything that can be refused comes before a client is registered,
        because its values are shown only once.
        """
        pywikibot.info(
            f'{self.site} has Extension:OAuth {extension_version(self.wiki)}.'
            f' The account is {self.username}.'
        )
        if self._keeps_client():
            return
        given, choose = self.answers.given, self.answers.choose
        kind, url = 'browser', registration.CALLBACK_URL
        old = self._old_client
        if old is not None:
            # What no option asks for stays as it is.
            kind = 'owner-only' if old.owner_only else kind
            with contextlib.suppress(errors.ConfigurationError):
                old.check()
                url = old.redirect_uri or url
        kind = choose('kind', 'Which kind of client?', _KINDS, kind)
        url = given.get('callback-url') or url
        # None stands for an owner-only client from now on.
        self._callback_url = url if kind == 'browser' else None
        way = 'id' if given.get('client-id') else 'api'
        way = choose('by', 'How is the client registered?', _WAYS, way)
        if way == 'api':
            when = ' once the client is registered'
            write = self._plan(None, self._callback_url, when)
            write(self._register())
        else:
            client = self._usable_client(by_form=way == 'form')
            # A new client without a secret could be anyone's.
            known = None if client.kind == 'public' else client
            if old is not None and client.same_registration(old):
                known = old
            self._plan(known, client.redirect_uri)(client)

    @property
    def _old_client(self) -> OAuth2Client | None:
        """The client that user-config.py has for the wiki, if any."""
        entry = host.entry_for(self.wiki)
        return entry.client if isinstance(entry, OAuth2Auth) else None

    def _keeps_client(self) -> bool:
        """Return whether the client in user-config.py stays.

        It does by default, unless it is unusable or an option asks for
        something else.
        """
        given, client = self.answers.given, self._old_client
        if client is None:
            return False
        # These options ask for the values of another registered client.
        if 'client-id' in given or given.get('by') == 'id':
            return False
        grants = _names(given.get('grants', ''))
        its_values = {
            'kind': 'owner-only' if client.owner_only else 'browser',
            'callback-url': client.redirect_uri,
        }
        if any(given.get(key, its) != its for key, its in its_values.items()):
            return False
        status = examine(Case(self.site))
        name = client.shown_id or 'one with an access token'
        pywikibot.info(
            f'user-config.py already has a client: {name} ({client.kind}),'
            f' {status.state}.'
        )
        # The login explains what else may be wrong.
        if status.state in ('misconfigured', 'refused'):
            pywikibot.info(status.reason)
            return False
        if not {*grants} <= {*(status.grants or grants)}:
            return False
        return not self.answers.confirms('Replace that client?', default=False)

    def _register(self) -> OAuth2Client:
        """Register a client with the REST API."""
        grants, callback_url = self._grants(), self._callback_url
        policy = host.client_page(self.wiki, 'propose/oauth2')
        # A question would be wrapped in the middle of the address.
        pywikibot.info(
            'By registering a client, you accept the application policy of'
            f' the wiki, which is linked from its form:\n  {policy}'
        )
        self.answers.agree('Do you accept it?')
        wiki = host.central_wiki(self.wiki)
        with WikiSession(wiki, self.username) as session:
            session.log_in(self.site, self.answers)
            email = str(session.userinfo().get('email') or '')
            if not email:
                raise errors.AuthorizationError(
                    f'{self.username} has no confirmed e-mail address on'
                    f' {wiki}, which is required to register a client.',
                    error='email_not_confirmed',
                )
            fields = proposal(self.username, email, grants, callback_url)
            answer = self._propose(session, fields)
        client_id = str(answer['client_key'])
        pywikibot.info(f'The client {printable(client_id)} was registered.')
        if callback_url is None:
            token = str(answer['access_token'])
            return OAuth2Client(client_id, access_token=token)
        secret = str(answer['secret'])
        return OAuth2Client(client_id, secret, redirect_uri=callback_url)

    def _propose(
        self, session: WikiSession, fields: dict[str, object]
    ) -> dict[str, object]:
        """Register a client, under a name that is not taken yet."""
        # Another version would do as well, but the wiki accepts only 1.0 and
        # 2.0 (recorded).
        name, number = fields['name'], 1
        while True:
            try:
                return session.rest('', fields)
            except errors.AuthorizationError as error:
                number += 1
                if error.hint != 'consumer_exists' or number > 20:
                    raise
            fields['name'] = f'{name} ({number})'

    def _grants(self) -> list[str]:
        if not self.answers.given.get('grants') and not self.answers.takes_all:
            pywikibot.info(
                '\nThe bot can do only what its grants allow, and they cannot'
                f' be added later:\n{registration.grants_table()}'
            )
        question = 'Grants, separated by commas:'
        return _names(self.answers.ask('grants', question, _DEFAULT_GRANTS))

    def _usable_client(self, *, by_form: bool) -> OAuth2Client:
        """Ask for the values of a client, and try them."""
        name = self.username
        try:
            client = self._ask_for_values(by_form=by_form)
            client.check()
            endpoints = OAuth2Wiki(client, self.wiki)
            if client.access_token is None:
                # If the client is accepted, the made-up token is refused.
                with contextlib.suppress(errors.AuthorizationEndedError):
                    endpoints.refresh(Token('none', 'none'))
            else:
                token = Token(client.access_token)
                profile = endpoints.profile(token.header)
                audience = token.claims().get('aud', client.client_id)
                if profile is None or audience != client.client_id:
                    raise errors.ClientRefusedError(
                        f'{self.wiki} does not accept the access token for'
                        f' the client {client.client_id}.'
                    )
                name = printable(profile.get('username'))
        except (errors.ClientRefusedError, errors.ConfigurationError) as error:
            is_unusable = getattr(error, 'is_unusable', False)
            if is_unusable or error.error == 'no_choice':
                raise
            clients = host.client_page(self.wiki)
            raise impossible(
                f'{error}\nNothing was written. Compare the values with those'
                f' at\n  {clients}\nand run the command again.'
            ) from None
        if name != self.username:
            raise impossible(
                f'{self.wiki} says that the access token belongs to {name},'
                f' not to {self.username}.'
            )
        return client

    def _ask_for_values(self, *, by_form: bool) -> OAuth2Client:
        """Ask for the values that the wiki showed at registration."""
        ask, hidden = self.answers.ask, self.answers.hidden
        callback_url = self._callback_url
        if by_form:
            url = form_address(self.wiki, self.username, callback_url)
            pywikibot.info(
                f'Log in to the wiki as {self.username} and open this page.'
                ' Tick the grants that the bot needs, and accept the policy:'
                f'\n\n{url}\n\n{registration.grants_table()}\n'
            )
            if self.answers.opens_browser:
                open_browser(url)
        client_id = ask('client-id', 'Client ID:')
        if callback_url is None:
            token = hidden('Paste the access token', is_long=True)
            return OAuth2Client(client_id, access_token=token)
        question = (
            'Client secret (it is not shown; empty for a client that is not'
            ' confidential):'
        )
        secret = hidden(question) or None
        if not by_form:
            question = 'Callback URL, exactly as registered:'
            callback_url = ask('callback-url', question, callback_url)
        return OAuth2Client(client_id, secret, redirect_uri=callback_url)

    def _plan(
        self,
        known: OAuth2Client | None,
        callback_url: str | None,
        when: str = '',
    ) -> Callable[[OAuth2Client], None]:
        """Ask for consent to the changes; return what writes them."""
        path = self.folder / 'user-config.py'
        before = config_file.read(path)
        credentials = config_file.credentials_path(self.folder, _values(known))
        is_known = bool(before.strip()) and bool(configured_account(self.site))
        after = config_file.changed(
            before,
            family=self.site.family.name,
            code=self.site.code,
            username=None if is_known else self.username,
            keys=keys_for(self.site, self.username),
            credentials=credentials.name,
            options=f'redirect_uri={callback_url!r}' if callback_url else '',
            family_url=self._family_url,
        )
        changes = config_file.diff(before, after)
        if changes:
            pywikibot.info(f'\nChanges to {path}:\n\n{changes}')
        config_file.rehearse(path, after, credentials)
        if changes:
            self.answers.agree(f'Write these changes{when}?')

        def write(client: OAuth2Client) -> None:
            with reported(credentials), draft(credentials) as (_, keep):
                keep(config_file.content_of(_values(client)))
            pywikibot.info(f'The credentials are kept in {credentials}')
            if changes:
                backup = config_file.replace(path, after)
                if backup is not None:
                    pywikibot.info(f'The old file is kept as {backup}')

        return write


def _values(client: OAuth2Client | None) -> dict[str, str]:
    """Return what is kept in the credentials file of a client."""
    given = {name: getattr(client, name, '') for name in Credentials._fields}
    return {name: value for name, value in given.items() if value}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(',') if name.strip()]


def keys_for(its_site: BaseSite, username: str) -> set[str]:
    """Return keys for a site and, on Wikimedia, the account's other sites."""
    meta = host.meta_of(its_site)
    if meta is None:
        # As Pywikibot looks it up: a family may have it in capitals.
        return {host.netloc_of(its_site)}
    its_wiki, keys = host.wiki_of_site(its_site), set()
    wikis, others = {its_wiki}, []
    for site in host.configured_sites():
        if site.username != username:
            if site.wiki != its_wiki:
                others.append(host.netloc_of(site))
        elif site.wiki and host.meta_of(site) == meta:
            wikis.add(site.wiki)
    for wiki in wikis:
        key = host.narrow_key(wiki)
        # The wikis of other accounts keep the clients that they have.
        if any(host.is_match(key, other) for other in others):
            key = urlsplit(wiki).netloc
        keys.add(key)
    # An older entry for this host, such as one for OAuth 1.0a, would take
    # precedence over a wildcard.
    netloc = urlsplit(its_wiki).netloc
    return keys | ({netloc} & host.entries().keys())


def _folder() -> Path:
    """Return the folder for user-config.py.

    Pywikibot ignores the folder in PYWIKIBOT_DIR until there is a
    user-config.py in it.
    """
    folder = Path(config.base_dir)
    wanted = os.environ.get('PYWIKIBOT_DIR')
    has_file = (folder / 'user-config.py').exists()
    if wanted and not host.folder_option() and not has_file:
        folder = Path(wanted).absolute()
    return folder


def run(answers: Answers) -> int:
    """Set up OAuth 2.0, and return the exit status."""
    setup = Setup(answers)
    setup.run()
    command = ['-m', 'pywikibot_oauth2', '-login', f'-site:{setup.site}']
    if host.user_override():
        command.append(f'-user:{setup.username}')
    if not answers.opens_browser:
        command.append('-no-browser')
    pywikibot.info('\nLogging in with this configuration:')
    status = config_file.run_python(setup.folder, *command).returncode
    if status == 0:
        command = ['pwb', 'touch', f'-site:{setup.site}', '-page:Sandbox']
        if configured_account(setup.site) not in (None, setup.username):
            command.append(f'-user:{setup.username}')
        command += host.folder_option()
        line = shlex.join(command)
        pywikibot.info(f'\nEverything is set up. Try it:\n  {line}')
    return status


def reset(case: Case, answers: Answers) -> int:
    """Get a new access token or client secret for an owner-only client."""
    user, token = case.account.user or '', case.client.access_token
    claims = Token(token).claims() if token else {}
    client_id = case.client.client_id or str(claims.get('aud') or '')
    if not case.client.owner_only or not client_id:
        raise impossible(
            f'The client for {case.site} is not owner-only, or its client ID'
            ' is not known here. Its owner can reset it at\n'
            f'  {host.client_page(case.wiki)}'
        )
    answers.agree('The old access token stops working at once. Reset it?')
    path = config_file.credentials_path(
        Path(config.base_dir), {**_values(case.client), 'client_id': client_id}
    )
    is_new = not path.exists()
    # A client that gets its tokens with its secret has a new secret.
    name, field, options = 'client_secret', 'secret', ', owner_only=True'
    if token:
        name, field, options = 'access_token', 'access_token', ''
    with WikiSession(host.central_wiki(case.wiki), user) as session:
        session.log_in(case.site, answers)
        with reported(path), draft(path) as (_, keep):
            reason = {'reason': 'reset by owner'}
            answer = session.rest(f'/{client_id}/reset_secret', reason)
            values = {'client_id': client_id, name: str(answer[field])}
            keep(config_file.content_of(values))
    pywikibot.info(f'The new values are kept in {path}')
    if is_new:
        pywikibot.warning(
            'Make user-config.py read them instead of the old ones:\n  '
            f'_oauth2.OAuth2Auth.from_file({path.name!r}{options})'
        )
    return 0
