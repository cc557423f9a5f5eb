"""The pages that a person sees: login, Allow or Cancel, articles."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, quote_plus, urlencode

from .content import GRANT_RIGHTS, SESSION_COOKIE, TEXTS
from .oauth import OAuthError
from .server import html_response, parse_form, response


PRIVATE = 'private,must-revalidate,s-maxage=0'
UNCACHED = 'no-cache, no-store, max-age=0, must-revalidate'
LOGIN, APPROVE = 'Special:UserLogin', 'Special:OAuth/approve'
BACK = 'Special:OAuth/rest redirect'
TOKEN = '<input type="hidden" name="wpEditToken" value="{}">'
FORM = 'Special:OAuthConsumerRegistration/propose/oauth2'
FIELDS = 'wpname', 'wpversion', 'wpdescription', 'wpcallbackUrl'
BOXES = {
    'wpgrants[]': GRANT_RIGHTS,
    'wpagreement': '1',
    'wpownerOnly': '1',
    'wpoauth2IsConfidential': '1',
}


def authorize(wiki, request):
    session, shown = browser_session(wiki, request), _shown(wiki, request)
    path = f'{wiki.path}/rest.php/oauth2/authorize'
    if session is None and 'client_id' in request.query:
        back = urlencode({'rest_url': f'{path}?{request.query_string}'})
        fields = {'returnto': BACK, 'returntoquery': back, **shown}
        return _redirect(307, index(wiki, LOGIN, **fields))
    user = session.user if session else None
    request.user = user.name if user else None
    try:
        valid = wiki.oauth.check_authorize(request.query, user)
    except OAuthError as error:
        return _error_page(wiki, error, PRIVATE if user else UNCACHED)
    fields = {'returnto': path, 'returntoquery': request.query_string}
    fields.update(client_id=valid.client.id, oauth_version='2')
    fields.update(scope=' '.join(valid.grants), **shown)
    target = index(wiki, APPROVE, **fields)
    return _redirect(307, target, Cache_Control=PRIVATE)


def _shown(wiki, request):
    """Return the options for showing a page, which only master heeds."""
    shown = {}
    for locale in reversed(request.query.get('ui_locales', '').split()):
        if locale.isalpha():  # as good as known
            shown['uselang'] = locale
    if 'display' in request.query:
        shown['display'] = request.query['display']
    return shown if wiki.is_master else {}


def answer(wiki, request):
    if request.bearer is not None:
        # OAuth belongs to api.php and rest.php.
        title = 'Error - SandboxWiki'
        return html_response(title, status=400, Cache_Control=UNCACHED)
    session = browser_session(wiki, request)
    if session:
        request.user = session.user.name
    title = request.query.get('title', 'Main Page').replace('_', ' ')
    if title == LOGIN or (title == APPROVE and session is None):
        return _login(wiki, request)
    if title == APPROVE:
        return _approve(wiki, request, session)
    if title == FORM and session:
        return _propose(wiki, request, session)
    if title == FORM:
        back = {'returnto': title, 'returntoquery': request.query_string}
        return _redirect(302, index(wiki, LOGIN, **back))
    if title == BACK:
        url = wiki.server + request.query.get('rest_url', '/')
        return _redirect(302, url)
    page = wiki.pages.page(title)
    text, status = (page.text, 200) if page else ('', 404)
    text = f'<pre>{html.escape(text)}</pre>'
    return html_response(f'{title} - SandboxWiki', text, status)


def _login(wiki, request):
    title = 'Log in - SandboxWiki'
    if request.method != 'POST':
        fields = '<input name="wpName"><input name="wpPassword">'
        return html_response(title, _form(fields, wploginattempt='Log in'))
    sent, query = request.form, request.query
    user = wiki.accounts.check(sent['wpName'], sent['wpPassword'])
    if user is None:
        return html_response(title, f'<p>{TEXTS["wrongpassword"]}</p>')
    returnto = query.get('returnto', 'Main Page')
    target = index(wiki, returnto, query.get('returntoquery', ''))
    cookie = session_cookie(wiki.accounts.start(user))
    return _redirect(302, target, Set_Cookie=cookie)


def _approve(wiki, request, session):
    """Show the dialog, or carry out what the person decided."""
    user, token = session.user, session.token('csrf')
    query = parse_form(request.query.get('returntoquery', ''))
    try:
        valid = wiki.oauth.check_authorize(query, user)
        if request.form.get('wpEditToken') == token:
            if 'accept' in request.form:
                return _redirect(303, wiki.oauth.allow(valid))
            target = wiki.oauth.deny(valid)
            if target is None:
                raise OAuthError(400, 'unauthorized_client')
            return _redirect(303, target)
    except OAuthError as error:
        return _error_page(wiki, error, PRIVATE)
    text = (
        f'<p>Hi {html.escape(user.name)}, an application would like to do '
        'things on your behalf.</p>' + TOKEN.format(token)
    )
    title = 'Allow application to connect - SandboxWiki'
    return html_response(title, _form(text, accept='Allow', cancel='Cancel'))


def _form(fields, **buttons):
    """Return a form that is posted to the address of its page."""
    shown = ''.join(
        f'<button type="submit" name="{name}" value="1">{text}</button>'
        for name, text in buttons.items()
    )
    return f'<form method="post">{fields}{shown}</form>'


def _propose(wiki, request, session):
    """Show the form filled in from its address, or register a client."""
    sent = parse_qs(request.body.decode())
    if sent.get('wpEditToken') != [session.token('csrf')]:
        return html_response('Propose a client', _proposal(request, session))
    if 'wpagreement' not in sent:
        return html_response('Propose a client', 'You have to agree.')
    is_owner_only = 'wpownerOnly' in sent
    client = wiki.oauth.register(
        session.user,
        name=sent['wpname'][0],
        redirect_uri=sent.get('wpcallbackUrl', [''])[0],
        confidential='wpoauth2IsConfidential' in sent,
        owner_only=is_owner_only,
        grants=('basic', *sent.get('wpgrants[]', [])),
        stage='approved' if is_owner_only else 'proposed',
    )
    shown = {'key': client.id, 'secret': client.secret}
    if is_owner_only:
        shown['token'] = client.access_token
    rows = (f'<p id="{name}">{text}</p>' for name, text in shown.items())
    return html_response('The client was registered', ''.join(rows))


def _proposal(request, session):
    query = parse_qs(request.query_string)
    fields = [
        f'<p>{name} <input name="{name}" value="{html.escape(text)}"></p>'
        for name in FIELDS
        for text in query.get(name, [''])
    ] + [
        f'<label><input type="checkbox" name="{name}" value="{value}"'
        f'{" checked" * (value in query.get(name, []))}> {name} {value}'
        '</label><br>'
        for name, values in BOXES.items()
        for value in values
    ]
    fields.append(TOKEN.format(session.token('csrf')))
    return _form(''.join(fields), submit='Propose')


def browser_session(wiki, request):
    session = wiki.session_of(request)
    return session if session and session.user else None


def session_cookie(value):
    return f'{SESSION_COOKIE}={value}; path=/; HttpOnly'


def index(wiki, title, query='', **fields):
    """Return the address of a page of index.php."""
    # MediaWiki leaves the colon and the slash of a title alone.
    title = quote_plus(title, safe=':/')
    parts = [f'{wiki.url}/index.php?title={title}', query, urlencode(fields)]
    return '&'.join(part for part in parts if part)


def _redirect(status, location, **fields):
    link = f'<a href="{html.escape(location)}">here</a>'
    kind = 'text/html; charset=utf-8'
    fields['Location'] = location
    return html_response('Redirect', link, status, kind, **fields)


def _error_page(wiki, error, cache_control):
    """Return the error page of Extension:OAuth, or send the browser on."""
    fields = {'Cache_Control': cache_control}
    if error.location:
        fields['Location'] = error.location
        kind = 'text/html; charset=UTF-8'
        return response(error.status, b'', kind, **fields)
    words = 'connection error' if wiki.is_master else 'Connection Error'
    title, text = f'Application {words} - SandboxWiki', str(error)
    if error.hint:
        text += f' Additional debug information: {error.hint}'
    text = f'<p>{html.escape(text)} Return to <a href="/">Main Page</a> .</p>'
    kind = 'text/html;charset=UTF-8'
    return html_response(title, text, error.status, kind, **fields)
