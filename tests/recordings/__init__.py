"""How two real servers answered: requests and responses, as recorded.

Values that change are symbolic, such as ``<access_token 1>``; nothing else
was edited. The first 67 cases play in order, the names of the others say
what comes before them.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

SERVERS = ('1.43', 'master')


def cases(server: str) -> list[dict[str, Any]]:
    """Return the recorded cases of one of the `SERVERS`."""
    packed = Path(__file__).with_name(f'{server}.json.gz').read_bytes()
    return json.loads(gzip.decompress(packed))['cases']
