"""Which requests the sandbox answers, and which MediaWiki."""

from __future__ import annotations

from tests.sandbox import Sandbox
from tests.sandbox.api import ApiError, Call, identify
from tests.sandbox.server import Response

from .server import MediaWiki, session_headers


# The authorization is checked here; the others belong to this connection.
NOT_PASSED_ON = (
    *('authorization', 'connection', 'content-length', 'expect', 'host'),
)


class RealWiki(Sandbox):
    """A sandbox that passes requests to api.php on to MediaWiki.

    It provides the endpoints and the dialog of OAuth 2.0 itself, and refuses
    dead tokens itself. `edits` and `pages` are not used; ``wiki.mediawiki``
    has the edits.
    """

    def __enter__(self):
        super().__enter__()
        users = self.accounts.users.values()
        accounts = [(u.name, u.password, u.groups) for u in users]
        accounts = [account for account in accounts if account[1]]
        self.mediawiki = MediaWiki(self.server, accounts)
        return self

    def close(self):
        super().close()
        self.mediawiki.close()

    def _handle(self, request):
        with self.lock:
            if request.path != '/api.php':
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
