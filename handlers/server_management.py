"""Server Management: create, list, get, update, delete."""

from typing import Any

from gateway.access.caller import Caller
from gateway.gate import Gate
from gateway.http.answers import Answer


async def create_server(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    server, token = await gate.servers.create(caller, body)
    return {**server.public, "accessToken": token}


async def list_servers(*, gate: Gate, caller: Caller, limit: int, offset: int) -> dict[str, Any]:
    servers, total = await gate.servers.page(caller, limit, offset)
    return {
        "servers": servers,
        "count": total,
        "total": total,
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(servers) < total,
    }


async def get_server(*, gate: Gate, caller: Caller, server_id: str) -> Answer:
    return Answer((await gate.servers.get(caller, server_id)).encoded)


async def update_server(*, gate: Gate, caller: Caller, server_id: str, body: dict[str, Any]) -> Any:
    return (await gate.servers.update(caller, server_id, body)).public


async def delete_server(*, gate: Gate, caller: Caller, server_id: str) -> dict[str, Any]:
    await gate.servers.delete(caller, server_id)
    return {"message": "Server deleted", "serverId": server_id}
