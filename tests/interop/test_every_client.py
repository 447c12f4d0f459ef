"""Every client of clients.yaml goes through the same steps and meets the same answers.

A client that is not installed is skipped by name; where tox names its environment in INTEROP_ENVIRONMENT, the clients
of that environment may not be missing.
"""

import json
import os
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.mcp_clients import Opener, every_client
from support.service import API_KEY, Service
from support.upstream import Upstream

RESTRICTIONS = {
    "connectors": {"mode": "allowlist", "allowedIds": ["tasks"]},
    "actions": {"mode": "blocklist", "blockedActions": ["deleteTask"]},
}
ALLOWED = {"getTask", "listTasks", "slow", "status"}
WAYS = [(client, mode) for client in every_client() for mode in client.speaks]
Outcome = dict[str, Any]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0].id}-{way[0].speaks[way[1]]}-{way[1]}")
def opener(request: pytest.FixtureRequest, openers: Callable[..., Opener]) -> Opener:
    client, mode = request.param
    if missing := client.missing():
        if os.environ.get("INTEROP_ENVIRONMENT") == client.environment:
            pytest.fail(missing)
        pytest.skip(missing)
    return openers(client, mode, request.getfixturevalue("npm") if client.registry == "npm" else None)


def made(gate: Service, **fields: Any) -> dict[str, Any]:
    body = {"name": f"interop {uuid.uuid4().hex}", "restrictions": RESTRICTIONS, **fields}
    answer = gate.client().post("/api/servers", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


@dataclass(frozen=True)
class Step:
    """What a client asks, and what has to come back."""

    what: str
    method: str
    expected: Callable[[Outcome], bool]
    parameters: dict[str, Any] = field(default_factory=dict)


def action(name: str) -> dict[str, Any]:
    return {"connectorId": "tasks", "actionId": name}


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def listed(kind: str, *names: str, absent: tuple[str, ...] = ()) -> Callable[[Outcome], bool]:
    """The list has these names and none of the absent ones."""

    def check(outcome: Outcome) -> bool:
        there = {entry["name"] for entry in outcome["ok"][kind]}
        return set(names) <= there and not there & set(absent)

    return check


def text(outcome: Outcome) -> Any:
    """The JSON that a tool or a resource answers with."""
    result = outcome["ok"]
    return json.loads((result.get("content") or result["contents"])[0]["text"])


def completed(outcome: Outcome) -> bool:
    answer = text(outcome)
    return answer["status"] == "completed" and answer["responseData"]["path"] == "/tasks/7" and not failed(outcome)


def failed(outcome: Outcome) -> bool:
    return bool(outcome["ok"].get("isError"))


def error(code: str, message: str) -> Callable[[Outcome], bool]:
    """A tool's own failure, that the assistant reads."""

    def check(outcome: Outcome) -> bool:
        # The Inspector lists the tools before it calls one, and so never asks for what it cannot see.
        if "tool_not_found" in outcome.get("error", {}).get("message", ""):
            return message == "Action not allowed"
        said = text(outcome)["error"]
        return failed(outcome) and (said["code"], said["message"]) == (code, message)

    return check


def refused(message: str, code: int) -> Callable[[Outcome], bool]:
    """An error of JSON-RPC; the Inspector does not tell its code."""
    return lambda outcome: message in outcome["error"]["message"] and outcome["error"].get("code", code) == code


def prompted(*parts: str) -> Callable[[Outcome], bool]:
    def check(outcome: Outcome) -> bool:
        said = "\n".join(message["content"]["text"] for message in outcome["ok"]["messages"])
        return all(part in said for part in parts)

    return check


DENIED = ("toolgate://connectors/tasks/actions/deleteTask", "Action not allowed")
BOTH = [
    Step("resources", "resources/list", listed("resources", "connectors", "policy", "tasks", absent=("slack",))),
    Step("templates", "resources/templates/list", listed("resourceTemplates", "connector", "action")),
    Step(
        "read a resource",
        "resources/read",
        lambda outcome: text(outcome)["inputSchema"]["required"] == ["id"],
        {"uri": "toolgate://connectors/tasks/actions/getTask"},
    ),
    Step(
        "an invisible action in a resource",
        "resources/read",
        lambda outcome: (
            {entry["id"] for part in text(outcome)["resources"] for entry in part["actions"]} >= ALLOWED
            and "deleteTask" not in json.dumps(text(outcome))
        ),
        {"uri": "toolgate://connectors/tasks"},
    ),
    Step("read a denied resource", "resources/read", refused(DENIED[1], -32602), {"uri": DENIED[0]}),
    Step(
        "read a resource of a denied connector",
        "resources/read",
        refused("Connector not allowed", -32602),
        {"uri": "toolgate://connectors/slack"},
    ),
    Step(
        "prompts",
        "prompts/list",
        listed("prompts", "start", "find-actions", "explain-denial", "connect-a-platform"),
    ),
    Step(
        "get a prompt",
        "prompts/get",
        prompted("deleteTask", "listed in actions.blockedActions"),
        {"name": "explain-denial", "arguments": {"connector": "tasks", "action": "deleteTask"}},
    ),
    Step("an unknown prompt", "prompts/get", refused("Unknown prompt", -32602), {"name": "no-such-prompt"}),
]
STEPS = {
    "connectivity": [
        Step("tools", "tools/list", listed("tools", "list_connectors_alloy", "execute_action_alloy")),
        Step(
            "call a tool",
            "tools/call",
            completed,
            tool("execute_action_alloy", **action("getTask"), parameters={"id": "7"}),
        ),
        Step(
            "an invisible connector",
            "tools/call",
            lambda outcome: [one["id"] for one in text(outcome)["connectors"]] == ["tasks"],
            tool("list_connectors_alloy"),
        ),
        Step(
            "an invisible action",
            "tools/call",
            lambda outcome: "deleteTask" not in json.dumps(text(outcome)) and "getTask" in json.dumps(text(outcome)),
            tool("get_connector_resources_alloy", connectorId="tasks"),
        ),
        Step(
            "a restricted call",
            "tools/call",
            error("FORBIDDEN", "Action not allowed"),
            tool("execute_action_alloy", **action("deleteTask"), parameters={"id": "7"}),
        ),
        Step(
            "a call with bad arguments",
            "tools/call",
            error("INVALID_REQUEST", "parameters.id is required"),
            tool("execute_action_alloy", **action("getTask"), parameters={}),
        ),
        *BOTH,
    ],
    "direct": [
        Step("tools", "tools/list", listed("tools", *ALLOWED, absent=("deleteTask", "execute_action_alloy"))),
        Step("call a tool", "tools/call", completed, tool("getTask", id="7")),
        Step("a restricted call", "tools/call", error("FORBIDDEN", "Action not allowed"), tool("deleteTask", id="7")),
        Step("a call with bad arguments", "tools/call", error("INVALID_REQUEST", "id is required"), tool("getTask")),
        *BOTH,
    ],
}


@pytest.mark.parametrize("mode", STEPS)
def test_the_way_through(opener: Opener, tasks: Service, platform: Upstream, mode: str) -> None:
    server = made(tasks, mode=mode, customInstructions="Ask first.")
    platform.received.clear()
    begun = opener.connect(server["accessUrl"])["ok"]
    assert begun.pop("client") == opener.client.speaking
    revision = opener.client.speaks[opener.mode]
    assert begun == {"revision": revision, "server": "toolgate", "instructions": "Ask first."}
    for one in STEPS[mode]:
        outcome = opener.ask(one.method, **one.parameters)
        try:
            good = one.expected(outcome)
        except (KeyError, ValueError, IndexError):
            good = False
        assert good, f"{one.what}: {json.dumps(outcome)[:2000]}"
    # One call went out, with the credential; nothing that was refused did.
    ((method, target, headers, _),) = platform.received
    assert (method, target, headers["authorization"]) == ("GET", "/tasks/7", "Bearer the-token-of-tasks")


def test_an_api_key_in_a_header(opener: Opener, tasks: Service) -> None:
    server = made(tasks)
    url = server["accessUrl"].removesuffix(f"/{server['accessToken']}")
    assert opener.connect(url, Authorization=f"Bearer {tasks.key}")["ok"]["server"] == "toolgate"
    assert opener.ask("tools/list")["ok"]["tools"]
    unauthorized(opener, opener.connect(url, Authorization="Bearer no-such-key"), "opening")
    assert API_KEY not in tasks.log()


def test_a_wrong_token(opener: Opener, tasks: Service) -> None:
    url = made(tasks)["accessUrl"]
    unauthorized(opener, opener.connect(url[:-4] + ("bbbb" if url.endswith("aaaa") else "aaaa")), "opening")


def expire(gate: Service, server: dict[str, Any]) -> None:
    """The shortest life of a token is a day: the row is moved instead."""
    with sqlite3.connect(gate.data_dir / "toolgate.db") as database:
        moved = "UPDATE servers SET token_expires_at = 1, version = version + 1 WHERE server_id = ?"
        assert database.execute(moved, [server["serverId"]]).rowcount == 1
    database.close()


def delete(gate: Service, server: dict[str, Any]) -> None:
    assert gate.client().delete(f"/api/servers/{server['serverId']}").status_code == 200


def rotate(gate: Service, server: dict[str, Any]) -> None:
    assert gate.client().post(f"/api/servers/{server['serverId']}/token").status_code == 200


@pytest.mark.parametrize("mode", STEPS)
@pytest.mark.parametrize("end", [expire, delete, rotate])
def test_a_token_that_ends_in_mid_use(
    opener: Opener, tasks: Service, end: Callable[[Service, dict[str, Any]], None], mode: str
) -> None:
    server = made(tasks, mode=mode, tokenExpiresInDays=1)
    begun = opener.connect(server["accessUrl"])
    assert "ok" in begun, begun
    call = next(one.parameters for one in STEPS[mode] if one.what == "call a tool")
    assert completed(opener.ask("tools/call", **call))
    end(tasks, server)
    unauthorized(opener, opener.ask("tools/call", **call), "later")
    unauthorized(opener, opener.connect(server["accessUrl"]), "opening")
    assert server["accessToken"] not in tasks.log()


def unauthorized(opener: Opener, outcome: Outcome, when: str) -> None:
    """The client says so in the words that clients.yaml has, and saw the 401 itself, unless a bridge keeps it."""
    assert any(words in outcome["error"]["message"] for words in opener.client.refused[when]), outcome
    assert outcome["error"].get("status") == (None if opener.client.bridged else 401), outcome


def test_the_page_says_what_clients_go_through() -> None:
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    for one in [one for steps in STEPS.values() for one in steps]:
        assert f"| {one.what} |" in page, one.what
