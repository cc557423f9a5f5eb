"""Requests of commands to a wiki, apart from OAuth 2.0."""

from __future__ import annotations

import contextlib
from http.cookiejar import LWPCookieJar
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pywikibot
import requests
from pywikibot import config
from pywikibot.login import ClientLoginManager
from pywikibot.tools import as_filename

from pywikibot_oauth2 import errors, host
from pywikibot_oauth2.api import FORMAT, part
from pywikibot_oauth2.cli.answers import Answers, impossible
from pywikibot_oauth2.errors import printable


if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywikibot.site import BaseSite


class WikiSession(requests.Session):
    """A session on a wiki, with cookies that are not stored.

    The methods raise an AuthorizationError if the wiki refuses, and an
    EndpointError if it gives no usable answer.
    """

    def __init__(self, wiki: str, username: str = '') -> None:
        super().__init__()
        self._wiki = wiki
        self._username = username
        self._how = host.transport(wiki)._asdict()
        self.headers['User-Agent'] = self._how.pop('user_agent')
        self._is_ours = False

    def log_in(self, site: BaseSite, answers: Answers) -> None:
        """Log in with what Pywikibot has stored for a site, or ask."""
        if self._borrow():
            pywikibot.info("Using Pywikibot's stored login.")
            return
        question = f'Password of {self._username} (not shown):'
        password = self._stored_password(site)
        fields = {
            'username': self._username,
            'password': password or answers.hidden(question),
            'loginreturnurl': f'{self._wiki}/api.php',
        }
        while True:
            token = self._token('login')
            answer = self.api(action='clientlogin', logintoken=token, **fields)
            answer = part(answer, 'clientlogin')
            status, why = answer.get('status'), answer.get('messagecode')
            if status == 'PASS':
                self._is_ours = True
                return
            words = printable(answer.get('message') or status)
            if status == 'UI' and (questions := _questions(answer)):
                # A second factor, or a code that was e-mailed.
                fields = {
                    name: answers.hidden(f'{words} {printable(label)}')
                    for name, label in questions.items()
                }
                fields['logincontinue'] = '1'
            elif why == 'wrongpassword' and (
                # The first line may be for a wrong stored password.
                password or '-stdin' not in answers.options
            ):
                pywikibot.warning(words)
                password, fields['password'] = None, answers.hidden(question)
            else:
                break
        raise errors.AuthorizationError(
            f'{self._wiki} did not log {self._username} in: {words}',
            error='password',
        )

    def _stored_password(self, site: BaseSite) -> str | None:
        """Return the password that Pywikibot has stored, if any."""
        try:
            known = ClientLoginManager(site=site, user=self._username)
        except (OSError, ValueError):
            # The error may quote a line with a password.
            raise impossible(
                'Pywikibot cannot read the file that password_file names in'
                ' user-config.py. Correct the file, or remove that line.'
            ) from None
        return known.password if '@' not in known.login_name else None

    def _borrow(self) -> bool:
        """Use the cookies of Pywikibot's login; return whether they work."""
        name = f'pywikibot-{as_filename(self._username)}.lwp'
        jar = LWPCookieJar(config.datafilepath(name))
        with contextlib.suppress(OSError):
            jar.load(ignore_discard=True)
        self.cookies.update(jar)
        info = self.userinfo() if jar else {}
        # A login with a bot password does not show the e-mail address.
        if info.get('name') == self._username and 'email' in info:
            return True
        self.cookies.clear()
        return False

    def userinfo(self) -> Mapping[str, object]:
        """Return information about the account, with its e-mail address."""
        answer = self.api(action='query', meta='userinfo', uiprop='email')
        return part(answer, 'query', 'userinfo')

    def api(self, **fields: str) -> dict[str, object]:
        """Return the answer of api.php."""
        answer = self._post('api.php', data={**fields, **FORMAT})
        error = part(answer, 'error')
        if error:
            raise self._refused(error.get('code'), error.get('info'))
        return answer

    def rest(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Post a JSON object to ``rest.php/oauth2/client``."""
        # No CSRF token is needed (recorded).
        answer = self._post(f'rest.php/oauth2/client{path}', json=body)
        if 'client_key' not in answer:
            message = answer.get('message')
            raise self._refused(
                answer.get('errorKey') or answer.get('error') or message,
                part(answer, 'messageTranslations').get('en') or message,
            )
        return answer

    def close(self) -> None:
        """Log out, if this object has logged in."""
        if self._is_ours:
            with contextlib.suppress(errors.OAuth2Error):
                self.api(action='logout', token=self._token('csrf'))
        super().close()

    def _token(self, kind: str) -> str:
        answer = self.api(action='query', meta='tokens', type=kind)
        return str(part(answer, 'query', 'tokens').get(f'{kind}token'))

    def _post(
        self, path: str, **content: Mapping[str, object]
    ) -> dict[str, object]:
        """Post fields or a JSON object, and return the JSON answer."""
        url = f'{self._wiki}/{path}'
        how = {**self._how, **content}
        try:
            response = self.post(url, allow_redirects=False, **how)
            answer = None if response.is_redirect else response.json()
        except (OSError, ValueError) as error:
            # These include the errors of requests, and a missing file of
            # certificates.
            raise errors.EndpointError(
                f'{self._wiki} gave no usable answer'
                f' ({type(error).__name__}).',
                error='no_answer',
            ) from None
        if response.is_redirect:
            location = response.headers['location']
            raise errors.EndpointError(
                f'{url} redirects to {printable(location)}',
                error='redirect',
                hint=urljoin(url, location),
            )
        return part(answer)

    def _refused(self, code: object, words: object) -> errors.OAuth2Error:
        is_url = code == 'invalid_callback_url'
        return errors.AuthorizationError(
            f'{self._wiki} refused: {printable(words or code)}',
            error='bad_callback_url' if is_url else 'refused',
            hint=printable(code),
        )


def _questions(answer: Mapping[str, object]) -> dict[str, str]:
    """Return the fields that a login asks for, with their labels."""
    asked = answer.get('requests')
    fields: dict[str, object] = {}
    for request in asked if isinstance(asked, list) else ():
        fields |= part(request, 'fields')
    return {
        name: str(part(fields, name).get('label') or name)
        for name in fields
        if part(fields, name).get('type') in ('string', 'password')
    }


def extension_version(wiki: str) -> str:
    """Return the version of Extension:OAuth; '?' if the wiki is private."""
    with WikiSession(wiki) as session:
        try:
            answer = session.api(
                action='query', meta='siteinfo', siprop='extensions'
            )
        except errors.AuthorizationError as error:
            if error.hint == 'readapidenied':
                return '?'
            answer = {}
    extensions = part(answer, 'query').get('extensions')
    if not isinstance(extensions, list):
        raise errors.EndpointError(
            f'{wiki} did not say which extensions it has.', error='no_answer'
        )
    for entry in map(part, extensions):
        if entry.get('name') == 'OAuth':
            return printable(entry.get('version') or '?')
    raise impossible(f'{wiki} does not have Extension:OAuth.')
