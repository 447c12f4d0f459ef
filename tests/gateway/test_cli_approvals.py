"""`toolgate servers safety` and `toolgate approvals`, as processes beside a running service."""

import json
import time
import uuid
from collections.abc import Iterator

import jwt
import pytest

from support import upstream as platforms
from support.destroying import Place, document
from support.service import JWT_SECRET, Service
from support.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with platforms.running() as started:
        yield started


@pytest.fixture
def place(service: Service, upstream: Upstream) -> Iterator[Place]:
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    added = service.client().post("/connectors", json={"id": name, "document": document(upstream)})
    assert added.status_code == 201, added.text
    yield Place(service, upstream, name)
    service.client().delete(f"/connectors/{name}")


def test_safety(service: Service, place: Place) -> None:
    this = place.server["serverId"]
    assert "is not read-only" in service.run("servers", "safety", this).stdout
    said = service.run("servers", "safety", this, "--read-only", "--confirm-destructive", "--json").stdout
    assert json.loads(said) == {"serverId": this, "readOnly": True, "confirmDestructive": True}
    assert place.rest("createTask")[0] == 403
    shown = service.run("servers", "safety", this, "--no-read-only").stdout
    assert "is not read-only" in shown
    assert "wants destructive actions confirmed" in shown
    assert place.rest("createTask")[0] == 200
    rows = place.owner.http.get(f"{place.path}/activity", params={"event": "server.safety"}).json()["activity"]
    assert {(row["door"], row["userId"]) for row in rows} == {("cli", place.owner.user)}
    assert len(rows) == 2
    missing = service.run("servers", "safety", "no-such-server", "--read-only", check=False)
    assert (missing.returncode, missing.stderr) == (1, "Error: Server not found\n")


def test_approvals(service: Service, place: Place) -> None:
    this = place.server["serverId"]
    service.run("servers", "safety", this, "--confirm-destructive")
    assert service.run("approvals", "list", "--server", this).stdout == "Nothing waits for approval.\n"
    first = place.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
    second = place.rest("deleteTask", {"id": "8"})[1]["details"]["approvalId"]
    listed = json.loads(service.run("approvals", "list", "--server", this, "--json").stdout)
    assert {(one["approvalId"], one["status"]) for one in listed} == {(first, "pending"), (second, "pending")}
    assert "deleteTask" in service.run("approvals", "list").stdout
    assert json.loads(service.run("approvals", "show", first).stdout)["arguments"] == {"id": "7"}
    assert "may run deleteTask" in service.run("approvals", "give", first).stdout
    assert "is refused" in service.run("approvals", "deny", second).stdout
    assert place.rest("deleteTask", {"id": "7"})[0] == 200
    assert place.rest("deleteTask", {"id": "8"})[0] == 403
    rows = place.owner.http.get(f"{place.path}/activity").json()["activity"]
    assert {row["event"] for row in rows if row["door"] == "cli"} == {"server.safety", "approval.give", "approval.deny"}


@pytest.mark.parametrize("word", ["show", "give", "deny"])
@pytest.mark.parametrize("approval", ["0" * 24, "x", ""])
def test_what_is_not_there(service: Service, word: str, approval: str) -> None:
    done = service.run("approvals", word, approval, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: Approval not found; it may have expired\n")


def test_what_is_decided_stays(service: Service, place: Place) -> None:
    service.run("servers", "safety", place.server["serverId"], "--confirm-destructive")
    approval = place.rest("deleteTask", {"id": "7"})[1]["details"]["approvalId"]
    service.run("approvals", "deny", approval)
    done = service.run("approvals", "give", approval, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: The approval is denied already\n")


def test_a_server_that_is_not_there(service: Service) -> None:
    theirs = json.loads(service.run("accounts", "create", "Others", "--json").stdout)["key"]
    client = service.client(Authorization=f"Bearer {theirs}")
    made = client.post("/api/servers", json={"name": "theirs"}).json()["serverId"]
    for server in ("nope", made, "\x01"):
        done = service.run("approvals", "list", "--server", server, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: Server not found\n")


def test_what_others_wrote_is_seen_and_moves_nothing(service: Service, place: Place) -> None:
    """A user's id, or an argument, that would clear the screen, begin a line of its own or turn a text around."""
    evil = f"jane\x1b[2J\n\u202eroot {uuid.uuid4().hex}"
    proof = jwt.encode({"sub": evil, "exp": time.time() + 60}, JWT_SECRET, "HS256")
    assert service.client(Authorization=f"Bearer {proof}").get("/api/servers").status_code == 200
    listed = service.run("users", "list").stdout
    assert "jane\\u001b[2J\\u000a\\u202eroot" in listed
    service.run("servers", "safety", place.server["serverId"], "--confirm-destructive")
    approval = place.rest("deleteTask", {"id": "7\u202e8"})[1]["details"]["approvalId"]
    shown = service.run("approvals", "show", approval).stdout
    assert json.loads(shown)["arguments"] == {"id": "7\u202e8"}
    for text in (listed, shown, service.run("approvals", "list").stdout, service.run("servers", "list").stdout):
        assert not {"\x1b", "\u202e"} & set(text)
