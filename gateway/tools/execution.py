"""The tool that acts: judge, take the user's credential, run, and have it on record before the answer goes out."""

import asyncio
import time
from typing import Any

from sqlalchemy import Connection

from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.errors import ToolgateError
from gateway.execution.run import execute
from gateway.tools.visit import Visit
from storage import audit
from storage.times import now

_DEFAULT_MILLISECONDS = 30_000
# Audit rows on their way while TOOLGATE_AUDIT=behind: the event loop itself keeps only weak references to tasks.
_behind: set[asyncio.Task[None]] = set()


async def execute_action(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"executionId", "status": "completed", "responseData"}`. Raises ToolgateError."""
    begun = time.perf_counter()
    connector_id, action_id = arguments["connectorId"], arguments["actionId"]
    try:
        connector, action = await visit.action(connector_id, action_id)
        connector_id, action_id = connector.connector_id, action.action_id
        visit.require_known_user()
        secret = await _secret(visit, connector, arguments.get("credentialId") or visit.credential_id)
        result, status = await _run(visit, connector, action, arguments, secret)
    except ToolgateError as error:
        said = error.details.get("status")
        upstream = said if isinstance(said, int) else None
        await _record(visit, connector_id, action_id, error.code, upstream, begun)
        raise
    await _record(visit, connector_id, action_id, "ok", status, begun)
    return result


async def _secret(visit: Visit, connector: Connector, credential_id: str | None) -> Secret | None:
    if not connector.authentication:
        return None
    caller = visit.caller
    _, secret = await visit.gate.credentials.choose(
        caller.account_id, caller.user_id, connector.connector_id, credential_id
    )
    return secret


async def _run(
    visit: Visit, connector: Connector, action: Action, arguments: dict[str, Any], secret: Secret | None
) -> tuple[dict[str, Any], int]:
    outcome = await execute(
        connector,
        action,
        arguments["parameters"],
        secret,
        visit.gate.outbound,
        timeout=arguments.get("timeout", _DEFAULT_MILLISECONDS) / 1000,
    )
    answer = {
        "executionId": outcome.execution_id,
        "status": outcome.status,
        "responseData": outcome.response_data,
    }
    return answer, outcome.upstream_status


async def _record(
    visit: Visit, connector_id: str, action_id: str, outcome: str, upstream_status: int | None, begun: float
) -> None:
    caller, server = visit.caller, visit.server
    moment, spent = now(), int((time.perf_counter() - begun) * 1000)

    def job(connection: Connection) -> None:
        audit.record(
            connection,
            at=moment,
            account_id=caller.account_id,
            user_id=caller.user_id,
            door=caller.door,
            event="action.execute",
            outcome=outcome,
            server_id=server.server_id,
            connector_id=connector_id[:64],
            action_id=action_id[:200],
            upstream_status=upstream_status,
            duration_ms=spent,
        )

    write = visit.gate.store.write(job)
    if visit.gate.settings.audit == "durable":
        await write
    else:
        task = asyncio.ensure_future(write)
        _behind.add(task)
        task.add_done_callback(_behind.discard)
