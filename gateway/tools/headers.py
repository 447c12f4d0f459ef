"""Which arguments of a tool its callers repeat in headers (MCP 2026-07-28, Custom Headers)."""

from collections.abc import Mapping
from typing import Any

from gateway.catalog.actions.layout import layout
from gateway.catalog.actions.mirrored import KEY
from gateway.catalog.model import Action, Connector


def header_map(connector: Connector, action: Action) -> dict[str, str]:
    """Name of the argument in the tool's schema -> the header's name, without its prefix."""
    if not action.mirrored:
        return {}
    plan = layout(connector.document, action)
    shown = {slot: name for name, slot in plan.safe.items()}
    return {
        shown.get(slot, slot[1]): header
        for slot, header in action.mirrored.items()
        # What has lost its place at the top to another argument is in a group, where clients need not look.
        if plan.flat.get(slot[1]) == slot
    }


def with_headers(schema: dict[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """The input schema with `x-mcp-header` on the arguments that are repeated."""
    if not headers:
        return schema
    properties = {
        name: {**about, KEY: headers[name]} if name in headers and _is_plain(about) else about
        for name, about in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _is_plain(schema: Mapping[str, Any]) -> bool:
    # A schema that was too large to be shown may have lost its type; clients would then refuse the tool.
    return schema.get("type") in ("string", "integer", "boolean")
