"""Tools: a server's tools over plain REST."""

from collections.abc import Mapping
from typing import Any

from gateway.access.caller import Caller
from gateway.gate import Gate
from gateway.protocol.rest import visit_of
from gateway.tools.offering import call_tool, list_tools


async def list_server_tools(
    *, gate: Gate, caller: Caller, server_id: str, headers: Mapping[bytes, bytes], limit: int, cursor: str | None
) -> dict[str, Any]:
    return await list_tools(await visit_of(gate, caller, server_id, headers), cursor, limit)


async def call_server_tool(
    *,
    gate: Gate,
    caller: Caller,
    server_id: str,
    tool_name: str,
    headers: Mapping[bytes, bytes],
    body: dict[str, Any],
) -> dict[str, Any]:
    visit = await visit_of(gate, caller, server_id, headers)
    return {"result": (await call_tool(visit, tool_name, body.get("arguments", {}))).body}
