"""Clients that close their connection in the middle: their call is stopped down to the platform, nothing is left."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.inside import Inside, inside
from support.listening import MODERN, Wire, meta
from support.service import serving
from support.silent import Silent, silence

CLIENTS = 200


@pytest.fixture
def platform() -> Iterator[Silent]:
    with silence() as running:
        yield running


@pytest.fixture(params=["httptools", "h11"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Inside]:
    with inside(
        tmp_path, request.param, max_concurrency=CLIENTS + 5, max_streams=4 * CLIENTS, max_calls_server=CLIENTS
    ) as running:
        yield running


def api(service: Any) -> httpx.Client:
    return httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {service.key}"}, trust_env=False)


@pytest.fixture
def server(service: Inside, platform: Silent) -> dict[str, Any]:
    return direct_server(service, platform)


def direct_server(service: Any, platform: Silent) -> dict[str, Any]:
    with api(service) as client:
        connector = f"silent-{uuid.uuid4().hex[:8]}"
        made = client.post(
            "/connectors", json={"id": connector, "document": platform.document(), "auth": {"type": "none"}}
        )
        assert made.status_code == 201, made.text
        body = {
            "name": f"vanish {uuid.uuid4().hex}",
            "mode": "direct",
            "restrictions": {"connectors": {"mode": "allowlist", "allowedIds": [connector]}},
        }
        found: dict[str, Any] = client.post("/api/servers", json=body).json()
        return found


def call(number: int, revision: str, **asked: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": "wait", "arguments": {}}
    if revision == MODERN:
        params["_meta"] = meta(**asked)
    elif asked:
        params["_meta"] = asked
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def becomes(condition: Callable[[], bool], seconds: float = 40) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def outcomes(service: Any, server: dict[str, Any]) -> list[tuple[str, str]]:
    with api(service) as client:
        found = client.get(
            f"/api/servers/{server['serverId']}/activity", params={"event": "action.execute", "limit": 1000}
        )
    return [(row["actionId"], row["outcome"]) for row in found.json()["activity"]]


@pytest.mark.parametrize(
    ("revision", "asked"),
    [("2025-11-25", {}), (MODERN, {}), (MODERN, {"progressToken": 1}), ("2025-03-26", {"progressToken": "p"})],
)
def test_the_call_to_the_platform_is_stopped_and_on_record(
    service: Inside, server: dict[str, Any], platform: Silent, revision: str, asked: dict[str, Any]
) -> None:
    wire = Wire(service, server["accessUrl"], call(1, revision, **asked), revision=revision)
    assert platform.waits_for(came=1, open_=1)
    wire.close()
    # Left alone, the call would go on for 30 seconds.
    assert platform.waits_for(open_=0)
    assert becomes(lambda: outcomes(service, server) == [("wait", "CANCELLED")])


def test_a_batch_is_stopped_where_it_stands(service: Inside, server: dict[str, Any], platform: Silent) -> None:
    batch = [call(number, "2025-03-26") for number in range(5)]
    wire = Wire(service, server["accessUrl"], batch, revision="2025-03-26")
    assert platform.waits_for(came=1, open_=1)
    wire.close()
    assert platform.waits_for(open_=0)
    assert becomes(lambda: outcomes(service, server) == [("wait", "CANCELLED")])
    assert platform.came == 1


def test_two_hundred_leave_nothing_behind(service: Inside, server: dict[str, Any], platform: Silent) -> None:
    assert becomes(lambda: len(service.tasks()) < 10)
    before, sockets = len(service.tasks()), open_files()
    for round_ in range(2):
        # Most of them wait for a slot towards the platform, which takes 64 calls at once.
        wires = [
            Wire(
                service, server["accessUrl"], call(number, MODERN, **({"progressToken": number} if number % 2 else {}))
            )
            for number in range(CLIENTS)
        ]
        assert platform.waits_for(open_=64)
        for wire in wires:
            wire.close()
        assert platform.waits_for(open_=0)
        assert becomes(lambda rows=(round_ + 1) * CLIENTS: outcomes(service, server) == [("wait", "CANCELLED")] * rows)
        assert becomes(lambda: len(service.tasks()) <= before + 1), service.tasks()
    assert becomes(lambda: open_files() <= sockets + 5)
    # Every slot is free: as many as before are taken at once, and somebody else is answered as ever.
    came = platform.came
    wires = [Wire(service, server["accessUrl"], call(number, MODERN)) for number in range(64)]
    assert platform.waits_for(came=came + 64)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert httpx.post(server["accessUrl"], json=ping).status_code == 200
    for wire in wires:
        wire.close()


def test_two_hundred_who_listened_leave_nothing_behind(service: Inside, server: dict[str, Any]) -> None:
    assert becomes(lambda: len(service.tasks()) < 10)
    before = len(service.tasks())
    params = {"_meta": meta(), "notifications": {"toolsListChanged": True}}
    for _ in range(2):
        wires = [
            Wire(
                service,
                server["accessUrl"],
                {"jsonrpc": "2.0", "id": number, "method": "subscriptions/listen", "params": params},
            )
            for number in range(CLIENTS)
        ]
        for wire in wires:
            assert wire.event()["method"] == "notifications/subscriptions/acknowledged"
        # A stream, its keep-alive, and one watcher for all of them.
        assert len(service.tasks()) <= before + 2 * CLIENTS + 2
        for wire in wires:
            wire.close()
        assert becomes(lambda: len(service.tasks()) <= before + 1), service.tasks()


def test_after_a_large_body_the_end_is_still_heard(service: Inside, server: dict[str, Any], platform: Silent) -> None:
    message = call(1, "2025-11-25")
    message["params"]["arguments"] = {}
    message["params"]["padding"] = "x" * 3_000_000
    wire = Wire(service, server["accessUrl"], message, revision="2025-11-25")
    assert platform.waits_for(came=1, open_=1)
    wire.close()
    assert platform.waits_for(open_=0)


def test_rest_is_never_cancelled(service: Inside, server: dict[str, Any], platform: Silent) -> None:
    target = f"/api/servers/{server['serverId']}/tools/wait"
    wire = Wire(
        service,
        target,
        {"arguments": {}},
        revision="",
        headers={"Authorization": f"Bearer {service.key}"},
    )
    if not platform.waits_for(came=1, open_=1):
        pytest.fail(str(wire.head))
    wire.close()
    assert not platform.waits_for(open_=0, seconds=1)


@pytest.mark.parametrize("http", ["httptools", "h11"])
def test_the_log_says_nothing_of_it(tmp_path: Path, platform: Silent, http: str) -> None:
    with serving(tmp_path, TOOLGATE_HTTP=http, TOOLGATE_ACCESS_LOG="on") as running:
        server = direct_server(running, platform)
        wire = Wire(running, server["accessUrl"], call(1, MODERN))
        assert platform.waits_for(came=1, open_=1)
        wire.close()
        assert platform.waits_for(open_=0)
        assert becomes(lambda: " 499 " in running.log())
        assert "Traceback" not in running.log()
        assert "ERROR" not in running.log()
