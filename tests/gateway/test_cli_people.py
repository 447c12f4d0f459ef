"""`toolgate users`, `accounts` and `credentials`, as processes beside a running service."""

import json
import re
import uuid
from typing import Any

import httpx
import pytest

from support.service import Service


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
        sentence(service, "users", command, "admin")
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
