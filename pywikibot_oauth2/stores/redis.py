"""A store in a Redis server, for bots on several machines."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from pywikibot_oauth2.errors import StoreError, printable
from pywikibot_oauth2.stores import Data, Save, Store
from pywikibot_oauth2.stores.file import parse


if TYPE_CHECKING:
    import redis

_T = TypeVar('_T')

# Seconds to wait for an answer. All threads of a bot wait meanwhile.
_TIMEOUT = 5.0
# Seconds between two attempts to take a lock that someone else holds.
_POLL = 0.01
# Scheme; user and password; host, port and database, or a path; options. A
# password with a slash that is not written as %2F looks like a part of the
# host, the port or the path, which may be shown; an @ after that gives it
# away.
_URL = (
    r'(\w+://)(?:[^/?#]*@)?'
    r'((?:\[[^@/?#]+\]|[^@:/?#]*)(?::\d+)?(?:/\d*)?|/[^@?#]*)(?:\?[^@]*)?'
)
# If the caller still holds the lock, this stores the authorization, if one is
# given. Redis runs a script as a whole, so nobody else can take the lock in
# between.
_SAVE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] then redis.call('set', KEYS[2], ARGV[2]) end
return 1
"""


class RedisStore(Store):
    """Keeps authorizations in a Redis server; requires the extra "redis".

    The lock expires, so a holder that fails does not block the others. A
    holder that sleeps for longer loses the lock: it can neither release the
    lock of another holder nor store anything.

    Nobody else may have access to the server.

    :param url: the address of the server, such as
        redis://:password@127.0.0.1:6379/0, or rediss://… for TLS
    :param prefix: the prefix of the names of all keys
    :param lock_timeout: seconds after which the lock expires; this must be
        longer than a token request takes
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = 'pywikibot-oauth2:',
        lock_timeout: float = 120,
    ) -> None:
        # A URL from the environment may be None. The traceback of a TypeError
        # would show the line of user-config.py with the client secret.
        match = re.fullmatch(_URL, str(url))
        self._url = url if match else ''
        # The address without any part of the password.
        self._server = match[1] + match[2] if match else 'the Redis server'
        self._prefix = prefix
        self._lock_timeout = lock_timeout
        # redis-py reconnects after a fork.
        self._connected: redis.Redis | None = None
        self._mark = secrets.token_hex(16)

    def where(self, account: str) -> str:
        """Return the server and its keys; see :meth:`Store.where`."""
        return f'{self._server}, keys {self._prefix}{account}:*'

    def load(self, account: str, client_id: str) -> Data | None:
        """Return a stored authorization; see :meth:`Store.load`."""
        key = self._key(account, client_id)
        place = f'{key} on {self._server}'
        return parse(self._ask(lambda client: client.get(key)), place)

    def save(self, account: str, client_id: str, authorization: Data) -> None:
        """Store an authorization; see :meth:`Store.save`."""
        self._run(account, client_id, json.dumps(authorization))

    def reserve(self, account: str, client_id: str) -> Save:
        """Check that the script may run; see :meth:`Store.reserve`."""
        self._run(account, client_id)
        return super().reserve(account, client_id)

    def _run(self, account: str, client_id: str, *content: str) -> None:
        """Run the script that stores an authorization, or nothing."""
        key = self._key(account, client_id)
        values = f'{key}:lock', key, self._token(), *content
        if not self._ask(lambda client: client.eval(_SAVE, 2, *values)):
            raise self._error(
                'lock_lost',
                f'The lock of {key} on {self._server} is not held: it'
                f' expires after {self._lock_timeout:g} seconds.',
            )

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:
        """Exclude all others; see :meth:`Store.lock`."""
        name = f'{self._key(account, client_id)}:lock'
        patience = 2 * self._lock_timeout
        lock = self._ask(
            lambda client: client.lock(
                name, self._lock_timeout, _POLL, blocking_timeout=patience
            )
        )
        if not self._ask(lambda _: lock.acquire(token=self._token())):
            raise self._error(
                'lock_busy',
                f'The lock {name} on {self._server} did not become free'
                f' within {patience:g} seconds.',
            )
        try:
            yield
        finally:
            # If it has expired or the server is gone, there is nothing to
            # release.
            with contextlib.suppress(StoreError):
                self._ask(lambda _: lock.release())

    def _token(self) -> str:
        """Return the mark of all locks that this thread takes."""
        return f'{self._mark} {os.getpid()} {threading.get_ident()}'

    def _key(self, account: str, client_id: str) -> str:
        return f'{self._prefix}{account}:{client_id}'

    def _ask(self, question: Callable[[redis.Redis], _T]) -> _T:
        """Return an answer, and turn errors of the client into a StoreError.

        Neither the error nor its context holds the password or what is
        stored.
        """
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise StoreError(
                'The package redis is not installed.',
                error='missing_package',
                hint='redis',
            ) from None
        # A ValueError may hold the password or a token. An option that does
        # not exist is a TypeError.
        with contextlib.suppress(ValueError, TypeError, LookupError):
            try:
                if self._connected is None:
                    self._connected = redis.Redis.from_url(
                        self._url,
                        socket_timeout=_TIMEOUT,
                        # An idle connection may have been closed.
                        retry=Retry(NoBackoff(), 1),
                    )
                return question(self._connected)
            except redis.RedisError as error:
                # Redis repeats the arguments of an unknown command.
                reason = printable(str(error).partition(', with args')[0])
                message = f'{self._server} cannot be used: {reason}'
                raise self._error('unreachable', message) from None
        raise self._error(
            'bad_url',
            'The URL of RedisStore is not the address of a Redis server, such'
            ' as redis://:password@127.0.0.1:6379/0. A slash in the password'
            ' must be written as %2F.',
        )

    def _error(self, code: str, message: str) -> StoreError:
        return StoreError(message, error=code, hint=self._server)
