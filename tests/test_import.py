#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the import, from user-config.py and from elsewhere."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pywikibot_oauth2
from tests.sandbox.config import environment


EXAMPLE = Path(__file__).parent.parent / 'user-config.example.py'
CONFIG = """
family = 'wikipedia'
mylang = 'en'
usernames['wikipedia']['en'] = 'Bot'
"""
USE = """
import pywikibot_oauth2 as _oauth2
authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(
    'client id', 'client secret', redirect_uri='http://127.0.0.1:8080/')
"""
LOAD = 'import sys, pywikibot, pywikibot.bot, pywikibot.site\n'
MODULES = LOAD + "print(*sys.modules, sep='\\n')"


def run(folder, program, config=CONFIG):
    """Run a program whose Pywikibot has this configuration."""
    path = folder / 'user-config.py'
    path.touch(mode=0o600)
    path.write_text(config)
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', program], cwd=folder,
        env=environment(folder), stdin=subprocess.DEVNULL,
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    return done.stdout


def test_user_config_imports_the_package_without_a_warning(tmp_path):
    assert run(tmp_path, LOAD + 'print(pywikibot.config.authenticate)',
               CONFIG + USE) == (
        "{'*.wikipedia.org': OAuth2Auth('client id',"
        " redirect_uri='http://127.0.0.1:8080/')}\n")


def test_user_config_loads_nothing_that_pywikibot_does_not_load(tmp_path):
    without = set(run(tmp_path, MODULES).split())
    loaded = set(run(tmp_path, MODULES, CONFIG + USE).split()) - without
    assert 'pywikibot_oauth2.auth' in loaded
    assert {name.partition('.')[0] for name in loaded} == {
        'pywikibot_oauth2'}
    for late in ('authorize', 'endpoint', 'listener', 'login', 'terminal'):
        assert f'pywikibot_oauth2.{late}' not in loaded


def test_the_package_is_imported_where_pywikibot_is_not_yet(tmp_path):
    # Then user-config.py is executed in the middle of the import.
    run(tmp_path, 'import pywikibot_oauth2.login', CONFIG + USE)
    run(tmp_path, 'import pywikibot_oauth2', CONFIG + USE)


def test_importing_asks_no_wiki_and_writes_no_file(tmp_path):
    program = """
import socket, sys
sys.addaudithook(lambda event, args: event.startswith('socket.connect')
                 and sys.exit(f'{event}{args}'))
""" + LOAD + 'import pywikibot_oauth2.login'
    run(tmp_path, program, CONFIG + USE)
    assert not list(tmp_path.glob('*oauth2*'))


def test_the_login_manager_is_one_of_pywikibot(tmp_path):
    run(tmp_path, """
import pywikibot.login
original = pywikibot.login.ClientLoginManager
import pywikibot_oauth2.login
assert issubclass(pywikibot_oauth2.login.OAuth2LoginManager, original)
assert pywikibot.login.ClientLoginManager is original
""")


def test_all_names_what_there_is():
    for name in pywikibot_oauth2.__all__:
        assert hasattr(pywikibot_oauth2, name)
    public = {name for name, value in vars(pywikibot_oauth2).items()
              if isinstance(value, type)}
    assert public | {'__version__'} == set(pywikibot_oauth2.__all__)
    assert {'OAuth2Auth', 'OAuth2Client', 'OAuth2Session',
            'OAuth2Error'} < public


def test_there_is_a_version():
    metadata = pytest.importorskip('importlib.metadata')
    assert metadata.version('pywikibot-oauth2') \
        == pywikibot_oauth2.__version__


def test_the_example_runs_through_the_loader_of_pywikibot(tmp_path):
    assert run(tmp_path, LOAD + """
from pywikibot import config
print(config.family, config.mylang, dict(config.usernames['wikipedia']))
auth = config.authenticate['*.wikipedia.org']
print(auth, auth.login_timeout, type(auth.store).__name__)
""", EXAMPLE.read_text()) == (
        "wikipedia en {'en': 'Bot'}\n"
        "OAuth2Auth('client id', redirect_uri='http://127.0.0.1:8080/')"
        ' 300 FileStore\n')


def test_the_lines_of_the_example_that_are_comments_work_too(tmp_path):
    # A comment that is a line to take begins with '# ' and ends a
    # paragraph that says so; here are all of them.
    text = EXAMPLE.read_text()
    commented = [line for line in text.splitlines()
                 if line.startswith(('# usernames[', '# authenticate['))]
    assert len(commented) >= 3
    for line in commented:
        text = text.replace(line, line[2:])
    assert run(tmp_path, LOAD + """
from pywikibot import config
print(len({id(auth) for auth in config.authenticate.values()}),
      sorted(config.authenticate))
""", text) == ("1 ['*.wikidata.org', '*.wikimedia.org',"
               " '*.wikipedia.org']\n")


# What a future Pywikibot might do instead.
RENAMED = """
login.LoginManagerOfTheFuture = login.ClientLoginManager
del login.ClientLoginManager
"""
BOUND_EARLY = """
def log_in(self, autocreate=False, user=None, *, cookie_only=False):
    if not cookie_only:
        print('Password:')
APISite.login = log_in
"""


@pytest.mark.parametrize('future', [RENAMED, BOUND_EARLY])
def test_a_pywikibot_without_the_hook_is_named_and_not_used(
        tmp_path, wiki, future):
    from tests.journey import Owner

    owner = Owner(tmp_path, wiki)
    script = tmp_path / 'script.py'
    script.write_text(f"""
import pywikibot
from pywikibot import login
from pywikibot.site import APISite
pywikibot.__version__ = '99.1'
{future}
site = pywikibot.Site()
print(site.siteinfo['generator'])
site.login()
""")
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path,
                          env=owner.environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    said = ' '.join((done.stdout + done.stderr).split())
    assert 'pywikibot-oauth2 does not work with Pywikibot 99.1' in said
    assert 'Password' not in said
    assert 'Traceback' not in said
    assert not wiki.requests
