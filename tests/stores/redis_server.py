"""A real Redis server, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile

import pytest
import redis

from tests.harness import free_port, wait_until


class RedisServer:
    """A redis-server on 127.0.0.1, to be used in a `with` statement."""

    def __init__(self, password=''):
        self.program = shutil.which('redis-server')
        if self.program is None:
            missing = 'redis-server is missing: apt-get install redis-server'
            if os.environ.get('CI'):
                pytest.fail(missing, pytrace=False)
            pytest.skip(missing)
        self.password = password
        self.port = free_port()
        self.netloc = f'127.0.0.1:{self.port}'
        self.url = f'redis://:{password}@{self.netloc}/0'

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='redis-')
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.stop()
        self._folder.cleanup()

    def start(self):
        """Start it, and wait for it."""
        options = f'--bind 127.0.0.1 --port {self.port} --logfile redis.log'
        command = [self.program, *options.split(), '--dir', self._folder.name]
        command += ['--save', '', '--requirepass', self.password]
        self._process = subprocess.Popen(command)
        wait_until(self._is_up)

    def stop(self):
        """Kill it; only what the command SAVE has saved survives."""
        self._process.kill()
        self._process.wait()

    def ask(self, *command):
        """Send a command; return the answer."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*command)

    def _is_up(self):
        assert self._process.poll() is None, 'it does not start'
        try:
            return self.ask('PING')
        except redis.ConnectionError:
            return False
