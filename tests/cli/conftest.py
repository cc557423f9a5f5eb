"""What the tests of the command line share."""

from __future__ import annotations

import pytest

from tests.harness import Owner


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    """Return which server the wiki plays."""
    return request.param


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody who has a Pywikibot folder, and no OAuth 2.0 yet."""
    return Owner(tmp_path, wiki, has_oauth=False)


@pytest.fixture
def authorized(tmp_path, wiki):
    """Return somebody who has logged in."""
    owner = Owner(tmp_path, wiki)
    owner.authorize()
    return owner
