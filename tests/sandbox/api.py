"""The action API: api.php.

It has what Pywikibot needs to log in, to read and to edit a page. Results
are written as with formatversion=2 and converted if need be.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import query
from .accounts import SESSION_COOKIE, Caller, Session, User
from .clock import timestamp
from .dialog import WRONG_PASSWORD, session_cookie
from .pages import Edit, normal_title
from .rest import INVALID, INVALID_TOKEN, not_approved
from .wire import Request, Response, json_response

if TYPE_CHECKING:
    from .sandbox import Sandbox

PROVIDER = 'MediaWiki\\Extension\\OAuth\\SessionProvider'
DOCREF = (
    'See {}/api.php for API usage. Subscribe to the '
    'mediawiki-api-announce mailing list at &lt;https://lists.'
    'wikimedia.org/postorius/lists/mediawiki-api-announce.lists.'
    'wikimedia.org/&gt; for notice of API deprecations and breaking '
    'changes.'
)
LIMITED = 'The action you have requested is limited to users in '
DENIED = {
    'edit': LIMITED + 'one of the groups: *, [[SandboxWiki:Users|Users]].',
    'editmyoptions': "You don't have permission to edit your preferences.",
}
FOR_SYSOPS = (
    LIMITED + 'the group: [[SandboxWiki:Administrators|Administrators]].'
)


class ApiError(Exception):
    """An error of the API; *module* is the action that raised it."""

    def __init__(self, code: str, info: str, **data: object) -> None:
        super().__init__(info)
        self.code = code
        self.data = data
        self.module: str | None = None


class Call:
    """One request to the API."""

    def __init__(self, wiki: Sandbox, request: Request) -> None:
        self.wiki = wiki
        self.request = request
        self.params = {**request.query, **request.form}
        self.fv2 = self.params.get('formatversion') in ('2', 'latest')
        self.cookies: list[str] = []
        self.caller = Caller(Session())

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter."""
        return self.params.get(name, default)

    def need(self, name: str) -> str:
        """Return a parameter that must be given."""
        if name not in self.params:
            text = f'The "{name}" parameter must be set.'
            raise ApiError('missingparam', text)
        return self.params[name]

    def many(self, name: str, default: str = '') -> list[str]:
        """Return the values of a parameter that takes several."""
        value = self.params.get(name, default)
        if value.startswith('\x1f'):
            return value[1:].split('\x1f')
        return value.split('|') if value else []


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer api.php."""
    call = Call(wiki, request)
    headers = {'Cache_Control': 'private, must-revalidate, max-age=0'}
    try:
        data = _run(call)
    except ApiError as error:
        request.error = error.code
        headers['MediaWiki_API_Error'] = error.code
        data = _error(call, error)
    response = json_response(
        data if call.fv2 else _version_1(data),
        content_type='application/json; charset=utf-8',
        **headers,
    )
    response.headers += [('Set-Cookie', field) for field in call.cookies]
    return response


def _run(call: Call) -> dict[str, Any]:
    """Find out who is calling, and do what is asked."""
    identify(call)
    name = call.get('action', 'help')
    action = ACTIONS.get(name)
    if action is None:
        text = f'Unrecognized value for parameter "action": {name}.'
        raise ApiError('badvalue', text)
    try:
        _check_asserts(call)
        if action.token:
            if call.request.method != 'POST':
                text = f'The "{name}" module requires a POST request.'
                raise ApiError('mustbeposted', text)
            if call.need('token') != call.caller.token(action.token):
                raise ApiError('badtoken', 'Invalid CSRF token.')
        _check_right(call, action)
        return action.run(call)
    except ApiError as error:
        error.module = name
        raise


def identify(call: Call) -> None:
    """Find the account that a request is made for."""
    wiki, request = call.wiki, call.request
    if request.bearer is None:
        call.caller = wiki.caller(wiki.session_of(request))
    else:
        _identify_bearer(call, request.bearer)
    user = call.caller.user
    request.user = user.name if user else None


def _identify_bearer(call: Call, text: str) -> None:
    oauth = call.wiki.oauth
    token = oauth.valid(text)
    if token is None:
        raise ApiError(INVALID, INVALID_TOKEN)
    user = token.session.user
    if user and not token.client.usable_by(user):
        text = not_approved(token.client.name)
        raise ApiError(f'{INVALID}-not-approved', text)
    if call.wiki.session_jwt:
        # Documented by Wikimedia, not recorded: core 1.45 lacks the cookie.
        cookie = call.request.cookies.get('sessionJwt')
        if cookie and oauth.session_jwts.get(cookie) is not token:
            raise ApiError(
                f'{INVALID}-jwt',
                'The sessionJwt cookie does not belong to the access token.',
            )
        if token.client.owner_only:
            jwt = oauth.session_jwt(token)
            call.cookies.append(f'sessionJwt={jwt}; path=/; HttpOnly')
    call.caller = call.wiki.caller_of(token)


def _check_asserts(call: Call) -> None:
    """Check who the client believes to be."""
    user, wanted = call.caller.user, call.get('assert')
    undone = 'so the action could not be completed.'
    if wanted in ('user', 'bot') and user is None:
        text = f'You are no longer logged in, {undone}'
        raise ApiError('assertuserfailed', text)
    if wanted == 'bot' and 'bot' not in call.caller.rights:
        text = f'You do not have the "bot" right, {undone}'
        raise ApiError('assertbotfailed', text)
    if wanted == 'anon' and user:
        text = f'You are no longer logged out, {undone}'
        raise ApiError('assertanonfailed', text)
    name = call.get('assertuser')
    if name is not None and (user is None or user.name != name):
        text = f'You are no longer logged in as "{name}", {undone}'
        raise ApiError('assertnameduserfailed', text)


def _check_right(call: Call, action: Action) -> None:
    right, caller = action.right, call.caller
    if right == 'read' and right not in caller.rights:
        text = 'You need read permission to use this module.'
        raise ApiError('readapidenied', text)
    if right and right not in caller.rights:
        raise ApiError('permissiondenied', DENIED.get(right, FOR_SYSOPS))
    if action.token and right and caller.user and caller.user.blocked:
        raise ApiError(
            'blocked',
            'You have been blocked from editing.',
            blockinfo=query.blockinfo(caller.user),
        )


def _error(call: Call, error: ApiError) -> dict[str, Any]:
    """Return an error as the client wants it."""
    docref = DOCREF.format(call.wiki.url)
    form = call.get('errorformat', 'bc')
    if form == 'bc':
        key = 'docref' if call.fv2 else '*'
        fields = {'code': error.code, 'info': str(error), **error.data}
        return {'error': {**fields, key: docref}}
    key = 'html' if form == 'html' else 'text'
    text = html.escape(str(error)) if form == 'html' else str(error)
    item = {'code': error.code, key if call.fv2 else '*': text}
    if error.data:
        item['data'] = error.data
    if error.module:
        item['module'] = error.module
    return {'errors': [item], 'docref' if call.fv2 else '*': docref}


def _version_1(data: Any) -> Any:
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


# Actions


def _edit(call: Call) -> dict[str, Any]:
    wiki, caller = call.wiki, call.caller
    title = normal_title(call.need('title'))
    page = wiki.pages.page(title)
    if page is None and call.get('nocreate') is not None:
        text = "The page you specified doesn't exist."
        raise ApiError('missingtitle', text)
    if page is None and 'createpage' not in caller.rights:
        text = 'You do not have permission to create new pages.'
        raise ApiError('cantcreate', text)
    old = page.text if page else ''
    before, after = call.get('prependtext'), call.get('appendtext')
    if before is None and after is None:
        text = call.need('text')
    else:
        text = (before or '') + old + (after or '')
    text = text.rstrip()
    result = {'result': 'Success', 'title': title, 'contentmodel': 'wikitext'}
    if page and text == old:
        return {'edit': {**result, 'pageid': page.id, 'nochange': True}}
    user, summary = caller.user, call.get('summary', '')
    page = wiki.pages.save(
        title,
        text,
        wiki.clock(),
        user=caller.name,
        userid=user.id if user else 0,
        summary=summary,
        tags=caller.tags,
    )
    if user:
        user.editcount += 1
    wiki.edits.append(Edit(caller.name, title, text, summary, caller.tags))
    revision = page.revisions[-1]
    result.update(
        pageid=page.id,
        new=not revision.parent,
        oldrevid=revision.parent,
        newrevid=revision.id,
        newtimestamp=timestamp(revision.time),
    )
    return {'edit': result}


def _login(call: Call) -> dict[str, Any]:
    """Log in with action=login, which cannot ask for a second factor."""
    outcome = _check_password(call, 'lgname', 'lgpassword', 'lgtoken')
    if isinstance(outcome, User) and outcome.second_factor:
        text = 'Authentication requires user interaction, which is not '
        return {'login': {'result': 'Aborted', 'reason': text + 'supported.'}}
    if isinstance(outcome, User):
        _start_session(call, outcome)
        fields = {'lguserid': outcome.id, 'lgusername': outcome.name}
        return {'login': {'result': 'Success', **fields}}
    code, reason = outcome
    result = 'WrongToken' if code == 'badtoken' else 'Failed'
    if call.request.bearer is not None:
        result = 'Aborted'
    return {'login': {'result': result, 'reason': reason}}


def _clientlogin(call: Call) -> dict[str, Any]:
    """Log in with action=clientlogin, in one step or in two."""
    session = call.caller.session
    if call.get('logincontinue') is not None and session.pending:
        return {'clientlogin': _second_step(call, session)}
    outcome = _check_password(call, 'username', 'password', 'logintoken')
    if isinstance(outcome, User) and outcome.second_factor:
        session.pending, session.failures = outcome, 0
        return {'clientlogin': _second_factor(outcome, failed=False)}
    if isinstance(outcome, User):
        return {'clientlogin': _start_session(call, outcome)}
    code, reason = outcome
    if code == 'badtoken':
        raise ApiError(code, reason)
    return {'clientlogin': _failure(code, reason)}


def _failure(code: str, text: str) -> dict[str, str]:
    return {'status': 'FAIL', 'message': text, 'messagecode': code}


def _second_step(call: Call, session: Session) -> dict[str, Any]:
    """Check the second factor; both extensions ask again a few times."""
    user = session.pending
    kind, code = user.second_factor
    if call.get('OATHToken' if kind == 'totp' else 'token') == code:
        return _start_session(call, user)
    session.failures += 1
    if session.failures > 3:
        session.pending = None
        return _failure(
            'login-throttled', 'You have made too many recent login attempts.'
        )
    return _second_factor(user, failed=True)


def _second_factor(user: User, *, failed: bool) -> dict[str, Any]:
    """Ask as Extension:OATHAuth or Extension:EmailAuth does."""
    if user.second_factor[0] == 'totp':
        name, label = 'OATHToken', 'Token'
        request = 'MediaWiki\\Extension\\OATHAuth\\Auth\\TOTPAuthentication'
        code = 'oathauth-login-failed' if failed else 'oathauth-auth-ui'
        text = 'Verification failed' if failed else 'Enter a code from your app'
    else:
        name, label = 'token', 'Verification code'
        request = 'MediaWiki\\Extension\\EmailAuth\\EmailAuthAuthentication'
        code = f'emailauth-login-{"failure" if failed else "message"}'
        text = 'The code is wrong.' if failed else (
            f'A code was sent to {user.email[0]}***@***.***'
        )
    field = {'type': 'string', 'label': label, 'help': 'Six digits'}
    return {
        'status': 'UI',
        'requests': [
            {
                'id': f'{request}Request',
                'metadata': {},
                'required': 'required',
                'provider': request,
                'account': user.name,
                'fields': {name: field},
            }
        ],
        'message': text,
        'messagecode': code,
    }


def _check_password(
    call: Call, name: str, password: str, token: str
) -> User | tuple[str, str]:
    """Return whose password was sent, or what is wrong."""
    session = call.caller.session
    if call.get(token) != session.tokens.get('login', call):
        return 'badtoken', 'Invalid CSRF token.'
    user = call.wiki.accounts.check(
        call.get(name, ''), call.get(password, '')
    )
    return user or ('wrongpassword', WRONG_PASSWORD)


def _start_session(call: Call, user: User) -> dict[str, Any]:
    accounts = call.wiki.accounts
    accounts.end(call.request.cookies.get(SESSION_COOKIE))
    call.cookies.append(session_cookie(accounts.start(user)))
    call.request.user = user.name
    return {'status': 'PASS', 'username': user.name}


def _logout(call: Call) -> dict[str, Any]:
    if call.request.bearer is not None:
        text = f'Logging out is not possible when using {PROVIDER} sessions.'
        raise ApiError('cannotlogout', text)
    call.wiki.accounts.end(call.request.cookies.get(SESSION_COOKIE))
    return {}


def _nothing(_call: Call) -> dict[str, Any]:
    """Answer what is there for its right only."""
    return {}


class Action(NamedTuple):
    """What carries an action out, its kind of token, the right it needs."""

    run: Callable[[Call], dict[str, Any]]
    token: str | None = None
    right: str | None = None


ACTIONS = {
    'clientlogin': Action(_clientlogin),
    'delete': Action(_nothing, 'csrf', 'delete'),
    'edit': Action(_edit, 'csrf', 'edit'),
    'help': Action(_nothing),
    'login': Action(_login),
    'logout': Action(_logout, 'csrf'),
    'options': Action(_nothing, 'csrf', 'editmyoptions'),
    'paraminfo': Action(lambda call: query.paraminfo(call, ACTIONS)),
    'protect': Action(_nothing, 'csrf', 'protect'),
    'query': Action(query.run, right='read'),
}
