"""A stand-in for a MediaWiki with Extension:OAuth, on loopback.

It answers as one of two real servers did (`tests/recordings`)::

    with Sandbox(like='master', token_life=20) as wiki:
        client = wiki.register(redirect_uri='http://127.0.0.1:8080/')
        tokens = wiki.issue(client)

`sandbox.py` is what a test can ask and arrange.
"""

from __future__ import annotations

from .sandbox import Clock, Sandbox


__all__ = ['Clock', 'Sandbox']
