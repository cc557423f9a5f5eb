"""What MediaWiki says and knows, in `data.json`: rights, texts, modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA: dict[str, Any] = json.loads(
    Path(__file__).with_name('data.json').read_text(encoding='utf-8')
)
TEXTS: dict[str, str] = DATA['texts']


def listed(kind: str) -> dict[str, list[str]]:
    """Return the rights of each of the 'groups' or 'grants'."""
    return {name: text.split() for name, text in DATA[kind].items()}
