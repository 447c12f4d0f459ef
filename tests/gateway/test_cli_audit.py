"""`toolgate audit`, as a process, beside a running service and without one."""

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.access.chain_key import audit_key
from gateway.secrets import load_or_create
from storage.audit import insertion
from storage.opening import open_store
from support.service import Service, serving
from support.upstream import running


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Service]:
    with serving(tmp_path) as started:
        client = started.client()
        for number in range(5):
            assert client.post("/api/servers", json={"name": f"server {number}"}).status_code == 201
        yield started


def report(service: Service, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = service.run("audit", "verify", "--json", *arguments, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def lines(service: Service, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.run("audit", "export", *arguments).stdout.splitlines()]


# As docs/audit.md has it.
FIELDS = (
    *("id", "at", "accountId", "userId", "principalId", "door", "keyId", "event", "subject", "serverId"),
    *("connectorId", "actionId", "outcome", "upstreamStatus", "durationMs", "requestId", "arguments"),
)


def test_an_export_can_be_verified_by_anybody(used: Service) -> None:
    exported = lines(used)
    assert [row["event"] for row in exported] == ["key.create", *["server.create"] * 5]
    before = "00" * 32
    for row in exported:
        values = json.dumps([row.get(name) for name in FIELDS], ensure_ascii=False, separators=(",", ":"))
        assert row["previousHash"] == before
        before = hashlib.sha256(bytes.fromhex(before) + values.encode()).hexdigest()
        assert row["hash"] == before
    assert report(used)["lastHash"] == before


def test_an_export_of_some_rows(used: Service) -> None:
    account = json.loads(used.run("accounts", "create", "Other", "--json").stdout)
    used.client(Authorization=f"Bearer {account['key']}").post("/api/servers", json={"name": "theirs"})
    [theirs] = lines(used, "--account", account["accountId"])
    assert (theirs["event"], theirs["accountId"]) == ("server.create", account["accountId"])
    unknown = used.run("audit", "export", "--account", "nope", check=False)
    assert (unknown.returncode, unknown.stdout, unknown.stderr) == (1, "", "Error: Account not found\n")
    # Its rows outlive an account.
    used.run("accounts", "delete", account["accountId"])
    assert lines(used, "--account", account["accountId"]) == [theirs]
    assert lines(used, "--until", "2026-01-01") == lines(used, "--since", "2999-01-01T00:00:00Z") == []
    assert len(lines(used, "--since", "2026-01-01")) == 9


def test_a_noted_hash_must_be_there_still(used: Service) -> None:
    noted = report(used)["lastHash"]
    used.client().post("/api/servers", json={"name": "later"})
    assert report(used, "--expect", noted)["expected"] is True
    said = report(used, "--expect", "ab" * 32, status=1)
    assert (said["ok"], said["expected"], "broken" in said) == (False, False, False)
    plain = used.run("audit", "verify", "--expect", "ab" * 32, check=False)
    assert plain.returncode == 1
    assert "earlier backup" in plain.stderr
    for wrong in ("ab", "xyz"):
        assert used.run("audit", "verify", "--expect", wrong, check=False).returncode == 2


def test_the_first_broken_row_is_named(used: Service) -> None:
    assert used.run("audit", "verify").stdout.startswith("6 rows in order; the last of them is row 6, with the hash\n")
    with closing(sqlite3.connect(used.data_dir / "toolgate.db")) as connection:
        connection.execute("DROP TRIGGER audit_update")
        connection.execute("UPDATE audit SET user_id = 'somebody' WHERE audit_id IN (3, 5)")
        connection.commit()
    done = used.run("audit", "verify", check=False)
    assert done.returncode == 1
    assert done.stderr == "Row 3: changed: what it says is not what was written.\n"
    assert done.stdout.startswith("2 rows in order")
    assert report(used, status=1)["broken"]["row"] == 3


def test_prune(used: Service) -> None:
    exported = lines(used)
    moment = exported[3]["at"]
    assert used.run("audit", "prune", "--before", moment).stdout == "Removed 3 row(s).\n"
    assert used.run("audit", "prune", "--before", moment).stdout == "Removed 0 row(s).\n"
    left = lines(used)
    assert left[:3] == exported[3:]
    assert [(row["event"], row["door"], row["subject"]) for row in left[3:]] == [("audit.prune", "cli", "3")]
    said = report(used, "--expect", exported[2]["hash"])
    assert (said["rows"], said["removed"], said["lastRow"]) == (4, 3, 7)
    assert used.run("audit", "prune", "--before", "long ago", check=False).returncode == 2


def test_nothing_is_pruned_before_a_moment_in_the_future(used: Service) -> None:
    exported = lines(used)
    for moment in ("2999-01-01", "2999-01-01T00:00:00+02:00"):
        done = used.run("audit", "prune", "--before", moment, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--before" in done.stderr
        assert "in the future" in done.stderr
    assert lines(used) == exported


def test_the_service_removes_what_is_too_old(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(0o700)
    secrets = load_or_create(data_dir, fresh=True)

    async def write() -> None:
        store = open_store(data_dir / "toolgate.db", audit_key(secrets.token_key))
        for number in range(2):
            at = f"2026-01-0{number + 1}T00:00:00.000Z"
            whose = {"account_id": "default", "user_id": "admin", "door": "cli"}
            await store.write(insertion(at=at, event="old", **whose))
        await store.close()

    # The clock cannot be turned here: the rows are old from the first.
    asyncio.run(write())
    with serving(tmp_path, TOOLGATE_AUDIT_RETENTION_DAYS="1") as service:
        found = service.client().get("/api/audit").json()["audit"]
        assert [row["subject"] for row in found if row["event"] == "audit.prune" and row["door"] == "service"] == ["2"]
        assert not [row for row in found if row["event"] in ("old", "audit.broken")]
        assert report(service)["removed"] == 2
        assert "Removed 2 audit rows" in service.log()


def test_the_service_does_not_remove_unseen_what_was_made_to_look_old(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        first.client().post("/api/servers", json={"name": "old"})
    with closing(sqlite3.connect(tmp_path / "data" / "toolgate.db")) as connection:
        rows = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
        connection.execute("DROP TRIGGER audit_update")
        connection.execute("UPDATE audit SET at = '2026-01-01T00:00:00.000Z'")
        connection.commit()
    with serving(tmp_path, TOOLGATE_AUDIT_RETENTION_DAYS="1") as again:
        found = again.client().get("/api/audit").json()["audit"]
        assert [(row["event"], row["door"], row.get("subject")) for row in reversed(found)] == [
            ("audit.broken", "service", None),
            ("audit.prune", "service", str(rows)),
        ]
        broken = report(again, status=1)["broken"]
        assert (broken["row"], broken["why"]) == (rows + 1, "missing")


def test_behind_is_said_at_the_start_and_loses_nothing_in_an_orderly_end(tmp_path: Path) -> None:
    with running() as upstream, serving(tmp_path, TOOLGATE_AUDIT="behind") as started:
        assert "TOOLGATE_AUDIT=behind: a crash may lose" in started.log()
        client = started.client()
        document = {"id": "tasks", "document": upstream.document(), "auth": {"type": "none"}}
        assert client.post("/connectors", json=document).status_code == 201
        server = client.post("/api/servers", json={"name": "main"}).json()
        for _ in range(20):
            arguments = {"connectorId": "tasks", "actionId": "listTasks", "parameters": {}}
            done = client.post(
                f"/api/servers/{server['serverId']}/tools/execute_action_alloy", json={"arguments": arguments}
            )
            assert done.status_code == 200, done.text
    with serving(tmp_path) as again:
        assert sum(row["event"] == "action.execute" for row in lines(again)) == 20
        assert report(again)["ok"] is True


@pytest.mark.parametrize(
    "arguments", [("verify",), ("verify", "--json"), ("export",), ("prune", "--before", "2026-01-01")], ids=" ".join
)
def test_where_there_is_no_trail_none_is_made_and_found_good(
    used: Service, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    elsewhere = tmp_path / "a slip of the pen"
    done = replace(used, data_dir=elsewhere).run("audit", *arguments, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: There is no database in {elsewhere}.\n"
    assert not elsewhere.exists()
