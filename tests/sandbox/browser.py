"""A person with a browser, as a program.

It opens an authorization URL, logs in if it is asked to, presses Allow (or
Cancel), goes where it is sent and prints the HTTP status and the text of the
page it ends up on. It runs by its path, so that it can be the ``$BROWSER``
of Python's `webbrowser`, where ``/path/to/python /path/to/browser.py %s``
makes the caller wait for it and a final ``&`` does not.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from urllib.parse import urljoin, urlsplit

import requests


class Page:
    """A page: where it is, what it says, and the form on it."""

    def __init__(self, url, status, location, content):
        self.netloc = urlsplit(url).netloc
        self.status = status
        self.location = location and urljoin(url, location)
        self.fields = {}
        for tag in re.findall('<input[^>]*>', content):
            field = dict(re.findall(r'(\w+)="([^"]*)"', tag))
            self.fields[field['name']] = html.unescape(field.get('value', ''))
        self.buttons = re.findall('<button[^>]* name="([^"]+)"', content)
        text = re.sub('<style.*?</style>|<[^>]*>', ' ', content, flags=re.S)
        self.text = ' '.join(html.unescape(text).split())


class Browser(requests.Session):
    """A browser with its own cookies and no proxy."""

    def __init__(self):
        super().__init__()
        self.trust_env = False
        self.headers['User-Agent'] = 'Sandbox browser'

    def open(self, url, form=None):
        method, options = 'POST' if form else 'GET', {'data': form}
        options.update(timeout=30, allow_redirects=False)
        try:
            response = self.request(method, url, **options)
        except requests.RequestException:
            return Page(url, 503, '', 'This site cannot be reached.')
        location = response.headers.get('Location', '')
        return Page(url, response.status_code, location, response.text)


def authorize(url, user, password, *, cancel=False):
    """Do what a person does; return the page it ends with."""
    wiki = urlsplit(url).netloc
    login = {'wpName': user, 'wpPassword': password}
    pressed = 'cancel' if cancel else 'accept'
    with Browser() as browser:
        page = browser.open(url)
        for _ in range(20):
            if page.location:
                url = page.location
                if urlsplit(url).netloc != wiki:
                    browser.open(urljoin(url, '/favicon.ico'))
                    return browser.open(url)
                page = browser.open(url)
            elif 'wpPassword' in page.fields:
                form = {**page.fields, **login, page.buttons[0]: '1'}
                page = browser.open(url, form)
            elif pressed in page.buttons:
                page = browser.open(url, {**page.fields, pressed: '1'})
            else:
                break
    return page


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--user', default='Bot')
    parser.add_argument('--cancel', action='store_true')
    parser.add_argument('url')
    args = parser.parse_args()
    password = f'sandbox-password-{args.user}'
    page = authorize(args.url, args.user, password, cancel=args.cancel)
    print(page.status, page.text)
    return int(page.status >= 400 or page.netloc == urlsplit(args.url).netloc)


if __name__ == '__main__':
    sys.exit(main())
