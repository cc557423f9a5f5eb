"""What goes over the wire: a request and a response."""
from __future__ import annotations

import html
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote


class Headers(dict):

    """Header fields by name, in whatever case the name is written."""

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field, or *default*."""
        return super().get(name.lower(), default)


class Request:

    """One request, which is also the record of it that a test reads.

    *user* is the name of the account it was carried out for (None if
    anonymous), *error* the error code of the API or of the authorization
    server, *status* the HTTP status (None if no answer was given),
    *body_length* the length of the request body in bytes, *fault* the
    kind of fault it met. *target* is the address as it was written, *body*
    what was sent, until the request is answered.
    """

    __slots__ = ('body', 'body_length', 'error', 'fault', 'form', 'headers',
                 'method', 'path', 'query', 'query_string', 'status',
                 'target', 'user')

    def __init__(self, method: str, target: str,
                 headers: Headers | None = None, body: bytes = b'') -> None:
        path, _, self.query_string = target.partition('?')
        self.method = method
        self.target = target
        self.path = unquote(path) if '%' in path else path
        self.headers = Headers() if headers is None else headers
        self.query = parse_form(self.query_string)
        self.body = body
        self.body_length = len(body)
        self.form: dict[str, str] = {}
        if body and 'urlencoded' in self.headers.get('content-type', ''):
            self.form = parse_form(body.decode(errors='replace'))
        self.user: str | None = None
        self.error: str | None = None
        self.status: int | None = None
        self.fault: str | None = None

    def __repr__(self) -> str:
        return (f'<{self.method} {self.path} {self.query} {self.form} '
                f'for {self.user}: {self.status} {self.error}>')

    @property
    def bearer(self) -> str | None:
        """The access token that was sent; the scheme is case-sensitive."""
        scheme, _, token = self.headers.get('authorization', '').partition(' ')
        return token.strip() if scheme == 'Bearer' else None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were sent."""
        pairs = (pair.partition('=') for pair in
                 self.headers.get('cookie', '').split('; ') if pair)
        return {name: value for name, _, value in pairs}


def parse_form(text: str) -> dict[str, str]:
    """Read urlencoded parameters; the last of equal names counts."""
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


class Response:

    """One answer; *delivery* says how far it gets (see `faults.py`)."""

    __slots__ = ('body', 'delivery', 'headers', 'status')

    def __init__(self, status: int, body: bytes = b'',
                 headers: dict[str, str] | list[tuple[str, str]] = (),
                 ) -> None:
        self.status = status
        self.body = body
        self.headers = list(
            headers.items() if isinstance(headers, dict) else headers)
        self.delivery = 'whole'

    def head(self, *, close: bool = False) -> bytes:
        """Return the status line and the header fields."""
        lines = [f'HTTP/1.1 {self.status} {reason(self.status)}']
        lines += [f'{name}: {value}' for name, value in self.headers]
        lines += [f'Content-Length: {len(self.body)}']
        if close:
            lines += ['Connection: close']
        return '\r\n'.join([*lines, '', '']).encode('latin-1')


def reason(status: int) -> str:
    """Return the phrase that goes with an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return 'Unknown'


def json_response(data: object, status: int = 200,
                  content_type: str = 'application/json',
                  **fields: str) -> Response:
    """Return *data* as JSON; *fields* are header fields, written a_b."""
    body = json.dumps(data, separators=(',', ':')).encode()
    return Response(status, body, headers(content_type, fields))


def html_response(title: str, text: str = '', status: int = 200,
                  content_type: str = 'text/html; charset=UTF-8',
                  **fields: str) -> Response:
    """Return an HTML page; *text* is HTML."""
    body = ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8">'
            f'<title>{html.escape(title)}</title></head>\n<body>'
            f'<h1>{html.escape(title)}</h1>\n{text}\n</body></html>\n')
    return Response(status, body.encode(), headers(content_type, fields))


class RestError(Exception):
    """An error of rest.php; *fields* come before its status."""

    def __init__(
        self,
        status: int,
        text: str = '',
        headers: dict[str, str] | None = None,
        **fields: object,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}
        self.fields = fields

    @property
    def code(self) -> str | None:
        """What tells this error from others."""
        for name in ('errorKey', 'error', 'message'):
            if name in self.fields:
                return str(self.fields[name])
        return None

    def response(self) -> Response:
        """Return what is sent."""
        data = dict(self.fields)
        if self.args[0]:
            data['messageTranslations'] = {'en': self.args[0]}
        data.update(httpCode=self.status, httpReason=reason(self.status))
        headers = {'Cache_Control': 'private, max-age=0, s-maxage=0'}
        return json_response(data, self.status, **headers, **self.headers)


def headers(content_type: str,
            fields: dict[str, str]) -> list[tuple[str, str]]:
    """Return header fields from keyword arguments."""
    return [('Content-Type', content_type),
            *((name.replace('_', '-'), value)
              for name, value in fields.items())]
