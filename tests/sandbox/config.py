"""A folder with a Pywikibot configuration for the sandbox."""

from __future__ import annotations

import os
from pathlib import Path


FAMILY = """\
# A family for the sandbox, one wiki for each code
from pywikibot import family


class Family(family.Family):
    name = 'sandbox'
    langs = {langs!r}

    def protocol(self, code):
        return 'http'

    def scriptpath(self, code):
        return {paths!r}[code]
"""

CONFIG = """\
family = 'sandbox'
mylang = 'en'
family_files['sandbox'] = {family_file!r}
put_throttle = 0
minthrottle = 0
maxthrottle = 0
retry_wait = 1
retry_max = 1
max_retries = 2
"""


def make_config(
    folder, wiki, *, user='Bot', extra='', password=None, others=None
):
    """Write the configuration; return the environment to run scripts in.

    :param wiki: the sandbox or its netloc
    :param extra: what is appended to ``user-config.py``
    :param password: the user's, for a password file
    :param others: more wikis by their codes
    """
    folder.mkdir(parents=True, exist_ok=True)
    wikis = {'en': wiki, **(others or {})}
    langs = {
        code: getattr(site, 'netloc', site) for code, site in wikis.items()
    }
    paths = {code: getattr(site, 'path', '') for code, site in wikis.items()}
    family_file = folder / 'sandbox_family.py'
    family_file.write_text(FAMILY.format(langs=langs, paths=paths))
    config = CONFIG.format(family_file=str(family_file))
    for code in wikis:
        config += f"usernames['sandbox'][{code!r}] = {user!r}\n"
    if password:
        _private(folder / 'user-password.py', f'({user!r}, {password!r})\n')
        config += "password_file = 'user-password.py'\n"
    _private(folder / 'user-config.py', config + extra)
    return environment(folder)


def environment(folder):
    """Return an environment in which nothing but *folder* matters.

    What is imported comes from this checkout in the first place.
    """
    # The last one lets coverage measure processes, too.
    kept = ('PATH', 'SYSTEMROOT', 'COVERAGE_PROCESS_CONFIG')
    names = [name for name in kept if name in os.environ]
    paths = [str(Path(__file__).parents[2]), os.environ.get('PYTHONPATH', '')]
    return {
        **{name: os.environ[name] for name in names},
        'PYWIKIBOT_DIR': str(folder),
        'HOME': str(folder),
        'PYTHONPATH': os.pathsep.join(filter(None, paths)),
        'LANG': 'C.UTF-8',
        'NO_PROXY': '*',
    }


def _private(path, text):
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)
