"""`toolgate users`, `accounts` and `credentials`, as processes beside a running service."""

import json
import re
import uuid
from typing import Any

import httpx
import pytest

from support.service import Service
from support.upstream import running


def sentence(service: Service, *arguments: str) -> str:
    """The one sentence that a command fails with."""
    done = service.run(*arguments, check=False)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    text = done.stderr.strip().splitlines()[-1]
    assert text.startswith("Error: ")
    return text


def rows(service: Service, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(service.run(*arguments, "--json").stdout)
    return found


def test_users(service: Service) -> None:
    username = f"jane {uuid.uuid4().hex}"
    user = service.run("users", "create", username, "--full-name", "Jane Doe").stdout.strip()
    assert re.fullmatch(r"[0-9a-f]{24}", user)
    (shown,) = [row for row in rows(service, "users", "list") if row["userId"] == user]
    assert (shown["username"], shown["fullName"], shown["disabled"]) == (username, "Jane Doe", False)
    assert username in service.run("users", "list").stdout
    assert "taken" in sentence(service, "users", "create", username)
    client = service.client(x_alloy_userid=user)
    assert client.get("/api/servers").headers["x-alloy-userid"] == user
    service.run("users", "disable", user)
    assert client.get("/api/servers").status_code == 403
    service.run("users", "enable", user)
    assert client.get("/api/servers").status_code == 200
    service.run("users", "delete", user)
    assert client.get("/api/servers").headers["x-alloy-userid"] == "admin"
    other = json.loads(service.run("users", "create", f"john {uuid.uuid4().hex}", "--json").stdout)
    assert set(other) == {"userId"}


@pytest.mark.parametrize("command", ["disable", "enable", "delete"])
def test_users_that_are_not_there(service: Service, command: str) -> None:
    assert "User not found" in sentence(service, "users", command, "nobody-knows-them")
    assert "Account not found" in sentence(service, "accounts", command, "nope")


def test_the_operator_stays(service: Service) -> None:
    for command in ("disable", "delete"):
        assert f"operator's own user, admin, cannot be {command}d" in sentence(service, "users", command, "admin")
        sentence(service, "accounts", command, "default")
    assert service.client().get("/api/servers").status_code == 200


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_names_that_cannot_be(service: Service, name: str) -> None:
    assert "1 to 100" in sentence(service, "users", "create", name)
    assert "1 to 100" in sentence(service, "users", "create", "fine", "--full-name", name)
    assert "1 to 100" in sentence(service, "accounts", "create", name)


def test_accounts(service: Service) -> None:
    made = json.loads(service.run("accounts", "create", "Sales", "--json").stdout)
    client = service.client(Authorization=f"Bearer {made['key']}")
    assert client.get("/api/servers").json()["total"] == 0
    (shown,) = [row for row in rows(service, "accounts", "list") if row["accountId"] == made["accountId"]]
    assert (shown["name"], shown["disabled"]) == ("Sales", False)
    assert made["key"] not in service.run("accounts", "list").stdout
    service.run("accounts", "disable", made["accountId"])
    assert client.get("/api/servers").status_code == 403
    service.run("accounts", "enable", made["accountId"])
    assert client.get("/api/servers").status_code == 200
    service.run("accounts", "delete", made["accountId"])
    assert client.get("/api/servers").status_code == 401
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}\n", service.run("accounts", "create", "Plain").stdout)


def test_credentials(service: Service) -> None:
    user = service.run("users", "create", f"keeper {uuid.uuid4().hex}").stdout.strip()
    client: httpx.Client = service.client(x_alloy_userid=user)
    body = {"userId": "me", "authenticationType": "bearer", "name": "Chat", "data": {"token": "xoxb-secret"}}
    credential = client.post("/connectors/slack/credentials", json=body).json()["credentialId"]
    (shown,) = rows(service, "credentials", "list", "--user", user)
    assert (shown["credentialId"], shown["name"], shown["type"]) == (credential, "Chat", "slack-bearer")
    plain = service.run("credentials", "list", "--user", user).stdout
    assert credential in plain
    assert "xoxb" not in plain
    # Another user's is not deleted by accident.
    assert "not found" in sentence(service, "credentials", "delete", credential)
    service.run("credentials", "delete", credential, "--user", user)
    assert client.get("/connectors/slack/credentials").json() == {"credentials": []}
    assert "no credentials" in service.run("credentials", "list", "--user", user).stdout
    assert "User not found" in sentence(service, "credentials", "list", "--user", "nobody-knows-them")


def test_a_credentials_life(service: Service) -> None:
    with running() as upstream:
        connector = f"life-{uuid.uuid4().hex[:8]}"
        client = service.client()
        added = client.post("/connectors", json={"id": connector, "document": upstream.document()})
        assert added.status_code == 201
        user = service.run("users", "create", f"keeper {uuid.uuid4().hex}").stdout.strip()
        mine = ("--user", user)
        made = service.run("credentials", "add", connector, "--type", "bearer", *mine, stdin='{"token": "one"}')
        credential = made.stdout.strip()
        service.run("credentials", "rename", connector, credential, "Mine", *mine)
        (shown,) = rows(service, "credentials", "list", *mine)
        assert (shown["credentialId"], shown["name"]) == (credential, "Mine")
        service.run(
            "credentials", "replace", connector, credential, "--type", "bearer", *mine, stdin='{"token": "two"}'
        )
        service.run("credentials", "test", connector, credential, *mine)
        assert upstream.received[-1][2]["authorization"] == "Bearer two"
        for arguments, stdin, said in (
            (("add", connector, "--type", "bearer"), "", "JSON object"),
            (("add", connector, "--type", "bearer"), '{"token": 5}', "JSON object"),
            (("add", connector, "--type", "bearer"), '{"secret-word": "x"}', "token"),
            (("add", "nope", "--type", "bearer"), '{"token": "x"}', "Connector not found"),
            (("rename", connector, credential, ""), "", "1 to 100"),
            (("rename", connector, "0" * 24, "x"), "", "not found"),
            (("replace", connector, credential, "--type", "basic"), '{"token": "x"}', "not offered"),
            (("test", connector, "0" * 24), "", "not found"),
        ):
            done = service.run("credentials", *arguments, *mine, check=False, stdin=stdin)
            assert done.returncode == 1
            assert said in done.stderr
            assert "Traceback" not in done.stderr
        client.delete(f"/connectors/{connector}")
