"""The tools about users' keys for platforms."""

from typing import Any

from gateway.access.trail import record
from gateway.catalog.model import Connector
from gateway.credentials.oauth.sign_ins import KIND
from gateway.credentials.requirements import check_data, refuse_beside, requirements
from gateway.tools.visit import Visit


async def create_credential(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"credentialId", "message"}`, or for a sign-in `{"oauthUrl", "message"}`."""
    connector = await visit.connector(arguments["connectorId"])
    visit.require_known_user()
    kind = arguments["authenticationType"]
    if kind == KIND:
        return await _sign_in(visit, connector, arguments)
    refuse_beside(arguments)
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


async def _sign_in(visit: Visit, connector: Connector, arguments: dict[str, Any]) -> dict[str, Any]:
    caller, again = visit.caller, arguments.get("credentialId")
    if again is not None:
        await visit.gate.keeper.get(caller.account_id, caller.user_id, connector.connector_id, again)
    url = await visit.gate.flows.start(
        caller.account_id,
        caller.user_id,
        connector,
        auth_config_id=arguments.get("authConfigId"),
        fields=arguments.get("fields", {}),
        redirect_uri=arguments.get("redirectUri") or visit.redirect_uri,
        credential_id=again,
        name=arguments.get("name"),
        door=caller.door,
        where="fields",
    )
    message = f"Open oauthUrl in a browser and sign in to connect {connector.name}."
    return {"oauthUrl": url, "message": f"{message} The link works once, for half an hour."}


async def get_credentials(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"credentials": [{"credentialId", "name", "type", "createdAt", "updatedAt"}]}`: the caller's own."""
    connector = await visit.connector(arguments["connectorId"])
    caller = visit.caller
    return {"credentials": await visit.gate.credentials.list(caller.account_id, caller.user_id, connector.connector_id)}


async def get_credential_metadata(visit: Visit, arguments: dict[str, Any]) -> dict[str, Any]:
    """`{"metadata": [{"authenticationType", "authConfigRequired", "inputSchema", "sampleInput"}]}`."""
    connector = await visit.connector(arguments["connectorId"])
    clients = await visit.gate.auth_configs.list(visit.caller.account_id, connector.connector_id)
    return {"metadata": requirements(connector, clients)}
