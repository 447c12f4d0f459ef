"""Approvals: calls of destructive actions that wait for the server's owner."""

from typing import Any

from gateway.access.caller import Caller
from gateway.gate import Gate


async def list_server_approvals(
    *, gate: Gate, caller: Caller, server_id: str, status: str | None, limit: int, offset: int
) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    rows, total = await gate.approvals.page(caller.account_id, server.server_id, status, limit, offset)
    place = {"count": total, "total": total, "limit": limit, "offset": offset, "hasMore": offset + len(rows) < total}
    return {"approvals": rows, **place}


async def get_server_approval(*, gate: Gate, caller: Caller, server_id: str, approval_id: str) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    return await gate.approvals.get(caller.account_id, server.server_id, approval_id)


async def decide_server_approval(
    *, gate: Gate, caller: Caller, server_id: str, approval_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    return await gate.approvals.decide(caller, server.server_id, approval_id, body["decision"])
