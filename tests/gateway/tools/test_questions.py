"""Questions to a person, progress and logs of platforms that speak MCP, over the wire in 2026-07-28."""

import asyncio
import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.jwts import token
from support.mcp_platform import McpPlatform, speaking
from support.service import Service

MODERN = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
ELICIT = {
    "method": "elicitation/create",
    "params": {
        "message": "What is your name?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}
SAMPLE = {
    "method": "sampling/createMessage",
    "params": {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5},
}
ROOTS = {"method": "roots/list", "params": {}}
OPEN = {"method": "elicitation/create", "params": {"mode": "url", "message": "Go", "url": "https://example.com"}}
ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
ACCEPT = {"action": "accept", "content": {"name": "Ann"}}


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def greeter(body: dict[str, Any]) -> Any:
    """Asks for a name, and gives back what it was given."""
    given = body["_meta"].get("inputResponses", {})
    if "who" not in given:
        return {"resultType": "input_required", "inputRequests": {"who": ELICIT}, "requestState": "round 1"}
    said = f"{given['who']['content']['name']} {sorted(given)} {body['_meta'].get('requestState')}"
    return {"content": [text(said)]}


def prompter(body: dict[str, Any]) -> Any:
    if "who" not in body["_meta"].get("inputResponses", {}):
        return {"resultType": "input_required", "inputRequests": {"who": ELICIT}}
    return {"messages": [{"role": "user", "content": text("thanks")}]}


def reader(body: dict[str, Any]) -> Any:
    if "who" not in body["_meta"].get("inputResponses", {}):
        return {"resultType": "input_required", "inputRequests": {"who": ELICIT}}
    return {"contents": [{"uri": "test://asks", "text": "thanks"}]}


def progress(value: Any, **more: Any) -> dict[str, Any]:
    return {"method": "notifications/progress", "params": {"progress": value, **more}}


def log(level: str, data: Any = "said") -> dict[str, Any]:
    return {"method": "notifications/message", "params": {"level": level, "logger": "speaker", "data": data}}


async def pause() -> bytes:
    await asyncio.sleep(0.3)
    return b": still there\n\n"


def talker(_: dict[str, Any]) -> Any:
    return [
        progress(1, total=3, message="one"),
        pause,
        progress(1),
        progress(0.5),
        progress("2"),
        log("debug"),
        log("warning", {"a": 1}),
        log("loud"),
        progress(2),
        {"method": "notifications/unknown", "params": {}},
        {"result": {"content": [text("done")]}},
        progress(3),
    ]


@pytest.fixture(scope="module")
def platform() -> Iterator[McpPlatform]:
    def asks(**requests: Any) -> Any:
        return lambda _: {"resultType": "input_required", "inputRequests": requests}

    with speaking(
        greeter=greeter,
        prompter=prompter,
        reader=reader,
        talker=talker,
        mixed=asks(who=ELICIT, what=SAMPLE, where=ROOTS),
        opens=asks(go=OPEN),
        stateOnly=lambda body: (
            {"content": [text(body["_meta"]["requestState"])]}
            if "requestState" in body["_meta"]
            else {"resultType": "input_required", "requestState": "only"}
        ),
        badAsk=asks(who={"method": "tools/call"}),
        badForm=asks(who={"method": "elicitation/create", "params": {"message": "x"}}),
        empty=lambda _: {"resultType": "input_required"},
    ) as started:
        yield started


@pytest.fixture(scope="module")
def connector(service: Service, platform: McpPlatform) -> Iterator[str]:
    connector_id = f"asker-{uuid.uuid4().hex[:8]}"
    client = service.client()
    document = platform.document(
        prompts=[{"name": "ask", "action": "prompter"}],
        resources=[{"uri": "test://asks", "name": "asks", "action": "reader"}],
    )
    added = client.post("/connectors", json={"id": connector_id, "document": document})
    assert added.status_code == 201, added.text
    yield connector_id
    client.delete(f"/connectors/{connector_id}")


class Wire:
    def __init__(self, service: Service, connector: str) -> None:
        allowed = {"connectors": {"mode": "allowlist", "allowedIds": [connector]}}
        body = {"name": f"asks {uuid.uuid4().hex}", "restrictions": allowed, "mode": "direct"}
        made = service.client().post("/api/servers", json=body)
        assert made.status_code == 201, made.text
        self.server = made.json()

    def ask(
        self,
        method: str,
        params: dict[str, Any],
        capabilities: dict[str, Any] = ALL,
        meta: dict[str, Any] | None = None,
        **headers: str,
    ) -> httpx.Response:
        shown = {
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": method,
            "Mcp-Name": params.get("name", params.get("uri", "")),
            "Accept": "application/json, text/event-stream",
            **headers,
        }
        about = {f"{PREFIX}protocolVersion": MODERN, f"{PREFIX}clientCapabilities": capabilities, **(meta or {})}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": about}}
        return httpx.post(self.server["accessUrl"], json=body, headers=shown, trust_env=False, timeout=20)

    def call(self, name: str, capabilities: dict[str, Any] = ALL, **params: Any) -> Any:
        return self.ask("tools/call", {"name": name, "arguments": {}, **params}, capabilities).json()


@pytest.fixture(scope="module")
def wire(service: Service, connector: str) -> Wire:
    return Wire(service, connector)


class TestQuestions:
    def test_two_rounds(self, wire: Wire, platform: McpPlatform) -> None:
        first = wire.call("greeter")["result"]
        assert (first["resultType"], first["inputRequests"]) == ("input_required", {"who": ELICIT})
        assert "round 1" not in first["requestState"]
        given = {"who": ACCEPT, "surplus": {"x": 1}}
        second = wire.call("greeter", inputResponses=given, requestState=first["requestState"])["result"]
        assert second["content"] == [text("Ann ['who'] round 1")]
        assert platform.last("greeter")["_meta"]["clientCapabilities"] == ALL

    def test_an_answer_that_is_missing_is_asked_for_again(self, wire: Wire) -> None:
        state = wire.call("greeter")["result"]["requestState"]
        again = wire.call("greeter", inputResponses={"wrong": ACCEPT}, requestState=state)["result"]
        assert again["resultType"] == "input_required"

    def test_answers_without_a_state(self, wire: Wire) -> None:
        result = wire.call("greeter", inputResponses={"who": ACCEPT, "more": ACCEPT})["result"]
        assert result["content"] == [text("Ann ['more', 'who'] None")]

    def test_a_state_without_questions(self, wire: Wire) -> None:
        first = wire.call("stateOnly")["result"]
        assert "inputRequests" not in first
        assert wire.call("stateOnly", requestState=first["requestState"])["result"]["content"] == [text("only")]

    @pytest.mark.parametrize(
        "answer",
        [12345, None, [], {"who": 5}, {"who": {"action": "maybe"}}, {"who": {"action": "accept", "content": 5}}],
    )
    def test_answers_of_a_wrong_shape(self, wire: Wire, answer: Any) -> None:
        state = wire.call("greeter")["result"]["requestState"]
        refused = wire.call("greeter", inputResponses=answer, requestState=state)
        if answer is None:
            assert refused["result"]["resultType"] == "input_required"
        else:
            assert refused["error"]["code"] == -32602

    def test_answers_that_are_nested_too_deeply(self, wire: Wire, service: Service) -> None:
        deep: Any = "x"
        for _ in range(300):
            deep = [deep]
        result = wire.call("greeter", inputResponses={"who": {"action": "accept", "content": {"name": deep}}})["result"]
        assert json.loads(result["content"][0]["text"])["error"]["details"]["rule"] == "depth"
        assert wire.call("greeter", arguments={"say": deep})["result"]["isError"]
        assert "Traceback" not in service.log()

    def test_a_state_counts_for_its_own_request_only(self, wire: Wire, service: Service, connector: str) -> None:
        state = wire.call("greeter")["result"]["requestState"]
        raw = bytearray(base64.urlsafe_b64decode(state))
        raw[20] ^= 1
        forged = [f"{state}-TAMPERED", "", "x", base64.urlsafe_b64encode(raw).decode(), state[:-4], "é" * 10]
        asked = {"name": "greeter", "arguments": {}, "inputResponses": {"who": ACCEPT}}
        for one in forged:
            answer = wire.ask("tools/call", {**asked, "requestState": one})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32602), one
        other = {**asked, "requestState": state}
        foreign = [
            Wire(service, connector).ask("tools/call", other),
            wire.ask("tools/call", other, **{"x-alloy-user-token": token("somebody-else")}),
            wire.ask("tools/call", {**other, "name": "mixed"}),
            wire.ask("tools/call", {**other, "arguments": {"say": "else"}}),
            wire.ask("prompts/get", {**other, "name": "ask"}),
        ]
        assert [answer.json()["error"]["code"] for answer in foreign] == [-32602] * 5

    def test_only_what_the_client_can_ask(self, wire: Wire) -> None:
        assert set(wire.call("mixed")["result"]["inputRequests"]) == {"who", "what", "where"}
        assert set(wire.call("mixed", {"sampling": {}})["result"]["inputRequests"]) == {"what"}
        assert set(wire.call("mixed", {"elicitation": {}})["result"]["inputRequests"]) == {"who"}

    @pytest.mark.parametrize(
        ("name", "capabilities", "required"),
        [
            ("mixed", {}, {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}),
            ("opens", {"elicitation": {}}, {"elicitation": {"url": {}}}),
            ("greeter", {"elicitation": {"url": {}}}, {"elicitation": {"form": {}}}),
        ],
    )
    def test_what_the_client_cannot_ask(
        self, wire: Wire, name: str, capabilities: dict[str, Any], required: dict[str, Any]
    ) -> None:
        answer = wire.ask("tools/call", {"name": name, "arguments": {}}, capabilities)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == -32021
        assert answer.json()["error"]["data"] == {"requiredCapabilities": required}

    @pytest.mark.parametrize("name", ["badAsk", "badForm", "empty"])
    def test_questions_that_are_none(self, wire: Wire, name: str) -> None:
        result = wire.call(name)["result"]
        assert json.loads(result["content"][0]["text"])["error"]["code"] == "UPSTREAM_ERROR"

    @pytest.mark.parametrize(
        ("method", "params", "member"),
        [("prompts/get", {"name": "ask"}, "messages"), ("resources/read", {"uri": "test://asks"}, "contents")],
    )
    def test_prompts_and_resources_ask_too(self, wire: Wire, method: str, params: dict[str, Any], member: str) -> None:
        first = wire.ask(method, params).json()["result"]
        assert first["resultType"] == "input_required"
        assert "ttlMs" not in first
        given = {**params, "inputResponses": {"who": ACCEPT}, "requestState": first["requestState"]}
        second = wire.ask(method, given).json()["result"]
        assert second["resultType"] == "complete"
        assert second[member]


class TestNotifications:
    def events(self, wire: Wire, **meta: Any) -> list[dict[str, Any]]:
        answer = wire.ask("tools/call", {"name": "talker", "arguments": {}}, meta=meta)
        if answer.headers["content-type"].startswith("application/json"):
            # A stream is opened by the first event, or after a while: here nothing was to be said.
            return [answer.json()]
        return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]

    def test_progress_increases_under_the_callers_token(self, wire: Wire) -> None:
        *heard, last = self.events(wire, progressToken="mine")
        assert [one["params"] for one in heard] == [
            {"progressToken": "mine", "progress": 1, "total": 3, "message": "one"},
            {"progressToken": "mine", "progress": 2},
        ]
        assert last["result"]["content"] == [text("done")]

    @pytest.mark.parametrize(
        ("level", "levels"), [("debug", ["debug", "warning"]), ("info", ["warning"]), ("alert", [])]
    )
    def test_logs_from_the_wanted_level_on(self, wire: Wire, level: str, levels: list[str]) -> None:
        *heard, _ = self.events(wire, **{f"{PREFIX}logLevel": level})
        assert [one["params"]["level"] for one in heard] == levels
        assert all(one["method"] == "notifications/message" for one in heard)

    def test_nothing_is_said_to_who_did_not_ask(self, wire: Wire, platform: McpPlatform) -> None:
        answer = wire.ask("tools/call", {"name": "talker", "arguments": {}})
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json()["result"]["content"] == [text("done")]
        assert platform.last("talker")["_meta"] == {"progress": False, "clientCapabilities": ALL}
