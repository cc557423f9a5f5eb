#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A login that was begun, and the callback that completes it."""
from __future__ import annotations

import hmac
import re
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pywikibot_oauth2 import refusals
from pywikibot_oauth2.errors import AuthorizationError, StoreError


# An authorization code: visible characters (RFC 6749, appendix A.11); that
# of MediaWiki is 760 to 820 hexadecimal ones.
_CODE = re.compile(r'[!-~]+')


class Pending(NamedTuple):
    """An authorization that was begun; neither part may be shown."""

    state: str
    verifier: str

    def code_of(self, callback: str) -> str:
        """Return the authorization code that a callback brings.

        :raises AuthorizationError: there is none, or it is another's
        """
        return authorization_code(callback, self.state)

    def serialize(self) -> dict[str, str]:
        """Return it as a JSON-able dict."""
        return self._asdict()

    @classmethod
    def deserialize(cls, data: object) -> Pending | None:
        """Make it of what :meth:`serialize` returned, or None of None.

        :raises StoreError: it is no such dict
        """
        if data is None:
            return None
        if (not isinstance(data, dict) or data.keys() != set(cls._fields)
                or not all(isinstance(part, str) and _CODE.fullmatch(part)
                           for part in data.values())):
            raise StoreError('the pending login in it is damaged')
        return cls(**data)

    def __repr__(self) -> str:
        return f'<{type(self).__name__}>'


def authorization_code(callback: str, state: str) -> str:
    """Return the authorization code of a callback that belongs to a state.

    :raises AuthorizationError: there is none, with the reason
    """
    try:
        query = parse_qs(urlsplit(callback.strip()).query,
                         keep_blank_values=True, max_num_fields=50)
    except ValueError:
        query = {}
    again = 'Run "pwb login" again.'
    if 'error' in query and query.get('state', [state]) == [state]:
        # A user who cancels comes back with unauthorized_client and no
        # state (recorded).
        words = next(filter(None, (*query.get('error_description', ()),
                                   *query['error'])), '')
        raise AuthorizationError(
            'The wiki did not authorize the client:'
            f' {refusals.printable(words)}. {again}')
    if not any(map(_CODE.fullmatch, query.get('code', ()))):
        raise AuthorizationError(
            'That is no address with an authorization code (?code=…).',
            is_final=False)
    if 'state' not in query:
        raise AuthorizationError(
            'The address is cut off: its end, from &state= on, is missing.',
            is_final=False)
    if (len(query['state']) > 1 or len(query['code']) > 1
            or not hmac.compare_digest(_bytes(query['state'][0]),
                                       _bytes(state))):
        raise AuthorizationError(
            'That address belongs to another login than the one that waits,'
            ' or it is cut off at its end.', is_final=False)
    return query['code'][0]


def _bytes(text: str) -> bytes:
    return text.encode('utf-8', 'backslashreplace')
