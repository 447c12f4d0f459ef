"""What a client may read at a server: its catalogue, its instructions, its policy, the caller's own activity."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from gateway.catalog.actions.describing import input_schema
from gateway.catalog.model import Connector
from gateway.content import uris
from gateway.content.pages import page_of
from gateway.content.published import read_published, resource_definition, resources_of
from gateway.content.standing import activity_of, in_words, permitted_connectors, policy_of
from gateway.credentials.requirements import available
from gateway.errors import ActionNotFound, ConnectorNotFound, NotFound
from gateway.tools import catalogue
from gateway.tools.icons import icons_of
from gateway.tools.pages import DEFAULT_LIMIT
from gateway.tools.visit import Visit

JSON = "application/json"
MARKDOWN = "text/markdown"
# More than any connector has actions: a resource is read whole.
_ALL = 1_000_000_000

# Media type and text of each part.
_Parts = list[tuple[str, str]]


class ResourceNotFound(NotFound):
    """There is no resource at this address. A class of its own, because MCP has a code of its own for it."""

    def __init__(self, uri: str) -> None:
        super().__init__("Resource not found", details={"uri": uri[:2048]})


async def list_resources(visit: Visit, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """`{"resources": [MCP Resource], "nextCursor"?}`: the fixed ones, one per connector that the caller may use, and
    what these connectors publish.

    Raises InvalidRequest for a cursor that was not given out.
    """
    entries = dict(_FIXED)
    for connector in await permitted_connectors(visit):
        entries[f"1{connector.connector_id}"] = _of_connector(connector)
    entries |= await _published(visit, templates=False)
    return page_of("resources", entries, cursor, limit)


async def list_templates(visit: Visit, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """`{"resourceTemplates": [MCP ResourceTemplate], "nextCursor"?}`. Raises as `list_resources` does."""
    entries = TEMPLATES | await _published(visit, templates=True)
    return page_of("resourceTemplates", entries, cursor, limit)


async def _published(visit: Visit, *, templates: bool) -> dict[str, dict[str, Any]]:
    """What connectors publish, by keys that sort behind ours: of several at one address, the one that is read there."""
    found: dict[str, dict[str, Any]] = {}
    for connector, resource in await resources_of(visit, templates=templates):
        key = f"2{resource.uri}"
        if key not in found:
            found[key] = resource_definition(connector, resource)
    return dict(sorted(found.items()))


async def read_resource(visit: Visit, uri: str) -> dict[str, Any]:
    """`{"contents": [{"uri", "mimeType", "text" or "blob"}]}`, at least one.

    Raises ResourceNotFound, and Forbidden for a connector or action that is denied, whether it exists or not; and what
    an action raises that makes a resource which a connector publishes.
    """
    if not uri.startswith(uris.SCHEME):
        contents = await read_published(visit, uri)
        if contents is None:
            raise ResourceNotFound(uri)
        return {"contents": contents}
    parts = uris.parts_of(uri)
    try:
        found = None if parts is None else await _read(visit, parts)
    except (ConnectorNotFound, ActionNotFound):
        found = None
    if found is None:
        raise ResourceNotFound(uri)
    return {"contents": [{"uri": uri, "mimeType": kind, "text": text} for kind, text in found]}


async def _read(visit: Visit, parts: tuple[str, ...]) -> _Parts | None:
    reader = _READERS.get(parts)
    if reader is not None:
        return await reader(visit)
    if parts[0] == "connectors" and len(parts) == 2:
        return await _connector(visit, parts[1])
    if parts[0] == "connectors" and len(parts) == 4 and parts[2] == "actions":
        return await _action(visit, parts[1], parts[3])
    return None


async def _connectors(visit: Visit) -> _Parts:
    found = await catalogue.list_connectors(visit, {"limit": _ALL})
    listed = [{**connector, "uri": uris.connector_uri(connector["id"])} for connector in found["connectors"]]
    return [_json({"connectors": listed, "count": found["count"]})]


async def _connector(visit: Visit, connector_id: str) -> _Parts:
    connector = await visit.connector(connector_id)
    found = await catalogue.get_connector_resources(visit, {"connectorId": connector_id, "limit": _ALL})
    for resource in found["resources"]:
        for action in resource["actions"]:
            action["uri"] = uris.action_uri(connector_id, action["id"])
    about = {
        "description": connector.description,
        "category": list(connector.category),
        "authenticationTypes": available(connector),
        **({"documentation": connector.documentation} if connector.documentation else {}),
    }
    return [_json({"connectorId": connector_id, "name": connector.name, **about, **found})]


async def _action(visit: Visit, connector_id: str, action_id: str) -> _Parts:
    connector, action = await visit.action(connector_id, action_id)
    found = await catalogue.get_action_details(visit, {"connectorId": connector_id, "actionId": action_id})
    return [_json({**found, "inputSchema": input_schema(connector, action)})]


async def _instructions(visit: Visit) -> _Parts:
    return [(MARKDOWN, visit.server.custom_instructions)]


async def _policy(visit: Visit) -> _Parts:
    standing = await policy_of(visit)
    return [(MARKDOWN, in_words(standing)), _json(standing)]


async def _activity(visit: Visit) -> _Parts:
    return [_json(await activity_of(visit))]


def _json(value: Any) -> tuple[str, str]:
    return JSON, orjson.dumps(value).decode()


def _of_connector(connector: Connector) -> dict[str, Any]:
    return {
        "uri": uris.connector_uri(connector.connector_id),
        "name": connector.connector_id,
        "title": connector.name,
        "description": connector.description or "A platform, its resources and its actions",
        "mimeType": JSON,
        **icons_of(connector),
    }


_READERS: Mapping[tuple[str, ...], Callable[[Visit], Awaitable[_Parts]]] = {
    ("connectors",): _connectors,
    ("server", "instructions"): _instructions,
    ("server", "policy"): _policy,
    ("activity",): _activity,
}
_ABOUT: tuple[dict[str, Any], ...] = (
    {
        "uri": uris.CONNECTORS,
        "name": "connectors",
        "title": "Connectors",
        "description": "The platforms that you may use at this server, each with the address of its own resource",
        "mimeType": JSON,
        "annotations": {"audience": ["assistant", "user"], "priority": 0.8},
    },
    {
        "uri": uris.INSTRUCTIONS,
        "name": "instructions",
        "title": "Instructions",
        "description": "What the server's owner wants assistants to know",
        "mimeType": MARKDOWN,
        "annotations": {"audience": ["assistant"], "priority": 1.0},
    },
    {
        "uri": uris.POLICY,
        "name": "policy",
        "title": "What you may do here",
        "description": "What the server's restrictions mean for you, in plain words and as JSON",
        "mimeType": MARKDOWN,
        "annotations": {"audience": ["assistant", "user"], "priority": 0.7},
    },
    {
        "uri": uris.ACTIVITY,
        "name": "activity",
        "title": "Your activity",
        "description": "The 50 newest actions that you executed or tried at this server, and how they ended",
        "mimeType": JSON,
        "annotations": {"audience": ["user"], "priority": 0.4},
    },
)
# Keys that sort: the fixed ones before those of connectors, which begin with 1.
_FIXED = {f"0{number}": about for number, about in enumerate(_ABOUT)}
TEMPLATES: dict[str, dict[str, Any]] = {
    "0": {
        "uriTemplate": uris.CONNECTOR_TEMPLATE,
        "name": "connector",
        "title": "A connector",
        "description": "One platform with its resources and the actions of it that you may use",
        "mimeType": JSON,
    },
    "1": {
        "uriTemplate": uris.ACTION_TEMPLATE,
        "name": "action",
        "title": "An action",
        "description": "One action: its parameters, its body, a sample, and the schema of its arguments",
        "mimeType": JSON,
    },
}
