"""What a credential of a connector must hold: said as JSON Schema, and checked."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.catalog.model import Authentication, Connector, Field
from gateway.credentials.oauth.asking import CLIENT
from gateway.credentials.oauth.needs import missing_or_wrong
from gateway.credentials.oauth.sign_ins import KIND, Client, offers_client_credentials, offers_sign_in, sign_in
from gateway.errors import InvalidRequest

# The secret's own fields, by authentication type.
_SECRETS: dict[str, dict[str, str]] = {
    "apiKey": {"apiKey": "The API key"},
    "bearer": {"token": "The access token"},
    "basic": {"username": "The user name", "password": "The password or API token"},
    CLIENT: {"clientId": "The client's id at the platform", "clientSecret": "The client's secret"},
}
# What a user may give beside them.
_OPTIONAL: dict[str, dict[str, str]] = {
    CLIENT: {"scope": "What the token is to be good for, parted by spaces; left out: whatever the platform gives"}
}
_SECRETS_ABOUT = {name: about for secrets in _SECRETS.values() for name, about in secrets.items()}
_SAMPLES = {
    "apiKey": "your-api-key",
    "token": "your-token",
    "username": "you@example.com",
    "password": "your-password",
    "clientId": "your-client-id",
    "clientSecret": "your-client-secret",
}
_MOST = 16_384
# What of a sign-in's input is no field of the connector: members of the body, and of the tool's arguments.
_BESIDE = ("authConfigId", "redirectUri")
_NOT_DATA = ("authenticationType", *_BESIDE)


def available(connector: Connector) -> list[str]:
    """The types of authentication that can be used here, the recommended one first."""
    kinds: dict[str, None] = {
        way.type: None for way in connector.authentication if way.type in _SECRETS or way.type == KIND
    }
    if not offers_sign_in(connector):
        kinds.pop(KIND, None)
    elif KIND not in kinds:
        kinds[KIND] = None
    if offers_client_credentials(connector):
        kinds[CLIENT] = None
    return list(kinds)


def requirements(connector: Connector, clients: Sequence[Client] | None = None) -> list[dict[str, Any]]:
    """The documented credential metadata: one entry per authentication type, each with a JSON Schema and a sample.

    The sign-in by OAuth 2.0 is among them where `clients` is given: the auth configs of this connector. Without any it
    comes last, and says who has to do what first.
    """
    stored = {kind: _entry(connector, kind, way) for kind, way in _stored(connector).items()}
    if clients is None or not offers_sign_in(connector):
        return list(stored.values())
    entry = sign_in(connector, clients)
    order = [kind for kind in available(connector) if kind != KIND or clients]
    return [entry if kind == KIND else stored[kind] for kind in order] + ([] if clients else [entry])


def body_requirements(connector: Connector, clients: Sequence[Client]) -> list[dict[str, Any]]:
    """As `requirements`, for the bodies of the Connectivity API: the user, the type, and the rest as `data`."""
    return [_as_body(entry) for entry in requirements(connector, clients)]


def _stored(connector: Connector) -> dict[str, Authentication]:
    """The ways whose secret a user gives, by type."""
    ways: dict[str, Authentication] = {}
    for way in connector.authentication:
        if way.type in _SECRETS:
            ways.setdefault(way.type, way)
    if offers_client_credentials(connector):
        ways[CLIENT] = Authentication(type="oauth2", title=f"A client of yours at {connector.name}")
    return ways


def summary(connector: Connector, clients: Sequence[Client]) -> dict[str, Any] | None:
    """`{"connector", "icon", "isOauth", "properties": [{"name", "displayName", "description"}]}`.

    Of the recommended way to authenticate; None where the connector needs no credential.
    """
    entry = next(iter(requirements(connector, clients)), None)
    if entry is None:
        return None
    schema = entry["inputSchema"]["properties"]
    return {
        "connector": connector.connector_id,
        "icon": connector.icon or "",
        "isOauth": entry["authenticationType"] == "oauth2",
        "properties": [
            {
                "name": name,
                "displayName": about.get("title") or _SECRETS_ABOUT.get(name, name),
                "description": about.get("description", ""),
            }
            for name, about in schema.items()
            if name not in _NOT_DATA
        ],
    }


def check_data(connector: Connector, kind: str, data: Mapping[str, str], *, where: str) -> dict[str, str]:
    """The data of a new credential with the defaults of its fields, checked.

    `where` is what the caller calls the object (`data` over REST, `fields` in the tool). Raises InvalidRequest, which
    names the field and the rule and never the value.
    """
    ways = _stored(connector)
    if kind == KIND and offers_sign_in(connector):
        raise InvalidRequest.of(
            "authenticationType", "sign-in", "oauth2 is no secret to store: the user signs in by an oauthUrl"
        )
    if kind not in ways:
        known = ", ".join(available(connector)) or "none: it needs no credential"
        raise InvalidRequest.of(
            "authenticationType",
            "enum",
            f"authenticationType {kind} is not offered by {connector.name}; offered: {known}",
        )
    secrets, fields = _SECRETS[kind], {field.name: field for field in connector.fields}
    optional = _OPTIONAL.get(kind, {})
    for name in data:
        if name not in secrets and name not in fields and name not in optional:
            expected = ", ".join([*secrets, *optional, *fields])
            raise InvalidRequest.of(f"{where}.{name[:100]}", "unknown", f"{where} takes {expected}")
    checked = {name: _secret(data.get(name), f"{where}.{name}") for name in secrets}
    if ":" in checked.get("username", ""):
        # What follows it would be taken for the password.
        message = f"{where}.username must not have a colon (RFC 7617, section 2)"
        raise InvalidRequest.of(f"{where}.username", "characters", message)
    checked |= {name: _secret(data[name], f"{where}.{name}") for name in optional if name in data}
    for name, field in fields.items():
        value = data.get(name, field.default)
        if value is None or not re.fullmatch(field.pattern, value):
            raise missing_or_wrong(field, where, value)
        checked[name] = value
    return checked


def refuse_beside(given: Mapping[str, Any]) -> None:
    """Raise InvalidRequest where a sign-in's own members come with a secret to store: they would be ignored."""
    for name in (*_BESIDE, "credentialId"):
        if name in given:
            raise InvalidRequest.of(name, "oauth2", f"{name} goes with authenticationType oauth2 only")


def _secret(value: str | None, name: str) -> str:
    if not value or len(value) > _MOST:
        raise InvalidRequest.of(
            name, "required" if not value else "maxLength", f"{name} must have 1 to {_MOST} characters"
        )
    if any(character < " " or character == "\x7f" for character in value):
        raise InvalidRequest.of(name, "characters", f"{name} must not have control characters")
    return value


def _entry(connector: Connector, kind: str, way: Authentication) -> dict[str, Any]:
    secrets = _SECRETS[kind]
    properties: dict[str, Any] = {"authenticationType": {"const": kind}}
    for name, about in secrets.items():
        properties[name] = {"type": "string", "description": way.description or about, "writeOnly": True}
    for name, about in _OPTIONAL.get(kind, {}).items():
        properties[name] = {"type": "string", "description": about}
    for field in connector.fields:
        properties[field.name] = {"type": "string", "title": field.title, "pattern": field.pattern}
        if field.description:
            properties[field.name]["description"] = field.description
        if field.secret:
            properties[field.name]["writeOnly"] = True
    required = [*secrets, *(field.name for field in connector.fields if field.default is None)]
    sample = {name: _SAMPLES[name] for name in secrets}
    sample |= {field.name: _sample(field) for field in connector.fields}
    return {
        "authenticationType": kind,
        "title": way.title,
        "authConfigRequired": False,
        "inputSchema": {"type": "object", "properties": properties, "required": ["authenticationType", *required]},
        "sampleInput": {"authenticationType": kind, **sample},
    }


def _sample(field: Field) -> str:
    """Something that the field takes, if anything here is."""
    tried = (field.example, field.default or "", field.name, "acme", "1", "00000000-0000-4000-8000-000000000000")
    return next((text for text in tried if re.fullmatch(field.pattern, text)), field.name)


def _as_body(entry: dict[str, Any]) -> dict[str, Any]:
    kind, schema, sample = entry["authenticationType"], entry["inputSchema"], entry["sampleInput"]
    beside = {name: about for name, about in schema["properties"].items() if name in _BESIDE}
    data = {
        "type": "object",
        "properties": {name: about for name, about in schema["properties"].items() if name not in _NOT_DATA},
        "required": [name for name in schema["required"] if name not in _NOT_DATA],
        "additionalProperties": False,
    }
    filled = {name: value for name, value in sample.items() if name not in _NOT_DATA}
    needs_data = bool(data["required"])
    return {
        **entry,
        "inputSchema": {
            "type": "object",
            "properties": {
                "userId": {"type": "string", "minLength": 1, "description": "A user's id, or `me` for the caller"},
                "authenticationType": {"const": kind},
                **beside,
                "name": {"type": "string", "minLength": 1, "maxLength": 100},
                "data": data,
            },
            "required": [
                "userId",
                "authenticationType",
                *(name for name in schema["required"] if name in _BESIDE),
                *(["data"] if needs_data else []),
            ],
        },
        "sampleInput": {
            "userId": "me",
            "authenticationType": kind,
            **{name: value for name, value in sample.items() if name in _BESIDE},
            **({"data": filled} if filled or kind != KIND else {}),
        },
    }
