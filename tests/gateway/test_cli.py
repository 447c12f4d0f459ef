"""The command line, as a process: what it prints, what it leaves behind, and one sentence for each failure."""

import json
import os
import pty
import re
import stat
import subprocess
import time
from pathlib import Path

import httpx
import pytest
import yaml

from support.service import Service, command, environment, free_port, serving

GOOD = {
    "openapi": "3.0.1",
    "info": {"title": "Inventory", "version": "1"},
    "servers": [{"url": "https://inventory.example.com"}],
    "paths": {"/items": {"get": {"operationId": "listItems", "responses": {"200": {"description": "ok"}}}}},
}


def toolgate(data_dir: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(data_dir, **settings), capture_output=True, text=True, timeout=60
    )


def one_sentence(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The failure's text; it must be short, on stderr, and no traceback."""
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    text = done.stderr.strip().splitlines()[-1]
    assert text.startswith("Error: ")
    return text


def test_keys(tmp_path: Path) -> None:
    made = json.loads(toolgate(tmp_path, "keys", "create", "--user", "jane", "--json").stdout)
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", made["key"])
    assert (made["userId"], made["scopes"]) == ("jane", ["manage", "use"])
    plain = toolgate(tmp_path, "keys", "create", "--scope", "use")
    assert re.fullmatch(r"tg_[A-Za-z0-9_-]{43}\n", plain.stdout)
    listed = json.loads(toolgate(tmp_path, "keys", "list", "--json").stdout)
    assert [(key["userId"], key["scopes"]) for key in listed] == [("jane", ["manage", "use"]), ("admin", ["use"])]
    shown = toolgate(tmp_path, "keys", "list").stdout
    assert made["key"] not in shown + json.dumps(listed)
    assert made["id"] in shown
    assert toolgate(tmp_path, "keys", "revoke", made["id"]).returncode == 0
    assert json.loads(toolgate(tmp_path, "keys", "list", "--json").stdout)[0]["revokedAt"]
    assert "not found" in one_sentence(toolgate(tmp_path, "keys", "revoke", "nope"), 1)


def test_arguments_that_are_no_text(tmp_path: Path) -> None:
    for arguments in (("keys", "create", "--user", "\udcff"), ("connectors", "check", "\udcff")):
        assert "UTF-8" in one_sentence(toolgate(tmp_path, *arguments), 1)


@pytest.mark.parametrize("user", ["", "me", "x" * 10_001])
def test_user_ids_that_cannot_be(tmp_path: Path, user: str) -> None:
    assert "userId" in one_sentence(toolgate(tmp_path, "keys", "create", "--user", user), 1)


def test_the_data_directory_is_private(tmp_path: Path) -> None:
    data = tmp_path / "made" / "on" / "the" / "way"
    assert toolgate(data, "keys", "create").returncode == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, *data.iterdir())}
    assert modes == {"way": 0o700, "toolgate.db": 0o600, "secrets.json": 0o600}


def test_connectors(tmp_path: Path) -> None:
    document = tmp_path / "inventory.yaml"
    document.write_text(yaml.safe_dump(GOOD))
    data = tmp_path / "data"
    added = toolgate(data, "connectors", "add", str(document), "--id", "inventory", "--auth", "api-key:X-Key")
    assert added.stdout == "Added connector 'inventory': 1 actions at https://inventory.example.com\n"
    rows = {row["id"]: row for row in json.loads(toolgate(data, "connectors", "list", "--json").stdout)}
    assert rows["inventory"]["origin"] == "own"
    assert {"slack", "notion", "hubspot", "salesforce", "shopify", "github"} <= set(rows)
    assert "inventory" in toolgate(data, "connectors", "list").stdout
    again = toolgate(data, "connectors", "add", str(document), "--id", "inventory", "--name", "Stock")
    assert again.stdout.startswith("Replaced connector 'inventory'")
    assert "Stock" in toolgate(data, "connectors", "list").stdout
    checked = toolgate(data, "connectors", "check", str(document))
    assert checked.stdout.startswith("Inventory: 1 actions")
    assert toolgate(data, "connectors", "remove", "inventory").returncode == 0
    assert "not found" in one_sentence(toolgate(data, "connectors", "remove", "inventory"), 1)


def without(*keys: str) -> dict[str, object]:
    return {key: value for key, value in GOOD.items() if key not in keys}


def operation(**fields: object) -> dict[str, object]:
    paths = {"/items": {"get": {"responses": {"200": {"description": "ok"}}, **fields}}}
    return {**GOOD, "paths": paths}


BAD_DOCUMENTS = {
    "no OpenAPI": ("hello: world", "openapi"),
    "text": ("just words", ""),
    "a list": ("[1, 2]", ""),
    "broken YAML": ("a: [", ""),
    "broken JSON": ('{"openapi": ', ""),
    "nothing": ("", ""),
    "NUL": ("\0", ""),
    "Swagger 1.2": (yaml.safe_dump({"swagger": "1.2", "info": {}, "paths": {}}), "1.2"),
    "no server": (yaml.safe_dump(without("servers")), "base URL"),
    "no paths": (yaml.safe_dump(without("paths")), ""),
    "a file reference": (
        yaml.safe_dump(operation(parameters=[{"$ref": "other.yaml#/a"}])),
        "another document",
    ),
    "a network reference": (
        yaml.safe_dump(operation(parameters=[{"$ref": "https://example.com/a.yaml#/a"}])),
        "another document",
    ),
    "a reference to nowhere": (yaml.safe_dump(operation(parameters=[{"$ref": "#/no/where"}])), "#/no/where"),
    "a private address": (yaml.safe_dump({**GOOD, "servers": [{"url": "http://10.0.0.1"}]}), ""),
    "metadata address": (yaml.safe_dump({**GOOD, "servers": [{"url": "http://169.254.169.254/"}]}), ""),
    "user info": (yaml.safe_dump({**GOOD, "servers": [{"url": "https://a:b@example.com"}]}), ""),
    "another scheme": (yaml.safe_dump({**GOOD, "servers": [{"url": "ftp://example.com"}]}), ""),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_documents_that_cannot_be_connectors(tmp_path: Path, service: Service, name: str) -> None:
    text, said = BAD_DOCUMENTS[name]
    document = tmp_path / "bad.yaml"
    document.write_text(text)
    by_cli = toolgate(tmp_path / "data", "connectors", "add", str(document), "--id", "bad", TOOLGATE_EGRESS_ALLOW="")
    assert said in one_sentence(by_cli, 1)
    if text:  # an empty text is refused by the schema already
        by_rest = service.client().post("/connectors", json={"id": "bad", "document": text.replace("\0", "\x01")})
        assert (by_rest.status_code, by_rest.json()["error"]["code"]) == (400, "INVALID_REQUEST")
        assert by_rest.json()["error"]["details"]["field"]
    assert service.client().get("/connectors/bad").status_code == 404


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("connectors", "add", "no-such-file", "--id", "x"), 1),
        (("connectors", "add", "http://127.0.0.1:1/x", "--id", "x"), 1),
        (("connectors", "add", "http://no-such-host.invalid/x", "--id", "x"), 1),
        (("connectors", "add", "x"), 2),
        (("connectors", "add", "x", "--id", "a b"), 2),
        (("connectors", "add", "x", "--id", "x", "--auth", "magic"), 2),
        (("connectors", "add", "x", "--id", "x", "--auth", "api-key:"), 2),
        (("connectors", "remove", "slack"), 1),
        (("connectors", "check", "no-such-file"), 1),
        (("keys", "create", "--scope", "all"), 2),
        (("serve", "--port", "70000"), 2),
        (("no-such-command",), 2),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    one_sentence(toolgate(tmp_path, *arguments), status)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOOLGATE_PORT", "many"),
        ("TOOLGATE_PORT", "70000"),
        ("TOOLGATE_API_KEY", "short"),
        ("TOOLGATE_API_KEY", "has spaces in the middle"),
        ("TOOLGATE_BASE_URL", "ftp://example.com"),
        ("TOOLGATE_BASE_URL", "https://[bad"),
        ("TOOLGATE_JWT_SECRET", "short"),
        ("TOOLGATE_JWT_ALGORITHMS", "none"),
        ("TOOLGATE_EGRESS_ALLOW", "everywhere"),
        ("TOOLGATE_CORS_ORIGINS", "app.example.com"),
        ("TOOLGATE_CORS_ORIGINS", "https://app.example.com/"),
        ("TOOLGATE_CORS_ORIGINS", "https://*.example.com"),
        ("TOOLGATE_RATE_LIMIT", "-1"),
        ("TOOLGATE_RATE_LIMIT_USER", "-1"),
        ("TOOLGATE_RATE_LIMIT_FAILURES", "few"),
        ("TOOLGATE_MAX_CALLS_SERVER", "-1"),
        ("TOOLGATE_MAX_CALLS_ACCOUNT", "1.5"),
        ("TOOLGATE_MAX_CONNECTIONS", "0"),
        ("TOOLGATE_AUDIT", "never"),
        ("TOOLGATE_ACCESS_LOG", "perhaps"),
        ("TOOLGATE_LOG_LEVEL", "loud"),
        ("TOOLGATE_MAX_CONCURRENCY", "0"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, variable: str, value: str) -> None:
    for name in ("check", "serve"):
        said = one_sentence(toolgate(tmp_path, name, **{variable: value}), 1)
        assert variable in said
        assert value not in said or variable not in ("TOOLGATE_API_KEY", "TOOLGATE_JWT_SECRET")


def test_check(tmp_path: Path) -> None:
    assert toolgate(tmp_path, "check").returncode == 0
    assert toolgate(tmp_path, "keys", "create").returncode == 0
    good = toolgate(tmp_path, "check")
    assert (good.returncode, good.stderr) == (0, "")
    assert {line.split(":")[0] for line in good.stdout.splitlines()} == {
        "settings",
        "data directory",
        "spec",
        "shipped connectors",
        "database",
        "vault",
    }
    (tmp_path / "secrets.json").unlink()
    lost = toolgate(tmp_path, "check")
    assert lost.returncode == 1
    assert lost.stderr.startswith("database: ")
    assert "Traceback" not in lost.stderr


def test_lost_secrets_are_a_sentence_and_not_new_ones(tmp_path: Path) -> None:
    assert toolgate(tmp_path, "keys", "create").returncode == 0
    (tmp_path / "secrets.json").unlink()
    assert "secrets.json" in one_sentence(toolgate(tmp_path, "serve", "--port", str(free_port())), 1)
    assert not (tmp_path / "secrets.json").exists()


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    one_sentence(toolgate(tmp_path / "file" / "data", "keys", "list"), 1)


def test_a_port_that_is_taken(service: Service, tmp_path: Path) -> None:
    said = one_sentence(toolgate(tmp_path / "data", "serve", "--port", str(service.port)), 1)
    assert str(service.port) in said
    assert not (tmp_path / "data").exists()


def test_the_first_key_without_a_terminal(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_API_KEY="") as running:
        path = running.data_dir / "first-api-key"
        assert str(path) in running.log()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        key = path.read_text().strip()
        assert key not in running.log()
        assert running.client(Authorization=f"Bearer {key}").get("/api/servers").status_code == 200
        path.unlink()
    with serving(tmp_path, TOOLGATE_API_KEY="") as again:
        assert not (again.data_dir / "first-api-key").exists()
        assert again.client(Authorization=f"Bearer {key}").get("/api/servers").status_code == 200


def test_the_first_key_on_a_terminal(tmp_path: Path) -> None:
    """It is printed once, to the terminal, and written nowhere."""
    port = free_port()
    settings = {k: v for k, v in environment(tmp_path / "data").items() if k != "TOOLGATE_API_KEY"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command("serve", "--port", str(port)), env=settings, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    try:
        said = b""
        end = time.monotonic() + 30
        while b"Toolgate serves" not in said and time.monotonic() < end:
            said += os.read(ours, 4096)
        key = re.findall(rb"tg_[A-Za-z0-9_-]{43}", said)
        assert len(key) == 1
        answer = httpx.get(
            f"http://127.0.0.1:{port}/api/servers", headers={"Authorization": f"Bearer {key[0].decode()}"}
        )
        assert answer.status_code == 200
        assert not (tmp_path / "data" / "first-api-key").exists()
    finally:
        process.terminate()
        assert process.stderr is not None
        logged = process.stderr.read()
        process.stderr.close()
        process.wait(timeout=30)
        os.close(ours)
    assert key[0] not in logged


def test_a_preset_key_is_only_the_first(tmp_path: Path) -> None:
    with serving(tmp_path):
        pass
    with serving(tmp_path, TOOLGATE_API_KEY="another-key-0123456789") as later:
        assert "TOOLGATE_API_KEY is not a key" in later.log()
        assert "another-key" not in later.log()
        assert later.client().get("/api/servers").status_code == 200
        assert later.client(Authorization="Bearer another-key-0123456789").get("/api/servers").status_code == 401


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        running.client().post("/api/servers", json={"name": "kept"})
        running.process.terminate()
        assert running.process.wait(timeout=30) in (0, -15)
        assert "Traceback" not in running.log()


def test_rate_limit(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_RATE_LIMIT="5") as running:
        answers = [running.client().get("/api/servers") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[-1].json()["error"]["code"] == "RATE_LIMITED"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        guesses = [running.client(Authorization="Bearer wrong-key-0123456789").get("/api/servers") for _ in range(7)]
        assert [answer.status_code for answer in guesses] == [401] * 5 + [429] * 2
        assert running.client().get("/health/live").status_code == 200


def test_access_log_redacts_tokens(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_ACCESS_LOG="on") as running:
        made = running.client().post("/api/servers", json={"name": "logged"}).json()
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert httpx.post(made["accessUrl"], json=ping).status_code == 200
        assert httpx.post(made["accessUrl"] + "x", json=ping).status_code == 401
        assert f"POST /mcp/{made['serverId']}/" in running.log()
        assert made["accessToken"] not in running.log()
        assert running.key not in running.log()


def test_a_connector_that_is_added_again_shows_what_changed(tmp_path: Path) -> None:
    def add(*names: str) -> str:
        node = GOOD["paths"]["/items"]["get"]  # type: ignore[index]  # a plain document
        paths = {f"/{name}": {"get": {**node, "operationId": name}} for name in names}
        file = tmp_path / "doc.yaml"
        file.write_text(yaml.safe_dump({**GOOD, "paths": paths}))
        return toolgate(tmp_path, "connectors", "add", str(file), "--id", "inventory").stdout

    assert add("a", "b").startswith("Added connector 'inventory': 2 actions")
    assert "Its actions are the same as before." in add("a", "b")
    assert add("b", "c").splitlines()[1:] == ["Added 1 action(s): c", "Removed 1 action(s): a"]


def test_check_names_what_to_mend(tmp_path: Path) -> None:
    file = tmp_path / "doc.yaml"
    file.write_text(yaml.safe_dump(GOOD, sort_keys=False))
    done = toolgate(tmp_path, "connectors", "check", str(file))
    assert done.returncode == 0
    first, *rest = done.stdout.splitlines()
    assert first == "Inventory: 1 actions at https://inventory.example.com; authentication: none"
    assert f"{file}:9: warning: #/paths/~1items/get: it has neither a summary nor a description." in rest
    assert toolgate(tmp_path, "connectors", "check", str(file), "--strict").returncode == 1
    assert toolgate(tmp_path, "connectors", "check", str(file), "--auth", "none", "--strict").returncode == 1
    found = json.loads(toolgate(tmp_path, "connectors", "check", str(file), "--json").stdout)
    assert found["connector"]["actions"] == 1
    assert {(each["rule"], each.get("line")) for each in found["findings"]} == {("auth", 1), ("description", 9)}
    assert all(each["remedy"] for each in found["findings"])


def test_check_says_where_an_error_is(tmp_path: Path) -> None:
    file = tmp_path / "doc.yaml"
    file.write_text(yaml.safe_dump({**GOOD, "servers": [{"url": "/relative"}]}, sort_keys=False))
    done = toolgate(tmp_path, "connectors", "check", str(file))
    assert "give a base URL" in one_sentence(done, 1)
    assert f"{file}:6: error: #/servers/0/url" in done.stdout
    as_json = toolgate(tmp_path, "connectors", "check", str(file), "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["findings"][0]["line"] == 6
    assert toolgate(tmp_path, "connectors", "check", str(file), "--base-url", "https://a.example.com").returncode == 0


def test_a_document_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as sparse:
        sparse.truncate(200_000_000)
    for command_name in ("check", "add"):
        more = ("--id", "large") if command_name == "add" else ()
        done = toolgate(tmp_path, "connectors", command_name, str(file), *more)
        assert one_sentence(done, 1) == f"Error: {file} is larger than 32 MB."
