"""The content blocks of MCP (2026-07-28, ContentBlock) as JSON Schemas: for documents, and for platforms' answers."""

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "string"}
_URI = {"type": "string", "maxLength": 2_048, "pattern": r"^(?:[A-Za-z][A-Za-z0-9+.-]*:|\{\{)[^\x00-\x20\x7f]+$"}
_MEDIA_TYPE = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^\x00-\x1f\x7f]+$"}
ANNOTATIONS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "audience": {"type": "array", "items": {"enum": ["user", "assistant"]}, "maxItems": 2},
        "priority": {"type": "number", "minimum": 0, "maximum": 1},
        "lastModified": {"type": "string", "maxLength": 64},
    },
}
ICONS: Mapping[str, Any] = {
    "type": "array",
    "maxItems": 20,
    "items": {
        "type": "object",
        "properties": {
            # Nothing that a page could run.
            "src": {"type": "string", "maxLength": 100_000, "pattern": r"^(?:https?://|data:image/)[^\s]+$"},
            "mimeType": _MEDIA_TYPE,
            "sizes": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 20},
            "theme": {"enum": ["light", "dark"]},
        },
        "required": ["src"],
    },
}
CONTENTS: Mapping[str, Any] = {
    "type": "object",
    "properties": {"uri": _URI, "mimeType": _MEDIA_TYPE, "text": _TEXT, "blob": _TEXT},
    "required": ["uri"],
    "oneOf": [{"required": ["text"]}, {"required": ["blob"]}],
}
_KINDS: Mapping[str, tuple[Mapping[str, Any], list[str]]] = {
    "text": ({"text": _TEXT}, ["text"]),
    "image": ({"data": _TEXT, "mimeType": _MEDIA_TYPE}, ["data", "mimeType"]),
    "audio": ({"data": _TEXT, "mimeType": _MEDIA_TYPE}, ["data", "mimeType"]),
    "resource": ({"resource": CONTENTS}, ["resource"]),
    "resource_link": (
        {
            "uri": _URI,
            "name": {"type": "string", "minLength": 1},
            "title": _TEXT,
            "description": _TEXT,
            "mimeType": _MEDIA_TYPE,
            "size": {"type": "integer", "minimum": 0},
            "icons": ICONS,
        },
        ["uri", "name"],
    ),
}
# Block type -> the JSON Schema of such a block. Members that it does not name are let be, and left out when passed on.
KINDS: Mapping[str, Mapping[str, Any]] = {
    name: {
        "type": "object",
        "properties": {"type": {"const": name}, **properties, "annotations": ANNOTATIONS},
        "required": ["type", *required],
    }
    for name, (properties, required) in _KINDS.items()
}
BLOCK: Mapping[str, Any] = {
    "type": "object",
    "properties": {"type": {"enum": list(KINDS)}},
    "required": ["type"],
    "allOf": [{"if": {"properties": {"type": {"const": name}}}, "then": schema} for name, schema in KINDS.items()],
}
