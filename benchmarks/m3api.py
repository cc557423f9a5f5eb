"""What an expiry costs with m3api-oauth2, where Node is installed."""

import json
import operator
import os
import shutil
import tempfile
from pathlib import Path

from benchmarks import expiry, lab
from tests.sandbox import Sandbox


SCRIPT = Path(__file__).with_suffix('.mjs')
PACKAGE = {
    'private': True,
    'dependencies': {'m3api': '*', 'm3api-oauth2': '*'},
    'overrides': {'m3api-rest': 'file:./rest'},  # not in the registry
}
REST = {
    'package.json': '{"name": "m3api-rest", "version": "1.0.0",'
    ' "type": "module", "main": "index.js"}',
    'index.js': """
export async function postForJson( session, path, params ) {
    const url = session.apiUrl.replace( /api\\.php$/, 'rest.php' ) + path;
    return ( await fetch( url, { method: 'POST', body: params } ) ).json();
}
""",
}


def measure(*, short=False):
    """Measure m3api-oauth2, or say why not."""
    table = lab.Table('', 'more', 'refused')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def run(*command):
            environment = {**os.environ, 'HOME': name}
            return lab.run(command, folder, environment)[0]

        (folder / 'rest').mkdir()
        for part, content in REST.items():
            (folder / 'rest' / part).write_text(content)
        (folder / 'package.json').write_text(json.dumps(PACKAGE))
        shutil.copy(SCRIPT, folder)
        try:
            run('npm', 'install')
        except (OSError, RuntimeError) as error:
            table.rows.append((f'not measured: {error!r:.200}', '', ''))
            return table
        clock = expiry.Clock(folder / 'clock')
        with Sandbox(like='master', token_life=lab.LIFE, clock=clock) as wiki:
            client = wiki.register()
            for scenario in expiry.COMMON:
                counts = []
                for age in (0, scenario.age):
                    clock.set(0)
                    pair, before = wiki.issue(client), len(wiki.requests)
                    keys = wiki.api_url, client.id, client.secret, *pair[:2]
                    with expiry.at_moment(wiki, scenario, 1, clock, age):
                        run('node', SCRIPT.name, *keys)
                    counts.append(expiry.count(wiki.requests[before:]))
                more = map(operator.sub, *reversed(counts))
                table.rows.append((scenario.name, *more))
    return table
