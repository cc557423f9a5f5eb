"""OAuth 2.0 for Pywikibot.

In ``user-config.py``, put an :class:`OAuth2Auth` into ``authenticate``::

    import pywikibot_oauth2 as _oauth2
    authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(
        'client id', 'client secret',
        redirect_uri='http://127.0.0.1:8080/callback')

After that, ``pwb login`` asks for the authorization once. Every script uses
the token that is issued then, which is refreshed as needed.

A program that authorizes its users itself creates an :class:`OAuth2Client`
and, for each user, an :class:`OAuth2Session`. It sends the user to
:meth:`OAuth2Session.authorization_url` and passes the address with which
the user comes back to :meth:`OAuth2Session.complete`.

Every error is an :class:`OAuth2Error`.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING


__version__ = '1.0.0'


def __getattr__(name: str) -> object:
    """Return a public name that is not imported yet.

    Most scripts need OAuth2Auth alone. If this package is imported before
    Pywikibot, the import below runs user-config.py, which finds this module
    half imported.
    """
    # All public names are classes; importing a submodule gets here, too.
    if name == '__all__' or name[:1].isupper():
        exports = importlib.import_module('pywikibot_oauth2._exports')
        if hasattr(exports, name):
            return getattr(exports, name)
        if host.is_reading_user_config():
            # A traceback would show the line with the secrets.
            sys.stderr.write(
                f'There is no {name} in pywikibot_oauth2, only'
                f' {", ".join(exports.__all__)}.\nCorrect user-config.py.\n'
            )
            sys.exit(2)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """Return all names, also for help() and completion."""
    exports = importlib.import_module('pywikibot_oauth2._exports')
    return sorted({*globals(), '__all__', *exports.__all__})


if sys.argv[:1] == ['-m'] and '-setup' in sys.argv:
    # "python3 -m pywikibot_oauth2 -setup" imports this package first. Where
    # there is no user-config.py yet, Pywikibot refuses to be imported.
    _folder = Path(os.environ.get('PYWIKIBOT_DIR', '.'))
    if not (_folder / 'user-config.py').exists():
        os.environ.setdefault('PYWIKIBOT_NO_USER_CONFIG', '2')

import pywikibot

from pywikibot_oauth2 import host
from pywikibot_oauth2.auth import OAuth2Auth as OAuth2Auth


if TYPE_CHECKING:
    from pywikibot_oauth2._exports import *
