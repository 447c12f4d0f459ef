"""Credentials: store, list, show, rename, replace, test, remove; and what each connector needs."""

from typing import Any

from gateway.access.caller import ME, Caller
from gateway.access.trail import record
from gateway.actions import probe
from gateway.credentials.keeper import Also
from gateway.credentials.requirements import body_requirements, check_data, summary
from gateway.errors import Forbidden
from gateway.gate import Gate


async def create_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    user_id = await _owner(gate, caller, body["userId"])
    kind = body["authenticationType"]
    data = check_data(connector, kind, body.get("data", {}), where="data")
    name = body.get("name") or f"{connector.name} credential"
    credential_id = await gate.credentials.create(
        caller.account_id,
        user_id,
        connector_id,
        kind,
        name,
        data,
        also=lambda connection: record(connection, caller, "credential.create", connector_id=connector_id),
    )
    return {"credentialId": credential_id}


async def get_connector_credentials(
    *, gate: Gate, caller: Caller, connector_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    return {"credentials": await gate.credentials.list(caller.account_id, owner, connector.connector_id)}


async def get_connector_credentials_metadata(*, gate: Gate, caller: Caller, connector_id: str) -> dict[str, Any]:
    return {"metadata": body_requirements(await gate.connectors.get(caller.account_id, connector_id))}


async def list_credential_metadata(*, gate: Gate, caller: Caller) -> dict[str, Any]:
    connectors = await gate.catalog.all(caller.account_id)
    return {"data": [about for connector in connectors if (about := summary(connector)) is not None]}


async def get_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    return await gate.keeper.get(caller.account_id, owner, connector.connector_id, credential_id)


async def rename_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None, body: dict[str, Any]
) -> dict[str, Any]:
    await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    event = "credential.rename" if "name" in body else "credential.default"
    return await gate.keeper.change(
        caller.account_id,
        owner,
        connector_id,
        credential_id,
        name=body.get("name"),
        default=body.get("default"),
        also=_also(caller, event),
    )


async def replace_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None, body: dict[str, Any]
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    # Before the body is judged by the connector: whose credential it is not learns nothing from that.
    await gate.keeper.get(caller.account_id, owner, connector_id, credential_id)
    kind = body["authenticationType"]
    data = check_data(connector, kind, body.get("data", {}), where="data")
    return await gate.keeper.replace(
        caller.account_id,
        owner,
        connector_id,
        credential_id,
        kind,
        data,
        body.get("name"),
        also=_also(caller, "credential.replace"),
    )


async def delete_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    await gate.keeper.delete(
        caller.account_id, owner, credential_id, connector.connector_id, also=_also(caller, "credential.delete")
    )
    return {"success": True}


async def test_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    await gate.keeper.get(caller.account_id, owner, connector_id, credential_id)
    return await probe(gate, caller, owner, connector, credential_id)


async def _owner(gate: Gate, caller: Caller, named: str) -> str:
    """Whose credential it is: the caller's, or, for an API key of this account, any known user's. Raises Forbidden."""
    if named in (ME, caller.user_id):
        return caller.user_id
    if caller.door != "api_key" or not await gate.identity.users.exists(caller.account_id, named):
        raise Forbidden(
            "userId must be the caller's own, or a known user's with an API key", details={"field": "userId"}
        )
    return named


def _also(caller: Caller, event: str) -> Also:
    return lambda connection, connector_id: record(connection, caller, event, connector_id=connector_id)
