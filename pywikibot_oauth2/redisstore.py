#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""A Redis server as the store, for bots on several machines."""
from __future__ import annotations

import contextlib
import json
import secrets
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pywikibot_oauth2.errors import StoreError
from pywikibot_oauth2.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import redis


# Seconds that the server has for an answer.
_TIMEOUT = 5.0

# Stores a session if the caller still holds the lock. Redis runs a script
# as a whole, so nobody else can take the lock in between.
_SAVE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2])
return 1
"""


class RedisStore(Store):
    """Keeps sessions in a Redis server; needs the extra "redis".

    The lock expires by itself, so that a holder that died blocks nobody.
    One that slept for longer than that has lost it, and can neither
    release another holder's lock nor store anything.

    The server must be one that nobody else can read.

    :param url: the address of the server, such as
        redis://:password@127.0.0.1:6379/0, or rediss://… for TLS
    :param prefix: what the names of all keys begin with
    :param lock_timeout: seconds after which the lock expires; has to be
        more than a token request takes
    """

    def __init__(self, url: str, *, prefix: str = 'pywikibot-oauth2:',
                 lock_timeout: float = 120) -> None:
        self._url = url
        self._prefix = prefix
        self._lock_timeout = lock_timeout
        self._client: redis.Redis | None = None
        self._held = threading.local()

    def where(self, account: str) -> str:
        """Return the key and the server, for messages."""
        return f'{self._server()}, keys {self._prefix}{account}:*'

    def load(self, account: str,
             client_id: str) -> Mapping[str, object] | None:
        """Return a stored session, or None; see :meth:`Store.load`."""
        with self._errors():
            content = self._redis().get(self._key(account, client_id))
        if content is None:
            return None
        assert isinstance(content, bytes)
        try:
            session = json.loads(content)
        except (ValueError, RecursionError):
            session = None
        if not isinstance(session, dict):
            raise StoreError(
                f'{self._key(account, client_id)} on {self._server()} is no'
                ' token; it was left as it is.')
        return session

    def save(self, account: str, client_id: str,
             session: Mapping[str, object]) -> None:
        """Store a session; see :meth:`Store.save`."""
        key = self._key(account, client_id)
        with self._errors():
            saved = self._redis().eval(
                _SAVE, 2, f'{key}:lock', key, getattr(self._held, key, ''),
                json.dumps(session))
        if not saved:
            raise StoreError(
                f'The lock of {key} on {self._server()} was lost: this'
                f' process slept for more than {self._lock_timeout:g}'
                ' seconds.')

    @contextlib.contextmanager
    def lock(self, account: str, client_id: str) -> Iterator[None]:
        """Keep all others away; see :meth:`Store.lock`."""
        key = self._key(account, client_id)
        token = secrets.token_hex(16)
        with self._errors():
            from redis.exceptions import LockError

            lock = self._redis().lock(
                f'{key}:lock', timeout=self._lock_timeout, sleep=0.01,
                blocking_timeout=2 * self._lock_timeout)
            if not lock.acquire(token=token):
                raise StoreError(
                    f'The lock {key}:lock on {self._server()} was never free'
                    f' for {2 * self._lock_timeout:g} seconds.')
        setattr(self._held, key, token)
        try:
            yield
        finally:
            delattr(self._held, key)
            # It may have expired, or the server may be gone: in both cases
            # there is nothing left to release.
            with contextlib.suppress(LockError, StoreError), self._errors():
                lock.release()

    def _key(self, account: str, client_id: str) -> str:
        return f'{self._prefix}{account}:{client_id}'

    def _server(self) -> str:
        """Return the address without what may be of a password.

        A password with a slash that is not written %2F seems to be a part
        of the host, the port or the path.
        """
        try:
            parts = urlsplit(self._url)
            is_whole = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole:
            return 'the Redis server'
        path = parts.path if parts.path[1:].isdigit() else ''
        return f'{parts.scheme}://{parts.netloc.rpartition("@")[2]}{path}'

    def _redis(self) -> redis.Redis:
        if self._client is None:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            try:
                # All threads wait meanwhile. Once more, for a connection
                # that was idle may have been closed.
                self._client = redis.Redis.from_url(
                    self._url, socket_timeout=_TIMEOUT,
                    retry=Retry(NoBackoff(), 1))
            except ValueError:
                # Its message may hold the password.
                raise StoreError(
                    'The URL of RedisStore in user-config.py is no address'
                    ' of a Redis server. It has to look like redis://'
                    ':password@127.0.0.1:6379/0, where %2F stands for a'
                    ' slash in the password.') from None
        return self._client

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate what can go wrong with the server."""
        try:
            from redis.exceptions import LockError, RedisError
        except ImportError:
            raise StoreError(
                'The token is to be kept in Redis, but the package redis is'
                ' missing. Run:\n'
                "  pip install 'pywikibot-oauth2[redis]'") from None
        try:
            yield
        except LockError:
            raise
        except RedisError as error:
            raise StoreError(f'{self._server()} cannot be used:'
                             f' {error}') from None

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._server()!r})'
