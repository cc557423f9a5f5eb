"""A short login by password, to register a client on a wiki."""

from __future__ import annotations

import contextlib
from http.cookiejar import LoadError, LWPCookieJar
from typing import TYPE_CHECKING

import requests
from pywikibot import config
from pywikibot.tools import as_filename

from pywikibot_oauth2 import host
from pywikibot_oauth2.errors import (
    AuthorizationError,
    EndpointError,
    printable,
)


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self


class PasswordSession:
    """A session of an account on a wiki, by cookies.

    It is not stored; :meth:`close` logs out.

    :param wiki: the address of the wiki's script folder
    :param username: the account
    """

    def __init__(self, wiki: str, username: str) -> None:
        self._wiki = wiki
        self._username = username
        self._how = host.transport(wiki)
        self._session = requests.Session()
        self._session.headers['User-Agent'] = self._how.user_agent
        self._is_ours = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def borrow(self) -> bool:
        """Use the cookies of a login that Pywikibot has stored, if any.

        :return: whether the wiki accepts them
        """
        name = f'pywikibot-{as_filename(self._username)}.lwp'
        jar = LWPCookieJar(config.datafilepath(name))
        with contextlib.suppress(OSError, LoadError):
            jar.load(ignore_discard=True)
        self._session.cookies.update(jar)
        if jar and self.userinfo().get('name') == self._username:
            return True
        self._session.cookies.clear()
        return False

    def log_in(self, password: str, ask: Callable[[str], str]) -> None:
        """Log in, and answer whatever else the wiki asks for.

        :param password: the password
        :param ask: asks for a second factor or an e-mailed code, hidden
        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        fields = {'username': self._username, 'password': password}
        more = {'loginreturnurl': f'{self._wiki}/api.php'}
        for _ in range(5):
            answer = self._clientlogin({**fields, **more})
            status = answer.get('status')
            if status == 'PASS':
                self._is_ours = True
                return
            if status != 'UI':
                break
            words = printable(answer.get('message') or '')
            fields = {
                name: ask(f'{words} {printable(label)}'.strip())
                for name, label in _questions(answer).items()
            }
            more = {'logincontinue': '1'}
        raise AuthorizationError(
            f'{self._wiki} did not log {self._username} in:'
            f' {printable(answer.get("message") or answer.get("status"))}',
            wiki=self._wiki,
            account=self._username,
            error='password',
        )

    def _clientlogin(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        tokens = self.api('POST', action='query', meta='tokens', type='login')
        query = tokens.get('query')
        assert isinstance(query, dict)
        answer = self.api(
            'POST',
            action='clientlogin',
            logintoken=query['tokens']['logintoken'],
            **fields,
        ).get('clientlogin')
        return answer if isinstance(answer, dict) else {}

    def userinfo(self) -> Mapping[str, object]:
        """Return what the wiki says about the account, with its e-mail."""
        answer = self.api(
            'POST', action='query', meta='userinfo', uiprop='email|rights'
        )
        query = answer.get('query')
        info = query.get('userinfo') if isinstance(query, dict) else None
        return info if isinstance(info, dict) else {}

    def api(self, method: str, **fields: str) -> Mapping[str, object]:
        """Call api.php.

        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        data = {**fields, 'format': 'json', 'formatversion': '2'}
        answer = self._call(method, 'api.php', data=data)
        error = answer.get('error')
        if isinstance(error, dict):
            raise self._refused(str(error.get('code')), error.get('info'))
        return answer

    def rest(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Post a JSON object to ``rest.php/oauth2/client``.

        The endpoint needs no CSRF token (recorded).

        :raises AuthorizationError: the wiki refuses
        :raises EndpointError: the wiki gave no usable answer
        """
        answer = self._call('POST', f'rest.php/oauth2/client{path}', json=body)
        code = answer.get('errorKey') or answer.get('error')
        if 'client_key' not in answer:
            texts = answer.get('messageTranslations')
            words = texts.get('en') if isinstance(texts, dict) else None
            message = answer.get('message')
            raise self._refused(str(code or message), words or message)
        return dict(answer)

    def _call(
        self, method: str, path: str, **content: object
    ) -> Mapping[str, object]:
        try:
            response = self._session.request(
                method,
                f'{self._wiki}/{path}',
                timeout=self._how.timeout,
                verify=self._how.verify,
                cert=self._how.cert,
                proxies=self._how.proxies,
                allow_redirects=False,
                **content,  # type: ignore[arg-type] # passed on
            )
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            raise EndpointError(
                f'{self._wiki} gave no usable answer'
                f' ({type(error).__name__}).',
                wiki=self._wiki,
            ) from None
        return answer if isinstance(answer, dict) else {}

    def _refused(self, code: str, words: object) -> AuthorizationError:
        return AuthorizationError(
            f'{self._wiki} refused: {printable(words or code)}',
            wiki=self._wiki,
            account=self._username,
            error=printable(code),
        )

    def close(self) -> None:
        """Log out, if this object has logged in."""
        if self._is_ours:
            with contextlib.suppress(AuthorizationError, EndpointError):
                tokens = self.api('POST', action='query', meta='tokens')
                query = tokens.get('query')
                if isinstance(query, dict):
                    self.api(
                        'POST',
                        action='logout',
                        token=query['tokens']['csrftoken'],
                    )
        self._session.close()


def _questions(answer: Mapping[str, object]) -> dict[str, str]:
    """Return the fields that a login asks for, with their labels."""
    found: dict[str, str] = {}
    requests_ = answer.get('requests')
    for request in requests_ if isinstance(requests_, list) else ():
        fields = request.get('fields') if isinstance(request, dict) else None
        for name, field in (fields or {}).items():
            if isinstance(field, dict) and field.get('type') in (
                'string',
                'password',
            ):
                found[name] = str(field.get('label') or name)
    return found
