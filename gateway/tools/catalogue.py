"""The tools that show what there is: connectors, their actions, one action."""

import asyncio
import re
from typing import Any

from gateway.catalog.actions.describing import details
from gateway.catalog.model import Action, Connector
from gateway.tools.pages import page
from gateway.tools.visit import Visit


async def list_connectors(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"connectors": [{"id", "name", "category", "description"}], "count", "message", "nextCursor"?}`."""
    category = arguments.get("category", "").strip().casefold()
    words = _words(arguments.get("query", ""))
    named = arguments.get("connectors")
    found = [
        connector
        for connector in await visit.gate.catalog.all(visit.caller.account_id)
        if (named is None or connector.connector_id in named)
        and (not category or category in (known.casefold() for known in connector.category))
        and _has(words, connector.connector_id, connector.name, connector.description)
        and visit.permits(connector)
    ]
    shown, cursor = page(found, arguments)
    return {
        "connectors": [_summary(connector) for connector in shown],
        "count": len(found),
        "message": f"Found {len(found)} available connector{'' if len(found) == 1 else 's'}",
        **({"nextCursor": cursor} if cursor else {}),
    }


async def get_connector_resources(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"connectorId", "name", "resources": [{"name", "actions": [...]}], "count", "nextCursor"?}`, none denied."""
    connector = await visit.connector(arguments["connectorId"])
    wanted = arguments.get("resource", "").strip().casefold()
    words = _words(arguments.get("query", ""))
    found = [
        action
        for action in sorted(connector.actions.values(), key=lambda action: (action.resource, action.action_id))
        if (not wanted or wanted == action.resource.casefold())
        and _has(words, action.action_id, action.title, action.description)
        and visit.permits(connector, action)
    ]
    shown, cursor = page(found, arguments)
    groups: dict[str, list[dict[str, Any]]] = {}
    for action in shown:
        groups.setdefault(action.resource, []).append(_action_summary(action))
    return {
        "connectorId": connector.connector_id,
        "name": connector.name,
        "resources": [{"name": name, "actions": actions} for name, actions in groups.items()],
        "count": len(found),
        **({"nextCursor": cursor} if cursor else {}),
    }


async def get_action_details(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"action": {...}}`: the documented shape of the Connectivity API."""
    connector, action = await visit.action(arguments["connectorId"], arguments["actionId"])
    return {"connectorId": connector.connector_id, "action": await asyncio.to_thread(details, connector, action)}


def _summary(connector: Connector) -> dict[str, Any]:
    return {
        "id": connector.connector_id,
        "name": connector.name,
        "category": list(connector.category),
        **({"description": connector.description} if connector.description else {}),
    }


def _action_summary(action: Action) -> dict[str, Any]:
    return {
        "id": action.action_id,
        "displayName": action.title,
        "description": _first_sentence(action.description),
        "httpMethod": action.method.lower(),
        "path": action.path,
    }


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0][:200]


def _words(text: str) -> list[str]:
    return text.casefold().split()


def _has(words: list[str], *texts: str) -> bool:
    whole = " ".join(texts).casefold() if words else ""
    return all(word in whole for word in words)
