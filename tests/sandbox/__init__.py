"""A stand-in for a MediaWiki with Extension:OAuth, on loopback.

It answers as `tests/recordings.json` says a real one does::

    with Sandbox(token_life=20) as wiki:
        client = wiki.register(redirect_uri='http://127.0.0.1:8080/')
        tokens = wiki.issue(client)

Where things are: `sandbox.py` what a test can ask and arrange, `oauth.py`
clients, codes and tokens, `dialog.py` the pages a person sees, `rest.py`
and `api.py` the two interfaces of MediaWiki, `query.py`, `lists.py`,
`properties.py`, `siteinfo.py` and `pages.py` what Pywikibot reads,
`accounts.py` users and their rights, `faults.py` what goes wrong on request,
`server.py` and `wire.py` HTTP, `browser.py` a person with a browser,
`config.py` a Pywikibot folder, `clock.py` the time.
"""
from __future__ import annotations

from .clock import Clock
from .sandbox import Sandbox


__all__ = ['Clock', 'Sandbox']
