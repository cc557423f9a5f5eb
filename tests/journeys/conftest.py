"""A wiki of each kind, and somebody who owns a bot there."""

from __future__ import annotations

import pytest

from tests.harness import Owner


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    """Return which server the wiki plays."""
    return request.param


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody whose client is registered and configured."""
    return Owner(tmp_path, wiki)
