#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The action API: api.php.

Results are written as with formatversion=2 and converted if need be.
"""
from __future__ import annotations

import hashlib
import html
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import lists, query, siteinfo
from .accounts import SESSION_COOKIE, Caller, Session, User
from .clock import timestamp
from .dialog import session_cookie
from .pages import Edit, Page, namespace, normal_title
from .wire import Request, Response, json_response


if TYPE_CHECKING:
    from collections.abc import Container

    from .sandbox import Sandbox


INVALID = 'mwoauth-invalid-authorization'
PROVIDER = 'MediaWiki\\Extension\\OAuth\\SessionProvider'
DOCREF = ('See {}/api.php for API usage. Subscribe to the '
          'mediawiki-api-announce mailing list at &lt;https://lists.'
          'wikimedia.org/postorius/lists/mediawiki-api-announce.lists.'
          'wikimedia.org/&gt; for notice of API deprecations and breaking '
          'changes.')


class ApiError(Exception):

    """An error of the API."""

    def __init__(self, code: str, info: str, **data: object) -> None:
        super().__init__(info)
        self.code = code
        self.data = data


class Call:

    """One request to the API."""

    def __init__(self, wiki: Sandbox, request: Request) -> None:
        self.wiki = wiki
        self.request = request
        self.params = {**request.query, **request.form}
        self.fv2 = self.params.get('formatversion') in ('2', 'latest')
        self.cookies: list[str] = []
        self.warnings: dict[str, str] = {}
        self.caller = Caller(Session())

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a parameter."""
        return self.params.get(name, default)

    def flag(self, name: str) -> bool:
        """Tell whether a parameter was given."""
        return name in self.params

    def need(self, name: str) -> str:
        """Return a parameter that must be given."""
        if name not in self.params:
            raise ApiError('missingparam',
                           f'The "{name}" parameter must be set.')
        return self.params[name]

    def many(self, name: str, default: str = '') -> list[str]:
        """Return the values of a parameter that takes several."""
        value = self.params.get(name, default)
        if value.startswith('\x1f'):
            return value[1:].split('\x1f')
        return value.split('|') if value else []

    def limit(self, name: str, default: int) -> int:
        """Return the value of a limit."""
        most = 5000 if 'apihighlimits' in self.caller.rights else 500
        value = self.params.get(name, '')
        if value == 'max':
            return most
        return min(int(value), most) if value.isdigit() else default

    def warn(self, module: str, text: str) -> None:
        """Send a warning along with the result."""
        earlier = [self.warnings[module]] if module in self.warnings else []
        self.warnings[module] = '\n'.join([*earlier, text])

    def known(self, name: str, known: Container[str], default: str = '',
              module: str = 'query') -> list[str]:
        """Return the values that are known, and warn of all others."""
        values = self.many(name, default)
        unknown = [value for value in values if value not in known]
        if unknown:
            self.warn(module, f'Unrecognized value{"s" * (len(unknown) > 1)} '
                      f'for parameter "{name}": {", ".join(unknown)}.')
        return [value for value in values if value in known]

    def set_cookie(self, field: str) -> None:
        """Send a cookie along with the response."""
        self.cookies.append(field)


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer a request to api.php."""
    call = Call(wiki, request)
    headers = {'Cache_Control': 'private, must-revalidate, max-age=0'}
    try:
        data = _run(call)
    except ApiError as error:
        request.error = error.code
        headers['MediaWiki_API_Error'] = error.code
        data = _error(call, error)
    if call.warnings:
        key = 'warnings' if call.fv2 else '*'
        data['warnings'] = {module: {key: text} for module, text
                            in call.warnings.items()}
    response = json_response(data if call.fv2 else _version_1(data),
                             content_type='application/json; charset=utf-8',
                             **headers)
    response.headers += [('Set-Cookie', field) for field in call.cookies]
    return response


def _run(call: Call) -> dict[str, Any]:
    """Find out who is calling, and do what is asked."""
    identify(call)
    _check_asserts(call)
    name = call.get('action', 'help')
    action = ACTIONS.get(name)
    if action is None:
        raise ApiError('badvalue',
                       f'Unrecognized value for parameter "action": {name}.')
    if action.post and call.request.method != 'POST':
        raise ApiError('mustbeposted',
                       f'The "{name}" module requires a POST request.')
    if action.token \
       and call.need('token') != call.caller.token(action.token):
        raise ApiError('badtoken', 'Invalid CSRF token.')
    if action.right:
        _check_right(call, action.right)
    return action.run(call)


def identify(call: Call) -> None:
    """Find the account that a request is made for."""
    wiki, request = call.wiki, call.request
    if request.bearer is None:
        call.caller = Caller(wiki.session_of(request) or Session())
    else:
        _identify_bearer(call, request.bearer)
    user = call.caller.user
    request.user = user.name if user else None


def _identify_bearer(call: Call, text: str) -> None:
    wiki = call.wiki
    token = wiki.oauth.valid(text)
    if token is None:
        raise ApiError(INVALID, 'The authorization headers in your request '
                                'are not valid: Invalid access token')
    user = token.session.user
    if user and not token.client.usable_by(user):
        raise ApiError(f'{INVALID}-not-approved',
                       'This application is not approved.')
    if wiki.is_master:
        _check_session_jwt(call, user)
        if token.client.owner_only:
            jwt = wiki.oauth.session_jwt(user)
            call.set_cookie(f'sessionJwt={jwt}; path=/; HttpOnly')
    call.caller = wiki.caller_of(token)


def _check_session_jwt(call: Call, user: User | None) -> None:
    cookie = call.request.cookies.get('sessionJwt')
    owner = call.wiki.oauth.session_jwts.get(cookie)
    if cookie and owner is not user:
        raise ApiError(f'{INVALID}-invalid-user',
                       'The authorization headers in your request are for '
                       'another user than the sessionJwt cookie.')


def _check_asserts(call: Call) -> None:
    """Check who the client believes to be."""
    user = call.caller.user
    wanted = call.get('assert')
    if wanted in ('user', 'bot') and user is None:
        raise ApiError('assertuserfailed', 'You are no longer logged in, so '
                       'the action could not be completed.')
    if wanted == 'bot' and 'bot' not in call.caller.rights:
        raise ApiError('assertbotfailed', 'You do not have the "bot" right, '
                       'so the action could not be completed.')
    if wanted == 'anon' and user:
        raise ApiError('assertanonfailed', 'You are no longer logged out, so '
                       'the action could not be completed.')
    name = call.get('assertuser')
    if name is not None and (user is None or user.name != name):
        raise ApiError('assertnameduserfailed', 'You are no longer logged in '
                       f'as "{name}", so the action could not be completed.')


def _check_right(call: Call, right: str) -> None:
    if right not in call.caller.rights:
        raise ApiError('permissiondenied', 'The action you have requested is '
                       'limited to users in one of the groups: *, '
                       '[[SandboxWiki:Users|Users]].')
    if call.caller.user and call.caller.user.blocked:
        raise ApiError('blocked', 'You have been blocked from editing.',
                       blockinfo=lists.blockinfo())


def _error(call: Call, error: ApiError) -> dict[str, Any]:
    """Return an error as the client wants it."""
    docref = DOCREF.format(call.wiki.url)
    form = call.get('errorformat', 'bc')
    if form == 'bc':
        return {'error': {
            'code': error.code, 'info': str(error), **error.data,
            'docref' if call.fv2 else '*': docref}}
    text = html.escape(str(error)) if form == 'html' else str(error)
    key = 'html' if form == 'html' else 'text'
    return {'errors': [{'code': error.code, key if call.fv2 else '*': text,
                        **({'data': error.data} if error.data else {})}],
            'docref' if call.fv2 else '*': docref}


def _version_1(data: Any) -> Any:
    """Return *data* with True as '' and without what is False."""
    if isinstance(data, dict):
        return {key: '' if value is True else _version_1(value)
                for key, value in data.items() if value is not False}
    if isinstance(data, list):
        return [_version_1(value) for value in data]
    return data


# Actions

def _query(call: Call) -> dict[str, Any]:
    return query.run(call)


def _paraminfo(call: Call) -> dict[str, Any]:
    modules = (siteinfo.module_info(name, ACTIONS)
               for name in call.many('modules'))
    return {'paraminfo': {'helpformat': 'none',
                          'modules': [info for info in modules if info]}}


def _edit(call: Call) -> dict[str, Any]:
    wiki = call.wiki
    title, page = _target(call, 'title', 'pageid')
    if page is None and call.flag('nocreate'):
        raise ApiError('missingtitle',
                       "The page you specified doesn't exist.")
    if page and call.flag('createonly'):
        raise ApiError('articleexists', 'The article you tried to create '
                                        'has been created already.')
    if page is None and 'createpage' not in call.caller.rights:
        raise ApiError('cantcreate',
                       'You do not have permission to create new pages.')
    if namespace(title) < 0:
        raise ApiError('invalidtitle', f'Bad title "{title}".')
    old = page.text if page else ''
    text = _new_text(call, old)
    if page and text == old:
        return {'edit': {'result': 'Success', 'pageid': page.id,
                         'title': title, 'contentmodel': 'wikitext',
                         'nochange': True}}
    page = save(call, title, text, call.get('summary', ''))
    revision = page.revisions[-1]
    return {'edit': {
        'new': old == '' and revision.parent == 0,
        'result': 'Success', 'pageid': page.id, 'title': title,
        'contentmodel': 'wikitext', 'oldrevid': revision.parent,
        'newrevid': revision.id,
        'newtimestamp': timestamp(wiki.clock())}}


def _new_text(call: Call, old: str) -> str:
    """Return the text after the edit."""
    added = [call.get(name) for name in ('prependtext', 'appendtext')]
    if not call.flag('text') and added == [None, None]:
        raise ApiError('missingparam', 'At least one of the parameters '
                       '"text", "appendtext", "prependtext" and "undo" is '
                       'required.')
    sent = (added[0] or '') + (added[1] or '') or call.get('text', '')
    digest = hashlib.md5(sent.encode()).hexdigest()
    if call.get('md5', digest) != digest:
        raise ApiError('badmd5', 'The supplied MD5 hash was incorrect.')
    if added != [None, None]:
        text = (added[0] or '') + old + (added[1] or '')
    elif call.get('section') == 'new':
        heading = call.get('sectiontitle') or call.get('summary')
        heading = f'== {heading} ==\n\n' if heading else ''
        text = f'{old}\n\n{heading}{sent}'.lstrip('\n')
    else:
        text = sent
    return text.rstrip()


def save(call: Call, title: str, text: str, summary: str) -> Page:
    """Save a page in the name of the caller."""
    caller, wiki = call.caller, call.wiki
    page = wiki.pages.save(
        title, text, wiki.clock(), user=caller.name,
        userid=caller.user.id if caller.user else 0, summary=summary,
        tags=caller.tags, minor=call.flag('minor'),
        bot=call.flag('bot') and 'bot' in caller.rights)
    if caller.user:
        caller.user.editcount += 1
    wiki.edits.append(Edit(caller.name, title, text, summary, caller.tags))
    return page


def _target(call: Call, title: str,
            pageid: str) -> tuple[str, Page | None]:
    """Return the title and the page that a request is about."""
    if call.flag(pageid):
        page = call.wiki.pages.by_id(int(call.get(pageid)))
        if page is None:
            raise ApiError('nosuchpageid', 'There is no page with ID '
                                           f'{call.get(pageid)}.')
        return page.title, page
    name = normal_title(call.need(title))
    return name, call.wiki.pages.page(name)


def _existing(call: Call, title: str, pageid: str) -> Page:
    page = _target(call, title, pageid)[1]
    if page is None:
        raise ApiError('missingtitle',
                       "The page you specified doesn't exist.")
    return page


def _move(call: Call) -> dict[str, Any]:
    page = _existing(call, 'from', 'fromid')
    old, new = page.title, normal_title(call.need('to'))
    target = call.wiki.pages.page(new)
    if target and target is not page and target.redirect != old:
        raise ApiError('articleexists', 'A page of that name already exists.')
    if target and target is not page:
        call.wiki.pages.delete(target)
    call.wiki.pages.move(page, new)
    redirect = not (call.flag('noredirect')
                    and 'suppressredirect' in call.caller.rights)
    if redirect:
        save(call, old, f'#REDIRECT [[{new}]]', call.get('reason', ''))
    _log(call, 'move', old)
    return {'move': {'from': old, 'to': new,
                     'reason': call.get('reason', ''),
                     'redirectcreated': redirect}}


def _delete(call: Call) -> dict[str, Any]:
    page = _existing(call, 'title', 'pageid')
    call.wiki.pages.delete(page)
    return {'delete': {'title': page.title, 'reason': call.get('reason', ''),
                       'logid': _log(call, 'delete', page.title)}}


def _log(call: Call, kind: str, title: str) -> int:
    """Add a line to the log of the wiki; return its number."""
    log = call.wiki.pages.log
    user = call.caller.user
    log.append({
        'logid': len(log) + 1, 'ns': namespace(title), 'title': title,
        'pageid': 0, 'logpage': 0, 'params': {}, 'type': kind,
        'action': kind, 'user': call.caller.name,
        'userid': user.id if user else 0,
        'timestamp': timestamp(call.wiki.clock()),
        'comment': call.get('reason', ''), 'tags': list(call.caller.tags)})
    return len(log)


def _purge(call: Call) -> dict[str, Any]:
    _, entries = query.select_pages(call)
    return {'purge': [{**entry.head, 'purged': entry.page is not None}
                      for entry in entries]}


def _parse(call: Call) -> dict[str, Any]:
    title, page = _target(call, 'page', 'pageid') \
        if call.flag('page') or call.flag('pageid') \
        else (call.get('title', 'API'), None)
    text = call.get('text') or (page.text if page else '')
    markup = f'<div class="mw-parser-output"><p>{html.escape(text)}</p></div>'
    return {'parse': {'title': title, 'pageid': page.id if page else 0,
                      'text': markup if call.fv2 else {'*': markup}}}


def _expandtemplates(call: Call) -> dict[str, Any]:
    return {'expandtemplates': {'wikitext': call.get('text', '')}}


def _login(call: Call) -> dict[str, Any]:
    """Log in with action=login."""
    outcome = _log_in(call, 'lgname', 'lgpassword', 'lgtoken')
    if isinstance(outcome, User):
        return {'login': {'result': 'Success', 'lguserid': outcome.id,
                          'lgusername': outcome.name}}
    code, reason = outcome
    return {'login': {'result': {'badtoken': 'WrongToken'}.get(code, 'Failed')
                      if call.request.bearer is None else 'Aborted',
                      'reason': reason}}


def _clientlogin(call: Call) -> dict[str, Any]:
    """Log in with action=clientlogin."""
    outcome = _log_in(call, 'username', 'password', 'logintoken')
    if isinstance(outcome, User):
        return {'clientlogin': {'status': 'PASS', 'username': outcome.name}}
    code, reason = outcome
    if code == 'badtoken':
        raise ApiError(code, reason)
    return {'clientlogin': {'status': 'FAIL', 'message': reason,
                            'messagecode': code}}


def _log_in(call: Call, name: str, password: str,
            token: str) -> User | tuple[str, str]:
    """Start a session; return its user, or why there is none."""
    if call.request.bearer is not None:
        return ('api-login-fail-badsessionprovider',
                f'Cannot log in when using {PROVIDER} sessions.')
    if call.get(token) != call.caller.token('login'):
        return 'badtoken', 'Invalid CSRF token.'
    accounts = call.wiki.accounts
    user = accounts.check(call.get(name, ''), call.get(password, ''))
    if user is None:
        return ('wrongpassword', 'Incorrect username or password entered. '
                                 'Please try again.')
    accounts.end(call.request.cookies.get(SESSION_COOKIE))
    call.set_cookie(session_cookie(accounts.start(user)))
    call.request.user = user.name
    return user


def _logout(call: Call) -> dict[str, Any]:
    if call.request.bearer is not None:
        raise ApiError('cannotlogout', 'Logging out is not possible when '
                                       f'using {PROVIDER} sessions.')
    call.wiki.accounts.end(call.request.cookies.get(SESSION_COOKIE))
    return {}


def _help(call: Call) -> dict[str, Any]:
    return {'help': {'mime': 'text/html', 'help': 'Help'}}


class Action(NamedTuple):

    """What an action needs, and what carries it out."""

    run: Callable[[Call], dict[str, Any]]
    post: bool = False
    token: str | None = None
    right: str | None = None


ACTIONS = {
    'clientlogin': Action(_clientlogin, post=True),
    'delete': Action(_delete, post=True, token='csrf', right='delete'),
    'edit': Action(_edit, post=True, token='csrf', right='edit'),
    'expandtemplates': Action(_expandtemplates),
    'help': Action(_help),
    'login': Action(_login, post=True),
    'logout': Action(_logout, post=True, token='csrf'),
    'move': Action(_move, post=True, token='csrf', right='move'),
    'paraminfo': Action(_paraminfo),
    'parse': Action(_parse),
    'purge': Action(_purge, post=True),
    'query': Action(_query),
}
