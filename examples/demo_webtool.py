"""Run the web tool together with a wiki, both on this machine.

The tool needs Flask: ``pip install flask``.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.sandbox import Sandbox
from tests.sandbox.config import make_config


TOKEN_LIFE = 60  # seconds
WELCOME = """\
Open {tool} and log in to the wiki as Alice (password {alice!r}) or, in another
browser or a private window, as Bob (password {bob!r}). If you add a line to the
page Guestbook, you can see it at {wiki}/index.php?title=Guestbook
An access token is valid for {life} seconds. Press Ctrl-C to stop the demo.
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        return int(server.getsockname()[1])


def start(
    wiki: Sandbox, folder: Path, port: int, **options: object
) -> subprocess.Popen[bytes]:
    """Start the tool for a wiki.

    :param folder: where it may keep its files
    :param options: how its output is treated
    """
    redirect_uri = f'http://127.0.0.1:{port}/callback'
    client = wiki.register(redirect_uri=redirect_uri)
    return subprocess.Popen(
        [
            sys.executable,
            '-m',
            'flask',
            '--app',
            'examples.webtool',
            'run',
            '--port',
            str(port),
        ],
        cwd=Path(__file__).parent.parent,
        env={
            **make_config(folder, wiki),
            'WEBTOOL_SITE': 'sandbox:en',
            'WEBTOOL_CLIENT_ID': client.id,
            'WEBTOOL_CLIENT_SECRET': client.secret,
            'WEBTOOL_REDIRECT_URI': redirect_uri,
            'WEBTOOL_FOLDER': str(folder / 'visits'),
        },
        **options,
    )  # type: ignore[call-overload]


def main() -> None:
    """Serve until Ctrl-C."""
    port = free_port()
    with (
        Sandbox(token_life=TOKEN_LIFE) as wiki,
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryFile('w+') as log,
    ):
        for name in ('Alice', 'Bob'):
            wiki.add_user(name)
        with start(wiki, Path(folder), port, stderr=log, stdout=log) as tool:
            sys.stdout.write(
                WELCOME.format(
                    tool=f'http://127.0.0.1:{port}/',
                    wiki=wiki.url,
                    alice=wiki.password('Alice'),
                    bob=wiki.password('Bob'),
                    life=TOKEN_LIFE,
                )
            )
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                tool.wait()
                log.seek(0)
                sys.exit(f'The tool has ended:\n{log.read()}')
            tool.terminate()


if __name__ == '__main__':
    main()
