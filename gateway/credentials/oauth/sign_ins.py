"""The sign-in of a connector as credential metadata: what to ask for, and whether it can begin at all."""

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.catalog.model import Connector
from gateway.credentials.oauth.needs import asked
from gateway.credentials.oauth.provider import provider_of

KIND = "oauth2"


class Client(Protocol):
    """What is said of an auth config: a row of the table."""

    @property
    def auth_config_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_default(self) -> bool: ...


def offers_sign_in(connector: Connector) -> bool:
    """Whether a person can sign in there, once an operator has stored an auth config."""
    provider = provider_of(connector)
    return provider is not None and provider.authorization_url is not None


def offers_client_credentials(connector: Connector) -> bool:
    """Whether a token is given there for a client itself (RFC 6749, section 4.4), which a user may have registered."""
    provider = provider_of(connector)
    return provider is not None and provider.client_credentials


def sign_in(connector: Connector, clients: Sequence[Client]) -> dict[str, Any]:
    """The entry of a connector that `offers_sign_in`, for its auth configs `clients`.

    `authConfigRequired` is false where `authConfigId` may be left out. `available` is false where there is no auth
    config yet, so that nobody can sign in.
    """
    provider = provider_of(connector)
    assert provider is not None
    way = next((way for way in connector.authentication if way.type == KIND), None)
    preferred = [client for client in clients if client.is_default] or list(clients)
    must = len(preferred) != 1
    named = ", ".join(f"{each.auth_config_id} ({each.name})" for each in clients)
    config: dict[str, Any] = {"type": "string", "description": f"The OAuth client to use{': ' if named else ''}{named}"}
    if clients:
        config["enum"] = [client.auth_config_id for client in clients]
    properties: dict[str, Any] = {
        "authenticationType": {"const": KIND},
        "authConfigId": config,
        "redirectUri": {
            "type": "string",
            "format": "uri",
            "description": "Where the sign-in leads at its end: one of the auth config's redirectUris, to the letter",
        },
    }
    required, sample = ["authenticationType"], {"authenticationType": KIND}
    if must and clients:
        required.append("authConfigId")
        sample["authConfigId"] = clients[0].auth_config_id
    for field, needed in asked(connector, provider):
        properties[field.name] = {"type": "string", "title": field.title, "pattern": field.pattern}
        if field.description:
            properties[field.name]["description"] = field.description
        if needed:
            required.append(field.name)
        if needed or field.default is not None:
            sample[field.name] = field.example or field.default or field.name
    about = way.description if way is not None else ""
    first = (
        f"An operator first registers an app with {connector.name} and stores it: POST /auth-configs, or "
        f"`toolgate auth-configs create {connector.connector_id}`."
    )
    described = f"{about} The answer is an oauthUrl, where the user signs in.".strip()
    return {
        "authenticationType": KIND,
        "title": way.title if way is not None else "OAuth",
        "description": described if clients else f"{described} Not available yet: {first}",
        "available": bool(clients),
        "authConfigRequired": must,
        "inputSchema": {"type": "object", "properties": properties, "required": required},
        "sampleInput": sample,
    }
