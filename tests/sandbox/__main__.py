"""Run the sandbox for a person: python -m tests.sandbox."""
from __future__ import annotations

import argparse
import threading
from contextlib import suppress

from .sandbox import Sandbox


WELCOME = """\
A wiki runs at {url} until you press Ctrl-C.
Its users are Bot ({password!r}) and Admin ({admin!r}).

Make a folder with this in user-config.py, for Pywikibot:

family = 'sandbox'
mylang = 'sandbox'
family_files['sandbox'] = '{url}/api.php'
usernames['sandbox']['sandbox'] = 'Bot'

import pywikibot_oauth2 as _oauth2
authenticate['{netloc}'] = _oauth2.OAuth2Auth(
    '{client.id}', '{client.secret}',
    redirect_uri='{client.redirect_uri}')
"""


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog='python -m tests.sandbox',
                                     description=__doc__.splitlines()[0])
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--token-life', type=int, default=3600,
                        metavar='SECONDS')
    parser.add_argument('--gateway', action='store_true',
                        help='refuse dead tokens as Wikimedia does')
    args = parser.parse_args()
    with Sandbox(port=args.port, token_life=args.token_life) as wiki:
        wiki.gateway = args.gateway
        print(WELCOME.format(url=wiki.url, netloc=wiki.netloc,
                             client=wiki.register(),
                             password=wiki.password('Bot'),
                             admin=wiki.password('Admin')), flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == '__main__':
    main()
