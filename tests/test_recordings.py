#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The sandbox answers as the recorded server did."""
from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox import Clock, Sandbox


if TYPE_CHECKING:
    from collections.abc import Iterator


RECORDINGS = Path(__file__).with_name('recordings.json')
CASES: list[dict[str, Any]] = json.loads(
    RECORDINGS.read_text(encoding='utf-8'))['cases']
CALLBACK = 'http://localhost:12345/oauth/callback'
VERIFIER = 'v' * 64
CHALLENGE = base64.urlsafe_b64encode(
    hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b'=').decode()

# What a symbol that stands for something new has to look like
SHAPES = {
    '<code>': r'[0-9a-f]{760,820}',
    '<access_token': r'[\w-]{36}\.[\w-]+\.[\w-]{342}',
    '<refresh_token': r'[0-9a-f]{872}',
}
# Their values depend on the time, and on what was edited before.
VOLATILE = {'editcount', 'newrevid', 'newtimestamp', 'oldrevid', 'registered',
            'exp', 'iat', 'nbf', 'jti'}


class Replay:

    """The recorded session, played again in its order."""

    def __init__(self, wiki: Sandbox, clock: Clock) -> None:
        self.wiki = wiki
        self.clock = clock
        self.played: list[str] = []
        self.client = wiki.register(redirect_uri=CALLBACK)
        self.public = wiki.register(redirect_uri=CALLBACK,
                                    confidential=False)
        self.owner_only = wiki.register(owner_only=True)
        self.symbols = {
            '<server>': wiki.url,
            '<state>': '<state>',
            '<code_verifier>': VERIFIER,
            '<code_challenge>': CHALLENGE,
            '<client_id:client_secret>': base64.b64encode(
                f'{self.client.id}:{self.client.secret}'.encode()).decode(),
            '<owner-only access token>': self.owner_only.access_token,
        }
        for name, client in (('confidential', self.client),
                             ('public', self.public),
                             ('owner-only', self.owner_only)):
            self.symbols[f'<client_id: {name}>'] = client.id
            self.symbols[f'<client_secret: {name}>'] = client.secret
        self.visitor = requests.Session()
        self.browser = requests.Session()
        for session in self.visitor, self.browser:
            session.trust_env = False
        self.log_in()

    def close(self) -> None:
        """Close the connections."""
        self.visitor.close()
        self.browser.close()

    def play(self, index: int) -> None:
        """Play the cases up to *index* that were not played yet."""
        while len(self.played) <= index:
            case = CASES[len(self.played)]
            self.played.append(case['case'])
            self._play(case)

    def _play(self, case: dict[str, Any]) -> None:
        prepared = PREPARATIONS.get(case['case'], lambda _: None)(self)
        if 'claims' in case:
            self.compare_token(case)
        elif 'callback' in case:
            assert isinstance(prepared, requests.Response)
            self.match(case['callback'], prepared.headers['location'])
        elif 'request' in case:
            self.compare(case['response'], self.send(case))
        else:
            assert isinstance(prepared, requests.Response)
            self.compare(case['response'], prepared)

    # Asking

    def send(self, case: dict[str, Any]) -> requests.Response:
        """Send the recorded request."""
        request = case['request']
        name = case['case']
        person = name.startswith('authorize:') and 'not logged in' not in name
        session = self.browser if person else self.visitor
        headers = {}
        if 'authorization' in request:
            headers['Authorization'] = self.fill(request['authorization'])
        return session.request(
            request['method'], self.wiki.url + request['path'],
            params=self.fill(request.get('query')),
            data=self.fill(request.get('form')), headers=headers,
            allow_redirects=False)

    def fill(self, recorded: Any) -> Any:
        """Replace the symbols by what they stand for."""
        if isinstance(recorded, dict):
            return {key: self.fill(value) for key, value in recorded.items()}
        if isinstance(recorded, str):
            for symbol, value in self.symbols.items():
                recorded = recorded.replace(symbol, value)
        return recorded

    def query(self, token: str, **parameters: str) -> Any:
        """Ask the API with an access token."""
        response = self.visitor.get(
            self.wiki.api_url, params={'action': 'query', 'format': 'json',
                                       **parameters},
            headers={'Authorization': f'Bearer {token}'})
        return response.json()['query']

    # What a person does

    def log_in(self) -> None:
        """Send the login form."""
        response = self.browser.post(
            self.wiki.url + '/index.php?title=Special:UserLogin',
            {'wpName': 'Bot', 'wpPassword': self.wiki.password('Bot')},
            allow_redirects=False)
        assert response.status_code == 302

    def decide(self, button: str, client_id: str,
               **query: str) -> requests.Response:
        """Open the dialog and press a button."""
        page = self.browser.get(
            self.wiki.url + '/rest.php/oauth2/authorize?' + urlencode({
                'response_type': 'code', 'client_id': client_id, **query,
                'code_challenge': CHALLENGE,
                'code_challenge_method': 'S256'}))
        token = re.search(r'name="wpEditToken" value="([^"]+)"', page.text)
        assert page.status_code == 200
        assert token
        return self.browser.post(page.url, {'wpEditToken': token[1],
                                            button: '1'},
                                 allow_redirects=False)

    def new_code(self, client: Any = None, **query: str) -> None:
        """Get a code."""
        response = self.decide('accept', (client or self.client).id, **query)
        self.symbols['<code>'] = re.search(
            'code=([0-9a-f]+)', response.headers['location'])[1]

    def new_tokens(self, client: Any = None) -> dict[str, Any]:
        """Authorize and get tokens."""
        client = client or self.client
        self.new_code(client)
        response = self.visitor.post(
            self.wiki.url + '/rest.php/oauth2/access_token',
            {'grant_type': 'authorization_code', 'client_id': client.id,
             'client_secret': client.secret, 'code_verifier': VERIFIER,
             'code': self.symbols['<code>']})
        return response.json()

    # Comparing

    def compare(self, recorded: dict[str, Any],
                response: requests.Response) -> None:
        """Compare a response with the recorded one."""
        assert response.status_code == recorded['status']
        for name, value in recorded.get('headers', {}).items():
            self.match(value, response.headers[name])
        if 'mediawiki-api-error' not in recorded.get('headers', {}):
            assert 'mediawiki-api-error' not in response.headers
        body = recorded['body']
        if isinstance(body, str):
            title = re.fullmatch("<an HTML page titled '(.+)'>", body)
            assert f'<title>{title[1]}</title>' in response.text
            return
        self.same_shape(body, response.json())
        error = body.get('error') or body.get('errors', [None])[0]
        code = error['code'] if isinstance(error, dict) else error
        assert self.wiki.requests[-1].error == code

    def same_shape(self, recorded: Any, actual: Any, key: str = '') -> None:
        """Compare JSON: keys, types, and what does not change."""
        assert type(recorded) is type(actual), key
        if isinstance(recorded, dict):
            assert list(recorded) == list(actual), key
            for name, value in recorded.items():
                self.same_shape(value, actual[name], name)
        elif isinstance(recorded, list):
            assert len(recorded) == len(actual), key
            for values in zip(recorded, actual):
                self.same_shape(*values, key)
        elif isinstance(recorded, str):
            if key in VOLATILE:
                recorded = re.sub('[0-9a-f]', '[0-9a-f]', recorded)
                assert re.fullmatch(recorded, actual), key
            else:
                self.match(recorded, actual)
        elif key not in VOLATILE:
            assert recorded == actual, key

    def match(self, recorded: str, actual: str) -> None:
        """Compare strings, and learn what new symbols stand for."""
        new = []
        pattern = ''
        for part in re.split('(<[^<>]+>)', recorded):
            shape = next((SHAPES[start] for start in SHAPES
                          if part.startswith(start)), None)
            if shape and part not in self.symbols:
                new.append(part)
                pattern += f'({shape})'
            else:
                pattern += re.escape(self.symbols.get(part, part))
        found = re.fullmatch(pattern, actual)
        assert found, f'{actual!r} is not {recorded!r}'
        self.symbols.update(zip(new, found.groups()))

    def compare_token(self, case: dict[str, Any]) -> None:
        """Look into an access token."""
        token = self.symbols['<access_token 4>']
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))
            for part in token.split('.')[:2])
        assert header == case['header']
        self.same_shape(case['claims'], claims)
        assert claims['exp'] - claims['iat'] == pytest.approx(20, abs=0.01)
        assert len(token) == pytest.approx(case['length'], abs=20)
        assert len(self.symbols['<refresh_token 4>']) \
            == case['refresh_token_length']


def _csrf_token(replay: Replay) -> None:
    replay.symbols['<csrf token obtained with access_token 1>'] = replay.query(
        replay.symbols['<access_token 1>'],
        meta='tokens')['tokens']['csrftoken']


def _authorize_twice(replay: Replay) -> None:
    replay.symbols['<access_token X>'] = replay.new_tokens()['access_token']
    replay.new_tokens()


def _basic_grant_only(replay: Replay) -> None:
    client = replay.wiki.register(redirect_uri=CALLBACK, grants=('basic',))
    token = replay.new_tokens(client)['access_token']
    replay.symbols['<access_token basic grant only>'] = token
    # This one is recorded as it was, for want of a symbol.
    replay.symbols['08f2ed4716abb5f5bdeb09a343ef04546b046ff6+\\'] = \
        replay.query(token, meta='tokens')['tokens']['csrftoken']


def _let_expire(replay: Replay) -> None:
    tokens = replay.new_tokens()
    replay.symbols['<access_token expired>'] = tokens['access_token']
    replay.symbols['<refresh_token expired>'] = tokens['refresh_token']
    replay.clock.advance(21)


def _new_code(replay: Replay) -> None:
    replay.new_code()


def _new_code_with_redirect_uri(replay: Replay) -> None:
    replay.new_code(redirect_uri=CALLBACK)


# What had happened on the server before a request was recorded
PREPARATIONS: dict[str, Callable[[Replay], object]] = {
    'authorize: approved, request with redirect_uri and state':
        lambda replay: replay.decide('accept', replay.client.id,
                                     redirect_uri=CALLBACK, state='<state>'),
    'authorize: user denies, request with redirect_uri and state':
        lambda replay: replay.decide('cancel', replay.client.id,
                                     redirect_uri=CALLBACK, state='<state>'),
    'authorize: user denies, request without redirect_uri':
        lambda replay: replay.decide('cancel', replay.client.id),
    'token: redirect_uri was sent to authorize but not to access_token':
        _new_code_with_redirect_uri,
    'token: authorization_code, with redirect_uri':
        _new_code_with_redirect_uri,
    'token: wrong code_verifier': _new_code,
    'token: missing code_verifier': _new_code,
    'token: wrong client_secret': _new_code,
    'token: confidential client without client_secret': _new_code,
    'token: authorization_code, without redirect_uri in either request':
        _new_code,
    'api: action=logout': _csrf_token,
    'token: public client, no client_secret':
        lambda replay: replay.new_code(replay.public),
    'api: token X after the same user authorized the same client again '
    '(token Y)': _authorize_twice,
    'api: edit without the grant for it': _basic_grant_only,
    'api: expired token': _let_expire,
    'api: token after the user revoked the client':
        lambda replay: replay.wiki.revoke('Bot', replay.client),
}


@pytest.fixture(scope='module')
def replay() -> Iterator[Replay]:
    """The session that all cases belong to."""
    clock = Clock()
    with Sandbox(token_life=20, clock=clock) as wiki:
        replay = Replay(wiki, clock)
        yield replay
        replay.close()


@pytest.mark.parametrize('index', range(len(CASES)), ids=[
    f'{index:02}-{case["case"]}' for index, case in enumerate(CASES)])
def test_the_sandbox_answers_as_recorded(replay: Replay, index: int) -> None:
    replay.play(index)


def test_every_case_is_replayed(replay: Replay) -> None:
    assert len(CASES) == 67
    replay.play(len(CASES) - 1)
    assert replay.played == [case['case'] for case in CASES]


def test_every_preparation_belongs_to_a_case() -> None:
    assert set(PREPARATIONS) <= {case['case'] for case in CASES}
