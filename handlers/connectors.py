"""Connectors: list, get, add, replace, remove."""

from typing import Any

from gateway.access.caller import Caller
from gateway.catalog.model import Connector
from gateway.connectors import Wanted
from gateway.credentials.requirements import available
from gateway.disconnecting import remove_connector
from gateway.gate import Gate


async def list_connectors(
    *, gate: Gate, caller: Caller, limit: int, offset: int, category: str | None = None
) -> dict[str, Any]:
    found = [
        connector
        for connector in await gate.catalog.all(caller.account_id)
        if category is None or category.casefold() in (known.casefold() for known in connector.category)
    ]
    shown = found[offset : offset + limit]
    return {
        "connectors": [_public(connector) for connector in shown],
        "count": len(shown),
        "total": len(found),
        "limit": limit,
        "offset": offset,
        "hasMore": offset + len(shown) < len(found),
    }


async def get_connector(*, gate: Gate, caller: Caller, connector_id: str) -> dict[str, Any]:
    return _public(await gate.connectors.get(caller.account_id, connector_id))


async def create_connector(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    return _stored(await gate.connectors.add(caller, body["id"], _wanted(body)))


async def replace_connector(*, gate: Gate, caller: Caller, connector_id: str, body: dict[str, Any]) -> dict[str, Any]:
    done = await gate.connectors.replace(
        caller, connector_id, _wanted(body), keep_credentials=body.get("keepCredentials", False)
    )
    return {
        **_stored(done.connector),
        "suspendedCredentials": done.suspended,
        "changes": {
            "added": list(done.changes.added),
            "removed": list(done.changes.removed),
            "changed": list(done.changes.changed),
        },
        "danglingRestrictions": [
            {"serverId": each.server_id, "name": each.name, "actions": list(each.ids)} for each in done.dangling
        ],
    }


async def delete_connector(*, gate: Gate, caller: Caller, connector_id: str) -> dict[str, Any]:
    await remove_connector(gate, caller, connector_id)
    return {"message": "Connector deleted", "connectorId": connector_id}


def _wanted(body: dict[str, Any]) -> Wanted:
    return Wanted(
        name=body.get("name"),
        document=body.get("document"),
        url=body.get("url"),
        base_url=body.get("baseUrl"),
        auth=body.get("auth"),
    )


def _stored(connector: Connector) -> dict[str, Any]:
    left_out = {"leftOut": list(connector.left_out)} if connector.left_out else {}
    return {**_public(connector), **left_out}


def _public(connector: Connector) -> dict[str, Any]:
    optional = {"documentation": connector.documentation, "icon": connector.icon}
    return {
        "id": connector.connector_id,
        "name": connector.name,
        "description": connector.description,
        "category": list(connector.category),
        "actions": len(connector.actions),
        "shipped": connector.shipped,
        "baseUrl": connector.base_url,
        "authenticationTypes": available(connector),
        **{name: value for name, value in optional.items() if value},
    }
