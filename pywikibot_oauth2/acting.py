#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Who Pywikibot acts as, where one process acts for many users."""
from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.auth import AuthBase

from pywikibot_oauth2.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import ContextVar

    from requests import PreparedRequest

    from pywikibot_oauth2.session import OAuth2Session


#: Holds the session that the current thread or task acts for; None as long
#: as no session was ever used like that in this process.
variable: ContextVar[OAuth2Session | None] | None = None


class ActingAuth(AuthBase):
    """Stands in ``authenticate`` for a wiki that has no OAuth2Auth.

    Without an acting session requests are left as they are.
    """

    def __len__(self) -> int:
        """Return 2; see :meth:`OAuth2Auth.__len__`."""
        return 2

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Authenticate a request with the acting session, if any."""
        session = acting_session()
        return request if session is None else session(request)


def acting_session() -> OAuth2Session | None:
    """Return the session that the current thread or task acts for."""
    return None if variable is None else variable.get()


def refuse_without_session() -> None:
    """Refuse requests of the thread in which Pywikibot saves later.

    It knows nothing of the context in which page.save() was called, so it
    would edit as another account than that of the session.

    :raises ConfigurationError: this is that thread
    """
    if threading.current_thread().name == 'Put-Thread':
        raise ConfigurationError(
            'Where one process acts for many users, a page cannot be saved'
            ' asynchronously: take asynchronous=True out of page.save().')


@contextlib.contextmanager
def act(session: OAuth2Session) -> Iterator[OAuth2Session]:
    """Let Pywikibot act for a session; see :meth:`OAuth2Session.use`."""
    from contextvars import ContextVar

    from pywikibot import config
    from pywikibot.comms import http

    from pywikibot_oauth2.login import install_login_manager

    global variable
    if variable is None:
        # Pywikibot by itself does not load contextvars.
        variable = ContextVar('acting_session', default=None)
    install_login_manager()
    configured = http.get_authentication(session.wiki)
    if configured is None:
        config.authenticate[
            urlsplit(session.wiki).netloc] = ActingAuth()  # type: ignore[assignment]
    elif not isinstance(configured, AuthBase):
        raise ConfigurationError(
            f'user-config.py has an entry in authenticate for {session.wiki}'
            ' that is not of OAuth 2.0. Take it out.')
    token = variable.set(session)
    try:
        yield session
    finally:
        variable.reset(token)
