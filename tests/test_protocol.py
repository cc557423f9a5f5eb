"""What is sent to rest.php/oauth2, and what its answers mean."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import logging
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from itertools import chain, repeat
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
import requests_oauthlib
from hypothesis import example, given
from hypothesis import strategies as st
from pywikibot import config
from pywikibot.comms import http
from requests.cookies import cookiejar_from_dict

from pywikibot_oauth2 import errors, protocol
from pywikibot_oauth2.authorization import PendingLogin
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import EndpointError, OAuth2Error
from pywikibot_oauth2.protocol import Meaning, OAuth2Wiki, parse_callback
from pywikibot_oauth2.token import Token
from tests import recordings
from tests.helpers import client_of, raises, shown
from tests.raw import RawServer, recorded, response
from tests.sandbox.oauth import make_jwt
from tests.strategies import answers, anything, examples, good


CALLBACK = 'http://127.0.0.1:8080/callback'
LIMIT = 1 << 20  # bytes of an answer
BODY = json.dumps(good).encode()
GOOD = response(body=BODY)
SECRETS = ['c0ffee5ec2e7', 'an-access-token', 'a-refresh-token', 'v' * 64,
           'an-authorization-code']  # fmt: skip
# Where the steps lead, and what is sent with them.
TOKEN, PROFILE = 'POST access_token', 'GET resource/profile'
STEPS = {
    'exchange': (TOKEN, {'grant_type': 'authorization_code',
                         'code': SECRETS[4], 'code_verifier': SECRETS[3]}),
    'refresh': (TOKEN, {'grant_type': 'refresh_token',
                        'refresh_token': SECRETS[2]}),
    'client_credentials': (TOKEN, {'grant_type': 'client_credentials'}),
    'profile': (PROFILE, None),
    'own_clients': ('GET client?limit=100', None),
}  # fmt: skip
WITH_TOKEN = ('profile', 'own_clients')
each_step = pytest.mark.parametrize('step', STEPS)
likes = pytest.mark.parametrize('like', recordings.SERVERS)


@pytest.fixture
def server():
    with RawServer() as raw:
        yield raw


def talk(
    server, answer, step='refresh', secret=SECRETS[0], uri=None, **options
):
    """Take a step with a server that gives this answer."""
    server.answer = answer
    wiki = OAuth2Wiki(OAuth2Client('an-id', secret), server.url, **options)
    token, pending = Token(*SECRETS[1:3]), PendingLogin('s', SECRETS[3], uri)
    if step == 'exchange':
        callback = f'?code={SECRETS[4]}&state=s'
        return wiki.exchange(pending, parse_callback(callback, pending))
    if step == 'client_credentials':
        return wiki.client_credentials()
    argument = token if step == 'refresh' else token.header
    return getattr(wiki, step)(argument)


def assert_silent(error, secrets):
    assert not [secret for secret in secrets if secret in shown(error)]


@contextlib.contextmanager
def shunned():
    """Give the port of a server, and check afterwards that nobody came."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.setblocking(False)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_authorization_url_has_exactly_these_fields():
    wiki = 'https://wiki.example/w'
    endpoints = OAuth2Wiki(OAuth2Client('id', redirect_uri=CALLBACK), wiki)
    pending = endpoints.begin()
    digest = hashlib.sha256(pending.verifier.encode()).digest()
    fields = {
        'response_type': 'code',
        'client_id': 'id',
        'redirect_uri': CALLBACK,
        'state': pending.state,
        'code_challenge': base64.urlsafe_b64encode(digest).decode()[:43],
        'code_challenge_method': 'S256',
    }
    address, _, query = endpoints.authorization_url(pending).partition('?')
    assert address == f'{wiki}/rest.php/oauth2/authorize'
    assert dict(parse_qsl(query)) == fields
    assert endpoints.authorization_url(pending, 'de').endswith('ui_locales=de')
    other = endpoints.begin()
    assert re.fullmatch(r'[\w-]{32}', other.state)
    assert re.fullmatch(r'[\w.~-]{64,128}', other.verifier)
    assert pending.state != other.state
    assert pending.verifier != other.verifier
    public = OAuth2Wiki(OAuth2Client('id'), wiki)
    assert 'redirect_uri' not in public.authorization_url(public.begin())


@pytest.mark.parametrize('secret', [SECRETS[0], None])
@pytest.mark.parametrize('redirect_uri', [CALLBACK, None])
@each_step
def test_a_request_has_exactly_these_headers_and_this_body(
    server, step, redirect_uri, secret, monkeypatch
):
    monkeypatch.setattr(config, 'user_agent_format', 'MyBot/1.0')
    cookies = cookiejar_from_dict({'sandboxwiki_session': 'x'})
    monkeypatch.setattr(http.session, 'cookies', cookies)
    talk(server, GOOD, step, secret, redirect_uri)
    (request,) = server.received
    head, _, body = request.decode().partition('\r\n\r\n')
    first, *headers = head.split('\r\n')
    place, fields = STEPS[step]
    place = place.replace(' ', ' /rest.php/oauth2/')
    assert first == f'{place} HTTP/1.1'
    expected = {
        'Host': server.url.partition('//')[2],
        'User-Agent': 'MyBot/1.0',
        'Accept': 'application/json',
        # A compressed answer has no bound to its size.
        'Accept-Encoding': 'identity',
        'Connection': 'keep-alive',
    }
    if fields is None:
        assert body == ''
        expected['Authorization'] = f'Bearer {SECRETS[1]}'
    else:
        fields = {**fields, 'client_id': 'an-id', 'client_secret': secret}
        if step == 'exchange':
            fields['redirect_uri'] = redirect_uri
        fields = {name: value for name, value in fields.items() if value}
        assert dict(parse_qsl(body, keep_blank_values=True)) == fields
        assert len(body) == len(urlencode(fields))
        expected['Content-Type'] = 'application/x-www-form-urlencoded'
        expected['Content-Length'] = str(len(body))
    assert dict(line.split(': ', 1) for line in headers) == expected


@each_step
def test_netrc_and_proxies_of_the_environment_are_ignored(
    server, step, tmp_path, monkeypatch
):
    path = tmp_path / 'netrc'
    path.touch(mode=0o600)
    path.write_text('machine 127.0.0.1 login Bot password from-netrc\n')
    monkeypatch.setenv('NETRC', str(path))
    for name in 'no_proxy', 'NO_PROXY':
        monkeypatch.delenv(name, raising=False)
    with shunned() as port:
        for name in 'http_proxy', 'https_proxy', 'all_proxy':
            monkeypatch.setenv(name, f'http://127.0.0.1:{port}')
            monkeypatch.setenv(name.upper(), f'http://127.0.0.1:{port}')
        talk(server, GOOD, step)
    sent = re.findall(rb'Authorization: (\w+)', server.received[0])
    assert sent == ([b'Bearer'] if step in WITH_TOKEN else [])


def test_pywikibots_own_proxies_are_used(monkeypatch):
    monkeypatch.setitem(http.session.proxies, 'https', 'http://127.0.0.1:9/')
    wiki = OAuth2Wiki(OAuth2Client('id'), 'https://wiki.invalid/w')
    with raises(EndpointError, 'ProxyError'):
        wiki.refresh(Token('abc', 'def'))


@each_step
@pytest.mark.parametrize('status', [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server, step, status):
    with shunned() as port:
        for place in f'http://127.0.0.1:{port}/', f'{server.url}/x':
            header = f'Location: {place}'.encode()
            with raises(EndpointError, 'not followed', status=status):
                talk(server, response(b'%d X' % status, [header]), step)
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ('verify', 'missing'),
    [(True, '/environment.pem'), ('/own.pem', '/own.pem'),
     # The environment must not switch the verification on again.
     (False, '/client.pem')],
)  # fmt: skip
def test_pywikibots_certificates_are_used_and_named_if_missing(
    verify, missing, monkeypatch
):
    monkeypatch.setenv('REQUESTS_CA_BUNDLE', '/environment.pem')
    monkeypatch.setattr(http.session, 'verify', verify)
    monkeypatch.setattr(http.session, 'cert', '/client.pem')
    wiki = OAuth2Wiki(OAuth2Client('id'), 'https://127.0.0.1:9')
    with raises(EndpointError, missing):
        wiki.refresh(Token('abc', 'def'))


HEAD = b'HTTP/1.1 200 OK\r\n'


@pytest.mark.parametrize(
    ('start', 'part'),
    [(HEAD, b'X: y\r\n'), (HEAD + b'\r\n', b' ')],
    ids=['headers', 'body'],
)
def test_a_server_that_dribbles_is_left_at_the_deadline(server, start, part):
    begun = time.monotonic()
    with raises(EndpointError, 'no complete answer within 0.2'):
        talk(server, chain([start], repeat(part)), deadline=0.2)
    assert time.monotonic() - begun >= 0.2


def test_a_token_is_renewed_when_no_thread_can_be_started(server, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't create new thread")

    monkeypatch.setattr(threading.Thread, 'start', refuse)
    assert talk(server, GOOD).access_token == 'abc'


@pytest.mark.parametrize('charset', ['idna', 'undefined', 'zlib', '', '"'])
def test_an_answer_of_a_megabyte_is_read_whatever_its_charset(server, charset):
    header = f'Content-Type: application/json; charset={charset}'.encode()
    answer = response(headers=[header], body=BODY.ljust(LIMIT))
    assert talk(server, answer).access_token == 'abc'


@pytest.mark.parametrize(
    'answer',
    [response(body=BODY.ljust(LIMIT + 1)),
     chain([HEAD + b'\r\n' + BODY.ljust(1000)], repeat(b' ' * LIMIT)),
     response(headers=[b'Content-Encoding: gzip'],
              body=gzip.compress(BODY.ljust(50 * LIMIT)))],
    ids=['longer', 'endless', 'compressed'],
)  # fmt: skip
def test_no_more_than_a_megabyte_is_read(server, answer):
    with raises(EndpointError, 'answer that is not JSON'):
        talk(server, answer)


def test_socket_timeout_is_honored(server, monkeypatch):
    monkeypatch.setattr(config, 'socket_timeout', (5, 0.15))
    # Otherwise, the deadline would end it, with other words.
    with raises(EndpointError, 'timed out', status=None) as info:
        talk(server, repeat(b''))
    assert_silent(info.value, SECRETS)


@pytest.mark.parametrize(
    ('entries', 'expected'),
    [([{}, 2, None, {'a': 1}], [{}, {'a': 1}]), ({'a': 1}, []), (None, [])],
)
def test_a_list_of_clients_is_a_list_of_dicts(server, entries, expected):
    answer = response(body=json.dumps({'clients': entries}).encode())
    assert talk(server, answer, 'own_clients') == expected


@likes
def test_a_wiki_tells_whether_it_ignores_the_port_of_loopback(wiki, like):
    endpoints = OAuth2Wiki(OAuth2Client('id'), wiki.url)
    assert endpoints.ignores_loopback_port() == (like == 'master')
    assert wiki.requests[-1].body_length == 0


@likes
def test_a_refresh_that_yields_another_accounts_token_is_an_error(wiki, like):
    # The subject of master has a prefix, which tells the wiki.
    registered = wiki.register()
    token = Token(*wiki.issue(registered)[:2])
    other = wiki.issue(registered, 'Admin').access_token
    wiki.fail_next('rewrite', change=lambda d: {**d, 'access_token': other})
    facts = {'error': 'other_subject'}
    with raises(EndpointError, 'another account', **facts) as info:
        OAuth2Wiki(client_of(registered), wiki.url).refresh(token)
    assert_silent(info.value, wiki.secrets)


OWNER = {'sub': '3', 'username': 'Bot'}
NOT_OWNER_ONLY = 'an-id is not an owner-only client'


@pytest.mark.parametrize(
    ('subject', 'profile', 'words'),
    [('3', OWNER, None), ('mw:local:enwiki:3', OWNER, None),
     ('3', {**OWNER, 'username': 'Other'}, 'an-id is Other, not Bot'),
     # An ordinary client acts for nobody. Only the claims or only the
     # profile may show it.
     *[(subject, OWNER, NOT_OWNER_ONLY) for subject in (
         '', 'mw:local:enwiki:', 'mw:local:enwiki:0', 'an-id')],
     ('3', {'sub': '0', 'username': 'Bot'}, NOT_OWNER_ONLY),
     ('3', {'sub': '3'}, NOT_OWNER_ONLY)],
    ids=range(9),
)  # fmt: skip
def test_the_owner_of_a_client_is_checked(server, subject, profile, words):
    server.answer = response(body=json.dumps(profile).encode())
    client = OAuth2Client('an-id', SECRETS[0], owner_only=True)
    wiki = OAuth2Wiki(client, server.url)
    token = Token(make_jwt({'sub': subject}))
    if words is None:
        wiki.check_owner(token, 'Bot')
        return
    with raises(errors.ConfigurationError, words, account='Bot'):
        wiki.check_owner(token, 'Bot')


ODD = b'{"error": "odd"}'
FAULTS = [
    (None, b''),
    (None, response(body=BODY[:20], length=99)),
    *[(status, response(b'%d X' % status, (), body)) for status, body in (
        # An unknown error, an error of the server, no error at all
        (400, ODD), (500, b'{"error": "invalid_grant"}'), (418, b'{}'),
        (404, b'<html>'), (429, b'<html>'),
        # Not JSON, not an object
        (204, b''), (200, b'\xff'), (200, b'<html>'), (200, b'null'))],
]  # fmt: skip


@pytest.mark.parametrize(('status', 'answer'), FAULTS, ids=range(len(FAULTS)))
def test_every_fault_is_an_endpoint_error_with_facts_and_no_secret(
    server, status, answer
):
    with raises(EndpointError, status=status, retry_after=None) as info:
        talk(server, answer)
    error = info.value
    assert str(error).startswith(f'{server.url}: ')
    assert '\n' not in str(error)
    assert (error.wiki, error.client_id) == (server.url, 'an-id')
    assert error.error == 'odd' or ODD not in answer
    assert_silent(error, SECRETS)
    assert len(server.received) == 1


@pytest.mark.parametrize('step', [*STEPS][:3])
def test_an_answer_without_a_token_is_an_endpoint_error(server, step):
    for body in b'{}', b'{"error": {"code": "nested"}}':
        with raises(EndpointError, 'no usable access t', wiki=server.url):
            talk(server, response(body=body), step)


@pytest.mark.parametrize(
    'host',
    ['127.0.0.1:9', '127.0.0.1:99999', '127.0.0.1:port', 'wiki..invalid',
     '*.invalid', 'a' * 64 + '.invalid'],
)  # fmt: skip
def test_a_host_that_cannot_be_reached_is_an_endpoint_error(host):
    wiki = OAuth2Wiki(OAuth2Client('id', SECRETS[0]), f'https://{host}/w')
    with raises(EndpointError) as info:
        wiki.refresh(Token(*SECRETS[1:3]))
    assert_silent(info.value, SECRETS)


def refused_for(server, value, status=429):
    """Return the seconds that an answer with Retry-After asks for."""
    header = b'Retry-After: ' + value.encode('latin-1')
    with raises(EndpointError, status=status) as info:
        talk(server, response(b'%d X' % status, [header]))
    return info.value.retry_after


@pytest.mark.parametrize(
    ('value', 'expected'),
    [('7', 7), (' 120 ', 120), ('0.5', 0.5), ('86400', 86400),
     *[(value, None) for value in (
         '0', '-5', '', 'soon', 'nan', 'inf', '9' * 400, ',', '\t',
         'Wed, 21 Oct 2015 07:28:00 GMT', 'Wed, 99 Foo 2026 07:28:00 GMT',
         'Wed, 21 Oct 99999 07:28:00 GMT', 'Wed, 21 Oct 2099 07:28:00 +9999',
         'Wed, 21 Oct 2099 07:28:00 +' + '9' * 20)]],
)  # fmt: skip
def test_retry_after_is_the_seconds_to_wait(server, value, expected):
    assert refused_for(server, value, 429) == expected
    assert refused_for(server, value, 503) == expected


@pytest.mark.parametrize(('zone', 'ahead'), [('GMT', 0), ('+0500', 18000)])
def test_retry_after_may_be_a_date(server, zone, ahead):
    value = formatdate(time.time() + ahead + 1000, usegmt=True)
    wait = refused_for(server, value.replace('GMT', zone))
    assert wait == pytest.approx(1000, abs=60)


RECORDED = {
    server: {case['case']: case for case in recordings.cases(server)}
    for server in recordings.SERVERS
}
DEAD, PERHAPS = Meaning.DEAD_TOKEN, Meaning.PERHAPS_DEAD
ENDED, CODE = Meaning.ENDED, Meaning.CODE_REFUSED
REFUSED, UNUSABLE = Meaning.CLIENT_REFUSED, Meaning.CLIENT_UNUSABLE
MISTAKE = Meaning.OUR_MISTAKE
STAGE = 'client (that an admin (disabled|rejected)|whose proposal expired)'
# What the recorded answers mean on 1.43 and on master, by the names of the
# cases; the first that matches counts.
MEANINGS = [
    # The access token
    (rf'(api|rest): .*{STAGE} and enabled again', None, None),
    (rf'api: .*{STAGE}', UNUSABLE, UNUSABLE),
    (r'api: token of a disabled owner-only client', UNUSABLE, UNUSABLE),
    (rf'rest: v1/page, {STAGE}', PERHAPS, UNUSABLE),
    (rf'rest: resource/profile, {STAGE}', None, UNUSABLE),
    (r'rest: v1/page, client with mwoauth-authonly', PERHAPS, PERHAPS),
    (r'rest: v1/page, (expired|garbage) token', PERHAPS, DEAD),
    (r'rest: resource/\w+, (expired token|revoked grant|garbage token'
     r'|no Authorization|session cookie only)', DEAD, DEAD),
    (r'rest: resource/profile, scheme in lower case', DEAD, None),
    # MediaWiki takes this for no authorization at all.
    (r'api: (scheme|no Authorization|.*the CSRF token from)', None, None),
    (r'api: .*((invalid|empty|expired|dead|garbage) (token|signature)'
     r'|token without signature|two tokens|two Authorization headers'
     r'|a revoked grant|the user revoked|token from before)', DEAD, DEAD),
    (r'(api|rest): ', None, None),
    # The client
    (rf'token: .*{STAGE} and enabled again', None, None),
    (rf'token: refresh a second time, {STAGE}', ENDED, UNUSABLE),
    (rf'token: .*({STAGE}|disabled owner-only client)', UNUSABLE, UNUSABLE),
    # 1.43 looks at the secret of a public client at the refresh only.
    (r'token: public client, wrong client_secret', None, None),
    (r'token: .*public client (without|with (wrong|empty)) client_secret',
     REFUSED, None),
    (r'token: .*(wrong client_secret|confidential client without'
     r'|client that is not owner-only)', REFUSED, REFUSED),
    (r'token: (refresh, )?unknown client', REFUSED, REFUSED),
    # The refresh token
    (r'token: refresh, with Authorization: Bearer', None, MISTAKE),
    (r'token: refresh with a refresh token that was used', ENDED, None),
    (r'token: refresh token, (second|third) use at once', ENDED, None),
    (r'token: refresh, empty refresh_token', ENDED, MISTAKE),
    (r'token: refresh.*( not one$|revoked|of another client|after the grace)',
     ENDED, ENDED),
    # The authorization code
    (r'token: .*no code_challenge but a code_verifier', None, MISTAKE),
    (r'token: .*(redirect_uri was sent|(wrong|missing) code_verifier'
     r'|code used a second|code that is not|code of another'
     r'|redirect_uri though)', CODE, CODE),
    # The request
    (r'token: .*(no grant_type|empty body|wrong grant_type|device_code'
     r'|no refresh_token|no client_id|body in JSON|text/plain|has not)',
     MISTAKE, MISTAKE),
    (r'token: ', None, None),
]  # fmt: skip


def expected(name, server):
    column = 1 + recordings.SERVERS.index(server)
    return next(row[column] for row in MEANINGS if re.match(row[0], name))


def find(raw, case):
    """Return what the package makes of a recorded answer."""
    request, answer = case['request'], case['response']
    raw.answer = recorded(answer)
    if not case['case'].startswith('token'):
        return protocol.meaning_of_response(
            requests.get(raw.url + request['path'])
        )
    grant = request.get('form', {}).get('grant_type')
    is_refresh = case['case'].startswith('token: refresh')
    step = 'refresh' if is_refresh else 'exchange'
    if grant == 'client_credentials':
        step = grant
    found = outcome(talk, raw, raw.answer, step)
    if isinstance(found, OAuth2Error):
        assert (found.wiki, found.client_id) == (raw.url, 'an-id')
        assert str(found).startswith(raw.url)
        assert_silent(found, SECRETS)
    if isinstance(found, EndpointError):
        # It is the same error, whoever made the mistake.
        name, _, hint = (found.error or '').partition(' ')
        return protocol.meaning_of('refresh', answer['status'], name, hint)
    if isinstance(found, errors.AuthorizationError):
        # A better code may follow.
        assert not found.is_final
        return CODE
    if isinstance(found, errors.AuthorizationEndedError):
        assert (answer['body'].get('hint') or '').startswith(found.hint)
        return ENDED
    if isinstance(found, errors.ClientRefusedError):
        assert 'an-id' in str(found)
        used_up = found.is_unusable and 'message' in answer['body']
        assert found.ends_refresh_token == (used_up and is_refresh)
        return UNUSABLE if found.is_unusable else REFUSED
    return None


@pytest.mark.parametrize('recording', recordings.SERVERS)
def test_every_recorded_answer_has_the_right_meaning(server, recording):
    names = [
        name
        for name, case in RECORDED[recording].items()
        if re.match('(token|api|rest):', name) and 'response' in case
    ]
    assert len(names) > 190
    found = {name: find(server, RECORDED[recording][name]) for name in names}
    assert found == {name: expected(name, recording) for name in names}


@pytest.mark.parametrize('row', protocol.REFUSALS, ids=lambda row: row.error)
def test_the_cases_that_a_row_names_were_recorded_so(server, row):
    for name in row.cases:
        version, _, rest = name.partition(' ')
        only = {version: rest} if version in RECORDED else None
        for like, case_name in (only or dict.fromkeys(RECORDED, name)).items():
            case = RECORDED[like][case_name]
            assert case['response']['status'] in row.statuses
            assert find(server, case) is row.meaning


@pytest.mark.parametrize(
    ('to', 'status', 'error', 'hint', 'meaning'),
    [
        ('refresh', 401, 'invalid_request', 'Token has expired', ENDED),
        ('refresh', 401, 'invalid_request', 'Check the `x`', None),
        ('any', 401, 'invalid_client', '', None),
    ],
)
def test_status_code_and_hint_decide(to, status, error, hint, meaning):
    assert protocol.meaning_of(to, status, error, hint) is meaning


GATEWAY = b'WWW-Authenticate: Bearer realm="x", error=%b, error_description=""'
JWT = 'mwoauth-invalid-authorization-jwt'


@pytest.mark.parametrize(
    ('status', 'headers', 'body', 'meaning'),
    [
        (401, [GATEWAY % b'"invalid_token"'], {}, DEAD),
        (401, [GATEWAY % b'invalid_token'], {}, DEAD),
        (403, [GATEWAY % b'invalid_token'], {}, None),
        (401, [b'WWW-Authenticate: Basic realm="x"'], {}, None),
        (403, [], {'errorKey': JWT}, Meaning.WRONG_COOKIE),
        (200, [f'MediaWiki-API-Error: {JWT}'.encode()], {},
         Meaning.WRONG_COOKIE),
        (200, [b'MediaWiki-API-Error: mwoauth-invalid-authorization-wrong-'
               b'wiki'], {}, None),
        # An error of something other than the profile
        (401, [], {'error': 'access_denied'}, None),
        (403, [], ['mwoauth-invalid-authorization'], None),
        # The content is not even looked at.
        (200, [], {'errorKey': 'mwoauth-invalid-authorization'}, None),
        (500, [], {'errorKey': 'mwoauth-invalid-authorization'}, None),
    ],
)  # fmt: skip
def test_other_answers_have_a_meaning(server, status, headers, body, meaning):
    server.answer = response(
        b'%d X' % status, headers, json.dumps(body).encode()
    )
    assert (
        protocol.meaning_of_response(requests.get(f'{server.url}/x'))
        is meaning
    )


STATE = 'a-state_of-32-characters'
CODE_VALUE = 'def50200' * 95
WHOLE = f'{CALLBACK}?code={CODE_VALUE}&state={STATE}'
PENDING = PendingLogin(STATE, 'v' * 64, CALLBACK)


@pytest.mark.parametrize(
    'callback',
    [WHOLE, f' {WHOLE}\n', f'?state={STATE}&code={CODE_VALUE}',
     f'/callback?code={CODE_VALUE}&state={STATE}&message=x&iss=y#_=_'],
    ids=['absolute', 'with blanks', 'query', 'relative'],
)  # fmt: skip
def test_a_callback_brings_the_code(callback):
    code = parse_callback(callback, PENDING)
    assert code == CODE_VALUE
    # Also where a tool shortens it first
    assert CODE_VALUE[:8] not in repr(code) + repr(code[:80])


CANCELLED = 'The authorization was cancelled.'
NO_ADDRESS = 'address contains no authorization code'
OTHER = 'belongs to another login, or its end is missing'


@pytest.mark.parametrize(
    ('callback', 'words', 'error'),
    [
        # A user who cancels comes back without a state (recorded).
        ('?error=unauthorized_client&error_description=Buy+this', CANCELLED,
         'cancelled'),
        (f'?error=access_denied&error_description=It+was%0Adenied&state='
         f'{STATE}', 'did not authorize the client: It was denied',
         'access_denied'),
        (f'?error=invalid_scope&state={STATE}', CANCELLED, 'invalid_scope'),
        # Anything else is not the answer to this login.
        (f'?error=access_denied&state=other&code={CODE_VALUE}', OTHER, None),
        ('?error=access_denied&state=other', NO_ADDRESS, None),
        (f'?code={CODE_VALUE}&state=other', OTHER, None),
        (WHOLE[:-1], OTHER, None),
        (f'?code={CODE_VALUE}&state={STATE}&state={STATE}', OTHER, None),
        (f'{WHOLE}&code=b', OTHER, None),
        (f'?code={CODE_VALUE}&state=\udcff', OTHER, None),
        (f'?code={CODE_VALUE}&stat', 'the part from &state= on is miss', None),
        (f'?code={CODE_VALUE}', 'the part from &state= on is missing', None),
        (f'?code=&state={STATE}', NO_ADDRESS, None),
        (f'?code=a%20b&state={STATE}', NO_ADDRESS, None),
        (CODE_VALUE, NO_ADDRESS, None),
        ('http://[/?code=a', NO_ADDRESS, None),
        ('?' + 'a&' * 100, NO_ADDRESS, None),
        ('', NO_ADDRESS, None),
    ],
    ids=range(18),
)  # fmt: skip
def test_any_other_callback_is_an_error(callback, words, error):
    facts = {'error': error, 'is_final': error is not None}
    with raises(errors.AuthorizationError, words, **facts):
        parse_callback(callback, PENDING)


words = st.sampled_from(
    ['?', '&', '=', '#', ';', '%', '%00', '%FF', '%ED%A0%80', '+', '/', '//',
     'http://', '[::1', ']', '@', ':', '\n', '\r', '\x1b', '\x00', '\udcff',
     'code=', 'state=', 'error=', 'error_description=', CODE_VALUE, STATE,
     f'state={STATE}', f'code={CODE_VALUE}', WHOLE]
)  # fmt: skip
fields = st.dictionaries(
    st.sampled_from(['code', 'state', 'error', 'x']),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)),
    max_size=4,
)


@examples(300)
@given(
    anything
    | st.lists(words | anything, max_size=8).map(''.join)
    | st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end])
    | fields.map(lambda query: f'?{urlencode(query)}&state={STATE}')
)
@example('//\u2100/?code=a&state=b')
def test_any_callback_is_its_own_code_or_an_error_that_can_be_shown(callback):
    found = outcome(parse_callback, callback, PENDING)
    if isinstance(found, OAuth2Error):
        assert str(found).isprintable()
        assert STATE not in str(found)
        assert CODE_VALUE not in str(found)
    else:
        query = parse_qs(urlsplit(callback.strip()).query)
        assert ([found], [STATE]) == (query['code'], query['state'])


def outcome(function, *arguments):
    """Return the result of a function, or the error that it may raise."""
    try:
        return function(*arguments)
    except OAuth2Error as error:
        return error


# After some malformed answers urllib3 leaves it to the garbage collector to
# close the connection.
@pytest.mark.filterwarnings('ignore:unclosed:ResourceWarning')
@pytest.mark.usefixtures('keeps_garbage')
@each_step
@examples(60)
@given(answer=answers)
@example(answer=response(body=b'[' * 200_000))
@example(answer=response(body=b'{"a": ' + b'9' * 5000 + b'}'))
@example(answer=response(headers=[b'Content-Encoding: gzip'], body=b'abc'))
@example(answer=response(headers=[b'Transfer-Encoding: chunked'], body=b'zz'))
@example(answer=response(headers=[b'Set-Cookie: a=b; Max-Age=x'] * 200))
@example(answer=b'HTTP/1.1 100 Continue\r\n\r\n')
def test_any_answer_is_a_result_or_an_error(server, answer, step):
    found = outcome(talk, server, answer, step)
    if isinstance(found, OAuth2Error):
        assert 'c0ffee5ec2e7' not in str(found)
        assert str(found).isprintable()
        assert found.__suppress_context__ or found.__context__ is None


@examples(40)
@given(value=anything.filter(bool))
@example(value='\ud800')
@example(value='&=%+; \n\x00')
def test_any_refresh_token_that_is_given_can_be_sent(server, value):
    body = json.dumps({**good, 'refresh_token': value}).encode()
    token = talk(server, response(body=body))
    wiki = OAuth2Wiki(OAuth2Client('id'), server.url)
    assert wiki.refresh(token).access_token == 'abc'
    sent = dict(parse_qsl(server.received[-1].rpartition(b'\r\n')[2].decode()))
    assert sent['refresh_token'] == token.refresh_token


@pytest.fixture
def log(caplog):
    """Log everything on level DEBUG; return what was logged."""
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + repr([r.args for r in caplog.records])


def test_no_secret_is_logged_by_several_threads(server, log):
    new = {'access_token': 'a-new-token', 'refresh_token': 'the-next-token'}
    answer = response(body=json.dumps({**good, **new}).encode())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda s: talk(server, answer, s), [*STEPS] * 4))
    with pytest.raises(errors.ClientRefusedError):
        talk(server, response(b'401 X', body=b'{"error": "invalid_client"}'))
    assert '/rest.php/oauth2/access_token' in log()
    secrets = [*SECRETS, *new.values()]
    assert [secret for secret in secrets if secret in log()] == []


def test_other_threads_records_pass_during_an_exchange(server, log):
    def answer():
        logger.debug('somebody else')
        yield GOOD

    logger = requests_oauthlib.oauth2_session.log
    talk(server, answer())
    assert 'somebody else' in log()
    with pytest.raises(OAuth2Error):
        talk(server, b'')
    assert logger.filters == []
