"""Bot owners, their terminals and their bots: what the tests run on.

An `Owner` has a Pywikibot folder for a wiki. Everything a bot owner does is
done in a process of its own: `Owner.terminal` runs a command in a
pseudo-terminal, `Owner.start` without one, as cron does.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import pty
import random
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import sysconfig
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from tests.sandbox import browser
from tests.sandbox.config import make_config


TOP = Path(__file__).parents[1]
SECONDS = 60  # more than anything here takes on a busy machine

LOGGED_IN = 'Logged in on sandbox:en as Bot.'
DEAD = 'mwoauth-invalid-authorization'

CONFIG = """
import pywikibot_oauth2 as _oauth2
authenticate[{!r}] = _oauth2.OAuth2Auth({})
"""

# So that a test can set the clock of bots in other processes.
CLOCK = """
import time as _time
def _clock():
    with open({path!r}) as file:
        return _time.time() + float(file.read())
"""

# Edits on the sites that are named, in turn, under the site's account.
EDITS = """
import sys
import pywikibot
edits, *codes = pywikibot.handle_args()
for number in range(int(edits)):
    for code in codes or ['en']:
        page = pywikibot.Page(pywikibot.Site(code), 'Sandbox')
        page.text += f'\\n* {number}'
        page.save('a test', quiet=True)
"""


# Below the ports that the system gives to connections, since one of them
# might be given before a test listens on it; others in each process.
_PORTS = itertools.cycle(
    random.Random(os.getpid()).sample(range(10_000, 32_000), 2_000)
)


def free_port():
    while True:
        with contextlib.suppress(OSError):
            port = next(_PORTS)
            socket.create_server(('127.0.0.1', port)).close()
            return port


def at_once(number, call):
    """Call a function in this many threads at once; return the results."""
    barrier = threading.Barrier(number)

    def wait_and_call(index):
        barrier.wait(SECONDS)
        return call(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(wait_and_call, range(number)))


def wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, 'it did not happen'
        time.sleep(0.005)


def edit_file(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def pwb(*arguments):
    """Return the command that runs pwb with these arguments."""
    # Before 9.4, pwb does not find scripts of other packages.
    if arguments[:1] == ('oauth2',) and re.match(
        r'9\.[0-3]\.', version('pywikibot')
    ):
        return [sys.executable, '-m', 'pywikibot_oauth2', *arguments[1:]]
    program = Path(sysconfig.get_path('scripts'), 'pwb')
    return [sys.executable, str(program), *arguments]


def shared_clock(folder):
    """Return the settings of an `Owner` whose bot has the wiki's clock."""
    path = folder / 'clock'
    path.write_text('0')
    clock = CLOCK.format(path=str(path))
    return {'extra': clock, 'options': ', clock=_clock'}


class Terminal:
    """A terminal window in which one command runs.

    :param echo: a function that is given what the command writes
    """

    def __init__(self, command, environment=None, folder=None, echo=None):
        self.text, self._echo = '', echo
        self._window, device = pty.openpty()
        self.mode = termios.tcgetattr(self._window)
        # A session leader that opens a terminal gets it as its controlling
        # terminal, to which Ctrl-C and the end of the window belong.
        shell = ['sh', '-c', 'exec "$@" <"$0"', os.ttyname(device)]
        self.process = subprocess.Popen(
            [*shell, *command],
            stdin=device,
            stdout=device,
            stderr=device,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
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
        written = b''
        with contextlib.suppress(OSError):  # no program uses it any more
            written = os.read(self._window, 65536)
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
        keys = keys.encode() if isinstance(keys, str) else keys
        while keys:
            keys = keys[os.write(self._window, keys) :]

    def answer(self, question, line):
        self.expect(question)
        self.type(f'{line}\n')

    def wait(self):
        """Wait for the end; return all that was shown."""
        deadline = time.monotonic() + SECONDS
        while self._read(deadline):
            pass
        self.process.wait(max(deadline - time.monotonic(), 0))
        return self.text

    @property
    def address(self):
        """The address that the person is asked to open."""
        self.expect('Waiting for ')
        pattern = r'(?m)^http\S+/oauth2/authorize\?\S+$'
        return re.findall(pattern, self.text)[-1]

    def is_restored(self):
        return termios.tcgetattr(self._window) == self.mode


class Owner:
    """A bot owner with a client, a Pywikibot folder and a browser.

    :param client: by default one that is registered now
    :param secret: what user-config.py says instead of the client secret
    :param options: further arguments of OAuth2Auth, from a comma on
    :param has_oauth: whether user-config.py has an OAuth2Auth
    :param settings: passed to `make_config`, such as lines before it
    """

    def __init__(
        self, folder, wiki, *, client=None, redirect_uri=None, secret=None,
        options='', extra='', has_oauth=True, **settings,
    ):  # fmt: skip
        self.folder, self.wiki = folder, wiki
        self.config = folder / 'user-config.py'
        self.client = client or wiki.register(
            redirect_uri=redirect_uri
            or f'http://127.0.0.1:{free_port()}/callback'
        )
        self.environment = make_config(folder, wiki, extra=extra, **settings)
        self.environment['BROWSER'] = 'true %s'
        if has_oauth:
            self.use_oauth(options, secret=secret)

    def use_oauth(self, options='', *, wiki=None, client=None, secret=None):
        client = client or self.client
        text = f'{client.id!r}, {secret or client.secret!r}'
        text += f', redirect_uri={client.redirect_uri!r}{options}'
        self.configure(CONFIG.format((wiki or self.wiki).netloc, text))

    def use_fixed_token(self, token):
        text = f'access_token={token!r}'
        self.configure(CONFIG.format(self.wiki.netloc, text))

    def share(self, *others):
        """Let other wikis be used under the same authorization."""
        here = f'authenticate[{self.wiki.netloc!r}]'
        for other in others:
            self.configure(f'authenticate[{other.netloc!r}] = {here}\n')

    def configure(self, text):
        with self.config.open('a') as file:
            file.write(text)

    def has_browser(self, *options):
        """Let the stand-in browser be opened from now on."""
        command = shlex.join([sys.executable, browser.__file__, *options])
        # The ampersand: the browser outlives the command.
        self.environment['BROWSER'] = f'{command} %s &'

    def token_file(self, account='Bot'):
        return self.folder / f'pywikibot-{account}.oauth2.json'

    def stored(self, account='Bot'):
        """Return what is stored for an account and the client."""
        text = self.token_file(account).read_text()
        return json.loads(text)['authorizations'][self.client.id]

    def write(self, name, text):
        """Write a file into the folder; return its path."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)
        return str(path)

    def advance(self, seconds):
        """Move the clocks of the wiki and of a bot that shares it."""
        self.wiki.clock.advance(seconds)
        path = self.folder / 'clock'
        path.write_text(str(float(path.read_text()) + seconds))

    # Processes

    def terminal(self, *arguments, echo=None):
        """Open a terminal and run pwb in it."""
        return Terminal(pwb(*arguments), self.environment, self.folder, echo)

    def in_terminal(self, *arguments):
        with self.terminal(*arguments) as terminal:
            return terminal.wait()

    @contextlib.contextmanager
    def start(self, *command, **environment):
        """Start a command without a terminal, with pipes.

        :param environment: further environment variables
        """
        process = subprocess.Popen(
            command,
            env={**self.environment, **environment},
            cwd=self.folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # What a shell does to commands in the background is undone.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def alone(self, *arguments, keys='', **environment):
        """Run pwb without a terminal, as cron does.

        :param keys: what it finds on standard input
        """
        return self._complete(pwb(*arguments), keys, environment)

    def in_shell(self, line, *command, keys=''):
        """Run a command, "$@" in the line of a shell, without a terminal."""
        return self._complete(['sh', '-c', line, 'sh', *command], keys, {})

    def python(self, text, *arguments, **environment):
        command = [sys.executable, '-c', text, *arguments]
        done = self._complete(command, '', environment)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _complete(self, command, keys, environment):
        with self.start(*command, **environment) as process:
            output = process.communicate(keys, SECONDS)[0]
        return subprocess.CompletedProcess(command, process.returncode, output)

    def edit(self, edits=1, *arguments):
        return self.python(EDITS, str(edits), *arguments)

    def script(self, text=EDITS):
        """Write a script for pwb; return its path."""
        return self.write('script.py', text)

    def authorize(self, user='Bot', *, wiki=None, client=None):
        """Write a token file, as a login does, but faster."""
        # They need Pywikibot, which make demo does not load here.
        from pywikibot_oauth2 import FileStore, authorization, token

        wiki, client = wiki or self.wiki, client or self.client
        reply = wiki.issue(client, user)._asdict()
        value = authorization.Authorization(
            client.id,
            wiki.url,
            user,
            token.Token.from_reply(reply, wiki.clock()),
        )
        FileStore(self.folder).save(user, client.id, value.serialize())

    def log_in(self, user='Bot', *options, wiki=None):
        wiki = wiki or self.wiki
        with self.terminal('login', *options) as terminal:
            terminal.type(wiki.approve(terminal.address, user) + '\n')
            shown = terminal.wait()
        assert f' as {user}.' in shown, shown
        return shown


class CallError(Exception):
    """An API call was not answered as it should be."""


class Editor:
    """Calls the API the way the Pywikibot of this process does."""

    def __init__(self, url):
        self.url = url
        self.csrf_token = None

    def read(self):
        """Ask who we are."""
        answer = self.call('GET', action='query', meta='userinfo')
        name = answer['query']['userinfo']['name']
        if name != 'Bot':
            raise CallError(f'read as {name}')

    def write(self, title, text):
        """Save a page; try again if the CSRF token is of another session."""
        edit = {'action': 'edit', 'title': title, 'assert': 'user'}
        for _ in range(3):
            if self.csrf_token is None:
                answer = self.call('GET', action='query', meta='tokens')
                self.csrf_token = answer['query']['tokens']['csrftoken']
            try:
                self.call('POST', **edit, text=text, token=self.csrf_token)
            except CallError as error:
                if not str(error).startswith('badtoken'):
                    raise
                self.csrf_token = None
            else:
                return
        raise CallError('badtoken three times')

    def call(self, method, **parameters):
        from pywikibot.comms import http

        place = 'params' if method == 'GET' else 'data'
        parameters = {place: {'format': 'json', **parameters}}
        response = http.fetch(self.url, method, **parameters)
        data = response.json()
        if 'error' in data:
            error = data['error']
            raise CallError(f'{error["code"]}: {error["info"]}')
        return data


def grants(wiki, grant_type):
    """Count the successful requests for tokens of a kind."""
    return sum(
        request.path.endswith('/access_token')
        and request.form.get('grant_type') == grant_type
        and request.status == 200
        and request.error is None
        for request in list(wiki.requests)
    )


def dialogs(wiki):
    """Count how often a person was asked to click Allow or Cancel."""
    return sum(
        request.query.get('title') == 'Special:OAuth/approve'
        and request.method == 'GET'
        for request in list(wiki.requests)
    )


def editors(wiki):
    return [edit.user for edit in wiki.edits]


def join(wiki, *others):
    """Let other wikis accept the clients and tokens of the first one.

    The wikis of Wikimedia do, whose clients and tokens are in one database.
    """
    for other in others:
        other.lock, other.oauth = wiki.lock, wiki.oauth
        other.accounts = wiki.accounts


class Reaper:
    """Lets all access tokens die under a script, time and again.

    To be used in a `with` statement. The client renews a token that is due,
    but cannot foresee these deaths. Pywikibot gives up an edit if its CSRF
    token is refused twice in a row, and each access token has CSRF tokens of
    its own, so no two tokens die within one edit.

    :param wikis: the wikis; their tokens are those of the first one
    :param is_the_one: returns whether a token must die at a request, once
    :param every: the number of requests that a token is good for otherwise
    """

    def __init__(self, *wikis, is_the_one=lambda _: False, every=12):
        self.deaths, self.was_the_one = 0, False
        self._wikis, self._is_the_one = wikis, is_the_one
        self._every = self._served = every
        self._troubled = set()
        self._lock = threading.Lock()

    def __enter__(self):
        for wiki in self._wikis:
            handle = functools.partial(self._handle, wiki, wiki._handle)
            wiki._handle = handle
        return self

    def __exit__(self, *exc_info):
        for wiki in self._wikis:
            del wiki._handle

    def _handle(self, wiki, handle, request):
        if request.bearer is not None:
            self._reap(request)
        response = handle(request)
        content_type = request.headers.get('content-type', '')
        is_write = 'token' in request.form or 'multipart' in content_type
        if request.error == 'badtoken':
            self._troubled.add(wiki)
        elif request.error is None and is_write:
            self._troubled.discard(wiki)
        return response

    def _reap(self, request):
        with self._lock:
            self._served += 1
            if self._troubled:
                return
            is_the_one = not self.was_the_one and self._is_the_one(request)
            if is_the_one or self._served > self._every:
                self.was_the_one = self.was_the_one or is_the_one
                self.deaths += 1
                self._served = 0
                self._wikis[0].expire_access_tokens()
