"""A real Redis server, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.harness import free_port


SECONDS = 10  # more than it takes to start or to stop


class RedisServer:
    """A redis-server on 127.0.0.1, to be used in a `with` statement.

    Its files are in a temporary folder. What it holds is lost when it
    stops, unless it is told to keep it.
    """

    def __init__(self, password=None):
        self.program = shutil.which('redis-server')
        if self.program is None:
            missing = 'redis-server is missing: apt-get install redis-server'
            if os.environ.get('CI'):
                pytest.fail(missing, pytrace=False)
            pytest.skip(missing)
        self.password = password
        self.port = None
        self._process = None
        self._folder = None

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix='redis-')
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise
        return self

    def __exit__(self, *exc_info):
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder)

    @property
    def netloc(self):
        """The host and port."""
        return f'127.0.0.1:{self.port}'

    @property
    def url(self):
        """The address, as RedisStore takes it."""
        secret = f':{self.password}@' if self.password else ''
        return f'redis://{secret}{self.netloc}/0'

    def start(self):
        """Start it, on the port that it had before, and wait for it."""
        for _ in range(5):
            port = self.port or free_port()
            options = {
                'bind': '127.0.0.1',
                'port': port,
                'dir': self._folder,
                'save': '',
                'appendonly': 'no',
                'requirepass': self.password or '',
            }
            command = [self.program, '--logfile', 'redis.log']
            for name, value in options.items():
                command += [f'--{name}', str(value)]
            self._process = subprocess.Popen(command, cwd=self._folder)
            if self._is_up(port):
                self.port = port
                return
            self.stop()
            if self.port:
                break
        raise RuntimeError(f'{command} does not start')

    def stop(self, *, keep=False):
        """Stop it; if *keep*, what it holds is there at the next start."""
        process, self._process = self._process, None
        if process is None:
            return
        if keep:
            self.ask(b'SAVE')
        process.kill()
        process.wait(SECONDS)
        if not keep:
            Path(self._folder, 'dump.rdb').unlink(missing_ok=True)

    def freeze(self):
        """Let it answer nobody, as if the network were cut."""
        self._process.send_signal(signal.SIGSTOP)

    def ask(self, command, port=None):
        """Send a command; return the first line of the answer."""
        address = ('127.0.0.1', port or self.port)
        with (
            socket.create_connection(address, SECONDS) as wire,
            wire.makefile('rb') as answer,
        ):
            if self.password:
                wire.sendall(b'AUTH %s\r\n' % self.password.encode())
                answer.readline()
            wire.sendall(command + b'\r\n')
            return answer.readline().strip()

    def _is_up(self, port):
        deadline = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return self.ask(b'PING', port) == b'+PONG'
            except OSError:
                time.sleep(0.01)
        return False
