"""What rest.php/oauth2/client answers: list, create, reset the secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .accounts import GRANT_RIGHTS, User
from .clock import timestamp
from .dialog import PRIVATE
from .oauth import GRANT_TYPES, STAGES, Client
from .wire import Request, Response, RestError, json_response

if TYPE_CHECKING:
    from .accounts import Caller
    from .sandbox import Sandbox

# In the order in which Extension:OAuth checks them; True: must be given
FIELDS = {
    'name': True,
    'version': False,
    'description': True,
    'wiki': False,
    'owner_only': False,
    'callback_url': False,
    'callback_is_prefix': False,
    'email': True,
    'is_confidential': True,
    'grant_types': True,
    'scopes': True,
}
VALUES = {
    'version': {'1.0', '2.0'},
    'grant_types': set(GRANT_TYPES),
    'scopes': set(GRANT_RIGHTS),
}
LISTS = ('grant_types', 'scopes')
LOOPBACK = ('localhost', '127.0.0.1', '::1')


def answer(
    wiki: Sandbox, caller: Caller, request: Request, path: list[str]
) -> Response:
    """Answer rest.php/oauth2/client and what is below it."""
    if path[1:] == ['reset_secret']:
        return _reset_secret(wiki, caller, path[0])
    if request.method == 'POST':
        return _create(wiki, caller, request)
    if caller.user is None:
        raise RestError(
            404,
            f'The specified user ({caller.name}) does not exist',
            errorKey='rest-nonexistent-user',
        )
    wiki.oauth.expire_proposals()
    own = [
        _described(client)
        for client in reversed(wiki.oauth.clients.values())
        if client.owner is caller.user
        and request.query.get('oauth_version', '2') == '2'
    ]
    limit = int(request.query.get('limit', 25))
    return json_response(
        {'clients': own[:limit], 'total': len(own)}, Cache_Control=PRIVATE
    )


def scopes(client: Client, grants: tuple[str, ...]) -> object:
    """Return the scopes as PHP writes them."""
    first, *others = grants
    if client.sent_basic and others:
        numbered = enumerate(others, 2)
        return {'0': first, **{str(number): name for number, name in numbered}}
    return list(grants)


def _described(client: Client) -> dict[str, object]:
    callback = client.redirect_uri
    if client.owner_only:
        callback = '/index.php/Special:OAuth/verified'
    return {
        'email': client.owner.email,
        'name': client.name,
        'version': client.version,
        'callback_url': callback,
        'description': client.description,
        'client_key': client.id,
        'owner_only': client.owner_only,
        'stage': STAGES.index(client.stage),
        'oauth_version': 2,
        'registration_formatted': timestamp(
            client.registered, '%H:%M, %d %B %Y'
        ),
        'allowed_grants': list(client.grant_types),
        'scopes': scopes(client, client.grants),
    }


def _created(wiki: Sandbox, client: Client) -> Response:
    data = {
        'name': client.name,
        'client_key': client.id,
        'secret': client.secret,
    }
    if client.owner_only:
        data['access_token'] = client.access_token
    return json_response(data, Cache_Control=PRIVATE)


def _reset_secret(wiki: Sandbox, caller: Caller, client_id: str) -> Response:
    client = wiki.oauth.clients.get(client_id)
    if client is None:
        raise RestError(
            400,
            'No consumer exists with the given key.',
            errorKey='mwoauth-invalid-consumer-key',
        )
    if client.owner is not caller.user:
        raise RestError(
            400,
            'You cannot perform actions on clients that do not belong to you',
            errorKey='mwoauth-consumer-user-mismatch',
        )
    if 'mwoauthupdateownconsumer' not in caller.rights:
        raise RestError(400, message='permission_denied')
    wiki.oauth.reset_secret(client)
    return _created(wiki, client)


def _create(wiki: Sandbox, caller: Caller, request: Request) -> Response:
    fields = _read(request)
    user = caller.user
    problem = _problem(wiki, caller, fields)
    if problem:
        raise RestError(400, message=problem)
    owner_only = bool(fields.get('owner_only'))
    client = wiki.oauth.register(
        user,
        redirect_uri=fields.get('callback_url', ''),
        confidential=bool(fields['is_confidential']),
        owner_only=owner_only,
        grants=tuple(dict.fromkeys(['basic', *fields['scopes']]))
        if not fields['scopes'][0].startswith('mwoauth-')
        else tuple(fields['scopes']),
        grant_types=tuple(fields['grant_types']),
        stage='approved' if owner_only else 'proposed',
        name=fields['name'],
        version=fields.get('version', '1.0'),
        description=fields['description'],
        sent_basic='basic' in fields['scopes'],
    )
    if owner_only and 'client_credentials' not in client.grant_types:
        # The client is stored nevertheless.
        raise RestError(400, message='unable_to_retrieve_access_token')
    return _created(wiki, client)


def _read(request: Request) -> dict[str, Any]:
    """Return the body, JSON or a form, if its fields are as they must be."""
    is_form = 'urlencoded' in request.headers.get('content-type', '')
    sent: dict[str, Any] = dict(request.form)
    if not is_form:
        sent = json.loads(request.body or b'{}')
    for name in LISTS:
        if is_form and name in sent:
            sent[name] = sent[name].split('|')
    for name, required in FIELDS.items():
        if required and name not in sent:
            text = f'The "{name}" parameter must be set.'
            raise _refused(name, None, 'missingparam', text)
        value = sent.get(name)
        if name in LISTS and not isinstance(value, list):
            text = f'Multi-value parameter "{name}" must be given as an array.'
            raise _refused(name, value, 'multivalue-must-be-array', text)
        for item in value if name in LISTS else [value]:
            if item is not None and item not in VALUES.get(name, [item]):
                text = f'Unrecognized value for parameter "{name}": {item}.'
                raise _refused(name, item, 'badvalue', text, [])
    unknown = [name for name in sent if name not in FIELDS]
    if unknown:
        raise RestError(
            400,
            f'Extraneous fields found in request body: {unknown[0]}',
            error='parameter-validation-failed',
            failureCode='extraneous-body-fields',
            name=unknown[0],
            failureData=unknown,
            errorKey='rest-extraneous-body-fields',
        )
    if not sent.get('owner_only') and not sent.get('callback_url'):
        raise RestError(
            400,
            'callback_url is required for non-owner-only clients',
            errorKey='mwoauth-error-missing-callback-url-non-owner',
        )
    return sent


def _refused(
    name: str, value: object, code: str, text: str, data: object = None
) -> RestError:
    return RestError(
        400,
        f'Invalid request body: {text}',
        error='parameter-validation-failed',
        name=name,
        value=value,
        failureCode=code,
        failureData=data,
        errorKey='rest-body-validation-error',
    )


def _problem(
    wiki: Sandbox, caller: Caller, fields: dict[str, Any]
) -> str | None:
    """Return the code of the first thing that is wrong with a client."""
    user: User | None = caller.user
    if user is None:
        return 'not_logged_in'
    if 'mwoauthproposeconsumer' not in caller.rights:
        return 'permission_denied'
    if not user.email_confirmed:
        return 'email_not_confirmed'
    if user.email != fields['email']:
        return 'email_mismatched'
    key = user, fields['name'], fields.get('version', '1.0')
    if key in (
        (client.owner, client.name, client.version)
        for client in wiki.oauth.clients.values()
    ):
        return 'consumer_exists'
    if fields.get('owner_only'):
        return None
    return _callback_problem(wiki, fields)


def _callback_problem(wiki: Sandbox, fields: dict[str, Any]) -> str | None:
    url = urlsplit(fields['callback_url'])
    if url.scheme not in ('http', 'https', 'urn'):
        if not wiki.is_master:
            return 'invalid_field_callbackUrl'
        if not url.scheme:
            return 'invalid_field'
        # A scheme that is the reverse of a domain, for a public client
        if '.' in url.scheme and not fields['is_confidential']:
            return None
    elif url.path not in ('', '/') and (
        url.scheme == 'https' or url.hostname in LOOPBACK
    ):
        return None
    return 'invalid_callback_url'
