#
# (C) pywikibot-oauth2 authors, 2026
#
# Distributed under the terms of the MIT license.
#
"""Requests under OAuth 1.0a, to compare with."""

from __future__ import annotations

import secrets

from oauthlib.oauth1 import RequestValidator, ResourceEndpoint


class OAuth1(RequestValidator):
    """Owner-only consumers of OAuth 1.0a, and the check of signatures."""

    enforce_ssl = False
    dummy_client = dummy_access_token = 'nobody'
    grants = ('basic', 'highvolume', 'editpage', 'createeditmovepage')

    def __init__(self, wiki):
        super().__init__()
        self._wiki = wiki
        self._tokens = {}
        self._secrets = {}
        self._nonces = set()
        self._endpoint = ResourceEndpoint(self)

    def register(self, user='Bot'):
        """Return what user-config.py takes for a consumer of a user."""
        consumer, token = secrets.token_hex(14), secrets.token_hex(14)
        self._secrets.update(
            {key: secrets.token_hex(20) for key in (consumer, token)}
        )
        self._tokens[token] = consumer, self._wiki.accounts.users[user]
        return consumer, self._secrets[consumer], token, self._secrets[token]

    def caller(self, request):
        """Return the user of a signed request, and its token."""
        header = request.headers.get('authorization', '')
        if not header.startswith('OAuth '):
            return None
        valid, signed = self._endpoint.validate_protected_resource_request(
            self._wiki.server + request.target,
            request.method,
            request.body.decode('latin-1'),
            {
                'Authorization': header,
                'Content-Type': request.headers.get('content-type', ''),
            },
        )
        if not valid:
            return None
        token = signed.resource_owner_key
        return self._tokens[token][1], token

    # What oauthlib asks

    def validate_client_key(self, client_key, request):
        return client_key in self._secrets

    def validate_access_token(self, client_key, token, request):
        return self._tokens.get(token, [None])[0] == client_key

    def validate_realms(
        self, client_key, token, request, uri=None, realms=None
    ):
        return True

    def validate_timestamp_and_nonce(
        self,
        client_key,
        timestamp,
        nonce,
        request,
        request_token=None,
        access_token=None,
    ):
        seen = (client_key, timestamp, nonce) in self._nonces
        self._nonces.add((client_key, timestamp, nonce))
        return not seen

    def get_client_secret(self, client_key, request):
        return self._secrets.get(client_key, '')

    def get_access_token_secret(self, client_key, token, request):
        return self._secrets.get(token, '')
