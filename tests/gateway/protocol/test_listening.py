"""`subscriptions/listen` over a socket: what it says, when, and how it ends."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.catalog import catalog
from support.inside import Inside, inside
from support.jwts import token
from support.listening import Wire, meta
from support.service import Service, serving

TAG = "io.modelcontextprotocol/subscriptionId"
ALL = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


@pytest.fixture(scope="module", params=["httptools", "h11"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp(request.param), TOOLGATE_HTTP=request.param) as running:
        yield running


@pytest.fixture
def server(served: Service) -> Iterator[dict[str, Any]]:
    client = served.client()
    made = client.post("/api/servers", json={"name": f"listen {uuid.uuid4().hex}"}).json()
    yield made
    client.delete(f"/api/servers/{made['serverId']}")


def listening(service: Service | Inside, url: str, wanted: Any = None, identifier: Any = 7, **options: Any) -> Wire:
    params = {"_meta": meta(), "notifications": ALL if wanted is None else wanted}
    message = {"jsonrpc": "2.0", "id": identifier, "method": "subscriptions/listen", "params": params}
    return Wire(service, url, message, **options)


def test_it_is_acknowledged_first_with_what_is_offered(served: Service, server: dict[str, Any]) -> None:
    wanted = {"toolsListChanged": True, "promptsListChanged": False, "resourceSubscriptions": ["a://b"], "other": 1}
    for identifier in (7, "seven"):
        with listening(served, server["accessUrl"], wanted, identifier) as wire:
            status, headers = wire.head
            assert (status, headers["content-type"], headers["cache-control"]) == (200, "text/event-stream", "no-store")
            assert headers["x-accel-buffering"] == "no"
            assert headers["x-content-type-options"] == "nosniff"
            assert "x-request-id" in headers
            assert wire.event() == {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {"notifications": {"toolsListChanged": True}, "_meta": {TAG: identifier}},
            }


@pytest.mark.parametrize("accept", ["", "*/*", "text/*", "text/event-stream"])
def test_it_is_a_stream_for_whoever_takes_one(served: Service, server: dict[str, Any], accept: str) -> None:
    with listening(served, server["accessUrl"], accept=accept) as wire:
        assert wire.head[1]["content-type"] == "text/event-stream"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another name"},
        {"mode": "direct"},
        {"restrictions": {"connectors": {"mode": "allowlist", "allowedIds": ["slack"]}}},
    ],
)
def test_a_change_of_the_server_is_told(served: Service, server: dict[str, Any], change: dict[str, Any]) -> None:
    with listening(served, server["accessUrl"]) as wire:
        wire.event()
        answer = served.client().put(f"/api/servers/{server['serverId']}", json={"name": server["name"]} | change)
        assert answer.status_code == 200, answer.text
        told = [wire.event() for _ in range(3)]
        assert {event["method"] for event in told} == {
            "notifications/tools/list_changed",
            "notifications/prompts/list_changed",
            "notifications/resources/list_changed",
        }
        assert all(event["params"] == {"_meta": {TAG: 7}} for event in told)


def test_a_connector_that_another_process_adds_is_told_and_only_what_was_asked_for(
    served: Service, server: dict[str, Any], tmp_path: Path
) -> None:
    document = tmp_path / "tasks.yaml"
    document.write_text(
        "openapi: 3.0.3\ninfo: {title: Tasks, version: '1'}\nservers: [{url: 'https://tasks.example'}]\n"
        "paths: {/a: {get: {operationId: a, responses: {'200': {description: ok}}}}}\n"
    )
    with listening(served, server["accessUrl"], {"promptsListChanged": True}) as wire:
        wire.event()
        served.run("connectors", "add", str(document), "--id", f"tasks-{uuid.uuid4().hex[:8]}")
        assert wire.event()["method"] == "notifications/prompts/list_changed"
        # What is no business of this server is not told: the next thing said is the end.
        other = served.client().post("/api/servers", json={"name": f"other {uuid.uuid4().hex}"}).json()
        served.client().delete(f"/api/servers/{other['serverId']}")
        time.sleep(1.2)
        served.client().delete(f"/api/servers/{server['serverId']}")
        assert wire.event()["error"]["data"]["code"] == "UNAUTHORIZED"
        assert wire.event() is None


def test_what_a_full_memory_forgets_is_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More accounts than are remembered have each other's connectors read again: nobody is told of the others."""
    monkeypatch.setattr(catalog, "_MOST_ACCOUNTS", 1)
    with inside(tmp_path) as running, httpx.Client(base_url=running.url, trust_env=False) as client:
        first = {"Authorization": f"Bearer {running.key}"}
        other = {"Authorization": f"Bearer {client.post('/accounts', json={'name': 'x'}, headers=first).json()['key']}"}
        made = [
            (key, client.post("/api/servers", json={"name": name}, headers=key).json())
            for key, name in ((first, "one"), (first, "witness"), (other, "other"))
        ]
        one, witness, another = (listening(running, server["accessUrl"]) for _, server in made)
        with one, witness, another:
            for wire in (one, witness, another):
                wire.event()
            for change in ("a", "b"):
                body = {"description": change}
                client.put(f"/api/servers/{made[1][1]['serverId']}", json=body, headers=first)
                assert [witness.event()["method"] for _ in range(3)]
            for key, server in made:
                client.post(f"/api/servers/{server['serverId']}/pause", headers=key)
            assert [wire.event().get("error", {}).get("message") for wire in (one, another)] == ["Server is paused"] * 2


def end_of(wire: Wire) -> Any:
    """The last message; what was told before it does not count. The socket waits for each line for some seconds."""
    return wire.events()[-1]


class TestEnds:
    def test_a_rotated_token(self, served: Service, server: dict[str, Any]) -> None:
        with listening(served, server["accessUrl"]) as wire:
            wire.event()
            served.client().post(f"/api/servers/{server['serverId']}/token")
            last = end_of(wire)
            assert (last["id"], last["error"]["data"]["code"]) == (7, "UNAUTHORIZED")

    def test_a_pause(self, served: Service, server: dict[str, Any]) -> None:
        with listening(served, server["accessUrl"]) as wire:
            wire.event()
            served.client().post(f"/api/servers/{server['serverId']}/pause")
            assert end_of(wire)["error"]["message"] == "Server is paused"

    def test_a_user_who_is_left_out(self, served: Service, server: dict[str, Any]) -> None:
        with listening(served, server["accessUrl"]) as wire:
            wire.event()
            denied = {"restrictions": {"users": {"mode": "blocklist", "blockedIds": ["me"]}}}
            body = {"name": server["name"], **denied}
            assert served.client().put(f"/api/servers/{server['serverId']}", json=body).status_code == 200
            assert end_of(wire)["error"]["message"] == "User not allowed"

    def test_a_revoked_key(self, served: Service, server: dict[str, Any]) -> None:
        made = json.loads(served.run("keys", "create", "--scope", "use", "--json").stdout)
        with listening(served, server["url"], headers={"Authorization": f"Bearer {made['key']}"}) as wire:
            wire.event()
            served.run("keys", "revoke", made["id"])
            assert end_of(wire)["error"]["data"]["code"] == "UNAUTHORIZED"

    def test_a_jwt_that_expires(self, served: Service, server: dict[str, Any]) -> None:
        body = {"name": server["name"], "isPublic": True}
        assert served.client().put(f"/api/servers/{server['serverId']}", json=body).status_code == 200
        # Clocks may differ by ten seconds: this one counts for six more.
        short = token("listener", exp=int(time.time()) - 4)
        with listening(served, server["url"], headers={"Authorization": f"Bearer {short}"}, timeout=30) as wire:
            wire.event()
            assert end_of(wire)["error"]["data"]["code"] == "UNAUTHORIZED"

    def test_a_user_who_is_removed_and_stays_so(self, served: Service, server: dict[str, Any]) -> None:
        body = {"name": server["name"], "isPublic": True}
        assert served.client().put(f"/api/servers/{server['serverId']}", json=body).status_code == 200
        with listening(served, server["accessUrl"], headers={"x-alloy-user-token": token("removed")}) as wire:
            wire.event()
            removed = served.client().delete("/users/removed")
            assert removed.status_code in (200, 204), removed.text
            assert end_of(wire)["error"]["data"]["code"] == "UNAUTHORIZED"
        assert served.client().get("/users/removed").status_code == 404

    def test_a_stop_of_the_service(self, tmp_path: Path) -> None:
        with serving(tmp_path) as running:
            made = running.client().post("/api/servers", json={"name": "stops"}).json()
            wires = [listening(running, made["accessUrl"], identifier=number) for number in range(5)]
            for wire in wires:
                wire.event()
            running.process.terminate()
            for number, wire in enumerate(wires):
                last = end_of(wire)
                assert last["result"]["resultType"] == "complete"
                assert last["result"]["_meta"][TAG] == number
                wire.close()
            # uvicorn's own patience with open answers is 30 seconds.
            running.process.wait(timeout=25)
            assert "Traceback" not in running.log()


def accepted(service: Service, url: str) -> Wire:
    """An open stream, as soon as there is a place: who has just gone may still have theirs."""
    for _ in range(100):
        wire = listening(service, url)
        if wire.head[0] == 200:
            assert wire.event()["method"] == "notifications/subscriptions/acknowledged"
            return wire
        wire.close()
        time.sleep(0.1)
    raise AssertionError("no place came back")


class TestBounds:
    def test_how_many_and_that_places_come_back(self, tmp_path: Path) -> None:
        with serving(tmp_path, TOOLGATE_MAX_STREAMS="8") as running:
            made = [running.client().post("/api/servers", json={"name": f"s{number}"}).json() for number in range(6)]
            for _ in range(3):
                wires = [accepted(running, server["accessUrl"]) for server in made[:4] for _ in range(2)]
                for server in (made[0], made[5]):
                    with listening(running, server["accessUrl"]) as refused:
                        assert refused.head[0] == 503
                        assert refused.head[1]["retry-after"] == "1"
                        assert refused.json()["error"]["data"]["code"] == "UNAVAILABLE"
                for wire in wires:
                    wire.close()

    @pytest.mark.parametrize("wanted", [[], "all", 5, {"toolsListChanged": 1}, {"promptsListChanged": "yes"}])
    def test_filters_of_the_wrong_form(self, served: Service, server: dict[str, Any], wanted: Any) -> None:
        with listening(served, server["accessUrl"], wanted) as wire:
            assert wire.head[0] == 400
            assert wire.json()["error"]["code"] == -32602

    def test_older_revisions_do_not_know_it(self, served: Service, server: dict[str, Any]) -> None:
        with listening(served, server["accessUrl"], revision="2025-11-25") as wire:
            assert (wire.head[0], wire.json()["error"]["code"]) == (200, -32601)

    def test_capabilities_promise_it_to_those_who_can_hear_it(self, server: dict[str, Any]) -> None:
        given = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
        message = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta()}}
        told = httpx.post(server["accessUrl"], json=message, headers=given).json()["result"]["capabilities"]
        assert all(told[kind] == {"listChanged": True} for kind in ("tools", "resources", "prompts"))
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}
        told = httpx.post(server["accessUrl"], json=message).json()["result"]["capabilities"]
        assert all(told[kind] == {} for kind in ("tools", "resources", "prompts"))
