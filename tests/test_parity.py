"""PARITY.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path


TESTS = Path(__file__).parent


def test_the_table_names_tests_that_exist():
    table = (TESTS.parent / 'PARITY.md').read_text(encoding='utf-8')
    rows = re.findall(r'^\|(.*)\|$', table, re.MULTILINE)
    named = re.findall(r'`(\w+\.py)::(test_\w+)`', table)
    assert len(named) >= 40
    assert len(rows) > len({test for _, test in named})
    for file, test in named:
        text = (TESTS / file).read_text(encoding='utf-8')
        assert f'def {test}(' in text, f'{file}::{test}'
