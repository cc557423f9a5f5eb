"""The login manager that replaces Pywikibot's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pywikibot
import pywikibot.login
from pywikibot.comms import http
from pywikibot.exceptions import NoUsernameError
from pywikibot.site import APISite

from pywikibot_oauth2 import blocks, host, messages
from pywikibot_oauth2.api import own_rights
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.authorization import LOGGED_OUT, Authorization
from pywikibot_oauth2.errors import (
    AuthorizationError,
    ClientRefusedError,
    EndpointError,
    OAuth2Error,
    StoreError,
    printable,
)
from pywikibot_oauth2.login.prompt import is_terminal
from pywikibot_oauth2.protocol import OAuth2Wiki


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot_oauth2.account import Account
    from pywikibot_oauth2.token import Token


class OAuth2LoginManager(pywikibot.login.ClientLoginManager):
    """Logs in with OAuth 2.0 to the sites with an OAuth2Auth.

    For all other sites, it works like Pywikibot's own login manager.

    :cvar opens_browser: whether a browser on this machine is opened
    :cvar starts_anew: whether a person is asked when the old authorization
        cannot be renewed, whatever the reason; otherwise, as in a script,
        only when it has ended
    """

    opens_browser = True
    starts_anew = False

    def login(self, retry: bool = False, autocreate: bool = False) -> bool:
        """Make requests to the site run under the requested account.

        If there is no token for the account, a person is asked to
        authorize the client in a browser.

        :param retry: as for Pywikibot's own; not used for OAuth 2.0
        :param autocreate: as for Pywikibot's own; not used for OAuth 2.0
        :return: whether the requests run under the account
        :raises pywikibot.exceptions.NoUsernameError: the account was not
            authorized; the message says what to do
        """
        wiki = host.wiki_of_site(self.site)
        auth = host.entry_for(wiki)
        try:
            block = blocks.current_block()
            if block is not None and _is_of(block, auth, wiki):
                self._check_block(block)
                return True
            self._check_no_block(wiki)
            if not isinstance(auth, OAuth2Auth):
                return bool(super().login(retry=retry, autocreate=autocreate))
            with auth.login_lock.held:
                if self._has_only_password(auth, wiki):
                    auth.unroute(wiki, self.username)
                    pywikibot.info(
                        f'{self.username} has no OAuth 2.0 token, but has a'
                        ' password in the password file: OAuth 2.0 is'
                        f' switched off for {self.site}.'
                    )
                    return bool(
                        super().login(retry=retry, autocreate=autocreate)
                    )
                self._authorize(auth, wiki)
        except NoUsernameError as error:
            if not isinstance(error, OAuth2Error):
                raise
            raise messages.advised(error) from None
        except OAuth2Error as error:
            client = auth.client if isinstance(auth, OAuth2Auth) else None
            raise AuthorizationError(messages.explain(error, client)) from None
        return True

    def _check_block(self, block: blocks.Block) -> None:
        """Check that the current block is that of the site's user."""
        if block.user != self.username:
            raise AuthorizationError(
                block.why_not(self.username), error='other_block'
            )
        if not block.auth.is_authorized:
            raise AuthorizationError(
                f'{block.user} has not authorized the client, or the'
                ' authorization has ended. Send the user to'
                ' session.authorization_url().',
                error='other_block',
            )

    def _check_no_block(self, wiki: str) -> None:
        """Check that the site does not belong to a block of another thread.

        Otherwise a program that works for its users would be asked to
        authorize one of them, or for a password.
        """
        if (
            wiki in blocks.used_wikis
            and self.username not in host.own_users(wiki)
            and not self.password
        ):
            raise AuthorizationError(
                f'The site {self.site} is for {self.username}, but this'
                ' thread or task is not within a "with session.use()" block.'
                f' {blocks.ADVICE}',
                error='other_block',
            )

    def _authorize(self, auth: OAuth2Auth, wiki: str) -> None:
        """Get a token for the account, from the store or from a person."""
        if auth.problem is not None:
            raise auth.problem
        # After a block, a login precedes the first request that would check
        # it.
        auth.check()
        account = auth.bearer_for(wiki, self.username).account
        if self._is_accepted(account):
            self._route(auth, wiki)
            return
        if auth.client.owner_only:
            raise self._owner_only(account)
        if is_terminal():
            self._check_place(auth)
        token, profile = self._ask(auth, wiki)
        account.adopt(
            Authorization(auth.client.client_id, wiki, self.username, token)
        )
        self._route(auth, wiki)
        pywikibot.info(self._describe(profile))
        pywikibot.info(
            f'The token is kept in {auth.store.where(self.username)}'
        )

    def _ask(
        self, auth: OAuth2Auth, wiki: str
    ) -> tuple[Token, Mapping[str, object]]:
        """Ask a person, and return a token of the account and its profile."""
        # A run with a stored token needs no web server.
        from pywikibot_oauth2.login.conversation import Conversation

        endpoints = OAuth2Wiki(
            auth.client, wiki, http.user_agent(self.site), auth.clock
        )
        conversation = Conversation(
            auth.client,
            endpoints,
            wiki=wiki,
            user=self.username,
            site=str(self.site),
        )
        token = conversation.run(
            auth.login_timeout, opens_browser=self.opens_browser
        )
        profile = endpoints.profile(token.header)
        if profile is None:
            raise AuthorizationError(
                f'{self.site} does not accept the token that it has just'
                ' issued.',
                wiki=wiki,
                account=self.username,
            )
        self._check_user(
            profile,
            wiki,
            '"Allow" was clicked as {name}, not as {user}; nothing was'
            ' stored. In the browser, log out of the wiki and log in as'
            ' {user}.',
        )
        return token, profile

    def _owner_only(self, account: Account) -> AuthorizationError:
        """Return the error for an owner-only client that has no token."""
        found = account.authorization
        is_out = found is not None and found.ended == LOGGED_OUT
        return AuthorizationError(
            f'{self.username} was logged out of {self.site}.'
            if is_out
            else f'{self.username} cannot log in to {self.site} with the'
            ' owner-only client in the configuration.',
            error='owner_only_logged_out' if is_out else 'owner_only',
            wiki=account.wiki,
            account=self.username,
        )

    def _is_accepted(self, account: Account) -> bool:
        """Return whether there is a valid token of the account.

        :raises OAuth2Error: that is unknown, and nobody should be asked
        """
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
            profile = endpoints.profile(header)
            if profile is None:
                return False
            self._check_user(
                profile,
                account.wiki,
                'The access token belongs to {name}, not to {user}.',
            )
        except OAuth2Error as error:
            if account.client.owner_only or not self._begins_anew(error):
                raise
            pywikibot.warning(f'{error}\nA new authorization is needed.')
            return False
        return True

    def _begins_anew(self, error: OAuth2Error) -> bool:
        """Return whether to ask a person despite an error.

        That would not help if the wiki cannot be reached or the stored
        token cannot be read.
        """
        if not (self.starts_anew or host.is_running('login')):
            return False
        if isinstance(error, EndpointError):
            return error.status is not None
        return isinstance(error, ClientRefusedError) or error.error in (
            'other_account',
            'other_client',
            'other_wiki',
            'wrong_user',
        )

    def _check_user(
        self, profile: Mapping[str, object], wiki: str, message: str
    ) -> None:
        """Check whose token it is."""
        name = host.normalized(str(profile.get('username'))) or ''
        if name == self.username:
            return
        name, site = printable(name), self.site
        text = message.format(name=name, user=self.username)
        raise AuthorizationError(
            f'{text}\nIf {name} is right for {site}, put this into'
            ' user-config.py:\n'
            f'  usernames[{site.family.name!r}][{site.code!r}] = {name!r}',
            wiki=wiki,
            account=self.username,
            error='wrong_user',
        )

    def _route(self, auth: OAuth2Auth, wiki: str) -> None:
        """Make requests to the wiki run under the account."""
        auth.route(wiki, self.username)

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
        if not missing:
            return text
        lacks = '; '.join(
            f'"{title}" ('
            + ', '.join(right for right in missing if missing[right] == title)
            + ')'
            for title in dict.fromkeys(missing.values())
        )
        return (
            f'{text}\nThe account itself may do more, which would need the'
            f' grants {lacks}.'
        )

    def _check_place(self, auth: OAuth2Auth) -> None:
        """Warn before the login if the token could not be stored."""
        key = self.username, auth.client.client_id
        try:
            with auth.store.lock(*key):
                auth.store.reserve(*key)
        except StoreError as error:
            pywikibot.warning(messages.explain(error))

    def _has_only_password(self, auth: OAuth2Auth, wiki: str) -> bool:
        """Return whether -user names an account that has only a password.

        The password must be in the password file: nobody is asked for it
        because a token is missing.
        """
        if not self.password or host.user_override() != self.username:
            return False
        account = auth.bearer_for(wiki, self.username).account
        return not auth.client.owner_only and account.load() is None


def _is_of(block: blocks.Block, auth: object, wiki: str) -> bool:
    """Return whether a block concerns the login to a wiki."""
    return block.wiki == wiki or (
        isinstance(auth, OAuth2Auth)
        and auth.client.same_registration(block.client)
    )
