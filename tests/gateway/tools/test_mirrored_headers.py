"""`x-mcp-header`: which arguments clients repeat in headers, and that both must agree (2026-07-28, Custom Headers)."""

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.loader import load
from support.service import Service
from support.upstream import Upstream, running

MODERN = "2026-07-28"


def parameter(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


def document(url: str, *parameters: dict[str, Any], body: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": {"type": "object", "properties": body or {}}}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Mirrors", "version": "1"},
        "servers": [{"url": url}],
        "paths": {
            "/tasks": {
                "post": {
                    "operationId": "make",
                    "parameters": list(parameters),
                    **({"requestBody": content} if body else {}),
                    "responses": {"200": {"description": "ok"}},
                }
            }
        },
    }


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def url(service: Service, upstream: Upstream) -> Iterator[str]:
    """The token URL of a server whose one tool repeats its arguments."""
    connector_id, client = f"mirrors-{uuid.uuid4().hex[:8]}", service.client()
    made = document(
        upstream.url,
        parameter("page[size]", type="integer", **{"x-mcp-header": "Size"}),
        body={
            "region": {"type": "string", "x-mcp-header": "Region"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "deep": {"type": "object", "properties": {"in": {"type": "string", "x-mcp-header": "Deep"}}},
        },
    )
    added = client.post("/connectors", json={"id": connector_id, "document": made})
    assert added.status_code == 201, added.text
    server = client.post(
        "/api/servers",
        json={
            "name": f"mirrors {uuid.uuid4().hex}",
            "mode": "direct",
            "restrictions": {"connectors": {"allowedIds": [connector_id]}},
        },
    )
    yield server.json()["accessUrl"]
    client.delete(f"/connectors/{connector_id}")


def ask(url: str, method: str, params: dict[str, Any], *headers: tuple[str, str]) -> httpx.Response:
    shown = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", method), ("Mcp-Name", params.get("name", "")), *headers]
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    return httpx.post(url, json=body, headers=shown, trust_env=False)


def call(url: str, arguments: Any, *headers: tuple[str, str]) -> httpx.Response:
    return ask(url, "tools/call", {"name": "make", "arguments": arguments}, *headers)


def test_the_tool_says_so(url: str) -> None:
    properties = ask(url, "tools/list", {}).json()["result"]["tools"][0]["inputSchema"]["properties"]
    said = {name: schema.get("x-mcp-header") for name, schema in properties.items()}
    assert said == {"page_size": "Size", "region": "Region", "dry": "Dry", "deep": None}
    assert "x-mcp-header" not in str(properties["deep"])


ENCODED = base64.b64encode("Zürich".encode()).decode()


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({}, []),
        ({"region": None}, []),
        ({"region": "eu"}, [("Mcp-Param-Region", "eu")]),
        ({"region": "eu"}, [("mcp-param-region", "eu")]),
        ({"region": "Zürich"}, [("Mcp-Param-Region", f"=?base64?{ENCODED}?=")]),
        ({"page_size": 5, "dry": True}, [("Mcp-Param-Size", "5"), ("Mcp-Param-Dry", "true")]),
        ({"page_size": 5}, [("Mcp-Param-Size", "5.0")]),
        ({}, [("Mcp-Param-Unknown", "x")]),
    ],
)
def test_headers_that_agree(url: str, arguments: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    answer = call(url, arguments, *headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({"region": "eu"}, []),
        ({"region": "eu"}, [("Mcp-Param-Region", "us")]),
        ({"region": "eu"}, [("Mcp-Param-Region", "EU")]),
        ({"region": "eu"}, [("Mcp-Param-Region", "eu"), ("Mcp-Param-Region", "eu")]),
        ({"region": "Hello"}, [("Mcp-Param-Region", "=?base64?SGVsbG8?=")]),
        ({"region": "Hello"}, [("Mcp-Param-Region", "=?base64?SGVs!!!bG8=?=")]),
        ({}, [("Mcp-Param-Region", "eu")]),
        (None, [("Mcp-Param-Region", "eu")]),
        ({"dry": True}, [("Mcp-Param-Dry", "1")]),
        ({"page_size": 5}, [("Mcp-Param-Size", "5.1")]),
        ({"page_size": 5}, [("Mcp-Param-Size", "0x5")]),
    ],
)
def test_headers_that_do_not(url: str, arguments: Any, headers: list[tuple[str, str]], upstream: Upstream) -> None:
    before = len(upstream.received)
    answer = call(url, arguments, *headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020), answer.text
    assert len(upstream.received) == before


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ([parameter("a", type="string", **{"x-mcp-header": "no token"})], "pattern"),
        ([parameter("a", type="string", **{"x-mcp-header": ""})], "pattern"),
        ([parameter("a", type="string", **{"x-mcp-header": 5})], "pattern"),
        ([parameter("a", type="number", **{"x-mcp-header": "A"})], "type"),
        ([parameter("a", **{"x-mcp-header": "A"})], "type"),
        ([parameter("a", type="string", nullable=True, **{"x-mcp-header": "A"})], "type"),
        ([parameter(name, type="string", **{"x-mcp-header": name}) for name in ("A", "a")], "uniqueItems"),
    ],
)
def test_what_clients_would_refuse_is_refused_at_once(parameters: list[dict[str, Any]], rule: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(document("https://a.example.com", *parameters), connector_id="x")
    assert caught.value.rule == rule
