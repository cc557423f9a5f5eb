#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What m3api-oauth2 costs, the package for Node: where Node is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from benchmarks.table import Table, duration
from tests.harness import grants
from tests.sandbox import Sandbox


SCRIPT = Path(__file__).with_suffix('.mjs')
SECONDS = 60

# What m3api-oauth2 uses of m3api-rest, for machines that do not get that.
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


class NotInstalledError(Exception):
    """Node or a package is not to be had here."""


def measure(*, short: bool = False) -> Table:
    """Measure m3api-oauth2, or say why not."""
    table = Table(
        '7. m3api-oauth2 on Node',
        '',
        ('', 'time of a request', 'requests', 'refreshes'),
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            version = _install(folder)
        except NotInstalledError as error:
            table.text = f'Not measured: {error}.'
            table.rows.append(('not measured', '', '', ''))
            return table
        table.text = (
            f'{version}. m3api by itself and with an m3api-oauth2 session,'
            ' the answer being made on the spot; then, at a wiki on this'
            ' machine, a request with a valid and one with an expired token.'
            ' m3api-oauth2 refreshes after a request was refused.'
        )
        _cost(table, folder, *((20, 1) if short else (200, 6)))
        _expiry(table, folder, 1 if short else 5)
    return table


def _cost(table: Table, folder: Path, number: int, rounds: int) -> None:
    times: dict[str, list[float]] = {'plain': [], 'oauth2': []}
    for _ in range(rounds):
        for name, values in times.items():
            values += _node(folder, 'cost', name, str(number))
    plain, oauth2 = (
        table.median(name, values) for name, values in times.items()
    )
    noise = sum(benchmark.median_abs_dev() for benchmark in table.benchmarks)
    table.rows += [
        ('m3api, no network', duration(plain), '', ''),
        ('m3api with m3api-oauth2, no network', duration(oauth2), '', ''),
        (
            'm3api-oauth2 alone, and the noise in that',
            f'{duration(oauth2 - plain)} ± {duration(noise)}',
            '',
            '',
        ),
    ]
    table.figures['m3api-oauth2 alone'] = oauth2 - plain


def _expiry(table: Table, folder: Path, rounds: int) -> None:
    with Sandbox() as wiki:
        client = wiki.register()
        for name in ('valid', 'expired'):
            times = []
            for _ in range(rounds):
                pair = wiki.issue(client)
                if name == 'expired':
                    wiki.expire_access_tokens()
                before = len(wiki.requests), grants(wiki, 'refresh_token')
                times.append(
                    _node(
                        folder,
                        'expiry',
                        wiki.api_url,
                        client.id,
                        client.secret,
                        pair.access_token,
                        pair.refresh_token,
                    )
                )
            count = len(wiki.requests) - before[0]
            table.rows.append(
                (
                    f'a request, token {name}',
                    duration(table.median(name, times)),
                    str(count),
                    str(grants(wiki, 'refresh_token') - before[1]),
                )
            )
            table.figures[f'm3api, {name}'] = count


def _install(folder: Path) -> str:
    """Install the packages in a folder; return what they are."""
    node, npm = shutil.which('node'), shutil.which('npm')
    if not node or not npm:
        raise NotInstalledError('Node is not installed')
    (folder / 'package.json').write_text('{"private": true}')
    note = ''
    try:
        _run([npm, 'install', 'm3api', 'm3api-oauth2'], folder)
    except NotInstalledError:
        _run([npm, 'install', 'm3api'], folder)
        packed = _run(
            [npm, 'pack', '--silent', 'm3api-oauth2'], folder
        ).split()[-1]
        modules = folder / 'node_modules'
        with tarfile.open(folder / packed) as archive:
            # Where Python has no filter yet, the attribute does nothing.
            archive.extraction_filter = getattr(tarfile, 'data_filter', None)
            # Every member lies below package/.
            archive.extractall(
                modules,
                members=[
                    member
                    for member in archive
                    if member.isfile()
                    and '..' not in member.name
                    and member.name.startswith('package/')
                ],
            )
        (modules / 'package').rename(modules / 'm3api-oauth2')
        rest = modules / 'm3api-rest'
        rest.mkdir()
        (rest / 'index.js').write_text(REST)
        (rest / 'package.json').write_text(
            '{"type": "module", "main": "index.js"}'
        )
        note = (
            ' (its dependency m3api-rest could not be installed and is'
            ' stood in for by ten lines)'
        )
    shutil.copy(SCRIPT, folder)
    version = json.loads(
        (folder / 'node_modules/m3api-oauth2/package.json').read_text()
    )
    return (
        f'm3api-oauth2 {version["version"]}{note} on Node'
        f' {_run([node, "--version"], folder).strip()}'
    )


def _node(folder: Path, *arguments: str) -> object:
    return json.loads(_run(['node', SCRIPT.name, *arguments], folder))


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalledError(f'{command[:3]} takes too long') from None
    if done.returncode:
        raise NotInstalledError(
            f'{" ".join(command[:3])} fails: {done.stderr[-200:]}'
        )
    return done.stdout
