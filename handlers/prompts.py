"""Prompts: a server's prompts over plain REST."""

from collections.abc import Mapping
from typing import Any

from gateway.access.caller import Caller
from gateway.content.prompts import get_prompt, list_prompts
from gateway.gate import Gate
from gateway.protocol.rest import visit_of


async def list_server_prompts(
    *, gate: Gate, caller: Caller, server_id: str, headers: Mapping[bytes, bytes], limit: int, cursor: str | None
) -> dict[str, Any]:
    return await list_prompts(await visit_of(gate, caller, server_id, headers), cursor, limit)


async def get_server_prompt(
    *,
    gate: Gate,
    caller: Caller,
    server_id: str,
    prompt_name: str,
    headers: Mapping[bytes, bytes],
    body: dict[str, Any],
) -> dict[str, Any]:
    visit = await visit_of(gate, caller, server_id, headers)
    return await get_prompt(visit, prompt_name, body.get("arguments", {}))
