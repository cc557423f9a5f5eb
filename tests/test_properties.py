#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Bad input of any kind: an error of this package or a result."""
from __future__ import annotations

import contextlib
import gc
import json
import math
import socket
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest
from pywikibot import config


pytest.importorskip('hypothesis')

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pywikibot_oauth2 import (
    EndpointError,
    OAuth2Client,
    OAuth2Error,
    OAuth2Session,
    StoreError,
)
from pywikibot_oauth2.callback import authorization_code
from pywikibot_oauth2.endpoint import Endpoint
from pywikibot_oauth2.filestore import FileStore
from pywikibot_oauth2.token import Token
from pywikibot_oauth2.wiki import (
    is_loopback,
    require_safe_transport,
    script_prefix,
)


# After some malformed answers urllib3 leaves it to the garbage collector to
# close the connection.
pytestmark = pytest.mark.filterwarnings('ignore:unclosed:ResourceWarning')


def examples(number):
    return settings(max_examples=number, deadline=None, derandomize=True,
                    database=None, suppress_health_check=[
                        HealthCheck.function_scoped_fixture,
                        HealthCheck.too_slow])


CLIENT = OAuth2Client('id', 'c0ffee5ec2e7',
                      redirect_uri='http://127.0.0.1:8080/')
STATE = 'a-state_of-32-characters'
CODE = 'def50200' * 95
CALLBACK = f'http://127.0.0.1:8080/?code={CODE}&state={STATE}'

# All characters, those included that no encoding has: a terminal may give
# them, and JSON too.
anything = st.text(st.characters(exclude_categories=()), max_size=60)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | anything
    | st.sampled_from([10 ** 400, -1, 0, 1, 2, '1', 3600, 1e300, '', 'abc']),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(anything, inner, max_size=3), max_leaves=6)


def mixed(**fields):
    """Return dicts of these fields, some missing, and of others."""
    return st.builds(lambda known, more: {**more, **known},
                     st.fixed_dictionaries({}, optional=fields),
                     st.dictionaries(anything, values, max_size=2))


def attempt(function, *arguments):
    """Return the result of a function, or the error that it may raise."""
    try:
        return function(*arguments)
    except OAuth2Error as error:
        return error


# Callback addresses

visible = st.characters(min_codepoint=0x21, max_codepoint=0x7e)
words = st.sampled_from([
    '?', '&', '=', '#', ';', '%', '%00', '%FF', '%ED%A0%80', '+', '/', '//',
    'http://', 'https://127.0.0.1:8080/', '[::1', ']', '@', ':', '\n', '\r',
    '\t', '\x1b', '\x00', '\udcff', '\U0001f511', 'code', 'state', 'error',
    'error_description', 'code=', 'state=', 'error=', CODE, STATE,
    f'state={STATE}', f'code={CODE}', CALLBACK])
cut = st.builds(lambda start, end: CALLBACK[start:end],
                st.integers(0, 40), st.integers(0, len(CALLBACK)))
callbacks = st.one_of(anything, cut, st.lists(
    words | anything, max_size=8).map(''.join))


@examples(300)
@given(callbacks)
@example('http://[::1]x/?code=a')
@example('//\u2100/?code=a&state=b')
@example('?' + 'a&' * 100)
@example('?code=abc&state=\udcff')
def test_any_callback_is_a_code_or_an_error(callback):
    result = attempt(authorization_code, callback, STATE)
    if isinstance(result, OAuth2Error):
        # Neither is shown, and a terminal can show all else.
        assert STATE not in str(result)
        assert CODE not in str(result)
        assert str(result).encode()
    else:
        assert result
        assert STATE in callback or '%' in callback


@examples(100)
@given(st.dictionaries(st.sampled_from(['code', 'state', 'error', 'x']),
                       st.text(visible, max_size=30), max_size=4))
def test_any_query_is_its_own_code_or_an_error(fields):
    fields = {**fields, **({'state': STATE} if 'x' in fields else {})}
    try:
        code = authorization_code('?' + urlencode(fields), STATE)
    except OAuth2Error:
        assert ('error' in fields or not fields.get('code')
                or fields.get('state') != STATE)
    else:
        assert code == fields['code']
        assert fields['state'] == STATE


# Replies and tokens

replies = mixed(
    access_token=st.sampled_from(['abc', 'a.b.c', '', 'a\nb']) | values,
    refresh_token=values, expires_in=values, token_type=values)
times = st.floats(0, 4e9)


@examples(200)
@given(replies, times)
def test_any_reply_is_a_token_or_an_error(reply, now):
    try:
        token = Token.from_reply(reply, now, Token('old', 'kept'))
    except EndpointError:
        return
    assert token.access_token == reply['access_token']
    assert token.header.isascii()
    assert '\n' not in token.header
    assert isinstance(token.refresh_token, str)
    assert token.refresh_token
    assert token.expires_at is None or now < token.expires_at < math.inf
    assert token.renew_at <= (token.expires_at or math.inf)
    again = Token.deserialize(json.loads(json.dumps(token.serialize())))
    assert again == token
    assert again.lifetime == token.lifetime
    if token.expires_at is not None:
        assert math.isclose(again.expires_at, token.expires_at, abs_tol=1e-5)


moments = st.sampled_from([
    '2027-01-15T08:00:00+00:00', '2027-01-15T08:00:00', '2027-01-15',
    '9999-12-31T23:59:59-12:00', '0001-01-01T00:00:00+12:00', '0', 'Z',
]) | st.datetimes(timezones=st.timezones()).map(
    lambda time: time.isoformat()) | values
tokens = mixed(
    access_token=st.sampled_from(['abc', 'a.b.c', 'a\nb']) | values,
    refresh_token=st.none() | st.just('def') | values, expires_at=moments,
    lifetime=values)


@examples(200)
@given(tokens)
@example({'access_token': 'abc', 'expires_at': '9999-12-31T23:59:59-12:00'})
@example({'access_token': 'abc', 'expires_at': '0001-01-01T00:00:00+12:00'})
def test_any_stored_token_can_be_stored_again_or_is_refused(data):
    try:
        token = Token.deserialize(data)
    except StoreError:
        return
    again = Token.deserialize(json.loads(json.dumps(token.serialize())))
    assert again == token


# Sessions

session_dicts = mixed(
    version=st.just(1) | values, client_id=st.just('id') | values,
    wiki=st.sampled_from(['https://wiki.example/w/api.php', '/api.php',
                          'http://[/api.php']) | values,
    user=st.just('Bot') | values, token=st.none() | tokens | values,
    ended=st.none() | values,
    pending=st.none() | values | mixed(state=st.just('s') | values,
                                       verifier=st.just('v') | values))
likely_sessions = st.builds(
    lambda likely, other: {**likely, **other},
    st.just({'version': 1, 'client_id': 'id', 'user': 'Bot', 'token': None,
             'wiki': 'https://wiki.example/w/api.php'}),
    mixed(token=tokens, ended=values, pending=values, user=values))


@examples(200)
@given(session_dicts | likely_sessions | values)
@example(None)
@example([])
def test_any_stored_session_can_be_stored_again_or_is_refused(data):
    try:
        session = OAuth2Session.deserialize(data, CLIENT)
    except OAuth2Error:
        return
    text = json.dumps(session.serialize())
    assert 'c0ffee5ec2e7' not in text
    again = OAuth2Session.deserialize(json.loads(text), CLIENT)
    assert again.token == session.token
    assert again.is_complete == session.is_complete
    assert isinstance(repr(again), str)


@examples(60)
@given(st.sampled_from(['s', STATE]) | anything, anything)
def test_any_pending_login_has_an_address_or_is_an_error(state, verifier):
    data = {'version': 1, 'client_id': 'id', 'user': None, 'token': None,
            'wiki': 'https://wiki.example/w/api.php',
            'pending': {'state': state, 'verifier': verifier}}
    with contextlib.suppress(OAuth2Error):
        session = OAuth2Session.deserialize(data, CLIENT)
        assert session.authorization_url().isascii()


# Token files

WHOLE = json.dumps({'version': 1, 'sessions': {'id': {
    'version': 1, 'client_id': 'id', 'user': 'Bot', 'ended': None,
    'wiki': 'https://wiki.example/w/api.php', 'pending': None, 'token': {
        'access_token': 'abc', 'refresh_token': 'def', 'lifetime': 3600.0,
        'expires_at': '2027-01-15T08:00:00+00:00'}}}}).encode()
damaged_files = st.builds(
    lambda start, end, middle: WHOLE[:start] + middle + WHOLE[end:],
    st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)),
    st.binary(max_size=8))
json_files = st.builds(
    lambda data: json.dumps(data).encode(),
    mixed(version=st.just(1) | values, sessions=values | st.dictionaries(
        st.just('id') | anything, session_dicts | values, max_size=3))
    | values)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(config, 'base_dir', str(tmp_path))
    path = FileStore().path('Bot')
    path.touch(0o600)
    return FileStore()


@examples(150)
@given(content=st.binary(max_size=100) | damaged_files | json_files)
@example(content=b'[' * 100_000)
@example(content=b'{"version": 1, "sessions": {"other": ' + b'[' * 900
         + b']' * 900 + b'}}')
@example(content=b'{"version": 1, "sessions": {"id": ' + b'9' * 5000 + b'}}')
def test_any_token_file_is_loaded_or_reported_and_never_changed(
        store, content):
    path = Path(store.where('Bot'))
    path.write_bytes(content)
    try:
        data = store.load('Bot', 'id')
        if data is not None:
            OAuth2Session.deserialize(data, CLIENT)
    except StoreError:
        pass
    assert path.read_bytes() == content


@examples(60)
@given(content=damaged_files | json_files)
@example(content=b'{"version": 1, "sessions": {"other": ' + b'[' * 900
         + b']' * 900 + b'}}')
def test_any_token_file_is_kept_when_one_session_is_saved(store, content):
    path = Path(store.where('Bot'))
    path.write_bytes(content)
    new = {'version': 1, 'user': 'Bot'}
    try:
        store.save('Bot', 'new', new)
    except StoreError:
        assert path.read_bytes() == content
    else:
        assert store.load('Bot', 'new') == new
        kept = json.loads(path.read_bytes())['sessions']
        before = json.loads(content)['sessions']
        # A comparison of the texts: NaN is not equal to itself.
        assert json.dumps(kept) == json.dumps({**before, 'new': new})


# Addresses

hosts = st.sampled_from([
    '127.0.0.1', '127.1', 'localhost', '[::1]', '[', ']', '@', ':', '#', '?',
    '/', '\\', '.', '127.', 'evil.example', '\u0661', '%31', ' ', '\t'])


@examples(150)
@given(st.sampled_from(['http://', 'https://', 'HTTP://', '', 'ftp://'])
       | anything, st.lists(hosts | anything, max_size=4).map(''.join))
def test_any_address_is_safe_or_an_error(scheme, rest):
    url = scheme + rest
    prefix = script_prefix(url)
    assert prefix is None or url.startswith(prefix)
    is_loopback(rest)
    with contextlib.suppress(OAuth2Error):
        require_safe_transport(url)
        assert url.strip().lower().startswith('http')


# What a server answers, through a real socket

class Answering:
    """A server that says one thing, whatever it is asked."""

    def __init__(self):
        self.answer = b''
        self._server = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._server.getsockname()[1]}'
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while self.answer is not None:
            connection, _ = self._server.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                self._read(connection)
                connection.sendall(self.answer or b'')

    @staticmethod
    def _read(connection):
        """Read a whole request."""
        received = b''
        while b'\r\n\r\n' not in received:
            data = connection.recv(65536)
            if not data:
                return
            received += data
        head, _, body = received.partition(b'\r\n\r\n')
        length = 0
        for line in head.lower().split(b'\r\n'):
            if line.startswith(b'content-length:'):
                length = int(line.partition(b':')[2])
        while len(body) < length:
            body += connection.recv(65536)

    def close(self):
        self.answer = None
        socket.create_connection(self._server.getsockname()).close()
        self._thread.join()
        self._server.close()


@pytest.fixture(scope='module')
def server():
    answering = Answering()
    yield answering
    answering.close()
    gc.collect()  # while the warning is ignored


def response(status=b'200 OK', headers=(), body=b'', length=None):
    """Return the bytes of an answer, as wrong as wanted."""
    size = len(body) if length is None else length
    lines = [b'HTTP/1.1 ' + status, *headers, b'Content-Length: %d' % size]
    return b'\r\n'.join([*lines, b'', body])


good = {'access_token': 'abc', 'refresh_token': 'def', 'expires_in': 20,
        'token_type': 'Bearer'}
errors = mixed(error=st.sampled_from([
    'invalid_request', 'invalid_client', 'invalid_grant', 'access_denied',
    'unauthorized_client']) | values, hint=values,
    error_description=values)
bodies = st.one_of(
    st.binary(max_size=60), values.map(lambda data: json.dumps(data).encode()),
    replies.map(lambda data: json.dumps(data).encode()),
    replies.map(lambda data: json.dumps({**good, **data}).encode()),
    errors.map(lambda data: json.dumps(data).encode()))
statuses = st.sampled_from([
    b'200 OK', b'200', b'201 Created', b'204 No Content', b'206 Partial',
    b'301 Moved', b'302 Found', b'304 Not Modified', b'307 Temporary',
    b'400 Bad Request', b'401 Unauthorized', b'403 Forbidden', b'407 Proxy',
    b'408 Timeout', b'429 Slow', b'500 Oops', b'503 Busy', b'599 What',
    b'999 What', b'abc', b'']) | st.integers(200, 999).map(
        lambda number: b'%d X' % number)
header_values = st.sampled_from([
    b'application/json', b'text/html; charset=utf-8', b'text/html; charset=',
    b'text/html; charset=idna', b'text/html; charset=undefined',
    b'text/html; charset=rot13', b'x; charset=utf-16', b'gzip', b'deflate',
    b'br', b'chunked', b'0', b'5', b'-1', b'soon', b'http://127.0.0.1:9/',
    b'//', b'http://[', b'Wed, 21 Oct 2099 07:28:00 GMT', b'a=b; Max-Age=x',
    b'a=b; expires=x']) | st.binary(max_size=20).filter(
        lambda data: b'\n' not in data and b'\r' not in data)
headers = st.lists(st.builds(
    lambda name, value: name + b': ' + value, st.sampled_from([
        b'Content-Type', b'Content-Encoding', b'Transfer-Encoding',
        b'Content-Length', b'Retry-After', b'Location', b'Set-Cookie',
        b'WWW-Authenticate', b'Connection', b'X']), header_values),
    max_size=3)
lengths = st.none() | st.sampled_from([0, 1, 5, 10 ** 4])
answers = st.builds(response, statuses, headers, bodies, lengths) \
    | st.builds(response, body=bodies) | st.binary(max_size=60)


def talk(server, answer, step):
    """Take a step with a server that gives this answer to it."""
    server.answer = answer
    endpoint = Endpoint(server.url, CLIENT)
    arguments = {'exchange': ('a code', 'v' * 64), 'profile': ('Bearer abc',),
                 'refresh': ('a refresh token',)}[step]
    result = attempt(getattr(endpoint, step), *arguments)
    if isinstance(result, OAuth2Error):
        assert 'c0ffee5ec2e7' not in str(result)
        assert result.__suppress_context__ or result.__context__ is None
        return None
    return result


@pytest.mark.parametrize('step', ['exchange', 'refresh', 'profile'])
@examples(120)
@given(answer=answers)
@example(answer=response(body=b'[' * 200_000))
@example(answer=response(body=b'{"a": ' + b'9' * 5000 + b'}'))
@example(answer=response(headers=[b'Content-Type: x; charset=idna'],
                         body=json.dumps(good).encode()))
@example(answer=response(headers=[b'Content-Type: x; charset=a\x00b'],
                         body=json.dumps(good).encode()))
@example(answer=response(headers=[b'Content-Encoding: gzip'], body=b'abc'))
@example(answer=response(headers=[b'Transfer-Encoding: chunked'],
                         body=b'zzz\r\n'))
@example(answer=response(headers=[b'Set-Cookie: a=b; Max-Age=x'] * 200))
@example(answer=b'HTTP/1.1 100 Continue\r\n\r\n')
def test_any_answer_is_a_result_or_an_error(server, answer, step):
    reply = talk(server, answer, step)
    if reply is not None and step != 'profile':
        with contextlib.suppress(EndpointError):
            token = Token.from_reply(reply, 0)
            assert token.header.isascii()


@examples(40)
@given(value=anything.filter(bool))
@example(value='\ud800')
@example(value='&=%+; \n\x00')
def test_any_refresh_token_that_is_given_can_be_sent(server, value):
    body = json.dumps({**good, 'refresh_token': value}).encode()
    reply = talk(server, response(body=body), 'refresh')
    if reply is not None:
        token = Token.from_reply(reply, 0)
        with contextlib.suppress(OAuth2Error):
            Endpoint(server.url, CLIENT).refresh(token.refresh_token)


dates = st.sampled_from(['Wed, 21 Oct 2099 07:28:00', 'GMT', '+0000', '-0000',
                         ' ', ',', ':', '99', '2099', 'Oct', 'Wed', '-', '+',
                         '0', '9' * 20, '\t', '\x0c', '('])


@examples(120)
@given(value=st.lists(dates, max_size=6).map(''.join)
       | st.text(st.characters(min_codepoint=32, max_codepoint=255),
                 max_size=30)
       | st.floats().map(str) | st.integers().map(str))
@example(value='Wed, 21 Oct 2099 07:28:00 +9999')
@example(value='Wed, 21 Oct 2099 07:28:00 -0000')
@example(value='Wed, 31 Dec 9999 23:59:59 -2359')
@example(value='Mon, 01 Jan 0001 00:00:00 +2359')
def test_any_retry_after_is_a_time_to_wait_or_none(server, value):
    server.answer = response(b'429 Slow', [
        b'Retry-After: ' + value.encode('latin-1')])
    with pytest.raises(EndpointError) as info:
        Endpoint(server.url, CLIENT).refresh('a refresh token')
    wait = info.value.retry_after
    assert wait is None or 0 < wait < math.inf
