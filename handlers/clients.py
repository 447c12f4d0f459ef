"""Clients: what people paste to connect an assistant, an editor or a program to a server."""

from typing import Any

from gateway.access.caller import Caller
from gateway.clients import Place, clients, connection
from gateway.gate import Gate


async def list_server_clients(*, gate: Gate, caller: Caller, server_id: str) -> dict[str, Any]:
    await gate.servers.get(caller, server_id)
    known = clients()
    return {"clients": known, "count": len(known)}


async def get_server_client(*, gate: Gate, caller: Caller, server_id: str, client: str, door: str) -> dict[str, Any]:
    server = await gate.servers.get(caller, server_id)
    return connection(client, Place.of(server.public, door))
