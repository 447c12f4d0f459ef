"""The MCP endpoint at wire level: hand-written clients, both eras, every malformed envelope."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.raw import request
from support.service import Service

TOOLS = [
    "list_connectors_alloy",
    "get_connector_resources_alloy",
    "get_action_details_alloy",
    "execute_action_alloy",
    "create_credential_alloy",
    "get_credentials_alloy",
    "get_credential_metadata_alloy",
    "discover_action_path_alloy",
]
MODERN = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def url(service: Service) -> Iterator[str]:
    client = service.client()
    made = client.post(
        "/api/servers", json={"name": f"wire {uuid.uuid4().hex}", "customInstructions": "Be brief."}
    ).json()
    yield made["accessUrl"]
    client.delete(f"/api/servers/{made['serverId']}")


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(url, content=content, headers={k: v for k, v in given.items() if v})


def rpc(url: str, method: str, params: Any = None, **headers: str) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": method}
    return post(url, body if params is None else {**body, "params": params}, **headers)


def modern(url: str, method: str, params: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    named = (params or {}).get("name", (params or {}).get("uri", ""))
    standard = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": named}
    return rpc(url, method, {**(params or {}), "_meta": META}, **{**standard, **headers})


class TestHandWrittenClients:
    """What clients without an SDK expect (no session, no version header, ids of any kind)."""

    def test_tools_list(self, url: str) -> None:
        for accept in ("application/json, text/event-stream", "application/json,text/event-stream", "*/*", ""):
            answer = rpc(url, "tools/list", Accept=accept)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
            assert [tool["name"] for tool in answer.json()["result"]["tools"]] == TOOLS
            assert all(
                tool["description"] and tool["inputSchema"]["type"] == "object"
                for tool in answer.json()["result"]["tools"]
            )

    @pytest.mark.parametrize("identifier", ["1", 1, 0, -5, 2.5, "", "é"])
    def test_ids_are_echoed_value_and_type(self, url: str, identifier: Any) -> None:
        answer = post(url, {"jsonrpc": "2.0", "id": identifier, "method": "ping"}).json()
        assert answer == {"jsonrpc": "2.0", "id": identifier, "result": {}}
        assert type(answer["id"]) is type(identifier)

    def test_the_first_tool_runs_without_arguments(self, url: str) -> None:
        answer = rpc(url, "tools/call", {"name": TOOLS[0], "arguments": {}}).json()
        connectors = json.loads(answer["result"]["content"][0]["text"])
        assert {"slack", "notion", "hubspot", "salesforce", "shopify"} <= {c["id"] for c in connectors["connectors"]}
        assert connectors["message"] == f"Found {connectors['count']} available connectors"
        assert "isError" not in answer["result"]

    def test_a_call_without_initialize_and_without_arguments(self, url: str) -> None:
        assert rpc(url, "tools/call", {"name": TOOLS[0]}).status_code == 200

    def test_lists_succeed(self, url: str) -> None:
        for method, name in (
            ("resources/list", "resources"),
            ("prompts/list", "prompts"),
            ("resources/templates/list", "resourceTemplates"),
        ):
            result = rpc(url, method).json()["result"]
            assert set(result) == {name}
            assert all(entry["name"] and entry["description"] for entry in result[name])
            assert result[name]

    def test_errors_are_answered_200(self, url: str) -> None:
        answer = rpc(url, "no/such/method")
        assert (answer.status_code, answer.json()["error"]["code"]) == (200, -32601)

    def test_a_failing_tool_says_why(self, url: str) -> None:
        result = rpc(url, "tools/call", {"name": "get_action_details_alloy", "arguments": {"connectorId": "slack"}})
        body = json.loads(result.json()["result"]["content"][0]["text"])
        assert result.json()["result"]["isError"] is True
        assert body["error"]["code"] == "INVALID_REQUEST"
        assert body["error"]["details"] == {"field": "actionId", "rule": "required"}


class TestAccept:
    @pytest.mark.parametrize(
        "accept",
        [
            "application/json",
            "text/html",
            "image/*",
            "text/event-stream;q=0",
            "application/json, text/event-stream;q=0.0",
            "*/*, text/*;q=0",
            "application/x-text/event-stream",
        ],
    )
    def test_without_event_stream(self, url: str, accept: str) -> None:
        answer = rpc(url, "ping", Accept=accept)
        assert (answer.status_code, answer.json()["error"]["code"]) == (406, "NOT_ACCEPTABLE")

    @pytest.mark.parametrize(
        "accept",
        [
            "text/event-stream",
            "*/*",
            "text/*;q=0.1",
            "TEXT/EVENT-STREAM",
            "application/json,text/event-stream;q=0.001",
            "text/*;q=0, text/event-stream",
            "*/*;q=0, text/event-stream; charset=utf-8",
            "text/event-stream;q=high",
        ],
    )
    def test_with_it(self, url: str, accept: str) -> None:
        assert rpc(url, "ping", Accept=accept).status_code == 200


class TestInitialize:
    @pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
    def test_a_known_revision_is_echoed(self, url: str, revision: str) -> None:
        result = rpc(url, "initialize", {"protocolVersion": revision, "capabilities": {}}).json()["result"]
        assert result["protocolVersion"] == revision
        assert result["serverInfo"]["name"] == "toolgate"
        assert ("title" in result["serverInfo"]) == (revision >= "2025-06-18")
        assert result["instructions"] == "Be brief."
        assert "mcp-session-id" not in result

    @pytest.mark.parametrize("revision", ["2026-07-28", "2099-01-01", "", None, 5])
    def test_any_other_is_answered_with_our_latest_of_that_era(self, url: str, revision: Any) -> None:
        assert rpc(url, "initialize", {"protocolVersion": revision}).json()["result"]["protocolVersion"] == "2025-11-25"

    def test_no_session_is_made(self, url: str) -> None:
        assert "mcp-session-id" not in rpc(url, "initialize", {"protocolVersion": "2025-11-25"}).headers

    def test_notifications_are_taken_without_a_word(self, url: str) -> None:
        for body in (
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
            {"jsonrpc": "2.0", "id": 7, "result": {}},
        ):
            answer = post(url, body)
            assert (answer.status_code, answer.content) == (202, b"")


class TestEnvelopes:
    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"a":"\\ud800"}', b"[" * 100_000])
    def test_what_is_no_json(self, url: str, body: bytes) -> None:
        answer = post(url, body)
        assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (400, -32700, None)

    @pytest.mark.parametrize(
        "body",
        [
            5,
            None,
            "ping",
            {},
            {"jsonrpc": "2.0"},
            {"jsonrpc": "1.0", "method": "ping", "id": 1},
            {"method": "ping", "id": 1},
            {"jsonrpc": "2.0", "method": 5, "id": 1},
            {"jsonrpc": "2.0", "method": "ping", "id": None},
            {"jsonrpc": "2.0", "method": "ping", "id": True},
            {"jsonrpc": "2.0", "method": "ping", "id": {}},
            {"jsonrpc": "2.0", "method": "ping", "id": [1]},
        ],
    )
    @pytest.mark.parametrize("revision", ["", "2025-11-25", MODERN])
    def test_what_is_no_request(self, url: str, body: Any, revision: str) -> None:
        answer = post(url, body, MCP_Protocol_Version=revision)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)

    @pytest.mark.parametrize("params", [[], "x", 5, None])
    def test_params_that_are_no_object(self, url: str, params: Any) -> None:
        answer = post(url, {"jsonrpc": "2.0", "method": "ping", "id": 1, "params": params})
        assert (answer.status_code, answer.json()["error"]["code"]) == (200, -32602)

    def test_unknown_tools_prompts_and_resources(self, url: str) -> None:
        assert rpc(url, "tools/call", {"name": "rm"}).json()["error"]["code"] == -32602
        assert rpc(url, "tools/call", {"name": 5}).json()["error"]["code"] == -32602
        assert rpc(url, "prompts/get", {"name": "x"}).json()["error"]["code"] == -32602
        missing = rpc(url, "resources/read", {"uri": "x://y"}).json()["error"]
        assert (missing["code"], missing["data"]) == (-32002, {"uri": "x://y"})
        assert rpc(url, "tools/list", {"cursor": "made up"}).json()["error"]["code"] == -32602


class TestBatches:
    def test_revision_2025_03_26_has_them(self, url: str) -> None:
        body = [
            {"jsonrpc": "2.0", "id": 1, "method": "ping"},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": "two", "method": "no/such"},
        ]
        for revision in ("2025-03-26", ""):
            answers = post(url, body, MCP_Protocol_Version=revision).json()
            assert [(a["id"], a.get("error", {}).get("code")) for a in answers] == [(1, None), ("two", -32601)]

    def test_a_thousand_and_no_more(self, url: str) -> None:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert len(post(url, [ping] * 1000).json()) == 1000
        assert post(url, [ping] * 1001).status_code == 400
        assert post(url, []).status_code == 400

    @pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25", MODERN])
    def test_the_others_have_none(self, url: str, revision: str) -> None:
        answer = post(url, [{"jsonrpc": "2.0", "id": 1, "method": "ping"}], MCP_Protocol_Version=revision)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


class TestModern:
    def test_discover(self, url: str) -> None:
        result = modern(url, "server/discover").json()["result"]
        assert result["supportedVersions"][0] == MODERN
        assert (result["resultType"], result["cacheScope"], result["instructions"]) == (
            "complete",
            "private",
            "Be brief.",
        )
        assert isinstance(result["ttlMs"], int)
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "toolgate"

    def test_tools_list_and_call(self, url: str) -> None:
        listed = modern(url, "tools/list").json()["result"]
        assert ([tool["name"] for tool in listed["tools"]], listed["cacheScope"]) == (TOOLS, "private")
        called = modern(url, "tools/call", {"name": TOOLS[0], "arguments": {}})
        assert called.status_code == 200
        assert called.json()["result"]["resultType"] == "complete"

    @pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "no/such"])
    def test_what_it_has_no_more(self, url: str, method: str) -> None:
        answer = modern(url, method)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, -32601)

    def test_unknown_version(self, url: str) -> None:
        meta = {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
        answer = rpc(url, "tools/list", {"_meta": meta}, MCP_Protocol_Version="2099-01-01", Mcp_Method="tools/list")
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["data"]["requested"]) == (400, -32022, "2099-01-01")
        assert MODERN in error["data"]["supported"]

    @pytest.mark.parametrize("missing", list(META))
    def test_meta_must_be_whole(self, url: str, missing: str) -> None:
        meta = {key: value for key, value in META.items() if key != missing}
        answer = rpc(url, "tools/list", {"_meta": meta}, MCP_Protocol_Version=MODERN, Mcp_Method="tools/list")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Mcp-Method": ""},
            {"Mcp-Method": "tools/list"},
            {"Mcp-Method": "TOOLS/CALL"},
            {"Mcp-Name": ""},
            {"Mcp-Name": "another"},
            {"Mcp-Name": "=?base64?!!!?="},
            {"Mcp-Name": "=?base64?/w==?="},
        ],
    )
    def test_headers_that_are_missing_or_differ(self, url: str, headers: dict[str, str]) -> None:
        answer = modern(url, "tools/call", {"name": TOOLS[0], "arguments": {}}, **headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)

    def test_a_name_in_base64(self, url: str) -> None:
        encoded = {"Mcp-Name": "=?base64?bGlzdF9jb25uZWN0b3JzX2FsbG95?="}
        assert modern(url, "tools/call", {"name": TOOLS[0], "arguments": {}}, **encoded).status_code == 200

    def test_version_in_header_and_meta_must_agree(self, url: str) -> None:
        answer = rpc(url, "tools/list", {"_meta": META}, MCP_Protocol_Version="2099-01-01", Mcp_Method="tools/list")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)

    def test_repeated_headers_and_blanks_around_values(self, service: Service, url: str) -> None:
        target = url.removeprefix(service.url).encode()
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}).encode()
        version = b"mcp-protocol-version:   2026-07-28 \t "
        plain = request(service, b"POST", target, body, (version, b"mcp-method: tools/list  "), auth=None)
        assert plain.status == 200
        twice = (version, b"mcp-method: tools/list", b"mcp-method: tools/list")
        repeated = request(service, b"POST", target, body, twice, auth=None)
        assert (repeated.status, repeated.code) == (400, -32020)

    def test_missing_resource_never_has_the_old_code(self, url: str) -> None:
        answer = modern(url, "resources/read", {"uri": "x://y"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602)


def test_modern_meta_under_a_legacy_header_is_ignored(url: str) -> None:
    answer = rpc(url, "tools/list", {"_meta": META}, MCP_Protocol_Version="2025-11-25")
    assert "resultType" not in answer.json()["result"]


@pytest.mark.parametrize(
    ("revision", "fields"),
    [
        ("2024-11-05", {"name", "description", "inputSchema"}),
        ("2025-03-26", {"name", "description", "inputSchema", "annotations"}),
        ("2025-06-18", {"name", "description", "inputSchema", "annotations", "title", "outputSchema"}),
    ],
)
def test_tools_have_the_fields_of_their_revision(url: str, revision: str, fields: set[str]) -> None:
    tools = rpc(url, "tools/list", MCP_Protocol_Version=revision).json()["result"]["tools"]
    assert all(set(tool) == fields for tool in tools)


class TestSubscriptionsOfOldRevisions:
    """Taken and not kept: nothing says that a change would be told."""

    @pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
    def test_they_are_taken(self, url: str, method: str) -> None:
        assert rpc(url, method, {"uri": "toolgate://policy"}).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        for params in ({}, {"uri": 5}, {"uri": None}):
            assert rpc(url, method, params).json()["error"]["code"] == -32602

    def test_no_capability_is_declared(self, url: str) -> None:
        capabilities = rpc(url, "initialize", {"protocolVersion": "2025-11-25"}).json()["result"]["capabilities"]
        assert "subscribe" not in capabilities["resources"]
