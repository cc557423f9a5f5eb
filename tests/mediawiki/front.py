"""Which requests the sandbox answers, and which MediaWiki."""

from __future__ import annotations

from tests.sandbox import Sandbox
from tests.sandbox.api import ApiError, Call, identify
from tests.sandbox.server import Response

from .server import MediaWiki, session_headers


# The authorization is checked here, the rest is of this connection.
NOT_PASSED_ON = (
    *('authorization', 'connection', 'content-length', 'expect', 'host'),
)


class RealWiki(Sandbox):
    """A sandbox that passes on to MediaWiki what it is not there for.

    Its own are the endpoints and the dialog of OAuth 2.0, and refusing
    tokens that are dead. `edits` and `pages` are not used: what was done,
    ``wiki.mediawiki`` tells.
    """

    mediawiki = None

    def __enter__(self):
        super().__enter__()
        users = self.accounts.users.values()
        accounts = [(u.name, u.password, u.groups) for u in users]
        accounts = [account for account in accounts if account[1]]
        mediawiki = MediaWiki(self.server, accounts)
        try:
            self.mediawiki = mediawiki.__enter__()
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        super().close()
        if self.mediawiki is not None:
            self.mediawiki.close()

    def add_user(self, name, password=None, groups=()):
        """Create an account on both sides."""
        super().add_user(name, password, groups)
        if self.mediawiki is not None:
            self.mediawiki.add_account(name, self.password(name), groups)

    def _handle(self, request):
        with self.lock:
            if not self._is_for_mediawiki(request):
                return super()._handle(request)
            call = Call(self, request)
            try:
                identify(call)
            except ApiError:
                # The token is dead, and the sandbox says so.
                return super()._handle(request)
        caller, token = call.caller, request.bearer
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in NOT_PASSED_ON
        }
        if token is not None and caller.user is not None:
            session = caller.user.name, token, caller.grants, caller.tags
            headers.update(session_headers(*session))
        status, fields, body = self.mediawiki.send(
            request.method, request.target, request.body, headers
        )
        request.error = dict(fields).get('MediaWiki-API-Error')
        return Response(status, body, fields)

    def _is_for_mediawiki(self, request):
        path = request.path[len(self.path) :]
        title = request.query.get('title', '')
        if path.startswith('/index.php'):
            is_ours = title.startswith(('Special:UserLogin', 'Special:OAuth'))
            return request.bearer is None and not is_ours
        return not path.startswith('/rest.php/oauth2/')
