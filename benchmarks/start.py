"""What starting costs: pwb login, a script that edits, the import."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks import lab
from tests.sandbox import Sandbox


PWB = str(Path(sysconfig.get_path('scripts'), 'pwb'))
LOGIN, SCRIPT, IMPORT = 'pwb login', 'a script that edits', 'import pywikibot'
EDIT = """
import pywikibot
page = pywikibot.Page(pywikibot.Site(), 'Sandbox')
page.text += '\\n* edit'
page.save('test', quiet=True)
"""
MODULES = """
import json, sys
import pywikibot
print(json.dumps(list(sys.modules)))
"""
PROMPTS = {'with': '/oauth2/authorize?', 'without': 'Password for user Bot'}


def measure(*, short=False):
    """Run everything with and without the package, by turns."""
    table = lab.Table(
        '3. Starting',
        'New processes with the lines in `user-config.py`, and without them,'
        ' by turns: `pwb login` from its start to its prompt, where "without"'
        ' is the one for a password; a script that makes one edit with a'
        ' stored token, or with the cookies of a password login; and the'
        ' import alone. Requests are those to the wiki. Modules are those'
        ' that Pywikibot by itself does not load, without those of this'
        ' package.',
        ('', 'without', 'with', 'with / without', 'requests more', 'modules'),
    )
    with ExitStack() as stack:
        owners = {
            name: _Owner(stack, is_ours=name == 'with')
            for name in ('without', 'with')
        }
        modules = [set(owner.modules()) for owner in owners.values()]
        more = {
            name
            for name in modules[1] - modules[0]
            if name.partition('.')[0] != 'pywikibot_oauth2'
        }
        for what, rounds in ((LOGIN, 8), (SCRIPT, 8), (IMPORT, 40)):
            _compare(table, owners, what, 2 if short else rounds, more)
    table.figures['extra_modules'] = len(more)
    return table


def _compare(table, owners, what, rounds, more):
    calls = {
        name: lambda owner=owner: owner.run(what)
        for name, owner in owners.items()
    }
    lab.by_turns(calls, 1)  # fills the caches of Pywikibot
    before = [len(owner.wiki.requests) for owner in owners.values()]
    times = lab.by_turns(calls, rounds)
    after = [len(owner.wiki.requests) for owner in owners.values()]
    without, ours = (
        (last - first) / rounds
        for first, last in zip(before, after, strict=True)
    )
    quotient = lab.ratio(times['with'], times['without'])
    table.rows.append(
        (
            what,
            *(lab.duration(median(values)) for values in times.values()),
            f'{quotient:.3f}',
            f'{ours - without:+.0f}',
            ', '.join([str(len(more)), *sorted(more)])
            if what == IMPORT
            else '',
        )
    )
    table.figures[f'{what}, ratio'] = quotient
    if what == IMPORT:
        table.figures['import_ratio'] = quotient


class _Owner:
    """A bot owner with a wiki, who uses the package or a password."""

    def __init__(self, stack, *, is_ours):
        self.is_ours = is_ours
        self.wiki = stack.enter_context(Sandbox(like='master'))
        self.client = self.wiki.register(redirect_uri='http://127.0.0.1:1/')
        folder = tempfile.TemporaryDirectory(prefix=f'is-ours-{is_ours}-')
        self.folder = Path(stack.enter_context(folder))
        self.newcomer = self.folder / 'newcomer'
        client = self.client if is_ours else None
        options = f', redirect_uri={self.client.redirect_uri!r}'
        self.environment = lab.configure(
            self.folder,
            self.wiki,
            client,
            options=options,
            password=None if is_ours else self.wiki.password('Bot'),
        )
        if is_ours:
            lab.authorize(self.folder, self.wiki, self.client)
        self.first = lab.configure(
            self.newcomer, self.wiki, client, options=options
        )
        (self.folder / 'edit.py').write_text(EDIT)

    def modules(self):
        command = [sys.executable, '-c', MODULES]
        return json.loads(lab.run(command, self.folder, self.environment)[0])

    def run(self, what):
        """Run something; return its seconds."""
        if what == LOGIN:
            return self._until_prompt()
        if what == SCRIPT:
            edits = len(self.wiki.edits)
            command = [sys.executable, 'edit.py']
            took = lab.run(command, self.folder, self.environment)[1]
            if len(self.wiki.edits) != edits + 1:
                raise lab.BenchmarkError('the script did not edit')
            return took
        command = [sys.executable, '-c', 'import pywikibot']
        return lab.run(command, self.folder, self.environment)[1]

    def _until_prompt(self):
        """Run pwb login in a terminal until it asks for something."""
        prompt = PROMPTS['with' if self.is_ours else 'without']
        window, device = pty.openpty()
        start = time.perf_counter()
        # The leader of a session gets the terminal that it opens first.
        process = subprocess.Popen(
            ['sh', '-c', 'exec "$@" <"$0"', os.ttyname(device)]
            + [sys.executable, PWB, 'login'],
            stdin=device,
            stdout=device,
            stderr=device,
            env={**self.first, 'BROWSER': 'true %s'},
            cwd=self.newcomer,
            start_new_session=True,
        )
        os.close(device)
        shown = ''
        try:
            while prompt not in shown:
                if not select.select([window], [], [], lab.SECONDS)[0]:
                    raise OSError
                shown += os.read(window, 4096).decode(errors='replace')
            return time.perf_counter() - start
        except OSError:
            raise lab.BenchmarkError(f'no prompt:\n{shown}') from None
        finally:
            process.kill()
            process.wait()
            os.close(window)
