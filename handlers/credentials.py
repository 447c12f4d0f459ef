"""Credentials: store, list, show, rename, replace, test, remove; and what each connector needs."""

from collections import defaultdict
from typing import Any

from gateway.access.caller import ME, Caller
from gateway.access.trail import record
from gateway.actions.probing import probe
from gateway.catalog.model import Connector
from gateway.credentials.keeper import Also
from gateway.credentials.oauth.sign_ins import KIND
from gateway.credentials.requirements import body_requirements, check_data, refuse_beside, summary
from gateway.disconnecting import disconnect
from gateway.errors import Forbidden
from gateway.gate import Gate


async def create_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, body: dict[str, Any]
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    user_id = await _owner(gate, caller, body["userId"])
    kind = body["authenticationType"]
    if kind == KIND:
        return {"oauthUrl": await _sign_in(gate, caller, user_id, connector, body)}
    refuse_beside(body)
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
    connector = await gate.connectors.get(caller.account_id, connector_id)
    return {"metadata": body_requirements(connector, await gate.auth_configs.list(caller.account_id, connector_id))}


async def list_credential_metadata(*, gate: Gate, caller: Caller) -> dict[str, Any]:
    clients = defaultdict(list)
    for row in await gate.auth_configs.list(caller.account_id):
        clients[row.connector_id].append(row)
    found = [summary(each, clients[each.connector_id]) for each in await gate.catalog.all(caller.account_id)]
    return {"data": [about for about in found if about is not None]}


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
    return await disconnect(gate, caller, owner, credential_id, connector.connector_id)


async def test_connector_credential(
    *, gate: Gate, caller: Caller, connector_id: str, credential_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    await gate.keeper.get(caller.account_id, owner, connector_id, credential_id)
    return await probe(gate, caller, owner, connector, credential_id)


async def _sign_in(gate: Gate, caller: Caller, user_id: str, connector: Connector, body: dict[str, Any]) -> str:
    """The oauthUrl. Raises InvalidRequest, and NotFound where the credential to connect again is not the user's."""
    again = body.get("credentialId")
    if again is not None:
        await gate.keeper.get(caller.account_id, user_id, connector.connector_id, again)
    return await gate.flows.start(
        caller.account_id,
        user_id,
        connector,
        auth_config_id=body.get("authConfigId"),
        fields=body.get("data", {}),
        redirect_uri=body.get("redirectUri"),
        credential_id=again,
        name=body.get("name"),
        door=caller.door,
    )


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
