"""Asynchronous code that edits for many users, with a thread for each call.

Pywikibot is synchronous: a call to it in a coroutine blocks all the others.
Therefore, each call runs in a thread, and the whole function that runs there
uses the session. To try it with sessions that were stored in files::

    python -m examples.async_edits SITE TITLE LINE FILE...

Each file holds what session.serialize() returned; the client is in the
environment variables CLIENT_ID and CLIENT_SECRET.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path

import pywikibot
import pywikibot.exceptions

from pywikibot_oauth2 import OAuth2Client, OAuth2Session


#: The number of threads that edit at once; the others wait.
AT_ONCE = 8


def add_line(session: OAuth2Session, site: str, title: str, line: str) -> str:
    """Add a line to a page, in the name of the session's user."""
    with session.use():
        wiki = pywikibot.Site(site, user=session.user)
        is_saved = wiki.editpage(
            pywikibot.Page(wiki, title),
            summary='Add a line',
            minor=False,
            bot=False,
            appendtext=f'\n{line}',
        )
    what = 'has edited' if is_saved else 'could not edit'
    return f'{session.user} {what} {title}.'


async def add_lines(
    sessions: list[OAuth2Session], site: str, title: str, line: str
) -> None:
    """Let all users add a line."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def add(session: OAuth2Session) -> None:
        async with limit:
            try:
                # This coroutine waits, but the event loop does not.
                done = await asyncio.to_thread(
                    add_line, session, site, title, line
                )
            except pywikibot.exceptions.Error as error:
                # The other users still edit.
                done = f'{session.user} could not edit {title}: {error}'
        pywikibot.stdout(done)

    await asyncio.gather(*map(add, sessions))


def keep(path: Path, session: OAuth2Session) -> None:
    """Store a session that has changed."""
    temporary = path.with_suffix('.new')
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(session.serialize()))
    temporary.replace(path)


def main(site: str, title: str, line: str, *files: str) -> None:
    """Read the sessions, and let their users edit."""
    pywikibot.config.put_throttle = 0
    pywikibot.config.solve_captcha = False
    client = OAuth2Client(os.environ['CLIENT_ID'], os.environ['CLIENT_SECRET'])
    # Create the site once beforehand: the first sites of several threads
    # would race with each other.
    pywikibot.Site(site)
    sessions = [
        OAuth2Session.deserialize(
            json.loads(path.read_text()), client, on_change=partial(keep, path)
        )
        for path in map(Path, files)
    ]
    asyncio.run(add_lines(sessions, site, title, line))


if __name__ == '__main__':
    main(*sys.argv[1:])
