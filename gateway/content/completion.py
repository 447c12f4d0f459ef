"""Values that a client may propose while a person types an argument: ids of what they may use, and no others."""

from collections.abc import Iterable
from typing import Any

from gateway.catalog.model import Connector
from gateway.content import uris
from gateway.content.prompts import PROMPTS
from gateway.content.published import prompts_of, resources_of
from gateway.content.standing import permitted_connectors
from gateway.errors import InvalidRequest
from gateway.tools.visit import Visit

# MCP 2025-03-26 and later, Completion, CompleteResult.
_MOST = 100
_Kind = str | None

_VARIABLES: dict[str, dict[str, _Kind]] = {
    uris.CONNECTOR_TEMPLATE: {"connectorId": "connector"},
    uris.ACTION_TEMPLATE: {"connectorId": "connector", "actionId": "action"},
}
# The argument that names the connector whose actions are meant.
_HOLDERS = {"ref/prompt": "connector", "ref/resource": "connectorId"}


async def complete(visit: Visit, params: dict[str, Any]) -> dict[str, Any]:
    """`{"completion": {"values": [100 at most], "total", "hasMore"}}`, the best first.

    Raises InvalidRequest for a reference or an argument that there is not.
    """
    reference, name, value = _asked(params)
    published = await _published(visit, reference, name)
    if published is not None:
        found = _matching(value, ((one, one) for one in published))
        return {"completion": {"values": found[:_MOST], "total": len(found), "hasMore": len(found) > _MOST}}
    kind = _kind(reference, name)
    found = []
    if kind == "connector":
        found = _matching(value, ((one.connector_id, one.name) for one in await permitted_connectors(visit)))
    elif kind == "action":
        holder = _given(params).get(_HOLDERS[reference["type"]])
        found = await _actions(visit, value, holder)
    return {"completion": {"values": found[:_MOST], "total": len(found), "hasMore": len(found) > _MOST}}


async def _published(visit: Visit, reference: dict[str, Any], name: str) -> tuple[str, ...] | None:
    """The values that a connector proposes for an argument of its prompt, or a variable of its template."""
    values: dict[str, tuple[str, ...]] | None = None
    if reference.get("type") == "ref/prompt":
        prompt = (await prompts_of(visit, PROMPTS)).get(str(reference.get("name")))
        values = None if prompt is None else {one.name: one.complete for one in prompt[1].arguments}
    elif reference.get("type") == "ref/resource":
        for _, resource in await resources_of(visit, templates=True):
            if resource.uri == reference.get("uri"):
                values = dict.fromkeys(resource.variables, ())
    if values is not None and name not in values:
        raise _unknown_argument(values)
    return None if values is None else values[name]


def _unknown_argument(known: Iterable[str]) -> InvalidRequest:
    there = ", ".join(known) or "none"
    return InvalidRequest.of("argument.name", "known", f"argument.name must be one of: {there}")


async def _actions(visit: Visit, value: str, holder: Any) -> list[str]:
    connectors: list[Connector] = await permitted_connectors(visit)
    pairs = (
        (action.action_id, action.title)
        for connector in connectors
        if holder is None or connector.connector_id == holder
        for action in connector.actions.values()
        if visit.permits(connector, action)
    )
    return _matching(value, pairs)


def _matching(value: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """The ids whose id or name holds the value, in whatever case; those that begin with it go first."""
    wanted = value.casefold()
    found = {identifier for identifier, name in pairs if wanted in identifier.casefold() or wanted in name.casefold()}
    return sorted(found, key=lambda identifier: (not identifier.casefold().startswith(wanted), identifier))


def _asked(params: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    reference, argument = params.get("ref"), params.get("argument")
    for field, part in (("ref", reference), ("argument", argument)):
        if not isinstance(part, dict):
            raise InvalidRequest.of(field, "type", f"{field} must be of type object")
    assert isinstance(reference, dict)
    assert isinstance(argument, dict)
    name, value = argument.get("name"), argument.get("value")
    for field, text in (("argument.name", name), ("argument.value", value)):
        if not isinstance(text, str):
            raise InvalidRequest.of(field, "type", f"{field} must be of type string")
    return reference, str(name), str(value)


def _kind(reference: dict[str, Any], name: str) -> _Kind:
    known: dict[str, _Kind] | None = None
    if reference.get("type") == "ref/prompt":
        prompt = PROMPTS.get(str(reference.get("name")))
        known = None if prompt is None else {one.name: one.completes for one in prompt.arguments}
    elif reference.get("type") == "ref/resource":
        known = _VARIABLES.get(str(reference.get("uri")))
    if known is None:
        raise InvalidRequest.of("ref", "known", "ref must name a prompt or a resource template of this server")
    if name not in known:
        raise _unknown_argument(known)
    return known[name]


def _given(params: dict[str, Any]) -> dict[str, Any]:
    """What the client says was filled in before (since revision 2025-06-18)."""
    context = params.get("context")
    arguments = context.get("arguments") if isinstance(context, dict) else None
    return arguments if isinstance(arguments, dict) else {}
