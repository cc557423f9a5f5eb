"""What rest.php answers; the list of clients is in `clients.py`."""

from __future__ import annotations

from urllib.parse import quote

from . import clients, dialog
from .content import TEXTS, Session, timestamp
from .oauth import OAuthError
from .server import RestError, json_response


INVALID = 'mwoauth-invalid-authorization'
FORM = 'application/x-www-form-urlencoded'


def answer(wiki, request):
    try:
        if wiki.is_master and request.bearer is not None:
            _check_token(wiki, request.bearer)
        return _route(wiki, request)
    except RestError as error:
        request.error = error.code
        return error.response()


def _check_token(wiki, text):
    """Refuse a token first, on every path, as master does."""
    token = wiki.oauth.valid(text)
    if token is None:
        raise RestError(403, TEXTS[INVALID], errorKey=INVALID)
    if not token.is_usable:
        text = TEXTS['not_approved'].format(token.client.name)
        raise RestError(403, text, errorKey=f'{INVALID}-not-approved')


def _route(wiki, request):
    route = request.path.partition('/rest.php')[2]
    if route == '/oauth2/access_token':
        _check_method(request, 'POST')
        sent = request.headers.get('content-type', FORM).partition(';')[0]
        if sent != FORM:
            key = 'rest-unsupported-content-type'
            raise RestError(415, 'Unsupported Content-Type', errorKey=key)
        return wiki.oauth.token_endpoint(request)
    if route == '/oauth2/authorize':
        _check_method(request, 'HEAD', 'GET')
        return dialog.authorize(wiki, request)
    if route.startswith('/oauth2/resource/'):
        _check_method(request, 'HEAD', 'GET')
        return _resource(wiki, request, route.rpartition('/')[2])
    if route.startswith('/oauth2/client'):
        caller, path = _caller(wiki, request), route.split('/')[3:]
        return clients.answer(wiki, caller, request, path)
    if route.startswith('/v1/page/'):
        return _page(wiki, request, route[len('/v1/page/') :])
    raise RestError(404, f'{route} does not match', errorKey='rest-no-match')


def _check_method(request, *allowed):
    if request.method not in allowed:
        error = RestError(405, f'The method {request.method} is not allowed')
        error.headers['Allow'] = ', '.join(allowed)
        raise error


def _caller(wiki, request):
    caller = wiki.caller(wiki.session_of(request))
    if request.bearer is not None:
        token = wiki.oauth.valid(request.bearer)
        if token is None or not token.is_usable:
            raise RestError(403, error='rest-read-denied')
        caller = wiki.caller_of(token)
    if 'read' not in caller.rights:
        raise RestError(403, error='rest-read-denied')
    request.user = caller.user.name if caller.user else None
    return caller


def _resource(wiki, request, kind):
    text, master = request.bearer or '', wiki.is_master
    scheme, _, value = request.headers.get('authorization', '').partition(' ')
    lower_case = scheme != 'Bearer' and scheme.lower() == 'bearer'
    if lower_case and master:
        # The session is anonymous and knows no grants, but the extension
        # reads the header whatever its case.
        text = value
    token = wiki.oauth.valid(text)
    if token is None:
        request.error = 'access_denied'
        hint = _why_refused(wiki, text, lower_case)
        data = wiki.oauth.error_body(OAuthError(401, request.error, hint))
        return json_response(data, 401, Cache_Control=dialog.PRIVATE)
    caller = wiki.caller_of(token)
    if lower_case:
        caller.grants = None
    if caller.user is None and master:
        # A client_credentials token of an ordinary client
        caller.session = Session(token.client.owner)
    request.user = caller.user.name if caller.user else None
    if kind == 'profile':
        data = _profile(token, caller)
    elif kind == 'scopes':
        data = {'scopes': clients.scopes(token.client, token.grants)}
    else:
        key = 'badvalue'
        raise clients.bad_value('type', key, key, [], value=kind)
    return json_response(data, Cache_Control=dialog.PRIVATE)


def _why_refused(wiki, text, lower_case):
    known = wiki.oauth.access_tokens.get(text)
    if known and known.revoked:
        return 'Access token has been revoked'
    if wiki.is_master:
        return 'Missing "Authorization" header'
    if lower_case:
        return TEXTS['base64']
    if text.count('.') != 2:
        return 'The JWT string must have two dots'
    return 'Access token could not be verified'


def _profile(token, caller):
    user, registered = caller.user, False
    if user:
        registered = timestamp(user.registered, '%Y%m%d%H%M%S')
    is_confirmed = bool(user and user.email_confirmed)
    data = {
        'sub': str(user.id if user else 0),
        'username': caller.name,
        'editcount': user.editcount if user else 0,
        'email_verified': is_confirmed,
        'confirmed_email': is_confirmed,
        'blocked': bool(user and user.blocked),
        'registered': registered,
        'groups': caller.groups,
        'rights': caller.rights if token.is_usable else [],
        'grants': list(token.grants),
    }
    if 'mwoauth-authonlyprivate' in token.grants:
        data.update(realname='', email=user.email)
    return data


def _page(wiki, request, rest):
    caller = _caller(wiki, request)
    page = wiki.pages.page(rest.removesuffix('/bare'))
    if page is None:
        raise RestError(404, f'The specified title ({rest}) does not exist')
    url = f'{wiki.url}/rest.php/v1/page/{quote(page.title, safe="")}/html'
    data = {
        'id': page.id,
        'title': page.title,
        'key': page.title.replace(' ', '_'),
        'latest': {'id': page.revision, 'timestamp': timestamp(page.time)},
        'content_model': 'wikitext',
        'license': {'url': '', 'title': ''},
        'html_url': url,
    }
    cache = dialog.PRIVATE if caller.user else 'max-age=5'
    return json_response(data, Cache_Control=cache)
