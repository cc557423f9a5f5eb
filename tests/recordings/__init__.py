"""How two real servers answered: requests and responses, as recorded.

Values that change are symbolic, such as ``<access_token 1>``; nothing else
was edited. The first 67 cases play in order, the names of the others say
what comes before them, and `setup.json` says it to the player.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path


FOLDER = Path(__file__).parent
SERVERS = ('1.43', 'master')
# *left_out* are cases that are not played, by the beginning of their names,
# with the reason. *clients* are in the order of their registration. *tokens*
# are the client and the user of an access token, unless confidential and
# Bot. *before* is what had happened before a case: methods of the player and
# their arguments; a case with ``<code>`` that is not there gets a new one.
# *dialogs* are client, button, user and query, *browsers* whose browser an
# address of the dialog is opened in, *claims* which token is looked into.
SETUP = json.loads((FOLDER / 'setup.json').read_text(encoding='utf-8'))


def cases(server):
    """Return the recorded cases of one of the `SERVERS`."""
    packed = (FOLDER / f'{server}.json.gz').read_bytes()
    return json.loads(gzip.decompress(packed))['cases']
