"""A smoke test of the benchmarks: they give figures, whatever these are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.config import environment


PARTS = ['authentication', 'expiry', 'start', 'waiting', 'sessions']


@pytest.mark.slow
def test_the_benchmarks_measure_what_their_last_line_names(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--short', *PARTS],
        cwd=Path(__file__).parents[1], env=environment(tmp_path),
        capture_output=True, text=True,
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
