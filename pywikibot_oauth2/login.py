#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The login manager that takes the place of Pywikibot's own."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import pywikibot
import pywikibot.login
from pywikibot import bot
from pywikibot.comms import http
from pywikibot.exceptions import NoUsernameError
from pywikibot.tools import normalize_username

from pywikibot_oauth2 import refusals
from pywikibot_oauth2.acting import ActingAuth, acting_session
from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.errors import AuthorizationError, OAuth2Error
from pywikibot_oauth2.kept import LOGGED_OUT
from pywikibot_oauth2.session import OAuth2Session
from pywikibot_oauth2.wiki import script_prefix


if TYPE_CHECKING:
    from collections.abc import Mapping


class OAuth2LoginManager(pywikibot.login.ClientLoginManager):
    """Logs in by OAuth 2.0 where user-config.py says so.

    For all other sites it is Pywikibot's own login manager.
    """

    def login(self, retry: bool = False, autocreate: bool = False) -> bool:
        """Make requests to the site run under the wanted account.

        If there is no token for the account, the user is asked to
        authorize the client in a browser.

        :param retry: as for Pywikibot's own; for OAuth 2.0 not used
        :param autocreate: as for Pywikibot's own; for OAuth 2.0 not used
        :return: whether the requests run under the account
        :raises pywikibot.exceptions.NoUsernameError: the account was not
            authorized; the message says what to do
        """
        auth = http.get_authentication(self.site.base_url(''))
        session = acting_session()
        if isinstance(auth, ActingAuth) or (
            session is not None
            and isinstance(auth, OAuth2Auth)
            and auth.client.is_one_with(session.client)
        ):
            self._check_acting(session)
            return True
        if not isinstance(auth, OAuth2Auth):
            return bool(super().login(retry=retry, autocreate=autocreate))
        prefix = script_prefix(self.site.base_url(self.site.apipath()))
        assert prefix is not None
        try:
            with auth.login_lock:
                if self._has_only_password(auth):
                    self._switch_off(auth, prefix)
                    return bool(
                        super().login(retry=retry, autocreate=autocreate)
                    )
                self._authorize(auth, prefix)
        except NoUsernameError:
            raise
        except OAuth2Error as error:
            raise AuthorizationError(str(error)) from None
        return True

    def _check_acting(self, session: OAuth2Session | None) -> None:
        """Check that the acting session is that of the site's user.

        :raises AuthorizationError: it is another one's, or there is none
        """
        if session is None or session.user != self.username:
            acting = 'nobody' if session is None else session.user
            raise AuthorizationError(
                f'The site {self.site} is for {self.username}, but Pywikibot'
                f' acts for {acting} here. Get and use it within "with'
                f' session.use():" of a session of {self.username}.'
            )
        if not session.is_complete:
            raise AuthorizationError(
                session.ended
                or f'{session.user} has not authorized the'
                ' client yet: send the user to session.authorization_url().'
            )

    def _authorize(self, auth: OAuth2Auth, prefix: str) -> None:
        """Get a token for the account, from the store or from the user."""
        auth.use(prefix, self.username)
        if self._is_accepted(auth):
            return
        if auth.client.owner_only:
            session = auth.account(self.username).session
            if session is not None and session.ended == LOGGED_OUT:
                raise AuthorizationError(
                    f'{self.username} was logged out of {self.site}. To log'
                    f' in again run:\n  pwb oauth2 -login -site:{self.site}'
                )
            raise AuthorizationError(
                f'{self.username} cannot be logged in on {self.site} with'
                ' the owner-only client in user-config.py.'
                f' {session.ended if session else ""}'
            )
        # Loads what only a login needs, such as the listener.
        from pywikibot_oauth2.authorize import authorize

        session = OAuth2Session(
            auth.client,
            self.site,
            user=self.username,
            user_agent=http.user_agent(self.site),
            clock=auth.clock,
        )

        def accept() -> str:
            profile = session.profile()
            if profile is None:
                raise AuthorizationError(
                    f'{self.site} does not accept the token that it has just'
                    f' issued. Run it again:\n  {self._command()}'
                )
            return self._check_user(session, profile)

        pywikibot.info(
            authorize(
                session,
                accept,
                site=str(self.site),
                command=self._command(),
                timeout=auth.login_timeout,
            )
        )
        auth.account(self.username).adopt(session)
        pywikibot.info(
            f'The token is kept in {auth.store.where(self.username)}'
        )

    def _command(self) -> str:
        """Return what to run in a terminal to log in to the account."""
        command = f'pwb login -site:{self.site}'
        if _is_chosen(self.username):
            command += f' {shlex.quote(f"-user:{self.username}")}'
        return command

    def _is_accepted(self, auth: OAuth2Auth) -> bool:
        """Return whether there is a token that is the account's.

        :raises AuthorizationError: it is another account's
        """
        renewal = auth.account(self.username)
        session = renewal.load()
        if (
            session is None
            or not session.is_complete
            or renewal.header() is None
        ):
            return False
        assert renewal.session is not None
        profile = renewal.session.profile()
        if profile is None:
            return False
        self._check_user(renewal.session, profile)
        return True

    def _check_user(
        self, session: OAuth2Session, profile: Mapping[str, object]
    ) -> str:
        """Check that a token is the account's that it is for.

        :return: what the token allows, in words
        :raises AuthorizationError: it is another account's
        """
        site = self.site
        name = normalize_username(str(profile.get('username'))) or ''
        if name != session.user:
            line = (
                'put into user-config.py:\n'
                f'usernames[{site.family.name!r}][{site.code!r}]'
                f' = {name!r}'
            )
            if session.client.owner_only:
                raise AuthorizationError(
                    f'The owner-only client in user-config.py is that of'
                    f' {name}, not of {session.user}. If {name} is right for'
                    f' {site}, {line}'
                )
            raise AuthorizationError(
                f'"Allow" was clicked as {name}, but user-config.py says'
                f' {session.user} for {site}; nothing was kept. Log out of'
                f' the wiki in the browser, log in as {session.user} and run'
                f' it again:\n  {self._command()}\nOr, if {name} is right,'
                f' {line}'
            )
        grants = profile.get('grants')
        names = (
            ', '.join(map(str, grants)) if isinstance(grants, list) else '?'
        )
        text = f'{name} is authorized on {site} with the grants {names}.'
        rights = profile.get('rights')
        if isinstance(rights, list) and 'edit' not in rights:
            text += (
                ' It cannot edit: for that the client needs the grant'
                f' {refusals.grant_for("edit")}.'
            )
        return text

    def _has_only_password(self, auth: OAuth2Auth) -> bool:
        """Return whether -user names an account with a password only.

        The password must be in the password file: nobody is asked for
        one because of a token that is missing.
        """
        return (
            bool(self.password)
            and _is_chosen(self.username)
            and auth.account(self.username).load() is None
        )

    def _switch_off(self, auth: OAuth2Auth, prefix: str) -> None:
        """Let requests to the site run under a password login."""
        auth.use(prefix, None)
        # What Pywikibot itself, from 11 on, looks at for such a site.
        self.site._oauth_disabled = True  # noqa: SLF001
        pywikibot.info(
            f'{self.username} has no OAuth 2.0 token, but a password in the'
            f' password file: OAuth 2.0 is off for {self.site}.'
        )


def install_login_manager() -> None:
    """Let Pywikibot make this login manager for the sites it logs in to.

    This is the one place where something of Pywikibot is replaced:
    ``APISite.login`` looks the class up by this name at each login.
    """
    setattr(
        pywikibot.login,
        'ClientLoginManager',  # noqa: B010
        OAuth2LoginManager,
    )


def _is_chosen(username: str) -> bool:
    """Return whether the account was named by the option -user."""
    # Before the name of the script, it is pwb that takes the option.
    wrapper = sys.modules.get('pywikibot.scripts.wrapper')
    arguments = [
        *sys.argv,
        *pywikibot.argvu,
        *getattr(wrapper, 'global_args', ()),
        *(getattr(bot, 'global_args', None) or ()),
    ]
    return any(
        normalize_username(argument.partition(':')[2]) == username
        for argument in arguments
        if argument.startswith('-user:')
    )
