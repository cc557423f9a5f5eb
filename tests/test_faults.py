#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The short form of "make faults", and that it would tell."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


pytest.importorskip('resource')

from tests.faults.table import TABLE, Row, run
from tests.faults.watch import check


ROWS = [row for row in TABLE if row.is_short]


@pytest.fixture(scope='module')
def shown():
    """Run the program; return what it printed, and its exit status."""
    done = subprocess.run(
        [sys.executable, '-m', 'tests.faults', '--short'],
        cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300)
    return done.stdout, done.returncode


@pytest.mark.parametrize('row', ROWS, ids=[row.name for row in ROWS])
def test_fault_comes_out_as_it_must(shown, row):
    lines = [line for line in shown[0].splitlines()
             if re.match(re.escape(row.name) + r' +\d+  ', line)]
    assert len(lines) == 1, shown[0]
    times, outcome = lines[0][len(row.name):].split(maxsplit=1)
    assert outcome == row.outcome
    assert int(times) > 0


def test_last_line_counts_what_was_injected_lost_and_leaked(shown):
    head, *rows, last = shown[0].splitlines()
    end = head.index('times') + len('times')
    injected = sum(int(row[:end].split()[-1]) for row in rows)
    assert last == (f'faults: OK kinds={len(ROWS)} injected={injected}'
                    ' lost=0 leaked=0')
    assert shown[1] == 0


def test_faults_have_names_of_their_own():
    names = [row.name for row in TABLE]
    assert len(set(names)) == len(names)


def test_failing_fault_is_named_above_a_last_line_that_says_so():
    def fails():
        check(False, 'the bot did', 'this')

    lines = []
    assert not run([Row('good', 'goes on', int, True),
                    Row('bad one', 'goes on', fails, True)],
                   lines.append)
    assert lines[1:2] == ['good         0  goes on']
    assert re.fullmatch(
        r'bad one      0  FAILED \(table\.py:\d+, watch\.py:\d+\)'
        ' BrokenError: the bot did this', lines[2])
    assert lines[3:] == ['faults: FAILED kinds=2 failed=1 injected=0 lost=0'
                         ' leaked=0']
