#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Where a client's credentials are, if not in user-config.py itself."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from pywikibot_oauth2.errors import ConfigurationError


#: What the names of the environment variables begin with.
PREFIX = 'PYWIKIBOT_OAUTH2_'


class Credentials(NamedTuple):
    """What a credentials file may hold; it shows none of it.

    The environment variables have the same names in capitals.
    """

    client_id: str | None = None
    client_secret: str | None = None
    access_token: str | None = None

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


def from_environment() -> Credentials:
    """Return the credentials in environment variables.

    :raises ConfigurationError: there are none
    """
    names = {name: PREFIX + name.upper() for name in Credentials._fields}
    found = {name: os.environ[variable] for name, variable in names.items()
             if os.environ.get(variable)}
    if not found:
        raise ConfigurationError(
            'None of the environment variables'
            f' {", ".join(names.values())} is set.')
    return Credentials(**found)


def from_file(name: str) -> Credentials:
    """Return the credentials in a JSON file that nobody else can read.

    :param name: the path; a relative one begins at the folder of
        user-config.py, as that of password_file does
    :raises ConfigurationError: there is no such file, others can read it,
        or it holds something else
    """
    from pywikibot import config

    path = Path(config.base_dir, os.path.expanduser(name))
    try:
        with path.open('rb') as file:
            mode = os.fstat(file.fileno()).st_mode
            content = json.load(file)
    except OSError as error:
        raise ConfigurationError(
            f'The credentials file {path} cannot be read:'
            f' {error.strerror or error}.') from None
    except (ValueError, RecursionError):
        content = None
    if os.name == 'posix' and mode & 0o077:
        raise ConfigurationError(
            f'The credentials file {path} can be read by others. Run:\n'
            f'  chmod 600 {path}')
    if (not isinstance(content, dict) or not content
            or not content.keys() <= set(Credentials._fields)
            or not all(isinstance(value, str) for value in content.values())):
        raise ConfigurationError(
            f'The credentials file {path} has to be a JSON object with strings'
            f' for some of {", ".join(Credentials._fields)}, and no more.')
    return Credentials(**content)
