"""A bot owner's whole way, on a wiki on this machine: make demo.

A stand-in browser clicks Allow, and the password is typed at the question
for it. The wiki has counted what the last line shows.
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


def run(owner, *command, password=None):
    """Run a command, which must succeed; show and return what it prints."""
    show(f'\n$ pwb {shlex.join(command)}\n')
    with owner.terminal(*command, echo=show) as terminal:
        if password:
            terminal.expect('Password of Bot')
            wait_until(lambda: not terminal.is_restored())
            terminal.type(f'{password}\n')
        shown = terminal.wait()
    status = terminal.process.returncode
    assert status == 0, f'pwb {command[0]} ended with status {status}.'
    for word in ('ERROR', 'CRITICAL', 'Traceback'):
        assert word not in shown, f'pwb {command[0]} printed {word}.'
    return shown


def demonstrate(wiki, folder):
    """Go through the whole process; return what the wiki has counted."""
    owner = Owner(folder, wiki, has_oauth=False)
    owner.has_browser()
    shown = run(
        owner,
        *('oauth2', '-setup', '-kind:browser', '-by:api', '-yes'),
        f'-callback-url:http://127.0.0.1:{free_port()}/callback',
        password=wiki.password('Bot'),
    )
    for number in range(ROUNDS):
        shown += run(owner, *COMMANDS[number % len(COMMANDS)])
        if number and grants(wiki, 'refresh_token') >= REFRESHES:
            break
    return judge(wiki, shown.count('WARNING'))


def judge(wiki, warnings):
    """Check what the wiki has counted, and return it."""
    *_, client = wiki.oauth.clients.values()
    counts = {
        'authorized': grants(wiki, 'authorization_code'),
        'refreshes': grants(wiki, 'refresh_token'),
        'edits': len(wiki.edits),
        'warnings': warnings,
        'questions': dialogs(wiki) - 1,
    }
    summary = ' '.join(f'{name}={n}' for name, n in counts.items())
    ways = {(edit.user, edit.tags) for edit in wiki.edits}
    by_oauth = {('Bot', (f'OAuth CID: {client.number}',))}
    assert ways == by_oauth, 'Not all edits are by Bot with OAuth.'
    good = counts['authorized'] == 1 and counts['refreshes'] >= REFRESHES
    good = good and not warnings and not counts['questions']
    assert good, f'The wiki has counted {summary}.'
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
            summary = demonstrate(wiki, Path(folder))
    except Exception:
        show(f'\n{traceback.format_exc()}\ndemo: FAILED\n')
        return 1
    show(f'\ndemo: OK {summary}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
