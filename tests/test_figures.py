"""The short forms of make bench and make stress give their figures."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests import stress
from tests.harness import TOP
from tests.sandbox.config import environment


pytestmark = pytest.mark.slow


def test_the_benchmarks_measure_what_their_last_line_names(tmp_path):
    parts = ['authentication', 'expiry', 'start', 'waiting', 'sessions']
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--short', *parts],
        cwd=TOP, env=environment(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(
        r'bench: request_ratio=[\d.]+ oauth2_ratio=[\d.]+ oauth1_ratio=\d+'
        # Counts do not depend on the machine.
        r' import_ratio=[\d.]+ extra_start=1 extra_between_edits=2'
        r' refused=0 warnings=0',
        last,
    )


@pytest.mark.parametrize('like', ['1.43', 'master'])
@pytest.mark.parametrize(
    'store', ['file', pytest.param('redis', marks=pytest.mark.redis)]
)
def test_many_processes_lose_nothing_while_some_end(store, like, capsys):
    options = (
        '--seconds 6 --token-life 1 --processes 4 --threads 4 --expiries 2'
        f' --stores {store} --like {like}'
    )
    status = stress.main(options.split())
    shown = capsys.readouterr().out
    assert status == 0, shown
    assert re.search(rf'stress: OK store={store} calls=[1-9]\d* ', shown)
