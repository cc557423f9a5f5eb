#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A bot owner's way: a folder, a terminal, a browser, a wiki."""
from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
import sysconfig
import termios
import time
from pathlib import Path

from tests.sandbox import browser
from tests.sandbox.config import make_config


SECONDS = 90  # more than any command here takes

CONFIG = """
import pywikibot_oauth2 as _oauth2
authenticate[{netloc!r}] = _oauth2.OAuth2Auth(
    {id!r}, {secret!r}, redirect_uri={redirect_uri!r}{options})
"""

# Without scripts of a package a test can run this one.
SCRIPT = """
import sys
import pywikibot
pywikibot.handle_args()
for number in range({edits}):
    page = pywikibot.Page(pywikibot.Site(), 'Sandbox')
    page.text += '\\n* edit %d' % number
    page.save('test', quiet=True)
"""


def free_port():
    """Return a port that nobody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


class Terminal:
    """A terminal window in which one command runs.

    :param echo: a function that is given what the command writes
    """

    def __init__(self, command, environment, folder, echo=None):
        self.text = ''
        self._echo = echo
        self._window, device = pty.openpty()
        self.mode = termios.tcgetattr(self._window)
        # A session leader that opens a terminal gets it as its own, and
        # then Ctrl-C is meant for it.
        self.process = subprocess.Popen(
            ['sh', '-c', 'exec "$@" <"$0"', os.ttyname(device), *command],
            stdin=device, stdout=device, stderr=device, env=environment,
            cwd=folder, start_new_session=True)
        os.close(device)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._window)

    def _read(self, deadline):
        """Take in what the command writes; return whether there is more."""
        left = deadline - time.monotonic()
        if not select.select([self._window], [], [], max(left, 0))[0]:
            raise TimeoutError(f'the terminal shows only:\n{self.text}')
        try:
            written = os.read(self._window, 65536)
        except OSError:  # Linux says so when no program uses it any more
            return False
        text = written.decode(errors='replace').replace('\r', '')
        self.text += text
        if self._echo and text:
            self._echo(text)
        return bool(written)

    def expect(self, text, times=1):
        """Wait until the window shows something."""
        deadline = time.monotonic() + SECONDS
        while self.text.count(text) < times:
            if not self._read(deadline):
                raise EOFError(f'ended without {text!r}:\n{self.text}')

    def type(self, keys):
        """Type or paste this, however long the command takes to read it."""
        keys = keys.encode()
        while keys:
            keys = keys[os.write(self._window, keys):]

    def wait(self):
        """Wait for the end; return all that was shown."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        self.process.wait(max(deadline - time.monotonic(), 0))
        return self.text

    @property
    def address(self):
        """The address to open that is shown; wait for the prompt first."""
        self.expect('press Enter:')
        return re.search(r'^http\S+/oauth2/authorize\?\S+$', self.text,
                         re.MULTILINE)[0]

    def is_restored(self):
        """Tell whether the terminal is as it was found."""
        return termios.tcgetattr(self._window) == self.mode


class Owner:
    """A bot owner with a client, a folder and a browser."""

    def __init__(self, folder, wiki, *, client=None, redirect_uri=None,
                 secret=None, options='', extra='', **settings):
        self.folder = folder
        self.wiki = wiki
        self.client = client or wiki.register(
            redirect_uri=redirect_uri or f'http://127.0.0.1:{free_port()}/')
        self.environment = make_config(
            folder, wiki, extra=extra + CONFIG.format(
                netloc=wiki.netloc, id=self.client.id,
                secret=secret or self.client.secret,
                redirect_uri=self.client.redirect_uri,
                options=options), **settings)
        self.environment['BROWSER'] = 'true %s'

    def has_browser(self, options=''):
        """Let the stand-in browser be opened from now on."""
        # The ampersand: it outlives the command, as a browser does.
        self.environment['BROWSER'] = (
            f'{sys.executable} {browser.__file__} {options} %s &')

    def token_file(self, account='Bot'):
        """Return where an account's token belongs."""
        return self.folder / f'pywikibot-{account}.oauth2.json'

    def script(self, edits=1):
        """Write a script that edits; return its path."""
        path = self.folder / 'edit.py'
        path.write_text(SCRIPT.format(edits=edits))
        return str(path)

    def terminal(self, *arguments, echo=None):
        """Open a terminal and run pwb in it."""
        return Terminal(pwb(*arguments), self.environment, self.folder, echo)

    def in_terminal(self, *arguments, echo=None):
        """Run pwb in a terminal; return all that it showed."""
        with self.terminal(*arguments, echo=echo) as terminal:
            return terminal.wait()

    def alone(self, *arguments):
        """Run pwb without a terminal, as cron does."""
        return subprocess.run(
            pwb(*arguments), env=self.environment, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=SECONDS)

    def log_in(self):
        """Run pwb login, and paste the answer; no browser is quicker."""
        with self.terminal('login') as terminal:
            terminal.type(self.wiki.approve(terminal.address) + '\n')
            shown = terminal.wait()
        assert 'Logged in on sandbox:en as Bot.' in shown, shown


def pwb(*arguments):
    """Return the command that runs pwb with these arguments."""
    return [sys.executable,
            str(Path(sysconfig.get_path('scripts'), 'pwb')), *arguments]


def grants(wiki, grant_type):
    """Count the successful requests for tokens of a kind."""
    return sum(1 for request in list(wiki.requests)
               if request.path.endswith('/access_token')
               and request.form.get('grant_type') == grant_type
               and request.status == 200 and request.error is None)


def dialogs(wiki):
    """Count how often a person was asked to click Allow or Cancel."""
    return sum(1 for request in list(wiki.requests)
               if request.query.get('title') == 'Special:OAuth/approve'
               and request.method == 'GET')
