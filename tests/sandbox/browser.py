"""A person with a browser, as a program.

It opens an authorization URL, logs in if it is asked to, presses Allow (or
Cancel), goes where it is sent and prints the HTTP status and the text of the
page it ends up on. It runs by its path, so that it can be the ``$BROWSER``
of Python's `webbrowser`, where ``/path/to/python /path/to/browser.py %s``
makes the caller wait for it and a final ``&`` does not.
"""
from __future__ import annotations

import argparse
import os
import sys
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    ProxyHandler,
    build_opener,
)


if TYPE_CHECKING:
    from collections.abc import Mapping


MOVED = (301, 302, 303, 307, 308)


class _StayHere(HTTPRedirectHandler):

    """Leave it to `Browser` to follow a redirect."""

    def redirect_request(self, *_args: object) -> None:
        """Follow nothing."""


class Page(HTMLParser):

    """A page: where it is, what it says, and the form on it."""

    def __init__(self, url: str, status: int, location: str | None,
                 content: str) -> None:
        super().__init__()
        self.netloc = urlsplit(url).netloc
        self.status = status
        self.location = location and urljoin(url, location)
        self.fields: dict[str, str] = {}
        self.buttons: list[str] = []
        self._words: list[str] = []
        self._tag = ''
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str,
                        attrs: list[tuple[str, str | None]]) -> None:
        """Note the fields and the buttons of the form."""
        field = dict(attrs)
        self._tag = tag
        if tag == 'input':
            self.fields[field['name']] = field.get('value') or ''
        elif tag == 'button':
            self.buttons.append(field['name'])

    def handle_data(self, data: str) -> None:
        """Note the text, but no style sheet."""
        if self._tag != 'style':
            self._words += data.split()

    @property
    def text(self) -> str:
        """What can be read on the page."""
        return ' '.join(self._words)


class Browser:

    """A browser with its own cookies and no proxy."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()),
                                    ProxyHandler({}), _StayHere())
        self._opener.addheaders = [('User-Agent', 'Sandbox browser')]

    def open(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        """Request *url*, with POST if there is a form to send."""
        data = urlencode(form).encode() if form else None
        try:
            response = self._opener.open(url, data, timeout=30)
        except HTTPError as error:
            response = error
        except OSError:
            return Page(url, 503, None, 'This site cannot be reached.')
        with response:
            return Page(url, response.status,
                        response.headers.get('Location'),
                        response.read().decode(errors='replace'))


def authorize(url: str, user: str, password: str, *,
              cancel: bool = False) -> Page:
    """Do what a person does; return the page it ends with."""
    browser = Browser()
    wiki = urlsplit(url).netloc
    page = browser.open(url)
    for _ in range(20):
        if page.status in MOVED and page.location:
            url = page.location
            if urlsplit(url).netloc != wiki:
                browser.open(urljoin(url, '/favicon.ico'))
                return browser.open(url)
            page = browser.open(url)
        elif 'wpPassword' in page.fields:
            page = browser.open(url, {**page.fields, 'wpName': user,
                                      'wpPassword': password,
                                      page.buttons[0]: '1'})
        elif {'accept', 'cancel'} <= set(page.buttons):
            pressed = 'cancel' if cancel else 'accept'
            page = browser.open(url, {**page.fields, pressed: '1'})
        else:
            break
    return page


def main() -> int:
    """Run the program; it fails unless another host says it is fine."""
    environ = os.environ
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--user', default=environ.get('SANDBOX_USER', 'Bot'))
    parser.add_argument('--password',
                        default=environ.get('SANDBOX_PASSWORD'))
    parser.add_argument('--cancel', action='store_true',
                        default=bool(environ.get('SANDBOX_CANCEL')))
    parser.add_argument('url')
    args = parser.parse_args()
    page = authorize(args.url, args.user,
                     args.password or f'sandbox-password-{args.user}',
                     cancel=args.cancel)
    print(page.status, page.text)
    return int(page.status >= 400 or page.netloc == urlsplit(args.url).netloc)


if __name__ == '__main__':
    sys.exit(main())
