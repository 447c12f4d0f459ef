"""`x-connector`: what a document may say about itself (docs/connectors.md), checked and read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from gateway.catalog import publishing
from gateway.catalog.documents.pointers import join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.model import Authentication, Failure, Field
from gateway.catalog.schemas.complaints import complain

_TEXT = {"type": "string", "maxLength": 10_000}
_LINE = {"type": "string", "maxLength": 1_000, "pattern": r"^[^\x00-\x1f\x7f]*$"}
_TOKEN = {"type": "string", "pattern": r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$"}
_PLACE = {"enum": ["header", "query", "cookie"]}
_SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"},
        "name": {**_LINE, "minLength": 1},
        "category": {"type": "array", "items": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,40}$"}, "maxItems": 20},
        "documentation": _LINE,
        "icon": _LINE,
        "authentication": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["oauth2", "apiKey", "bearer", "basic"]},
                    "title": _LINE,
                    "description": _TEXT,
                    "in": _PLACE,
                    "name": _TOKEN,
                    "prefix": _LINE,
                    "scheme": _LINE,
                },
                "required": ["type"],
                "additionalProperties": False,
            },
        },
        "fields": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"},
            "additionalProperties": {
                "type": "object",
                "properties": {
                    "title": _LINE,
                    "description": _TEXT,
                    "pattern": {"type": "string", "maxLength": 500},
                    "example": _LINE,
                    "default": _LINE,
                    "in": _PLACE,
                    "secret": {"type": "boolean"},
                },
                "additionalProperties": False,
            },
        },
        "headers": {"type": "object", "maxProperties": 50, "propertyNames": _TOKEN, "additionalProperties": _LINE},
        "hidden": {"type": "array", "items": _LINE, "maxItems": 200},
        # The action that tries a credential out; gateway.actions.probing reads it.
        "test": _LINE,
        "failure": {
            "type": "object",
            "properties": {"field": _LINE, "equals": {}, "message": _LINE},
            "required": ["field", "equals", "message"],
            "additionalProperties": False,
        },
        **publishing.SCHEMA,
    },
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "$defs": {"uri": publishing.URI},
}
_TITLES = {"oauth2": "OAuth", "apiKey": "API key", "bearer": "Access token", "basic": "User name and password"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_validator = jsonschema_rs.Draft202012Validator(_SCHEMA, offline=True)
# The message is framed, and the connection kept, by the HTTP client alone.
_NOT_FIXED = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie", "te", "upgrade"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The parts of `x-connector`; what a document leaves out is empty or None."""

    connector_id: str | None = None
    name: str | None = None
    category: tuple[str, ...] = ()
    documentation: str | None = None
    icon: str | None = None
    # None: the document does not say, so its security schemes count.
    authentication: tuple[Authentication, ...] | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    failure: Failure | None = None
    # As it stands in the document, its form proved.
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read(document: Mapping[str, Any]) -> Extension:
    """The document's `x-connector`, or an empty one. Raises DocumentError that names the place."""
    place = "#/x-connector"
    if "x-connector" not in document:
        return Extension()
    raw = document["x-connector"]
    for error in _validator.iter_errors(raw):
        complaint = complain(error)
        raise DocumentError(join(place, *complaint.path), complaint.rule, f"{complaint.sentence}.")
    fields = {name: _field(name, about, join(place, "fields", name)) for name, about in raw.get("fields", {}).items()}
    for name, value in raw.get("headers", {}).items():
        _check_header(name, value, fields, join(place, "headers", name))
    failure = raw.get("failure")
    return Extension(
        connector_id=raw.get("id"),
        name=raw.get("name"),
        category=tuple(raw.get("category", ())),
        documentation=web_address(raw.get("documentation")),
        icon=web_address(raw.get("icon")),
        authentication=tuple(map(_way, raw["authentication"])) if "authentication" in raw else None,
        fields=fields,
        headers=dict(raw.get("headers", {})),
        hidden=frozenset(raw.get("hidden", ())),
        failure=Failure(**failure) if failure else None,
        raw=raw,
    )


def web_address(url: Any) -> str | None:
    """An address that a page may link to, else None: `javascript:` and its kind must not become links."""
    return url if isinstance(url, str) and re.match(r"https?://[^\s/]", url, re.IGNORECASE) else None


def documentation(node: Mapping[str, Any]) -> str | None:
    """Where `externalDocs` of a document or an operation leads."""
    external = node.get("externalDocs")
    return web_address(external.get("url")) if isinstance(external, Mapping) else None


def title_of(kind: str) -> str:
    """What a person calls a way to authenticate that gives itself no title."""
    return _TITLES[kind]


def _way(raw: Mapping[str, Any]) -> Authentication:
    kind = raw["type"]
    return Authentication(
        type=kind,
        title=raw.get("title") or title_of(kind),
        description=raw.get("description", ""),
        location=raw.get("in", "header"),
        name=raw.get("name", "Authorization"),
        prefix=raw.get("prefix", ""),
    )


def _field(name: str, raw: Mapping[str, Any], place: str) -> Field:
    location = raw.get("in", "url")
    given = Field(name=name, title=raw.get("title", name), location=location)
    pattern = raw.get("pattern", given.pattern if location == "url" else r"^[!-~](?:[ -~]{0,1022}[!-~])?$")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise DocumentError(join(place, "pattern"), "pattern", "it must be anchored: begin with ^ and end with $.")
    try:
        re.compile(pattern)
    except re.error:
        raise DocumentError(join(place, "pattern"), "pattern", "it is not a regular expression.") from None
    default, secret = raw.get("default"), raw.get("secret", False)
    if default is not None and secret:
        raise DocumentError(join(place, "default"), "secret", "what is secret has no default.")
    if default is not None and not re.fullmatch(pattern, default):
        raise DocumentError(join(place, "default"), "pattern", "the default does not match the field's own pattern.")
    return Field(
        name=name,
        title=raw.get("title", name),
        description=raw.get("description", ""),
        pattern=pattern,
        example=raw.get("example", ""),
        default=default,
        location=location,
        secret=secret,
    )


def _check_header(name: str, value: str, fields: Mapping[str, Field], place: str) -> None:
    if name.lower() in _NOT_FIXED:
        raise DocumentError(place, "header", "this header belongs to the HTTP client.")
    if unknown := [found for found in _PLACEHOLDER.findall(value) if found not in fields]:
        raise DocumentError(place, "fields", f"{{{unknown[0]}}} is not one of the fields.")
