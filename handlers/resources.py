"""Resources: a server's resources over plain REST."""

from collections.abc import Mapping
from typing import Any

from gateway.access.caller import Caller
from gateway.content.resources import list_resources, list_templates, read_resource
from gateway.gate import Gate
from gateway.protocol.rest import visit_of


async def list_server_resources(
    *, gate: Gate, caller: Caller, server_id: str, headers: Mapping[bytes, bytes], limit: int, cursor: str | None
) -> dict[str, Any]:
    return await list_resources(await visit_of(gate, caller, server_id, headers), cursor, limit)


async def list_server_resource_templates(
    *, gate: Gate, caller: Caller, server_id: str, headers: Mapping[bytes, bytes], limit: int, cursor: str | None
) -> dict[str, Any]:
    return await list_templates(await visit_of(gate, caller, server_id, headers), cursor, limit)


async def read_server_resource(
    *, gate: Gate, caller: Caller, server_id: str, headers: Mapping[bytes, bytes], uri: str
) -> dict[str, Any]:
    return await read_resource(await visit_of(gate, caller, server_id, headers), uri)
