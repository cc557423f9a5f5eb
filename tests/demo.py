"""A bot owner's whole way, on a wiki on this machine: make demo.

Nobody is needed: a stand-in browser clicks Allow. The last line is
counted by the wiki.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from tests.harness import Owner, dialogs, free_port, grants
from tests.sandbox import Sandbox


TOKEN_LIFE = 3  # seconds
REFRESHES = 3
ROUNDS = 8  # more than it takes
EXAMPLE = Path(__file__).parent.parent / 'user-config.example.py'
COMMANDS = (
    [
        'add_text',
        '-start:Page',
        '-text:Hello!',
        '-always',
        '-summary:A greeting',
    ],
    ['touch', '-start:Page'],
    ['listpages', '-start:Page', '-format:3'],
)


class DemoError(Exception):
    """The demonstration did not go as it should."""


def show(text):
    """Show something at once."""
    print(text, end='', flush=True)


def configuration(wiki, client, folder):
    """Return the example configuration, changed to fit the sandbox."""
    text = EXAMPLE.read_text(encoding='utf-8')
    for old, new in {
        "family = 'wikipedia'": "family = 'sandbox'\n"
        "family_files['sandbox'] = "
        f'{str(folder / "sandbox_family.py")!r}',
        "\nusernames['wikipedia']['en'] = 'Bot'": "\nusernames['sandbox']['en'] = 'Bot'",
        "\nauthenticate['*.wikipedia.org'] = ": f"\nauthenticate['{wiki.netloc}'] = ",
        '0123456789abcdef0123456789abcdef': client.id,
        "'client secret'": repr(client.secret),
        "    redirect_uri='http://127.0.0.1:8080/callback',\n)": (
            f'    redirect_uri={client.redirect_uri!r},\n)'
        ),
    }.items():
        if text.count(old) != 1:
            raise DemoError(f'{EXAMPLE.name} does not hold this once: {old}')
        text = text.replace(old, new)
    # Pywikibot waits 10 seconds between two edits by default.
    return f'{text}\nput_throttle = 1\n'


def run(owner, *command):
    """Show a command and what it prints; it must succeed."""
    show(f'\n$ pwb {shlex.join(command)}\n')
    with owner.terminal(*command, echo=show) as terminal:
        shown = terminal.wait()
        status = terminal.process.returncode
    if status:
        raise DemoError(f'pwb {command[0]} ended with exit status {status}.')
    for word in ('ERROR', 'CRITICAL', 'Traceback'):
        if word in shown:
            raise DemoError(f'pwb {command[0]} printed {word}.')
    return shown


def demonstrate(wiki, folder):
    """Go the whole way; return what the wiki has counted."""
    client = wiki.register(
        redirect_uri=f'http://127.0.0.1:{free_port()}/callback'
    )
    owner = Owner(folder, wiki, client=client)
    config = folder / 'user-config.py'
    config.write_text(configuration(wiki, client, folder), encoding='utf-8')
    shown = []
    show(
        f'The wiki runs at {wiki.url}; a token of it lives for'
        f' {TOKEN_LIFE} seconds.\n'
    )
    owner.has_browser()
    shown.append(run(owner, 'login'))
    if 'Logged in on sandbox:en as Bot.' not in shown[0]:
        raise DemoError('Pywikibot does not say that it is logged in.')
    for number in range(ROUNDS * len(COMMANDS)):
        shown.append(run(owner, *COMMANDS[number % len(COMMANDS)]))
        if (
            number + 1 >= len(COMMANDS)
            and grants(wiki, 'refresh_token') >= REFRESHES
        ):
            break
    tag = f'OAuth CID: {client.number}'
    edits = [
        edit for edit in wiki.edits if edit.user == 'Bot' and tag in edit.tags
    ]
    counts = {
        'authorized': grants(wiki, 'authorization_code'),
        'refreshes': grants(wiki, 'refresh_token'),
        'edits': len(edits),
        'warnings': sum(text.count('WARNING') for text in shown),
        'questions': dialogs(wiki) - 1,
    }
    summary = ' '.join(f'{name}={count}' for name, count in counts.items())
    if len(edits) != len(wiki.edits):
        raise DemoError('There are edits that are not by Bot with OAuth.')
    if (
        counts['authorized'] != 1
        or counts['questions']
        or counts['refreshes'] < REFRESHES
        or not edits
    ):
        raise DemoError(f'The wiki has counted {summary}.')
    return summary


def main():
    """Show the result; the exit status is 0 if all went well."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--like', choices=['1.43', 'master'], default='1.43')
    like = parser.parse_args().like
    show(f'A bot owner on a wiki like {like}, on this machine.\n')
    try:
        with (
            Sandbox(token_life=TOKEN_LIFE, like=like) as wiki,
            tempfile.TemporaryDirectory() as folder,
        ):
            for number in range(1, 4):
                wiki.add_page(f'Page {number}', f'This is page {number}.')
            summary = demonstrate(wiki, Path(folder))
    except DemoError as error:
        show(f'\n{error}\ndemo: FAILED\n')
        return 1
    except Exception:
        show(f'\n{traceback.format_exc()}\ndemo: FAILED\n')
        return 1
    show(f'\ndemo: OK {summary}\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
