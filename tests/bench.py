"""A Pywikibot for two wikis, in the process of the tests."""

from __future__ import annotations

import threading

import requests
from pywikibot import config
from pywikibot.comms import http
from requests.cookies import create_cookie

from pywikibot_oauth2 import OAuth2Auth
from tests.helpers import Bot
from tests.sandbox import Sandbox
from tests.sandbox.content import SESSION_COOKIE
from tests.sandbox.server import Response, json_response


DEAD = 'mwoauth-invalid-authorization'

WHO = {'action': 'query', 'meta': 'userinfo', 'format': 'json'}

GOOD = json_response({'good': True})


def api_error(code):
    return json_response({'error': {'code': code}}, MediaWiki_API_Error=code)


def setting(value):
    return json_response({'good': True}, Set_Cookie=f'a={value}; path=/')


DEAD_ANSWER = api_error(DEAD)

DEAD_GATEWAY = Response(
    401, b'{}', [('WWW-Authenticate', 'error="invalid_token"')]
)


class OtherWiki(Sandbox):
    """A second wiki of the account that answers as it is told.

    :ivar answers: the answers to come; the last one is repeated
    :ivar connections: the threads, of which each has a connection
    """

    def __init__(self):
        super().__init__()
        self.answers, self.connections = [GOOD], set()

    def _answer(self, request):
        self.requests.append(request)
        self.connections.add(threading.current_thread())
        return self.answers.pop(0) if self.answers[1:] else self.answers[0]

    def sent(self, name):
        """Return this header field of each request."""
        return [request.headers.get(name) for request in self.requests]


class Bench:
    """A Pywikibot that is configured for two wikis, in this process."""

    def __init__(self, wiki, other, folder):
        self.wiki, self.other = wiki, other
        self.bot = Bot(wiki, folder)
        self.auth = self.new_auth()
        for code, each in (('en', wiki), ('other', other)):
            config.usernames['sandbox'][code] = 'Bot'
            config.authenticate[each.netloc] = self.auth

    def new_auth(self, **options):
        return OAuth2Auth(
            self.bot.registered.id,
            self.bot.registered.secret,
            clock=self.wiki.clock,
            **options,
        )

    def who(self, **options):
        """Return whom a request is carried out for."""
        answer = http.fetch(self.wiki.api_url, params=WHO, **options)
        return answer.json()['query']['userinfo']['name']

    def edit(self, **fields):
        """Return the error code of an edit, or None."""
        form = {'action': 'edit', 'title': 'Sandbox', 'text': 'Changed'}
        form |= {'token': '+\\', 'format': 'json', **fields}
        answer = http.fetch(self.wiki.api_url, 'POST', data=form).json()
        return answer.get('error', {}).get('code')

    def at_api(self):
        """Return the requests to the sandbox's api.php."""
        some = list(self.wiki.requests)
        return [each for each in some if each.path.endswith('/api.php')]

    def header_for(self, url, auth=None):
        """Return the header that a request would carry."""
        request = requests.Request('GET', url, auth=auth or self.auth)
        return request.prepare().headers.get('Authorization')

    def password_session(self, user='Admin'):
        """Let Pywikibot's jar have the session of an account."""
        cookie = self.wiki.accounts.start(self.wiki.accounts.users[user])
        http.cookie_jar.set_cookie(
            create_cookie(SESSION_COOKIE, cookie, domain='127.0.0.1')
        )
