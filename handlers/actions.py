"""Actions: a connector's, described and executed. The operator's own API, so that no server's restrictions apply."""

import asyncio
from typing import Any

from gateway.access.caller import Caller
from gateway.actions.asked import DEFAULT_SECONDS, Asked
from gateway.actions.running import answer_of, run_action
from gateway.catalog.actions.describing import details, resources
from gateway.catalog.model import Action, Connector
from gateway.errors import ActionNotFound, InvalidRequest
from gateway.gate import Gate

# What `parameters` of the tool is, a body's own fields are here.
_TOOLS_PREFIX = "parameters"


async def list_connector_resources(*, gate: Gate, caller: Caller, connector_id: str) -> dict[str, Any]:
    return {"resources": resources(await gate.connectors.get(caller.account_id, connector_id))}


async def list_connector_actions(
    *, gate: Gate, caller: Caller, connector_id: str, limit: int, offset: int, query: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    words = (query or "").casefold().split()
    found = [action for action in connector.actions.values() if _has(action, words)]
    shown = found[offset : offset + limit]
    return {
        "actions": [_summary(action) for action in shown],
        "count": len(shown),
        "total": len(found),
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(shown) < len(found),
    }


async def get_connector_action_details(
    *, gate: Gate, caller: Caller, connector_id: str, action_id: str
) -> dict[str, Any]:
    connector, action = await _find(gate, caller, connector_id, action_id)
    # A schema that leads to itself by many ways takes its time; others need not wait for it.
    return {"action": await asyncio.to_thread(details, connector, action)}


async def execute_connector_action(
    *, gate: Gate, caller: Caller, connector_id: str, action_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    groups = ("requestBody", "queryParameters", "pathParams", "additionalHeaders", "headers")
    asked = Asked(
        connector_id=connector_id,
        action_id=action_id,
        parameters={name: body[name] for name in groups if name in body},
        credential_id=body["credentialId"],
        timeout=body["timeout"] / 1000 if "timeout" in body else DEFAULT_SECONDS,
    )
    try:
        outcome = await run_action(gate, caller, asked, lambda: _find(gate, caller, connector_id, action_id))
    except InvalidRequest as error:
        raise _as_asked(error) from None
    return answer_of(outcome)


async def _find(gate: Gate, caller: Caller, connector_id: str, action_id: str) -> tuple[Connector, Action]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    action = connector.find(action_id)
    if action is None:
        about = {"connectorId": connector_id, "actionId": action_id[:200]}
        raise ActionNotFound("Action not found", details=about)
    return connector, action


def _as_asked(error: InvalidRequest) -> InvalidRequest:
    """The same refusal, naming the field as this operation calls it: `requestBody.title`, not `parameters.…`."""
    field = error.details.get("field", "")
    if field != _TOOLS_PREFIX and not field.startswith(f"{_TOOLS_PREFIX}."):
        return error
    renamed = field.removeprefix(_TOOLS_PREFIX).removeprefix(".") or "body"
    return InvalidRequest(error.message.replace(field, renamed), details={**error.details, "field": renamed})


def _summary(action: Action) -> dict[str, Any]:
    return {
        "id": action.action_id,
        "displayName": action.title,
        "description": action.description,
        "httpMethod": action.method.lower(),
        "path": action.path,
        "resource": action.resource,
    }


def _has(action: Action, words: list[str]) -> bool:
    whole = f"{action.action_id} {action.alias or ''} {action.title} {action.description}".casefold() if words else ""
    return all(word in whole for word in words)
