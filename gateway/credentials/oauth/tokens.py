"""The client of token endpoints (RFC 6749, sections 3.2 and 5; RFC 7009). Nothing secret stands in what it raises.

A token request may spend what works only once: a code, a refresh token. So it is sent again only where the platform has
certainly not worked on it (see gateway.outbound.retries, which asks `Request.idempotent`).
"""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlencode

import orjson

from gateway.credentials.oauth.answers import TokenRefused, Tokens, read
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.provider import Provider
from gateway.errors import InvalidRequest
from gateway.outbound.messages import Request, Response, Sender

__all__ = ["TokenClient", "TokenRefused", "Tokens"]

# Seconds, for everything together.
TOKEN_SECONDS = 20.0
REVOKE_SECONDS = 5.0
# Of an answer: a token of a few KB, and an id token with it.
MAX_ANSWER = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Form:
    """A request in the making. `secrets` are blotted out of whatever the platform says about it."""

    fields: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


class TokenClient:
    """Asks token endpoints through `outbound`; `clock` gives seconds since the epoch.

    Every method raises TokenRefused where the platform names an OAuth error, UpstreamError, UpstreamTimeout or
    Unavailable where it cannot be asked or answers something else, and InvalidRequest where the document names no
    such endpoint.
    """

    def __init__(self, outbound: Sender, clock: Callable[[], float] = time.time) -> None:
        self._outbound = outbound
        self._clock = clock

    async def exchange(
        self,
        provider: Provider,
        registration: Registration,
        *,
        code: str,
        redirect_uri: str,
        verifier: str | None = None,
    ) -> Tokens:
        """Tokens for an authorization code (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier is not None:
            fields["code_verifier"] = verifier
        return await self._ask(provider, registration, provider.token_url, fields, (code, verifier or ""))

    async def refresh(self, provider: Provider, registration: Registration, refresh_token: str) -> Tokens:
        """New tokens for a refresh token (RFC 6749, section 6). Without a new refresh token, the old one goes on."""
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self._ask(provider, registration, provider.refresh_url or provider.token_url, fields, ())

    async def client_credentials(
        self, provider: Provider, registration: Registration, scopes: Sequence[str] = ()
    ) -> Tokens:
        """A token for the client itself (RFC 6749, section 4.4)."""
        fields = {"grant_type": "client_credentials"}
        if scopes:
            fields["scope"] = (provider.scope_separator or " ").join(scopes)
        return await self._ask(provider, registration, provider.token_url, fields, ())

    async def revoke(
        self, provider: Provider, registration: Registration, token: str, hint: str = "refresh_token"
    ) -> None:
        """Make a token void (RFC 7009, section 2.1), an access token where `revocation_request` is `bearer`."""
        if not provider.revocation_url:
            raise InvalidRequest("The platform has no address where a token is made void")
        if provider.revocation_request == "bearer":
            form = _Form({}, {"Authorization": f"Bearer {token}"}, (token,))
        else:
            form = _form(provider, registration, {"token": token, "token_type_hint": hint})
        request = _request(provider, registration, provider.revocation_url, form, REVOKE_SECONDS)
        response = await self._outbound.send(request)
        # Nothing of a good answer counts (RFC 7009, section 2.2), but some platforms refuse with 200.
        if response.status != 200 or response.body.strip():
            read(response, form.secrets, self._clock(), user_token_field=None, needs_token=False)

    async def _ask(
        self,
        provider: Provider,
        registration: Registration,
        url: str | None,
        fields: dict[str, str],
        secrets: tuple[str, ...],
    ) -> Tokens:
        if not url:
            raise InvalidRequest("The platform has no address where tokens are given out")
        form = _form(provider, registration, fields)
        response: Response = await self._outbound.send(_request(provider, registration, url, form, TOKEN_SECONDS))
        tokens = read(response, (*form.secrets, *secrets), self._clock(), user_token_field=provider.user_token_field)
        assert tokens is not None
        return tokens


def _form(provider: Provider, registration: Registration, fields: dict[str, str]) -> _Form:
    """The fields with the client's own proof (RFC 6749, section 2.3.1), or its id alone where it has no secret."""
    headers = {"Accept": "application/json", **provider.token_request_headers}
    secrets = [fields[name] for name in ("code", "code_verifier", "refresh_token", "token") if name in fields]
    method = registration.token_endpoint_auth_method or provider.token_endpoint_auth_method or "client_secret_basic"
    if registration.client_secret is None or method == "none":
        fields = {**fields, "client_id": registration.client_id}
    elif method == "client_secret_basic":
        # The id and the secret are form-encoded before they are joined, so that a colon in them does no harm.
        pair = f"{quote_plus(registration.client_id)}:{quote_plus(registration.client_secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        secrets += [registration.client_secret, quote_plus(registration.client_secret), headers["Authorization"][6:]]
    else:
        fields = {**fields, "client_id": registration.client_id, "client_secret": registration.client_secret}
        secrets.append(registration.client_secret)
    return _Form(fields, headers, tuple(secrets))


def _request(provider: Provider, registration: Registration, url: str, form: _Form, seconds: float) -> Request:
    headers: dict[str, str] = dict(form.headers)
    body: bytes | None = None
    if not form.fields:
        # The header says it all, and a platform that reads it so refuses a body, or the type of one.
        pass
    elif provider.token_request_format == "json":  # noqa: S105 (a format)
        headers["Content-Type"], body = "application/json", orjson.dumps(form.fields)
    else:
        headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form.fields).encode()
    return Request(
        method="POST",
        url=url,
        headers=headers,
        body=body,
        timeout=seconds,
        credential_headers=frozenset({"authorization"}),
        # Said, whatever the method would mean: a second one spends the code or the token twice.
        idempotent=False,
        max_bytes=MAX_ANSWER,
        tenant=registration.account_id,
    )
