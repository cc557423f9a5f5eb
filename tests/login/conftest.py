"""A person with a terminal and a browser, for logins in this process."""

from __future__ import annotations

import contextlib
import logging
import os
import pty
import sys
import termios
import webbrowser

import pytest
import requests
from pywikibot import config

from tests.helpers import leave_pywikibot, listening, set_up_pywikibot


class Person(webbrowser.BaseBrowser):
    """Does what a test says when the browser is opened at an address.

    :ivar does: is called with the address in a thread of its own
    :ivar opened: the addresses
    """

    def __init__(self, wiki):
        super().__init__('person')
        self.wiki = wiki
        self.does = self.allow
        self.opened = []
        self._window, self._device = pty.openpty()
        self._mode = termios.tcgetattr(self._device)

    def open(self, url, new=0, autoraise=True):
        """Be the browser that Python opens."""
        self.opened.append(url)
        self.does(url)
        return True

    def allow(self, url, user='Bot'):
        """Click "Allow", and go where the wiki sends the browser."""
        self.go(self.wiki.approve(url, user))

    def go(self, url):
        """Visit an address as a browser does."""
        with contextlib.suppress(OSError), requests.Session() as session:
            session.trust_env = False  # no proxy
            session.get(url, timeout=10)

    def type(self, keys):
        """Type these bytes, however long it takes to read them."""
        while keys:
            keys = keys[os.write(self._window, keys) :]

    def paste(self, *texts):
        """Paste texts into the terminal, and press Enter after each."""
        for text in texts:
            self.type(f'{text}\n'.encode())

    def paste_callback(self, url):
        """Click "Allow", and paste where the wiki sends the browser."""
        self.paste(self.wiki.approve(url))

    def is_restored(self):
        """Tell whether the terminal is as it was found."""
        return termios.tcgetattr(self._device) == self._mode

    def close_window(self):
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), self._window)


@pytest.fixture
def person(wiki, monkeypatch):
    """Put a person with a browser at standard input."""
    person = Person(wiki)
    webbrowser.register('person', None, person, preferred=True)
    monkeypatch.delenv('BROWSER', raising=False)
    with open(person._device) as stdin:
        monkeypatch.setattr(sys, 'stdin', stdin)
        yield person
    os.close(person._window)


@pytest.fixture
def said():
    """Return the list of what Pywikibot says to its user."""
    with listening(logging.INFO) as said:
        yield said


@pytest.fixture(autouse=True)
def pywikibot_folder(monkeypatch, tmp_path, wiki):
    """Let Pywikibot keep its files in a folder, and wait briefly."""
    set_up_pywikibot(monkeypatch, tmp_path, en=wiki)
    monkeypatch.setattr(config, 'userinterface_lang', 'de')
    yield
    leave_pywikibot()
