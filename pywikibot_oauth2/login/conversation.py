"""The conversation in which a person authorizes the client."""

from __future__ import annotations

import os
import queue
import re
import socket
import threading
import time
import webbrowser
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pywikibot

from pywikibot_oauth2 import host
from pywikibot_oauth2.errors import (
    AnswerNotAcceptedError,
    AuthorizationError,
    EndpointError,
    OAuth2Error,
)
from pywikibot_oauth2.login.callback_server import (
    CallbackServer,
    loopback_address,
    owner_of_port,
)
from pywikibot_oauth2.login.prompt import HiddenLine, can_paste, is_terminal
from pywikibot_oauth2.protocol import parse_callback


if TYPE_CHECKING:
    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.protocol import OAuth2Wiki
    from pywikibot_oauth2.token import Token


# Seconds between two checks of the server and the terminal.
_POLL = 0.1

# An authorization code by itself.
_BARE_CODE = re.compile(r'[0-9a-fA-F]{64,}')


class Conversation:
    """One login: the question in the browser, and the answer to it.

    The answer is sent to a server on this machine or pasted into the
    terminal, whichever comes first.

    :param client: the client
    :param endpoints: the OAuth 2.0 endpoints of the wiki
    :param wiki: the address of the script folder of the wiki
    :param user: the account that is to authorize the client
    :param site: the name of the site, such as wikipedia:en
    """

    def __init__(
        self,
        client: OAuth2Client,
        endpoints: OAuth2Wiki,
        *,
        wiki: str,
        user: str,
        site: str,
    ) -> None:
        self._client = client
        self._endpoints = endpoints
        self._wiki = wiki
        self._user = user
        self._site = site
        self._pending = endpoints.begin()

    def run(self, timeout: float, *, opens_browser: bool = True) -> Token:
        """Let a person authorize the client, and return the token.

        :param timeout: seconds to wait for the answer
        :param opens_browser: whether to open a browser on this machine
        :raises AuthorizationError: there is no terminal, the person
            refused, or the time ran out
        :raises OAuth2Error: the wiki did not accept the answer
        """
        if not is_terminal():
            raise self._failed(
                f'{self._user} has not authorized the client'
                f' {self._client.client_id} on {self._site}, or the'
                ' authorization has ended.',
                'no_terminal',
            )
        with ExitStack() as stack:
            server = self._listen()
            if server is not None:
                stack.enter_context(server)
            line = stack.enter_context(HiddenLine()) if can_paste() else None
            if server is None and line is None:
                raise self._failed(
                    'Pasting is not possible on this system, and neither is'
                    f' listening on {self._client.redirect_uri}.',
                    'not_answerable',
                )
            url = self._endpoints.authorization_url(
                self._pending, pywikibot.config.userinterface_lang
            )
            self._explain(url, timeout, is_served=server is not None)
            if opens_browser:
                open_browser(url)
            return self._wait(server, line, timeout)

    def _listen(self) -> CallbackServer | None:
        """Listen for the browser, if the callback URL is on this machine."""
        redirect_uri = self._client.redirect_uri
        address = loopback_address(redirect_uri)
        if redirect_uri is None or address is None:
            return None
        try:
            return CallbackServer(redirect_uri, self._is_answer)
        except OSError as error:
            reason = str(error.strerror or error)
        holder = owner_of_port(address[1])
        if holder is not None:
            reason += f', by a program of {holder}'
        server = self._listen_elsewhere(redirect_uri)
        if server is None:
            pywikibot.warning(
                f'Cannot listen on {redirect_uri} ({reason}): the browser'
                ' will not be able to load its last page, but you can still'
                ' log in.'
            )
        return server

    def _listen_elsewhere(self, redirect_uri: str) -> CallbackServer | None:
        """Listen on another port, if the wiki accepts that."""
        try:
            other = _with_free_port(redirect_uri)
            if other is None or not self._endpoints.ignores_loopback_port():
                return None
            server = CallbackServer(other, self._is_answer)
        except (EndpointError, OSError):
            return None
        self._pending.redirect_uri = other
        return server

    def _is_answer(self, callback: str) -> bool:
        """Return whether a callback belongs to this login."""
        try:
            parse_callback(callback, self._pending)
        except AuthorizationError as error:
            # It is final if the wiki did not authorize the client.
            return error.is_final
        return True

    def _explain(self, url: str, timeout: float, *, is_served: bool) -> None:
        """Tell the person what to do."""
        paste = (
            'If the browser runs on another computer, its last page does not'
            ' load. In that case, paste'
            if is_served
            else 'Then paste'
        )
        clients = host.special_page(
            self._wiki, 'OAuthConsumerRegistration/list'
        )
        callback = ''
        if self._client.redirect_uri:
            callback = ', or its callback URL may differ from '
            callback += self._client.redirect_uri
        parts = [
            f'To let this program act as {self._user} on {self._site}, open'
            f' this address in a browser and click "Allow":\n\n{url}\n',
            f'{paste} the address of that page here (it is not shown) and'
            ' press Enter.'
            if can_paste()
            else 'Use a browser on this computer: pasting is not possible on'
            ' this system.',
            'If the wiki shows an error instead of "Allow", press Ctrl-C: the'
            ' browser will not return here. The client may be unknown, not'
            f' yet approved, expired or disabled{callback}. Your clients are'
            f' listed at\n  {clients}',
            f'Waiting for {timeout:g} seconds.',
        ]
        pywikibot.info('\n'.join(parts))

    def _wait(
        self,
        server: CallbackServer | None,
        line: HiddenLine | None,
        timeout: float,
    ) -> Token:
        """Wait for an answer that completes the login."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            callback = _arrived(server, 0 if line else _POLL)
            if callback is None and line is not None:
                callback = self._pasted(line)
            if callback is None:
                continue
            try:
                return self._exchange(callback)
            except AnswerNotAcceptedError as error:
                pywikibot.warning(f'{error}\nWaiting for another answer.')
        raise self._failed(
            f'Nobody answered within {timeout:g} seconds.', 'timeout'
        )

    def _pasted(self, line: HiddenLine) -> str | None:
        """Return what was pasted, as a callback."""
        try:
            text = line.poll(_POLL)
        except EOFError:
            raise self._failed(
                'The terminal was closed.', 'no_terminal'
            ) from None
        # A long address may be copied with line breaks or quotes in it.
        text = ''.join((text or '').split()).strip('\'"<>')
        if not text:
            return None
        if _BARE_CODE.fullmatch(text):
            return f'?code={text}&state={self._pending.state}'
        return text if '?' in text else f'?{text}'

    def _exchange(self, callback: str) -> Token:
        """Complete the login; try again if the wiki gives no answer."""
        try:
            code = parse_callback(callback, self._pending)
        except AuthorizationError as error:
            error.wiki = self._wiki
            raise error.about(self._user, self._client.client_id) from None
        for wait in (1, 2, 4):
            try:
                return self._endpoints.exchange(self._pending, code)
            except EndpointError as error:
                pywikibot.warning(f'{error}\nTrying again in {wait} s.')
                pywikibot.sleep(wait)
        return self._endpoints.exchange(self._pending, code)

    def _failed(self, message: str, error: str) -> OAuth2Error:
        return AuthorizationError(
            message,
            wiki=self._wiki,
            account=self._user,
            client_id=self._client.client_id,
            error=error,
        )


def _arrived(server: CallbackServer | None, timeout: float) -> str | None:
    """Return the callback that the browser brought, if any."""
    if server is None:
        return None
    try:
        return server.callbacks.get(timeout > 0, timeout or None)
    except queue.Empty:
        return None


def _with_free_port(redirect_uri: str) -> str | None:
    """Return a callback URL with a port that is free.

    Extension:OAuth of August 2026 ignores the port of 127.0.0.1 and [::1],
    but not that of localhost (recorded).

    :return: None if the port of the callback URL counts
    """
    parts = urlsplit(redirect_uri)
    if parts.hostname not in ('127.0.0.1', '::1'):
        return None
    is_6 = ':' in parts.hostname
    family = socket.AF_INET6 if is_6 else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((parts.hostname, 0))
        port = probe.getsockname()[1]
    name = '[::1]' if is_6 else '127.0.0.1'
    return parts._replace(netloc=f'{name}:{port}').geturl()


def open_browser(url: str) -> None:
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
