"""Audit: who did what, through which door, and what came of it."""

from typing import Any

from gateway.access.caller import Caller
from gateway.audit import Wanted
from gateway.gate import Gate


async def list_audit(
    *,
    gate: Gate,
    caller: Caller,
    limit: int,
    cursor: str | None,
    user: str | None,
    event: str | None,
    server_id: str | None,
    connector_id: str | None,
    action_id: str | None,
    outcome: str | None,
    request_id: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    wanted = Wanted(
        user_id=user,
        event=event,
        server_id=server_id,
        connector_id=connector_id,
        action_id=action_id,
        outcome=outcome,
        request_id=request_id,
        since=since,
        until=until,
    )
    found, following = await gate.audit.page(caller, wanted, limit, cursor)
    return {"audit": found, **({"nextCursor": following} if following is not None else {})}
