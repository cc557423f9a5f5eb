"""Writing the configuration: the credentials, and two lines that read them."""

from __future__ import annotations

import difflib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pywikibot_oauth2.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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
    names = (f'{stem}-{number}.json' for number in itertools.count(2))
    return next(
        path
        for name in itertools.chain([CREDENTIALS], names)
        if not (path := folder / name).exists()
    )


def write_credentials(path: Path, credentials: Mapping[str, str]) -> None:
    """Write a credentials file of mode 0600 from its first byte."""
    descriptor, name = tempfile.mkstemp(
        prefix=f'{path.name}.', dir=path.parent
    )
    try:
        with open(descriptor, 'w', encoding='utf-8') as file:
            json.dump(credentials, file, indent=1)
            file.write('\n')
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


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

    :param before: the old one; may be empty
    :param family: the family of the site
    :param code: the code of the site
    :param username: the account
    :param keys: the keys of authenticate
    :param credentials: the name of the credentials file
    :param options: the other arguments of from_file, or ''
    :param family_url: the address of the api.php of a wiki that Pywikibot
        has no family for
    """
    lines = before.rstrip().splitlines()
    if not lines:
        lines = [f'family = {family!r}', f'mylang = {code!r}']
    if family_url is not None:
        line = f'family_files[{family!r}] = {family_url!r}'
        if line not in lines:
            lines.append(line)
    if not re.search(
        rf'^usernames\[.{family}.\]\[.(?:{re.escape(code)}|\*).\]\s*=',
        before,
        re.MULTILINE,
    ):
        lines.append(f'usernames[{family!r}][{code!r}] = {username!r}')
    if _IMPORT not in lines:
        lines.append(_IMPORT)
    return '\n'.join(_with_entry(lines, set(keys), credentials, options)) + (
        '\n'
    )


def _with_entry(
    lines: list[str], keys: set[str], credentials: str, options: str
) -> list[str]:
    """Return lines with one for authenticate, in place of an older one."""
    older: list[str] = []
    for line in lines:
        match = _ENTRY.fullmatch(line)
        if match is None:
            continue
        its_keys = set(_KEY.findall(line))
        if match['credentials'] == credentials:
            keys = keys | its_keys
        elif not its_keys <= keys:
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

    :param path: the path of user-config.py
    :param content: the new content
    :return: where the old one is kept, if there was one
    :raises ConfigurationError: Pywikibot cannot load the new one; nothing
        was changed
    """
    # A symbolic link stays one.
    target = path.resolve()
    descriptor, name = tempfile.mkstemp('.py', '.user-config-', target.parent)
    trial = Path(name)
    try:
        with open(descriptor, 'w', encoding='utf-8') as file:
            file.write(content)
        _load(trial, path)
        backup = _keep(path, target) if target.exists() else None
        os.replace(trial, target)
    finally:
        trial.unlink(missing_ok=True)
    return backup


def _load(trial: Path, path: Path) -> None:
    """Let Pywikibot load a configuration in the place of user-config.py.

    :raises ConfigurationError: it cannot
    """
    environment = {**os.environ, 'PYWIKIBOT_DIR': str(path.parent)}
    environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
    # Pywikibot takes the global option -config in any program. The folder,
    # which is that of all other files, does not affect an absolute path.
    result = subprocess.run(
        [
            sys.executable,
            '-c',
            'import pywikibot',
            f'-dir:{path.parent}',
            f'-config:{trial}',
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        words = (result.stderr.strip().splitlines() or ['?'])[-1]
        raise ConfigurationError(
            f'Pywikibot cannot load the new {path}: {words}',
            error='not_loadable',
        )


def _keep(path: Path, target: Path) -> Path:
    """Copy the present configuration to a free path beside it."""
    names = (f'{path.name}.bak{number or ""}' for number in itertools.count())
    backup = next(
        found for name in names if not (found := path.with_name(name)).exists()
    )
    backup.touch(mode=0o600)
    shutil.copy2(target, backup)
    return backup
