"""Requests of commands to a wiki, apart from OAuth 2.0."""

from __future__ import annotations

import contextlib
from http.cookiejar import LoadError, LWPCookieJar
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests
from pywikibot import config
from pywikibot.tools import as_filename

from pywikibot_oauth2 import host
from pywikibot_oauth2.api import FORMAT, part
from pywikibot_oauth2.errors import (
    AuthorizationError,
    EndpointError,
    printable,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class WikiSession(requests.Session):
    """A session on a wiki, with cookies that are not stored.

    :param wiki: the address of the wiki's script folder
    :param username: the account to log in, if any
    """

    def __init__(self, wiki: str, username: str = '') -> None:
        super().__init__()
        self._wiki = wiki
        self._username = username
        self._how = host.transport(wiki)._asdict()
        self.headers['User-Agent'] = self._how.pop('user_agent')
        self._is_ours = False

    def borrow(self) -> bool:
        """Use the cookies of a login that Pywikibot has stored, if any.

        :return: whether the wiki accepts them
        """
        name = f'pywikibot-{as_filename(self._username)}.lwp'
        jar = LWPCookieJar(config.datafilepath(name))
        with contextlib.suppress(OSError, LoadError):
            jar.load(ignore_discard=True)
        self.cookies.update(jar)
        if jar and self.userinfo().get('name') == self._username:
            return True
        self.cookies.clear()
        return False

    def log_in(self, password: str, ask: Callable[[str], str]) -> None:
        """Log in, and answer the questions of the wiki.

        :param ask: asks for a second factor or an e-mailed code, hidden
        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        fields = {
            'username': self._username,
            'password': password,
            'loginreturnurl': f'{self._wiki}/api.php',
        }
        for _ in range(5):
            token = self._token('login')
            answer = self.api(action='clientlogin', logintoken=token, **fields)
            answer = part(answer, 'clientlogin')
            if answer.get('status') == 'PASS':
                self._is_ours = True
                return
            if answer.get('status') != 'UI':
                break
            words = printable(answer.get('message') or '')
            fields = {
                name: ask(f'{words} {printable(label)}'.strip())
                for name, label in _questions(answer).items()
            }
            fields['logincontinue'] = '1'
        raise AuthorizationError(
            f'{self._wiki} did not log {self._username} in:'
            f' {printable(answer.get("message") or answer.get("status"))}',
            wiki=self._wiki,
            account=self._username,
            error='password',
        )

    def userinfo(self) -> Mapping[str, object]:
        """Return information about the account, with its e-mail address."""
        answer = self.api(action='query', meta='userinfo', uiprop='email')
        return part(answer, 'query', 'userinfo')

    def ask(self, **fields: str) -> dict[str, object]:
        """Return the answer of api.php, which may be an error.

        :raises EndpointError: the wiki gave no usable answer
        """
        return self.call('api.php', data={**fields, **FORMAT})

    def api(self, **fields: str) -> dict[str, object]:
        """Return the answer of api.php.

        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        answer = self.ask(**fields)
        error = part(answer, 'error')
        if error:
            raise self._refused(error.get('code'), error.get('info'))
        return answer

    def rest(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Post a JSON object to ``rest.php/oauth2/client``.

        The endpoint needs no CSRF token (recorded).

        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        answer = self.call(f'rest.php/oauth2/client{path}', json=body)
        if 'client_key' not in answer:
            message = answer.get('message')
            raise self._refused(
                answer.get('errorKey') or answer.get('error') or message,
                part(answer, 'messageTranslations').get('en') or message,
            )
        return answer

    def call(
        self,
        path: str,
        data: dict[str, str] | None = None,
        json: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """Post fields or a JSON object, and return the JSON answer.

        :raises EndpointError: the wiki gave no usable answer
        """
        url = f'{self._wiki}/{path}'
        try:
            response = self.post(
                url, data=data, json=json, allow_redirects=False, **self._how
            )
            if response.is_redirect:
                raise self._redirected(url, response.headers['location'])
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise EndpointError(
                f'{self._wiki} gave no usable answer'
                f' ({type(error).__name__}).',
                wiki=self._wiki,
                error='no_answer',
            ) from None
        return part(answer)

    def close(self) -> None:
        """Log out, if this object has logged in."""
        if self._is_ours:
            with contextlib.suppress(AuthorizationError, EndpointError):
                self.api(action='logout', token=self._token('csrf'))
        super().close()

    def _token(self, kind: str) -> str:
        answer = self.api(action='query', meta='tokens', type=kind)
        return str(part(answer, 'query', 'tokens').get(f'{kind}token'))

    def _redirected(self, url: str, location: str) -> EndpointError:
        return EndpointError(
            f'{url} redirects to {printable(location)}',
            wiki=self._wiki,
            error='redirect',
            hint=urljoin(url, location),
        )

    def _refused(self, code: object, words: object) -> AuthorizationError:
        is_callback_url = code == 'invalid_callback_url'
        return AuthorizationError(
            f'{self._wiki} refused: {printable(words or code)}',
            wiki=self._wiki,
            account=self._username,
            error='bad_callback_url' if is_callback_url else 'refused',
            hint=printable(code),
        )


def _questions(answer: Mapping[str, object]) -> dict[str, str]:
    """Return the fields that a login asks for, with their labels."""
    found: dict[str, str] = {}
    asked = answer.get('requests')
    for request in asked if isinstance(asked, list) else ():
        fields = part(request, 'fields')
        for name in fields:
            field = part(fields, name)
            if field.get('type') in ('string', 'password'):
                found[name] = str(field.get('label') or name)
    return found
