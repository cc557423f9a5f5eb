"""Writing the configuration: the credentials, and two lines that read them."""

from __future__ import annotations

import difflib
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


#: The file that holds the credentials; PAWS publishes homes, but not files
#: whose names begin with a dot.
CREDENTIALS = '.pywikibot-oauth2.json'


def credentials_path(folder: Path, client_id: str) -> Path:
    """Return the path for the credentials of a client.

    :param folder: the folder of user-config.py
    :param client_id: the client ID
    """
    path = folder / CREDENTIALS
    if path.exists() and client_id not in path.read_text(errors='replace'):
        return folder / f'.pywikibot-oauth2-{client_id[:8]}.json'
    return path


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
    options: str,
) -> str:
    """Return a user-config.py with OAuth 2.0 turned on.

    :param before: the old one; may be empty
    :param family: the family of the site
    :param code: the code of the site
    :param username: the account
    :param keys: the keys of authenticate
    :param credentials: the name of the credentials file
    :param options: the other arguments of from_file, or ''
    """
    lines = before.rstrip('\n').split('\n') if before.strip() else []
    if not before.strip():
        lines = [f'family = {family!r}', f'mylang = {code!r}']
    account = f'usernames[{family!r}][{code!r}] = {username!r}'
    if not re.search(
        rf'^usernames\[.{family}.\]\[.(?:{re.escape(code)}|\*).\]\s*=',
        before,
        re.MULTILINE,
    ):
        lines.append(account)
    # An older entry under the same key would win or lose by its place.
    kept = [
        line
        for line in lines
        if not re.match(r"authenticate\['(.*?)'\] = _oauth2_\w+$", line)
        and not re.match(r'_oauth2_auth = _oauth2\.OAuth2Auth\.', line)
        and line != 'import pywikibot_oauth2 as _oauth2'
    ]
    more = f', {options}' if options else ''
    kept += [
        'import pywikibot_oauth2 as _oauth2',
        f'_oauth2_auth = _oauth2.OAuth2Auth.from_file({credentials!r}{more})',
        *(f'authenticate[{key!r}] = _oauth2_auth' for key in keys),
    ]
    return '\n'.join(kept) + '\n'


def diff(before: str, after: str) -> str:
    """Return what changes, as a diff."""
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
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        trial = Path(folder) / 'user-config.py'
        trial.touch(mode=0o600)
        trial.write_text(content, encoding='utf-8')
        for other in path.parent.glob('.pywikibot-oauth2*.json'):
            os.link(other, Path(folder) / other.name)
        environment = {**os.environ, 'PYWIKIBOT_DIR': folder}
        environment.pop('PYWIKIBOT_NO_USER_CONFIG', None)
        result = subprocess.run(
            [sys.executable, '-c', 'import pywikibot'],
            env=environment,
            cwd=folder,
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
        backup = None
        if path.exists():
            backup = path.with_name('user-config.py.bak')
            shutil.copy2(path, backup)
        os.replace(trial, path)
    return backup
