"""Run the sandbox for a person: python -m tests.sandbox."""

from __future__ import annotations

import argparse
import threading
from contextlib import suppress

from .sandbox import Sandbox


WELCOME = """\
A wiki runs at {wiki.url} until you press Ctrl-C, like {wiki.like}.
Its users are Bot ({password!r}) and Admin ({admin!r}).

Make a folder with this in user-config.py, for Pywikibot:

family = 'sandbox'
mylang = 'sandbox'
family_files['sandbox'] = '{wiki.url}/api.php'
usernames['sandbox']['sandbox'] = 'Bot'

import pywikibot_oauth2 as _oauth2
authenticate['{wiki.netloc}'] = _oauth2.OAuth2Auth(
    '{client.id}', '{client.secret}',
    redirect_uri='{client.redirect_uri}')
"""


def main():
    parser = argparse.ArgumentParser(prog='python -m tests.sandbox')
    parser.add_argument('--token-life', type=int, default=3600)
    parser.add_argument('--like', choices=('1.43', 'master'), default='1.43')
    with Sandbox(**vars(parser.parse_args())) as wiki:
        bot, admin = map(wiki.password, ['Bot', 'Admin'])
        fields = {'wiki': wiki, 'password': bot, 'admin': admin}
        print(WELCOME.format(client=wiki.register(), **fields), flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == '__main__':
    main()
