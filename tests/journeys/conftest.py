"""A wiki of each kind, and somebody who owns a bot there."""

from __future__ import annotations

import pytest

from tests.harness import Owner


@pytest.fixture(params=['1.43', 'master'])
def wiki(wiki, request):
    """Return a sandbox wiki that plays one of the recorded servers."""
    wiki.like = request.param
    return wiki


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody whose client is registered and configured."""
    return Owner(tmp_path, wiki)
