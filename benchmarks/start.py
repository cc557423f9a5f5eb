"""What starting costs: pwb login, a script that edits, the import."""

import json
import os
import pty
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import expiry, lab
from tests.sandbox import Sandbox


LOGIN, SCRIPT, IMPORT = 'pwb login', 'a script that edits', 'import pywikibot'
MODULES = 'import json, sys, pywikibot; print(json.dumps([*sys.modules]))'


def measure(*, short=False):
    """Run everything with and without the package, by turns."""
    table = lab.Table(*('', 'without', 'with', 'with / without', 'modules'))
    with ExitStack() as stack:
        owners = [_Owner(stack, is_ours=is_ours) for is_ours in (False, True)]
        sets = [
            set(json.loads(one.python('-c', MODULES)[0])) for one in owners
        ]
        more = [name for name in sets[1] - sets[0] if 'oauth2' not in name]
        for what, rounds in ((LOGIN, 8), (SCRIPT, 12), (IMPORT, 40)):
            rounds = 2 if short else rounds
            calls = {one.is_ours: partial(one.run, what) for one in owners}
            lab.by_turns(calls, 1)  # fills the caches of Pywikibot
            times = lab.by_turns(calls, rounds)
            ratio = lab.ratio(times[True], times[False])
            cells = [lab.duration(median(took)) for took in times.values()]
            table.rows.append((what, *cells, f'{ratio:.3f}', len(more)))
    table.figures = {'import_ratio': ratio, 'extra_modules': len(more)}
    return table


class _Owner:
    """A bot owner with a wiki, who uses the package or a password."""

    def __init__(self, stack, *, is_ours):
        self.is_ours = is_ours
        self.wiki = wiki = stack.enter_context(Sandbox(like='master'))
        self.folder = Path(stack.enter_context(TemporaryDirectory()))
        self.newcomer = self.folder / 'newcomer'
        settings = {}
        if is_ours:
            client = settings['client'] = wiki.register()
            settings['options'] = f', redirect_uri={client.redirect_uri!r}'
            lab.authorize(self.folder, wiki, client)
        self.first = lab.configure(self.newcomer, wiki, **settings)
        if not is_ours:
            settings['password'] = wiki.password('Bot')
        self.environment = lab.configure(self.folder, wiki, **settings)
        self.environment['NUMBER'] = '1'
        (self.folder / 'edit.py').write_text(expiry.EDITS)

    def python(self, *arguments):
        command = [sys.executable, *arguments]
        return lab.run(command, self.folder, self.environment)

    def run(self, what):
        """Run something; return its seconds."""
        if what == LOGIN:
            return lab.timed(self._until_prompt)
        if what == IMPORT:
            return self.python('-c', 'import pywikibot')[1]
        edits = len(self.wiki.edits)
        took = self.python('edit.py')[1]
        assert len(self.wiki.edits) == edits + 2
        return took

    def _until_prompt(self):
        """Run pwb login in a terminal until it asks for something."""
        prompt = b'oauth2/authorize?' if self.is_ours else b'Password for user'
        window, device = pty.openpty()
        # The leader of a session gets the terminal that it opens first.
        shell = ['sh', '-c', 'exec "$@" <"$0"', os.ttyname(device)]
        terminal = dict.fromkeys(('stdin', 'stdout', 'stderr'), device)
        options = {'env': self.first, 'cwd': self.newcomer, **terminal}
        command = [*shell, sys.executable, lab.PWB, 'login']
        process = subprocess.Popen(command, start_new_session=True, **options)
        os.close(device)
        shown = b''
        try:
            while prompt not in shown:
                shown += os.read(window, 4096)
        except OSError:  # Linux says so once no program uses it any more
            raise AssertionError(shown.decode()) from None
        process.kill()
        process.wait()
        os.close(window)
