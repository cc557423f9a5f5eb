"""Everything that a user may import from the package."""

from pywikibot_oauth2.auth import OAuth2Auth
from pywikibot_oauth2.client import OAuth2Client
from pywikibot_oauth2.errors import (
    AuthorizationEndedError,
    AuthorizationError,
    ClientRefusedError,
    ConfigurationError,
    EndpointError,
    OAuth2Error,
    StoreError,
)
from pywikibot_oauth2.session import OAuth2Session
from pywikibot_oauth2.stores import Store
from pywikibot_oauth2.stores.file import FileStore
from pywikibot_oauth2.stores.keyring import KeyringStore
from pywikibot_oauth2.stores.redis import RedisStore


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
    'Store',
    'StoreError',
]
