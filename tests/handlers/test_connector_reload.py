"""A connector is brought again: what changed is told, and who still names what is gone."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from support.service import Service


def document(*names: str, **more: Any) -> dict[str, Any]:
    responses = {"200": {"description": "ok"}}
    return {
        "openapi": "3.2.0",
        "info": {"title": "Inventory", "version": "1"},
        "servers": [{"url": "https://inventory.example.com"}],
        "paths": {f"/{name}": {"get": {"operationId": name, "responses": responses, **more}} for name in names},
    }


@pytest.fixture
def connector(service: Service) -> Iterator[str]:
    connector_id = f"reload-{uuid.uuid4().hex[:8]}"
    body = {"id": connector_id, "document": document("listThings", "getThing")}
    made = service.client().post("/connectors", json=body)
    assert (made.status_code, "leftOut" in made.json()) == (201, False)
    yield connector_id
    service.client().delete(f"/connectors/{connector_id}")


def restricted(service: Service, **actions: list[str]) -> dict[str, Any]:
    body = {"name": f"Server {uuid.uuid4().hex[:8]}", "restrictions": {"actions": actions}}
    made: dict[str, Any] = service.client().post("/api/servers", json=body).json()
    return made


def test_changes_and_dangling_restrictions(service: Service, connector: str) -> None:
    mine = restricted(service, allowedActions=["getThing", "listThings", f"{connector}:getThing"])
    blocked = restricted(service, blockedActions=[f"{connector}:getThing"])
    other = restricted(service, allowedActions=["another:getThing", "listThings"])
    newer = document("listThings", "addThing", summary="Newer")
    done = service.client().put(f"/connectors/{connector}", json={"document": newer})
    assert done.status_code == 200
    assert done.json()["changes"] == {"added": ["addThing"], "removed": ["getThing"], "changed": ["listThings"]}
    named = {each["serverId"]: each["actions"] for each in done.json()["danglingRestrictions"]}
    assert named[mine["serverId"]] == ["getThing", f"{connector}:getThing"]
    assert named[blocked["serverId"]] == [f"{connector}:getThing"]
    assert other["serverId"] not in named
    again = service.client().put(f"/connectors/{connector}", json={"document": newer}).json()
    assert again["changes"] == {"added": [], "removed": [], "changed": []}
    assert again["danglingRestrictions"] == []


def test_a_bare_name_that_another_connector_has_is_not_gone(service: Service, connector: str) -> None:
    shared = "chat_postMessage"
    client = service.client()
    client.put(f"/connectors/{connector}", json={"document": document("listThings", shared)})
    mine = restricted(service, allowedActions=[shared, f"{connector}:{shared}"])
    done = client.put(f"/connectors/{connector}", json={"document": document("listThings")}).json()
    named = {each["serverId"]: each["actions"] for each in done["danglingRestrictions"]}
    assert named[mine["serverId"]] == [f"{connector}:{shared}"]


def test_a_failed_replacement_leaves_the_old_one_working(service: Service, connector: str) -> None:
    client = service.client()
    for bad in ({"openapi": "3.0.0"}, document(), "a: [", {**document("x"), "servers": [{"url": "http://10.0.0.1"}]}):
        assert client.put(f"/connectors/{connector}", json={"document": bad}).status_code == 400
    actions = client.get(f"/connectors/{connector}/actions").json()["actions"]
    assert {action["id"] for action in actions} == {"listThings", "getThing"}


def test_what_cannot_be_served_is_said(service: Service, connector: str) -> None:
    odd = document("listThings")
    odd["paths"]["/odd"] = {"additionalOperations": {"CONNECT": {"responses": {"200": {"description": "ok"}}}}}
    done = service.client().put(f"/connectors/{connector}", json={"document": odd}).json()
    assert done["actions"] == 1
    assert done["leftOut"] == ["#/paths/~1odd/additionalOperations/CONNECT: the method CONNECT is not sent."]


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://169.254.169.254/latest", "http://[::1]:8080"])
def test_a_private_address_of_one_path_is_named(service: Service, connector: str, url: str) -> None:
    private = document("listThings", "getThing", servers=[{"url": url}])
    answer = service.client().put(f"/connectors/{connector}", json={"document": private})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["place"] in ("#/paths/~1listThings/get", "#/paths/~1getThing/get")
