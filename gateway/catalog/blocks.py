"""The content blocks of MCP (2026-07-28, ContentBlock) as JSON Schemas: for documents, and for platforms' answers."""

from collections.abc import Mapping
from typing import Any

_TEXT = {"type": "string"}
_URI = {"type": "string", "maxLength": 2_048, "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+$"}
# In a document, a placeholder may stand where the value of an argument will.
_DRAFT_URI = {**_URI, "pattern": r"^(?:[A-Za-z][A-Za-z0-9+.-]*:|\{\{)[^\x00-\x1f\x7f]+$"}
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


def _contents(uri: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"uri": uri, "mimeType": _MEDIA_TYPE, "text": _TEXT, "blob": _TEXT},
        "required": ["uri"],
        "oneOf": [{"required": ["text"]}, {"required": ["blob"]}],
    }


def _kinds(uri: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Block type -> the JSON Schema of such a block."""
    media = ({"data": _TEXT, "mimeType": _MEDIA_TYPE}, ["data", "mimeType"])
    link = {
        "uri": uri,
        "name": {"type": "string", "minLength": 1},
        "title": _TEXT,
        "description": _TEXT,
        "mimeType": _MEDIA_TYPE,
        "size": {"type": "integer", "minimum": 0},
        "icons": ICONS,
    }
    kinds: dict[str, tuple[dict[str, Any], list[str]]] = {
        "text": ({"text": _TEXT}, ["text"]),
        "image": media,
        "audio": media,
        "resource": ({"resource": _contents(uri)}, ["resource"]),
        "resource_link": (link, ["uri", "name"]),
    }
    return {
        name: {
            "type": "object",
            "properties": {"type": {"const": name}, **properties, "annotations": ANNOTATIONS},
            "required": ["type", *required],
        }
        for name, (properties, required) in kinds.items()
    }


def _block(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"enum": list(kinds)}},
        "required": ["type"],
        "allOf": [{"if": {"properties": {"type": {"const": name}}}, "then": kinds[name]} for name in kinds],
    }


CONTENTS: Mapping[str, Any] = _contents(_URI)
# Members that a schema does not name are let be, and left out when a block is passed on.
KINDS: Mapping[str, Mapping[str, Any]] = _kinds(_URI)
BLOCK: Mapping[str, Any] = _block(KINDS)
DRAFT_BLOCK: Mapping[str, Any] = _block(_kinds(_DRAFT_URI))
