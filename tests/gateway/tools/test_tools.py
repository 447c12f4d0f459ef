"""The eight tools and direct mode over the wire, on a platform that nobody shipped."""

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from support.jwts import token
from support.service import Service, serving
from support.upstream import Upstream, running

SECRET = "s3cret-token-of-the-platform"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    connector_id = f"tasks-{uuid.uuid4().hex[:8]}"
    client = service.client()
    added = client.post("/connectors", json={"id": connector_id, "document": upstream.document()})
    assert added.status_code == 201, added.text
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Assistant:
    """One user at one server, by its token URL."""

    def __init__(self, service: Service, user: str, **fields: Any) -> None:
        self.user = user
        made = service.client().post("/api/servers", json={"name": f"tools {uuid.uuid4().hex}", **fields})
        assert made.status_code == 201, made.text
        self.server = made.json()
        self.http = service.client(Authorization="", x_alloy_user_token=token(user))
        tools = self.rpc("tools/list")["result"]["tools"]
        self.output_schemas = {tool["name"]: tool["outputSchema"] for tool in tools if "outputSchema" in tool}

    def rpc(self, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        answer = self.http.post(
            self.server["accessUrl"],
            json=body,
            headers={"MCP-Protocol-Version": "2025-11-25", **{k.replace("_", "-"): v for k, v in headers.items()}},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self, tool: str, arguments: dict[str, Any], **headers: str) -> tuple[Any, bool]:
        result = self.rpc("tools/call", {"name": tool, "arguments": arguments}, **headers)["result"]
        said, failed = json.loads(result["content"][0]["text"]), result.get("isError", False)
        # Whatever a test here calls: a client that checks answers against outputSchema must find nothing wrong.
        assert ("structuredContent" in result) == (not failed)
        if not failed:
            assert result["structuredContent"] == said
            if (schema := self.output_schemas.get(tool)) is not None:
                jsonschema_rs.validate(schema, said)
        return said, failed

    def ok(self, tool: str, **arguments: Any) -> Any:
        said, failed = self.call(tool, arguments)
        assert not failed, said
        return said

    def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        said, failed = self.call(tool, arguments)
        assert failed, said
        return said["error"]


@pytest.fixture
def assistant(service: Service) -> Callable[..., Assistant]:
    return lambda **fields: Assistant(service, f"user-{uuid.uuid4().hex}", **fields)


@pytest.fixture
def connected(assistant: Callable[..., Assistant], connector: str) -> Callable[..., Assistant]:
    def made(**fields: Any) -> Assistant:
        one = assistant(**fields)
        client = one.http
        stored = client.post(
            f"/connectors/{connector}/credentials",
            json={"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}},
        )
        assert stored.status_code == 200, stored.text
        return one

    return made


def test_listing(assistant: Callable[..., Assistant], connector: str) -> None:
    one = assistant()
    everything = one.ok("list_connectors_alloy")
    assert connector in {entry["id"] for entry in everything["connectors"]}
    assert everything["count"] == len(everything["connectors"])
    productivity = one.ok("list_connectors_alloy", category="Productivity")
    assert connector in {entry["id"] for entry in productivity["connectors"]}
    assert "slack" not in {entry["id"] for entry in productivity["connectors"]}
    assert one.ok("list_connectors_alloy", category="nothing of the kind")["count"] == 0
    named = one.ok("list_connectors_alloy", connectors=["slack", "github", "nope"])
    assert [entry["id"] for entry in named["connectors"]] == ["github", "slack"]
    assert [entry["id"] for entry in one.ok("list_connectors_alloy", query="GIT hub")["connectors"]] == ["github"]


def test_lists_are_paged_and_nothing_is_cut(assistant: Callable[..., Assistant], connector: str) -> None:
    one = assistant()
    seen: list[str] = []
    arguments: dict[str, Any] = {"connectorId": connector, "limit": 4}
    while True:
        page = one.ok("get_connector_resources_alloy", **arguments)
        seen += [action["id"] for resource in page["resources"] for action in resource["actions"]]
        assert page["count"] == 6
        if "nextCursor" not in page:
            break
        arguments["cursor"] = page["nextCursor"]
    assert len(seen) == len(set(seen)) == 6
    for cursor in ("", "x", "bm9wZQ==", "ZnJvbTotMQ=="):
        error = one.refused("get_connector_resources_alloy", connectorId=connector, cursor=cursor)
        assert error["details"]["field"] == "cursor"


def test_resources_and_details(assistant: Callable[..., Assistant], connector: str) -> None:
    one = assistant()
    found = one.ok("get_connector_resources_alloy", connectorId=connector, resource="tasks")
    assert [resource["name"] for resource in found["resources"]] == ["tasks"]
    ids = [action["id"] for action in found["resources"][0]["actions"]]
    unsafe = next(name for name in ids if name.startswith("tasks_create"))
    by_id = one.ok("get_action_details_alloy", connectorId=connector, actionId=unsafe)
    by_alias = one.ok("get_action_details_alloy", connectorId=connector, actionId="tasks/create")
    assert by_id == by_alias
    assert by_id["action"]["requestBody"]["required"] == ["title"]
    for action, code in (("LISTTASKS", "ACTION_NOT_FOUND"), ("nope", "ACTION_NOT_FOUND")):
        assert one.refused("get_action_details_alloy", connectorId=connector, actionId=action)["code"] == code
    assert one.refused("get_action_details_alloy", connectorId="nope", actionId="x")["code"] == "CONNECTOR_NOT_FOUND"


def test_execution_reads_and_writes(connected: Callable[..., Assistant], connector: str, upstream: Upstream) -> None:
    one = connected()
    read = one.ok("execute_action_alloy", connectorId=connector, actionId="getTask", parameters={"id": "a/b c"})
    assert read["status"] == "completed"
    assert len(read["executionId"]) == 24
    method, target, headers, _ = upstream.received[-1]
    assert (method, target, headers["authorization"]) == ("GET", "/tasks/a%2Fb%20c", f"Bearer {SECRET}")
    for parameters in ({"title": "x", "done": True}, {"requestBody": {"title": "x", "done": True}}):
        written = one.ok("execute_action_alloy", connectorId=connector, actionId="tasks/create", parameters=parameters)
        assert written["responseData"] == {"method": "POST", "path": "/tasks", "body": {"title": "x", "done": True}}


def test_large_answers_are_shaped(connected: Callable[..., Assistant], connector: str) -> None:
    one = connected()

    def listed(count: int) -> Any:
        call = {"connectorId": connector, "actionId": "listTasks", "parameters": {"count": count}}
        return one.ok("execute_action_alloy", **call)["responseData"]

    assert len(listed(25)) == 25
    cut = listed(45)
    assert (len(cut["data"]), cut["metadata"]["originalCount"], cut["metadata"]["truncated"]) == (25, 45, True)
    guided = listed(298)
    assert (guided["needsRefinement"], len(guided["samples"])) == (True, 2)
    assert "298" in guided["message"]


@pytest.mark.parametrize(
    ("action", "parameters", "field"),
    [
        ("listTasks", {"count": "many"}, "count"),
        ("listTasks", {"count": 501}, "count"),
        ("listTasks", {"limit": 5}, "limit"),
        ("getTask", {}, "id"),
        ("getTask", {"id": ".."}, "id"),
        ("getTask", {"id": ""}, "id"),
        ("tasks/create", {"title": "x" * 51}, "title"),
        ("tasks/create", {"title": "x", "color": "red"}, "color"),
        ("tasks/create", {}, "title"),
        ("getTask", {"id": "1", "additionalHeaders": {"Authorization": "Bearer mine"}}, "Authorization"),
        ("getTask", {"id": "1", "additionalHeaders": {"X-A": "b\r\nX-C: d"}}, "X-A"),
    ],
)
def test_arguments_are_checked_before_anything_leaves(
    connected: Callable[..., Assistant],
    connector: str,
    upstream: Upstream,
    action: str,
    parameters: dict[str, Any],
    field: str,
) -> None:
    before = len(upstream.received)
    error = connected().refused("execute_action_alloy", connectorId=connector, actionId=action, parameters=parameters)
    assert error["code"] == "INVALID_REQUEST"
    assert field.lower() in error["details"]["field"].lower()
    assert len(upstream.received) == before


def test_what_the_platform_refuses(connected: Callable[..., Assistant], connector: str) -> None:
    one = connected()
    for status in (400, 401, 404, 500):
        error = one.refused(
            "execute_action_alloy", connectorId=connector, actionId="status", parameters={"id": str(status)}
        )
        assert (error["code"], error["details"]["status"]) == ("UPSTREAM_ERROR", status)
        assert SECRET not in json.dumps(error)


def test_a_timeout_is_obeyed(connected: Callable[..., Assistant], connector: str) -> None:
    begun = time.monotonic()
    error = connected().refused(
        "execute_action_alloy", connectorId=connector, actionId="slow", parameters={}, timeout=1000
    )
    assert error["code"] == "UPSTREAM_TIMEOUT"
    assert time.monotonic() - begun < 4


def test_which_credential_is_used(
    service: Service, assistant: Callable[..., Assistant], connector: str, upstream: Upstream
) -> None:
    one, other = assistant(), assistant()
    call = {"connectorId": connector, "actionId": "listTasks", "parameters": {}}
    missing = one.refused("execute_action_alloy", **call)
    assert (missing["code"], missing["message"]) == ("CREDENTIAL_NOT_FOUND", "Credential not found")
    ids = [
        one.ok(
            "create_credential_alloy",
            connectorId=connector,
            authenticationType="bearer",
            fields={"token": f"token-{number}"},
            name=f"key {number}",
        )["credentialId"]
        for number in (1, 2)
    ]
    ambiguous = one.refused("execute_action_alloy", **call)
    assert ambiguous["code"] == "INVALID_REQUEST"
    assert all(credential in json.dumps(ambiguous) for credential in ids)
    one.ok("execute_action_alloy", **call, credentialId=ids[0])
    assert upstream.received[-1][2]["authorization"] == "Bearer token-1"
    one.call("execute_action_alloy", call, x_credential_id=ids[1])
    assert upstream.received[-1][2]["authorization"] == "Bearer token-2"
    # Another user's credential is not there.
    stolen = other.refused("execute_action_alloy", **call, credentialId=ids[0])
    assert stolen["code"] == "CREDENTIAL_NOT_FOUND"
    assert other.ok("get_credentials_alloy", connectorId=connector) == {"credentials": []}
    listed = one.ok("get_credentials_alloy", connectorId=connector)["credentials"]
    assert [(entry["credentialId"], entry["name"], entry["type"]) for entry in listed] == [
        (ids[0], "key 1", f"{connector}-bearer"),
        (ids[1], "key 2", f"{connector}-bearer"),
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("bearer", {}, "fields.token"),
        ("bearer", {"token": ""}, "fields.token"),
        ("bearer", {"token": "a\nb"}, "fields.token"),
        ("bearer", {"token": "x", "extra": "y"}, "fields.extra"),
        ("basic", {"username": "a", "password": "b"}, "authenticationType"),
        ("oauth2", {}, "authenticationType"),
        ("magic", {}, "authenticationType"),
        ("bearer", {"token": 5}, "fields.token"),
    ],
)
def test_credentials_that_cannot_be(
    assistant: Callable[..., Assistant], connector: str, kind: str, fields: dict[str, Any], field: str
) -> None:
    one = assistant()
    error = one.refused("create_credential_alloy", connectorId=connector, authenticationType=kind, fields=fields)
    assert (error["code"], error["details"]["field"]) == ("INVALID_REQUEST", field)
    assert one.ok("get_credentials_alloy", connectorId=connector) == {"credentials": []}


def test_what_a_credential_needs(assistant: Callable[..., Assistant]) -> None:
    one = assistant()
    shopify = one.ok("get_credential_metadata_alloy", connectorId="shopify")["metadata"]
    assert [entry["authenticationType"] for entry in shopify] == ["apiKey", "oauth2"]
    assert (shopify[1]["available"], shopify[1]["authConfigRequired"]) == (False, True)
    schema = shopify[0]["inputSchema"]
    assert set(schema["required"]) == {"authenticationType", "apiKey", "shopName"}
    assert set(shopify[0]["sampleInput"]) == {"authenticationType", "apiKey", "shopName"}
    bad = one.refused(
        "create_credential_alloy",
        connectorId="shopify",
        authenticationType="apiKey",
        fields={"apiKey": "x", "shopName": "evil.example.com/"},
    )
    assert bad["details"] == {"field": "fields.shopName", "rule": "pattern"}


def test_a_moved_connector_suspends_its_credentials(service: Service, upstream: Upstream) -> None:
    connector_id = f"moving-{uuid.uuid4().hex[:8]}"
    client = service.client()
    body = {"document": upstream.document()}
    assert client.post("/connectors", json={"id": connector_id, **body}).status_code == 201
    one = Assistant(service, f"user-{uuid.uuid4().hex}")
    one.ok("create_credential_alloy", connectorId=connector_id, authenticationType="bearer", fields={"token": SECRET})
    call = {"connectorId": connector_id, "actionId": "listTasks", "parameters": {}}
    one.ok("execute_action_alloy", **call)
    path = f"/connectors/{connector_id}"
    same = client.put(path, json={**body, "name": "Renamed"})
    assert (same.status_code, same.json()["suspendedCredentials"]) == (200, 0)
    one.ok("execute_action_alloy", **call)
    moved = client.put(path, json={**body, "baseUrl": "http://127.0.0.1:9"})
    assert (moved.status_code, moved.json()["suspendedCredentials"]) == (200, 1)
    before = len(upstream.received)
    assert "suspended" in one.refused("execute_action_alloy", **call)["message"].lower()
    assert client.put(path, json=body).json()["suspendedCredentials"] == 1
    one.refused("execute_action_alloy", **call)
    assert len(upstream.received) == before
    assert client.put(path, json={**body, "keepCredentials": True}).json()["suspendedCredentials"] == 0
    one.ok("execute_action_alloy", **call)
    # A document that is no good leaves the old connector working.
    assert client.put(path, json={"document": {"openapi": "3.0.0"}}).status_code == 400
    one.ok("execute_action_alloy", **call)
    assert client.delete(path).status_code == 200
    assert one.refused("execute_action_alloy", **call)["code"] == "CONNECTOR_NOT_FOUND"
    assert client.delete(path).status_code == 404


def test_every_execution_is_on_record(service: Service, connected: Callable[..., Assistant], connector: str) -> None:
    one = connected(restrictions={"actions": {"blockedActions": ["deleteTask"]}})
    call = {"connectorId": connector, "actionId": "listTasks", "parameters": {}}
    one.ok("execute_action_alloy", **call)
    one.refused("execute_action_alloy", **{**call, "actionId": "deleteTask"})
    one.refused("execute_action_alloy", **{**call, "actionId": "status", "parameters": {"id": "404"}})
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    rows = database.execute(
        "SELECT user_id, door, action_id, outcome, upstream_status FROM audit WHERE server_id = ? AND event = ?"
        " ORDER BY audit_id",
        [one.server["serverId"], "action.execute"],
    ).fetchall()
    sealed = database.execute("SELECT sealed FROM credentials").fetchall()
    database.close()
    assert rows == [
        (one.user, "token", "listTasks", "ok", 200),
        (one.user, "token", "deleteTask", "FORBIDDEN", None),
        (one.user, "token", "status", "UPSTREAM_ERROR", 404),
    ]
    assert all(SECRET.encode() not in blob for (blob,) in sealed)
    assert SECRET.encode() not in (service.data_dir / "toolgate.db").read_bytes()
    assert SECRET not in service.log()


class TestDirectMode:
    def test_each_allowed_action_is_a_tool(
        self, connected: Callable[..., Assistant], connector: str, upstream: Upstream
    ) -> None:
        one = connected(
            mode="direct",
            restrictions={
                "connectors": {"allowedIds": [connector]},
                "actions": {"blockedActions": ["deleteTask"]},
            },
        )
        tools = {tool["name"]: tool for tool in one.rpc("tools/list")["result"]["tools"]}
        assert {"listTasks", "getTask", "slow", "status"} < set(tools)
        assert len(tools) == 5
        assert tools["listTasks"]["annotations"]["readOnlyHint"] is True
        assert tools["getTask"]["inputSchema"]["required"] == ["id"]
        assert one.ok("getTask", id="7")["responseData"]["path"] == "/tasks/7"
        assert one.refused("deleteTask", id="7")["message"] == "Action not allowed"
        missing = one.refused("getTask")
        assert missing["message"] == "id is required"
        assert missing["details"] == {"field": "id", "rule": "required"}
        assert one.refused("getTask", id="7", ids="8")["message"] == "ids is not known; did you mean id? Known: id"
        assert one.refused("getTask", id=["7"])["details"]["field"] == "id"
        for name in ("list_connectors_alloy", "nope"):
            assert one.rpc("tools/call", {"name": name, "arguments": {}})["error"]["code"] == -32602

    def test_names_carry_the_connector_where_there_are_several(
        self, connected: Callable[..., Assistant], connector: str
    ) -> None:
        one = connected(mode="direct", restrictions={"connectors": {"allowedIds": [connector, "slack"]}})
        names = [tool["name"] for tool in one.rpc("tools/list")["result"]["tools"]]
        assert f"{connector}__listTasks" in names
        assert "slack__chat_postMessage" in names
        assert all(name.startswith((f"{connector}__", "slack__")) for name in names)
        assert one.ok(f"{connector}__listTasks")["status"] == "completed"
        assert one.refused("github__createIssue")["message"] == "Connector not allowed"

    def test_a_change_counts_at_once(
        self, service: Service, connected: Callable[..., Assistant], connector: str
    ) -> None:
        one = connected(mode="direct", restrictions={"connectors": {"allowedIds": [connector]}})
        assert one.ok("listTasks")
        path = f"/api/servers/{one.server['serverId']}"
        body = {"restrictions": {"connectors": {"allowedIds": [connector]}, "actions": {"allowedActions": ["getTask"]}}}
        assert service.client().put(path, json=body).status_code == 200
        assert [tool["name"] for tool in one.rpc("tools/list")["result"]["tools"]] == ["getTask"]
        assert one.refused("listTasks")["message"] == "Action not allowed"
        assert service.client().put(path, json={"mode": "connectivity"}).status_code == 200
        assert len(one.rpc("tools/list")["result"]["tools"]) == 8

    def test_long_lists_are_paged(self, assistant: Callable[..., Assistant], service: Service) -> None:
        paths = {
            f"/p{number}": {"get": {"operationId": f"op{number:03}", "responses": {"200": {"description": "ok"}}}}
            for number in range(250)
        }
        connector_id = f"wide-{uuid.uuid4().hex[:8]}"
        document = {"openapi": "3.0.0", "info": {"title": "Wide", "version": "1"}, "paths": paths}
        added = service.client().post(
            "/connectors", json={"id": connector_id, "document": document, "baseUrl": "https://example.com"}
        )
        assert added.status_code == 201
        one = assistant(mode="direct", restrictions={"connectors": {"allowedIds": [connector_id]}})
        first = one.rpc("tools/list")["result"]
        second = one.rpc("tools/list", {"cursor": first["nextCursor"]})["result"]
        names = [tool["name"] for tool in first["tools"] + second["tools"]]
        assert names == [f"op{number:03}" for number in range(250)]
        assert "nextCursor" not in second
        assert one.rpc("tools/list", {"cursor": "made up"})["error"]["code"] == -32602
        service.client().delete(f"/connectors/{connector_id}")

    def test_a_list_that_is_too_long_points_to_discovery(self, tmp_path: Path, upstream: Upstream) -> None:
        with serving(tmp_path, TOOLGATE_DIRECT_TOOLS="5") as running:
            added = running.client().post("/connectors", json={"id": "tasks", "document": upstream.document()})
            assert added.status_code == 201, added.text
            six = {"connectors": {"allowedIds": ["tasks"]}}
            one = Assistant(running, "someone", mode="direct", restrictions=six, customInstructions="Be brief.")
            listed = one.rpc("tools/list")["result"]["tools"]
            assert [tool["name"] for tool in listed[:2]] == ["discover_action_path_alloy", "get_action_details_alloy"]
            assert len(listed) == 8
            assert listed[0]["description"].startswith("This server offers 6 tools.")
            asked = {"protocolVersion": "2025-11-25"}
            said = one.rpc("initialize", asked)["result"]["instructions"]
            assert said.startswith("Be brief.\n\nThis server offers 6 tools.")
            found = one.ok("discover_action_path_alloy", goal="list the tasks")
            assert found["actions"][0]["tool"] in {tool["name"] for tool in listed}
            assert one.rpc("tools/call", {"name": "execute_action_alloy"})["error"]["code"] == -32602
            five = {**six, "actions": {"blockedActions": ["slow"]}}
            other = Assistant(running, "someone", mode="direct", restrictions=five)
            assert len(other.rpc("tools/list")["result"]["tools"]) == 5
            assert "instructions" not in other.rpc("initialize", asked)["result"]


def test_an_unknown_user_by_header_only_reads(service: Service, connector: str) -> None:
    made = service.client().post("/api/servers", json={"name": f"api {uuid.uuid4().hex}"}).json()
    client = service.client(x_alloy_userid="nobody-knows-them")

    def call(tool: str, **arguments: Any) -> httpx.Response:
        params = {"name": tool, "arguments": arguments}
        return client.post(
            f"/mcp/{made['serverId']}", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        )

    assert "isError" not in call("list_connectors_alloy").json()["result"]
    for answer in (
        call("execute_action_alloy", connectorId=connector, actionId="listTasks", parameters={}),
        call("create_credential_alloy", connectorId=connector, authenticationType="bearer", fields={"token": "x"}),
    ):
        assert json.loads(answer.json()["result"]["content"][0]["text"])["error"]["code"] == "FORBIDDEN"
