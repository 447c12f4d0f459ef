"""The tool that finds: from a goal in plain words to actions that the caller may use."""

from typing import Any

from gateway.catalog.model import Action
from gateway.tools.visit import Visit

_DEFAULT_LIMIT = 10


async def discover_action_path(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"goal", "actions": [{"connectorId", "actionId", "why", "needs", ...}], "path": [...], "message"}`."""
    caller, gate = visit.caller, visit.gate
    named = arguments.get("connectors")
    # A connector that is denied or not there is said so by name: an empty answer would not tell.
    for connector_id in named or ():
        await visit.connector(connector_id)
    connectors = {connector.connector_id: connector for connector in await gate.catalog.all(caller.account_id)}
    index = await gate.catalog.index(caller.account_id)

    # The search package holds numpy: it is loaded by the first search, as the index is.
    from gateway.catalog.search import plan  # noqa: PLC0415 (for that reason)

    def permitted(action: Action) -> bool:
        connector = connectors.get(action.connector_id)
        # The index may be of a moment ago.
        return connector is not None and action.action_id in connector.actions and visit.permits(connector, action)

    hits = index.search(
        arguments["goal"], limit=arguments.get("limit", _DEFAULT_LIMIT), permitted=permitted, connectors=named
    )
    connected = {
        connector_id: not connectors[connector_id].authentication
        or bool(await gate.credentials.list(caller.account_id, caller.user_id, connector_id))
        for connector_id in {hit.action.connector_id for hit in hits}
    }
    actions = [
        {
            "connectorId": hit.action.connector_id,
            "actionId": hit.action.action_id,
            "displayName": hit.action.title,
            "httpMethod": hit.action.method.lower(),
            "path": hit.action.path,
            "why": hit.why,
            "needs": [{"parameter": need.parameter, "from": list(need.producers)} for need in hit.needs],
            "hasCredential": connected[hit.action.connector_id]
            or not connectors[hit.action.connector_id].ways_of(hit.action),
        }
        for hit in hits
    ]
    message = f"Found {len(actions)} action{'' if len(actions) == 1 else 's'} for this goal"
    return {"goal": arguments["goal"], "actions": actions, "path": plan(hits), "message": message}
