"""Bots that run at once, and programs without a user-config.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

from pywikibot_oauth2 import OAuth2Client, OAuth2Session
from tests.harness import SECONDS, TOP, editors
from tests.sandbox.config import make_config


# What a tool with no user-config.py does.
IN_CODE = """
import sys
import pywikibot
from pywikibot import config
from pywikibot_oauth2 import OAuth2Auth
host, client_id, secret, family_file = sys.argv[1:]
config.family_files['sandbox'] = family_file
config.usernames['sandbox']['en'] = 'Bot'
config.authenticate[host] = OAuth2Auth(client_id, secret)
site = pywikibot.Site('en', 'sandbox')
page = pywikibot.Page(site, 'Sandbox')
page.text += 'in code'
page.save('a test', quiet=True)
"""


def test_a_bot_may_be_configured_in_code(owner, wiki):
    owner.authorize()
    client, family_file = owner.client, owner.folder / 'sandbox_family.py'
    arguments = wiki.netloc, client.id, client.secret, str(family_file)
    owner.python(IN_CODE, *arguments, PYWIKIBOT_NO_USER_CONFIG='2')
    assert editors(wiki) == ['Bot']


def test_asynchronous_code_edits_for_each_user_and_keeps_the_tokens(
    wiki, tmp_path
):
    registered = wiki.register()
    client = OAuth2Client(
        registered.id, registered.secret, redirect_uri=registered.redirect_uri
    )
    names = [f'Editor {number}' for number in range(12)]
    files = [tmp_path / f'{name}.json' for name in names]
    for name, path in zip(names, files, strict=True):
        wiki.add_user(name)
        session = OAuth2Session(client, wiki.api_url, user=name)
        session.complete(wiki.approve(session.authorization_url(), name))
        path.write_text(json.dumps(session.serialize()))
    wiki.expire_access_tokens()
    command = [sys.executable, '-m', 'examples.async_edits', 'sandbox:en']
    credentials = {
        'CLIENT_ID': registered.id,
        'CLIENT_SECRET': registered.secret,
    }
    done = subprocess.run(
        [*command, 'Guestbook', 'I was here', *map(str, files)],
        cwd=TOP,
        env={**make_config(tmp_path, wiki), **credentials},
        timeout=SECONDS,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(
        f'{name} has edited Guestbook.' for name in names
    )
    assert Counter(editors(wiki)) == Counter(names)
    assert wiki.pages['Guestbook'].count('I was here') == 12
    for name, path in zip(names, files, strict=True):
        stored = OAuth2Session.deserialize(
            json.loads(path.read_text()), client
        )
        access = wiki.oauth.access_tokens[stored.token.access_token]
        assert access.session.user.name == name
        assert not access.revoked
