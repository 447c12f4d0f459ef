"""What to paste into clients: every snippet parses in its own format, and what can run here runs in tests/interop."""

import base64
import json
import shlex
import tomllib
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

import spec
from gateway.clients import Place, connection
from support.owners import Owner, path, ping, refusal
from support.service import Service

CLIENTS = [client["id"] for client in yaml.safe_load(spec.read("clients.yaml"))]
# Placeholders that a shell, a client or a person fills in.
KEYS = ("TOOLGATE_API_KEY", "YOUR_API_KEY", "toolgate")


@pytest.fixture(scope="module")
def owner(service: Service) -> Owner:
    return Owner(service)


@pytest.fixture(scope="module")
def server(owner: Owner) -> dict[str, Any]:
    return owner.create("Sales & café".replace(" & ", " "))


def parsed(kind: str, text: str) -> Any:
    if kind == "json":
        return json.loads(text)
    if kind == "yaml":
        return yaml.safe_load(text)
    if kind == "toml":
        return tomllib.loads(text)
    if kind == "command":
        return shlex.split(text)
    if kind == "python":
        return compile(text, "snippet", "exec", flags=0) and text
    return text.strip() if kind == "url" else text


def leaves(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [leaf for key, value in node.items() for leaf in (key, *leaves(value))]
    if isinstance(node, list):
        return [leaf for item in node for leaf in leaves(item)]
    return [node]


def ways(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [answer, *answer["alternatives"]]


def test_the_list_names_every_client_once(owner: Owner, server: dict[str, Any]) -> None:
    listed = owner.http.get(path(server, "clients")).json()
    assert [client["id"] for client in listed["clients"]] == CLIENTS
    assert len(set(CLIENTS)) == listed["count"] == len(CLIENTS) >= 20
    for kind in ("assistant", "editor", "agent", "sdk", "bridge"):
        assert any(client["kind"] == kind for client in listed["clients"]), kind


@pytest.mark.parametrize("client", CLIENTS)
def test_by_the_token_door_the_url_is_all(owner: Owner, server: dict[str, Any], client: str) -> None:
    answer = owner.http.get(path(server, "clients", client)).json()
    assert (answer["client"], answer["door"], answer["url"]) == (client, "token", server["accessUrl"])
    assert "link" not in answer
    for way in ways(answer):
        content = parsed(way["format"], way["snippet"])
        whole = content if isinstance(content, str) else "\n".join(map(str, leaves(content)))
        assert server["accessUrl"] in whole
        assert not any(
            word in whole for word in ("Authorization", "AUTHORIZATION", "API_KEY", "Bearer", "{url}", "{name}")
        )
        assert way["format"] in ("url", "python", "typescript") or "sales" in whole or "mcp-remote" in whole


@pytest.mark.parametrize("client", CLIENTS)
def test_by_the_key_door_nothing_is_secret(owner: Owner, server: dict[str, Any], client: str) -> None:
    got = owner.http.get(path(server, "clients", client), params={"door": "key"})
    if got.status_code == 400:
        listed = owner.http.get(path(server, "clients")).json()["clients"]
        assert refusal(got) == (400, "INVALID_REQUEST", ("door", "enum"))
        assert next(entry for entry in listed if entry["id"] == client)["doors"] == ["token"]
        return
    answer = got.json()
    assert "mcp_token_" not in got.text
    assert answer["url"] == server["url"]
    for way in ways(answer):
        content = parsed(way["format"], way["snippet"])
        whole = content if isinstance(content, str) else "\n".join(map(str, leaves(content)))
        assert server["url"] in whole
        assert way["format"] == "url" or any(word in whole for word in KEYS), way
    snippets = "".join(way["snippet"] for way in ways(answer))
    # It says where to put the key, and of no place that is not there.
    named = {word for word in KEYS[:2] if word in answer["notes"][-1]}
    assert named == {word for word in KEYS[:2] if word in snippets}
    if link := answer.get("link"):
        assert server["url"] in unquote(link) or server["url"].encode() in linked(link)


def linked(link: str) -> bytes:
    return base64.b64decode(parse_qs(urlsplit(link).query)["config"][0])


def test_the_url_that_is_given_out_answers(owner: Owner, server: dict[str, Any]) -> None:
    answer = owner.http.get(path(server, "clients", "cursor")).json()
    (entry,) = json.loads(answer["snippet"])["mcpServers"].values()
    assert entry == {"url": server["accessUrl"]}
    assert ping({"url": entry["url"]}, "url").status_code == 200


def test_names_and_urls_are_quoted_for_the_shell_and_for_toml() -> None:
    place = Place("a b", "https://gate.example.com/mcp/it's?x=$HOME", "token")
    words = shlex.split(connection("claude-code", place)["snippet"])
    assert words[-2:] == ["a b", "https://gate.example.com/mcp/it's?x=$HOME"]
    toml = connection("codex", place)["alternatives"][0]["snippet"]
    assert tomllib.loads(toml) == {"mcp_servers": {"a b": {"url": place.url}}}


def test_the_bridge_allows_plain_http_only_where_it_is() -> None:
    plain = connection("mcp-remote", Place("x", "http://127.0.0.1:3000/mcp/x", "token"))["snippet"]
    secure = connection("mcp-remote", Place("x", "https://gate.example.com/mcp/x", "token"))["snippet"]
    assert "--allow-http" in plain
    assert "--allow-http" not in secure


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (("clients", "netscape"), (404, "NOT_FOUND", (None, None))),
        (("clients", "Cursor"), (400, "INVALID_REQUEST", ("client", "pattern"))),
        (("clients", "a" * 65), (400, "INVALID_REQUEST", ("client", "maxLength"))),
        (("clients", "cursor?door=window"), (400, "INVALID_REQUEST", ("door", "enum"))),
        (("clients", "cursor?door=key&door=token"), (400, "INVALID_REQUEST", ("door", "unique"))),
    ],
)
def test_bad_input(owner: Owner, server: dict[str, Any], rest: tuple[str, ...], expected: Any) -> None:
    got = owner.http.get(path(server, *rest))
    assert refusal(got)[:2] == expected[:2], got.text


def test_anothers_server_reads_as_absent(service: Service, server: dict[str, Any]) -> None:
    other = Owner(service)
    for rest in (("clients",), ("clients", "cursor")):
        assert refusal(other.http.get(path(server, *rest)))[:2] == (404, "NOT_FOUND")


def test_the_command_prints_the_snippet_alone(service: Service, owner: Owner, server: dict[str, Any]) -> None:
    shown = service.run("connect", "cursor", server["serverId"], "--door", "key")
    assert list(json.loads(shown.stdout)["mcpServers"]) == [server["serverId"].rpartition("-")[0]]
    assert "File: .cursor/mcp.json" in shown.stderr
    by_name = service.run("connect", "url", server["name"], "--json")
    assert json.loads(by_name.stdout)["name"]
    assert "claude-code" in service.run("connect").stdout
