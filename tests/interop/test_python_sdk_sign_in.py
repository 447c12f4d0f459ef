"""The official MCP Python client, given nothing but a server's URL: it finds out by itself where to sign in, and does.

The authorization server is a stand-in; the client, its discovery, its registration and its tokens are the SDK's own.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import mcp
import pytest
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)

from support.authorization import AuthorizationServer, authorizing
from support.service import Service, serving

BACK = "http://127.0.0.1:9/callback"


@pytest.fixture(scope="module")
def sign_in() -> Iterator[AuthorizationServer]:
    with authorizing() as running:
        yield running


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, sign_in: AuthorizationServer) -> Iterator[Service]:
    settings = {
        "TOOLGATE_JWT_SECRET": "",
        "TOOLGATE_JWT_ISSUER": sign_in.url,
        "TOOLGATE_JWT_JWKS_URL": sign_in.jwks_url,
        "TOOLGATE_JWT_AUDIENCE": "server",
        "TOOLGATE_JWT_SCOPES": "mcp",
    }
    with serving(tmp_path_factory.mktemp("gate"), **settings) as running:
        yield running


class Memory:
    """The tokens of one client."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """Opens the page that the client asks for, and is sent back."""

    def __init__(self) -> None:
        self.sent_to = ""

    async def open(self, url: str) -> None:
        async with httpx2.AsyncClient(trust_env=False) as browser:
            self.sent_to = (await browser.get(url)).headers["location"]

    async def back(self) -> AuthorizationCodeResult:
        query = parse_qs(urlsplit(self.sent_to).query)
        return AuthorizationCodeResult(code=query["code"][0], state=query["state"][0])


def provider(url: str, memory: Memory) -> OAuthClientProvider:
    person = Person()
    metadata = OAuthClientMetadata.model_validate(
        {
            "client_name": "test",
            "redirect_uris": [BACK],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
    )
    return OAuthClientProvider(url, metadata, memory, person.open, person.back)


async def tools(url: str, memory: Memory) -> list[str]:
    async with (
        httpx2.AsyncClient(auth=provider(url, memory), trust_env=False, timeout=30) as http,
        mcp.Client(streamable_http_client(url, http_client=http)) as client,
    ):
        return [tool.name for tool in (await client.list_tools()).tools]


def shared(gate: Service, name: str) -> dict[str, Any]:
    made = gate.client().post("/api/servers", json={"name": name, "isPublic": True})
    assert made.status_code == 201
    return dict(made.json())


async def test_a_client_finds_its_way(gate: Service, sign_in: AuthorizationServer) -> None:
    server, memory = shared(gate, "to sign in to"), Memory()
    assert "execute_action_alloy" in await tools(server["url"], memory)
    asked = sign_in.asked[-1]
    assert (asked["resource"], asked["scope"]) == (server["url"], "mcp")
    assert "/.well-known/oauth-authorization-server" in sign_in.paths
    assert "jane" in gate.client().get("/users").text
    # The next time it needs nobody; and its token opens no other server, and no REST.
    count = len(sign_in.asked)
    assert await tools(server["url"], memory)
    assert len(sign_in.asked) == count
    assert memory.tokens is not None
    bearer = {"Authorization": f"Bearer {memory.tokens.access_token}"}
    other = shared(gate, "another one")
    async with httpx2.AsyncClient(trust_env=False, headers=bearer) as http:
        ping = {"jsonrpc": "2.0", "method": "ping", "id": 1}
        assert (await http.post(server["url"], json=ping)).status_code == 200
        assert (await http.post(other["url"], json=ping)).status_code == 401
        assert (await http.get(f"{gate.url}/api/servers")).status_code == 401


async def test_a_client_asks_for_more_when_it_was_given_too_little(gate: Service, sign_in: AuthorizationServer) -> None:
    server, memory = shared(gate, "too little"), Memory()
    sign_in.gives = "something-else"
    try:
        with pytest.raises(Exception):  # noqa: B017, PT011 (a group, whose members are the transport's own)
            await tools(server["url"], memory)
    finally:
        sign_in.gives = None
    asked = [query for query in sign_in.asked if query["resource"] == server["url"]]
    # After the 403 it signed in once more, for all that was asked.
    assert len(asked) >= 2
    assert all("mcp" in query["scope"].split() for query in asked)
    assert "execute_action_alloy" in await tools(server["url"], Memory())


async def test_a_token_url_asks_nobody_to_sign_in(gate: Service, sign_in: AuthorizationServer) -> None:
    server, memory = shared(gate, "by its token"), Memory()
    count = len(sign_in.asked)
    assert "execute_action_alloy" in await tools(server["accessUrl"], memory)
    assert (len(sign_in.asked), memory.tokens) == (count, None)
