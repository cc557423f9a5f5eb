#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Tests of the benchmarks: that they give figures, whatever these are."""
from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest


pytest.importorskip('pyperf')
pytest.importorskip('termios')

from benchmarks import (
    expiry,
    fetch,
    in_process,
    m3api,
    plot,
    sessions,
    startup,
    targets,
    whole_process,
)
from benchmarks.table import Table, duration, ratio
from tests.sandbox.config import environment


@pytest.fixture(autouse=True)
def _keep_folder(monkeypatch):
    """Let Pywikibot have its folder back afterwards."""
    from pywikibot import config

    monkeypatch.setattr(config, 'base_dir', config.base_dir)


def check(table):
    """Check that there are figures, and that they can be shown."""
    assert table.rows
    assert {len(row) for row in table.rows} == {len(table.head)}
    assert all(math.isfinite(value) for value in table.figures.values())
    assert table.title in table.terminal()
    assert table.markdown().count('\n| ') == len(table.rows) + 2
    return table.figures


def test_in_process_compares_four_ways_for_each_body():
    table = in_process.measure(short=True)
    figures = check(table)
    assert len(table.rows) == 6
    assert len(table.benchmarks) == 6 * 4
    assert {'auth_floor_ratio', 'oauth2_ratio', 'oauth1_ratio',
            'flatness'} <= figures.keys()
    assert min(figures.values()) > 0


def test_fetch_compares_five_ways_for_each_body():
    table = fetch.measure(short=True)
    assert check(table)['fetch_floor_ratio'] > 0
    assert len(table.benchmarks) == 6 * 5


def test_whole_processes_count_requests():
    figures = check(whole_process.measure(short=True))
    # Counts do not depend on the machine.
    assert figures['extra_requests'] == 0
    for command in (whole_process.LOGIN, whole_process.EDIT):
        assert figures[f'expiry, {command}'] == 1
    assert figures[f'{whole_process.EDIT}, {whole_process.OAUTH1}, GET'] == 0


def test_the_start_counts_modules():
    figures = check(startup.measure(short=True))
    assert figures['extra_modules'] == 0
    assert figures['line_seconds'] > 0


def test_an_expiry_counts_refreshes():
    figures = check(expiry.measure(short=True))
    assert [figures[f'alone, {name}'] for name in (
        'valid', 'expired', 'refused')] == [1, 2, 3]
    for number in expiry.WAITING[:2]:
        assert figures[f'{number} waiting, refreshes'] == 1
        assert figures[f'{number} waiting, answer'] > 0


def test_sessions_are_weighed():
    figures = check(sessions.measure(short=True))
    assert figures['deserialize, bytes'] > 0


def test_m3api_says_so_where_node_is_not(monkeypatch):
    monkeypatch.setattr(m3api.shutil, 'which', lambda name: None)
    table = m3api.measure(short=True)
    check(table)
    assert table.text == 'Not measured: Node is not installed.'


@pytest.mark.skipif(not m3api.shutil.which('npm'),
                    reason='npm is not installed')
def test_m3api_is_measured_or_not_to_be_had():
    table = m3api.measure(short=True)
    figures = check(table)
    if not table.text.startswith('Not measured'):
        assert figures['m3api, valid'] == 1
        assert figures['m3api, expired'] == 3


def test_durations_and_ratios_have_three_digits():
    assert [duration(seconds) for seconds in (
        .0000000123, .00000123, .0123, 1.234, 123.4, -.0123)] == [
        '12.3 ns', '1.23 µs', '12.3 ms', '1.23 s', '123 s', '-12.3 ms']
    assert ratio(1.234) == '1.23 x'


def test_targets_are_met_or_missed():
    rows = targets.rows({'auth_floor_ratio': 1.4, 'oauth1_ratio': 100,
                         'extra_modules': 0})
    assert [row[-1] for row in rows] == ['met', 'MISSED', 'met']


def test_the_plot_shows_what_was_measured():
    for figures in ({}, {'small form, pywikibot-oauth2': 1e-6}):
        text = plot.svg(figures)
        ElementTree.fromstring(text)
        assert ('1.00 µs' in text) == bool(figures)
        assert 'prefers-color-scheme: dark' in text


def test_a_table_keeps_single_values_for_pyperf():
    table = Table('A title', 'A text.', ('', 'time'))
    assert table.median('a name', [1, 2, 4]) == 2
    assert table.benchmarks[0].get_name() == 'A title: a name'


def test_the_last_line_and_the_files(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks', '--short', '--folder',
         str(tmp_path), '--json', str(tmp_path / 'values.json'), 'startup'],
        cwd=Path(__file__).parents[1], env=environment(tmp_path),
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        'bench: auth_floor_ratio=? oauth2_ratio=? oauth1_ratio=?'
        ' extra_requests=? extra_modules=0')
    results = (tmp_path / 'RESULTS.md').read_text(encoding='utf-8')
    assert '![' in results
    assert 'extra_modules=0' in results
    assert (tmp_path / 'results.svg').exists()
    assert (tmp_path / 'values.json').exists()
