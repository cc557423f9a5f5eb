"""What the tests of the stores share; each has a fixture "place"."""

from __future__ import annotations

import pytest
from pywikibot import config


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let Pywikibot keep its files in a folder of the test."""
    monkeypatch.setattr(config, 'base_dir', str(tmp_path))
    monkeypatch.delenv('PYWIKIBOT_OAUTH2_FOLDER', raising=False)
    return tmp_path


@pytest.fixture
def store(place):
    return place.open()


@pytest.fixture
def path(place):
    return place.path
