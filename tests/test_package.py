"""What the package offers, and what its import does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pywikibot_oauth2
from pywikibot_oauth2 import _exports
from tests.sandbox.config import environment


def test_all_and_dir_list_the_public_names():
    public = {
        name
        for name, value in vars(_exports).items()
        if isinstance(value, type) and value is getattr(pywikibot_oauth2, name)
    }
    assert public == {*pywikibot_oauth2.__all__}
    # This also serves help(), completion and inspect.getmembers. Of the
    # names, only OAuth2Auth is imported with the package.
    assert {*dir(pywikibot_oauth2)} >= {'__all__', '__doc__', *public}
    assert 'OAuth2Session' not in vars(pywikibot_oauth2)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        pywikibot_oauth2.other  # noqa: B018
    assert not hasattr(pywikibot_oauth2, '')


@pytest.mark.slow
def test_type_checkers_know_the_public_names(tmp_path):
    pytest.importorskip('mypy')
    names = ', '.join(pywikibot_oauth2.__all__)
    program = f'from pywikibot_oauth2 import {names}'
    top = Path(pywikibot_oauth2.__file__).parents[1]
    subprocess.run(
        [sys.executable, '-m', 'mypy', '--strict', '--follow-imports=silent',
         '-c', program],
        cwd=tmp_path, env={**os.environ, 'MYPYPATH': str(top)}, check=True,
    )  # fmt: skip


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
AUTH = (
    "OAuth2Auth(<OAuth2Client 'client id' (confidential),"
    " redirect_uri='http://127.0.0.1:8080/'>)"
)


def execute(folder, program, config=CONFIG + USE):
    """Run a program whose Pywikibot has this configuration.

    :return: what it prints, which must be no error
    """
    path = folder / 'user-config.py'
    path.touch(mode=0o600)
    path.write_text(config)
    done = subprocess.run(
        [sys.executable, '-W', 'error', '-c', program], cwd=folder,
        env=environment(folder), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout


def test_user_config_loads_nothing_that_pywikibot_does_not_load(tmp_path):
    program = LOAD + "print(*sys.modules, sep='\\n')"
    without = {*execute(tmp_path, program, CONFIG).split()}
    loaded = {*execute(tmp_path, program).split()} - without
    assert 'pywikibot_oauth2.auth' in loaded
    late = {'login', 'cli', 'scripts', '__main__'}
    assert not {f'pywikibot_oauth2.{name}' for name in late} & loaded
    assert {name.partition('.')[0] for name in loaded} == {'pywikibot_oauth2'}


@pytest.mark.parametrize(
    'first', ['', '.auth', '.errors', '.login', '.session', '.stores.file']
)
def test_it_may_be_imported_before_pywikibot_or_by_it(tmp_path, first):
    shown = f"{{'*.wikipedia.org': {AUTH}}}\n"
    program = 'import pywikibot\nprint(pywikibot.config.authenticate)'
    if not first:
        assert execute(tmp_path, program) == shown
    # Then user-config.py is run in the middle of the import.
    program = f'import pywikibot_oauth2{first}\n{program}'
    assert execute(tmp_path, program) == shown


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork')
def test_a_process_may_fork_while_a_thread_loads_what_a_request_needs(
    tmp_path,
):
    program = """
import os, signal, sys, threading, warnings, pywikibot
warnings.simplefilter('ignore')
(auth,) = pywikibot.config.authenticate.values()
wiki = 'https://en.wikipedia.org/w'
loading, forked = threading.Event(), threading.Event()
class Finder:
    def find_spec(name, *_):
        if name == 'pywikibot_oauth2.bearer':
            loading.set()
            forked.wait(0.5)
sys.meta_path.insert(0, Finder)
thread = threading.Thread(target=auth.bearer_for, args=(wiki, 'Bot'))
thread.start()
loading.wait()
child = os.fork()
if not child:
    signal.alarm(30)
    auth.bearer_for(wiki, 'Bot')
    os._exit(0)
forked.set()
thread.join()
print(os.waitpid(child, 0)[1])
"""
    assert execute(tmp_path, program) == '0\n'


def test_importing_asks_no_wiki_writes_no_file_and_replaces_nothing(tmp_path):
    program = f"""
import sys
sys.addaudithook(lambda event, args: event.startswith('socket.connect')
                 and sys.exit(f'{{event}}{{args}}'))
{LOAD}
import pywikibot.login
original = pywikibot.login.ClientLoginManager
import pywikibot_oauth2.login
assert issubclass(pywikibot_oauth2.login.OAuth2LoginManager, original)
assert pywikibot.login.ClientLoginManager is original
"""
    execute(tmp_path, program)
    assert not list(tmp_path.glob('*oauth2*'))
