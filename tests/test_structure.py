"""What the modules of the package import, and how they work together."""

from __future__ import annotations

import ast
import re
import sys
from configparser import ConfigParser
from graphlib import TopologicalSorter
from pathlib import Path

import pywikibot
from pywikibot import config
from pywikibot.comms import http

import pywikibot_oauth2
from pywikibot_oauth2 import OAuth2Auth
from tests.helpers import HOUR, Bot, leave_pywikibot, set_up_pywikibot


TOP = Path(pywikibot_oauth2.__file__).parent


def imports_of(path):
    """Return what a module imports, even if lazily or for types only."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            names = {f'{node.module}.{alias.name}' for alias in node.names}
            found |= names | {node.module}
    return found


def test_the_package_requires_what_it_imports():
    config = ConfigParser()
    config.read(TOP.parent / 'setup.cfg')
    extras = config['options.extras_require']
    required = {
        re.match(r'[\w-]+', line)[0].replace('-', '_')
        for text in (config['options']['install_requires'], *extras.values())
        for line in text.split()
    }
    imported = set().union(*map(imports_of, TOP.rglob('*.py')))
    found = {name.partition('.')[0] for name in imported}
    found -= {*sys.stdlib_module_names, 'pywikibot_oauth2'}
    found.remove('typing_extensions')  # for type annotations
    assert found == required & found
    assert {'filelock', 'publicsuffixlist', 'pywikibot'} < found


def test_no_modules_import_each_other_in_a_circle():
    paths = {}
    for path in TOP.rglob('*.py'):
        parts = path.relative_to(TOP.parent).with_suffix('').parts
        paths['.'.join(parts).removesuffix('.__init__')] = path
    # The package itself re-exports what users import.
    del paths['pywikibot_oauth2']
    modules = paths.keys()
    graph = {name: imports_of(paths[name]) & modules for name in modules}
    order = list(TopologicalSorter(graph).static_order())
    assert graph['pywikibot_oauth2.account'] > {'pywikibot_oauth2.token'}
    assert order.index('pywikibot_oauth2.account') < order.index(
        'pywikibot_oauth2.auth'
    )


def changes_of_module(call):
    """Count the changes of module, and the returns to one seen before."""
    modules = ['']

    def note(frame, event, _):
        name = frame.f_globals.get('__name__', '')
        is_ours = name.startswith('pywikibot_oauth2')
        if event == 'call' and is_ours and name != modules[-1]:
            modules.append(name)

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return len(modules) - 2, len(modules) - len(set(modules))


def test_a_request_passes_through_few_modules(monkeypatch, tmp_path, wiki):
    set_up_pywikibot(monkeypatch, tmp_path, en=wiki)
    bot = Bot(wiki, tmp_path)
    bot.log_in()
    config.usernames['sandbox']['en'] = 'Bot'
    config.authenticate[wiki.netloc] = OAuth2Auth(
        bot.registered.id, bot.registered.secret, clock=wiki.clock
    )
    # From here on, nothing is imported lazily.
    http.user_agent()
    pywikibot.login  # noqa: B018

    def request():
        assert http.fetch(wiki.api_url).ok

    changes, returns = changes_of_module(request)
    assert (changes, returns) <= (30, 18), 'with a stored token'
    assert returns <= 18
    changes, _ = changes_of_module(request)
    assert changes <= 1, 'a later request'
    wiki.clock.advance(HOUR)
    changes, returns = changes_of_module(request)
    assert changes <= 24, 'a due token'
    assert returns <= 14
    assert bot.asked == 1
    leave_pywikibot()
