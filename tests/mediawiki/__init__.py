"""MediaWiki itself, behind the OAuth endpoints of the sandbox.

Debian has MediaWiki, but not Extension:OAuth. So clients, codes, tokens
and the dialog are those of the sandbox, and what api.php is asked for is
carried out by MediaWiki::

    with RealWiki(token_life=20) as wiki:
        client = wiki.register(redirect_uri='http://127.0.0.1:8080/')
        wiki.mediawiki.edit('Title', 'Text')
"""

from __future__ import annotations

from .front import RealWiki


__all__ = ['RealWiki']
