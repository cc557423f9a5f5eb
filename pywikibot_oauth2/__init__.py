#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""OAuth 2.0 for Pywikibot.

In user-config.py an :class:`OAuth2Auth` is put into ``authenticate``::

    import pywikibot_oauth2 as _oauth2
    authenticate['*.wikipedia.org'] = _oauth2.OAuth2Auth(
        'client id', 'client secret', redirect_uri='http://127.0.0.1:8080/')

Then ``pwb login`` authorizes once, and every script runs with the token
that it got, which is refreshed as needed.

A program that authorizes users by itself makes an :class:`OAuth2Client`
and for each user an :class:`OAuth2Session`: it sends the user to
:meth:`OAuth2Session.authorization_url` and gives the address the user
comes back with to :meth:`OAuth2Session.complete`.

Whatever goes wrong is an :class:`OAuth2Error`.
"""
from __future__ import annotations

from importlib import import_module


__version__ = '0.1.0'

__all__ = [
    'AuthorizationEndedError',
    'AuthorizationError',
    'ClientRefusedError',
    'ConfigurationError',
    'EndpointError',
    'FileStore',
    'KeyringStore',
    'OAuth2Auth',
    'OAuth2Client',
    'OAuth2Error',
    'OAuth2Session',
    'RedisStore',
    'StoreError',
    '__version__',
]

_MODULES = ('auth', 'client', 'errors', 'filestore', 'keyringstore',
            'redisstore', 'session')


def __getattr__(name: str) -> object:
    """Return a public name to a user-config.py that runs by now.

    It does if this package is imported before Pywikibot: the import of
    Pywikibot below runs user-config.py, which imports this package.
    """
    if name in __all__:
        for module in _MODULES:
            home = import_module(f'{__name__}.{module}')
            if hasattr(home, name):
                return getattr(home, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


import pywikibot  # noqa: E402, F401

from pywikibot_oauth2.auth import OAuth2Auth  # noqa: E402
from pywikibot_oauth2.client import OAuth2Client  # noqa: E402
from pywikibot_oauth2.errors import (  # noqa: E402
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.filestore import FileStore  # noqa: E402
from pywikibot_oauth2.keyringstore import KeyringStore  # noqa: E402
from pywikibot_oauth2.redisstore import RedisStore  # noqa: E402
from pywikibot_oauth2.session import OAuth2Session  # noqa: E402
