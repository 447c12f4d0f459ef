"""Audit: who did what, through which door, and what came of it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gateway.access.caller import Caller
from gateway.audit import Wanted
from gateway.gate import Gate
from gateway.http.answers import Answer
from gateway.http.json_lines import lines, wants_lines


async def list_audit(
    *,
    gate: Gate,
    caller: Caller,
    headers: Mapping[bytes, bytes],
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
) -> dict[str, Any] | Answer:
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
    if wants_lines(headers):
        return lines(found, None if following is None else _url(gate, wanted, limit, following))
    return {"audit": found, **({"nextCursor": following} if following is not None else {})}


def _url(gate: Gate, wanted: Wanted, limit: int, cursor: str) -> str:
    """Where the next page of the same rows is."""
    asked = {
        "user": wanted.user_id,
        "event": wanted.event,
        "serverId": wanted.server_id,
        "connectorId": wanted.connector_id,
        "actionId": wanted.action_id,
        "outcome": wanted.outcome,
        "requestId": wanted.request_id,
        "since": wanted.since,
        "until": wanted.until,
        "limit": limit,
        "cursor": cursor,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{gate.settings.public_url}/api/audit?{query}"
