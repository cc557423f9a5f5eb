"""The action API: api.php.

It has what Pywikibot needs to log in, to read and to edit a page. Results
are written as with formatversion=2 and converted if need be.
"""

from __future__ import annotations

import html
from collections import namedtuple

from . import query
from .content import (
    DATA,
    SESSION_COOKIE,
    TEXTS,
    Caller,
    Edit,
    Session,
    normal_title,
    timestamp,
)
from .dialog import session_cookie
from .rest import INVALID
from .server import json_response


class ApiError(Exception):
    """An error of the API; *module* is the action that raised it."""

    module: str | None = None

    def __init__(self, code, info='', **data):
        super().__init__(info or TEXTS[code])
        self.code, self.data = code, data


class Call:
    """One request to the API."""

    def __init__(self, wiki, request):
        self.wiki, self.request = wiki, request
        self.params = {**request.query, **request.form}
        self.fv2 = self.params.get('formatversion') in ('2', 'latest')
        self.cookies = []
        self.caller = Caller(Session())

    def get(self, name, default=''):
        return self.params.get(name, default)

    def need(self, name):
        if name not in self.params:
            raise ApiError('missingparam', f'"{name}" must be set')
        return self.params[name]

    def many(self, name, default=''):
        value = self.params.get(name, default)
        return value.split('|') if value else []

    def log_in(self, user):
        """Start a session of a user in place of this one."""
        accounts = self.wiki.accounts
        self.log_out()
        self.cookies.append(session_cookie(accounts.start(user)))
        self.request.user = user.name
        return {'status': 'PASS', 'username': user.name}

    def log_out(self):
        cookie = self.request.cookies.get(SESSION_COOKIE)
        self.wiki.accounts.sessions.pop(cookie, None)


def answer(wiki, request):
    call = Call(wiki, request)
    headers = {'Cache_Control': 'private, must-revalidate, max-age=0'}
    try:
        data = _run(call)
    except ApiError as error:
        request.error = headers['MediaWiki_API_Error'] = error.code
        data = _error(call, error)
    kind = 'application/json; charset=utf-8'
    data = data if call.fv2 else _version_1(data)
    response = json_response(data, content_type=kind, **headers)
    response.headers += [('Set-Cookie', field) for field in call.cookies]
    return response


def _run(call):
    identify(call)
    name = call.get('action', 'help')
    action = ACTIONS[name]
    try:
        _check_asserts(call)
        if action.token and call.request.method != 'POST':
            raise ApiError('mustbeposted', f'{name} requires a POST request')
        if action.token and call.need('token') != call.caller.token('csrf'):
            raise ApiError('badtoken')
        _check_right(call, action)
        return action.run(call)
    except ApiError as error:
        error.module = name
        raise


def identify(call):
    wiki, request = call.wiki, call.request
    if request.bearer is None:
        call.caller = wiki.caller(wiki.session_of(request))
    else:
        _identify_bearer(call, request.bearer)
    user = call.caller.user
    request.user = user.name if user else None


def _identify_bearer(call, text):
    oauth = call.wiki.oauth
    token = oauth.valid(text)
    if token is None:
        raise ApiError(INVALID)
    if not token.is_usable:
        text = TEXTS['not_approved'].format(token.client.name)
        raise ApiError(f'{INVALID}-not-approved', text)
    if call.wiki.session_jwt:
        # Documented by Wikimedia, not recorded: core 1.45 lacks the cookie.
        cookie = call.request.cookies.get('sessionJwt')
        if cookie and oauth.session_jwts.get(cookie) is not token:
            raise ApiError(f'{INVALID}-jwt')
        if token.client.owner_only:
            jwt = oauth.session_jwt(token)
            call.cookies.append(f'sessionJwt={jwt}; path=/; HttpOnly')
    call.caller = call.wiki.caller_of(token)


def _check_asserts(call):
    """Check who the client believes to be."""
    user = call.caller.user
    if call.get('assert') in ('user', 'bot') and user is None:
        raise ApiError('assertuserfailed')
    name = call.get('assertuser')
    if name and (user is None or user.name != name):
        text = TEXTS['assertuser'].format(name)
        raise ApiError('assertnameduserfailed', text)


def _check_right(call, action):
    right, user = action.right, call.caller.user
    if right and right not in call.caller.rights:
        code = 'readapidenied' if right == 'read' else 'permissiondenied'
        raise ApiError(code, TEXTS[right])
    if action.token and right and user and user.blocked:
        raise ApiError('blocked', blockinfo=query.blockinfo(user))


def _error(call, error):
    form, code, text = call.get('errorformat', 'bc'), error.code, str(error)
    see = TEXTS['docref'].format(call.wiki.url)
    docref = {'docref' if call.fv2 else '*': see}
    if form == 'bc':
        return {'error': {'code': code, 'info': text, **error.data, **docref}}
    key = ('html' if form == 'html' else 'text') if call.fv2 else '*'
    item = {'code': code, key: html.escape(text) if form == 'html' else text}
    if error.data:
        item['data'] = error.data
    if error.module:
        item['module'] = error.module
    return {'errors': [item], **docref}


def _version_1(data):
    """Return *data* with True as '' and without what is False."""
    if isinstance(data, dict):
        return {
            key: '' if value is True else _version_1(value)
            for key, value in data.items()
            if value is not False
        }
    if isinstance(data, list):
        return [_version_1(value) for value in data]
    return data


def _edit(call):
    wiki, caller = call.wiki, call.caller
    title = normal_title(call.need('title'))
    page = wiki.pages.page(title)
    old = page.text if page else ''
    if {'prependtext', 'appendtext'} & call.params.keys():
        text = call.get('prependtext') + old + call.get('appendtext')
    else:
        text = call.need('text')
    text, summary = text.rstrip(), call.get('summary')
    result = {'result': 'Success', 'title': title, 'contentmodel': 'wikitext'}
    if page and text == old:
        return {'edit': {**result, 'pageid': page.id, 'nochange': True}}
    edit = Edit(caller.name, title, text, summary, caller.tags)
    page = wiki.pages.save(edit, wiki.clock())
    wiki.edits.append(edit)
    if caller.user:
        caller.user.editcount += 1
    result.update(pageid=page.id, new=not page.parent)
    result.update(oldrevid=page.parent, newrevid=page.revision)
    return {'edit': {**result, 'newtimestamp': timestamp(page.time)}}


def _clientlogin(call):
    session = call.caller.session
    if 'logincontinue' in call.params and session.pending:
        return {'clientlogin': _second_step(call, session.pending)}
    if call.get('logintoken') != session.tokens.get('login'):
        raise ApiError('badtoken')
    accounts = call.wiki.accounts
    user = accounts.check(call.get('username'), call.get('password'))
    if user is None:
        code = 'wrongpassword'
        fields = {'message': TEXTS[code], 'messagecode': code}
        return {'clientlogin': {'status': 'FAIL', **fields}}
    if user.second_factor:
        session.pending = user
        return {'clientlogin': _ask(user, 'asked')}
    return {'clientlogin': call.log_in(user)}


def _second_step(call, user):
    """Check the second factor; both extensions ask again."""
    kind, code = user.second_factor
    if call.get(DATA['second_factors'][kind]['field']) == code:
        return call.log_in(user)
    return _ask(user, 'failed')


def _ask(user, why):
    factor = DATA['second_factors'][user.second_factor[0]]
    field = {'type': 'string', 'label': factor['label'], 'help': 'Six digits'}
    request = {'id': factor['request'], 'fields': {factor['field']: field}}
    code, text = factor[why]
    answer = {'status': 'UI', 'requests': [request]}
    return {**answer, 'message': text, 'messagecode': code}


def _logout(call):
    if call.request.bearer is not None:
        raise ApiError('cannotlogout')
    call.log_out()
    return {}


def _nothing(_call):
    """Answer what is there for its right only."""
    return {}


# What carries an action out; whether it takes a token; its right
Action = namedtuple('Action', 'run token right', defaults=(False, ''))
ACTIONS = {
    'clientlogin': Action(_clientlogin),
    'delete': Action(_nothing, True, 'delete'),
    'edit': Action(_edit, True, 'edit'),
    'help': Action(_nothing),
    'logout': Action(_logout, True),
    'options': Action(_nothing, True, 'editmyoptions'),
    'paraminfo': Action(query.paraminfo),
    'protect': Action(_nothing, True, 'protect'),
    'query': Action(query.run, right='read'),
}
