#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A process of its own, in a folder with a Pywikibot configuration."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.sandbox.config import environment


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sandbox import Sandbox
    from tests.sandbox.oauth import Client


SECONDS = 120  # more than any process here takes
LIFE = 3600  # of a token


class BenchmarkError(Exception):
    """What was to be measured did not work."""


def run(folder: Path, module: str, *arguments: object,
        variables: dict[str, str] | None = None) -> Any:
    """Run a module of this package; return what it printed, as JSON."""
    return json.loads(output(
        [sys.executable, '-m', f'benchmarks.{module}',
         *map(json.dumps, arguments)], folder,
        {**environment(folder), **(variables or {})}).splitlines()[-1])


def output(command: list[str], folder: Path,
           variables: dict[str, str]) -> str:
    """Run a command that has to succeed; return what it printed."""
    done = subprocess.run(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise BenchmarkError(f'{command} failed:\n{done.stdout}{done.stderr}')
    return done.stdout


def arguments() -> list[Any]:
    """Return what `run` was given, in the process that it started."""
    return [json.loads(argument) for argument in sys.argv[1:]]


def answer(value: object) -> None:
    """Print what `run` returns, in the process that it started."""
    sys.stdout.write(json.dumps(value) + '\n')


@contextmanager
def running(module: str, folder: Path) -> Iterator[str]:
    """Run a module of this package meanwhile; give its first line."""
    process = subprocess.Popen(
        [sys.executable, '-m', f'benchmarks.{module}'], cwd=folder,
        env=environment(folder), text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def authorize(wiki: Sandbox, client: Client, folder: Path, *,
              age: float = 0) -> None:
    """Store an authorization as `pwb login` would.

    :param age: the seconds since the token was issued
    """
    from pywikibot import config

    from pywikibot_oauth2 import FileStore, OAuth2Client, OAuth2Session
    from pywikibot_oauth2.token import Token

    config.base_dir = str(folder)
    session = OAuth2Session(OAuth2Client(client.id, client.secret),
                            wiki.api_url, user='Bot')
    session.token = Token.from_reply(wiki.issue(client)._asdict(),
                                     time.time() - age)
    store = FileStore()
    with store.lock('Bot', client.id):
        store.save('Bot', client.id, session.serialize())
