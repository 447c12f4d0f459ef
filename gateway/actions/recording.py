"""The audit row of an action: durable before its answer, unless TOOLGATE_AUDIT=behind."""

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.access.caller import Caller
from gateway.actions.asked import Asked, Parts
from gateway.current import request_id_text
from gateway.redacting import names, values
from storage import audit
from storage.times import now

# Rows on their way while TOOLGATE_AUDIT=behind: the event loop itself keeps only weak references to tasks.
_behind: set[asyncio.Task[None]] = set()


async def record(
    parts: Parts,
    caller: Caller,
    asked: Asked,
    target: tuple[str, str],
    secrets: list[str],
    outcome: str,
    upstream_status: int | None,
    duration_ms: int,
) -> None:
    """Put on record how an action ended. `target` is connector and action, `secrets` what no kept argument may hold."""
    row = audit.insertion(
        at=now(),
        account_id=caller.account_id,
        user_id=caller.user_id,
        door=caller.door,
        event=asked.event,
        outcome=outcome,
        server_id=asked.server_id,
        connector_id=target[0][:64],
        action_id=target[1][:200],
        upstream_status=upstream_status,
        duration_ms=duration_ms,
        principal_id=caller.principal_id,
        key_id=caller.key_id,
        request_id=request_id_text(),
        arguments=_kept(parts.settings.audit_arguments, asked.parameters, secrets),
    )
    write = parts.store.write(row)
    if parts.settings.audit == "durable":
        await write
    else:
        task = asyncio.ensure_future(write)
        _behind.add(task)
        task.add_done_callback(_behind.discard)


def _kept(how: str, parameters: Mapping[str, Any], secrets: list[str]) -> str | None:
    if how == "none":
        return None
    return names(parameters) if how == "names" else values(parameters, secrets)
