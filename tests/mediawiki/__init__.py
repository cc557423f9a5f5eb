"""MediaWiki itself, behind the OAuth endpoints of the sandbox.

Debian has MediaWiki, but not Extension:OAuth. Therefore, the sandbox provides
clients, codes, tokens and the dialog, and MediaWiki carries out the requests
to api.php::

    with RealWiki(token_life=20) as wiki:
        client = wiki.register(redirect_uri='http://127.0.0.1:8080/')
        wiki.mediawiki.edit('Title', 'Text')
"""

from __future__ import annotations

from .front import RealWiki


__all__ = ['RealWiki']
