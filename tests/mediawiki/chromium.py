"""A real browser: headless Chromium, by WebDriver."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from .server import need


SECONDS = 30  # more than anything here takes

# As wide as a phone, and as dense.
PHONE = {'width': 390, 'height': 844, 'pixelRatio': 2, 'touch': True}
ARGUMENTS = (
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic'),
    *('--no-first-run', '--no-proxy-server', '--disable-sync'),
    *('--disable-background-networking', '--disable-component-update'),
    '--disable-dev-shm-usage',
)

# The key under which WebDriver (W3C) hands out elements.
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'


class WebDriverError(Exception):
    """The browser could not do what it was told."""


class Chromium:
    """A browser with nothing in it, to be used in a `with` statement."""

    def __enter__(self):
        programs = map(shutil.which, ['chromium', 'chromedriver'])
        need(all(programs), 'chromium chromium-driver')
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            )
            self._start_driver(stack, folder)
            options = {
                'binary': shutil.which('chromium'),
                'args': [*ARGUMENTS, f'--user-data-dir={folder}/profile'],
                'mobileEmulation': {'deviceMetrics': PHONE},
            }
            wanted = {
                'browserName': 'chrome',
                # A page that does not end loading must not hold up the test.
                'pageLoadStrategy': 'none',
                'goog:loggingPrefs': {'performance': 'ALL'},
                'goog:chromeOptions': options,
            }
            data = {'capabilities': {'alwaysMatch': wanted}}
            self._session = ''
            self._session = '/' + self._ask('POST', '', data)['sessionId']
            stack.callback(self._quit)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc_info):
        self._stack.close()

    def _quit(self):
        with contextlib.suppress(OSError, WebDriverError):
            self._ask('DELETE', '')

    def _start_driver(self, stack, folder):
        driver = subprocess.Popen(
            ['chromedriver', '--port=0'],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, 'HOME': folder, 'TMPDIR': folder},
        )
        stack.enter_context(driver)
        # With it Chromium, if it is still there.
        stack.callback(os.killpg, driver.pid, signal.SIGKILL)
        for line in driver.stdout:
            found = re.search('started successfully on port ([0-9]+)', line)
            if found:
                self._port = int(found[1])
                return
        raise WebDriverError('chromedriver does not start')

    def _ask(self, method, path, data=None):
        """Send a command to the driver; return its value."""
        body = json.dumps(data or {}) if method == 'POST' else None
        connection = http.client.HTTPConnection(
            '127.0.0.1', self._port, timeout=SECONDS
        )
        with contextlib.closing(connection):
            target = f'/session{self._session}{path}'
            connection.request(method, target, body)
            answer = json.loads(connection.getresponse().read())['value']
        if isinstance(answer, dict) and 'error' in answer:
            raise WebDriverError(f'{answer["error"]}: {answer["message"]}')
        return answer

    # What a person does

    def open(self, url):
        """Type an address."""
        self._ask('POST', '/url', {'url': url})

    def back(self):
        self._ask('POST', '/back')

    def click(self, name):
        """Click on what has a name in a form."""
        self._ask('POST', f'{self._find(name)}/click')

    def type(self, name, text):
        self._ask('POST', f'{self._find(name)}/value', {'text': text})

    def new_tab(self):
        """Open a tab and look at it; return the one looked at before."""
        tab = self._ask('GET', '/window')
        new = self._ask('POST', '/window/new', {'type': 'tab'})
        self.look_at(new['handle'])
        return tab

    def look_at(self, tab):
        self._ask('POST', '/window', {'handle': tab})

    def close_tab(self):
        self.look_at(self._ask('DELETE', '/window')[0])

    # What a person sees

    def _find(self, name):
        data = {'using': 'css selector', 'value': f'[name="{name}"]'}
        element = self._until(
            lambda: self._ask('POST', '/element', data)[ELEMENT],
            f'nothing named {name}',
        )
        return f'/element/{element}'

    def run(self, script):
        """Return what a function body in JavaScript returns."""
        data = {'script': script, 'args': []}
        return self._ask('POST', '/execute/sync', data)

    @property
    def text(self):
        """What can be read on the page."""
        return self.run('return document.body ? document.body.innerText : ""')

    def expect(self, *texts):
        """Wait until the page says one of these; return all it says."""

        def read():
            shown = self.text
            return shown if any(text in shown for text in texts) else None

        return self._until(read, f'no {" or ".join(map(repr, texts))}')

    def _until(self, ask, failure):
        """Wait for something that a page that is loading has not yet."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(WebDriverError):
                answer = ask()
                if answer is not None:
                    return answer
            time.sleep(0.02)
        raise WebDriverError(f'{failure} on the page:\n{self.text}')

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self._ask('GET', '/screenshot')))

    def requests(self):
        """Return the addresses on the web that were asked for so far."""
        log = self._ask('POST', '/se/log', {'type': 'performance'})
        events = [json.loads(entry['message'])['message'] for entry in log]
        urls = [
            event['params']['request']['url']
            for event in events
            if event['method'] == 'Network.requestWillBeSent'
        ]
        return [url for url in urls if url.startswith(('http', 'ws'))]
