"""The tool that acts: judged by the server's restrictions, run by gateway.actions."""

from typing import Any

from gateway.actions import Asked, run_action
from gateway.catalog.model import Action, Connector
from gateway.tools.visit import Visit

_DEFAULT_MILLISECONDS = 30_000


async def execute_action(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"executionId", "status": "completed", "responseData", "nextPage"?}`. Raises ToolgateError."""
    asked = Asked(
        connector_id=arguments["connectorId"],
        action_id=arguments["actionId"],
        parameters=arguments["parameters"],
        credential_id=arguments.get("credentialId") or visit.credential_id,
        timeout=arguments.get("timeout", _DEFAULT_MILLISECONDS) / 1000,
        server_id=visit.server.server_id,
    )

    async def find() -> tuple[Connector, Action]:
        found = await visit.action(asked.connector_id, asked.action_id)
        visit.require_known_user()
        return found

    result, _ = await run_action(visit.gate, visit.caller, asked, find)
    return result
