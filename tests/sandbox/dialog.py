#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""The pages that a person sees: login, Allow or Cancel, articles."""
from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

from .accounts import SESSION_COOKIE, Session, User
from .oauth import AuthorizeError
from .wire import Request, Response, html_response, parse_form


if TYPE_CHECKING:
    from .sandbox import Sandbox


PRIVATE = 'private,must-revalidate,s-maxage=0'


def authorize(wiki: Sandbox, request: Request) -> Response:
    """Answer rest.php/oauth2/authorize."""
    session = browser_session(wiki, request)
    if session is None:
        query = urlencode({'rest_url': f'{wiki.path}/rest.php/oauth2/'
                                       f'authorize?{request.query_string}'})
        return redirect(307, index(
            wiki, 'Special:UserLogin', returnto='Special:OAuth/rest redirect',
            returntoquery=query))
    request.user = session.user.name
    try:
        valid = wiki.oauth.check_authorize(request.query, session.user)
    except AuthorizeError as error:
        return connection_error(error.status, str(error))
    return redirect(307, index(
        wiki, 'Special:OAuth/approve',
        returnto=f'{wiki.path}/rest.php/oauth2/authorize',
        returntoquery=request.query_string, client_id=valid.client.id,
        oauth_version='2', scope=' '.join(valid.client.grants)),
        Cache_Control=PRIVATE)


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer index.php."""
    if request.bearer is not None:
        # OAuth belongs to api.php and rest.php.
        return html_response(
            'Error - SandboxWiki', status=400,
            Cache_Control='no-cache, no-store, max-age=0, must-revalidate')
    session = browser_session(wiki, request)
    if session:
        request.user = session.user.name
    title = request.query.get('title', 'Main Page')
    if title == 'Special:UserLogin':
        return _login(wiki, request)
    if title == 'Special:OAuth/approve':
        return _approve(wiki, request, session)
    if title.replace('_', ' ') == 'Special:OAuth/rest redirect':
        return redirect(302, wiki.server
                        + request.query.get('rest_url', '/'))
    return _article(wiki, request, title)


def _login(wiki: Sandbox, request: Request) -> Response:
    if request.method != 'POST':
        return html_response('Log in - SandboxWiki', _form(
            '<input name="wpName"><input name="wpPassword" type="password">',
            wploginattempt='Log in'))
    form = request.form
    user = wiki.accounts.check(form.get('wpName', ''),
                               form.get('wpPassword', ''))
    if user is None:
        return html_response('Log in - SandboxWiki',
                             '<p>Incorrect username or password entered. '
                             'Please try again.</p>')
    target = index(wiki, request.query.get('returnto', 'Main Page'),
                   request.query.get('returntoquery', ''))
    return redirect(302, target, Set_Cookie=session_cookie(
        wiki.accounts.start(user)))


def _approve(wiki: Sandbox, request: Request,
             session: Session | None) -> Response:
    """Show the dialog, or carry out what the person decided."""
    if session is None:
        return redirect(302, index(wiki, 'Special:UserLogin'))
    user: User = session.user
    query = parse_form(request.query.get('returntoquery', ''))
    try:
        valid = wiki.oauth.check_authorize(query, user)
    except AuthorizeError as error:
        return connection_error(error.status, str(error))
    if valid.client.owner_only:
        return connection_error(400, 'This is an owner-only client.')
    if request.method != 'POST':
        return html_response(
            'Allow application to connect - SandboxWiki',
            _form(f'<p>Hi {html.escape(user.name)}, an application would '
                  'like to do things on your behalf.</p>'
                  '<input type="hidden" name="wpEditToken" value='
                  f'"{session.token("csrf")}">',
                  accept='Allow', cancel='Cancel'))
    if request.form.get('wpEditToken') != session.token('csrf'):
        return connection_error(400, 'Loss of session data.')
    if 'accept' in request.form:
        return redirect(303, wiki.oauth.allow(valid, user))
    target = wiki.oauth.deny(valid)
    if target is None:
        return connection_error(400, 'User has rejected the request')
    return redirect(303, target)


def _form(fields: str, **buttons: str) -> str:
    """Return a form that is posted to the address of its page."""
    return ('<form method="post">' + fields + ''.join(
        f'<button type="submit" name="{name}" value="1">{text}</button>'
        for name, text in buttons.items()) + '</form>')


def _article(wiki: Sandbox, request: Request, title: str) -> Response:
    page = wiki.pages.page(title)
    if page is None:
        return html_response(f'{title} - SandboxWiki', status=404)
    if request.query.get('action') == 'raw':
        return Response(200, page.text.encode(),
                        {'Content-Type': 'text/x-wiki; charset=UTF-8'})
    return html_response(f'{page.title} - SandboxWiki',
                         f'<pre>{html.escape(page.text)}</pre>')


def browser_session(wiki: Sandbox, request: Request) -> Session | None:
    """Return the session of someone who is logged in by cookie."""
    session = wiki.accounts.session(request.cookies.get(SESSION_COOKIE))
    return session if session and session.user else None


def session_cookie(value: str) -> str:
    """Return the cookie of a session as a header field."""
    return f'{SESSION_COOKIE}={value}; path=/; HttpOnly'


def index(wiki: Sandbox, title: str, query: str = '',
          **fields: str) -> str:
    """Return the address of a page of index.php."""
    # MediaWiki leaves the colon and the slash of a title alone.
    title = quote_plus(title, safe=':/')
    parts = [f'{wiki.url}/index.php?title={title}', query, urlencode(fields)]
    return '&'.join(part for part in parts if part)


def redirect(status: int, location: str, **fields: str) -> Response:
    """Send the browser to *location*."""
    link = f'<a href="{html.escape(location)}">here</a>'
    return html_response('Redirect', link, status,
                         'text/html; charset=utf-8', Location=location,
                         **fields)


def connection_error(status: int, text: str) -> Response:
    """Return the error page of Extension:OAuth."""
    return html_response('Application Connection Error - SandboxWiki',
                         f'<p>{html.escape(text)}</p>', status,
                         'text/html;charset=UTF-8', Cache_Control=PRIVATE)
