"""Special:OAuthConsumerRegistration/propose/oauth2, a form for persons."""

from __future__ import annotations

import html
from urllib.parse import parse_qs

from .accounts import GRANT_RIGHTS
from .wire import html_response


TITLE = 'Special:OAuthConsumerRegistration/propose/oauth2'
TEXTS = 'wpname', 'wpversion', 'wpdescription', 'wpcallbackUrl'
BOXES = {
    'wpgrants[]': GRANT_RIGHTS,
    'wpagreement': '1',
    'wpownerOnly': '1',
    'wpoauth2IsConfidential': '1',
}


def answer(wiki, request, session):
    """Show the form filled in from its address, or register a client."""
    sent = parse_qs(request.body.decode())
    if sent.get('wpEditToken') != [session.token('csrf')]:
        return html_response('Propose a client', _form(request, session))
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


def _form(request, session):
    query = parse_qs(request.query_string)
    fields = [
        f'<p>{name} <input name="{name}" value="{html.escape(text)}"></p>'
        for name in TEXTS
        for text in query.get(name, [''])
    ] + [
        f'<label><input type="checkbox" name="{name}" value="{value}"'
        f'{" checked" * (value in query.get(name, []))}> {name} {value}'
        '</label><br>'
        for name, values in BOXES.items()
        for value in values
    ]
    token = session.token('csrf')
    return (
        f'<form method="post">{"".join(fields)}<input type="hidden"'
        f' name="wpEditToken" value="{token}">'
        '<button name="submit" value="1">Propose</button></form>'
    )
