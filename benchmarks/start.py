"""What starting costs: pwb login, a script that edits, the import."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import lab
from tests.sandbox import Sandbox


LOGIN, SCRIPT, IMPORT = 'pwb login', 'a script that edits', 'import pywikibot'
EDIT = """
import pywikibot
page = pywikibot.Page(pywikibot.Site(), 'Sandbox')
page.text += '\\n* edit'
page.save('test', quiet=True)
"""
MODULES = 'import json, sys, pywikibot; print(json.dumps([*sys.modules]))'
PROMPTS = {'with': '/oauth2/authorize?', 'without': 'Password for user Bot'}


def measure(*, short=False):
    """Run everything with and without the package, by turns."""
    table = lab.Table(
        '3. Starting',
        'New processes with the lines in `user-config.py`, and without them:'
        ' `pwb login` until its prompt, which is that for a password without'
        ' them; a script that makes one edit with a stored token, or with the'
        ' cookies of a password login; and the import alone. The last two are'
        ' processor times. Modules are those of others that Pywikibot by'
        ' itself does not load.',
        *('', 'without', 'with', 'with / without', 'requests more', 'modules'),
    )
    with ExitStack() as stack:
        owners = {name: _Owner(stack, name) for name in ('without', 'with')}
        without, ours = (
            set(json.loads(owner.python('-c', MODULES)[0]))
            for owner in owners.values()
        )
        more = [name for name in ours - without if 'oauth2' not in name]
        for what, rounds in ((LOGIN, 8), (SCRIPT, 12), (IMPORT, 40)):
            rounds = 2 if short else rounds
            calls = {
                name: lambda run=owner.run, what=what: run(what)
                for name, owner in owners.items()
            }
            lab.by_turns(calls, 1)  # fills the caches of Pywikibot
            sent = [-len(owner.wiki.requests) for owner in owners.values()]
            times = lab.by_turns(calls, rounds)
            for index, owner in enumerate(owners.values()):
                sent[index] += len(owner.wiki.requests)
            ratio = lab.ratio(times['with'], times['without'])
            table.figures[f'{what}, ratio'] = ratio
            cells = [lab.duration(median(took)) for took in times.values()]
            cells += [f'{ratio:.3f}', f'{(sent[1] - sent[0]) / rounds:+g}']
            table.rows.append((what, *cells, len(more)))
    table.figures['import_ratio'] = ratio
    table.figures['extra_modules'] = len(more)
    return table


class _Owner:
    """A bot owner with a wiki, who uses the package or a password."""

    def __init__(self, stack, name):
        self.wiki = wiki = stack.enter_context(Sandbox(like='master'))
        self.prompt = PROMPTS[name]
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.folder, self.newcomer = Path(folder), Path(folder, 'newcomer')
        client, password = None, wiki.password('Bot')
        options = ''
        if name == 'with':
            client, password = wiki.register(), None
            options = f', redirect_uri={client.redirect_uri!r}'
            lab.authorize(self.folder, wiki, client)
        lab.configure(self.newcomer, wiki, client, options=options)
        self.environment = lab.configure(
            self.folder, wiki, client, options=options, password=password
        )
        (self.folder / 'edit.py').write_text(EDIT)

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
        assert len(self.wiki.edits) == edits + 1
        return took

    def _until_prompt(self):
        """Run pwb login in a terminal until it asks for something."""
        window, device = pty.openpty()
        # The leader of a session gets the terminal that it opens first.
        shell = ['sh', '-c', 'exec "$@" <"$0"', os.ttyname(device)]
        process = subprocess.Popen(
            [*shell, sys.executable, lab.PWB, 'login'],
            **{'stdin': device, 'stdout': device, 'stderr': device},
            env={**self.environment, 'PYWIKIBOT_DIR': str(self.newcomer)},
            cwd=self.newcomer,
            start_new_session=True,
        )
        os.close(device)
        shown = ''
        while self.prompt not in shown:
            # An error, if it ends without.
            shown += os.read(window, 4096).decode(errors='replace')
        process.kill()
        process.wait()
        os.close(window)
