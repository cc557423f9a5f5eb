"""Which requests carry a token, and what happens to refused ones."""

from __future__ import annotations

import json

import pytest

from tests.harness import Owner, grants


@pytest.fixture(params=['1.43', 'master'])
def wiki(wiki, request):
    """Return a sandbox wiki that plays one of the recorded servers."""
    wiki.like = request.param
    return wiki


@pytest.fixture
def owner(tmp_path, wiki):
    """Return somebody who has logged in."""
    owner = Owner(tmp_path, wiki)
    owner.log_in()
    return owner


# Prints for each address whether a request to it would carry a token.
PREPARE = """
import json, sys
import pywikibot, requests
from pywikibot import config
auth = next(iter(config.authenticate.values()))
found = []
for url in sys.argv[1:]:
    try:
        request = requests.Request('GET', url, auth=auth)
        found.append('Authorization' in
                     requests.Session().prepare_request(request).headers)
    except requests.RequestException as error:
        found.append(False)
print(json.dumps(found))
"""

FETCH = """
import sys
import pywikibot
from pywikibot.comms import http
for url in sys.argv[1:]:
    print(http.fetch(url, default_error_handling=False).status_code)
"""


def prepare(owner, *urls):
    """Return for each address whether it would get the token."""
    return json.loads(owner.python(PREPARE, *urls).splitlines()[-1])


def test_only_the_scripts_of_a_known_wiki_get_the_token(owner, wiki):
    host = wiki.netloc
    ours = [
        f'http://{host}/api.php',
        f'http://{host}/api.php?action=query',
        f'http://{host}/rest.php/v1/page/Main_Page',
    ]
    others = [
        f'http://{host}/index.php',
        f'http://{host}/~mallory/api.php',
        f'http://{host}/rest.php/%2e%2e/~mallory',
        f'http://{host}/rest.php/../~mallory',
        f'http://{host}/rest.php/x%2f..%2f..%2f~mallory',
        f'http://evil.example\\@{host}/api.php',
        f'http://{host}@evil.example/api.php',
        f'http://{host}\\.evil.example/api.php',
        'http://wiki.example.org/w/api.php',
    ]
    assert prepare(owner, *ours) == [True] * len(ours)
    assert prepare(owner, *others) == [False] * len(others)


def test_a_dead_token_is_renewed_and_the_request_repeated(owner, wiki):
    paths = (
        '/api.php?action=query&meta=userinfo&format=json',
        '/rest.php/v1/page/Main_Page/bare',
    )
    for number, path in enumerate(paths, 1):
        wiki.expire_access_tokens()
        assert owner.python(FETCH, wiki.url + path) == '200\n'
        assert grants(wiki, 'refresh_token') == number
        assert wiki.requests[-1].user == 'Bot'


@pytest.mark.parametrize('gateway', [True, 'unquoted'])
def test_a_token_that_the_gateway_refuses_is_renewed(owner, wiki, gateway):
    wiki.gateway = gateway
    wiki.expire_access_tokens()
    assert owner.edit() == ''
    assert grants(wiki, 'refresh_token') == 1


def test_a_page_that_may_not_be_read_costs_no_refresh(owner, wiki):
    url = f'{wiki.url}/rest.php/v1/page/Nothing_here/bare'
    assert owner.python(FETCH, url) == '404\n'
    assert grants(wiki, 'refresh_token') == 0


@pytest.mark.parametrize(
    'key', ["'*'", "'*.org'", "'*.toolforge.org'", "'*.co.uk'"]
)
def test_a_wildcard_over_strangers_is_refused(tmp_path, wiki, key):
    owner = Owner(tmp_path, wiki)
    owner.configure(
        f'authenticate[{key}] = authenticate[{wiki.netloc!r}]\n'
        "usernames['wikipedia']['en'] = 'Bot'\n"
    )
    done = owner.alone('login')
    assert done.returncode == 0
    assert f'authenticate[{key}] would send the token' in done.stdout
    assert 'Traceback' not in done.stdout
    assert not any(
        'authorization' in request.headers for request in wiki.requests
    )


def test_a_wrong_user_config_ends_pywikibot_without_its_line(tmp_path, wiki):
    owner = Owner(tmp_path, wiki, has_oauth=False)
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        "authenticate['x'] = _oauth2.OAuth2Auth(5, 'a-secret-value')\n"
    )
    done = owner.alone('login')
    assert done.returncode == 1
    assert 'The client ID must be a string, not int.' in done.stdout
    assert 'a-secret-value' not in done.stdout
    assert 'Traceback' not in done.stdout


def test_a_client_that_is_refused_is_a_warning_until_something_changes(
    owner, wiki
):
    wiki.set_stage(owner.client, 'disabled')
    wiki.expire_access_tokens()
    shown = owner.python('import pywikibot\npywikibot.Site().siteinfo')
    assert 'does not accept the client' in shown
    assert 'Traceback' not in shown
    assert wiki.count('/access_token') == 2
    done = owner.alone(owner.script(), '1')
    assert done.returncode != 0
    assert wiki.edits == []


def test_the_cookies_of_an_owner_only_client_go_with_its_token(tmp_path, wiki):
    client = wiki.register(owner_only=True)
    wiki.oauth.wants_session_jwt = True
    owner = Owner(tmp_path, wiki, client=client, has_oauth=False)
    owner.configure(
        'import pywikibot_oauth2 as _oauth2\n'
        f'authenticate[{wiki.netloc!r}] = _oauth2.OAuth2Auth('
        f'access_token={client.access_token!r})\n'
    )
    assert owner.edit(2) == ''
    assert {edit.user for edit in wiki.edits} == {'Bot'}


def test_requests_to_this_machine_through_a_proxy_are_reported(owner):
    shown = (
        owner.python(
            'import pywikibot, os\npywikibot.Site()',
            HTTP_PROXY='http://127.0.0.1:9',
            NO_PROXY='',
        )
        if False
        else owner.alone(
            'login', HTTP_PROXY='http://127.0.0.1:9', NO_PROXY=''
        ).stdout
    )
    assert 'NO_PROXY=127.0.0.1,localhost' in shown


def test_two_users_of_one_wiki_are_reported(owner, wiki):
    wiki.add_user('Other')
    owner.log_in('Other', '-user:Other')
    shown = owner.python(
        'import pywikibot\n'
        "for user in ('Bot', 'Other'):\n"
        "    pywikibot.Site('en', user=user).login()\n"
    )
    assert 'no longer under Bot' in shown
