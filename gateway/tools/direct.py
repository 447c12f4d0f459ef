"""`mode: direct`: each allowed action is a tool of its own, with its exact schema. Same policy, same execution."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.catalog.actions.describing import input_schema
from gateway.catalog.model import Action, Connector
from gateway.errors import ActionNotFound, InvalidRequest
from gateway.tools.execution import run_tool
from gateway.tools.headers import header_map, with_headers
from gateway.tools.icons import icons_of
from gateway.tools.naming import fitting
from gateway.tools.outputs import output_schema
from gateway.tools.registry import TOOLS
from gateway.tools.results import ToolResult
from gateway.tools.visit import Visit

_MOST_REMEMBERED = 256
_DISCOVER = "discover_action_path_alloy"
_BESIDE = (_DISCOVER, "get_action_details_alloy")


@dataclass(frozen=True, slots=True)
class Offer:
    """What one caller is offered: tool name -> connector and action, in a stable order."""

    actions: Mapping[str, tuple[Connector, Action]]
    # Set where the policy leaves one connector, whose actions then go by their bare ids.
    only: str | None
    # Tools of ours that stand before the actions, where there are too many of those to look through.
    beside: tuple[str, ...]
    # What is then said of it; else empty.
    notice: str
    # Kept, so that the tuple lives as long as its identity is part of a key.
    catalogue: tuple[Connector, ...]


_offers: OrderedDict[tuple[Any, ...], Offer] = OrderedDict()


async def offer(visit: Visit) -> Offer:
    """The actions that this caller may use here. Remembered until the server or the catalogue changes."""
    connectors = await visit.gate.catalog.all(visit.caller.account_id)
    key = (visit.server.server_id, visit.server.version, visit.caller.user_id, id(connectors))
    found = _offers.get(key)
    if found is None or found.catalogue is not connectors:
        found = _offers[key] = _make(visit, connectors)
        if len(_offers) > _MOST_REMEMBERED:
            _offers.popitem(last=False)
    return found


def shown(offered: Offer, name: str) -> dict[str, Any]:
    """The MCP tool of this name, which is one that is offered."""
    if name not in offered.beside:
        return definition(*offered.actions[name], name)
    found = dict(TOOLS[name].definition)
    if name == _DISCOVER:
        found["description"] = f"{offered.notice} {found['description']}"
    return found


def definition(connector: Connector, action: Action, name: str) -> dict[str, Any]:
    """The MCP tool of an action. The hints follow from its method (RFC 9110, section 9.2)."""
    said = action.description or action.title
    return {
        "name": name,
        "title": f"{connector.name}: {action.title}",
        "description": said if said.startswith(action.title) else f"{action.title}. {said}",
        "inputSchema": with_headers(input_schema(connector, action), header_map(connector, action)),
        "annotations": {
            "readOnlyHint": action.read_only,
            "destructiveHint": action.overwrites,
            "idempotentHint": action.read_only or action.method in ("PUT", "DELETE"),
            "openWorldHint": True,
        },
        **output_schema(connector, action),
        **icons_of(connector),
    }


async def mirrored(visit: Visit, name: Any) -> Mapping[str, str]:
    """Argument -> header of the tool of this name (`tools.headers`); empty where nothing of that name is offered."""
    if visit.server.mode != "direct" or not isinstance(name, str):
        return {}
    found = (await offer(visit)).actions.get(name)
    return header_map(*found) if found is not None else {}


async def call(visit: Visit, name: str, arguments: dict[str, Any]) -> ToolResult | None:
    """Execute the action behind a tool name; None where no name of an action has this form.

    Raises ToolgateError; Forbidden ("Action not allowed") for an action that the restrictions deny.
    """
    offered = await offer(visit)
    if name in offered.beside:
        return await _discovered(visit, offered, name, arguments)
    if name in offered.actions:
        connector, action = offered.actions[name]
        target = (connector.connector_id, action.action_id)
    elif offered.only is not None:
        target = (offered.only, name)
    elif "__" in name:
        head, _, tail = name.partition("__")
        target = (head, tail)
    else:
        return None
    try:
        return await run_tool(visit, *target, arguments)
    except ActionNotFound:
        if name in offered.actions:
            raise
        return None
    except InvalidRequest as broken:
        raise _as_asked(broken) from None


def _as_asked(broken: InvalidRequest) -> InvalidRequest:
    """The tool's arguments are the action's parameters themselves: the field is `id`, not `parameters.id`."""
    field = str(broken.details.get("field", ""))
    if field.partition(".")[0] != "parameters":
        return broken
    asked = field.removeprefix("parameters").removeprefix(".") or "arguments"
    return type(broken)(broken.message.replace(field, asked, 1), details={**broken.details, "field": asked})


def _no_tools(connector: Connector) -> set[str]:
    """The actions that make a prompt or a resource in MCP's own form: as tools they would have no result."""
    named = {prompt.action for prompt in connector.prompts} | {resource.action for resource in connector.resources}
    return {action_id for action_id in named if action_id and connector.actions[action_id].speaks_mcp}


def _make(visit: Visit, connectors: tuple[Connector, ...]) -> Offer:
    permitted = [
        (connector, action)
        for connector in connectors
        if visit.permits(connector)
        for action in sorted(connector.actions.values(), key=lambda action: action.action_id)
        if action.action_id not in _no_tools(connector) and visit.permits(connector, action)
    ]
    holders = {connector.connector_id for connector, _ in permitted}
    only = holders.pop() if len(holders) == 1 else None
    actions: dict[str, tuple[Connector, Action]] = {}
    for connector, action in permitted:
        name = action.action_id if only else f"{connector.connector_id}__{action.action_id}"
        actions[fitting(name, actions, connector.connector_id, action.action_id)] = (connector, action)
    most = visit.gate.settings.direct_tools
    many = 0 < most < len(actions)
    notice = (
        f"This server offers {len(actions):,} tools. Find the right one with {_DISCOVER}: it names each action's tool."
        if many
        else ""
    )
    return Offer(actions, only, tuple(name for name in _BESIDE if many and name not in actions), notice, connectors)


async def _discovered(visit: Visit, offered: Offer, name: str, arguments: dict[str, Any]) -> ToolResult:
    """What one of our tools answers, and with each action that it found the name of its tool."""
    result = await TOOLS[name].call(visit, arguments)
    if name != _DISCOVER:
        return result
    names = {(connector.connector_id, action.action_id): tool for tool, (connector, action) in offered.actions.items()}
    actions = [
        {
            **action,
            **({"tool": names[found]} if (found := (action["connectorId"], action["actionId"])) in names else {}),
        }
        for action in result.body["actions"]
    ]
    return ToolResult(body={**result.body, "actions": actions})
