"""Who called what, when, with which outcome: the activity of a server over real HTTP."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.owners import Owner, path, refusal
from support.service import Service
from support.upstream import Upstream, running


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, upstream: Upstream) -> str:
    connector_id = f"tasks-{uuid.uuid4().hex[:8]}"
    wanted = {"id": connector_id, "document": upstream.document(), "auth": {"type": "none"}}
    added = service.client().post("/connectors", json=wanted)
    assert added.status_code == 201, added.text
    return connector_id


def execute(server: dict[str, Any], connector: str, action: str, user: str | None = None, **parameters: Any) -> Any:
    arguments = {"connectorId": connector, "actionId": action, "parameters": parameters}
    params = {"name": "execute_action_alloy", "arguments": arguments}
    answer = httpx.post(
        server["accessUrl"],
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={"x-alloy-user-token": token(user)} if user else {},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return json.loads(answer.json()["result"]["content"][0]["text"])


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture(scope="module")
def server(owner: Owner, connector: str) -> dict[str, Any]:
    """Six things have happened at it, with a moment between the third and the fourth."""
    made = owner.create("busy", restrictions={"actions": {"blockedActions": ["deleteTask"]}})
    execute(made, connector, "listTasks")
    execute(made, connector, "getTask", "jane", id="1")
    time.sleep(0.01)
    made["middle"] = time.time()
    time.sleep(0.01)
    execute(made, connector, "deleteTask", "jane", id="1")
    execute(made, connector, "status", "jane", id="404")
    owner.http.put(path(made), json={"description": "later"})
    return made


def events(rows: list[dict[str, Any]]) -> list[str]:
    return [row.get("actionId", row["event"]) for row in rows]


ALL = ["server.update", "status", "deleteTask", "getTask", "listTasks", "server.create"]


def test_the_newest_is_first_and_says_what_was(owner: Owner, server: dict[str, Any], connector: str) -> None:
    answer = owner.http.get(path(server, "activity")).json()
    rows = answer["activity"]
    assert events(rows) == ALL
    assert {key: answer[key] for key in ("count", "total", "limit", "offset", "hasMore")} == {
        "count": 6,
        "total": 6,
        "limit": 100,
        "offset": 0,
        "hasMore": False,
    }
    update, failed, denied, fetched, listed, _ = rows
    assert {**update, "at": ""} == {
        "at": "",
        "userId": owner.user,
        "door": "api_key",
        "event": "server.update",
        "outcome": "ok",
    }
    assert {**fetched, "at": "", "durationMs": 0} == {
        "at": "",
        "userId": "jane",
        "door": "token",
        "event": "action.execute",
        "connectorId": connector,
        "actionId": "getTask",
        "outcome": "ok",
        "upstreamStatus": 200,
        "durationMs": 0,
    }
    assert 0 <= fetched["durationMs"] < 10_000
    assert (failed["outcome"], failed["upstreamStatus"]) == ("UPSTREAM_ERROR", 404)
    assert denied["outcome"] == "FORBIDDEN"
    assert "upstreamStatus" not in denied
    assert listed["userId"] == owner.user
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)


def iso(seconds: float, form: str = "%Y-%m-%dT%H:%M:%S", zone: int = 0) -> str:
    return time.strftime(form, time.gmtime(seconds + zone)) + f".{int(seconds * 1_000_000) % 1_000_000:06}"


def test_filters(owner: Owner, server: dict[str, Any], connector: str) -> None:
    middle = server["middle"]
    utc, berlin = iso(middle) + "Z", iso(middle, zone=7200) + "+02:00"
    first = owner.http.get(path(server, "activity")).json()["activity"][-1]["at"]
    for asked, found in (
        ({"user": "jane"}, ["status", "deleteTask", "getTask"]),
        ({"user": "me"}, ["server.update", "listTasks", "server.create"]),
        ({"user": "nobody"}, []),
        ({"event": "action.execute"}, ["status", "deleteTask", "getTask", "listTasks"]),
        ({"connectorId": connector}, ["status", "deleteTask", "getTask", "listTasks"]),
        ({"connectorId": "slack"}, []),
        ({"actionId": "getTask"}, ["getTask"]),
        ({"outcome": "FORBIDDEN"}, ["deleteTask"]),
        ({"outcome": "ok", "user": "jane"}, ["getTask"]),
        ({"since": utc}, ALL[:3]),
        ({"until": utc}, ALL[3:]),
        ({"since": berlin}, ALL[:3]),
        ({"until": berlin.lower()}, ALL[3:]),
        ({"since": first, "until": first}, []),
        ({"since": first}, ALL),
        ({"until": first}, []),
        ({"since": "0000-01-01T00:00:00Z"}, ALL),
        ({"until": "9999-12-31T23:59:59-12:00"}, ALL),
        ({"since": "2016-12-31T23:59:60Z"}, ALL),
    ):
        answer = owner.http.get(path(server, "activity"), params=asked).json()
        assert events(answer["activity"]) == found, asked
        assert answer["total"] == answer["count"] == len(found)


def test_pages(owner: Owner, server: dict[str, Any]) -> None:
    page = owner.http.get(path(server, "activity"), params={"limit": 2, "offset": 3}).json()
    assert events(page["activity"]) == ALL[3:5]
    assert (page["total"], page["hasMore"]) == (6, True)
    last = owner.http.get(path(server, "activity"), params={"user": "jane", "limit": 2, "offset": 2}).json()
    assert (events(last["activity"]), last["total"], last["hasMore"]) == (["getTask"], 3, False)
    assert owner.http.get(path(server, "activity"), params={"offset": 99}).json()["activity"] == []


def test_another_server_has_its_own(owner: Owner, server: dict[str, Any]) -> None:
    other = owner.create("quiet")
    rows = owner.http.get(path(other, "activity")).json()["activity"]
    assert events(rows) == ["server.create"]


@pytest.mark.parametrize(
    ("asked", "field", "rule"),
    [
        ({"since": "yesterday"}, "since", "format"),
        ({"since": "2026-01-01"}, "since", "format"),
        ({"since": "2026-01-01T00:00:00"}, "since", "format"),
        ({"until": "2026-02-30T00:00:00Z"}, "until", "format"),
        ({"until": "1767225600"}, "until", "format"),
        ({"until": ""}, "until", "format"),
        ({"user": ""}, "user", "minLength"),
        ({"event": "x" * 33}, "event", "maxLength"),
        ({"outcome": "a\0"}, "outcome", "pattern"),
        ({"connectorId": "x" * 65}, "connectorId", "maxLength"),
        ({"actionId": ""}, "actionId", "minLength"),
        ({"limit": "0"}, "limit", "minimum"),
        ({"limit": "1001"}, "limit", "maximum"),
        ({"offset": "-1"}, "offset", "minimum"),
        ({"order": "asc"}, "order", "unknown"),
    ],
)
def test_filters_that_cannot_be(
    owner: Owner, server: dict[str, Any], asked: dict[str, str], field: str, rule: str
) -> None:
    assert refusal(owner.http.get(path(server, "activity"), params=asked)) == (400, "INVALID_REQUEST", (field, rule))
