"""What MediaWiki says and knows, in `data.json`: rights, texts, modules."""

from __future__ import annotations

import json
import time
from pathlib import Path


DATA = json.loads(
    Path(__file__).with_name('data.json').read_text(encoding='utf-8')
)
TEXTS = DATA['texts']
READABLE = '%H:%M, %d %B %Y'


def timestamp(seconds, form='%Y-%m-%dT%H:%M:%SZ'):
    return time.strftime(form, time.gmtime(seconds))
