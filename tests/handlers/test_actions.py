"""A connector's actions over REST: listed, described, executed."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.raw import request
from support.service import Service
from support.upstream import Upstream, running

SECRET = "s3cret-token-of-the-platform"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    connector_id = f"rest-{uuid.uuid4().hex[:8]}"
    client = service.client()
    assert client.post("/connectors", json={"id": connector_id, "document": upstream.document()}).status_code == 201
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


@pytest.fixture(scope="module")
def credential(service: Service, connector: str) -> str:
    body = {"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}}
    made = service.client().post(f"/connectors/{connector}/credentials", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["credentialId"])


def execute(client: httpx.Client, connector: str, action: str, **body: Any) -> httpx.Response:
    return client.post(f"/connectors/{connector}/actions/{action}/execute", json=body)


def test_resources_hold_every_action(service: Service, connector: str) -> None:
    resources = service.client().get(f"/connectors/{connector}/resources").json()["resources"]
    assert [resource["name"] for resource in resources] == ["tasks", "odd"]
    actions = {action["id"]: action for resource in resources for action in resource["actions"]}
    assert len(actions) == 6
    assert actions["listTasks"] == {
        "id": "listTasks",
        "displayName": "listTasks",
        "description": actions["listTasks"]["description"],
        "httpMethod": "get",
        "path": "/tasks",
    }


def test_actions_in_pages(service: Service, connector: str) -> None:
    client, path = service.client(), f"/connectors/{connector}/actions"
    whole = client.get(path).json()
    ids = [action["id"] for action in whole["actions"]]
    assert (len(ids), whole["total"], whole["limit"], whole["offset"], whole["hasMore"]) == (6, 6, 100, 0, False)
    page = client.get(path, params={"limit": 2, "offset": 3}).json()
    assert [action["id"] for action in page["actions"]] == ids[3:5]
    assert (page["total"], page["hasMore"]) == (6, True)
    found = client.get(path, params={"query": "TASK delete"}).json()
    assert [action["id"] for action in found["actions"]] == ["deleteTask"]
    assert client.get(path, params={"query": "no such word"}).json()["total"] == 0


def test_details_of_an_action(service: Service) -> None:
    action = service.client().get("/connectors/slack/actions/chat_postMessage").json()["action"]
    assert (action["id"], action["httpMethod"], action["path"]) == ("chat_postMessage", "post", "/chat.postMessage")
    assert {"channel", "text"} <= set(action["requestBody"]["properties"])


def test_an_action_goes_by_its_documents_own_spelling_too(service: Service, connector: str, credential: str) -> None:
    client = service.client()
    by_alias = client.get(f"/connectors/{connector}/actions/tasks%2Fcreate")
    assert by_alias.status_code == 200
    safe = by_alias.json()["action"]["id"]
    assert safe != "tasks/create"
    assert client.get(f"/connectors/{connector}/actions/{safe}").json() == by_alias.json()
    done = execute(client, connector, "tasks%2fcreate", credentialId=credential, requestBody={"title": "x"})
    assert (done.status_code, done.json()["responseData"]["body"]) == (200, {"title": "x"})
    # A slash that parts segments is not one that belongs to an id.
    assert client.get(f"/connectors/{connector}/actions/tasks/create").json()["error"]["code"] == "NOT_FOUND"


def test_execution(service: Service, connector: str, credential: str, upstream: Upstream) -> None:
    done = execute(
        service.client(),
        connector,
        "getTask",
        credentialId=credential,
        pathParams={"id": "a/b c"},
        headers={"X-Trace": "abc"},
    )
    assert done.status_code == 200, done.text
    assert (done.json()["status"], len(done.json()["executionId"])) == ("completed", 24)
    method, target, headers, _ = upstream.received[-1]
    assert (method, target) == ("GET", "/tasks/a%2Fb%20c")
    assert (headers["authorization"], headers["x-trace"]) == (f"Bearer {SECRET}", "abc")
    listed = execute(service.client(), connector, "listTasks", credentialId=credential, queryParameters={"count": 2})
    assert [task["id"] for task in listed.json()["responseData"]] == [0, 1]


def test_no_servers_restrictions_apply(service: Service, connector: str, credential: str) -> None:
    client = service.client()
    restricted = {"name": f"none {uuid.uuid4().hex}", "restrictions": {"connectors": {"mode": "allowlist"}}}
    assert client.post("/api/servers", json=restricted).status_code == 201
    assert execute(client, connector, "listTasks", credentialId=credential).status_code == 200


@pytest.mark.parametrize(
    ("action", "body", "field", "rule"),
    [
        ("listTasks", {}, "credentialId", "required"),
        ("listTasks", {"credentialId": 5}, "credentialId", "type"),
        ("listTasks", {"credentialId": ""}, "credentialId", "minLength"),
        ("listTasks", {"credentialId": "x", "parameters": {}}, "parameters", "additionalProperties"),
        ("listTasks", {"credentialId": "x", "queryParameters": []}, "queryParameters", "type"),
        ("listTasks", {"credentialId": "x", "timeout": 999}, "timeout", "minimum"),
        ("listTasks", {"credentialId": True, "queryParameters": {"count": 1}}, "credentialId", "type"),
        ("listTasks", {"queryParameters": {"count": "many"}, "credentialId": ...}, "queryParameters.count", "type"),
        ("listTasks", {"queryParameters": {"limit": 1}, "credentialId": ...}, "queryParameters.limit", "unknown"),
        ("tasks%2Fcreate", {"requestBody": {"title": 5}, "credentialId": ...}, "requestBody.title", "type"),
        ("getTask", {"headers": {"Authorization": "mine"}, "credentialId": ...}, "headers.Authorization", None),
    ],
)
def test_bad_bodies_name_the_field(
    service: Service,
    connector: str,
    credential: str,
    upstream: Upstream,
    action: str,
    body: dict[str, Any],
    field: str,
    rule: str | None,
) -> None:
    before = len(upstream.received)
    given = {name: credential if value is ... else value for name, value in body.items()}
    answer = execute(service.client(), connector, action, **given)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["code"], error["details"]["field"]) == ("INVALID_REQUEST", field)
    assert rule in (None, error["details"]["rule"])
    assert "parameters." not in error["message"].replace("Parameters.", "")
    assert len(upstream.received) == before


@pytest.mark.parametrize("wrong", ["507f1f77bcf86cd799439011", "cred_abc123", "x" * 5000, "\0"])
def test_credentials_that_are_not_the_callers(service: Service, connector: str, wrong: str) -> None:
    answer = execute(service.client(), connector, "listTasks", credentialId=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "CREDENTIAL_NOT_FOUND")


def test_anothers_credential_is_not_found(service: Service, connector: str, credential: str) -> None:
    stranger = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
    answer = execute(stranger, connector, "listTasks", credentialId=credential)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "CREDENTIAL_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/connectors/nope/resources", "CONNECTOR_NOT_FOUND"),
        ("/connectors/nope/actions", "CONNECTOR_NOT_FOUND"),
        ("/connectors/nope/actions/x", "CONNECTOR_NOT_FOUND"),
        ("/connectors/slack/actions/nope", "ACTION_NOT_FOUND"),
        ("/connectors/slack/actions/CHAT_POSTMESSAGE", "ACTION_NOT_FOUND"),
        ("/connectors/slack/actions/%00", "ACTION_NOT_FOUND"),
        ("/connectors/slack%2Factions/x", "NOT_FOUND"),
    ],
)
def test_what_is_not_there(service: Service, path: str, code: str) -> None:
    answer = service.client().get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


def test_an_action_that_is_not_there_is_not_executed(service: Service) -> None:
    for path, code in (("slack/actions/nope", "ACTION_NOT_FOUND"), ("nope/actions/x", "CONNECTOR_NOT_FOUND")):
        answer = service.client().post(f"/connectors/{path}/execute", json={"credentialId": "x"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_refusal_of_the_platform_is_502(service: Service, connector: str, credential: str, status: int) -> None:
    answer = execute(service.client(), connector, "status", credentialId=credential, pathParams={"id": str(status)})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["status"]) == (502, "UPSTREAM_ERROR", status)
    assert SECRET not in answer.text


def test_a_slow_platform_is_504(service: Service, connector: str, credential: str) -> None:
    answer = execute(service.client(), connector, "slow", credentialId=credential, timeout=1000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "UPSTREAM_TIMEOUT")


def test_only_keys_with_the_scope_use_execute(service: Service, connector: str, credential: str) -> None:
    manage = json.loads(service.run("keys", "create", "--json", "--scope", "manage").stdout)["key"]
    client = service.client(Authorization=f"Bearer {manage}")
    assert client.get(f"/connectors/{connector}/actions").status_code == 200
    assert execute(client, connector, "listTasks", credentialId=credential).status_code == 403
    nobody = service.client(x_alloy_userid="nobody-knows-them")
    assert execute(nobody, connector, "listTasks", credentialId=credential).status_code == 403


def test_every_execution_is_on_record(service: Service, connector: str) -> None:
    user = f"user-{uuid.uuid4().hex}"
    client = service.client(Authorization=f"Bearer {token(user)}")
    body = {"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}}
    credential = client.post(f"/connectors/{connector}/credentials", json=body).json()["credentialId"]
    execute(client, connector, "listTasks", credentialId=credential)
    execute(client, connector, "status", credentialId=credential, pathParams={"id": "404"})
    execute(client, connector, "nope", credentialId=credential)
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    rows = database.execute(
        "SELECT door, server_id, action_id, outcome, upstream_status FROM audit WHERE user_id = ? AND event = ?"
        " ORDER BY audit_id",
        [user, "action.execute"],
    ).fetchall()
    database.close()
    assert rows == [
        ("jwt", None, "listTasks", "ok", 200),
        ("jwt", None, "status", "UPSTREAM_ERROR", 404),
        ("jwt", None, "nope", "ACTION_NOT_FOUND", None),
    ]


@pytest.mark.parametrize(("given", "status"), [(None, 200), ("2025-06", 200), ("2025-09", 200), ("2024-01", 400)])
@pytest.mark.parametrize("name", ["x-api-version", "X-API-Version"])
@pytest.mark.parametrize("path", ["/connectors", "/connectors/slack/actions", "/metadata/credentials"])
def test_api_versions(service: Service, path: str, name: str, given: str | None, status: int) -> None:
    headers = () if given is None else (f"{name}: {given}".encode(),)
    answer = request(service, b"GET", path.encode(), headers=headers)
    assert answer.status == status
    if status == 400:
        error = answer.json()["error"]
        assert error["details"] == {"field": "x-api-version", "rule": "enum"}
        assert "2025-06, 2025-09" in error["message"]


def test_other_headers_stay_plain_strings(service: Service) -> None:
    assert service.client(x_api_version="whatever").get("/api/servers").status_code == 200


def test_what_needs_no_credential_is_not_stopped_by_the_choice_between_several(
    service: Service, upstream: Upstream
) -> None:
    client, connector_id = service.client(), f"free-{uuid.uuid4().hex[:8]}"
    document = upstream.document()
    document["paths"]["/tasks"]["get"]["security"] = []
    body = {"id": connector_id, "document": document, "auth": {"type": "bearer"}}
    assert client.post("/connectors", json=body).status_code == 201
    try:
        for number in range(2):
            stored = {"userId": "me", "authenticationType": "bearer", "data": {"token": f"one-of-several-{number}"}}
            assert client.post(f"/connectors/{connector_id}/credentials", json=stored).status_code == 200
        url = client.post("/api/servers", json={"name": connector_id}).json()["accessUrl"]
        free = executed(url, connectorId=connector_id, actionId="listTasks", parameters={})
        assert "isError" not in free
        assert "authorization" not in upstream.received[-1][2]
        asked = executed(url, connectorId=connector_id, actionId="getTask", parameters={"id": "1"})
        assert json.loads(asked["content"][0]["text"])["error"]["details"]["field"] == "credentialId"
    finally:
        client.delete(f"/connectors/{connector_id}")


def executed(url: str, **arguments: Any) -> Any:
    """The result of `execute_action_alloy` at a token URL."""
    params = {"name": "execute_action_alloy", "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return httpx.post(url, json=body, trust_env=False, timeout=30).json()["result"]
