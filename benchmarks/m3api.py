"""What m3api-oauth2 costs, the package for Node, where Node is installed."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import expiry, lab
from tests.sandbox import Sandbox


SCRIPT = Path(__file__).with_suffix('.mjs')

# What m3api-oauth2 uses of m3api-rest, for machines that cannot get that.
REST = """
export async function postForJson( session, path, params ) {
	const url = session.apiUrl.replace( /api\\.php$/, 'rest.php' ) + path;
	const response = await fetch( url, { method: 'POST', body: params } );
	if ( !response.ok ) {
		throw new Error( `${ response.status }` );
	}
	return response.json();
}
"""


def measure(*, short=False):
    """Measure m3api-oauth2, or say why not."""
    table = lab.Table(
        '6. m3api-oauth2 beside it',
        '',
        ('', 'time', 'requests more', 'refused'),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            version = _install(folder)
        except (OSError, lab.BenchmarkError) as error:
            table.text = f'Not measured: {str(error).splitlines()[0]}'
            table.rows.append(('not measured', '', '', ''))
            return table
        table.text = (
            f'{version}. The time is what it adds to a request of m3api whose'
            ' answer is made on the spot. It learns of an expiry when a'
            ' request is refused; the counts are those of two edits on the'
            ' sandbox in the manner of "master", as in table 2.'
        )
        calls = {
            name: lambda name=name: median(_node(folder, 'cost', name))
            for name in ('plain', 'oauth2')
        }
        times = lab.by_turns(calls, 1 if short else 4)
        pairs = zip(times['oauth2'], times['plain'], strict=True)
        added = median(ours - plain for ours, plain in pairs)
        table.rows.append(('a request', lab.duration(added), '', ''))
        _count(table, folder)
    return table


def _count(table, folder):
    clock = expiry.Clock(folder / 'clock')
    with Sandbox(like='master', token_life=lab.LIFE, clock=clock) as wiki:
        client = wiki.register()

        def run(scenario, offset):
            clock.set(0)
            pair = wiki.issue(client)
            before = len(wiki.requests)
            if scenario.moment is None:
                clock.set(offset)
            with expiry.at_moment(
                wiki, scenario, 1, lambda: clock.set(offset)
            ):
                _node(
                    folder,
                    'edits',
                    wiki.api_url,
                    client.id,
                    client.secret,
                    pair.access_token,
                    pair.refresh_token,
                )
            requests = wiki.requests[before:]
            return len(requests), sum(r.error is not None for r in requests)

        for scenario in (expiry.AT_START, expiry.BETWEEN):
            without = run(scenario, 0)[0]
            requests, refused = run(scenario, lab.LIFE + 1)
            table.rows.append(
                (f'expiry {scenario.name}', '', requests - without, refused)
            )


def _install(folder):
    """Install the packages in a folder; return what they are."""
    (folder / 'package.json').write_text('{"private": true}')
    note = ''
    try:
        _run('npm', 'install', 'm3api', 'm3api-oauth2', folder=folder)
    except lab.BenchmarkError:
        _run('npm', 'install', 'm3api', folder=folder)
        _stand_in(folder)
        note = ' (with a stand-in for m3api-rest, which cannot be installed)'
    shutil.copy(SCRIPT, folder)
    found = folder / 'node_modules/m3api-oauth2/package.json'
    version = json.loads(found.read_text())['version']
    node = _run('node', '--version', folder=folder).strip()
    return f'm3api-oauth2 {version}{note} on Node {node}'


def _stand_in(folder):
    """Unpack m3api-oauth2 without what it depends on."""
    packed = _run('npm', 'pack', '--silent', 'm3api-oauth2', folder=folder)
    modules = folder / 'node_modules'
    with tarfile.open(folder / packed.split()[-1]) as archive:
        archive.extraction_filter = getattr(tarfile, 'data_filter', None)
        archive.extractall(modules)
    (modules / 'package').rename(modules / 'm3api-oauth2')
    rest = modules / 'm3api-rest'
    rest.mkdir()
    (rest / 'index.js').write_text(REST)
    (rest / 'package.json').write_text(
        '{"type": "module", "main": "index.js"}'
    )


def _node(folder, *arguments):
    return json.loads(_run('node', SCRIPT.name, *arguments, folder=folder))


def _run(*command, folder):
    return lab.run(command, folder, {**os.environ, 'HOME': str(folder)})[0]
