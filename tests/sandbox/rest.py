"""What rest.php answers; the list of clients is in `clients.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from . import clients, dialog
from .accounts import Caller
from .clock import timestamp
from .oauth import DENIED
from .wire import Request, Response, RestError, json_response

if TYPE_CHECKING:
    from .oauth import AccessToken
    from .sandbox import Sandbox

INVALID = 'mwoauth-invalid-authorization'
INVALID_TOKEN = (
    'The authorization headers in your request are not valid: '
    'Invalid access token'
)


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer rest.php."""
    try:
        return _route(wiki, request)
    except RestError as error:
        request.error = error.code
        return error.response()


def not_approved(client_name: str) -> str:
    """Return the text of the error `…-not-approved`."""
    return (
        'The app that you are trying to connect seems to be set up '
        f'incorrectly. Contact the author of "{client_name}" for help.'
    )


def _route(wiki: Sandbox, request: Request) -> Response:
    route = request.path.partition('/rest.php')[2]
    if wiki.is_master and request.bearer is not None:
        # Master looks at the token first, on every path.
        token = wiki.oauth.valid(request.bearer)
        if token is None:
            raise RestError(403, INVALID_TOKEN, errorKey=INVALID)
        if not _is_usable(token):
            text = not_approved(token.client.name)
            raise RestError(403, text, errorKey=f'{INVALID}-not-approved')
    if route == '/oauth2/access_token':
        _check_method(request, 'POST')
        _check_type(request, 'application/x-www-form-urlencoded')
        return wiki.oauth.token_endpoint(request)
    if route == '/oauth2/authorize':
        _check_method(request, 'HEAD', 'GET')
        return dialog.authorize(wiki, request)
    if route.startswith('/oauth2/resource/'):
        _check_method(request, 'HEAD', 'GET')
        return _resource(wiki, request, route.rpartition('/')[2])
    if route.startswith('/oauth2/client'):
        caller = _caller(wiki, request)
        return clients.answer(wiki, caller, request, route.split('/')[3:])
    if route.startswith('/v1/page/'):
        return _page(wiki, request, route[len('/v1/page/') :])
    raise RestError(
        404,
        f'The requested relative path ({route}) did not match any known '
        'handler',
        errorKey='rest-no-match',
    )


def _is_usable(token: AccessToken) -> bool:
    user = token.session.user
    return user is None or token.client.usable_by(user)


def _check_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        kind = 'not the allowed method'
        if len(allowed) > 1:
            kind = 'not one of the allowed methods'
        raise RestError(
            405,
            f'The request method ({request.method}) was {kind} for this path '
            f'({", ".join(allowed)})',
            headers={'Allow': ', '.join(allowed)},
        )


def _check_type(request: Request, expected: str) -> None:
    sent = request.headers.get('content-type', expected).partition(';')[0]
    if sent != expected:
        text = f'Unsupported Content-Type: {sent}'
        key = 'rest-unsupported-content-type'
        raise RestError(415, text, errorKey=key)


def _caller(wiki: Sandbox, request: Request) -> Caller:
    """Return who calls, by token or cookie."""
    caller = wiki.caller(wiki.session_of(request))
    if request.bearer is not None:
        token = wiki.oauth.valid(request.bearer)
        if token is not None:
            caller = wiki.caller_of(token)
        if (
            token is None
            or not _is_usable(token)
            or 'read' not in caller.rights
        ):
            raise RestError(403, error='rest-read-denied')
    request.user = caller.user.name if caller.user else None
    return caller


def _resource(wiki: Sandbox, request: Request, kind: str) -> Response:
    """Answer what a client may ask about its user."""
    text, master = request.bearer or '', wiki.is_master
    scheme, _, value = request.headers.get('authorization', '').partition(' ')
    lower_case = scheme != 'Bearer' and scheme.lower() == 'bearer'
    if lower_case and master:
        # The session is anonymous and knows no grants, but the extension
        # reads the header whatever its case.
        text = value
    token = wiki.oauth.valid(text)
    if token is None:
        hint = 'Access token could not be verified'
        if lower_case:
            hint = (
                'Error while decoding from Base64Url, invalid base64 '
                'characters detected'
            )
        elif text in wiki.oauth.access_tokens:
            if wiki.oauth.access_tokens[text].revoked:
                hint = 'Access token has been revoked'
        elif master:
            hint = 'Missing "Authorization" header'
        elif text.count('.') != 2:
            hint = 'The JWT string must have two dots'
        fields = {'error': 'access_denied', 'error_description': DENIED}
        fields['hint'] = hint
        request.error = 'access_denied'
        return json_response(
            fields if master else {**fields, 'message': DENIED},
            401,
            Cache_Control=dialog.PRIVATE,
        )
    caller = wiki.caller_of(token)
    if lower_case:
        caller.grants = None
    if caller.user is None and master:
        # A client_credentials token of an ordinary client
        caller.session = type(caller.session)(token.client.owner)
    request.user = caller.user.name if caller.user else None
    if kind not in ('profile', 'scopes'):
        raise RestError(
            400,
            f'Unrecognized value for parameter "type": {kind}.',
            error='parameter-validation-failed',
            name='type',
            value=kind,
            failureCode='badvalue',
            failureData=[],
            errorKey='badvalue',
        )
    data = (
        _profile(token, caller)
        if kind == 'profile'
        else {'scopes': clients.scopes(token.client, token.grants)}
    )
    return json_response(data, Cache_Control=dialog.PRIVATE)


def _profile(token: AccessToken, caller: Caller) -> dict[str, object]:
    user = caller.user
    data = {
        'sub': str(user.id if user else 0),
        'username': caller.name,
        'editcount': user.editcount if user else 0,
        'email_verified': bool(user and user.email_confirmed),
        'confirmed_email': bool(user and user.email_confirmed),
        'blocked': bool(user and user.blocked),
        'registered': bool(user)
        and timestamp(user.registered, '%Y%m%d%H%M%S'),
        'groups': user.all_groups if user else ['*'],
        'rights': caller.rights if _is_usable(token) else [],
        'grants': list(token.grants),
    }
    if 'mwoauth-authonlyprivate' in token.grants:
        data.update(realname='', email=user.email)
    return data


def _page(wiki: Sandbox, request: Request, rest: str) -> Response:
    """Answer v1/page/<title>/bare and v1/page/<title>."""
    caller = _caller(wiki, request)
    bare = rest.endswith('/bare')
    page = wiki.pages.page(rest[: -len('/bare')] if bare else rest)
    if page is None:
        raise RestError(404, f'The specified title ({rest}) does not exist')
    revision = page.revisions[-1]
    key = page.title.replace(' ', '_')
    data = {
        'id': page.id,
        'key': key,
        'title': page.title,
        'latest': {'id': revision.id, 'timestamp': timestamp(revision.time)},
        'content_model': 'wikitext',
        'license': {'url': '', 'title': ''},
    }
    if bare:
        title = quote(page.title, safe='')
        data['html_url'] = f'{wiki.url}/rest.php/v1/page/{title}/html'
    else:
        data['source'] = page.text
    cache = dialog.PRIVATE if caller.user else 'max-age=5'
    return json_response(data, Cache_Control=cache)
