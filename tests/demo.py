"""A bot owner's whole way, on a wiki on this machine: make demo.

A stand-in browser clicks Allow, and the password is typed at the question
for it. The last line is counted by the wiki.
"""

from __future__ import annotations

import argparse
import functools
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from tests.harness import Owner, dialogs, free_port, grants, wait_until
from tests.sandbox import Sandbox


TOKEN_LIFE = 3  # seconds
REFRESHES = 3
ROUNDS = 40  # more than it takes
PAGES = [f'Page {number}' for number in range(1, 4)]
CHOSEN = [f'-page:{title}' for title in PAGES]
COMMANDS = (
    ['add_text', *CHOSEN, '-text:Hello!', '-summary:A greeting', '-always'],
    ['touch', *CHOSEN],
)
show = functools.partial(print, end='', flush=True)


class DemoError(Exception):
    """The demonstration did not go as it should."""


class Demo:
    """One demonstration.

    :ivar warnings: how many warnings were printed
    """

    def __init__(self, wiki, folder):
        self.wiki = wiki
        self.owner = Owner(folder, wiki, has_oauth=False)
        self.owner.has_browser()
        self.warnings = 0

    def run(self, *command, password=None):
        """Show a command and what it prints; it must succeed."""
        show(f'\n$ pwb {shlex.join(command)}\n')
        with self.owner.terminal(*command, echo=show) as terminal:
            if password:
                terminal.expect('Password of Bot')
                wait_until(lambda: not terminal.is_restored())
                terminal.type(f'{password}\n')
            shown = terminal.wait()
            status = terminal.process.returncode
        self.warnings += shown.count('WARNING')
        if status:
            raise DemoError(f'pwb {command[0]} ended with status {status}.')
        for word in ('ERROR', 'CRITICAL', 'Traceback'):
            if word in shown:
                raise DemoError(f'pwb {command[0]} printed {word}.')

    def demonstrate(self):
        """Go the whole way; return what the wiki has counted."""
        self.run(
            *('oauth2', '-setup', '-kind:browser', '-by:api', '-yes'),
            f'-callback-url:http://127.0.0.1:{free_port()}/callback',
            password=self.wiki.password('Bot'),
        )
        for number in range(ROUNDS):
            self.run(*COMMANDS[number % len(COMMANDS)])
            if number and grants(self.wiki, 'refresh_token') >= REFRESHES:
                break
        return self.judge()

    def judge(self):
        """Return what the wiki has counted; it must be as it should."""
        wiki, edits = self.wiki, self.wiki.edits
        *_, client = wiki.oauth.clients.values()
        counts = {
            'authorized': grants(wiki, 'authorization_code'),
            'refreshes': grants(wiki, 'refresh_token'),
            'edits': len(edits),
            'warnings': self.warnings,
            'questions': dialogs(wiki) - 1,
        }
        summary = ' '.join(f'{name}={n}' for name, n in counts.items())
        tags = (f'OAuth CID: {client.number}',)
        if any((edit.user, edit.tags) != ('Bot', tags) for edit in edits):
            raise DemoError('Some edits are not by Bot with OAuth.')
        if (
            counts['authorized'] != 1
            or counts['refreshes'] < REFRESHES
            or counts['warnings']
            or counts['questions']
            or not edits
        ):
            raise DemoError(f'The wiki has counted {summary}.')
        return summary


def main():
    parser = argparse.ArgumentParser(prog='python -m tests.demo')
    parser.add_argument('--like', choices=['1.43', 'master'], default='1.43')
    like = parser.parse_args().like
    show(
        f'A bot owner sets OAuth 2.0 up, on a wiki that plays {like}, and'
        f' runs scripts while tokens expire every {TOKEN_LIFE} seconds.\n'
    )
    try:
        with (
            Sandbox(token_life=TOKEN_LIFE, like=like) as wiki,
            tempfile.TemporaryDirectory() as folder,
        ):
            for title in PAGES:
                wiki.add_page(title, f'This is {title}.')
            summary = Demo(wiki, Path(folder)).demonstrate()
    except Exception as error:
        is_ours = isinstance(error, DemoError)
        show(f'\n{error if is_ours else traceback.format_exc()}\n')
        show('demo: FAILED\n')
        return 1
    show(f'\ndemo: OK {summary}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
