"""Whatever changes something leaves an audit row, and in the same transaction: by REST, and by the command line."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from gateway.cli.main import main
from gateway.contract import load_document
from storage import tables
from storage.times import now
from support.completeness import METHODS
from support.service import Service, serving
from support.upstream import Upstream, running

CHANGED = (*tables.CONFIGURATION, tables.credentials)
MCP = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "execute_action_alloy",
        "arguments": {"connectorId": "tasks", "actionId": "listTasks", "parameters": {}},
    },
}
BEARER = {"authenticationType": "bearer", "data": {"token": "t"}}

# operationId -> the event of the row that it leaves, and how it is called, with what the ones before have made.
Call = tuple[str, str, str, Any]
WALK: dict[str, Call] = {
    "create-account": ("account.create", "POST", "/accounts", {"name": "Sales"}),
    "update-account": ("account.update", "PATCH", "/accounts/{create-account.accountId}", {"name": "Sold"}),
    "create-jwt-issuer": (
        "jwtIssuer.create",
        "POST",
        "/accounts/{create-account.accountId}/jwt-issuers",
        {"issuer": "https://login.example.com", "algorithm": "RS256", "jwksUrl": "https://login.example.com/jwks"},
    ),
    "delete-jwt-issuer": (
        "jwtIssuer.delete",
        "DELETE",
        "/accounts/{create-account.accountId}/jwt-issuers/{create-jwt-issuer.issuerId}",
        None,
    ),
    "delete-account": ("account.delete", "DELETE", "/accounts/{create-account.accountId}", None),
    "create-user": ("user.create", "POST", "/users", {"username": "jane"}),
    "update-user": ("user.update", "PATCH", "/users/{create-user.userId}", {"fullName": "Jane"}),
    "create-key": ("key.create", "POST", "/keys", {"userId": "ann"}),
    "revoke-key": ("key.revoke", "DELETE", "/keys/{create-key.keyId}", None),
    "create-auth-config": (
        "authConfig.create",
        "POST",
        "/auth-configs",
        {"connectorId": "slack", "clientId": "app", "clientSecret": "of-the-app"},
    ),
    "update-auth-config": (
        "authConfig.update",
        "PATCH",
        "/auth-configs/{create-auth-config.authConfigId}",
        {"clientSecret": "another-of-the-app"},
    ),
    "delete-auth-config": ("authConfig.delete", "DELETE", "/auth-configs/{create-auth-config.authConfigId}", None),
    "create-connector": ("connector.create", "POST", "/connectors", {"id": "tasks"}),
    "replace-connector": ("connector.replace", "PUT", "/connectors/tasks", {}),
    "create-connector-credential": (
        "credential.create",
        "POST",
        "/connectors/tasks/credentials",
        {"userId": "me", **BEARER},
    ),
    "rename-connector-credential": (
        "credential.rename",
        "PATCH",
        "/connectors/tasks/credentials/{create-connector-credential.credentialId}",
        {"name": "another"},
    ),
    "replace-connector-credential": (
        "credential.replace",
        "PUT",
        "/connectors/tasks/credentials/{create-connector-credential.credentialId}",
        BEARER,
    ),
    "test-connector-credential": (
        "credential.test",
        "POST",
        "/connectors/tasks/credentials/{create-connector-credential.credentialId}/test",
        None,
    ),
    "execute-connector-action": (
        "action.execute",
        "POST",
        "/connectors/tasks/actions/listTasks/execute",
        {"credentialId": "{create-connector-credential.credentialId}"},
    ),
    "create-server": ("server.create", "POST", "/api/servers", {"name": "Main"}),
    "update-server": ("server.update", "PUT", "/api/servers/{create-server.serverId}", {"name": "Other"}),
    "execute-mcp-api": ("action.execute", "POST", "/mcp/{create-server.serverId}", MCP),
    "execute-mcp-token": (
        "action.execute",
        "POST",
        "/mcp/{create-server.serverId}/{create-server.accessToken}",
        MCP,
    ),
    "call-server-tool": (
        "action.execute",
        "POST",
        "/api/servers/{create-server.serverId}/tools/execute_action_alloy",
        {"arguments": MCP["params"]["arguments"]},
    ),
    "update-server-safety": (
        "server.safety",
        "PUT",
        "/api/servers/{create-server.serverId}/safety",
        {"confirmDestructive": True},
    ),
    "rotate-server-token": ("server.rotate-token", "POST", "/api/servers/{create-server.serverId}/token", None),
    "pause-server": ("server.pause", "POST", "/api/servers/{create-server.serverId}/pause", None),
    "resume-server": ("server.resume", "POST", "/api/servers/{create-server.serverId}/resume", None),
    "delete-server": ("server.delete", "DELETE", "/api/servers/{create-server.serverId}", None),
    "delete-connector-credential": (
        "credential.delete",
        "DELETE",
        "/connectors/tasks/credentials/{create-connector-credential.credentialId}",
        None,
    ),
    "delete-user": ("user.delete", "DELETE", "/users/{create-user.userId}", None),
    "delete-connector": ("connector.delete", "DELETE", "/connectors/tasks", None),
}
# Posted, but they read: a prompt is made, and nothing is changed.
READS = {"get-server-prompt"}
# In a browser, or after what only an assistant's call begins: tests/handlers/test_oauth_flow.py and test_approvals.py
# look at their rows.
ELSEWHERE = {"give-oauth-consent", "choose-oauth-account", "decide-server-approval"}
# The same as another operation that is in the walk, at another address.
SAME = {"delete-user-credential"}


def test_every_operation_that_writes_is_in_the_walk() -> None:
    written = {
        item[method]["operationId"]
        for item in load_document()["paths"].values()
        for method in METHODS
        if method in item and method not in ("get", "head", "options")
    }
    assert written == {*WALK, *READS, *SAME, *ELSEWHERE}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("audited")) as started:
        yield started


def database(service: Service) -> sqlite3.Connection:
    return sqlite3.connect(service.data_dir / "toolgate.db", isolation_level=None, timeout=10)


@contextmanager
def without_room_for_audit_rows(service: Service) -> Iterator[None]:
    with closing(database(service)) as connection:
        connection.execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END")
        try:
            yield
        finally:
            connection.execute("DROP TRIGGER full")


def content(service: Service) -> list[Any]:
    with closing(database(service)) as connection:
        return [connection.execute(f"SELECT * FROM {table.name} ORDER BY 1, 2").fetchall() for table in CHANGED]


def last_row(service: Service) -> dict[str, Any]:
    with closing(database(service)) as connection:
        connection.row_factory = sqlite3.Row
        return dict(connection.execute("SELECT * FROM audit ORDER BY audit_id DESC LIMIT 1").fetchone())


def filled(node: Any, made: dict[str, Any]) -> Any:
    if isinstance(node, str):
        for name, value in made.items():
            node = node.replace(f"{{{name}}}", str(value))
        return node
    return {key: filled(value, made) for key, value in node.items()} if isinstance(node, dict) else node


def test_every_change_and_its_row_are_one_transaction(fresh: Service, upstream: Upstream) -> None:
    client = fresh.client()
    made: dict[str, Any] = {}
    for operation, (event, method, path, body) in WALK.items():
        if operation in ("create-connector", "replace-connector"):
            body = {**body, "document": upstream.document()}
        sent = {} if body is None else {"json": filled(body, made)}
        path = filled(path, made)
        before, last = content(fresh), last_row(fresh)
        with without_room_for_audit_rows(fresh):
            refused = client.request(method, path, **sent)
        assert refused.status_code >= 400 or "error" in refused.text or "isError" in refused.text, operation
        assert (content(fresh), last_row(fresh)) == (before, last), operation
        done = client.request(method, path, **sent, headers={"X-Request-Id": f"walk-{operation}"})
        assert done.status_code < 300, (operation, done.text)
        row = last_row(fresh)
        assert row["audit_id"] == last["audit_id"] + 1, operation
        assert (row["event"], row["outcome"], row["request_id"]) == (event, "ok", f"walk-{operation}")
        assert row["principal_id"] == "admin"
        token_url = operation == "execute-mcp-token"
        assert (row["door"], row["key_id"] is None) == ("token" if token_url else "api_key", token_url)
        named = [row[name] for name in ("subject", "server_id", "connector_id")]
        assert any(named), operation
        made |= {f"{operation}.{name}": value for name, value in done.json().items() if isinstance(value, str)}
    assert "in order" in fresh.run("audit", "verify").stdout


def test_a_credential_made_by_a_tool_is_on_record(fresh: Service) -> None:
    client = fresh.client()
    server = client.post("/api/servers", json={"name": "Tools"}).json()
    fields = {"connectorId": "slack", "authenticationType": "bearer", "fields": {"token": "xoxb-1"}}
    params = {"name": "create_credential_alloy", "arguments": fields}
    answer = httpx.post(server["accessUrl"], json={**MCP, "params": params}, trust_env=False)
    made = json.loads(answer.json()["result"]["content"][0]["text"])["credentialId"]
    row = last_row(fresh)
    assert (row["event"], row["door"], row["subject"]) == ("credential.create", "token", made)
    assert (row["server_id"], row["connector_id"]) == (server["serverId"], "slack")


# The arguments of each command that writes, and the event.
Arguments = Callable[[dict[str, str], Path], list[str]]
COMMANDS: dict[str, tuple[str, Arguments]] = {
    "keys create": ("key.create", lambda made, _: ["--user", "bob", "--json"]),
    "keys revoke": ("key.revoke", lambda made, _: [made["keys create"]]),
    "users create": ("user.create", lambda made, _: ["eve", "--json"]),
    "users disable": ("user.update", lambda made, _: [made["users create"]]),
    "users enable": ("user.update", lambda made, _: [made["users create"]]),
    "users delete": ("user.delete", lambda made, _: [made["users create"]]),
    "accounts create": ("account.create", lambda made, _: ["Buyers", "--json"]),
    "accounts disable": ("account.update", lambda made, _: [made["accounts create"]]),
    "accounts enable": ("account.update", lambda made, _: [made["accounts create"]]),
    "accounts delete": ("account.delete", lambda made, _: [made["accounts create"]]),
    "connectors add": ("connector.create", lambda made, folder: [str(folder / "tasks.json"), "--id", "mine"]),
    "credentials add": ("credential.create", lambda made, _: ["mine", "--type", "bearer"]),
    "credentials rename": ("credential.rename", lambda made, _: ["mine", made["credentials add"], "mine"]),
    "credentials replace": (
        "credential.replace",
        lambda made, _: ["mine", made["credentials add"], "--type", "bearer"],
    ),
    "credentials test": ("credential.test", lambda made, _: ["mine", made["credentials add"]]),
    "credentials default": ("credential.default", lambda made, _: ["mine", made["credentials add"]]),
    "credentials delete": ("credential.delete", lambda made, _: [made["credentials add"]]),
    "connectors remove": ("connector.delete", lambda made, _: ["mine"]),
    "servers pause": ("server.pause", lambda made, _: [made["server"]]),
    "servers resume": ("server.resume", lambda made, _: [made["server"]]),
    "servers rotate-token": ("server.rotate-token", lambda made, _: [made["server"]]),
    "servers safety": ("server.safety", lambda made, _: [made["server"], "--read-only"]),
    "auth-configs create": ("authConfig.create", lambda made, _: ["slack", "--client-id", "app", "--json"]),
    "auth-configs secret": ("authConfig.update", lambda made, _: [made["auth-configs create"]]),
    "auth-configs delete": ("authConfig.delete", lambda made, _: [made["auth-configs create"]]),
    "jwt-issuers create": (
        "jwtIssuer.create",
        lambda made, _: [
            *("https://login.example.com", "--algorithm", "RS256"),
            *("--jwks-url", "https://login.example.com/jwks", "--json"),
        ],
    ),
    "jwt-issuers delete": ("jwtIssuer.delete", lambda made, _: [made["jwt-issuers create"]]),
    "vault rotate": ("vault.rotate", lambda made, _: []),
    "audit prune": ("audit.prune", lambda made, _: ["--before", now()]),
}
# By what a command's JSON names what it has made, the nearest first.
IDS = ("id", "authConfigId", "issuerId", "accountId", "userId")
READING = {"check", "connect", "regenerate", "serve", "connectors check", "audit verify", "audit export"}
READING |= {"approvals show", "backup", "vault status"}
# As ELSEWHERE: tests/gateway/test_cli_approvals.py, test_cli_backup.py and test_cli_vault.py.
COMMANDS_ELSEWHERE = {"approvals give", "approvals deny", "restore", "vault start-over"}


def test_every_command_that_writes_is_known() -> None:
    names: set[str] = set()
    for name, command in main.commands.items():
        names |= {f"{name} {each}" for each in command.commands} if isinstance(command, click.Group) else {name}
    assert {name for name in names if not name.endswith(" list")} == {*COMMANDS, *READING, *COMMANDS_ELSEWHERE}


def test_every_command_that_writes_is_on_record(fresh: Service, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps(upstream.document()))
    made = {"server": fresh.client().post("/api/servers", json={"name": "By command"}).json()["serverId"]}
    for command, (event, arguments) in COMMANDS.items():
        last = last_row(fresh)
        done = fresh.run(*command.split(), *arguments(made, tmp_path), stdin='{"token": "t"}')
        row = last_row(fresh)
        assert row["audit_id"] == last["audit_id"] + 1, command
        assert (row["event"], row["door"], row["request_id"]) == (event, "cli", None), command
        try:
            said = json.loads(done.stdout)
            made[command] = next(
                said[name] for name in ("id", "authConfigId", "issuerId", "accountId", "userId") if name in said
            )
        except ValueError:
            made[command] = done.stdout.strip()
    assert fresh.run("audit", "verify").stdout.startswith("1 rows in order, ")
