"""A wiki of each kind, and somebody who owns a bot there."""

from __future__ import annotations

import pytest

from tests.harness import Owner, editors


COMMAND = 'pwb login -site:sandbox:en'


@pytest.fixture(params=['1.43', 'master'])
def like(request):
    """Return which server the wiki plays."""
    return request.param


def stops(owner, *options, last=COMMAND):
    """Check that a script ends without an edit, and what it says last."""
    before = editors(owner.wiki)
    done = owner.alone(owner.script(), '1', *options)
    assert done.returncode != 0
    assert done.stdout.rstrip().endswith(last)
    assert editors(owner.wiki) == before
    return done.stdout


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody whose client is registered and configured."""
    return Owner(tmp_path, wiki)
