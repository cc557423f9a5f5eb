"""The login manager that replaces Pywikibot's own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pywikibot
import pywikibot.login
from pywikibot.comms import http
from pywikibot.site import APISite

from pywikibot_oauth2 import blocks, errors, host, messages
from pywikibot_oauth2.api import own_rights
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.authorization import LOGGED_OUT, Authorization
from pywikibot_oauth2.errors import printable
from pywikibot_oauth2.login.prompt import is_terminal
from pywikibot_oauth2.protocol import OAuth2Wiki


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot_oauth2.account import Account
    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.token import Header


class OAuth2LoginManager(pywikibot.login.ClientLoginManager):
    """Logs in with OAuth 2.0 to the sites with an OAuth2Auth.

    For all other sites, it works like Pywikibot's own login manager.

    :cvar opens_browser: whether a browser on this machine is opened
    :cvar asks_again: whether a person is asked when the old authorization
        cannot be renewed, whatever the reason; otherwise, as in a script,
        only when it has ended
    """

    opens_browser = True
    asks_again = False

    def login(self, retry: bool = False, autocreate: bool = False) -> bool:
        """Make requests to the site run under the requested account.

        If there is no token for the account, a person is asked to
        authorize the client in a browser.

        :return: whether the requests run under the account
        :raises pywikibot.exceptions.NoUsernameError: the account was not
            authorized; the message says what to do
        """
        wiki = host.wiki_of_site(self.site)
        auth = host.entry_for(wiki)
        client = auth.client if isinstance(auth, OAuth2Auth) else None
        own_login = partial(super().login, retry=retry, autocreate=autocreate)
        try:
            if self._is_in_block(wiki, auth, client):
                return True
            if not isinstance(auth, OAuth2Auth):
                return bool(own_login())
            with auth.login_lock.held:
                account = auth.bearer_for(wiki, self.username).account
                # Nobody is asked for a password because a token is missing.
                if (
                    self.password
                    and host.user_override() == self.username
                    and not auth.client.owner_only
                    and account.load().generation == 0
                ):
                    auth.unroute(wiki, self.username)
                    pywikibot.info(
                        f'{self.username} has no OAuth 2.0 token, but has a'
                        ' password in the password file: OAuth 2.0 is'
                        f' switched off for {self.site}.'
                    )
                    return bool(own_login())
                self._log_in(auth, wiki, account)
        except errors.OAuth2Error as error:
            client_id = client.shown_id if client else None
            error.about(self.username, client_id, wiki)
            if isinstance(error, errors.AuthorizationError):
                raise messages.advised(error) from None
            text = messages.explain(error, client)
            raise errors.AuthorizationError(text, error=error.error) from None
        return True

    def _is_in_block(
        self, wiki: str, auth: object, client: OAuth2Client | None
    ) -> bool:
        """Return whether the login is within the block of the site's user.

        It is an error if the site belongs to another block. Otherwise, a
        program that works for its users would be asked to authorize one of
        them.
        """
        block = blocks.current_block(self.username)
        if block is not None and (
            block.wiki == wiki or (client and block.accepts(client))
        ):
            if block.user != self.username:
                reason = block.why_not(self.username)
            elif block.auth.account.authorization.is_complete:
                return True
            else:
                reason = (
                    f'{block.user} has not authorized the client, or the'
                    ' authorization has ended. Send the user to'
                    ' session.authorization_url().'
                )
        elif blocks.may_concern(wiki, client) and not self._is_own(wiki, auth):
            reason = (
                f'The site {self.site} is for {self.username}, but this'
                ' thread or task is not within a "with session.use()" block.'
                f' {blocks.ADVICE}'
            )
        else:
            return False
        raise errors.AuthorizationError(reason, error='other_block')

    def _is_own(self, wiki: str, auth: object) -> bool:
        """Return whether the site belongs to the program itself."""
        if self.password or self.username in host.own_users(wiki):
            return True
        # On another wiki of the farm, it may be one more of its accounts.
        if not isinstance(auth, OAuth2Auth) or wiki in blocks.used_wikis:
            return False
        account = auth.bearer_for(wiki, self.username).account
        return auth.client.owner_only or account.load().generation > 0

    def _log_in(self, auth: OAuth2Auth, wiki: str, account: Account) -> None:
        """Get a token for the account, from the store or from a person."""
        if auth.problem is not None:
            raise auth.problem
        # After a block, this precedes the first request, which would do it.
        auth.check()
        if not self._is_accepted(account):
            if not auth.client.owner_only:
                self._ask(auth, wiki, account)
            elif account.authorization.ended == LOGGED_OUT:
                raise errors.AuthorizationError(
                    f'{self.username} was logged out of {self.site}.',
                    error='owner_only_logged_out',
                )
            else:
                raise errors.AuthorizationError(
                    f'{self.username} cannot log in to {self.site} with the'
                    ' owner-only client in the configuration.',
                    error='owner_only',
                )
        auth.route(wiki, self.username)

    def _ask(self, auth: OAuth2Auth, wiki: str, account: Account) -> None:
        """Let a person authorize the client, and store the token."""
        # A run with a stored token needs no web server.
        from pywikibot_oauth2.login.conversation import Conversation, patiently

        client_id, store = auth.client.client_id, auth.store
        if is_terminal():
            # Warn before the login if the token could not be stored.
            try:
                with store.lock(self.username, client_id):
                    store.reserve(self.username, client_id)
            except errors.StoreError as error:
                pywikibot.warning(messages.explain(error))
        agent = http.user_agent(self.site)
        endpoints = OAuth2Wiki(auth.client, wiki, agent, auth.clock)
        token = Conversation(
            auth.client, endpoints, wiki, self.username, str(self.site)
        ).run(auth.login_timeout, opens_browser=self.opens_browser)
        message = (
            '"Allow" was clicked as {name}, not as {user}; nothing was'
            ' stored. In the browser, log out of the wiki and log in as'
            ' {user}.'
        )
        profile = patiently(
            lambda: self._profile(endpoints, token.header, message)
        )
        if profile is None:
            raise errors.AuthorizationError(
                f'{self.site} does not accept the token that it has just'
                ' issued.'
            )
        account.adopt(Authorization(client_id, wiki, self.username, token))
        pywikibot.info(self._describe(profile))
        if account.state.is_saved:
            place = store.where(self.username)
            pywikibot.info(f'The token is kept in {place}')

    def _is_accepted(self, account: Account) -> bool:
        """Return whether there is a valid token of the account."""
        try:
            refusal = account.state.error()
            if refusal is not None:
                raise refusal
            account.load()
            user_agent = http.user_agent(self.site)
            header = account.header(user_agent)
            if header is None:
                return False
            endpoints = OAuth2Wiki(account.client, account.wiki, user_agent)
            text = 'The access token belongs to {name}, not to {user}.'
            return self._profile(endpoints, header, text) is not None
        except errors.OAuth2Error as error:
            # A person cannot help if the wiki cannot be reached or the stored
            # token cannot be read.
            codes = 'other_account', 'other_wiki', 'wrong_user'
            is_refused = isinstance(error, errors.ClientRefusedError)
            is_answered = getattr(error, 'status', None) is not None
            may_help = is_refused or is_answered or error.error in codes
            is_asked = self.asks_again or host.is_running('login')
            if account.client.owner_only or not (may_help and is_asked):
                raise
            pywikibot.warning(f'{error}\nA new authorization is needed.')
            return False

    def _profile(
        self, endpoints: OAuth2Wiki, header: Header, message: str
    ) -> Mapping[str, object] | None:
        """Return the profile of a token; None if the wiki does not accept it.

        :param message: what to say if the token is for another account
        :raises AuthorizationError: it is for another account
        """
        profile = endpoints.profile(header)
        name = host.normalized(str((profile or {}).get('username'))) or ''
        if profile is None or name == self.username:
            return profile
        name, site = printable(name), self.site
        raise errors.AuthorizationError(
            message.format(name=name, user=self.username)
            + f'\nIf {name} is right for {site}, put this into'
            ' user-config.py:\n'
            f'  usernames[{site.family.name!r}][{site.code!r}] = {name!r}',
            error='wrong_user',
        )

    def _describe(self, profile: Mapping[str, object]) -> str:
        """Describe the grants of a token, and those that it lacks."""
        grants, rights = profile.get('grants'), profile.get('rights')
        names = grants if isinstance(grants, list) else ['?']
        text = (
            f'{self.username} has authorized the client on {self.site} with'
            f' the grants {", ".join(map(printable, names))}.'
        )
        if not isinstance(rights, list) or not isinstance(self.site, APISite):
            # In "pwb oauth2", the status lists them.
            return text
        own = own_rights(self.site, self.username)
        missing = messages.missing_rights(own, map(str, rights))
        if more := messages.listed(missing):
            text += f'\nThe account also has these rights: {more}.'
        return text
