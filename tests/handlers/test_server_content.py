"""One implementation, two doors: MCP and plain REST give the same answer and the same refusal."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.service import Service
from support.upstream import Upstream, running

STATUS = {
    "INVALID_REQUEST": 400,
    "CREDENTIAL_NOT_FOUND": 400,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONNECTOR_NOT_FOUND": 404,
    "ACTION_NOT_FOUND": 404,
    "UPSTREAM_ERROR": 502,
    "UPSTREAM_TIMEOUT": 504,
}
NARROW = {"actions": {"blockedActions": ["deleteTask"]}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    connector_id = f"both-{uuid.uuid4().hex[:8]}"
    client = service.client()
    added = client.post("/connectors", json={"id": connector_id, "document": upstream.document()})
    assert added.status_code == 201, added.text
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Doors:
    """One user with a credential at one server, through both doors. `TASKS` stands for the connector's id."""

    def __init__(self, service: Service, connector: str, mode: str, **fields: Any) -> None:
        self.connector = connector
        self.http = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
        if "restrictions" not in fields:
            allowed = {"mode": "allowlist", "allowedIds": [connector, "slack"]}
            fields["restrictions"] = {"connectors": allowed, **NARROW}
        made = service.client().post(
            "/api/servers", json={"name": f"doors {uuid.uuid4().hex}", "mode": mode, "isPublic": True, **fields}
        )
        assert made.status_code == 201, made.text
        self.server_id = made.json()["serverId"]
        self.rest = f"/api/servers/{self.server_id}"
        stored = self.http.post(
            f"/connectors/{connector}/credentials",
            json={"userId": "me", "authenticationType": "bearer", "data": {"token": "secret-of-both"}},
        )
        assert stored.status_code == 200, stored.text

    def filled(self, value: Any) -> Any:
        return json.loads(json.dumps(value).replace("TASKS", self.connector))

    def rpc(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(
            f"/mcp/{self.server_id}",
            json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params},
            headers={"MCP-Protocol-Version": "2025-11-25"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def mcp_tool(self, name: str, arguments: Any) -> tuple[bool, Any]:
        """Whether it went well, and the JSON: the tool's, or the documented error."""
        answer = self.rpc("tools/call", {"name": name, "arguments": arguments})
        if "error" in answer:
            return False, documented(answer["error"])
        said = json.loads(answer["result"]["content"][0]["text"])
        return (False, said["error"]) if answer["result"].get("isError") else (True, said)

    def rest_tool(self, name: str, arguments: Any) -> tuple[bool, Any]:
        said = rest(self.http.post(f"{self.rest}/tools/{name}", json={"arguments": arguments}))
        return (True, said[1]["result"]) if said[0] else said

    def both(self, method: str, params: dict[str, Any], answer: httpx.Response) -> tuple[bool, Any]:
        """What both doors say, after they have been found to say the same."""
        by_rpc = self.rpc(method, params)
        over_mcp = (False, documented(by_rpc["error"])) if "error" in by_rpc else (True, by_rpc["result"])
        over_rest = rest(answer)
        assert over_mcp == over_rest
        return over_rest


def documented(error: dict[str, Any]) -> dict[str, Any]:
    """The documented error that a JSON-RPC error stands for."""
    data = dict(error["data"])
    code = "NOT_FOUND" if error["code"] == -32002 else data.pop("code")
    assert error["code"] == -32002 or (error["code"] == -32602 and STATUS[code] < 500)
    return {"code": code, "message": error["message"], "details": data}


def rest(answer: httpx.Response) -> tuple[bool, Any]:
    if answer.status_code == 200:
        return True, answer.json()
    error = answer.json()["error"]
    assert answer.status_code == STATUS[error["code"]], answer.text
    return False, error


@pytest.fixture
def doors(service: Service, connector: str) -> Callable[..., Doors]:
    return lambda mode="connectivity", **fields: Doors(service, connector, mode, **fields)


def without_ids(value: Any) -> Any:
    """An answer without what each execution or storing makes anew."""
    return {name: part for name, part in value.items() if name not in ("executionId", "credentialId")}


EXECUTE = "execute_action_alloy"
TASK = {"connectorId": "TASKS", "actionId": "getTask"}
# Tool, arguments, the code of the refusal (None: it goes well).
CALLS: list[tuple[str, dict[str, Any], str | None]] = [
    ("list_connectors_alloy", {}, None),
    ("list_connectors_alloy", {"limit": 0}, "INVALID_REQUEST"),
    ("list_connectors_alloy", {"cursor": "made up"}, "INVALID_REQUEST"),
    ("list_connectors_alloy", {"color": "red"}, "INVALID_REQUEST"),
    ("get_connector_resources_alloy", {"connectorId": "TASKS"}, None),
    ("get_connector_resources_alloy", {}, "INVALID_REQUEST"),
    ("get_connector_resources_alloy", {"connectorId": "github"}, "FORBIDDEN"),
    ("get_connector_resources_alloy", {"connectorId": "nope"}, "FORBIDDEN"),
    ("get_action_details_alloy", TASK, None),
    ("get_action_details_alloy", {**TASK, "actionId": "deleteTask"}, "FORBIDDEN"),
    ("get_action_details_alloy", {**TASK, "actionId": "nope"}, "ACTION_NOT_FOUND"),
    ("get_action_details_alloy", {"connectorId": "TASKS"}, "INVALID_REQUEST"),
    (EXECUTE, {**TASK, "parameters": {"id": "1"}}, None),
    (EXECUTE, {**TASK, "parameters": {}}, "INVALID_REQUEST"),
    (EXECUTE, {**TASK, "parameters": 5}, "INVALID_REQUEST"),
    (EXECUTE, {**TASK, "parameters": {"id": "1"}, "credentialId": "f" * 24}, "CREDENTIAL_NOT_FOUND"),
    (EXECUTE, {**TASK, "actionId": "deleteTask", "parameters": {"id": "1"}}, "FORBIDDEN"),
    (EXECUTE, {"connectorId": "github", "actionId": "x", "parameters": {}}, "FORBIDDEN"),
    (EXECUTE, {"connectorId": "slack", "actionId": "auth_test", "parameters": {}}, "CREDENTIAL_NOT_FOUND"),
    (EXECUTE, {**TASK, "actionId": "nope", "parameters": {}}, "ACTION_NOT_FOUND"),
    (EXECUTE, {**TASK, "actionId": "status", "parameters": {"id": "404"}}, "UPSTREAM_ERROR"),
    (EXECUTE, {**TASK, "actionId": "slow", "parameters": {}, "timeout": 1000}, "UPSTREAM_TIMEOUT"),
    (
        "create_credential_alloy",
        {"connectorId": "TASKS", "authenticationType": "bearer", "fields": {"token": "x"}},
        None,
    ),
    ("create_credential_alloy", {"connectorId": "TASKS", "authenticationType": "basic"}, "INVALID_REQUEST"),
    ("create_credential_alloy", {"connectorId": "github", "authenticationType": "bearer"}, "FORBIDDEN"),
    ("get_credentials_alloy", {"connectorId": "TASKS"}, None),
    ("get_credentials_alloy", {"connectorId": "github"}, "FORBIDDEN"),
    ("get_credentials_alloy", {"connectorId": 5}, "INVALID_REQUEST"),
    ("get_credential_metadata_alloy", {"connectorId": "slack"}, None),
    ("get_credential_metadata_alloy", {"connectorId": "github"}, "FORBIDDEN"),
    ("get_credential_metadata_alloy", {}, "INVALID_REQUEST"),
    ("discover_action_path_alloy", {"goal": "list tasks"}, None),
    ("discover_action_path_alloy", {"goal": ""}, "INVALID_REQUEST"),
    ("discover_action_path_alloy", {"goal": "x", "connectors": ["github"]}, "FORBIDDEN"),
    ("rm", {}, "NOT_FOUND"),
    ("TASKS__getTask", {"id": "1"}, "NOT_FOUND"),
]
DIRECT_CALLS: list[tuple[str, dict[str, Any], str | None]] = [
    ("TASKS__getTask", {"id": "1"}, None),
    ("TASKS__getTask", {}, "INVALID_REQUEST"),
    ("TASKS__deleteTask", {"id": "1"}, "FORBIDDEN"),
    ("TASKS__status", {"id": "500"}, "UPSTREAM_ERROR"),
    ("slack__auth_test", {}, "CREDENTIAL_NOT_FOUND"),
    ("github__createIssue", {}, "FORBIDDEN"),
    ("nobody__nothing", {}, "FORBIDDEN"),
    ("TASKS__nope", {}, "NOT_FOUND"),
    ("list_connectors_alloy", {}, "NOT_FOUND"),
]
EVERY_CALL = [("connectivity", *call) for call in CALLS] + [("direct", *call) for call in DIRECT_CALLS]


@pytest.mark.parametrize(("mode", "tool", "arguments", "code"), EVERY_CALL)
def test_tools(doors: Callable[..., Doors], mode: str, tool: str, arguments: dict[str, Any], code: str | None) -> None:
    both = doors(mode)
    tool, arguments = both.filled(tool), both.filled(arguments)
    went_well, by_rest = both.rest_tool(tool, arguments)
    assert (went_well, None if went_well else by_rest["code"]) == (code is None, code)
    # What was stored over REST would be a second credential, and the next call would have to choose.
    other = both if tool != "create_credential_alloy" else doors(mode)
    by_mcp = other.mcp_tool(tool, arguments)[1]
    assert without_ids(by_mcp) == without_ids(by_rest)


@pytest.mark.parametrize("arguments", [5, [], "x"])
@pytest.mark.parametrize(("mode", "tool"), [("connectivity", EXECUTE), ("direct", "TASKS__getTask")])
def test_arguments_that_are_no_object(doors: Callable[..., Doors], mode: str, tool: str, arguments: Any) -> None:
    both = doors(mode)
    by_rest, by_mcp = (ask(both.filled(tool), arguments) for ask in (both.rest_tool, both.mcp_tool))
    assert by_rest == by_mcp
    assert by_rest[1]["details"] == {"field": "arguments", "rule": "type"}


@pytest.mark.parametrize("mode", ["connectivity", "direct"])
def test_lists(doors: Callable[..., Doors], mode: str) -> None:
    both = doors(mode)
    for method, path, name in (
        ("tools/list", "tools", "tools"),
        ("resources/list", "resources", "resources"),
        ("resources/templates/list", "resources/templates", "resourceTemplates"),
        ("prompts/list", "prompts", "prompts"),
    ):
        whole, said = both.both(method, {}, both.http.get(f"{both.rest}/{path}"))
        assert whole
        assert len(said[name]) > 1
        assert "nextCursor" not in said
        paged: list[Any] = []
        parameters: dict[str, Any] = {"limit": 1}
        while True:
            page = both.http.get(f"{both.rest}/{path}", params=parameters).json()
            paged += page[name]
            if "nextCursor" not in page:
                break
            parameters["cursor"] = page["nextCursor"]
            # MCP goes on where REST has ended.
            rest_of_it = both.rpc(method, {"cursor": page["nextCursor"]})["result"][name]
            assert [*paged, *rest_of_it] == said[name]
        assert paged == said[name]
        refused, error = both.both(
            method, {"cursor": "bm9wZQ=="}, both.http.get(f"{both.rest}/{path}", params={"cursor": "bm9wZQ=="})
        )
        assert not refused
        assert error["details"] == {"field": "cursor", "rule": "known"}


# Address, the code of the refusal.
READS: list[tuple[str, str | None]] = [
    ("toolgate://connectors", None),
    ("toolgate://connectors/TASKS", None),
    ("toolgate://connectors/TASKS/actions/getTask", None),
    ("toolgate://connectors/TASKS/actions/tasks%2Fcreate", None),
    ("toolgate://connectors/sl%61ck", None),
    ("toolgate://server/instructions", None),
    ("toolgate://server/policy", None),
    ("toolgate://activity", None),
    ("toolgate://connectors/github", "FORBIDDEN"),
    ("toolgate://connectors/nope", "FORBIDDEN"),
    ("toolgate://connectors/TASKS/actions/deleteTask", "FORBIDDEN"),
    ("toolgate://connectors/github/actions/createIssue", "FORBIDDEN"),
    ("toolgate://connectors/TASKS/actions/nope", "NOT_FOUND"),
    ("toolgate://connectors/TASKS/", "NOT_FOUND"),
    ("toolgate://connectors/TASKS/actions", "NOT_FOUND"),
    ("toolgate://connectors/%ff", "NOT_FOUND"),
    ("toolgate://connectors/%", "NOT_FOUND"),
    ("toolgate://connectors?x=1", "NOT_FOUND"),
    ("toolgate://", "NOT_FOUND"),
    ("https://example.com/", "NOT_FOUND"),
    ("file:///etc/passwd", "NOT_FOUND"),
    ("toolgate://connectors/\u0000", "NOT_FOUND"),
]


@pytest.mark.parametrize("mode", ["connectivity", "direct"])
@pytest.mark.parametrize(("uri", "code"), READS)
def test_resources(doors: Callable[..., Doors], mode: str, uri: str, code: str | None) -> None:
    both = doors(mode, customInstructions="Be *brief*.")
    uri = both.filled(uri)
    went_well, said = both.both(
        "resources/read", {"uri": uri}, both.http.get(f"{both.rest}/resources/read", params={"uri": uri})
    )
    assert (went_well, None if went_well else said["code"]) == (code is None, code)
    if went_well:
        assert all(part["uri"] == uri and part["mimeType"] for part in said["contents"])
    elif code == "NOT_FOUND":
        assert said["details"] == {"uri": uri}
    else:
        assert said["message"] in ("Connector not allowed", "Action not allowed")


PROMPTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("start", {}, None),
    ("start", {"x": "y"}, "arguments.x"),
    ("connect-a-platform", {"connector": "TASKS"}, None),
    ("connect-a-platform", {}, "arguments.connector"),
    ("connect-a-platform", {"connector": ""}, "arguments.connector"),
    ("connect-a-platform", {"connector": 5}, "arguments.connector"),
    ("connect-a-platform", {"connector": "slack", "color": "red"}, "arguments.color"),
    ("connect-a-platform", {"connector": "github"}, "FORBIDDEN"),
    ("connect-a-platform", {"connector": "nope"}, "FORBIDDEN"),
    ("find-actions", {"goal": "list my tasks"}, None),
    ("find-actions", {"goal": "x" * 2001}, "arguments.goal"),
    ("find-actions", {}, "arguments.goal"),
    ("explain-denial", {}, None),
    ("explain-denial", {"connector": "", "action": ""}, None),
    ("explain-denial", {"connector": "github"}, None),
    ("explain-denial", {"connector": "TASKS", "action": "deleteTask"}, None),
    ("explain-denial", {"action": "deleteTask"}, "arguments.connector"),
    ("nope", {}, "NOT_FOUND"),
]


@pytest.mark.parametrize("mode", ["connectivity", "direct"])
@pytest.mark.parametrize(("prompt", "arguments", "refusal"), PROMPTS)
def test_prompts(
    doors: Callable[..., Doors], mode: str, prompt: str, arguments: dict[str, Any], refusal: str | None
) -> None:
    both = doors(mode)
    arguments = both.filled(arguments)
    went_well, said = both.both(
        "prompts/get",
        {"name": prompt, "arguments": arguments},
        both.http.post(f"{both.rest}/prompts/{prompt}", json={"arguments": arguments}),
    )
    if refusal is None:
        assert went_well, said
        assert all(message["content"]["text"] for message in said["messages"])
    elif refusal.startswith("arguments."):
        assert (said["code"], said["details"]["field"]) == ("INVALID_REQUEST", refusal)
    else:
        assert said["code"] == refusal


def test_who_may_come_in_is_the_same(service: Service, connector: str) -> None:
    operator = service.client()
    made = operator.post("/api/servers", json={"name": f"private {uuid.uuid4().hex}"}).json()
    path = f"/api/servers/{made['serverId']}"
    stranger = service.client(Authorization=f"Bearer {token('a-stranger')}")
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}

    def asked(client: httpx.Client) -> list[httpx.Response]:
        return [
            client.post(f"/mcp/{made['serverId']}", json=ping),
            client.get(f"{path}/tools"),
            client.post(f"{path}/tools/list_connectors_alloy", json={}),
            client.get(f"{path}/resources"),
            client.get(f"{path}/resources/templates"),
            client.get(f"{path}/resources/read", params={"uri": "toolgate://connectors"}),
            client.get(f"{path}/prompts"),
            client.post(f"{path}/prompts/start", json={}),
        ]

    assert {answer.status_code for answer in asked(operator)} == {200}
    for restrictions, status, message in (
        ({"users": {"allowedIds": ["me"]}}, 404, "Server not found"),
        ({"users": {"allowedIds": ["a-stranger"]}}, 200, None),
        ({"users": {"blockedIds": ["a-stranger"]}}, 403, "User not allowed"),
    ):
        body = {"restrictions": restrictions, "isPublic": status == 403}
        assert operator.put(path, json=body).status_code == 200
        answers = asked(stranger)
        assert [answer.status_code for answer in answers] == [status] * len(answers)
        if message:
            assert {answer.json()["error"]["message"] for answer in answers} == {message}
    for answer in asked(service.client(Authorization="")):
        assert answer.status_code == 401
    manager = service.run("keys", "create", "--scope", "manage").stdout.split()[0]
    for answer in asked(service.client(Authorization=f"Bearer {manager}")):
        assert (answer.status_code, "use" in answer.json()["error"]["message"]) == (403, True)


def test_an_unknown_user_by_header_reads_at_both_doors(service: Service, connector: str) -> None:
    made = service.client().post("/api/servers", json={"name": f"unknown {uuid.uuid4().hex}"}).json()
    client = service.client(x_alloy_userid="nobody-knows-them")
    path = f"/api/servers/{made['serverId']}"
    assert client.post(f"{path}/tools/list_connectors_alloy", json={}).status_code == 200
    assert client.post(f"{path}/prompts/start", json={}).status_code == 200
    call = {"connectorId": connector, "actionId": "listTasks", "parameters": {}}
    refused = client.post(f"{path}/tools/execute_action_alloy", json={"arguments": call})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert "x-alloy-userid" in refused.json()["error"]["message"]


def test_the_credential_header_counts(doors: Callable[..., Doors], upstream: Upstream) -> None:
    both = doors()
    second = both.http.post(
        f"/connectors/{both.connector}/credentials",
        json={"userId": "me", "authenticationType": "bearer", "data": {"token": "the-second"}},
    ).json()["credentialId"]
    call = {"arguments": both.filled({"connectorId": "TASKS", "actionId": "listTasks", "parameters": {}})}
    path = f"{both.rest}/tools/{EXECUTE}"
    assert both.http.post(path, json=call).status_code == 400
    chosen = both.http.post(path, json=call, headers={"x-credential-id": second})
    assert chosen.status_code == 200, chosen.text
    assert upstream.received[-1][2]["authorization"] == "Bearer the-second"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/tools?limit=0", None, 400),
        ("GET", "/tools?limit=1001", None, 400),
        ("GET", "/tools?limit=many", None, 400),
        ("GET", "/tools?cursor=", None, 400),
        ("GET", "/tools?cursor=%00", None, 400),
        ("GET", "/tools?color=red", None, 400),
        ("POST", "/tools/list_connectors_alloy", [], 400),
        ("POST", "/tools/list_connectors_alloy", {"argument": {}}, 400),
        ("POST", "/tools/list_connectors_alloy", {"arguments": None}, 400),
        ("POST", "/tools/%00", {}, 404),
        ("GET", "/resources?limit=-1", None, 400),
        ("GET", "/resources/templates?cursor=x", None, 400),
        ("GET", "/resources/read", None, 400),
        ("GET", "/resources/read?uri=", None, 400),
        ("GET", f"/resources/read?uri={'x' * 2049}", None, 400),
        ("GET", "/prompts?limit=1.5", None, 400),
        ("POST", "/prompts/start", {"arguments": []}, 400),
        ("POST", "/prompts/start", {"arguments": {"x": None}}, 400),
        ("POST", "/prompts/start", {"messages": []}, 400),
    ],
)
def test_bad_requests(service: Service, method: str, path: str, body: Any, status: int) -> None:
    client = service.client()
    made = client.post("/api/servers", json={"name": f"bad {uuid.uuid4().hex}"}).json()
    answer = client.request(method, f"/api/servers/{made['serverId']}{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]


def test_a_server_that_is_not_there(service: Service) -> None:
    answer = service.client().get("/api/servers/nobody-a1b2c3d4/tools")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
