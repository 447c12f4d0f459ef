"""The audit trail over REST: what is on record of an action, and who may read which rows."""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from support.jwts import token
from support.owners import Owner, refusal
from support.service import Service, serving
from support.upstream import Upstream, running

SECRET = "s3cret-token-of-the-platform"
LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """A service that records the values of arguments."""
    with serving(tmp_path_factory.mktemp("recording"), TOOLGATE_AUDIT_ARGUMENTS="values") as started:
        client = started.client()
        assert client.post("/connectors", json={"id": "tasks", "document": upstream.document()}).status_code == 201
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}}
        assert client.post("/connectors/tasks/credentials", json=body).status_code == 200
        yield started


@pytest.fixture(scope="module")
def server(recording: Service) -> dict[str, Any]:
    wanted = {"name": "Audited", "restrictions": {"actions": {"blockedActions": ["deleteTask"]}}}
    return recording.client().post("/api/servers", json=wanted).json()


def calling(action: str, number: int = 1, **parameters: Any) -> dict[str, Any]:
    arguments = {"connectorId": "tasks", "actionId": action, "parameters": parameters, "timeout": 1500}
    params = {"name": "execute_action_alloy", "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def rows_of(service: Service, request_id: str) -> list[dict[str, Any]]:
    answer = service.client().get("/api/audit", params={"requestId": request_id})
    assert answer.status_code == 200, answer.text
    return answer.json()["audit"]


@pytest.mark.parametrize(
    ("action", "parameters", "outcome", "status"),
    [
        ("listTasks", {"count": 1}, "ok", 200),
        ("deleteTask", {"id": "1"}, "FORBIDDEN", None),
        ("noSuchAction", {}, "ACTION_NOT_FOUND", None),
        ("listTasks", {"count": -1}, "INVALID_REQUEST", None),
        ("status", {"id": "500"}, "UPSTREAM_ERROR", 500),
        ("slow", {}, "UPSTREAM_TIMEOUT", None),
    ],
)
def test_every_end_of_an_action_is_on_record(
    recording: Service,
    server: dict[str, Any],
    action: str,
    parameters: dict[str, Any],
    outcome: str,
    status: int | None,
) -> None:
    request_id = f"r-{uuid.uuid4().hex}"
    answer = httpx.post(
        server["accessUrl"],
        json=calling(action, **parameters),
        headers={"X-Request-Id": request_id},
        trust_env=False,
        timeout=30,
    )
    assert answer.status_code == 200
    [row] = rows_of(recording, request_id)
    assert (row["event"], row["outcome"], row.get("upstreamStatus")) == ("action.execute", outcome, status)
    assert (row["connectorId"], row["actionId"], row["serverId"]) == ("tasks", action, server["serverId"])
    assert (row["door"], row["userId"], row["principalId"], row.get("keyId")) == ("token", "admin", "admin", None)
    assert row["arguments"] == parameters
    assert row["durationMs"] >= 0


def test_a_call_that_nobody_waits_for_is_on_record(recording: Service, server: dict[str, Any]) -> None:
    request_id = f"r-{uuid.uuid4().hex}"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            server["accessUrl"],
            json=calling("slow"),
            headers={"X-Request-Id": request_id},
            trust_env=False,
            timeout=0.4,
        )
    end = time.monotonic() + 10
    while not (rows := rows_of(recording, request_id)) and time.monotonic() < end:
        time.sleep(0.05)
    assert [row["outcome"] for row in rows] == ["CANCELLED"]


def test_each_item_of_a_batch_has_the_requests_id(recording: Service, server: dict[str, Any]) -> None:
    request_id = f"r-{uuid.uuid4().hex}"
    headers = {"X-Request-Id": request_id, "MCP-Protocol-Version": "2025-03-26"}
    batch = [calling("listTasks", number, count=number) for number in range(1, 4)]
    answer = httpx.post(server["accessUrl"], json=batch, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    rows = rows_of(recording, request_id)
    assert sorted(row["arguments"]["count"] for row in rows) == [1, 2, 3]


def test_an_id_of_ours_is_on_record_where_none_was_sent(recording: Service, server: dict[str, Any]) -> None:
    answer = httpx.post(server["accessUrl"], json=calling("listTasks"), trust_env=False)
    assert len(rows_of(recording, answer.headers["x-request-id"])) == 1


def test_at_once_each_request_has_its_own(recording: Service) -> None:
    """Jobs of many requests run in one transaction, in another thread."""
    client = recording.client()

    def create(number: int) -> None:
        headers = {"X-Request-Id": f"at-once-{number}"}
        client.post("/api/servers", json={"name": f"at once {number}"}, headers=headers)

    threads = [threading.Thread(target=create, args=[number]) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(24):
        [row] = rows_of(recording, f"at-once-{number}")
        assert row["serverId"].startswith(f"at-once-{number}-")


def test_secrets_in_arguments_are_not_on_record(recording: Service, server: dict[str, Any]) -> None:
    request_id = f"r-{uuid.uuid4().hex}"
    told = calling("tasks/create", requestBody={"title": f"use {SECRET} or ghp_{'a' * 36}"})
    httpx.post(server["accessUrl"], json=told, headers={"X-Request-Id": request_id}, trust_env=False)
    [row] = rows_of(recording, request_id)
    assert row["arguments"] == {"requestBody": {"title": "use [redacted] or [redacted]"}}
    with closing(sqlite3.connect(recording.data_dir / "toolgate.db")) as connection:
        everything = "".join(str(found) for found in connection.execute("SELECT * FROM audit"))
    assert SECRET not in everything


def test_who_acts_for_whom_is_on_record(recording: Service) -> None:
    recording.run("keys", "create", "--user", "ann")
    request_id = f"r-{uuid.uuid4().hex}"
    client = recording.client(x_alloy_userid="ann", X_Request_Id=request_id)
    assert client.post("/api/servers", json={"name": "for ann"}).status_code == 201
    [row] = rows_of(recording, request_id)
    assert (row["userId"], row["principalId"], row["door"]) == ("ann", "admin", "api_key")
    keys = recording.client().get("/keys").json()["keys"]
    assert row["keyId"] in {key["keyId"] for key in keys if key["userId"] == "admin"}


# From here on: who may read which rows.


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    made = Owner(service)
    for number in range(7):
        made.create(f"server {number}")
    return made


def test_pages_hold_every_row_once_the_newest_first(service: Service, owner: Owner) -> None:
    asked: dict[str, Any] = {"user": owner.user, "limit": 3}
    found: list[dict[str, Any]] = []
    while True:
        page = owner.http.get("/api/audit", params=asked).json()
        found += page["audit"]
        if "nextCursor" not in page:
            break
        # What happens meanwhile is newer, and on no later page.
        owner.create(f"meanwhile {len(found)}")
        asked["cursor"] = page["nextCursor"]
    events = [(row["event"], row["serverId"].rpartition("-")[0]) for row in found]
    assert events == [("server.create", f"server-{number}") for number in reversed(range(7))]
    assert len({row["hash"] for row in found}) == 7


def test_filters(service: Service, owner: Owner) -> None:
    made = owner.create("filtered")
    owner.http.put(f"/api/servers/{made['serverId']}", json={"name": "filtered too"})

    def events(**asked: Any) -> list[str]:
        answer = service.client().get("/api/audit", params=asked)
        assert answer.status_code == 200, answer.text
        return [row["event"] for row in answer.json()["audit"]]

    server = made["serverId"]
    assert events(serverId=server) == ["server.update", "server.create"]
    assert events(serverId=server, event="server.create") == ["server.create"]
    assert events(serverId=server, user=owner.user, outcome="ok") == ["server.update", "server.create"]
    assert events(serverId=server, outcome="FORBIDDEN") == []
    assert events(serverId=server, user="admin") == []
    assert events(serverId=server, connectorId="slack") == events(serverId=server, actionId="x") == []
    assert events(serverId=server, until=made["createdAt"]) == []
    assert "server.create" in events(serverId=server, since=made["createdAt"])
    assert events(serverId=server, since="2999-01-01T00:00:00Z") == []


def test_who_may_not_manage_sees_their_own_rows_only(service: Service, owner: Owner) -> None:
    made = json.loads(service.run("keys", "create", "--user", owner.user, "--scope", "use", "--json").stdout)
    jane = f"jane-{uuid.uuid4().hex}"
    for client, user in (
        (service.client(Authorization=f"Bearer {made['key']}"), owner.user),
        (service.client(Authorization=f"Bearer {token(jane)}"), jane),
    ):
        rows = client.get("/api/audit", params={"limit": 1000}).json()["audit"]
        assert rows
        assert {row["userId"] for row in rows} == {user}
        assert client.get("/api/audit", params={"user": "me"}).json()["audit"] == rows
        refused = client.get("/api/audit", params={"user": "admin"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")


def test_another_accounts_rows_are_not_there(service: Service, owner: Owner) -> None:
    account = service.client().post("/accounts", json={"name": "Elsewhere"}).json()
    theirs = service.client(Authorization=f"Bearer {account['key']}")
    assert theirs.get("/api/audit").json() == {"audit": []}
    theirs.post("/api/servers", json={"name": "theirs"})
    theirs.post("/api/servers", json={"name": "theirs too"})
    page = theirs.get("/api/audit", params={"limit": 1}).json()
    assert [row["event"] for row in page["audit"]] == ["server.create"]
    assert theirs.get("/api/audit", params={"user": owner.user}).json() == {"audit": []}
    # The cursor of one account opens nothing in another, and no number of rows can be read from it.
    foreign = owner.http.get("/api/audit", params={"cursor": page["nextCursor"]})
    assert refusal(foreign) == (400, "INVALID_REQUEST", ("cursor", "value"))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "A" * 80}, "cursor"),
        ({"cursor": "\x00"}, "cursor"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-13-01T00:00:00Z"}, "until"),
        ({"requestId": ""}, "requestId"),
        ({"serverId": "x" * 129}, "serverId"),
        ({"user": ""}, "user"),
        ({"event": "x" * 33}, "event"),
    ],
)
def test_what_cannot_be_asked(service: Service, asked: dict[str, Any], field: str) -> None:
    code, name, (named, _) = refusal(service.client().get("/api/audit", params=asked))
    assert (code, name, named) == (400, "INVALID_REQUEST", field)


def test_nobody_asks_without_a_key(service: Service) -> None:
    assert service.client(Authorization="").get("/api/audit").status_code == 401


class TestJsonLines:
    """The same rows, one to a line, page by page: what is sent to an archive."""

    def followed(self, client: httpx.Client, **asked: Any) -> list[list[dict[str, Any]]]:
        """Every page, as its rows."""
        pages, url = [], f"/api/audit?{urlencode(asked)}"
        while url:
            answer = client.get(url, headers=LINES)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/x-ndjson"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.content == b"" or answer.content.endswith(b"\n")
            pages.append([json.loads(line) for line in answer.content.splitlines()])
            # The URL has all that was asked.
            url = answer.links.get("next", {}).get("url", "")
        return pages

    def test_a_trail_is_exported_page_by_page(self, service: Service) -> None:
        owner = Owner(service)
        for number in range(7):
            owner.create(f"server {number}")
        asked = {"user": owner.user, "event": "server.create", "since": "2026-01-01T00:00:00+02:00"}
        listed = owner.http.get("/api/audit", params=asked).json()["audit"]
        pages = self.followed(owner.http, **asked, limit=3)
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [row for page in pages for row in page] == listed
        assert self.followed(owner.http, event="no.such") == [[]]

    def test_who_sees_what_is_the_same(self, service: Service) -> None:
        owner = Owner(service)
        owner.create()
        own = service.client(Authorization=f"Bearer {token(f'somebody-{uuid.uuid4().hex}')}")
        own.post("/api/servers", json={"name": "mine"})
        (page,) = self.followed(own, limit=1000)
        assert page == own.get("/api/audit").json()["audit"] != []
        foreign = {"user": owner.user}
        assert own.get("/api/audit", params=foreign, headers=LINES).status_code == 403
        other = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()["key"]
        theirs = self.followed(service.client(Authorization=f"Bearer {other}"), limit=1000)
        assert all(row["userId"] != owner.user for page in theirs for row in page)
        wrong = service.client().get("/api/audit", params={"cursor": "x"}, headers=LINES)
        assert refusal(wrong) == (400, "INVALID_REQUEST", ("cursor", "value"))

    @pytest.mark.parametrize(
        ("accept", "as_lines"),
        [
            ("*/*", False),
            ("application/json", False),
            ("application/*", False),
            ("application/x-ndjson;q=0", False),
            ("application/x-ndjson;q=0.5, application/json", False),
            ("application/json;q=0.5, Application/X-NDJSON", True),
            ("application/x-ndjson, */*", True),
            ("text/html, application/x-ndjson ; q=0.1", True),
            ("", False),
        ],
    )
    def test_what_accept_says(self, service: Service, accept: str, as_lines: bool) -> None:
        answer = service.client().get("/api/audit", params={"limit": 1}, headers={"Accept": accept})
        assert answer.headers["content-type"] == ("application/x-ndjson" if as_lines else "application/json")
        assert ("link" in answer.headers) is as_lines

    def test_the_url_of_the_next_page_is_the_public_one(self, tmp_path: Any) -> None:
        with serving(tmp_path, TOOLGATE_BASE_URL="https://toolgate.example.com/gate") as started:
            started.client().post("/api/servers", json={"name": "x"})
            answer = started.client().get("/api/audit", params={"limit": 1, "user": "me"}, headers=LINES)
        url = httpx.URL(answer.links["next"]["url"])
        assert str(url).startswith("https://toolgate.example.com/gate/api/audit?")
        assert (url.params["user"], url.params["limit"]) == ("me", "1")
