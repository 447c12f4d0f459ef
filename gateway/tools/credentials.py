"""The tools about users' keys for platforms."""

from typing import Any

from gateway.access.trail import record
from gateway.credentials.requirements import check_data, requirements
from gateway.tools.visit import Visit


async def create_credential(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"credentialId", "message"}`."""
    connector = await visit.connector(arguments["connectorId"])
    visit.require_known_user()
    kind = arguments["authenticationType"]
    data = check_data(connector, kind, arguments.get("fields", {}), where="fields")
    credential_id = await visit.gate.credentials.create(
        visit.caller.account_id,
        visit.caller.user_id,
        connector.connector_id,
        kind,
        arguments.get("name") or f"{connector.name} credential",
        data,
        also=lambda connection: record(
            connection,
            visit.caller,
            "credential.create",
            server_id=visit.server.server_id,
            connector_id=connector.connector_id,
        ),
    )
    return {"credentialId": credential_id, "message": f"{connector.name} is connected"}


async def get_credentials(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"credentials": [{"credentialId", "name", "type", "createdAt", "updatedAt"}]}`: the caller's own."""
    connector = await visit.connector(arguments["connectorId"])
    caller = visit.caller
    return {"credentials": await visit.gate.credentials.list(caller.account_id, caller.user_id, connector.connector_id)}


async def get_credential_metadata(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"metadata": [{"authenticationType", "authConfigRequired", "inputSchema", "sampleInput"}]}`."""
    connector = await visit.connector(arguments["connectorId"])
    return {"metadata": requirements(connector)}
