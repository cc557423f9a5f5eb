"""What goes over the wire: a request and a response."""

from __future__ import annotations

import html
import json
from http.client import responses
from urllib.parse import parse_qsl, unquote

from requests.structures import CaseInsensitiveDict


class Request:
    """One request, which is also the record of it that a test reads.

    *user* is the name of the account it was carried out for (None if
    anonymous), *error* the error code of the API or of the authorization
    server, *status* the HTTP status (None if no answer was given),
    *body_length* the length of the request body in bytes, *fault* the
    kind of fault it met. *target* is the address as it was written, *body*
    what was sent, until the request is answered.
    """

    user = error = status = fault = None

    def __init__(self, method, target, headers, body):
        path, _, self.query_string = target.partition('?')
        self.method, self.target, self.path = method, target, unquote(path)
        self.headers = CaseInsensitiveDict(headers)
        self.query = parse_form(self.query_string)
        self.body, self.body_length = body, len(body)
        is_form = 'urlencoded' in self.headers.get('content-type', '')
        text = body.decode(errors='replace') if is_form else ''
        self.form = parse_form(text)

    def __repr__(self):
        return (
            f'<{self.method} {self.path} {self.query} {self.form} '
            f'for {self.user}: {self.status} {self.error}>'
        )

    @property
    def bearer(self):
        """The access token that was sent; the scheme is case-sensitive."""
        scheme, _, token = self.headers.get('authorization', '').partition(' ')
        return token.strip() if scheme == 'Bearer' else None

    @property
    def cookies(self):
        pairs = self.headers.get('cookie', '').split('; ')
        return dict(pair.split('=', 1) for pair in pairs if '=' in pair)


def parse_form(text):
    return dict(parse_qsl(text, keep_blank_values=True))


class Response:
    """One answer; *delivery* says how far it gets (see `faults.py`)."""

    delivery = 'whole'

    def __init__(self, status, body=b'', headers=()):
        self.status, self.body, self.headers = status, body, list(headers)

    def head(self, *, close=False):
        phrase = responses.get(self.status, 'Unknown')
        lines = [f'HTTP/1.1 {self.status} {phrase}']
        lines += [f'{name}: {value}' for name, value in self.headers]
        lines += [f'Content-Length: {len(self.body)}']
        lines += ['Connection: close'] if close else []
        return '\r\n'.join([*lines, '', '']).encode('latin-1')


def response(status, body, content_type, **fields):
    """Return a response; the hyphens of its *fields* are underscores."""
    fields = {'Content_Type': content_type, **fields}
    pairs = [(name.replace('_', '-'), text) for name, text in fields.items()]
    return Response(status, body, pairs)


def json_response(data, status=200, content_type='application/json', **fields):
    body = json.dumps(data, separators=(',', ':')).encode()
    return response(status, body, content_type, **fields)


def html_response(
    title, text='', status=200, kind='text/html; charset=UTF-8', **fields
):
    title = html.escape(title)
    body = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8">'
        f'<title>{title}</title></head>\n<body><h1>{title}</h1>\n{text}\n'
        '</body></html>\n'
    )
    return response(status, body.encode(), kind, **fields)


class RestError(Exception):
    """An error of rest.php; *fields* come before its status."""

    def __init__(self, status, text='', **fields):
        super().__init__(text)
        self.status, self.fields, self.headers = status, fields, {}

    @property
    def code(self):
        names = ('errorKey', 'error', 'message')
        return next(filter(None, map(self.fields.get, names)), None)

    def response(self):
        data = dict(self.fields)
        if str(self):
            data['messageTranslations'] = {'en': str(self)}
        data.update(httpCode=self.status, httpReason=responses[self.status])
        cache = 'private, max-age=0, s-maxage=0'
        headers = {**self.headers, 'Cache_Control': cache}
        return json_response(data, self.status, **headers)
