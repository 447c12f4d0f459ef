"""Auth configs: the OAuth clients that operators registered. List, get, store, change, delete."""

from typing import Any

from sqlalchemy import Row

from gateway.access.caller import Caller
from gateway.access.trail import record
from gateway.credentials.oauth.checks import check_values, public
from gateway.credentials.oauth.configs import Also
from gateway.gate import Gate


async def list_auth_configs(*, gate: Gate, caller: Caller, connector_id: str | None) -> dict[str, Any]:
    rows = await gate.auth_configs.list(caller.account_id, connector_id)
    return {"authConfigs": [_public(gate, row) for row in rows]}


async def create_auth_config(*, gate: Gate, caller: Caller, body: dict[str, Any]) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, body["connectorId"])
    check_values(body)
    return _public(
        gate,
        await gate.auth_configs.create(caller.account_id, connector, body, also=_also(caller, "authConfig.create")),
    )


async def get_auth_config(*, gate: Gate, caller: Caller, auth_config_id: str) -> dict[str, Any]:
    return _public(gate, await gate.auth_configs.get(caller.account_id, auth_config_id))


async def update_auth_config(
    *, gate: Gate, caller: Caller, auth_config_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    row = await gate.auth_configs.get(caller.account_id, auth_config_id)
    connector = await gate.connectors.get(caller.account_id, row.connector_id)
    check_values(body)
    also = _also(caller, "authConfig.update")
    return _public(gate, await gate.auth_configs.replace(caller.account_id, connector, auth_config_id, body, also=also))


async def delete_auth_config(*, gate: Gate, caller: Caller, auth_config_id: str) -> dict[str, Any]:
    await gate.auth_configs.delete(caller.account_id, auth_config_id, also=_also(caller, "authConfig.delete"))
    return {"message": "Auth config deleted", "authConfigId": auth_config_id}


def _also(caller: Caller, event: str) -> Also:
    return lambda connection, connector_id: record(connection, caller, event, connector_id=connector_id)


def _public(gate: Gate, row: Row[Any]) -> dict[str, Any]:
    return public(row, gate.settings.public_url)
