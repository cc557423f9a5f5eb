#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What is compared: ways to authenticate a request, and requests."""
from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable
from urllib.parse import urlencode

import requests
import requests_oauthlib
from requests.auth import AuthBase
from requests.hooks import default_hooks

from pywikibot_oauth2 import OAuth2Auth, OAuth2Session
from pywikibot_oauth2.token import Token
from tests.sandbox import Sandbox


if TYPE_CHECKING:
    from requests import PreparedRequest


OURS = 'pywikibot-oauth2'
FLOOR = 'hand-written minimum'
OAUTH2 = 'requests_oauthlib.OAuth2'
OAUTH1 = 'requests_oauthlib.OAuth1'

FORM = {'Content-Type': 'application/x-www-form-urlencoded'}
SMALL = 'small form'
LATIN = 'The quick brown fox jumps over the lazy dog, [[twice]] a day.\n'
CYRILLIC = 'Съешь же ещё этих мягких французских булок, [[да]] выпей чаю.\n'


class Floor(AuthBase):
    """The least that a bot owner could write by hand."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __len__(self) -> int:
        """Let Pywikibot hand it to requests as it is."""
        return 2

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """Set the header."""
        r.headers['Authorization'] = 'Bearer ' + self.token
        return r


class OAuth2(requests_oauthlib.OAuth2):
    """That of requests-oauthlib, of a length that Pywikibot accepts."""

    def __len__(self) -> int:
        """Let Pywikibot hand it to requests as it is."""
        return 2


#: What Pywikibot takes for OAuth 1: consumer and access token and secrets.
OAUTH1_KEYS = ('c' * 32, 's' * 40, 't' * 32, 'u' * 40)


def sign(request: PreparedRequest) -> PreparedRequest:
    """Authenticate a request by OAuth 1 as Pywikibot does today.

    Its http.fetch makes a new object for each request.
    """
    return requests_oauthlib.OAuth1(*OAUTH1_KEYS)(request)


def candidates(prefix: str, *, configured: bool,
               ) -> dict[str, Callable[[PreparedRequest], PreparedRequest]]:
    """Return the auth objects by their names; the tokens are the same.

    :param prefix: the address of the wiki's folder of scripts
    :param configured: whether ours finds the wiki by itself, by way of
        user-config.py
    """
    wiki = Sandbox()
    client = wiki.register()
    reply = wiki.issue(client)._asdict()
    ours = OAuth2Auth(client.id, client.secret)
    session = OAuth2Session(ours.client, f'{prefix}/api.php', user='Bot')
    session.token = Token.from_reply(reply, time.time())
    ours.account('Bot').adopt(session)
    if not configured:
        ours.use(prefix, 'Bot')
    token = {'access_token': reply['access_token'], 'token_type': 'Bearer'}
    return {FLOOR: Floor(reply['access_token']), OURS: ours,
            OAUTH2: OAuth2(client.id, token=token), OAUTH1: sign}


def edit(text: str, size: int) -> str:
    """Return the form of an edit, the text being of so many bytes."""
    text = text * (size // len(text.encode()))
    return urlencode({'action': 'edit', 'title': 'Sandbox', 'text': text,
                      'format': 'json', 'token': 'f' * 40 + '+\\'})


def upload(size: int) -> tuple[bytes, dict[str, str]]:
    """Return the body of an upload and its header."""
    request = requests.Request(
        'POST', 'https://wiki.example/w/api.php',
        data={'action': 'upload', 'filename': 'File.png', 'format': 'json'},
        files={'file': ('File.png', b'\0' * size, 'image/png')}).prepare()
    return request.body, {'Content-Type': request.headers['Content-Type']}


def bodies() -> dict[str, tuple[str | bytes, dict[str, str]]]:
    """Return bodies of requests and their headers, by their names."""
    small = urlencode({'action': 'query', 'meta': 'userinfo',
                       'uiprop': 'rights', 'format': 'json'})
    return {SMALL: (small, FORM),
            '30 kB edit, Latin': (edit(LATIN, 30_000), FORM),
            '30 kB edit, Cyrillic': (edit(CYRILLIC, 30_000), FORM),
            '300 kB edit, Latin': (edit(LATIN, 300_000), FORM),
            '300 kB edit, Cyrillic': (edit(CYRILLIC, 300_000), FORM),
            '5 MB upload': upload(5_000_000)}


def fresh(prepared: PreparedRequest) -> PreparedRequest:
    """Return the request as it is before its authentication.

    A copy shares its hooks with the original, a new request does not.
    """
    copy = prepared.copy()
    copy.hooks = default_hooks()
    return copy
