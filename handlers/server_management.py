"""Server Management: the life of a server, what happens at it, and who may do what there."""

from typing import Any

from gateway import activity
from gateway.access.caller import ME, Caller
from gateway.access.explanation import explain
from gateway.gate import Gate
from gateway.http.answers import Answer
from gateway.http.conditions import entity_tag, expected, is_known
from gateway.servers import Server
from storage.times import of_epoch


async def create_server(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> Answer:
    server, token = await gate.servers.create(caller, body)
    return _tagged(server, {**server.public, "accessToken": token})


async def list_servers(*, gate: Gate, caller: Caller, limit: int, offset: int, name: str | None) -> dict[str, Any]:
    servers, total = await gate.servers.page(caller, limit, offset, name)
    return {"servers": servers, **_place(total, limit, offset, len(servers))}


async def get_server(*, gate: Gate, caller: Caller, server_id: str, if_none_match: str | None) -> Answer:
    server = await gate.servers.get(caller, server_id)
    if is_known(if_none_match, server.tag):
        return Answer(None, status=304, headers=[entity_tag(server.tag)])
    return Answer(server.encoded, headers=[entity_tag(server.tag)])


async def update_server(
    *, gate: Gate, caller: Caller, server_id: str, body: dict[str, Any], if_match: str | None
) -> Answer:
    server = await gate.servers.update(caller, server_id, body, expected(if_match))
    return _tagged(server, server.public)


async def delete_server(*, gate: Gate, caller: Caller, server_id: str, if_match: str | None) -> dict[str, Any]:
    await gate.servers.delete(caller, server_id, expected(if_match))
    return {"message": "Server deleted", "serverId": server_id}


async def rotate_server_token(
    *, gate: Gate, caller: Caller, server_id: str, body: dict[str, Any], if_match: str | None
) -> Answer:
    server, token = await gate.servers.rotate_token(caller, server_id, body, expected(if_match))
    rotated = {name: server.public[name] for name in ("serverId", "url", "accessUrl")} | {"accessToken": token}
    if server.token_expires_at is not None:
        rotated["tokenExpiresAt"] = of_epoch(server.token_expires_at)
    return _tagged(server, rotated)


async def pause_server(*, gate: Gate, caller: Caller, server_id: str) -> Answer:
    server = await gate.servers.pause(caller, server_id, True)
    return _tagged(server, server.public)


async def resume_server(*, gate: Gate, caller: Caller, server_id: str) -> Answer:
    server = await gate.servers.pause(caller, server_id, False)
    return _tagged(server, server.public)


async def get_server_safety(*, gate: Gate, caller: Caller, server_id: str, if_none_match: str | None) -> Answer:
    server = await gate.servers.get(caller, server_id)
    if is_known(if_none_match, server.tag):
        return Answer(None, status=304, headers=[entity_tag(server.tag)])
    return _tagged(server, server.safety)


async def update_server_safety(
    *, gate: Gate, caller: Caller, server_id: str, body: dict[str, Any], if_match: str | None
) -> Answer:
    server = await gate.servers.make_safe(caller, server_id, body, expected(if_match))
    return _tagged(server, server.safety)


async def list_server_activity(
    *,
    gate: Gate,
    caller: Caller,
    server_id: str,
    limit: int,
    offset: int,
    user: str | None,
    event: str | None,
    connector_id: str | None,
    action_id: str | None,
    outcome: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    wanted = activity.Filter(
        user_id=caller.user_id if user == ME else user,
        event=event,
        connector_id=connector_id,
        action_id=action_id,
        outcome=outcome,
        since=since,
        until=until,
    )
    rows, total = await activity.of_server(gate.store, server.account_id, server_id, wanted, limit, offset)
    return {"activity": rows, **_place(total, limit, offset, len(rows))}


async def explain_server_access(
    *, gate: Gate, caller: Caller, server_id: str, connector: str | None, action: str | None, user: str | None
) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    user = caller.user_id if user == ME else user
    known = await gate.catalog.get(caller.account_id, connector) if connector else None
    said = explain(server.policy, connector, action, user, known)
    asked = {"connector": connector, "action": said.action_id, "user": user}
    return {
        "allowed": said.allowed,
        "reason": said.reason,
        "rule": said.rule,
        **{name: value for name, value in asked.items() if value is not None},
    }


def _tagged(server: Server, body: Any) -> Answer:
    return Answer(body, headers=[entity_tag(server.tag)])


def _place(total: int, limit: int, offset: int, shown: int) -> dict[str, Any]:
    """Where a page stands in the whole."""
    return {"count": total, "total": total, "limit": limit, "offset": offset, "hasMore": offset + shown < total}
