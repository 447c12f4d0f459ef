"""What is said to whoever has no credential that works: where to connect one, or what it takes to store one."""

from collections.abc import Mapping
from typing import Any, Protocol

from gateway.access.caller import Caller
from gateway.catalog.catalog import Catalog
from gateway.catalog.model import Connector
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.flows import Flows
from gateway.credentials.oauth.needs import asked
from gateway.credentials.oauth.provider import provider_of
from gateway.credentials.oauth.refresh import CredentialDead
from gateway.credentials.oauth.sign_ins import KIND
from gateway.credentials.requirements import requirements
from gateway.errors import ConnectorNotFound, CredentialNotFound, ToolgateError

# What is wrong with a credential, in the details of an error.
MISSING, DEAD = "missing", "dead"


class Parts(Protocol):
    """What of gateway.gate.Gate is needed here; the gate stands above."""

    @property
    def flows(self) -> Flows: ...
    @property
    def auth_configs(self) -> AuthConfigs: ...
    @property
    def catalog(self) -> Catalog: ...


async def with_way(parts: Parts, caller: Caller, connector: Connector, error: CredentialNotFound) -> ToolgateError:
    """The error with what there is to do about it; ConnectorNotFound where the connector was removed meanwhile.

    Its details gain `status` (`missing` or `dead`), `connectUrl` where a sign-in can begin, `authenticationTypes`, what
    can be stored, and `remedy`, a sentence that says all this. A dead credential is connected again in its place.
    """
    if await parts.catalog.get(caller.account_id, connector.connector_id) is None:
        return ConnectorNotFound("Connector not found", details={"connectorId": connector.connector_id})
    dead = isinstance(error, CredentialDead)
    url = await _link(parts, caller, connector, error if isinstance(error, CredentialDead) else None)
    every = requirements(connector, await parts.auth_configs.list(caller.account_id, connector.connector_id))
    entries = [entry for entry in every if entry.get("available", True)]
    ways = [f"open {url} in a browser and sign in"] if url is not None else []
    if kinds := [_spelled(entry) for entry in entries if url is None or entry["authenticationType"] != KIND]:
        ways.append(f"store a credential with create_credential_alloy: {' or '.join(kinds)}")
    if len(entries) < len(every):
        ways.append(f"have an operator register an app with {connector.name} (POST /auth-configs), and then sign in")
    begin = "" if dead else f"{connector.name} is not connected for this user. "
    remedy = f"{begin}To connect it, {'; or '.join(ways)}. Then call again." if ways else begin
    details = {
        **error.details,
        "status": DEAD if dead else MISSING,
        **({"connectUrl": url} if url is not None else {}),
        "authenticationTypes": [entry["authenticationType"] for entry in entries],
        "remedy": remedy.strip(),
    }
    return CredentialNotFound(error.message, details=details)


async def _link(parts: Parts, caller: Caller, connector: Connector, dead: CredentialDead | None) -> str | None:
    """Where this user signs in; None where that cannot begin without a choice or a field, or not at all."""
    provider = provider_of(connector)
    if provider is None or provider.authorization_url is None:
        return None
    data: Mapping[str, str] = dead.secret.data if dead is not None else {}
    try:
        return await parts.flows.start(
            caller.account_id,
            caller.user_id,
            connector,
            auth_config_id=dead.secret.auth_config_id if dead is not None else None,
            fields={field.name: data[field.name] for field, _ in asked(connector, provider) if field.name in data},
            credential_id=dead.secret.credential_id if dead is not None else None,
            door=caller.door,
        )
    except ToolgateError:
        # Said otherwise: no auth config, several, or a field that is missing. A sign-in that names them can begin.
        return None


def _spelled(entry: Mapping[str, Any]) -> str:
    """`authenticationType basic with fields username, password`."""
    needed = ", ".join(name for name in entry["inputSchema"]["required"] if name != "authenticationType")
    return f"authenticationType {entry['authenticationType']}{f' with fields {needed}' if needed else ''}"
