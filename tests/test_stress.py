"""The short form of make stress."""

from __future__ import annotations

import re

import pytest

from tests.stress import main


@pytest.mark.slow
@pytest.mark.parametrize('like', ['1.43', 'master'])
@pytest.mark.parametrize(
    'store', ['file', pytest.param('redis', marks=pytest.mark.redis)]
)
def test_many_processes_lose_nothing_while_some_end(store, like, capsys):
    options = (
        '--seconds 6 --token-life 1 --processes 4 --threads 4 --expiries 2'
    )
    status = main([*options.split(), '--stores', store, '--like', like])
    shown = capsys.readouterr().out
    assert status == 0, shown
    assert re.search(rf'stress: OK store={store} calls=\d{{3,}} ', shown)
