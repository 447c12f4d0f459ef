"""`toolgate servers`: the operator at every user's servers, beside the running service."""

import json
import time
from typing import Any

import pytest

from support.owners import Owner, path, ping
from support.service import Service, serving


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture
def server(owner: Owner) -> dict[str, Any]:
    return owner.create(f"server {time.monotonic_ns()}", tokenExpiresInDays=1)


def test_list(service: Service, server: dict[str, Any], owner: Owner) -> None:
    other = service.client().post("/api/servers", json={"name": f"another's {time.monotonic_ns()}".replace("'", "")})
    listed = service.run("servers", "list", "--json").stdout
    rows = {row["serverId"]: row for row in json.loads(listed)}
    assert other.json()["serverId"] in rows
    row = rows[server["serverId"]]
    assert (row["userId"], row["name"], row["paused"]) == (owner.user, server["name"], False)
    assert row["tokenExpiresAt"] > server["createdAt"]
    plain = service.run("servers", "list").stdout
    line = next(line for line in plain.splitlines() if line.startswith(server["serverId"]))
    assert owner.user in line
    assert "mcp_token_" not in listed + plain
    assert server["accessToken"] not in listed + plain


def test_pause_and_resume(service: Service, server: dict[str, Any], owner: Owner) -> None:
    for _ in range(2):
        assert service.run("servers", "pause", server["serverId"]).stdout == f"Server {server['serverId']} is paused.\n"
    assert ping(server).status_code == 403
    assert owner.http.get(path(server)).json()["paused"] is True
    assert "paused" in next(
        line for line in service.run("servers", "list").stdout.splitlines() if line.startswith(server["serverId"])
    )
    service.run("servers", "resume", server["serverId"])
    assert ping(server).status_code == 200
    rows = owner.http.get(path(server, "activity")).json()["activity"]
    assert [(row["event"], row["door"]) for row in rows] == [
        ("server.resume", "cli"),
        ("server.pause", "cli"),
        ("server.create", "api_key"),
    ]


def test_rotate_token(service: Service, server: dict[str, Any], owner: Owner) -> None:
    service.environment["TOOLGATE_BASE_URL"] = service.url
    try:
        done = service.run("servers", "rotate-token", server["serverId"])
    finally:
        del service.environment["TOOLGATE_BASE_URL"]
    assert done.stdout == owner.http.get(path(server)).json()["accessUrl"] + "\n"
    assert ping(server).status_code == 401
    assert ping({"accessUrl": done.stdout.strip()}).status_code == 200


@pytest.mark.parametrize("command", ["pause", "resume", "rotate-token"])
@pytest.mark.parametrize("server_id", ["no-such-server", "", "../x", "x" * 1000])
def test_a_server_that_is_not_there(service: Service, command: str, server_id: str) -> None:
    done = service.run("servers", command, server_id, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: Server not found\n")


def test_none(tmp_path: Any) -> None:
    with serving(tmp_path) as fresh:
        assert fresh.run("servers", "list").stdout == "There are no servers.\n"
        assert fresh.run("servers", "list", "--json").stdout == "[]\n"
        assert fresh.run("servers", "pause", check=False).returncode == 2
