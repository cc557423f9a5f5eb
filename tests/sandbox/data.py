"""What MediaWiki says and knows, in `data.json`: rights, texts, modules."""

from __future__ import annotations

import json
from pathlib import Path


DATA = json.loads(
    Path(__file__).with_name('data.json').read_text(encoding='utf-8')
)
TEXTS = DATA['texts']


def listed(kind):
    """Return the rights of each of the 'groups' or 'grants'."""
    return {name: text.split() for name, text in DATA[kind].items()}
