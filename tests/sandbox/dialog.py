"""The pages that a person sees: login, Allow or Cancel, articles."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

from .accounts import SESSION_COOKIE, Session
from .oauth import AuthorizeError
from .wire import Request, Response, html_response, parse_form

if TYPE_CHECKING:
    from .sandbox import Sandbox

PRIVATE = 'private,must-revalidate,s-maxage=0'
UNCACHED = 'no-cache, no-store, max-age=0, must-revalidate'
WRONG_PASSWORD = (
    'Incorrect username or password entered. Please try again.'
)


def authorize(wiki: Sandbox, request: Request) -> Response:
    """Answer rest.php/oauth2/authorize."""
    session = browser_session(wiki, request)
    if session is None and 'client_id' in request.query:
        query = urlencode({
            'rest_url': f'{wiki.path}/rest.php/oauth2/authorize'
            f'?{request.query_string}'
        })
        return redirect(
            307,
            index(
                wiki,
                'Special:UserLogin',
                returnto='Special:OAuth/rest redirect',
                returntoquery=query,
            ),
        )
    user = session.user if session else None
    request.user = user.name if user else None
    try:
        valid = wiki.oauth.check_authorize(request.query, user)
    except AuthorizeError as error:
        return error_page(wiki, error, PRIVATE if user else UNCACHED)
    return redirect(
        307,
        index(
            wiki,
            'Special:OAuth/approve',
            returnto=f'{wiki.path}/rest.php/oauth2/authorize',
            returntoquery=request.query_string,
            client_id=valid.client.id,
            oauth_version='2',
            scope=' '.join(valid.grants),
        ),
        Cache_Control=PRIVATE,
    )


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer index.php."""
    if request.bearer is not None:
        # OAuth belongs to api.php and rest.php.
        return html_response(
            'Error - SandboxWiki', status=400, Cache_Control=UNCACHED
        )
    session = browser_session(wiki, request)
    if session:
        request.user = session.user.name
    title = request.query.get('title', 'Main Page')
    if title == 'Special:UserLogin':
        return _login(wiki, request)
    if title == 'Special:OAuth/approve':
        return _approve(wiki, request, session)
    if title.replace('_', ' ') == 'Special:OAuth/rest redirect':
        return redirect(302, wiki.server + request.query.get('rest_url', '/'))
    page = wiki.pages.page(title)
    text = f'<pre>{html.escape(page.text)}</pre>' if page else ''
    return html_response(
        f'{title} - SandboxWiki', text, status=200 if page else 404
    )


def _login(wiki: Sandbox, request: Request) -> Response:
    title, form = 'Log in - SandboxWiki', request.form
    if request.method != 'POST':
        fields = '<input name="wpName"><input name="wpPassword">'
        return html_response(title, _form(fields, wploginattempt='Log in'))
    user = wiki.accounts.check(
        form.get('wpName', ''), form.get('wpPassword', '')
    )
    if user is None:
        return html_response(title, f'<p>{WRONG_PASSWORD}</p>')
    target = index(
        wiki,
        request.query.get('returnto', 'Main Page'),
        request.query.get('returntoquery', ''),
    )
    cookie = session_cookie(wiki.accounts.start(user))
    return redirect(302, target, Set_Cookie=cookie)


def _approve(
    wiki: Sandbox, request: Request, session: Session | None
) -> Response:
    """Show the dialog, or carry out what the person decided."""
    if session is None:
        return redirect(302, index(wiki, 'Special:UserLogin'))
    user, token = session.user, session.token('csrf')
    query = parse_form(request.query.get('returntoquery', ''))
    try:
        valid = wiki.oauth.check_authorize(query, user)
        if valid.client.owner_only:
            raise AuthorizeError(400, 'This is an owner-only client.')
        if request.method == 'POST':
            if request.form.get('wpEditToken') != token:
                raise AuthorizeError(400, 'Loss of session data.')
            target = (
                wiki.oauth.allow(valid, user)
                if 'accept' in request.form
                else wiki.oauth.deny(valid)
            )
            if target is None:
                raise AuthorizeError(400, 'User has rejected the request')
            return redirect(303, target)
    except AuthorizeError as error:
        return error_page(wiki, error, PRIVATE)
    return html_response(
        'Allow application to connect - SandboxWiki',
        _form(
            f'<p>Hi {html.escape(user.name)}, an application would like to do '
            'things on your behalf.</p><input type="hidden" '
            f'name="wpEditToken" value="{token}">',
            accept='Allow',
            cancel='Cancel',
        ),
    )


def _form(fields: str, **buttons: str) -> str:
    """Return a form that is posted to the address of its page."""
    return (
        '<form method="post">'
        + fields
        + ''.join(
            f'<button type="submit" name="{name}" value="1">{text}</button>'
            for name, text in buttons.items()
        )
        + '</form>'
    )


def browser_session(wiki: Sandbox, request: Request) -> Session | None:
    """Return the session of someone who is logged in by cookie."""
    session = wiki.session_of(request)
    return session if session and session.user else None


def session_cookie(value: str) -> str:
    """Return the cookie of a session as a header field."""
    return f'{SESSION_COOKIE}={value}; path=/; HttpOnly'


def index(wiki: Sandbox, title: str, query: str = '', **fields: str) -> str:
    """Return the address of a page of index.php."""
    # MediaWiki leaves the colon and the slash of a title alone.
    title = quote_plus(title, safe=':/')
    parts = [f'{wiki.url}/index.php?title={title}', query, urlencode(fields)]
    return '&'.join(part for part in parts if part)


def redirect(status: int, location: str, **fields: str) -> Response:
    """Send the browser to *location*."""
    link = f'<a href="{html.escape(location)}">here</a>'
    return html_response(
        'Redirect',
        link,
        status,
        'text/html; charset=utf-8',
        Location=location,
        **fields,
    )


def error_page(
    wiki: Sandbox, error: AuthorizeError, cache_control: str
) -> Response:
    """Return the error page of Extension:OAuth, or send the browser on."""
    if error.location:
        fields = {'Location': error.location, 'Cache-Control': cache_control}
        return Response(
            302, b'', {'Content-Type': 'text/html; charset=UTF-8', **fields}
        )
    title = 'connection error' if wiki.is_master else 'Connection Error'
    hint = f' Additional debug information: {error.hint}' if error.hint else ''
    return html_response(
        f'Application {title} - SandboxWiki',
        f'<p>{html.escape(str(error) + hint)} Return to <a href="/">Main Page'
        '</a> .</p>',
        error.status,
        'text/html;charset=UTF-8',
        Cache_Control=cache_control,
    )
