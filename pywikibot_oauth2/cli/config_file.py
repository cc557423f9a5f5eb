"""Writing the configuration: the credentials, and lines that read them."""

from __future__ import annotations

import contextlib
import difflib
import errno
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import ConfigurationError, StoreError
from pywikibot_oauth2.stores.file import draft


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


#: The file that holds the credentials. PAWS publishes home folders, except
#: for files whose names begin with a dot.
CREDENTIALS = '.pywikibot-oauth2.json'

_IMPORT = 'import pywikibot_oauth2 as _oauth2'
_KEY = re.compile(r"authenticate\['([^']+)'\] = ")
# A line as this module writes it.
_ENTRY = re.compile(
    rf'(?:{_KEY.pattern})+_oauth2\.OAuth2Auth\.from_file\('
    r"'(?P<credentials>[^']+)'.*\)"
)


def credentials_path(folder: Path, client_id: str | None = None) -> Path:
    """Return the path for the credentials of a client.

    :param folder: the folder of user-config.py
    :param client_id: the client ID; None for a client that is not
        registered yet
    :return: the file that holds its credentials, or else a free path
    """
    stem = CREDENTIALS.removesuffix('.json')
    for path in sorted(folder.glob(f'{stem}*.json')):
        if client_id and client_id in path.read_text(errors='replace'):
            return path
    return _free_path(folder / CREDENTIALS, f'{stem}-{{}}.json', 2)


def require_room(path: Path) -> None:
    """Check that a file can be written, before its content is known.

    :raises StoreError: it cannot
    """
    with _reported(path), draft(path):
        pass


def write_credentials(
    path: Path, credentials: Mapping[str, str | None]
) -> None:
    """Write a credentials file, with mode 0600 from its first byte.

    :raises StoreError: it cannot be written
    """
    values = {name: value for name, value in credentials.items() if value}
    content = json.dumps(values, indent=1) + '\n'
    with _reported(path), draft(path) as (_, put):
        put(content.encode())


def changed(
    before: str,
    *,
    family: str,
    code: str,
    username: str,
    keys: Iterable[str],
    credentials: str,
    options: str = '',
    family_url: str | None = None,
) -> str:
    """Return a user-config.py with OAuth 2.0 turned on.

    A line that was written for the same credentials, or for the same keys
    of authenticate, is replaced. All other lines stay where they are.

    :param before: the old content, which may be empty
    :param family: the family of the site
    :param code: the code of the site
    :param username: the account
    :param keys: the keys of authenticate
    :param credentials: the name of the credentials file
    :param options: other arguments of from_file, or ''
    :param family_url: the address of the api.php, if Pywikibot has no family
        for the wiki
    """
    lines = before.rstrip().splitlines()
    if not lines:
        lines = [f'family = {family!r}', f'mylang = {code!r}']
    wanted = [_IMPORT]
    pattern = rf'^usernames\[.{family}.\]\[.(?:{re.escape(code)}|\*).\]\s*='
    if not re.search(pattern, before, re.MULTILINE):
        wanted.insert(0, f'usernames[{family!r}][{code!r}] = {username!r}')
    if family_url is not None:
        wanted.insert(0, f'family_files[{family!r}] = {family_url!r}')
    lines += [line for line in wanted if line not in lines]
    lines = _with_entry(lines, set(keys), credentials, options)
    return '\n'.join(lines) + '\n'


def _with_entry(
    lines: list[str], keys: set[str], credentials: str, options: str
) -> list[str]:
    """Add a line for authenticate, or replace an older one."""
    older: list[str] = []
    for line in lines:
        match = _ENTRY.fullmatch(line)
        its_keys = set(_KEY.findall(line))
        if match and match['credentials'] == credentials:
            keys = keys | its_keys
        elif not match or not its_keys <= keys:
            continue
        older.append(line)
    arguments = ', '.join(filter(None, [repr(credentials), options]))
    entry = ''.join(f'authenticate[{key!r}] = ' for key in sorted(keys)) + (
        f'_oauth2.OAuth2Auth.from_file({arguments})'
    )
    if older == [entry]:
        return lines
    return [*(line for line in lines if line not in older), entry]


def diff(before: str, after: str) -> str:
    """Return the changes as a diff."""
    return ''.join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            'user-config.py',
            'user-config.py (new)',
        )
    )


def replace(path: Path, content: str) -> Path | None:
    """Replace user-config.py, after Pywikibot has loaded the new one once.

    :return: the path of the backup, if there was an old one
    :raises ConfigurationError: Pywikibot cannot load the new one; nothing
        was changed
    """
    with _reported(path), draft(path, path.suffix) as (trial, put):
        trial.write_bytes(content.encode())
        # Pywikibot accepts the global option -config in any program. The
        # option -dir does not affect an absolute path.
        result = run_python(
            path.parent,
            *('-c', 'import pywikibot', f'-config:{trial}'),
            is_captured=True,
        )
        if result.returncode:
            words = (result.stderr.strip().splitlines() or ['?'])[-1]
            raise ConfigurationError(
                f'Pywikibot cannot load the new {path}: {words}',
                error='not_loadable',
            )
        backup = None
        if path.exists():
            backup = _free_path(
                path.with_name(f'{path.name}.bak'), f'{path.name}.bak{{}}', 1
            )
            backup.touch(mode=0o600)
            shutil.copy2(path, backup)
        put(content.encode())
    return backup


def run_python(
    folder: Path, *arguments: str, is_captured: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python with the configuration in a folder.

    :param is_captured: whether the output is returned, not shown
    """
    environment = {**os.environ, 'PYWIKIBOT_DIR': str(folder)}
    environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
    return subprocess.run(
        [sys.executable, *arguments, f'-dir:{folder}'],
        env=environment,
        capture_output=is_captured,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a StoreError."""
    try:
        yield
    except OSError as failure:
        is_full = failure.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise StoreError(
            f'{path} cannot be written: {failure.strerror or failure}.',
            error='no_space' if is_full else 'not_writable',
            hint=str(path),
        ) from None


def _free_path(path: Path, pattern: str, first: int) -> Path:
    """Return a path, or one with a number if that exists."""
    for number in itertools.count(first):
        if not path.exists():
            break
        path = path.with_name(pattern.format(number))
    return path
