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


def write_family(folder, wikis):
    """Write the family of wikis, by their codes; return its path."""
    langs = {code: getattr(w, 'netloc', w) for code, w in wikis.items()}
    paths = {code: getattr(w, 'path', '') for code, w in wikis.items()}
    path = folder / 'sandbox_family.py'
    path.write_text(FAMILY.format(langs=langs, paths=paths))
    return str(path)


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
    config = CONFIG.format(family_file=write_family(folder, wikis))
    for code in wikis:
        config += f"usernames['sandbox'][{code!r}] = {user!r}\n"
    files = {'user-config.py': config}
    if password:
        files['user-config.py'] += "password_file = 'user-password.py'\n"
        files['user-password.py'] = f'({user!r}, {password!r})\n'
    files['user-config.py'] += extra
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
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
