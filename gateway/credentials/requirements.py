"""What a credential of a connector must hold: said as JSON Schema, and checked."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.catalog.model import Authentication, Connector, Field
from gateway.errors import InvalidRequest

# The secret's own fields, by authentication type.
_SECRETS: dict[str, dict[str, str]] = {
    "apiKey": {"apiKey": "The API key"},
    "bearer": {"token": "The access token"},
    "basic": {"username": "The user name", "password": "The password or API token"},
}
_SECRETS_ABOUT = {name: about for secrets in _SECRETS.values() for name, about in secrets.items()}
_SAMPLES = {"apiKey": "your-api-key", "token": "your-token", "username": "you@example.com", "password": "your-password"}
_MOST = 16_384


def available(connector: Connector) -> dict[str, Authentication]:
    """The ways of a connector that can be used here, by type; the recommended one first.

    OAuth is left out: this release has no OAuth flow, and an access token is taken as `bearer` where that is listed.
    """
    ways: dict[str, Authentication] = {}
    for way in connector.authentication:
        if way.type in _SECRETS:
            ways.setdefault(way.type, way)
    return ways


def requirements(connector: Connector) -> list[dict[str, Any]]:
    """The documented credential metadata: one entry per authentication type, each with a JSON Schema and a sample."""
    return [_entry(connector, kind, way) for kind, way in available(connector).items()]


def body_requirements(connector: Connector) -> list[dict[str, Any]]:
    """As `requirements`, for the bodies of the Connectivity API: the user, the type, and the rest as `data`."""
    return [_as_body(entry) for entry in requirements(connector)]


def summary(connector: Connector) -> dict[str, Any] | None:
    """`{"connector", "icon", "isOauth", "properties": [{"name", "displayName", "description"}]}`.

    Of the recommended way to authenticate; None where the connector needs no credential.
    """
    entry = next(iter(requirements(connector)), None)
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
            if name != "authenticationType"
        ],
    }


def check_data(connector: Connector, kind: str, data: Mapping[str, str], *, where: str) -> dict[str, str]:
    """The data of a new credential with the defaults of its fields, checked.

    `where` is what the caller calls the object (`data` over REST, `fields` in the tool). Raises InvalidRequest, which
    names the field and the rule and never the value.
    """
    ways = available(connector)
    if kind not in ways:
        known = ", ".join(ways) or "none: it needs no credential"
        raise InvalidRequest.of(
            "authenticationType",
            "enum",
            f"authenticationType {kind} is not offered by {connector.name}; offered: {known}",
        )
    secrets, fields = _SECRETS[kind], {field.name: field for field in connector.fields}
    for name in data:
        if name not in secrets and name not in fields:
            expected = ", ".join([*secrets, *fields])
            raise InvalidRequest.of(f"{where}.{name[:100]}", "unknown", f"{where} takes {expected}")
    checked = {name: _secret(data.get(name), f"{where}.{name}") for name in secrets}
    for name, field in fields.items():
        value = data.get(name, field.default)
        if value is None or not re.fullmatch(field.pattern, value):
            raise InvalidRequest.of(f"{where}.{name}", "required" if value is None else "pattern", _about(field, where))
        checked[name] = value
    return checked


def _secret(value: str | None, name: str) -> str:
    if not value or len(value) > _MOST:
        raise InvalidRequest.of(
            name, "required" if not value else "maxLength", f"{name} must have 1 to {_MOST} characters"
        )
    if any(character < " " or character == "\x7f" for character in value):
        raise InvalidRequest.of(name, "characters", f"{name} must not have control characters")
    return value


def _about(field: Field, where: str) -> str:
    example = f", for example {field.example}" if field.example else ""
    return f"{where}.{field.name} is required: {field.description or field.title}{example}"


def _entry(connector: Connector, kind: str, way: Authentication) -> dict[str, Any]:
    secrets = _SECRETS[kind]
    properties: dict[str, Any] = {"authenticationType": {"const": kind}}
    for name, about in secrets.items():
        properties[name] = {"type": "string", "description": way.description or about, "writeOnly": True}
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
    properties = {name: about for name, about in schema["properties"].items() if name != "authenticationType"}
    data = {
        "type": "object",
        "properties": properties,
        "required": [name for name in schema["required"] if name != "authenticationType"],
        "additionalProperties": False,
    }
    return {
        **entry,
        "inputSchema": {
            "type": "object",
            "properties": {
                "userId": {"type": "string", "minLength": 1, "description": "A user's id, or `me` for the caller"},
                "authenticationType": {"const": kind},
                "name": {"type": "string", "minLength": 1, "maxLength": 100},
                "data": data,
            },
            "required": ["userId", "authenticationType", *(["data"] if data["required"] else [])],
        },
        "sampleInput": {
            "userId": "me",
            "authenticationType": kind,
            "data": {name: value for name, value in sample.items() if name != "authenticationType"},
        },
    }
