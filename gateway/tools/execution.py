"""The tool that acts: judged by the server's restrictions, run by gateway.actions."""

from typing import Any

from gateway.actions.asked import Asked
from gateway.actions.running import answer_of, run_action
from gateway.catalog.model import Action, Connector
from gateway.errors import CredentialNotFound
from gateway.execution.mcp_results import Kind, Needs
from gateway.execution.run import Outcome
from gateway.tools.asking import InputRequired
from gateway.tools.confirming import Confirmation
from gateway.tools.connecting import to_connect, without_ours
from gateway.tools.results import NOTHING, ToolResult, file_result
from gateway.tools.visit import Visit

_DEFAULT_MILLISECONDS = 30_000


async def execute_action(visit: Visit, arguments: dict[str, Any]) -> ToolResult:
    """`{"executionId", "status": "completed", "responseData", "nextPage"?}`. Raises ToolgateError."""
    return _result(await run(visit, arguments), as_tool=False)


async def run_tool(visit: Visit, connector_id: str, action_id: str, parameters: dict[str, Any]) -> ToolResult:
    """The same of an action that is a tool itself: what its platform says in MCP's own form is passed on as it is."""
    asked = {"connectorId": connector_id, "actionId": action_id, "parameters": parameters}
    return _result(await run(visit, asked), as_tool=True)


def _result(outcome: Outcome, *, as_tool: bool) -> ToolResult:
    body = answer_of(outcome)
    if not isinstance(outcome.native, dict):
        return file_result(body) if outcome.is_file else ToolResult(body=body)
    if as_tool:
        structured = outcome.native.get("structuredContent", NOTHING)
    else:
        # The tool's own outputSchema counts, not the platform's.
        structured = {name: body[name] for name in ("executionId", "status", "responseData")}
    return ToolResult(
        body=body,
        blocks=tuple(body["content"]),
        is_native=True,
        structured=structured,
        is_error=body.get("isError", False),
    )


async def run(visit: Visit, arguments: dict[str, Any], kind: Kind = "tool") -> Outcome:
    """Run an action of this server. Raises ToolgateError; InputRequired where somebody is to be asked first."""
    credential_id = arguments.get("credentialId") or visit.credential_id
    confirmation = Confirmation(visit, arguments["parameters"], credential_id, kind)
    asked = Asked(
        connector_id=arguments["connectorId"],
        action_id=arguments["actionId"],
        parameters=arguments["parameters"],
        credential_id=credential_id,
        timeout=arguments.get("timeout", _DEFAULT_MILLISECONDS) / 1000,
        server_id=visit.server.server_id,
        kind=kind,
        talk=without_ours(confirmation.exchange),
        confirm=confirmation.require if visit.server.confirm_destructive else None,
    )

    async def find() -> tuple[Connector, Action]:
        found = await visit.action(asked.connector_id, asked.action_id)
        visit.require_known_user()
        return found

    try:
        outcome = await run_action(visit.gate, visit.caller, asked, find)
    except CredentialNotFound as missing:
        raise to_connect(visit, missing) from None
    if isinstance(outcome.native, Needs):
        raise InputRequired(outcome.native.requests, outcome.native.state, own=confirmation.own)
    return outcome
