"""The life of a server over real HTTP."""

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support.service import Service, serving


@pytest.fixture
def client(service: Service) -> httpx.Client:
    """An operator with a user of their own, so that no test sees another's servers."""
    user = f"user-{uuid.uuid4().hex}"
    service.run("keys", "create", "--user", user)
    return service.client(x_alloy_userid=user)


@pytest.fixture
def create(client: httpx.Client) -> Callable[..., dict[str, Any]]:
    def made(name: str = "Production Server", **fields: Any) -> dict[str, Any]:
        answer = client.post("/api/servers", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return made


def test_create_answers_the_documented_fields(service: Service, create: Callable[..., dict[str, Any]]) -> None:
    restrictions = {"connectors": {"mode": "allowlist", "allowedIds": ["slack", "notion"]}}
    made = create(description="Main", tokenExpiresInDays=90, restrictions=restrictions, customInstructions="Be kind.")
    assert re.fullmatch(r"production-server-[a-z0-9]{8}", made["serverId"])
    assert made["url"] == f"{service.url}/mcp/{made['serverId']}"
    assert re.fullmatch(r"mcp_token_[A-Za-z0-9_-]{43}", made["accessToken"])
    assert made["accessUrl"] == f"{made['url']}/{made['accessToken']}"
    assert made["restrictions"] == restrictions
    assert made["hasRestrictions"] is True
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made["createdAt"])
    assert made["createdAt"] == made["updatedAt"]
    assert (made["name"], made["description"], made["customInstructions"]) == ("Production Server", "Main", "Be kind.")
    assert (made["isPublic"], made["mode"]) == (False, "connectivity")


def test_the_token_is_returned_on_creation_only(client: httpx.Client, create: Callable[..., dict[str, Any]]) -> None:
    made = create()
    got = client.get(f"/api/servers/{made['serverId']}").json()
    assert "accessToken" not in got
    assert got == {key: value for key, value in made.items() if key != "accessToken"}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("日本語", "server"),
        ("Café au lait", "caf-au-lait"),
        ("a", "a"),
        ("Customer_Support_Bot", "customer-support-bot"),
    ],
)
def test_slugs(create: Callable[..., dict[str, Any]], name: str, slug: str) -> None:
    assert re.fullmatch(rf"{slug}-[a-z0-9]{{8}}", create(name)["serverId"])


@pytest.mark.parametrize("name", ["My Production Server", "test-server-01", "Ünïcödé 9", "𠮷野家", "नमस्ते", "x" * 100])
def test_names_that_are_taken(create: Callable[..., dict[str, Any]], name: str) -> None:
    assert create(name)["name"] == name


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "name", "required"),
        ({"name": ""}, "name", "minLength"),
        ({"name": " "}, "name", "pattern"),
        ({"name": " a"}, "name", "pattern"),
        ({"name": "a "}, "name", "pattern"),
        ({"name": "server@123"}, "name", "pattern"),
        ({"name": "my-server-"}, "name", "pattern"),
        ({"name": "smile 😀 now"}, "name", "pattern"),
        ({"name": "x" * 101}, "name", "maxLength"),
        ({"name": 5}, "name", "type"),
        ({"name": "a", "tokenExpiresInDays": 0}, "tokenExpiresInDays", "minimum"),
        ({"name": "a", "tokenExpiresInDays": 366}, "tokenExpiresInDays", "maximum"),
        ({"name": "a", "tokenExpiresInDays": 1.5}, "tokenExpiresInDays", "type"),
        ({"name": "a", "color": "red"}, "color", "additionalProperties"),
        ({"name": "a", "mode": "fast"}, "mode", "enum"),
        ({"name": "a", "isPublic": "yes"}, "isPublic", "type"),
        ({"name": "a", "restrictions": []}, "restrictions", "type"),
        ({"name": "a", "restrictions": {"connectors": {"mode": "x"}}}, "restrictions.connectors.mode", "enum"),
        ({"name": "a", "restrictions": {"users": {"allowedIds": [1]}}}, "restrictions.users.allowedIds.0", "type"),
        (
            {"name": "a", "restrictions": {"actions": {"blockedActions": ["x"] * 1001}}},
            "restrictions.actions.blockedActions",
            "maxItems",
        ),
    ],
)
def test_bad_bodies_name_the_field_and_the_rule(
    client: httpx.Client, body: dict[str, Any], field: str, rule: str
) -> None:
    answer = client.post("/api/servers", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["details"]) == ("INVALID_REQUEST", {"field": field, "rule": rule})
    assert error["message"].startswith(field)
    assert client.get("/api/servers").json()["total"] == 0


def test_names_are_unique_per_user_whatever_the_case(
    service: Service, client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    create("Straße one")
    for taken in ("Straße one", "STRASSE ONE", "strasse \uff4f\uff4e\uff45"):
        answer = client.post("/api/servers", json={"name": taken})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
        assert answer.json()["error"]["details"] == {"field": "name", "rule": "unique"}
    other = service.client().post("/api/servers", json={"name": "Straße one"})
    assert other.status_code == 201
    service.client().delete(f"/api/servers/{other.json()['serverId']}")


def test_one_of_two_racing_names_wins(client: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(lambda _: client.post("/api/servers", json={"name": "race"}).status_code, range(8)))
    assert statuses == [201] + [409] * 7


def test_list_pages_in_a_stable_order(client: httpx.Client, create: Callable[..., dict[str, Any]]) -> None:
    ids = [create(f"server {number}")["serverId"] for number in range(5)]
    whole = client.get("/api/servers").json()
    assert [server["serverId"] for server in whole["servers"]] == ids
    assert (whole["count"], whole["total"], whole["limit"], whole["offset"], whole["hasMore"]) == (5, 5, 100, 0, False)
    page = client.get("/api/servers", params={"limit": 2, "offset": 2}).json()
    assert [server["serverId"] for server in page["servers"]] == ids[2:4]
    assert (page["count"], page["hasMore"]) == (5, True)
    beyond = client.get("/api/servers", params={"offset": 99}).json()
    assert (beyond["servers"], beyond["count"], beyond["hasMore"]) == ([], 5, False)


def test_update_changes_what_it_names_and_nothing_else(
    client: httpx.Client, create: Callable[..., dict[str, Any]]
) -> None:
    made = create(description="before", isPublic=True)
    path = f"/api/servers/{made['serverId']}"
    changed = client.put(path, json={"name": "Renamed", "customInstructions": "Ask first."}).json()
    assert (changed["name"], changed["customInstructions"]) == ("Renamed", "Ask first.")
    assert (changed["description"], changed["isPublic"]) == ("before", True)
    assert (changed["serverId"], changed["accessUrl"]) == (made["serverId"], made["accessUrl"])
    assert changed["createdAt"] == made["createdAt"]
    assert changed["updatedAt"] >= made["updatedAt"]
    assert client.get(path).json() == changed
    assert client.put(path, json={}).json()["name"] == "Renamed"
    assert client.put(path, json={"isPublic": False, "description": ""}).json()["isPublic"] is False


def test_restrictions_are_replaced_whole(client: httpx.Client, create: Callable[..., dict[str, Any]]) -> None:
    made = create(restrictions={"connectors": {"allowedIds": ["slack"]}, "actions": {"blockedActions": ["x"]}})
    path = f"/api/servers/{made['serverId']}"
    changed = client.put(path, json={"restrictions": {"users": {"blockedIds": ["eve"]}}}).json()
    assert changed["restrictions"] == {"users": {"blockedIds": ["eve"]}}
    kept = client.put(path, json={"description": "x"}).json()
    assert kept["restrictions"] == changed["restrictions"]
    opened = client.put(path, json={"restrictions": {}}).json()
    assert (opened["restrictions"], opened["hasRestrictions"]) == ({}, False)


def test_me_in_restrictions_is_the_caller(client: httpx.Client, create: Callable[..., dict[str, Any]]) -> None:
    made = create(restrictions={"users": {"allowedIds": ["me", "jane"], "blockedIds": ["eve"]}})
    user = client.headers["x-alloy-userid"]
    assert made["restrictions"] == {"users": {"allowedIds": [user, "jane"], "blockedIds": ["eve"]}}


@pytest.mark.parametrize(
    ("restrictions", "has"),
    [
        ({}, False),
        ({"connectors": {}}, False),
        ({"connectors": None}, False),
        ({"connectors": {"mode": "blocklist"}}, False),
        ({"connectors": {"mode": "allowlist"}}, True),
        ({"connectors": {"mode": "blocklist", "allowedIds": ["slack"]}}, True),
        ({"actions": {"blockedActions": ["x"]}}, True),
    ],
)
def test_has_restrictions(create: Callable[..., dict[str, Any]], restrictions: dict[str, Any], has: bool) -> None:
    assert create(restrictions=restrictions)["hasRestrictions"] is has


def test_delete(client: httpx.Client, create: Callable[..., dict[str, Any]]) -> None:
    made = create()
    path = f"/api/servers/{made['serverId']}"
    gone = client.delete(path)
    assert (gone.status_code, gone.json()) == (200, {"message": "Server deleted", "serverId": made["serverId"]})
    for answer in (client.get(path), client.put(path, json={}), client.delete(path)):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    called = httpx.post(made["accessUrl"], json={"jsonrpc": "2.0", "method": "ping", "id": 1})
    assert called.status_code == 401


def test_servers_survive_a_restart(tmp_path: Any) -> None:
    with serving(tmp_path) as first:
        made = first.client().post("/api/servers", json={"name": "durable"}).json()
    with serving(tmp_path, TOOLGATE_BASE_URL="https://gate.example.com") as second:
        got = second.client().get(f"/api/servers/{made['serverId']}").json()
        assert got["accessUrl"] == f"https://gate.example.com/mcp/{made['serverId']}/{made['accessToken']}"
        ping = second.client(Authorization="").post(
            f"/mcp/{made['serverId']}/{made['accessToken']}", json={"jsonrpc": "2.0", "method": "ping", "id": 1}
        )
        assert ping.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
