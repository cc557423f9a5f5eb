#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The conversation in which a person authorizes the client."""
from __future__ import annotations

import os
import queue
import re
import threading
import time
import webbrowser
from contextlib import ExitStack
from typing import TYPE_CHECKING, Callable

import pywikibot

from pywikibot_oauth2 import refusals
from pywikibot_oauth2.errors import (
    AuthorizationError,
    EndpointError,
    OAuth2Error,
)
from pywikibot_oauth2.listener import (
    Arrival,
    CallbackListener,
    loopback_address,
)
from pywikibot_oauth2.terminal import PasteLine, is_terminal


if TYPE_CHECKING:
    from pywikibot_oauth2.session import OAuth2Session


# Seconds between two looks at the listener and the terminal.
_POLL = 0.1

# An authorization code by itself: 760 to 820 hexadecimal characters.
_BARE_CODE = re.compile(r'[0-9a-fA-F]{64,}')


def authorize(session: OAuth2Session, accept: Callable[[], str], *,
              site: str, command: str, timeout: float) -> str:
    """Let a person authorize the client, in a browser.

    The answer comes back to a listener on this machine, or is pasted
    into the terminal, whichever is first.

    :param session: the session to complete
    :param accept: called when there is a token; raises if it is not to be
        used, and returns what the browser's last page says
    :param site: the name of the site, such as wikipedia:en
    :param command: what to run in a terminal to do this again
    :param timeout: seconds to wait for the answer
    :return: what accept returned
    :raises AuthorizationError: there is no terminal, the person refused,
        the time ran out, or the wiki did not accept the answer
    :raises OAuth2Error: as raised by accept or by the wiki's answer
    """
    if not is_terminal():
        raise AuthorizationError(
            f'{session.user} has not authorized the client'
            f' {session.client.client_id} on {site}, or the authorization'
            f' has ended. Run this in a terminal:\n  {command}')
    url = session.authorization_url()
    with ExitStack() as stack:
        listener = _listen(stack, session)
        line = stack.enter_context(PasteLine())
        pywikibot.info(
            f'To let this program act as {session.user} on {site}, open this'
            f' address in a browser and click "Allow":\n\n{url}\n')
        if listener is not None:
            pywikibot.info(
                'If the browser runs on another computer, its last page does'
                ' not load.\nThen paste the address of that page here (it is'
                ' not shown) and press Enter:')
        else:
            pywikibot.info(
                'Then paste the address of the page that you are sent to'
                ' here (it is not shown)\nand press Enter:')
        _open_browser(url)
        deadline = time.monotonic() + timeout
        while True:
            if time.monotonic() > deadline:
                raise AuthorizationError(
                    f'Nobody answered within {timeout:g} s. Run it'
                    f' again:\n  {command}\n{_error_page_advice(session)}')
            text = _arrived(listener, session, accept) if listener else None
            text = text or _pasted(line, session, accept)
            if text is not None:
                return text


def _error_page_advice(session: OAuth2Session) -> str:
    """Return what to do where the wiki did not show the question."""
    client = session.client
    callback = '' if client.redirect_uri is None else (
        f' or the callback URL {client.redirect_uri}, compared to the letter')
    return ('If the browser showed an error page of the wiki, it does not'
            f' know the client ID {client.client_id}{callback}. Or the client'
            ' is not approved: Until it is approved only the account that'
            ' registered it can use it. See\n'
            f'{refusals.client_list(session.prefix)}')


def _listen(stack: ExitStack,
            session: OAuth2Session) -> CallbackListener | None:
    """Listen for the browser, if it is sent to this machine."""
    redirect_uri = session.client.redirect_uri
    if redirect_uri is None or loopback_address(redirect_uri) is None:
        return None
    try:
        return stack.enter_context(
            CallbackListener(redirect_uri, session.state or ''))
    except OSError as error:
        pywikibot.warning(
            f'{redirect_uri} cannot be listened on'
            f' ({error.strerror or error}): the browser will say that the'
            ' page cannot be reached, but the login works.')
        return None


def _open_browser(url: str) -> None:
    """Open the browser without waiting for it."""
    def run() -> None:
        try:
            webbrowser.open(url)
        except (webbrowser.Error, OSError):
            # The address was printed; the person opens it.
            return

    if not os.environ.get('BROWSER'):
        try:
            browser = webbrowser.get()
        except webbrowser.Error:
            return
        if type(browser) is webbrowser.GenericBrowser:
            # A browser in this terminal, such as lynx, would take it over.
            return
    threading.Thread(target=run, daemon=True).start()


def _arrived(listener: CallbackListener, session: OAuth2Session,
             accept: Callable[[], str]) -> str | None:
    """Complete the session if the browser came back."""
    try:
        arrival: Arrival = listener.arrivals.get_nowait()
    except queue.Empty:
        return None
    try:
        text = _complete(session, arrival.url, accept)
    except OAuth2Error as error:
        arrival.answer(False, 'Not authorized', str(error))
        raise
    arrival.answer(True, 'Authorized', f'{text}\nYou can close this page.')
    return text


def _pasted(line: PasteLine, session: OAuth2Session,
            accept: Callable[[], str]) -> str | None:
    """Complete the session if an answer was pasted."""
    try:
        text = line.poll(_POLL)
    except EOFError:
        raise AuthorizationError(
            'The terminal was closed. Run "pwb login" again.') from None
    # A long address may be copied with line breaks or quotes in it.
    text = ''.join((text or '').split()).strip('\'"<>')
    if not text:
        return None
    if _BARE_CODE.fullmatch(text):
        text = f'?code={text}&state={session.state}'
    elif '?' not in text:
        text = f'?{text}'
    try:
        return _complete(session, text, accept)
    except AuthorizationError as error:
        if error.is_final:
            raise
        pywikibot.warning(f'{error}\nWaiting for another answer.')
        return None


def _complete(session: OAuth2Session, callback: str,
              accept: Callable[[], str]) -> str:
    """Complete the session; try again if the wiki gives no answer."""
    for wait in (1, 2, 4, None):
        try:
            if not session.is_complete:
                session.complete(callback)
            return accept()
        except EndpointError as error:
            if wait is None:
                raise
            pywikibot.warning(f'{error}\nTrying again in {wait} s.')
            pywikibot.sleep(wait)
    raise AssertionError
