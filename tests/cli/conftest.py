"""What the tests of the command line share."""

from __future__ import annotations

import copy
import importlib
import io
import sys

import pytest
import pywikibot
from pywikibot import bot, config

from pywikibot_oauth2.cli import sites
from pywikibot_oauth2.scripts import oauth2
from tests.harness import Owner
from tests.helpers import forget_sites, leave_pywikibot


PROGRAM = sys.executable, '-m', 'pywikibot_oauth2'
BY_API = '-kind:owner-only -by:api -yes -stdin'
NOWHERE = 'http://127.0.0.1:9'


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    """Return which server the wiki plays."""
    return request.param


@pytest.fixture
def stranger(tmp_path, wiki):
    """Return somebody who has a Pywikibot folder, and no OAuth 2.0 yet."""
    return Owner(tmp_path, wiki, has_oauth=False)


class Typed(io.StringIO):
    """What is typed into a terminal, and then Ctrl-D."""

    def isatty(self):
        return True


def start_pywikibot(patch, owner, command):
    """Make this process as if a command had started it for the owner."""
    for name, value in owner.environment.items():
        patch.setenv(name, value)
    patch.chdir(owner.folder)
    patch.setattr(sys, 'argv', command)
    patch.setattr(pywikibot, 'argvu', list(command))
    if hasattr(bot, '_user_override'):  # since Pywikibot 11
        patch.setattr(bot, '_user_override', None)
    # Pywikibot would take settings that exist already for imported names.
    for name in [name for name in vars(config) if name[0] != '_']:
        delattr(config, name)
    importlib.reload(config)
    usernames = copy.deepcopy(config.usernames)
    patch.setattr(sites, '_USERNAMES', usernames)
    forget_sites(patch, owner.folder)


@pytest.fixture
def shows(stranger, capfd):
    """Return a function that runs pwb oauth2 in this process.

    It checks the exit status and some words, and returns what was shown,
    standard error first. Standard input holds *keys*, or else is a terminal
    where *typed* is typed.
    """
    values = dict(vars(config))

    def shows(options, status, *words, keys='', typed=None, owner=stranger):
        capfd.readouterr()
        command = ['oauth2', *options.split()]
        stdin = io.StringIO(keys) if typed is None else Typed(typed)
        with pytest.MonkeyPatch.context() as patch:
            try:
                start_pywikibot(patch, owner, command)
                patch.setattr(sys, 'stdin', stdin)
                found = oauth2.main()
            finally:
                leave_pywikibot()
                vars(config).clear()
                vars(config).update(values)
        output, shown = capfd.readouterr()
        assert found == status, shown
        for each in words:
            assert each in shown + output
        return shown + output

    return shows


@pytest.fixture
def owner(stranger):
    """Return somebody who has logged in."""
    stranger.use_oauth()
    stranger.authorize()
    return stranger


def block_the_place_of(path):
    """Make a file unreadable and unwritable."""
    path.unlink()
    path.mkdir()


@pytest.fixture
def keys(wiki):
    """Return the line with Bot's password."""
    return wiki.password('Bot') + '\n'


def state(stranger):
    """Return what a set-up changes: files, and clients on the wiki."""
    files = {
        path.name: path.read_text()
        for path in stranger.folder.iterdir()
        if path.is_file() and path.suffix in ('.py', '.json', '.bak')
    }
    clients = stranger.wiki.oauth.clients.values()
    return files, {client.id: client.access_token for client in clients}


def forget_configuration(stranger):
    """Remove user-config.py and the family, as before the first set-up."""
    for name in ('user-config.py', 'sandbox_family.py'):
        (stranger.folder / name).unlink()


@pytest.fixture
def unattended(shows, keys):
    """Return a function that sets up by the API, without a terminal."""

    def unattended(options='', **changes):
        stdin = {'keys': keys, **changes}
        words = 'state          authorized'
        return shows(f'-setup {BY_API} {options}', 0, words, **stdin)

    return unattended


@pytest.fixture
def refused(stranger, shows):
    """Return a function that checks that a set-up changes nothing."""

    def refused(options, status, *words, **stdin):
        before = state(stranger)
        shown = shows(f'-setup {options}', status, *words, **stdin)
        assert state(stranger) == before
        return shown

    return refused
