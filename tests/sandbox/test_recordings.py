"""The sandbox answers as the two recorded servers did."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest

from tests import recordings
from tests.helpers import StandingClock
from tests.sandbox import Sandbox
from tests.sandbox.browser import Browser


CALLBACK = 'http://localhost:12345/oauth/callback'
USERS = 'User_4 User_5 User_6 Other Blocked Unconfirmed User_10 Reader'
SETUP = recordings.SETUP
VERIFIER = 'v' * 64
DIGEST = hashlib.sha256(VERIFIER.encode()).digest()
CHALLENGE = base64.urlsafe_b64encode(DIGEST).rstrip(b'=').decode()

# What a symbol looks like that stands for something new
JWT = r'[\w-]{36}\.[\w-]+\.[\w-]{342}'
SHAPES = {
    '<code': r'[0-9a-f]{760,972}',
    '<access_token': JWT,
    '<owner-only access token': JWT,
    '<refresh_token': r'[0-9a-f]{872,876}',
    '<client_id': '[0-9a-f]{32}',
    '<client_secret': '[0-9a-f]{40}',
}
WANTED = (
    '<(access_token|refresh_token|csrf token obtained with access_token)'
    ' ([^<>]+)>'
)
# Values that depend on the time, on the database, or are read by people
VOLATILE = {
    'blockedbyid', 'blockedtimestamp', 'blockedtimestampformatted', 'blockid',
    'editcount', 'en', 'exp', 'iat', 'id', 'info', 'jti', 'nbf',
    'newrevid', 'newtimestamp', 'oldrevid', 'pageid', 'registered',
    'registration_formatted', 'tags', 'text', 'timestamp', 'total',
}  # fmt: skip


class Player:
    """The recorded session, played on a sandbox in its order."""

    def __init__(self, wiki, stack):
        self.wiki, self.stack = wiki, stack
        self.people, self.clients = {}, {}
        self.symbols = {
            '<server>': wiki.url,
            '<state>': '<state>',
            '<wiki id>': 'sandboxwiki',
            '<code_verifier>': VERIFIER,
            '<code_challenge>': CHALLENGE,
        }
        for name in USERS.split():
            wiki.add_user(name)
        wiki.accounts.users['Unconfirmed'].email_confirmed = False
        wiki.add_page('Rec Sandbox', 'text')
        # The first clients of 1.43 were registered by the API.
        self.register(sent_basic=not wiki.is_master)

    def play(self, case):
        """Play a case and compare what comes with what was recorded."""
        name = case['case']
        for method, *arguments in SETUP['before'].get(name, ()):
            getattr(self, method)(*arguments)
        if name in SETUP['claims']:
            self.compare_claims(case)
        elif name in SETUP['dialogs']:
            client, button, user, query = SETUP['dialogs'][name]
            response = self.decide(client, button, user, query)
            if 'callback' in case:
                self.match(case['callback'], response.headers['location'])
            else:
                self.compare(case['response'], response)
        else:
            has_code = '<code>' in str(case['request'])
            if has_code and name not in SETUP['before']:
                form = case['request']['form']
                client = re.search('client_id: ([^>]+)', str(form))
                client = client[1] if client else 'confidential'
                self.code(client, 'Bot', form.get('redirect_uri', ''))
            self.compare(case['response'], self.send(case))

    # What comes before a case

    def register(self, **fields):
        fields.update(redirect_uri=CALLBACK, description='reference client')
        symbols = self.symbols
        for name, own in SETUP['clients'].items():
            values = {'name': f'rec {name}', **fields, **own}
            client = self.clients[name] = self.wiki.register(**values)
            symbols[f'<client_id: {name}>'] = client.id
            symbols[f'<client_secret: {name}>'] = client.secret
            if client.owner_only:
                key = '' if name == 'owner-only' else f': {name}'
                token = client.access_token
                symbols[f'<owner-only access token{key}>'] = token
        client = self.clients['confidential']
        credentials = base64.b64encode(f'{client.id}:{client.secret}'.encode())
        symbols['<client_id:client_secret>'] = credentials.decode()

    def tokens(self, label, client=''):
        name, user = SETUP['tokens'].get(label, ('confidential', 'Bot'))
        pair = self.wiki.issue(self.clients[client or name], user)
        self.symbols[f'<access_token {label}>'] = pair.access_token
        self.symbols[f'<refresh_token {label}>'] = pair.refresh_token

    def refresh(self, label, new):
        form = {
            'grant_type': 'refresh_token',
            'client_id': '<client_id: confidential>',
            'client_secret': '<client_secret: confidential>',
            'refresh_token': f'<refresh_token {label}>',
        }
        url = f'{self.wiki.url}/rest.php/oauth2/access_token'
        answer = self.person(None).post(url, self.fill(form)).json()
        self.symbols[f'<access_token {new}>'] = answer['access_token']

    def csrf(self, label):
        if f'<access_token {label}>' not in self.symbols:
            self.tokens(label)
        url = f'{self.wiki.api_url}?action=query&meta=tokens&format=json'
        bearer = self.fill(f'Bearer <access_token {label}>')
        headers = {'Authorization': bearer}
        answer = self.person(None).get(url, headers=headers).json()
        symbol = f'<csrf token obtained with access_token {label}>'
        self.symbols[symbol] = answer['query']['tokens']['csrftoken']

    def code(self, client, user='Bot', redirect_uri='', challenge=CHALLENGE):
        query = {'redirect_uri': redirect_uri} if redirect_uri else {}
        response = self.decide(client, 'accept', user, query, challenge)
        location = response.headers['location']
        self.symbols['<code>'] = re.search('code=([0-9a-f]+)', location)[1]

    def stage(self, client, stage):
        self.wiki.set_stage(self.clients[client], stage)

    def revoke(self, client):
        self.wiki.revoke('Bot', self.clients[client])

    def block(self, user):
        self.wiki.block(user)

    def advance(self, seconds):
        self.wiki.clock.advance(int(seconds))

    def deny(self, user, right):
        self.wiki.accounts.users[user].denied.add(right)

    def tamper(self, label):
        symbol = f'<access_token {label}'
        start = self.symbols[f'{symbol}>'].rpartition('.')[0] + '.'
        self.symbols[f'{symbol} with another signature>'] = start + 'A' * 342
        self.symbols[f'{symbol} without signature>'] = start

    # Asking

    def send(self, case):
        request = case['request']
        text = json.dumps(request)
        for kind, label in re.findall(WANTED, text):
            # What is not known yet is fetched now.
            if f'<{kind} {label}>' not in self.symbols:
                (self.csrf if 'csrf' in kind else self.tokens)(label)
        left = re.search('<(access|refresh|csrf|cl|co|owner)', self.fill(text))
        assert not left
        headers = {
            name: self.fill(request[name])
            for name in ('authorization', 'content-type')
            if name in request
        }
        body = request.get('form', request.get('body'))
        return self.person(self.sender(case)).request(
            request['method'],
            self.wiki.url + self.fill(request['path']),
            params=self.fill(request.get('query')),
            data=self.fill(body),
            json=self.fill(request.get('json')),
            headers=headers,
            allow_redirects=False,
        )

    def sender(self, case):
        """Return whose browser a request comes from."""
        cookie = case['request'].get('cookie', '')
        if cookie:
            return re.fullmatch('<session of (.+)>', cookie)[1]
        name = case['case']
        if name.startswith('authorize:') and 'not logged in' not in name:
            return SETUP['browsers'].get(name, 'Bot')
        return None

    def person(self, user):
        """Return the browser of a user; log in if need be."""
        if user not in self.people:
            browser = self.people[user] = self.stack.enter_context(Browser())
            if user:
                url = f'{self.wiki.url}/index.php?title=Special:UserLogin'
                form = {'wpName': user, 'wpPassword': self.wiki.password(user)}
                browser.post(url, form, allow_redirects=False)
        return self.people[user]

    def decide(self, client, button, user, query, challenge=CHALLENGE):
        """Open the dialog and press a button, if it is shown."""
        client_id = self.clients[client].id
        query = {'response_type': 'code', 'client_id': client_id, **query}
        if challenge:
            query['code_challenge'] = challenge
            query['code_challenge_method'] = 'S256'
        url = f'{self.wiki.url}/rest.php/oauth2/authorize?{urlencode(query)}'
        page = self.person(user).get(url)
        token = re.search('name="wpEditToken" value="([^"]+)"', page.text)
        if token is None:
            return page
        form = {'wpEditToken': token[1], button: '1'}
        return self.person(user).post(page.url, form, allow_redirects=False)

    def fill(self, recorded):
        if isinstance(recorded, dict):
            return {key: self.fill(value) for key, value in recorded.items()}
        if isinstance(recorded, list):
            return [self.fill(value) for value in recorded]
        if isinstance(recorded, str):
            for symbol, value in self.symbols.items():
                recorded = recorded.replace(symbol, value)
        return recorded

    # Comparing

    def compare(self, recorded, response):
        assert response.status_code == recorded['status']
        headers = recorded.get('headers', {})
        for name, value in headers.items():
            self.match(value, response.headers[name])
        error = headers.get('mediawiki-api-error')
        assert response.headers.get('mediawiki-api-error') == error
        body = recorded['body']
        if isinstance(body, str):
            title = re.fullmatch("<an HTML page titled '(.+)'>", body)
            if title:
                assert f'<title>{title[1]}</title>' in response.text
            text = re.sub('<[^>]+>', '', response.text)
            assert self.fill(recorded.get('text', '')) in text
        else:
            self.same_shape(body, response.json())
            error = error or body.get('errorKey') or body.get('error')
            if error:
                assert self.wiki.requests[-1].error == error

    def same_shape(self, recorded, actual, key=''):
        """Compare JSON: keys, types, and what does not change."""
        if key == 'pages' and isinstance(recorded, dict):  # by numbers
            recorded, actual = list(recorded.values()), list(actual.values())
            key = 'page'
        assert type(recorded) is type(actual), key
        if isinstance(recorded, dict):
            assert set(recorded) == set(actual), key
            for name, value in recorded.items():
                self.same_shape(value, actual[name], name)
        elif isinstance(recorded, list):
            assert len(recorded) == len(actual), key
            for values in zip(recorded, actual, strict=True):
                self.same_shape(*values, key)
        elif key not in VOLATILE and isinstance(recorded, str):
            self.match(recorded, actual)
        elif key not in VOLATILE:
            assert recorded == actual, key

    def match(self, recorded, actual):
        """Compare strings, and learn what new symbols stand for."""
        new, pattern = [], ''
        for part in re.split('(<[^<>]+>)', recorded):
            kind = next(filter(part.startswith, SHAPES), None)
            is_code = part.startswith(('<code>', '<code '))
            if kind and (part not in self.symbols or is_code):
                new.append(part)
                pattern += f'({SHAPES[kind]})'
            else:
                pattern += re.escape(self.symbols.get(part, part))
        found = re.fullmatch(pattern, actual)
        assert found, f'{actual!r} is not {recorded!r}'
        self.symbols.update(zip(new, found.groups(), strict=True))

    def compare_claims(self, case):
        symbol = SETUP['claims'][case['case']]
        token = self.symbols[symbol]
        header, claims = (
            json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))
            for part in token.split('.')[:2]
        )
        self.same_shape(case['claims'], claims)
        recorded = case['claims']['exp'] - case['claims']['iat']
        assert claims['exp'] - claims['iat'] == pytest.approx(recorded, abs=1)
        if 'header' in case:
            assert header == case['header']
            assert len(token) == pytest.approx(case['length'], abs=20)
            refresh = self.symbols[symbol.replace('access', 'refresh')]
            assert len(refresh) == case['refresh_token_length']


def is_played(case):
    """Tell whether a case holds an answer, and one to be compared."""
    has_answer = {'response', 'callback', 'claims'} & set(case)
    is_left_out = case['case'].startswith(tuple(SETUP['left_out']))
    return bool(has_answer) and not is_left_out


@pytest.mark.parametrize('like', recordings.SERVERS)
def test_the_sandbox_answers_as_recorded(like, record_property):
    cases, failures = list(filter(is_played, recordings.cases(like))), []
    with ExitStack() as stack:
        wiki = Sandbox(like=like, token_life=20, clock=StandingClock())
        player = Player(stack.enter_context(wiki), stack)
        for case in cases:
            try:
                player.play(case)
            except (AssertionError, LookupError, TypeError) as error:
                failures.append(f'{case["case"]}\n    {error!r}')
    played = len(cases) - len(failures)
    record_property('recordings', f'like={like} {played} of {len(cases)}')
    assert not failures, '\n'.join(failures)
