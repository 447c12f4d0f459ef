"""The vault's keys on the command line: rotated, counted, lost, changed, another installation's."""

import contextlib
import json
import shutil
import sqlite3
import stat
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from gateway.credentials.sealed import SEALED
from storage import tables
from support.jwts import token
from support.service import Service, command, environment, free_port, serving

SECRET = "s3cret-token-of-the-platform"


def toolgate(data_dir: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(data_dir), capture_output=True, text=True, timeout=60, input=stdin
    )


def good(data_dir: Path, *arguments: str, stdin: str | None = None) -> str:
    done = toolgate(data_dir, *arguments, stdin=stdin)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def refused(data_dir: Path, *arguments: str) -> str:
    done = toolgate(data_dir, *arguments)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one user and two credentials, which nobody changes."""
    folder = tmp_path_factory.mktemp("once")
    good(folder, "keys", "create")
    for _ in range(2):
        add(folder)
    return folder


@pytest.fixture
def data(once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(once, tmp_path / "data")


def add(folder: Path) -> str:
    stdin = json.dumps({"token": SECRET})
    return good(folder, "credentials", "add", "slack", "--type", "bearer", stdin=stdin).strip()


def held(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "secrets.json").read_text())
    return found


def write(folder: Path, document: dict[str, Any]) -> None:
    (folder / "secrets.json").write_text(json.dumps(document))


def run(folder: Path, statement: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / "toolgate.db")) as database:
        found = database.execute(statement, values).fetchall()
        database.commit()
        return found


def test_every_table_with_something_sealed_is_rotated() -> None:
    sealed = {name for name, table in tables.metadata.tables.items() if "sealed" in table.columns}
    assert {one.table.name for one in SEALED} == sealed
    assert all("sealed_by" in one.table.columns for one in SEALED)


def test_rotate_and_status(data: Path) -> None:
    (old,) = held(data)["vaultKeys"]
    said = good(data, "vault", "rotate")
    (new,) = held(data)["vaultKeys"]
    assert new["name"] != old["name"]
    assert new["key"] != old["key"]
    assert f"2 rows are sealed by {new['name']}; removed: {old['name']}." in said
    assert not any(secret in said for secret in (SECRET, old["key"], new["key"]))
    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
    assert run(data, "SELECT DISTINCT sealed_by FROM credentials") == [(new["name"],)]
    status = json.loads(good(data, "vault", "status", "--json"))
    assert status == {
        "seals": new["name"],
        "keys": [new["name"]],
        "rotating": False,
        "rows": [{"table": "credentials", "key": new["name"], "rows": 2, "inFile": True}],
    }
    assert f"{new['name']}: seals" in good(data, "vault", "status")
    assert "2 sealed row(s), 0 that do not open" in good(data, "check")
    assert run(data, "SELECT count(*) FROM audit WHERE event = 'vault.rotate'") == [(1,)]


def test_nothing_to_rotate(tmp_path: Path) -> None:
    good(tmp_path, "keys", "create")
    assert "Done: 0 rows" in good(tmp_path, "vault", "rotate")
    assert len(held(tmp_path)["vaultKeys"]) == 1
    assert "Nothing is sealed" in good(tmp_path, "vault", "status")


@pytest.mark.parametrize("named", [False, True], ids=["the new key is only in the file", "the new key seals already"])
def test_what_was_begun_is_gone_on_with(data: Path, named: bool) -> None:
    before = held(data)
    good(data, "vault", "rotate")
    new = held(data)["vaultKeys"][0]
    good(data, "vault", "rotate")
    # As a rotation leaves it that was killed: both keys, and rows of the old one.
    third = held(data)["vaultKeys"][0]
    write(data, {**before, "vaultKeys": [new, third]})
    if not named:
        assert "A rotation is not finished" in good(data, "vault", "status")
    said = good(data, "vault", "rotate")
    assert f"A rotation to the key {new['name']} was begun" in said
    assert held(data)["vaultKeys"] == [new]


def test_two_rotations_at_once(data: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (data / ".vault-rotation").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "Another `toolgate vault rotate`" in refused(data, "vault", "rotate")
    assert len(held(data)["vaultKeys"]) == 1
    good(data, "vault", "rotate")


def test_a_secrets_file_that_cannot_be_written(data: Path) -> None:
    before = (data / "secrets.json").read_bytes()
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); {command('x')[2]}"
    limited = [command("x")[0], "-c", code, "vault", "rotate"]
    # What measures coverage could not write its own file either, and would say so in a traceback.
    alone = {name: value for name, value in environment(data).items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(limited, env=alone, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (data / "secrets.json").read_bytes() == before
    assert [path.name for path in data.glob(".secrets*")] == []
    good(data, "vault", "rotate")


LOST: dict[str, tuple[Any, str]] = {
    "missing": (None, "is missing"),
    "another installation's": ("other", "is missing"),
    "a changed vault key": ({"vaultKeys": "changed"}, "is not the one that sealed"),
    "a changed token key": ({"tokenKey": b64encode(b"t" * 32).decode()}, "token URLs"),
    "damaged": ("{", "is damaged"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_or_wrong_key_is_one_sentence(data: Path, tmp_path: Path, name: str) -> None:
    change, why = LOST[name]
    path = data / "secrets.json"
    document = held(data)
    if change is None:
        path.unlink()
    elif change == "other":
        good(tmp_path / "other", "keys", "create")
        shutil.copy(tmp_path / "other" / "secrets.json", path)
    elif isinstance(change, str):
        path.write_text(change)
    elif "vaultKeys" in change:
        write(data, {**document, "vaultKeys": [{**document["vaultKeys"][0], "key": b64encode(b"x" * 32).decode()}]})
    else:
        write(data, {**document, **change})
    before = path.read_bytes() if path.exists() else None
    commands = (("serve", "--port", str(free_port())), ("keys", "list"), ("vault", "rotate"), ("credentials", "list"))
    for arguments in commands:
        said = refused(data, *arguments)
        assert why in said
        assert "secrets.json" in said
        assert len(said.splitlines()) <= 2
    checked = refused(data, "check")
    assert why in checked
    assert (path.read_bytes() if path.exists() else None) == before
    write(data, document)
    assert "2 sealed row(s), 0 that do not open" in good(data, "check")


def test_starting_over_where_the_secrets_are_lost(data: Path, tmp_path: Path) -> None:
    good(data, "keys", "list")
    assert "are there" in refused(data, "vault", "start-over", "--yes")
    assert "There is no database" in refused(tmp_path / "none", "vault", "start-over", "--yes")
    before = (data / "secrets.json").read_bytes()
    asked = toolgate(data, "vault", "start-over", stdin="n\n")
    assert asked.returncode == 1
    assert (data / "secrets.json").read_bytes() == before
    (data / "secrets.json").unlink()
    assert "2 sealed row(s) do not open any more" in good(data, "vault", "start-over", "--yes")
    assert stat.S_IMODE((data / "secrets.json").stat().st_mode) == 0o600
    assert "2 of 2 sealed rows do not open" in refused(data, "check")
    for (credential,) in run(data, "SELECT credential_id FROM credentials"):
        stdin = json.dumps({"token": SECRET})
        good(data, "credentials", "replace", "slack", credential, "--type", "bearer", stdin=stdin)
    assert "2 sealed row(s), 0 that do not open" in good(data, "check")
    good(data, "vault", "rotate")
    # Another installation's file is set aside, not thrown away.
    (data / "secrets.json").write_bytes(before)
    said = good(data, "vault", "start-over", "--yes")
    (aside,) = data.glob("secrets.json.before-*")
    assert aside.name in said
    assert aside.read_bytes() == before


def test_starting_over_while_a_service_runs(service: Service) -> None:
    said = service.run("vault", "start-over", "--yes", check=False)
    assert said.returncode == 1
    assert "stop it first" in said.stderr


def test_a_database_of_before_there_was_a_proof(data: Path, tmp_path: Path) -> None:
    run(data, "DELETE FROM vault")
    good(tmp_path / "other", "keys", "create")
    mine = (data / "secrets.json").read_bytes()
    shutil.copy(tmp_path / "other" / "secrets.json", data / "secrets.json")
    assert "opens nothing there" in refused(data, "keys", "list")
    assert run(data, "SELECT * FROM vault") == []
    (data / "secrets.json").write_bytes(mine)
    good(data, "keys", "list")
    assert len(run(data, "SELECT * FROM vault")) == 1


def forget(folder: Path) -> str:
    """Let one credential be sealed by a key that nobody has; its id."""
    ((credential,),) = run(folder, "SELECT min(credential_id) FROM credentials")
    run(folder, "UPDATE credentials SET sealed_by = 'gone' WHERE credential_id = ?", credential)
    return str(credential)


def test_one_row_of_a_lost_key_is_told_apart(data: Path) -> None:
    credential = forget(data)
    checked = refused(data, "check")
    assert f"1 of 2 sealed rows do not open (credentials {credential})" in checked
    assert "this key is not in the secrets file" in good(data, "vault", "status")
    done = toolgate(data, "vault", "rotate")
    assert done.returncode == 0
    assert f"does not open: credentials {credential}" in done.stderr
    # What nobody can open keeps no key in the file.
    assert len(held(data)["vaultKeys"]) == 1
    stdin = json.dumps({"token": SECRET})
    good(data, "credentials", "replace", "slack", credential, "--type", "bearer", stdin=stdin)
    assert "2 sealed row(s), 0 that do not open" in good(data, "check")


def test_a_row_that_was_changed_keeps_its_key(data: Path) -> None:
    ((credential,),) = run(data, "SELECT min(credential_id) FROM credentials")
    run(data, "UPDATE credentials SET sealed = zeroblob(60) WHERE credential_id = ?", credential)
    said = refused(data, "vault", "rotate")
    assert "The old key is kept" in said
    assert credential in said
    new, old = (key["name"] for key in held(data)["vaultKeys"])
    assert run(data, "SELECT sealed_by, count(*) FROM credentials GROUP BY 1 ORDER BY 1") == sorted(
        [(new, 1), (old, 1)]
    )
    assert "--leave-unreadable" in refused(data, "vault", "rotate")
    good(data, "vault", "rotate", "--leave-unreadable")
    assert [key["name"] for key in held(data)["vaultKeys"]] == [new]


def test_a_credential_of_a_lost_key_is_a_clear_answer(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        credential = add(service.data_dir)
        forget(service.data_dir)
        client = service.client()
        body = {"credentialId": credential}
        answer = client.post("/connectors/slack/actions/auth.test/execute", json=body)
        if answer.status_code == 404:  # whatever the action is called
            action = client.get("/connectors/slack/actions", params={"limit": 1}).json()["actions"][0]["id"]
            answer = client.post(f"/connectors/slack/actions/{action}/execute", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (500, "INTERNAL_ERROR")
        assert error["message"] == "This credential for slack cannot be opened; store it again"
        assert error["details"]["credentialId"] == credential
        assert client.get("/health/ready").status_code == 200
        tested = client.post(f"/connectors/slack/credentials/{credential}/test")
        assert tested.json() == {"ok": False, "message": error["message"]}
        assert f"Credential {credential}" in service.log()
        listed = client.get("/connectors/slack/credentials").json()["credentials"]
        assert [one["credentialId"] for one in listed] == [credential]


def test_an_issuer_or_a_client_of_a_lost_key_is_told_to_the_operator_alone(tmp_path: Path) -> None:
    secret = "a secret of an issuer, longer than 32 bytes"
    with serving(tmp_path) as service:
        client = service.client()
        body = {"issuer": "urn:lost", "algorithm": "HS256", "secret": secret}
        made = client.post("/accounts/default/jwt-issuers", json=body).json()
        config = client.post(
            "/auth-configs", json={"connectorId": "slack", "clientId": "x", "clientSecret": SECRET}
        ).json()
        for table in ("jwt_issuers", "auth_configs"):
            run(service.data_dir, f"UPDATE {table} SET sealed_by = 'gone'")
        told = [
            service.client(Authorization=f"Bearer {token('jane', secret=secret, iss=issuer)}").get("/api/servers")
            for issuer in ("urn:lost", "urn:unknown")
        ]
        assert [answer.status_code for answer in told] == [401, 401]
        assert told[0].json() == told[1].json()
        assert f"issuer {made['issuerId']}" in service.log()
        body = {"userId": "me", "authenticationType": "oauth2"}
        refused = client.post("/connectors/slack/credentials", json=body)
        assert refused.status_code == 500
        error = refused.json()["error"]
        assert error["message"] == "The client secret of an auth config for slack cannot be opened; store it again"
        assert error["details"] == {"connectorId": "slack", "authConfigId": config["authConfigId"]}
        client.patch(f"/auth-configs/{config['authConfigId']}", json={"clientSecret": SECRET}).raise_for_status()
        assert client.post("/connectors/slack/credentials", json=body).status_code == 200


def test_a_service_that_runs_seals_with_the_new_key(service: Service) -> None:
    body = {"userId": "me", "authenticationType": "bearer", "data": {"token": SECRET}}
    service.run("vault", "rotate")
    made = service.client().post("/connectors/notion/credentials", json=body).json()["credentialId"]
    name = held(service.data_dir)["vaultKeys"][0]["name"]
    assert run(service.data_dir, "SELECT sealed_by FROM credentials WHERE credential_id = ?", made) == [(name,)]
