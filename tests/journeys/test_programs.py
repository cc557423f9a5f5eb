"""Bots that run at the same time, and programs without user-config.py."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from pywikibot_oauth2 import OAuth2Session
from tests.harness import EDITS, Owner, editors
from tests.helpers import client_of


# What a tool with no user-config.py does.
IN_CODE = """
from pywikibot import config
from pywikibot_oauth2 import OAuth2Auth
config.family, config.family_files['sandbox'] = 'sandbox', {family!r}
config.usernames['sandbox']['en'] = 'Bot'
config.authenticate[{wiki.netloc!r}] = OAuth2Auth({client.id!r},
                                                  {client.secret!r})
"""


def test_a_bot_may_be_configured_in_code(owner, wiki):
    owner.authorize()
    family = str(owner.folder / 'sandbox_family.py')
    text = IN_CODE.format(family=family, wiki=wiki, client=owner.client)
    owner.python(text + EDITS, '1', PYWIKIBOT_NO_USER_CONFIG='2')
    assert editors(wiki) == ['Bot']


def test_asynchronous_code_edits_for_each_user_and_keeps_the_tokens(
    tmp_path, wiki
):
    owner, files = Owner(tmp_path, wiki, has_oauth=False), {}
    client = client_of(owner.client)
    for name in [f'Editor {number}' for number in range(12)]:
        wiki.add_user(name)
        session = OAuth2Session(client, wiki.api_url, user=name)
        session.complete(wiki.approve(session.authorization_url(), name))
        text = json.dumps(session.serialize())
        files[name] = owner.write(f'{name}.json', text)
    # One user no longer allows it, which does not stop the others.
    wiki.revoke('Editor 0', owner.client)
    wiki.expire_access_tokens()
    owner.environment['CLIENT_ID'] = client.client_id
    owner.environment['CLIENT_SECRET'] = owner.client.secret
    command = [sys.executable, '-m', 'examples.async_edits', 'sandbox:en']
    command += ['Guestbook', 'I was here', *files.values()]
    done = owner.in_shell('exec "$@"', *command)
    assert done.returncode == 0, done.stdout
    assert 'Editor 0 could not edit Guestbook: The auth' in done.stdout
    del files['Editor 0']
    assert sorted(re.findall('.* has edited .*', done.stdout)) == sorted(
        f'{name} has edited Guestbook.' for name in files
    )
    assert sorted(editors(wiki)) == sorted(files)
    assert wiki.pages['Guestbook'].count('I was here') == 11
    for name, path in files.items():
        token = json.loads(Path(path).read_text())['token']['access_token']
        assert wiki.oauth.valid(token).session.user.name == name
