"""Answers that turn into streams: when, with what, and within which bounds."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.errors import Unavailable
from gateway.http import streams
from gateway.http.lines import Line
from gateway.http.streams import Places, Stream
from gateway.protocol import dispatch, methods
from gateway.protocol.envelope import ProtocolError
from gateway.tools.visit import Visit
from support.inside import Inside, inside
from support.listening import MODERN, Wire, meta

LEVEL = "io.modelcontextprotocol/logLevel"


async def speaking(visit: Visit, params: dict[str, Any], _: str) -> bytes:
    """A tool call that says two things about itself, and then what its exchange was."""
    exchange = visit.exchange
    if params.get("name") == "fails":
        raise ProtocolError(-32602, "Invalid params: no such tool")
    for step in (1, 2):
        if exchange.progress_token is not None:
            told = {"progressToken": exchange.progress_token, "progress": step}
            await exchange.notify("notifications/progress", told)
        elif exchange.log_level is not None:
            await exchange.notify("notifications/message", {"level": exchange.log_level, "data": step})
    if params.get("name") == "breaks":
        raise ValueError("broken")
    seen = {
        "token": exchange.progress_token,
        "level": exchange.log_level,
        "capabilities": exchange.capabilities,
        "may_ask": exchange.may_ask,
        "responses": exchange.input_responses,
        "state": exchange.request_state,
    }
    return orjson.dumps({"content": [], "seen": seen})


@pytest.fixture(scope="module", params=["httptools", "h11"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with (
        pytest.MonkeyPatch.context() as patch,
        inside(tmp_path_factory.mktemp("streams"), request.param, max_streams=4) as running,
    ):
        patch.setitem(methods.MODERN_METHODS, "tools/call", speaking)
        patch.setitem(methods.LEGACY_METHODS, "tools/call", speaking)
        patch.setattr(streams, "_BETWEEN_COMMENTS", 0.2)
        yield running


@pytest.fixture(scope="module")
def url(service: Inside) -> str:
    headers = {"Authorization": f"Bearer {service.key}"}
    return str(httpx.post(f"{service.url}/api/servers", json={"name": "s"}, headers=headers).json()["accessUrl"])


def asked(revision: str, name: str = "speaks", fields: dict[str, Any] | None = None, **asking: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": name, "arguments": {}, **(fields or {})}
    if revision == MODERN:
        params["_meta"] = meta(**asking)
    elif asking:
        params["_meta"] = asking
    return {"jsonrpc": "2.0", "id": "x", "method": "tools/call", "params": params}


class TestWhen:
    @pytest.mark.parametrize(
        ("revision", "asking"),
        [
            (MODERN, {"progressToken": "p"}),
            (MODERN, {"progressToken": 0}),
            (MODERN, {"logLevel": "warning"}),
            ("2025-11-25", {"progressToken": 5}),
            ("2025-11-25", {}),
            ("2024-11-05", {"progressToken": "q"}),
        ],
    )
    def test_what_was_asked_for_comes_before_the_answer(
        self, service: Inside, url: str, revision: str, asking: dict[str, Any]
    ) -> None:
        with Wire(service, url, asked(revision, **asking), revision=revision) as wire:
            status, headers = wire.head
            assert (status, headers["content-type"]) == (200, "text/event-stream")
            *told, last = wire.events()
        assert [event["params"].get("progress", event["params"].get("data")) for event in told] == [1, 2]
        kind = "notifications/progress" if "progressToken" in asking else "notifications/message"
        assert all(event["method"] == kind for event in told)
        if "progressToken" in asking:
            assert all(event["params"]["progressToken"] == asking["progressToken"] for event in told)
        else:
            assert all(event["params"]["level"] == asking.get("logLevel", "info") for event in told)
        assert (last["id"], last["result"]["content"]) == ("x", [])

    @pytest.mark.parametrize("accept", ["", "*/*", "text/*"])
    @pytest.mark.parametrize("revision", [MODERN, "2025-11-25"])
    def test_who_does_not_name_event_streams_gets_json(
        self, service: Inside, url: str, revision: str, accept: str
    ) -> None:
        with Wire(service, url, asked(revision, progressToken=1), revision=revision, accept=accept) as wire:
            assert wire.head[1]["content-type"] == "application/json"
            assert wire.json()["result"]["content"] == []

    def test_who_asks_for_nothing_gets_json(self, service: Inside, url: str) -> None:
        with Wire(service, url, asked(MODERN)) as wire:
            assert wire.head[1]["content-type"] == "application/json"

    def test_a_batch_is_one_answer(self, service: Inside, url: str) -> None:
        batch = [asked("2025-03-26", progressToken=1)] * 2
        with Wire(service, url, batch, revision="2025-03-26") as wire:
            assert wire.head[1]["content-type"] == "application/json"
            assert len(wire.json()) == 2

    @pytest.mark.parametrize("revision", [MODERN, "2025-11-25"])
    def test_what_fails_before_anything_was_said_keeps_its_status(
        self, service: Inside, url: str, revision: str
    ) -> None:
        with Wire(service, url, asked(revision, "fails", progressToken=1), revision=revision) as wire:
            assert wire.head[0] == (400 if revision == MODERN else 200)
            assert wire.json()["error"]["code"] == -32602

    def test_what_fails_afterwards_ends_the_stream_with_its_error(self, service: Inside, url: str) -> None:
        with Wire(service, url, asked(MODERN, "breaks", progressToken=1)) as wire:
            *told, last = wire.events()
            assert (len(told), last["error"]["code"]) == (2, -32603)


class TestExchange:
    def test_a_modern_request_may_be_asked_back(self, service: Inside, url: str) -> None:
        fields = {"inputResponses": {"a": {"action": "accept"}}, "requestState": "s"}
        message = asked(MODERN, fields=fields, clientCapabilities={"elicitation": {}})
        with Wire(service, url, message) as wire:
            assert wire.json()["result"]["seen"] == {
                "token": None,
                "level": None,
                "capabilities": {"elicitation": {}},
                "may_ask": True,
                "responses": {"a": {"action": "accept"}},
                "state": "s",
            }

    def test_a_legacy_one_may_not(self, service: Inside, url: str) -> None:
        fields = {"inputResponses": {"a": {}}, "requestState": "s"}
        with Wire(service, url, asked("2025-11-25", fields=fields), revision="2025-11-25") as wire:
            seen = wire.events()[-1]["result"]["seen"]
        assert (seen["may_ask"], seen["responses"], seen["state"], seen["capabilities"]) == (False, {}, None, {})

    @pytest.mark.parametrize(
        ("fields", "asking"),
        [
            ({}, {"progressToken": True}),
            ({}, {"progressToken": 1.5}),
            ({}, {"progressToken": {}}),
            ({}, {"logLevel": "loud"}),
            ({}, {"logLevel": 4}),
            ({}, {"logLevel": []}),
            ({"inputResponses": []}, {}),
            ({"inputResponses": "x"}, {}),
            ({"requestState": 5}, {}),
        ],
    )
    def test_what_has_the_wrong_form(
        self, service: Inside, url: str, fields: dict[str, Any], asking: dict[str, Any]
    ) -> None:
        with Wire(service, url, asked(MODERN, fields=fields, **asking)) as wire:
            assert (wire.head[0], wire.json()["error"]["code"]) == (400, -32602)

    @pytest.mark.parametrize("token", [True, 1.5, [], {}])
    def test_a_legacy_token_of_the_wrong_form(self, service: Inside, url: str, token: Any) -> None:
        with Wire(service, url, asked("2025-11-25", progressToken=token), revision="2025-11-25") as wire:
            assert (wire.head[0], wire.json()["error"]["code"]) == (200, -32602)


@pytest.mark.parametrize(("place", "method"), [("mirrored", "tools/call"), ("listen", "subscriptions/listen")])
def test_what_fails_around_a_method_is_answered_under_its_id(
    service: Inside, url: str, monkeypatch: pytest.MonkeyPatch, place: str, method: str
) -> None:
    async def busy(*_: Any) -> Any:
        raise Unavailable("The database is busy")

    monkeypatch.setattr(dispatch, place, busy)
    params = {"_meta": meta(), "name": "list_connectors_alloy", "notifications": {}}
    with Wire(service, url, {"jsonrpc": "2.0", "id": "x", "method": method, "params": params}) as wire:
        said = wire.json()
    assert (said["id"], said["error"]["code"], said["error"]["data"]) == (
        "x",
        -32603,
        {"code": "UNAVAILABLE", "retryAfter": 1},
    )


def test_a_quiet_stream_carries_comments(service: Inside, url: str) -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {"_meta": meta(), "notifications": {}},
    }
    with Wire(service, url, message) as wire:
        assert wire.event()["params"]["notifications"] == {}
        comments = 0
        while comments < 3:
            comments += wire.line().startswith(b":")


class Recorder:
    """An ASGI `send` that keeps what it is given, or hangs."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.hang = False

    async def __call__(self, message: Any) -> None:
        if self.hang:
            await asyncio.sleep(3600)
        self.sent.append(message)


async def nobody(_: Any) -> None:
    """Who asked does not matter here."""


def stream_to(send: Recorder, places: Places, key: str = "one", line: Line | None = None) -> Stream:
    return Stream(send, [], line or Line(), places, key, nobody, {})


class TestBounds:
    async def test_no_place_no_stream(self) -> None:
        places = Places(4)
        send = Recorder()
        first, second = (stream_to(send, places) for _ in range(2))
        assert await first.event(b"{}")
        assert not await second.event(b"{}")
        assert not second.opened
        assert await stream_to(send, places, "another").event(b"{}")
        first.close()
        first.close()
        assert not await first.event(b"{}")
        assert await second.event(b"{}")

    async def test_none_at_all(self) -> None:
        assert not await stream_to(Recorder(), Places(0)).event(b"{}")

    async def test_a_reader_that_is_stuck_is_cut_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "_STUCK_SECONDS", 0.1)
        aborted: list[bool] = []
        line = Line(lambda: aborted.append(True))
        send = Recorder()
        stream = stream_to(send, Places(4), line=line)

        async def answer() -> None:
            line.hold()
            await stream.event(b"{}")
            send.hang = True
            await stream.event(b"{}")
            raise AssertionError("went on")

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(answer())
        assert aborted == [True]

    async def test_a_lost_line_is_not_held(self) -> None:
        line = Line()
        line.lose()
        assert not line.hold()

    async def test_what_is_released_is_not_cancelled(self) -> None:
        line = Line()

        async def answer() -> str:
            line.hold()
            line.release()
            line.lose()
            await asyncio.sleep(0)
            return "done"

        assert await asyncio.create_task(answer()) == "done"


def test_progress_beyond_the_places_is_answered_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(methods.MODERN_METHODS, "tools/call", speaking)
    with inside(tmp_path, max_streams=0) as running:
        headers = {"Authorization": f"Bearer {running.key}"}
        made = httpx.post(f"{running.url}/api/servers", json={"name": "s"}, headers=headers).json()
        with Wire(running, made["accessUrl"], asked(MODERN, progressToken=1)) as wire:
            assert wire.head[1]["content-type"] == "application/json"
            assert wire.json()["result"]["content"] == []
