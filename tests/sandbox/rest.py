#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""What rest.php answers."""
from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from . import dialog
from .clock import timestamp
from .wire import Request, Response, json_response, reason


if TYPE_CHECKING:
    from .oauth import AccessToken
    from .sandbox import Sandbox


def answer(wiki: Sandbox, request: Request) -> Response:
    """Answer rest.php."""
    route = request.path.partition('/rest.php')[2]
    if route == '/oauth2/access_token':
        return (wiki.oauth.token_endpoint(request)
                if request.method == 'POST' else _wrong_method(request))
    if request.method not in ('GET', 'HEAD'):
        return _wrong_method(request, 'GET')
    if route == '/oauth2/authorize':
        return dialog.authorize(wiki, request)
    if route.startswith('/oauth2/resource/'):
        return _resource(wiki, request, route.rpartition('/')[2])
    if route.startswith('/v1/page/'):
        return _page(wiki, request, route[len('/v1/page/'):])
    return _error(404, 'The requested relative path '
                       f'({route}) did not match any known handler')


def _wrong_method(request: Request, allowed: str = 'POST') -> Response:
    response = _error(405, f'The request method ({request.method}) was not '
                           f'the allowed method for this path ({allowed})')
    response.headers.append(('Allow', allowed))
    return response


def _error(status: int, text: str) -> Response:
    return json_response({'messageTranslations': {'en': text},
                          'httpCode': status, 'httpReason': reason(status)},
                         status)


def _resource(wiki: Sandbox, request: Request, name: str) -> Response:
    """Answer what a client may ask about its user."""
    token = wiki.oauth.valid(request.bearer or '')
    if token is None or token.session.user is None:
        hint = ('Access token could not be verified' if request.bearer
                else 'Missing "Authorization" header')
        denied = 'The resource owner or authorization server denied the ' \
                 'request.'
        request.error = 'access_denied'
        return json_response({
            'error': 'access_denied', 'error_description': denied,
            'hint': hint, 'message': denied}, 401)
    request.user = token.session.user.name
    if name not in ('profile', 'scopes'):
        return _error(404, f'There is no resource {name}')
    data = _profile(wiki, token) if name == 'profile' else _scopes(token)
    return json_response(data, Cache_Control=dialog.PRIVATE)


def _profile(wiki: Sandbox, token: AccessToken) -> dict[str, object]:
    user = token.session.user
    return {
        'sub': str(user.id),
        'username': user.name,
        'editcount': user.editcount,
        'email_verified': True,
        'confirmed_email': True,
        'blocked': user.blocked,
        'registered': timestamp(user.registered, '%Y%m%d%H%M%S'),
        'groups': user.all_groups,
        'rights': wiki.caller_of(token).rights,
        'grants': list(token.client.grants),
    }


def _scopes(token: AccessToken) -> dict[str, object]:
    # A list with a gap, where MediaWiki removed a duplicate of the first,
    # becomes an object in JSON.
    first, *others = token.client.grants
    scopes = {'0': first, **{str(number): grant for number, grant
                             in enumerate(others, 2)}}
    return {'scopes': scopes if others else [first]}


def _page(wiki: Sandbox, request: Request, rest: str) -> Response:
    """Answer v1/page/<title>/bare and v1/page/<title>."""
    if request.bearer is not None:
        token = wiki.oauth.valid(request.bearer)
        if token is None:
            request.error = 'rest-read-denied'
            return json_response({'error': 'rest-read-denied',
                                  'httpCode': 403,
                                  'httpReason': 'Forbidden'}, 403)
        user = token.session.user
        request.user = user.name if user else None
    bare = rest.endswith('/bare')
    page = wiki.pages.page(rest[:-len('/bare')] if bare else rest)
    if page is None:
        return _error(404, f'The specified title ({rest}) does not exist')
    revision = page.revisions[-1]
    key = page.title.replace(' ', '_')
    data = {
        'id': page.id, 'key': key, 'title': page.title,
        'latest': {'id': revision.id, 'timestamp': timestamp(revision.time)},
        'content_model': 'wikitext',
        'license': {'url': '', 'title': ''},
    }
    if bare:
        data['html_url'] = (f'{wiki.url}/rest.php/v1/page/'
                            f'{quote(key, safe="")}/html')
    else:
        data['source'] = page.text
    return json_response(data, Cache_Control=dialog.PRIVATE)
