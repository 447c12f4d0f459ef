"""One credential over REST: shown, renamed, replaced, tested, removed; and what each connector needs."""

import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

import spec
from support.jwts import token
from support.service import Service
from support.upstream import Upstream, running

SECRET = "s3cret-token-of-the-platform"
OTHER = "an0ther-token-of-the-platform"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> Iterator[str]:
    connector_id = f"creds-{uuid.uuid4().hex[:8]}"
    client = service.client()
    assert client.post("/connectors", json={"id": connector_id, "document": upstream.document()}).status_code == 201
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Owner:
    """A user with one credential."""

    def __init__(self, service: Service, connector: str) -> None:
        self.user = f"user-{uuid.uuid4().hex}"
        self.client = service.client(Authorization=f"Bearer {token(self.user)}")
        body = {"userId": "me", "authenticationType": "bearer", "name": "Mine", "data": {"token": SECRET}}
        made = self.client.post(f"/connectors/{connector}/credentials", json=body)
        assert made.status_code == 200, made.text
        self.credential = made.json()["credentialId"]
        self.path = f"/connectors/{connector}/credentials/{self.credential}"

    def used(self, upstream: Upstream, connector: str) -> str:
        """The token that reaches the platform."""
        answer = self.client.post(
            f"/connectors/{connector}/actions/listTasks/execute", json={"credentialId": self.credential}
        )
        assert answer.status_code == 200, answer.text
        return upstream.received[-1][2]["authorization"]


@pytest.fixture
def owner(service: Service, connector: str) -> Owner:
    return Owner(service, connector)


def test_get_shows_names_and_kinds(owner: Owner, connector: str) -> None:
    got = owner.client.get(owner.path)
    assert got.status_code == 200
    shown = got.json()
    assert {"credentialId": owner.credential, "name": "Mine", "type": f"{connector}-bearer"}.items() <= shown.items()
    assert set(shown) == {"credentialId", "name", "type", "createdAt", "updatedAt"}
    listed = owner.client.get(f"/connectors/{connector}/credentials").json()["credentials"]
    assert listed == [shown]


def test_rename_keeps_the_secret(owner: Owner, connector: str, upstream: Upstream) -> None:
    renamed = owner.client.patch(owner.path, json={"name": "Sales"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Sales")
    assert owner.client.get(owner.path).json() == renamed.json()
    assert owner.used(upstream, connector) == f"Bearer {SECRET}"


def test_replace_keeps_the_id_and_the_name(owner: Owner, connector: str, upstream: Upstream) -> None:
    body = {"authenticationType": "bearer", "data": {"token": OTHER}}
    replaced = owner.client.put(owner.path, json=body)
    assert (replaced.status_code, replaced.json()["name"]) == (200, "Mine")
    assert OTHER not in replaced.text
    assert owner.used(upstream, connector) == f"Bearer {OTHER}"
    named = owner.client.put(owner.path, json={**body, "name": "New"})
    assert named.json()["name"] == "New"


def test_delete(owner: Owner, connector: str) -> None:
    gone = owner.client.delete(owner.path)
    assert (gone.status_code, gone.json()) == (200, {"success": True})
    for answer in (
        owner.client.get(owner.path),
        owner.client.patch(owner.path, json={"name": "x"}),
        owner.client.put(owner.path, json={"authenticationType": "bearer", "data": {"token": "x"}}),
        owner.client.delete(owner.path),
        owner.client.post(f"{owner.path}/test"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert owner.client.get(f"/connectors/{connector}/credentials").json() == {"credentials": []}


@pytest.mark.parametrize(
    ("method", "body", "field", "rule"),
    [
        ("PATCH", {}, "body", "minProperties"),
        ("PATCH", {"name": ""}, "name", "minLength"),
        ("PATCH", {"name": "x" * 101}, "name", "maxLength"),
        ("PATCH", {"name": "a\0b"}, "name", "pattern"),
        ("PATCH", {"name": "x", "data": {}}, "data", "additionalProperties"),
        ("PUT", {}, "authenticationType", "required"),
        ("PUT", {"authenticationType": "magic"}, "authenticationType", "enum"),
        ("PUT", {"authenticationType": "basic", "data": {}}, "authenticationType", "enum"),
        ("PUT", {"authenticationType": "bearer"}, "data.token", "required"),
        ("PUT", {"authenticationType": "bearer", "data": {"token": "a\nb"}}, "data.token", "characters"),
        ("PUT", {"authenticationType": "bearer", "data": {"token": "x", "more": "y"}}, "data.more", "unknown"),
        ("PUT", {"authenticationType": "bearer", "data": {"token": 5}}, "data.token", "type"),
        ("PUT", {"authenticationType": "bearer", "data": {"token": "x"}, "userId": "me"}, "userId", None),
    ],
)
def test_bad_bodies_change_nothing(
    owner: Owner, connector: str, upstream: Upstream, method: str, body: dict[str, Any], field: str, rule: str | None
) -> None:
    before = owner.client.get(owner.path).json()
    answer = owner.client.request(method, owner.path, json=body)
    assert answer.status_code == 400, answer.text
    details = answer.json()["error"]["details"]
    assert details["field"] == field
    assert rule in (None, details["rule"])
    assert owner.client.get(owner.path).json() == before
    assert owner.used(upstream, connector) == f"Bearer {SECRET}"


def touches(client: httpx.Client, path: str) -> list[httpx.Response]:
    """Every operation on one credential."""
    return [
        client.get(path),
        client.patch(path, json={"name": "stolen"}),
        client.put(path, json={"authenticationType": "bearer", "data": {"token": "x"}}),
        client.post(f"{path}/test"),
        client.delete(path),
    ]


def test_anothers_credential_is_not_there(service: Service, owner: Owner, connector: str, upstream: Upstream) -> None:
    stranger = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
    for answer in touches(stranger, owner.path):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    # Nor may a JWT say whose it is.
    assert stranger.get(owner.path, params={"userId": owner.user}).status_code == 403
    assert stranger.delete(owner.path, params={"userId": owner.user}).status_code == 403
    # The operator's own credentials do not hold it; naming the user does.
    for answer in touches(service.client(), owner.path):
        assert answer.status_code == 404
    assert owner.used(upstream, connector) == f"Bearer {SECRET}"
    assert service.client().get(owner.path, params={"userId": owner.user}).json()["name"] == "Mine"
    assert service.client().delete(owner.path, params={"userId": owner.user}).json() == {"success": True}


def test_a_credential_is_its_connectors(service: Service, owner: Owner) -> None:
    path = f"/connectors/slack/credentials/{owner.credential}"
    assert {answer.status_code for answer in touches(owner.client, path)} == {404}
    assert owner.client.get(owner.path).status_code == 200
    for odd in ("x", "%00", "507F1F77BCF86CD799439011", "metadata%2F"):
        assert owner.client.get(f"/connectors/slack/credentials/{odd}").status_code == 404


def test_a_replaced_secret_is_not_suspended_any_more(service: Service, upstream: Upstream) -> None:
    connector_id = f"moving-{uuid.uuid4().hex[:8]}"
    operator = service.client()
    document = upstream.document()
    operator.post("/connectors", json={"id": connector_id, "document": document, "baseUrl": "http://127.0.0.1:9"})
    owner = Owner(service, connector_id)
    assert operator.put(f"/connectors/{connector_id}", json={"document": document}).json()["suspendedCredentials"] == 1
    assert owner.client.get(owner.path).json()["suspended"] is True
    assert owner.client.post(f"{owner.path}/test").status_code == 403
    assert owner.client.patch(owner.path, json={"name": "still"}).json()["suspended"] is True
    owner.client.put(owner.path, json={"authenticationType": "bearer", "data": {"token": OTHER}})
    assert "suspended" not in owner.client.get(owner.path).json()
    assert owner.used(upstream, connector_id) == f"Bearer {OTHER}"
    operator.delete(f"/connectors/{connector_id}")


def test_a_test_asks_the_first_action_that_only_reads(owner: Owner, connector: str, upstream: Upstream) -> None:
    said = owner.client.post(f"{owner.path}/test")
    assert (said.status_code, said.json()) == (200, {"ok": True, "status": 200, "message": said.json()["message"]})
    method, target, headers, _ = upstream.received[-1]
    assert (method, target, headers["authorization"]) == ("GET", "/tasks", f"Bearer {SECRET}")
    assert SECRET not in said.text


def refusing(upstream: Upstream, path: str) -> dict[str, Any]:
    """A platform whose only action answers at `path`."""
    ok = {"200": {"description": "ok"}}
    return {**upstream.document(), "paths": {path: {"get": {"operationId": "ask", "responses": ok}}}}


def test_a_refused_credential_is_an_answer(service: Service, upstream: Upstream) -> None:
    connector_id = f"refusing-{uuid.uuid4().hex[:8]}"
    operator = service.client()
    operator.post("/connectors", json={"id": connector_id, "document": refusing(upstream, "/status/401")})
    owner = Owner(service, connector_id)
    said = owner.client.post(f"{owner.path}/test")
    assert said.status_code == 200
    assert (said.json()["ok"], said.json()["status"]) == (False, 401)
    assert "401" in said.json()["message"]
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    rows = database.execute(
        "SELECT event, action_id, outcome, upstream_status FROM audit WHERE user_id = ? ORDER BY audit_id",
        [owner.user],
    ).fetchall()
    database.close()
    assert rows[1:] == [("credential.create", None, "ok", None), ("credential.test", "ask", "UPSTREAM_ERROR", 401)]
    operator.delete(f"/connectors/{connector_id}")


def test_a_platform_that_is_not_there(service: Service, upstream: Upstream) -> None:
    connector_id = f"absent-{uuid.uuid4().hex[:8]}"
    operator = service.client()
    body = {"id": connector_id, "document": upstream.document(), "baseUrl": "http://127.0.0.1:9"}
    assert operator.post("/connectors", json=body).status_code == 201
    owner = Owner(service, connector_id)
    said = owner.client.post(f"{owner.path}/test")
    assert (said.status_code, said.json()["ok"]) == (200, False)
    assert "status" not in said.json()
    operator.delete(f"/connectors/{connector_id}")


def test_a_connector_with_nothing_to_ask(service: Service, upstream: Upstream) -> None:
    connector_id = f"mute-{uuid.uuid4().hex[:8]}"
    operator = service.client()
    document = upstream.document()
    document["paths"] = {"/tasks": {"post": document["paths"]["/tasks"]["post"]}}
    assert operator.post("/connectors", json={"id": connector_id, "document": document}).status_code == 201
    owner = Owner(service, connector_id)
    before = len(upstream.received)
    answer = owner.client.post(f"{owner.path}/test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert len(upstream.received) == before
    operator.delete(f"/connectors/{connector_id}")


def test_every_change_is_on_record(service: Service, owner: Owner) -> None:
    touches(owner.client, owner.path)
    database = sqlite3.connect(service.data_dir / "toolgate.db")
    events = [
        event
        for (event,) in database.execute("SELECT event FROM audit WHERE user_id = ? ORDER BY audit_id", [owner.user])
    ]
    database.close()
    assert events == [
        # The owner's JWT was their first.
        "user.create",
        "credential.create",
        "credential.rename",
        "credential.replace",
        "credential.test",
        "credential.delete",
    ]


@pytest.mark.parametrize("connector_id", spec.connector_names())
def test_metadata_describes_a_body_that_is_taken(service: Service, connector_id: str) -> None:
    client = service.client(Authorization=f"Bearer {token(f'user-{uuid.uuid4().hex}')}")
    metadata = client.get(f"/connectors/{connector_id}/credentials/metadata").json()["metadata"]
    assert metadata
    for entry in metadata:
        if entry["authenticationType"] == "oauth2":
            # A sign-in stores nothing here, and needs an auth config first: tests/handlers/test_oauth_flow.py.
            continue
        schema = entry["inputSchema"]
        assert schema["properties"]["authenticationType"] == {"const": entry["authenticationType"]}
        assert {"userId", "authenticationType"} <= set(schema["required"])
        assert entry["authConfigRequired"] is False
        judge = jsonschema_rs.Draft202012Validator(schema)
        assert judge.is_valid(entry["sampleInput"])
        assert not judge.is_valid({**entry["sampleInput"], "data": {}})
        stored = client.post(f"/connectors/{connector_id}/credentials", json=entry["sampleInput"])
        assert stored.status_code == 200, stored.text


def test_metadata_of_no_connector(service: Service) -> None:
    answer = service.client().get("/connectors/nope/credentials/metadata")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CONNECTOR_NOT_FOUND")


def test_metadata_of_every_connector(service: Service, connector: str) -> None:
    found = {entry["connector"]: entry for entry in service.client().get("/metadata/credentials").json()["data"]}
    assert {"slack", "shopify", connector} <= set(found)
    assert set(found["shopify"]) == {"connector", "icon", "isOauth", "properties"}
    names = [prop["name"] for prop in found["shopify"]["properties"]]
    assert names == ["apiKey", "shopName"]
    assert all(prop["displayName"] for entry in found.values() for prop in entry["properties"])
