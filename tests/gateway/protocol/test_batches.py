"""What a batch may cost: it is no way around the rate limit, and neither the loop nor the clock is its own."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from gateway.protocol import batches
from gateway.protocol.methods import LEGACY_METHODS
from gateway.tools.visit import Visit
from support.inside import Inside, inside
from support.service import serving

REVISION = {"MCP-Protocol-Version": "2025-03-26"}


def rpc(number: int, method: str, params: Any = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, **({} if params is None else {"params": params})}


def access_url(service: Any, mode: str = "connectivity") -> str:
    headers, body = {"Authorization": f"Bearer {service.key}"}, {"name": "s", "mode": mode}
    return str(httpx.post(f"{service.url}/api/servers", json=body, headers=headers).json()["accessUrl"])


def test_each_tool_call_counts(tmp_path: Path) -> None:
    with serving(tmp_path, TOOLGATE_RATE_LIMIT="5") as service:
        url = access_url(service)
        call = {"name": "list_connectors_alloy", "arguments": {}}
        batch = [item for number in range(10) for item in (rpc(number, "tools/call", call), rpc(100 + number, "ping"))]
        answers = httpx.post(url, json=batch, headers=REVISION).json()
        assert sum("result" in answer for answer in answers if answer["id"] < 100) == 5
        assert all("result" in answer for answer in answers if answer["id"] >= 100)
        refused = [answer["error"] for answer in answers if "error" in answer]
        assert {(error["code"], error["data"]["code"]) for error in refused} == {(-32603, "RATE_LIMITED")}
        assert httpx.post(url, json=rpc(1, "ping")).status_code == 429


@pytest.fixture
def service(tmp_path: Path) -> Any:
    with inside(tmp_path) as running:
        yield running


def test_what_is_not_begun_in_time_is_refused(service: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_MOST_SECONDS", 0.0)
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answers = httpx.post(access_url(service), json=[rpc(1, "ping"), notification, rpc(2, "ping")], headers=REVISION)
    assert [(item["id"], item["error"]["data"]["code"]) for item in answers.json()] == [
        (1, "UNAVAILABLE"),
        (2, "UNAVAILABLE"),
    ]


def test_a_short_batch_is_not_worth_an_endless_answer(service: Inside) -> None:
    answer = httpx.post(
        access_url(service, "direct"),
        json=[rpc(number, "tools/list") for number in range(1000)],
        headers=REVISION,
    )
    said = answer.json()
    assert [item["id"] for item in said] == list(range(1000))
    whole = [item for item in said if "result" in item]
    assert 10 < len(whole) < 1000
    assert len(answer.content) < batches._MOST_BYTES + 1_000_000
    refused = [item["error"]["data"]["code"] for item in said[len(whole) :]]
    assert refused == ["UNAVAILABLE"] * (1000 - len(whole))


def test_who_is_kept_out_meanwhile_goes_no_further(service: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pausing(visit: Visit, _: Any, __: str) -> bytes:
        await visit.gate.servers.pause(visit.caller, visit.server.server_id, True)
        return b"{}"

    async def renaming(visit: Visit, _: Any, __: str) -> bytes:
        await visit.gate.servers.update(visit.caller, visit.server.server_id, {"name": "another"})
        return b"{}"

    monkeypatch.setitem(cast("dict[str, Any]", LEGACY_METHODS), "test/pause", pausing)
    monkeypatch.setitem(cast("dict[str, Any]", LEGACY_METHODS), "test/rename", renaming)
    asked = ("ping", "test/rename", "ping", "test/pause", "ping", "tools/list")
    batch = [rpc(number, method) for number, method in enumerate(asked)]
    notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answers = httpx.post(access_url(service), json=[*batch, notification], headers=REVISION).json()
    assert ["result" in answer for answer in answers] == [True] * 4 + [False] * 2
    assert [(answer["id"], answer["error"]["data"]["code"]) for answer in answers[4:]] == [
        (4, "FORBIDDEN"),
        (5, "FORBIDDEN"),
    ]


async def test_others_have_their_turn_in_between() -> None:
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def answer_one(*_: Any) -> tuple[bytes, int]:
        return b"{}", 200

    async def again(visit: Visit) -> Visit:
        raise AssertionError("nothing was configured meanwhile")

    other = asyncio.create_task(another())
    batch = [rpc(number, "ping") for number in range(1000)]
    visit = SimpleNamespace(gate=SimpleNamespace(store=SimpleNamespace(generation=lambda: 1)))
    answer = await batches.answer_batch(cast("Visit", visit), batch, answer_one, again)
    other.cancel()
    assert len(json.loads(cast("bytes", answer.body))) == 1000
    assert turns >= 50
