"""A destructive action, confirmed by whoever sits at the official MCP Python client."""

import json
from collections.abc import Iterator
from typing import Any

import mcp
import mcp_types
import pytest
from mcp.client.streamable_http import streamable_http_client

from support import upstream as platforms
from support.destroying import document
from support.service import Service, serving
from support.upstream import Upstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with platforms.running() as started:
        yield started


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("confirming")) as running:
        added = running.client().post("/connectors", json={"id": "tasks", "document": document(upstream)})
        assert added.status_code == 201, added.text
        yield running


async def call(url: str, mode: str, answer: mcp_types.ElicitResult | None) -> tuple[Any, bool, list[str]]:
    """What the tool answered, whether it failed, and what its user was asked."""
    asked: list[str] = []

    async def ask(_context: Any, params: Any) -> mcp_types.ElicitResult:
        asked.append(params.message)
        assert answer is not None
        return answer

    client = mcp.Client(streamable_http_client(url), mode=mode, elicitation_callback=None if answer is None else ask)
    arguments = {"connectorId": "tasks", "actionId": "deleteTask", "parameters": {"id": "7"}}
    async with client:
        result = await client.call_tool("execute_action_alloy", arguments)
    return json.loads(result.content[0].text), bool(result.is_error), asked


@pytest.mark.parametrize(
    ("mode", "answer", "asks", "runs"),
    [
        ("auto", mcp_types.ElicitResult(action="accept", content={"confirm": True}), True, True),
        ("auto", mcp_types.ElicitResult(action="accept", content={"confirm": False}), True, False),
        ("auto", mcp_types.ElicitResult(action="decline"), True, False),
        ("auto", None, False, False),
        ("legacy", mcp_types.ElicitResult(action="accept", content={"confirm": True}), False, False),
        ("legacy", None, False, False),
    ],
)
async def test_a_deletion_is_confirmed(
    gate: Service, upstream: Upstream, mode: str, answer: mcp_types.ElicitResult | None, asks: bool, runs: bool
) -> None:
    made = gate.client().post("/api/servers", json={"name": "confirms", "confirmDestructive": True}).json()
    before = len(upstream.received)
    try:
        said, failed, asked = await call(made["accessUrl"], mode, answer)
        assert (failed, len(asked), len(upstream.received) - before) == (not runs, int(asks), int(runs)), said
        if asks:
            assert "Action: deleteTask" in asked[0]
            return
        # Who cannot be asked is told how to have it approved; then the same call runs.
        approval = said["error"]["details"]["approvalId"]
        gate.run("approvals", "give", approval)
        said, failed, _ = await call(made["accessUrl"], mode, answer)
        assert (failed, len(upstream.received) - before) == (False, 1), said
    finally:
        gate.client().delete(f"/api/servers/{made['serverId']}")
