"""The pictures that a client may show beside a tool, a prompt or a resource (MCP 2025-11-25, Icons)."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.catalog.model import Connector


def icons_of(connector: Connector, own: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """`{"icons": [...]}`: the thing's own, else its connector's; `{}` where there are none."""
    if own:
        return {"icons": [dict(icon) for icon in own]}
    return {"icons": [{"src": connector.icon}]} if connector.icon else {}
