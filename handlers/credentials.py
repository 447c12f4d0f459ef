"""Credentials: store one, list one's own."""

from typing import Any

from gateway.access.caller import ME, Caller
from gateway.credentials.requirements import check_data
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
    credential_id = await gate.credentials.create(caller.account_id, user_id, connector_id, kind, name, data)
    return {"credentialId": credential_id}


async def get_connector_credentials(
    *, gate: Gate, caller: Caller, connector_id: str, user_id: str | None
) -> dict[str, Any]:
    connector = await gate.connectors.get(caller.account_id, connector_id)
    owner = await _owner(gate, caller, user_id or ME)
    return {"credentials": await gate.credentials.list(caller.account_id, owner, connector.connector_id)}


async def _owner(gate: Gate, caller: Caller, named: str) -> str:
    """Whose credential it is: the caller's, or, for an API key of this account, any known user's. Raises Forbidden."""
    if named in (ME, caller.user_id):
        return caller.user_id
    if caller.door != "api_key" or not await gate.identity.users.exists(caller.account_id, named):
        raise Forbidden(
            "userId must be the caller's own, or a known user's with an API key", details={"field": "userId"}
        )
    return named
