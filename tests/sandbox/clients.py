"""What rest.php/oauth2/client answers: list, create, reset the secret."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from .content import DATA, GRANT_RIGHTS, READABLE, timestamp
from .dialog import PRIVATE
from .oauth import GRANT_TYPES, STAGES
from .server import RestError, json_response


# In the order in which Extension:OAuth checks them
FIELDS, REQUIRED = DATA['client_fields'], DATA['required_fields']
VALUES = {
    'version': ('1.0', '2.0'),
    'grant_types': GRANT_TYPES,
    'scopes': GRANT_RIGHTS,
}
LISTS = ('grant_types', 'scopes')
LOOPBACK = ('localhost', '127.0.0.1', '::1')
INVALID_PARAMETER = 'parameter-validation-failed'
REFUSED = 'rest-body-validation-error'


def answer(wiki, caller, request, path):
    if path[1:] == ['reset_secret']:
        return _reset_secret(wiki, caller, path[0])
    if request.method == 'POST':
        return _create(wiki, caller, request)
    if caller.user is None:
        raise RestError(404, 'No such user', errorKey='rest-nonexistent-user')
    own = [
        _described(client)
        for client in reversed(wiki.oauth.clients.values())
        if client.owner is caller.user
        and request.query.get('oauth_version', '2') == '2'
    ]
    limit = int(request.query.get('limit', 25))
    data = {'clients': own[:limit], 'total': len(own)}
    return json_response(data, Cache_Control=PRIVATE)


def scopes(client, grants):
    """Return the scopes as PHP writes them."""
    if client.sent_basic and grants[1:]:
        others = {str(n): grant for n, grant in enumerate(grants[1:], 2)}
        return {'0': grants[0], **others}
    return list(grants)


def _described(client):
    callback = client.redirect_uri
    if client.owner_only:
        callback = '/index.php/Special:OAuth/verified'
    return {
        'name': client.name,
        'version': client.version,
        'description': client.description,
        'owner_only': client.owner_only,
        'email': client.owner.email,
        'client_key': client.id,
        'stage': STAGES.index(client.stage),
        'callback_url': callback,
        'oauth_version': 2,
        'registration_formatted': timestamp(client.registered, READABLE),
        'allowed_grants': list(client.grant_types),
        'scopes': scopes(client, client.grants),
    }


def _created(client):
    data = {'name': client.name, 'client_key': client.id}
    data['secret'] = client.secret
    if client.owner_only:
        data['access_token'] = client.access_token
    return json_response(data, Cache_Control=PRIVATE)


def _reset_secret(wiki, caller, client_id):
    client = wiki.oauth.clients.get(client_id)
    if client is None:
        key = 'mwoauth-invalid-consumer-key'
        raise RestError(400, 'No such consumer', errorKey=key)
    if client.owner is not caller.user:
        key = 'mwoauth-consumer-user-mismatch'
        raise RestError(400, 'That client is not yours', errorKey=key)
    if 'mwoauthupdateownconsumer' not in caller.rights:
        raise RestError(400, message='permission_denied')
    wiki.oauth.reset_secret(client)
    return _created(client)


def _create(wiki, caller, request):
    fields = _read(request)
    problem = _problem(wiki, caller, fields)
    if problem:
        raise RestError(400, message=problem)
    owner_only, grants = bool(fields.get('owner_only')), fields['scopes']
    if not grants[0].startswith('mwoauth-'):
        grants = dict.fromkeys(['basic', *grants])
    client = wiki.oauth.register(
        caller.user,
        redirect_uri=fields.get('callback_url', ''),
        confidential=bool(fields['is_confidential']),
        owner_only=owner_only,
        grants=tuple(grants),
        grant_types=tuple(fields['grant_types']),
        stage='approved' if owner_only else 'proposed',
        version=fields.get('version', '1.0'),
        sent_basic='basic' in fields['scopes'],
        name=fields['name'],
        description=fields['description'],
    )
    if owner_only and 'client_credentials' not in client.grant_types:
        # The client is stored nevertheless.
        raise RestError(400, message='unable_to_retrieve_access_token')
    return _created(client)


def _read(request):
    """Return the body, JSON or a form, if its fields are valid."""
    is_form = 'urlencoded' in request.headers.get('content-type', '')
    fields = dict(
        request.form if is_form else json.loads(request.body or b'{}')
    )
    for name in set(LISTS if is_form else ()) & set(fields):
        fields[name] = fields[name].split('|')
    for name in FIELDS:
        value = fields.get(name)
        if name in REQUIRED and name not in fields:
            raise bad_value(name, 'missingparam', value=None)
        if name in LISTS and not isinstance(value, list):
            raise bad_value(name, 'multivalue-must-be-array', value=value)
        for item in value if name in LISTS else [value]:
            if item is not None and item not in VALUES.get(name, [item]):
                raise bad_value(name, 'badvalue', data=[], value=item)
    for name in fields:
        if name not in FIELDS:
            kind = 'extraneous-body-fields'
            raise bad_value(name, kind, f'rest-{kind}', [name])
    if not fields.get('owner_only') and not fields.get('callback_url'):
        text = 'callback_url is required for non-owner-only clients'
        key = 'mwoauth-error-missing-callback-url-non-owner'
        raise RestError(400, text, errorKey=key)
    return fields


def bad_value(name, code, key=REFUSED, data=None, **value):
    """Return the error for a parameter with an invalid value."""
    fields = {'error': INVALID_PARAMETER, 'name': name, 'errorKey': key}
    fields.update(failureCode=code, failureData=data, **value)
    return RestError(400, f'The parameter "{name}" is refused', **fields)


def _problem(wiki, caller, fields):
    """Return the code of the first thing that is wrong with a client."""
    user = caller.user
    if user is None:
        return 'not_logged_in'
    if 'mwoauthproposeconsumer' not in caller.rights:
        return 'permission_denied'
    if not user.email_confirmed:
        return 'email_not_confirmed'
    if user.email != fields['email']:
        return 'email_mismatched'
    key = user, fields['name'], fields.get('version', '1.0')
    for client in wiki.oauth.clients.values():
        if key == (client.owner, client.name, client.version):
            return 'consumer_exists'
    return None if fields.get('owner_only') else _bad_callback(wiki, fields)


def _bad_callback(wiki, fields):
    url = urlsplit(fields['callback_url'])
    if url.scheme in ('http', 'https'):
        is_secure = url.scheme == 'https' or url.hostname in LOOPBACK
        if is_secure and url.path not in ('', '/'):
            return None
    elif url.scheme != 'urn' and not wiki.is_master:
        return 'invalid_field_callbackUrl'
    elif not url.scheme:
        return 'invalid_field'
    elif '.' in url.scheme and not fields['is_confidential']:
        # A scheme that is the reverse of a domain, for a public client
        return None
    return 'invalid_callback_url'
