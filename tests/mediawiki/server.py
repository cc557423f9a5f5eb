"""A real MediaWiki, set up afresh in a temporary folder."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.harness import free_port, wait_until


MEDIAWIKI = Path('/usr/share/mediawiki')
SECONDS = 60  # more than anything here takes
WORKERS = 3
SETTINGS = Path(__file__).with_name('settings.php')
GRANTS = (
    *('basic', 'highvolume', 'editpage', 'createeditmovepage', 'uploadfile'),
    *('uploadeditmovefile', 'delete', 'protect', 'editprotected'),
)
# Files of four megabytes are uploaded, and the code does not change.
PHP_OPTIONS = (
    *('-d', 'upload_max_filesize=100M', '-d', 'post_max_size=100M'),
    *('-d', 'memory_limit=512M', '-d', 'opcache.validate_timestamps=0'),
)

# Of the whole connection, not of a message.
HOP = {'connection', 'content-length', 'keep-alive', 'transfer-encoding'}


def need(is_there, packages):
    """Skip a test for which something is missing; in CI it fails."""
    if not is_there:
        missing = f'run "apt-get install {packages}" to have these tests run'
        if os.environ.get('CI'):
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)


class MediaWiki:
    """MediaWiki with SQLite, until it is closed.

    :param server: the address under which it is known to its clients
    :param accounts: names, passwords and groups; the first one installs it
    """

    def __init__(self, server, accounts):
        need(
            (MEDIAWIKI / 'api.php').exists() and shutil.which('php'),
            'mediawiki php-cli php-sqlite3 php-mbstring php-xml php-intl',
        )
        self.server = server
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix='mediawiki-')
            self._folder = stack.enter_context(folder)
            self._install(*accounts)
            self._start(stack)
            self.close = stack.pop_all().close

    def _install(self, first, *others):
        folder = self._folder
        for name in ('data', 'cache', 'images', 'temporary'):
            os.mkdir(f'{folder}/{name}')
        # PHP keeps what is uploaded in the folder for temporary files.
        self._environment = {
            **os.environ,
            'SANDBOX_FOLDER': folder,
            'SANDBOX_SERVER': self.server,
            'TMPDIR': f'{folder}/temporary',
            'PHP_CLI_SERVER_WORKERS': str(WORKERS),
        }
        name, password, _ = first
        options = (
            f'--dbtype=sqlite --confpath={folder} --dbpath={folder}/data'
            f' --dbname=wiki --server={self.server} --scriptpath='
            f' --pass={password} Sandboxwiki {name}'
        )
        self._run('install.php', *options.split())
        self._environment['MW_CONFIG_FILE'] = str(SETTINGS)
        for account in others:
            self.add_account(*account)

    def add_account(self, name, password, groups=()):
        """Create an account, or put one into other groups."""
        groups = [f'--custom-groups={",".join(groups)}'] if groups else []
        self._run('createAndPromote.php', '--force', *groups, name, password)

    def _run(self, script, *arguments):
        done = subprocess.run(
            ['php', str(MEDIAWIKI / 'maintenance' / script), *arguments],
            env=self._environment,
            cwd=self._folder,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
        if done.returncode:
            raise RuntimeError(f'{script} failed:\n{done.stdout}')

    def _start(self, stack):
        self.port = free_port()
        address = f'127.0.0.1:{self.port}'
        process = subprocess.Popen(
            ['php', *PHP_OPTIONS, '-S', address, '-t', str(MEDIAWIKI)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        stack.callback(process.wait)
        # This ends the workers, too, which PHP itself does not.
        stack.callback(os.killpg, process.pid, signal.SIGKILL)
        wait_until(self._is_up)
        # The very first request fills the caches.
        self.ask(action='query', meta='siteinfo')

    def _is_up(self):
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', self.port)).close()
            return True

    def send(self, method, target, body=b'', headers=()):
        """Send a request; return status, header fields and body.

        MediaWiki continues to work after it has answered; the request is over
        when that is done, too.
        """
        connection = http.client.HTTPConnection(
            '127.0.0.1', self.port, timeout=SECONDS
        )
        host = urlsplit(self.server).netloc
        fields = {**dict(headers), 'Connection': 'close', 'Host': host}
        with contextlib.closing(connection):
            connection.request(method, target, body, fields)
            with connection.sock.dup() as wire:
                response = connection.getresponse()
                content = response.read()
                # The end of the connection is the end of the script.
                wire.recv(1)
        sent = response.getheaders()
        sent = [field for field in sent if field[0].lower() not in HOP]
        return response.status, sent, content

    # What a test asks, past the sandbox

    def ask(self, user=None, **params):
        """Ask the API, under all grants if a user is given."""
        headers = {'Content-Type': 'application/x-www-form-urlencoded'}
        if user:
            headers |= session_headers(user, 'tests', GRANTS, ['tests'])
        params = {'format': 'json', 'formatversion': 2, **params}
        body = urlencode(params).encode()
        content = self.send('POST', '/api.php', body, headers)[2]
        data = json.loads(content)
        if 'error' in data:
            raise RuntimeError(data['error'])
        return data

    def edit(self, title, text):
        tokens = self.ask('Admin', action='query', meta='tokens')
        token = tokens['query']['tokens']['csrftoken']
        page = {'title': title, 'text': text, 'token': token}
        self.ask('Admin', action='edit', **page)

    def page(self, title, **params):
        """Return what the API says about a page."""
        params.setdefault('prop', 'revisions')
        wanted = 'content|user|comment|tags|ids'
        params.update(titles=title, rvprop=wanted, rvslots='main')
        return self.ask(action='query', **params)['query']['pages'][0]

    def text(self, title):
        """Return the text of a page, None if there is none."""
        for revision in self.page(title).get('revisions', ()):
            return revision['slots']['main']['content']
        return None

    def sql(self, statement):
        path = f'{self._folder}/data/wiki.sqlite'
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)

    def changes(self, **params):
        """Return the recent changes, the oldest first."""
        wanted = 'title|user|comment|tags|loginfo|ids'
        params.update(rclimit='max', rcdir='newer', rcprop=wanted)
        answer = self.ask(action='query', list='recentchanges', **params)
        return answer['query']['recentchanges']


def session_headers(user, token, grants, tags):
    """Return the headers that settings.php makes a session of."""
    return {
        'X-Sandbox-User': user,
        'X-Sandbox-Token': token,
        'X-Sandbox-Grants': '|'.join(grants),
        'X-Sandbox-Tags': '|'.join(tags),
    }
