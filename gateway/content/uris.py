"""The addresses of resources: written with every id percent-encoded, read back strictly (RFC 3986, section 2.1)."""

import re
from urllib.parse import quote, unquote_to_bytes

SCHEME = "toolgate://"
CONNECTORS = f"{SCHEME}connectors"
INSTRUCTIONS = f"{SCHEME}server/instructions"
POLICY = f"{SCHEME}server/policy"
ACTIVITY = f"{SCHEME}activity"
CONNECTOR_TEMPLATE = f"{CONNECTORS}/{{connectorId}}"
ACTION_TEMPLATE = f"{CONNECTORS}/{{connectorId}}/actions/{{actionId}}"

# What may stand in a segment: no query, no fragment, no broken escape.
_SEGMENTS = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")


def connector_uri(connector_id: str) -> str:
    return f"{CONNECTORS}/{quote(connector_id, safe='')}"


def action_uri(connector_id: str, action_id: str) -> str:
    return f"{connector_uri(connector_id)}/actions/{quote(action_id, safe='')}"


def parts_of(uri: str) -> tuple[str, ...] | None:
    """The decoded segments after the scheme, for example `("connectors", "slack")`; None for what is no such URI."""
    rest = uri.removeprefix(SCHEME)
    if rest == uri or not _SEGMENTS.fullmatch(rest):
        return None
    try:
        parts = tuple(unquote_to_bytes(segment).decode() for segment in rest.split("/"))
    except UnicodeDecodeError:
        return None
    return parts if all(parts) else None
