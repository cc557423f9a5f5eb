"""The conversation in which a person authorizes the client."""

from __future__ import annotations

import os
import queue
import re
import socket
import threading
import time
import webbrowser
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import pywikibot

from pywikibot_oauth2 import errors, host
from pywikibot_oauth2.login.callback_server import (
    CallbackServer,
    owner_of_port,
)
from pywikibot_oauth2.login.prompt import HiddenLine, can_paste, is_terminal
from pywikibot_oauth2.protocol import OAuth2Wiki, parse_callback


if TYPE_CHECKING:
    from collections.abc import Callable

    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.token import Token


_T = TypeVar('_T')

# Seconds between two checks of the server and the terminal.
_POLL = 0.1


@dataclass(eq=False, repr=False)
class Conversation:
    """One login: the question in the browser, and the answer to it.

    The answer is sent to a server on this machine or pasted into the
    terminal, whichever comes first.
    """

    client: OAuth2Client
    endpoints: OAuth2Wiki
    wiki: str
    user: str
    site: str

    def __post_init__(self) -> None:
        self._pending = self.endpoints.begin()

    def run(self, timeout: float, *, opens_browser: bool = True) -> Token:
        """Let a person authorize the client, and return the token.

        :param timeout: seconds to wait for the answer
        :raises OAuth2Error: there is no terminal, the person refused, the time
            ran out, or the wiki did not accept the answer
        """
        if not is_terminal():
            raise errors.AuthorizationError(
                f'{self.user} has not authorized the client'
                f' {self.client.client_id} on {self.site}, or the'
                ' authorization has ended.',
                error='no_terminal',
            )
        listening = self._listen() or nullcontext()
        hidden = HiddenLine() if can_paste() else nullcontext()
        with listening as server, hidden as line:
            if server is None and line is None:
                raise errors.AuthorizationError(
                    'Pasting is not possible on this system, and neither is'
                    f' listening on {self.client.redirect_uri}.',
                    error='not_answerable',
                )
            language = pywikibot.config.userinterface_lang
            url = self.endpoints.authorization_url(self._pending, language)
            self._explain(url, timeout, is_served=server is not None)
            if opens_browser:
                open_browser(url)
            return self._wait(server, line, timeout)

    def _listen(self) -> CallbackServer | None:
        """Listen for the browser, if the callback URL is on this machine."""
        uri = self.client.redirect_uri or ''
        try:
            return CallbackServer(uri, self._is_answer)
        except ValueError:
            return None
        except OSError as error:
            reason = str(error.strerror or error)
        with suppress(errors.EndpointError, OSError):
            other = _with_free_port(uri)
            if other and self.endpoints.ignores_loopback_port():
                server = CallbackServer(other, self._is_answer)
                self._pending = self._pending._replace(redirect_uri=other)
                return server
        holder = owner_of_port(urlsplit(uri).port or 80)
        if holder is not None:
            reason += f', by a program of {holder}'
        pywikibot.warning(
            f'Cannot listen on {uri} ({reason}): the browser will'
            ' not be able to load its last page, but you can still log in.'
        )
        return None

    def _is_answer(self, callback: str) -> bool:
        """Return whether a callback belongs to this login."""
        try:
            parse_callback(callback, self._pending)
        except errors.AuthorizationError as error:
            # It is final if the wiki did not authorize the client.
            return error.is_final
        return True

    def _explain(self, url: str, timeout: float, *, is_served: bool) -> None:
        """Tell the person what to do."""
        it = 'the address of that page here (it is not shown) and press Enter.'
        how = f'Then paste {it}'
        if not can_paste():
            how = (
                'Use a browser on this computer: pasting is not possible on'
                ' this system.'
            )
        elif is_served:
            how = (
                'If the browser runs on another computer, its last page does'
                f' not load. In that case, paste {it}'
            )
        uri = self.client.redirect_uri
        other = f', or its callback URL may differ from {uri}' if uri else ''
        pywikibot.info(
            f'To let this program act as {self.user} on {self.site}, open this'
            ' address in a browser and click "Allow":'
            f'\n\n{url}\n\n{how}\n'
            'If the wiki shows an error instead of "Allow", press Ctrl-C: the'
            ' browser will not return here. The client may be unknown, not'
            f' yet approved, expired or disabled{other}. Your clients are'
            f' listed at\n  {host.client_page(self.wiki)}\n'
            f'Waiting for {timeout:g} seconds.'
        )

    def _wait(
        self,
        server: CallbackServer | None,
        line: HiddenLine | None,
        timeout: float,
    ) -> Token:
        """Wait for an answer that completes the login."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            callback = None
            if server is not None:
                with suppress(queue.Empty):
                    callback = server.callbacks.get(line is None, _POLL)
            if callback is None and line is not None:
                callback = self._pasted(line)
            if callback is None:
                continue
            try:
                code = parse_callback(callback, self._pending)
                exchange = self.endpoints.exchange
                return patiently(partial(exchange, self._pending, code))
            except errors.AnswerNotAcceptedError as error:
                pywikibot.warning(
                    f'{error}\nWaiting for another answer. If necessary, open'
                    ' the address again.'
                )
        raise errors.AuthorizationError(
            f'Nobody answered within {timeout:g} seconds.', error='timeout'
        )

    def _pasted(self, line: HiddenLine) -> str | None:
        """Return what was pasted, as a callback."""
        try:
            text = line.poll(_POLL)
        except EOFError:
            raise errors.AuthorizationError(
                'Ctrl-D was pressed, or the terminal was closed.',
                error='no_terminal',
            ) from None
        # A long address may be copied with line breaks or quotes in it.
        text = ''.join((text or '').split()).strip('\'"<>')
        if not text:
            return None
        if re.fullmatch('[0-9a-fA-F]{64,}', text):
            return f'?code={text}&state={self._pending.state}'
        return text if '?' in text else f'?{text}'


def patiently(ask: Callable[[], _T]) -> _T:
    """Ask the wiki up to four times, because a person has clicked "Allow".

    :raises EndpointError: the wiki gave no usable answer
    """
    waits = [1, 2, 4]
    while True:
        try:
            return ask()
        except errors.EndpointError as error:
            if not waits:
                # Unlike after a failed renewal, no authorization is kept.
                error.error = 'no_answer'
                raise
            wait = waits.pop(0)
            pywikibot.warning(f'{error}\nTrying again in {wait} s.')
            pywikibot.sleep(wait)


def _with_free_port(redirect_uri: str) -> str | None:
    """Return a callback URL with a free port; None if the port matters.

    Extension:OAuth of August 2026 ignores the port of 127.0.0.1 and [::1],
    but not that of localhost (recorded).
    """
    parts = urlsplit(redirect_uri)
    if parts.hostname not in ('127.0.0.1', '::1'):
        return None
    name = '[::1]' if parts.hostname == '::1' else parts.hostname
    # A port that is free on one of them is usually free on the other.
    with socket.create_server(('127.0.0.1', 0)) as probe:
        port = probe.getsockname()[1]
    return parts._replace(netloc=f'{name}:{port}').geturl()


def open_browser(url: str) -> None:
    """Open the browser, if there is one, without waiting for it.

    One that would take over this terminal, such as lynx, is not opened.
    """
    threading.Thread(target=_open_browser, args=(url,), daemon=True).start()


def _open_browser(url: str) -> None:
    with suppress(webbrowser.Error, OSError):
        is_text = type(webbrowser.get()) is webbrowser.GenericBrowser
        if os.environ.get('BROWSER') or not is_text:
            webbrowser.open(url)
