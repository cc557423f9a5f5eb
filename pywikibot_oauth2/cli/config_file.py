"""Writing the configuration: the credentials, and lines that read them."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
import os
import re
import subprocess
import sys
import tokenize
from io import BytesIO
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import ConfigurationError
from pywikibot_oauth2.login.prompt import is_terminal
from pywikibot_oauth2.stores.file import draft, reported


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


#: The file that holds the credentials. PAWS publishes home folders, except
#: for files whose names begin with a dot.
CREDENTIALS = '.pywikibot-oauth2.json'

_IMPORT = 'import pywikibot_oauth2 as _oauth2'
_KEY = re.compile(r"authenticate\['([^']+)'\] = ")
# A line as this module writes it.
_ENTRY = re.compile(
    rf'(?:{_KEY.pattern})+_oauth2\.OAuth2Auth\.from_file\('
    r"'(?P<credentials>[^']+)'.*\)\r?\n"
)


def credentials_path(folder: Path, known: Mapping[str, str]) -> Path:
    """Return the path of the file with these credentials, or a free path."""
    stem = CREDENTIALS.removesuffix('.json')
    for path in sorted(folder.glob(f'{stem}*.json')):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            # Another wiki can issue the same client ID.
            found = json.loads(path.read_bytes()).items()
            if known and {name: each for name, each in found if each} == known:
                return path
    return _free_path(folder / CREDENTIALS, f'{stem}-{{}}.json', 2)


def content_of(credentials: Mapping[str, str]) -> bytes:
    """Return the content of a credentials file."""
    return f'{json.dumps(credentials, indent=1)}\n'.encode()


def read(path: Path) -> str:
    """Return the content of user-config.py, which must be in UTF-8."""
    with reported(path, 'read'):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return ''
    with contextlib.suppress(SyntaxError, UnicodeError):
        encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
        if encoding.startswith('utf-8'):
            return content.decode()
    raise ConfigurationError(
        f'{path} is not encoded in UTF-8. Save it in UTF-8, and remove a line'
        ' that declares another encoding, such as "# coding: latin-1".',
        error='not_loadable',
    )


def changed(
    before: str,
    *,
    family: str,
    code: str,
    username: str | None,
    keys: Iterable[str],
    credentials: str,
    options: str = '',
    family_url: str | None = None,
) -> str:
    """Return a user-config.py with OAuth 2.0 turned on.

    A line that was written for the same credentials, or for the same keys
    of authenticate, is replaced. All other lines stay where they are.

    :param username: the account; None if it is configured already
    :param credentials: the name of the credentials file
    :param options: other arguments of from_file
    :param family_url: the address of the api.php, if Pywikibot has no family
        for the wiki
    """
    end = '\r\n' if re.match('.*\r\n', before) else '\n'
    text = before.strip() and before
    if text and not text.endswith('\n'):
        text += end
    # A string or a comment may hold what str.splitlines takes for the end of
    # a line.
    lines = re.findall('.*\n', text)
    wanted = [_IMPORT]
    if username is not None:
        wanted.insert(0, f'usernames[{family!r}][{code!r}] = {username!r}')
    if family_url is not None:
        wanted.insert(0, f'family_files[{family!r}] = {family_url!r}')
    if not lines:
        wanted[:0] = [f'family = {family!r}', f'mylang = {code!r}']
    present = {line.rstrip('\r\n') for line in lines}
    lines += [line + end for line in wanted if line not in present]
    older, keys = [], set(keys)
    for line in lines:
        match, its_keys = _ENTRY.fullmatch(line), set(_KEY.findall(line))
        if match and (match['credentials'] == credentials or its_keys <= keys):
            keys |= its_keys
            older.append(line)
    arguments = ', '.join(filter(None, [repr(credentials), options]))
    entry = ''.join(f'authenticate[{key!r}] = ' for key in sorted(keys))
    entry += f'_oauth2.OAuth2Auth.from_file({arguments})'
    if [line.rstrip('\r\n') for line in older] != [entry]:
        lines = [line for line in lines if line not in older] + [entry + end]
    return ''.join(lines)


def diff(before: str, after: str) -> str:
    """Return a diff without unchanged lines, which may contain secrets."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    names = 'user-config.py', 'user-config.py (new)'
    return ''.join(difflib.unified_diff(old, new, *names, n=0))


def rehearse(path: Path, content: str, credentials: Path) -> None:
    """Check that both files can be written, and that Pywikibot loads them."""
    with reported(credentials), draft(credentials) as (stand_in, _):
        # A line of the owner may say owner_only=True, which needs a secret.
        stand_in.write_text('{"client_id": "none", "client_secret": "none"}')
        trial = content.replace(repr(credentials.name), repr(stand_in.name))
        with reported(path), draft(path, path.suffix) as (temporary, _):
            temporary.write_bytes(trial.encode())
            _require_loadable(path, temporary)


def replace(path: Path, content: str) -> Path | None:
    """Replace user-config.py; return the path of the backup, if any."""
    backup = None
    with reported(path), draft(path, path.suffix) as (_, put):
        if path.exists():
            name = f'{path.name}.bak'
            backup = _free_path(path.with_name(name), f'{name}{{}}', 1)
            with draft(backup) as (_, keep):
                keep(path.read_bytes())
        put(content.encode())
    return backup


def _require_loadable(path: Path, trial: Path) -> None:
    """Check that Pywikibot loads the next version of user-config.py."""
    # Pywikibot takes the global option -config in any program. The folder,
    # which is that of all other files, does not affect an absolute path.
    options = '-c', 'import pywikibot', f'-config:{trial}'
    result = run_python(path.parent, *options, is_captured=True)
    if result.returncode:
        words = result.stderr.strip() or '?'
        if 'Traceback' in words:
            # The lines before may hold a secret.
            words = words.splitlines()[-1]
        raise ConfigurationError(
            f'Pywikibot cannot load the new {path}: {words}',
            error='not_loadable',
        )


def run_python(
    folder: Path, *arguments: str, is_captured: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python with the configuration in a folder."""
    environment = {**os.environ, 'PYWIKIBOT_DIR': str(folder)}
    environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
    return subprocess.run(
        [sys.executable, *arguments, f'-dir:{folder}'],
        # Python imports modules from its working directory.
        cwd=folder,
        env=environment,
        # Piped input is for the questions of this process.
        stdin=None if is_terminal() else subprocess.DEVNULL,
        capture_output=is_captured,
        text=True,
        check=False,
    )


def _free_path(path: Path, pattern: str, first: int) -> Path:
    """Return a path; if it exists, one with a number."""
    numbers = itertools.count(first)
    while path.exists():
        path = path.with_name(pattern.format(next(numbers)))
    return path
