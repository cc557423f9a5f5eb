"""What is installed, and what its import does."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import pywikibot_oauth2
from tests.sandbox.config import environment


TOP = Path(__file__).parents[1]
PACKAGE = TOP / 'pywikibot_oauth2'
SOURCES = {
    path.relative_to(TOP).as_posix()
    for path in PACKAGE.rglob('*')
    if path.suffix == '.py' or path.name == 'py.typed'
}


def run(*arguments, folder, env):
    """Run Python; return what it prints, which must be no error."""
    done = subprocess.run(
        [sys.executable, '-W', 'error', *arguments], cwd=folder, env=env,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    return done.stdout


# The wheel


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the sources, without the tests."""
    folder = tmp_path_factory.mktemp('wheel')
    for name in [*SOURCES, 'README.md', 'LICENSE', 'pyproject.toml',
                 'setup.cfg']:  # fmt: skip
        copy = folder / 'source' / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((TOP / name).read_bytes())
    pip('wheel', '--wheel-dir', folder, folder / 'source')
    (built,) = folder.glob('*.whl')
    return built


def pip(command, *arguments):
    done = subprocess.run(
        [sys.executable, '-m', 'pip', command, '--quiet', '--no-deps',
         '--disable-pip-version-check', *map(str, arguments)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_works_without_the_sources(
    wheel, tmp_path
):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if '.dist-info/' not in n}
    assert names == SOURCES
    pip('install', '--target', tmp_path, wheel)
    program = (
        'import pywikibot_oauth2 as p\n'
        'from pywikibot_oauth2.login import OAuth2LoginManager\n'
        'print(p.__file__, p.OAuth2Auth("id", "c0ffee"))'
    )
    env = {
        'PYTHONPATH': str(tmp_path),
        'HOME': str(tmp_path),
        'PYWIKIBOT_NO_USER_CONFIG': '2',
    }
    shown = run('-c', program, folder=tmp_path, env=env)
    assert str(tmp_path / 'pywikibot_oauth2') in shown
    assert 'c0ffee' not in shown


def imported(path):
    """Yield the modules that a module imports, by their first names."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        yield from (name.partition('.')[0] for name in names)


def distribution(wheel):
    root = zipfile.Path(wheel)
    (folder,) = (p for p in root.iterdir() if p.name.endswith('dist-info'))
    return metadata.PathDistribution(folder)


@pytest.mark.slow
def test_the_wheel_requires_what_the_package_imports(wheel):
    installed = distribution(wheel)
    assert installed.version == pywikibot_oauth2.__version__
    found = {n for path in PACKAGE.rglob('*.py') for n in imported(path)}
    found -= {*sys.stdlib_module_names, 'pywikibot_oauth2'}
    required = {
        re.match(r'[\w-]+', line)[0].replace('-', '_')
        for line in installed.requires
    }
    # These come with requests-oauthlib and Pywikibot; the last one is for
    # type annotations.
    found -= {'oauthlib', 'requests', 'urllib3', 'typing_extensions'}
    assert found == required & found
    assert {'filelock', 'publicsuffixlist', 'pywikibot'} < found


def test_all_names_what_there_is():
    exports = importlib.import_module('pywikibot_oauth2._exports')
    public = {
        name
        for name, value in vars(exports).items()
        if isinstance(value, type) and value is getattr(pywikibot_oauth2, name)
    }
    assert public == {*pywikibot_oauth2.__all__}
    assert public == {
        'AuthorizationEndedError', 'AuthorizationError', 'ClientRefusedError',
        'ConfigurationError', 'EndpointError', 'FileStore', 'KeyringStore',
        'OAuth2Auth', 'OAuth2Client', 'OAuth2Error', 'OAuth2Session',
        'RedisStore', 'Store', 'StoreError',
    }  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        pywikibot_oauth2.other  # noqa: B018


# The import


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
    """Run a program whose Pywikibot has this configuration."""
    path = folder / 'user-config.py'
    path.touch(mode=0o600)
    path.write_text(config)
    return run('-c', program, folder=folder, env=environment(folder))


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
def test_the_package_may_be_imported_before_pywikibot_or_by_it(
    tmp_path, first
):
    shown = f"{{'*.wikipedia.org': {AUTH}}}\n"
    program = 'import pywikibot\nprint(pywikibot.config.authenticate)'
    if not first:
        assert execute(tmp_path, program) == shown
    # Then user-config.py is run in the middle of the import.
    program = f'import pywikibot_oauth2{first}\n{program}'
    assert execute(tmp_path, program) == shown


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


# The example


def test_the_lines_of_the_example_that_are_comments_work_too(tmp_path):
    text = (TOP / 'user-config.example.py').read_text(encoding='utf-8')
    # A comment that is a statement begins with '# ', its other lines with
    # more blanks.
    pattern = r'(?m)^# ((?:usernames|authenticate)\[.*(?:\n#  .*)*)'
    found = [line.replace('\n#', '\n') for line in re.findall(pattern, text)]
    assert len(found) >= 7
    path = tmp_path / '.pywikibot-oauth2.json'
    path.touch(mode=0o600)
    path.write_text('{"client_id": "id", "client_secret": "c0ffee"}')
    program = LOAD + 'print(*sorted(pywikibot.config.authenticate))'
    config = '\n'.join([text, *found]).replace('…', 'x')
    shown = execute(tmp_path, program, config)
    assert shown == '*.wikidata.org *.wikimedia.org *.wikipedia.org\n'
