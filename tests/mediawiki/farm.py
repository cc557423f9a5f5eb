#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Wikis that share an authorization server, and tokens that die there."""

from __future__ import annotations

import threading


def join(wiki, *others):
    """Let other wikis accept the clients and tokens of the first one.

    So do those of Wikimedia, whose clients and tokens are in one database.
    """
    for other in others:
        other.lock = wiki.lock
        other.accounts = wiki.accounts
        other.oauth = wiki.oauth


def configure(owner, text):
    """Append lines to the owner's user-config.py."""
    with open(owner.folder / 'user-config.py', 'a') as file:
        file.write(text)


def share(owner, *others):
    """Let other wikis be used under the same authorization."""
    configure(
        owner,
        ''.join(
            f'authenticate[{other.netloc!r}] ='
            f' authenticate[{owner.wiki.netloc!r}]\n'
            for other in others
        ),
    )


class Reaper:
    """Lets all access tokens die under a script, time and again.

    To be used in a `with` statement. The client knows when a token expires
    and renews it before: here each death takes it by surprise.

    Pywikibot gives an edit up if its CSRF token is refused twice in a row,
    and each access token has CSRF tokens of its own. A token that lives for
    hours does not die twice within one edit, so it does not here.

    :param wikis: the wikis; their tokens are those of the first one
    :param is_the_one: tells whether a request is the one to die at, once
    :param every: how many requests a token serves otherwise
    """

    def __init__(self, wikis, is_the_one, every=12):
        self.deaths = 0
        self.was_the_one = False
        self._wikis = wikis
        self._is_the_one = is_the_one
        self._every = every
        self._served = every
        self._troubled = set()
        self._lock = threading.Lock()

    def __enter__(self):
        for wiki in self._wikis:
            wiki._handle = self._handler(wiki, wiki._handle)
        return self

    def __exit__(self, *exc_info):
        for wiki in self._wikis:
            del wiki._handle

    def _handler(self, wiki, handle):
        def reap_and_handle(request):
            if request.bearer is not None:
                self._reap(request)
            response = handle(request)
            if request.error == 'badtoken':
                self._troubled.add(wiki)
            elif request.error is None and is_write(request):
                self._troubled.discard(wiki)
            return response

        return reap_and_handle

    def _reap(self, request):
        with self._lock:
            self._served += 1
            if self._troubled:
                return
            is_the_one = not self.was_the_one and self._is_the_one(request)
            if is_the_one or self._served > self._every:
                self.was_the_one = self.was_the_one or is_the_one
                self.deaths += 1
                self._served = 0
                self._wikis[0].expire_access_tokens()


def is_write(request):
    """Tell whether a request is for something that takes a CSRF token."""
    return 'token' in request.form or 'multipart' in request.headers.get(
        'content-type', ''
    )
