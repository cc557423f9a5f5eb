"""The requests of bots: they wait and warn as Pywikibot itself does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pywikibot
from pywikibot import config
from pywikibot.logging import warning

from pywikibot_oauth2 import host, messages
from pywikibot_oauth2.account import Account, Policy
from pywikibot_oauth2.bearer import BearerAuth
from pywikibot_oauth2.errors import (
    ClientRefusedError,
    EndpointError,
    OAuth2Error,
)


if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import PreparedRequest, Response

    from pywikibot_oauth2.client import OAuth2Client
    from pywikibot_oauth2.stores import Store


# If a wiki asks to wait for longer than this, in seconds, there is no retry.
_PATIENCE = 600

# Something else uses the client if this many CSRF tokens are refused within
# this many seconds, although the access token is the same.
_BAD_TOKENS, _BAD_TOKENS_WITHIN = 3, 600


class BotPolicy(Policy):
    """Waits and reports to the bot owner as Pywikibot itself does."""

    def __init__(self, client: OAuth2Client, user: str) -> None:
        self._client = client
        self._user = user
        self._last_text = ''

    def trusts(self, wiki: str) -> bool:
        """Return whether authenticate names a wiki, and Pywikibot knows it.

        The host alone is not enough: others may have pages there.
        """
        entry = host.entry_for(wiki)
        return (
            getattr(entry, 'client', None) == self._client
            and host.known_site(wiki, anywhere=True) is not None
        )

    def warn(self, error: OAuth2Error, note: str = '') -> None:
        """Warn the bot owner, with advice."""
        text = messages.explain(error, self._client)
        self.say(f'{text}\n{note}'.rstrip())

    def say(self, text: str) -> None:
        """Print a warning, but not the same one twice in a row."""
        if text != self._last_text:
            self._last_text = text
            warning(text)

    def wait(self, error: OAuth2Error, attempt: int) -> bool:
        """Wait for as long as Pywikibot would for a request of its own."""
        asked = error.retry_after or 0
        if attempt >= config.max_retries or asked > _PATIENCE:
            return False
        delay = min(config.retry_wait * 2**attempt, config.retry_max)
        delay = max(delay, asked)
        self.say(
            f'{error}\nThe token of {self._user} could not be renewed.'
            f' Waiting {delay:.1f} seconds before retrying.'
        )
        pywikibot.sleep(delay)
        return True


class BotAuth(BearerAuth):
    """Sends Pywikibot's requests for one account.

    Without a token, requests are sent anyway, except changes by rest.php:
    changes by api.php carry assert=user, and the login manager runs first.
    """

    needs_token = False

    def __init__(
        self,
        client: OAuth2Client,
        store: Store,
        user: str,
        wiki: str,
        clock: Callable[[], float],
    ) -> None:
        self.policy = BotPolicy(client, user)
        super().__init__(
            Account(client, store, user, wiki, policy=self.policy, clock=clock)
        )
        self._explained: set[str] = set()
        self._bad_tokens: list[tuple[str | None, float]] = []

    def without_token(
        self, error: OAuth2Error | None, *, is_change: bool = False
    ) -> None:
        """Warn about what the bot owner can fix.

        :raises EndpointError: the wiki is in trouble
        :raises OAuth2Error: a change would be made anonymously
        """
        if is_change or isinstance(error, EndpointError):
            try:
                super().without_token(error)
            except OAuth2Error as reason:
                raise messages.advised(reason, self.account.client) from None
        if isinstance(error, ClientRefusedError):
            # The login manager, which runs before any edit, has the advice.
            self.policy.say(f'{error} Requests are sent without a token.')
        elif error is not None:
            self.policy.warn(error)

    def passed_on(self, response: Response) -> None:
        """Explain once what an error code of api.php means.

        :raises SystemExit: the wiki refuses "pwb login -logout";
            otherwise Pywikibot would end with a traceback
        """
        code = response.headers.get('MediaWiki-API-Error', '')
        if not code:
            return
        account, action = self.account, _action(response.request)
        if code == 'badtoken' and not self._is_disturbed(action):
            return
        text = messages.of_api_error(
            account.wiki, account.client, code, action
        )
        if text is not None and code not in self._explained:
            self._explained.add(code)
            self.policy.say(text)
        if code == 'cannotlogout' and host.is_running('login'):
            raise SystemExit(1)

    def _is_disturbed(self, action: str) -> bool:
        """Return whether CSRF tokens are refused repeatedly.

        A renewal by this or another process may cause one refusal or, in an
        upload, one for every chunk, because all chunks share a CSRF token.

        :param action: the action that was refused; '' for a chunk
        """
        if action in ('', 'upload'):
            return False
        header, now = self.account.state.header, self.account.clock()
        self._bad_tokens = [
            (sent, when)
            for sent, when in self._bad_tokens
            if sent == header and when > now - _BAD_TOKENS_WITHIN
        ]
        self._bad_tokens.append((header, now))
        return len(self._bad_tokens) >= _BAD_TOKENS


def _action(request: PreparedRequest) -> str:
    """Return the action of a request to api.php, or an empty string."""
    body = request.body
    if isinstance(body, bytes):
        body = body[:100_000].decode(errors='replace')
    text = body if isinstance(body, str) else ''
    query = f'{(request.url or "").partition("?")[2]}&{text}'
    match = re.search(r'(?:^|&)action=([a-z]+)', query)
    return match[1] if match else ''
