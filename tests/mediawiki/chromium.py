"""A real browser: headless Chromium."""

from __future__ import annotations

import json
import os
import shutil
from tempfile import TemporaryDirectory

from selenium import webdriver
from selenium.common import WebDriverException
from selenium.webdriver.support.expected_conditions import (
    text_to_be_present_in_element,
)
from selenium.webdriver.support.wait import WebDriverWait

from .server import need


SECONDS = 30  # more than anything here takes
# As wide as a phone, and as dense.
PHONE = {'width': 390, 'height': 844, 'pixelRatio': 2, 'touch': True}


class Chromium(webdriver.Chrome):
    """A browser with a new profile, to be used in a `with` statement."""

    def __init__(self):
        browser, driver = map(shutil.which, ['chromium', 'chromedriver'])
        need(browser and driver, 'chromium chromium-driver')
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        options.add_argument('--headless')
        options.add_argument('--no-sandbox')
        options.add_argument('--no-proxy-server')
        options.add_argument('--disable-dev-shm-usage')
        phone = {'deviceMetrics': PHONE}
        options.add_experimental_option('mobileEmulation', phone)
        options.set_capability('goog:loggingPrefs', {'performance': 'ALL'})
        # Chromium leaves files there.
        self._home = TemporaryDirectory(ignore_cleanup_errors=True)
        names = dict.fromkeys(['HOME', 'TMPDIR'], self._home.name)
        service = webdriver.ChromeService(driver, env={**os.environ, **names})
        super().__init__(options, service)
        # The page may still be loading when an element is looked for.
        self.implicitly_wait(SECONDS)

    def quit(self):
        super().quit()
        self._home.cleanup()

    def click(self, name):
        """Click on what has a name in a form."""
        self.find_element('name', name).click()

    def type(self, name, text):
        self.find_element('name', name).send_keys(text)

    def expect(self, text):
        """Wait until the page contains a text; return all of its text."""
        body = 'tag name', 'body'
        wait = WebDriverWait(self, SECONDS, 0.05, [WebDriverException])
        wait.until(text_to_be_present_in_element(body, text))
        return self.find_element(*body).text

    def requests(self):
        """Return the addresses on the web that were asked for so far."""
        log = self.get_log('performance')
        events = [json.loads(entry['message'])['message'] for entry in log]
        urls = [
            event['params']['request']['url']
            for event in events
            if event['method'] == 'Network.requestWillBeSent'
        ]
        return [url for url in urls if url.startswith(('http', 'ws'))]
