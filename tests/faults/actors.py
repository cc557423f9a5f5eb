#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Who takes part: the wiki, a bot, and a process of its own."""
from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from typing import TYPE_CHECKING, Callable, NamedTuple

import pywikibot
import pywikibot.login
import requests
from pywikibot import config
from pywikibot.comms import http
from pywikibot.exceptions import Error

from pywikibot_oauth2 import OAuth2Auth, OAuth2Session
from tests.faults.watch import capture, check
from tests.sandbox import Sandbox
from tests.sandbox.oauth import GRACE


if TYPE_CHECKING:
    from tests.faults.lab import Case


class Wiki(Sandbox):
    """A sandbox that remembers which tokens it could deliver."""

    def __init__(self, **options) -> None:
        super().__init__(**options)
        self.delivered: list[tuple[str, str | None]] = []
        self.is_met = threading.Event()

    def _answer(self, request):
        response = super()._answer(request)
        if (request.path.endswith('/access_token')
                and response.delivery == 'whole' and response.status == 200):
            with contextlib.suppress(ValueError, TypeError, KeyError):
                data = json.loads(response.body)
                self.delivered.append((data['access_token'],
                                       data.get('refresh_token')))
        if request.fault:
            self.is_met.set()
        return response

    def finish(self, threads: set[threading.Thread]) -> None:
        """Wait until all that was sent is dealt with.

        :param threads: those that were there before it was sent
        """
        # Connections are accepted in their order, this is the last one.
        with socket.create_connection(('127.0.0.1', self._port)) as probe:
            probe.sendall(b'GET /nothing HTTP/1.1\r\nConnection: close'
                          b'\r\n\r\n')
            while probe.recv(65536):
                pass
        for thread in set(threading.enumerate()) - threads:
            thread.join()

    @property
    def token_requests(self) -> int:
        return self.count('/access_token')

    def has_used(self, refresh_token: str) -> bool:
        """Tell whether a refresh token was used."""
        return self.oauth._refresh_tokens[refresh_token].used is not None

    def would_take(self, client, refresh_token: str | None) -> bool:
        """Tell whether a refresh token would get a new token."""
        token = self.oauth._refresh_tokens.get(refresh_token)
        now = self.clock()
        return (token is not None and token.access.client is client
                and self.oauth.clients.get(client.id) is client
                and not client.disabled and not token.revoked
                and token.expires >= now
                and (token.used is None or (
                    self.since(1, 47) and now < token.used + GRACE)))


class Outcome(NamedTuple):
    """How an attempt to edit went, and all that was said meanwhile."""

    edited: bool
    text: str
    error: str
    seconds: float


class Bot:
    """One run of a bot: it begins with what is in the token file."""

    def __init__(self, case: Case, clock=None, secret=None, folder=None,
                 ) -> None:
        self.case = case
        self.folder = folder or case.folder
        self.auth = OAuth2Auth(
            case.client.id, secret or case.client.secret,
            redirect_uri=case.client.redirect_uri, clock=clock or case.clock)
        self.most_token_requests = 0

    def _go_to_work(self) -> None:
        """Let Pywikibot, of which there is one in a process, be its own."""
        config.base_dir = str(self.folder)
        config.authenticate = {self.case.netloc: self.auth}
        if self.case.prefix != self.case.wiki.url:
            # The family knows only the address by http.
            self.auth.use(self.case.prefix, 'Bot')

    def log_in(self) -> None:
        """Put the token file there, as a login does."""
        self._go_to_work()
        session = OAuth2Session(self.auth.client, self.case.api_url,
                                user='Bot', clock=self.auth.clock)
        url = session.authorization_url()
        session.complete(self.case.wiki.approve(
            url.replace(self.case.prefix, self.case.wiki.url)))
        self.auth.account('Bot').adopt(session)

    def edit(self) -> Outcome:
        """Edit a page once."""
        self._go_to_work()
        mark, begun = len(capture.text), time.monotonic()
        try:
            error = self._save_twice()
            if 'assertuserfailed' in error:
                pywikibot.login.ClientLoginManager(
                    site=pywikibot.Site('en', 'sandbox'),
                    user='Bot').login(retry=True)
                error = self._save_twice()
        except (Error, requests.RequestException) as exception:
            capture.write(traceback.format_exc())
            error = f'{type(exception).__name__}: {exception}'
        return Outcome(not error, capture.text[mark:], error,
                       time.monotonic() - begun)

    def _save_twice(self) -> str:
        """Save a page, with another CSRF token if the first was bad."""
        error = self._save()
        return self._save() if 'badtoken' in error else error

    def _save(self) -> str:
        """Save a page; return the error, or an empty text."""
        tokens = self._call(action='query', meta='tokens')
        if 'error' in tokens:
            return _words(tokens)
        result = self._call(action='edit', title='Sandbox', text='+',
                            token=tokens['query']['tokens']['csrftoken'],
                            **{'assert': 'user'})
        return _words(result)

    def _call(self, **data: str) -> dict:
        """Ask the API once, and count what comes of it."""
        wiki = self.case.wiki
        before = wiki.count('/api.php'), wiki.token_requests
        try:
            return http.fetch(self.case.api_url, method='POST', data={
                'format': 'json', 'formatversion': '2', **data}).json()
        finally:
            sent = wiki.count('/api.php') - before[0]
            asked = wiki.token_requests - before[1]
            check(sent <= 2, 'a request was sent so many times:', sent)
            check(asked <= config.max_retries + 2,
                  'the token endpoint was asked so many times:', asked)
            self.most_token_requests = max(self.most_token_requests, asked)


def _words(result: dict) -> str:
    error = result.get('error')
    return f"{error['code']}: {error['info']}" if error else ''


class Child:
    """A process of its own, in which a function runs."""

    def __init__(self, function: Callable[[], object],
                 uid: int | None = None) -> None:
        out, out_end = os.pipe()
        value, value_end = os.pipe()
        with warnings.catch_warnings():
            # From Python 3.12 on a fork is warned about if there are threads;
            # here they are the wiki's, of which the child wants nothing.
            warnings.simplefilter('ignore', DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            self._run(function, uid, out_end, value_end)
        os.close(out_end)
        os.close(value_end)
        self._pipes = out, value

    def _run(self, function, uid, out: int, value: int) -> None:
        status = 1
        try:
            for number in (1, 2):
                os.dup2(out, number)
            capture.stream = sys.stdout = sys.stderr = io.TextIOWrapper(
                io.FileIO(1, 'wb', closefd=False), encoding='utf-8',
                write_through=True)
            http.session.close()
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            os.write(value, json.dumps(function()).encode())
            status = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(status)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def join(self):
        """Return what the function returned; None if it was killed."""
        out, value = self._pipes
        with open(out, 'rb') as stream:
            self.said = stream.read().decode()
        capture.write(self.said)
        with open(value, 'rb') as stream:
            content = stream.read()
        _, status = os.waitpid(self.pid, 0)
        self.was_killed = os.WIFSIGNALED(status)
        if not self.was_killed:
            check(status == 0, 'a process failed:', self.said)
        return json.loads(content) if content else None
