"""A platform with OAuth 2.0 on loopback: a token endpoint that rotates, an API that believes its tokens, revocation."""

import asyncio
import base64
import contextlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from support.loopback import on_loopback

CLIENT_ID = "client:1/%"
CLIENT_SECRET = "s+cret of the client%"


@dataclass
class Asked:
    """One request to the token or revocation endpoint. `client` is how the client proved itself."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str]
    client: tuple[str, str] | None


@dataclass
class OAuthPlatform:
    url: str
    # Seconds; None leaves `expires_in` out.
    lifetime: int | None = 3600
    rotating: bool = True
    # Seconds before the token endpoint answers; what it did stands by then.
    delay: float = 0.0
    # Said beside the tokens.
    more: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    # What the API was called with: (path, value of Authorization).
    calls: list[tuple[str, str]] = field(default_factory=list)
    # Answered instead, first come first served: (status, body or raw bytes, headers).
    script: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    access: set[str] = field(default_factory=set)
    refresh: set[str] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    # How often a refresh token that was spent came again.
    reused: int = 0
    revoked: list[str] = field(default_factory=list)
    count: int = 0

    def document(self, flow: str = "authorizationCode", **x_oauth: Any) -> dict[str, Any]:
        """The OpenAPI document of this platform."""
        about = {"tokenUrl": f"{self.url}/token", "scopes": {"read": "Read"}}
        if flow == "authorizationCode":
            about["authorizationUrl"] = f"{self.url}/authorize"

        def operation(name: str) -> dict[str, Any]:
            return {"operationId": name, "summary": name, "responses": {"200": {"description": "ok"}}}

        return {
            "openapi": "3.0.3",
            "info": {"title": "Ledger", "version": "1"},
            "servers": [{"url": f"{self.url}/api"}],
            "x-connector": {
                "name": "Ledger",
                "authentication": [{"type": "oauth2", "scheme": "signIn"}],
                "x-oauth": {"revocationUrl": f"{self.url}/revoke", **x_oauth},
            },
            "components": {"securitySchemes": {"signIn": {"type": "oauth2", "flows": {flow: about}}}},
            "security": [{"signIn": ["read"]}],
            "paths": {"/items": {"get": operation("listItems"), "post": operation("addItem")}},
        }

    def grant(self) -> dict[str, str]:
        """Tokens as after a sign-in: `{"token", "refreshToken"}`."""
        access, refresh = self._new()
        return {"token": access, "refreshToken": refresh}

    def tokens_asked(self) -> list[Asked]:
        return [each for each in self.asked if each.path == "/token"]

    def _new(self) -> tuple[str, str]:
        self.count += 1
        access, refresh = f"access-token-{self.count}", f"refresh-token-{self.count}"
        self.access.add(access)
        self.refresh.add(refresh)
        return access, refresh

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        status, answer, extra = await self._answer(scope["path"], headers, body)
        encoded = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        fields = {"content-type": "application/json", "content-length": str(len(encoded)), **extra}
        head = [(name.encode(), value.encode()) for name, value in fields.items()]
        with contextlib.suppress(OSError):
            await send({"type": "http.response.start", "status": status, "headers": head})
            await send({"type": "http.response.body", "body": encoded})

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, dict[str, str]]:
        if path not in ("/token", "/revoke"):
            said = headers.get("authorization", "")
            self.calls.append((path, said))
            if said.removeprefix("Bearer ") not in self.access:
                return 401, {"message": "Who are you?"}, {}
            return 200, {"items": [1, 2, 3]}, {}
        text = body.decode()
        is_json = headers.get("content-type", "") == "application/json"
        fields = json.loads(text) if is_json else dict(parse_qsl(text, keep_blank_values=True))
        self.asked.append(Asked(path, fields, headers, _client(headers, fields)))
        if self.script:
            return self.script.pop(0)
        if path == "/revoke":
            self.revoked.append(fields["token"])
            self.refresh.discard(fields["token"])
            return 200, b"", {}
        found = self._tokens(fields)
        if self.delay:
            await asyncio.sleep(self.delay)
        return found

    def _tokens(self, fields: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        presented = fields.get("refresh_token")
        if fields["grant_type"] == "refresh_token":
            if presented in self.spent:
                # As RFC 9700, section 4.14.2, has it: the whole grant is void.
                self.reused += 1
                self.refresh.clear()
            if presented not in self.refresh:
                return 400, {"error": "invalid_grant", "error_description": f"{presented} is no token of mine"}, {}
            if self.rotating:
                self.refresh.discard(presented)
                self.spent.add(presented)
        access, refresh = self._new()
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer", **self.more}
        if self.lifetime is not None:
            answer["expires_in"] = self.lifetime
        if self.rotating and fields["grant_type"] != "client_credentials":
            answer["refresh_token"] = refresh
        return 200, answer, {}


def _client(headers: dict[str, str], fields: dict[str, str]) -> tuple[str, str] | None:
    said = headers.get("authorization", "")
    if said.startswith("Basic "):
        identifier, _, secret = base64.b64decode(said[6:]).decode().partition(":")
        return unquote_plus(identifier), unquote_plus(secret)
    if "client_secret" in fields:
        return fields["client_id"], fields["client_secret"]
    return None


def running(kind: type[OAuthPlatform] = OAuthPlatform) -> AbstractContextManager[OAuthPlatform]:
    return on_loopback(kind)
