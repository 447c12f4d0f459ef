"""The prompts and resources that connectors publish, judged as their actions are: what is denied is not there."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from gateway.catalog.model import Connector
from gateway.catalog.published import Prompt, Resource
from gateway.catalog.publishing import PLACEHOLDER
from gateway.content.standing import permitted_connectors
from gateway.errors import ConnectorNotFound, InvalidRequest
from gateway.tools.execution import run
from gateway.tools.icons import icons_of
from gateway.tools.naming import fitting
from gateway.tools.visit import Visit
from gateway.validation import check, compile_schema

_LONGEST_ARGUMENT = 10_000
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]+")


async def publishes(visit: Visit) -> bool:
    """Whether there is anything here that connectors publish."""
    return any(connector.prompts or connector.resources for connector in await permitted_connectors(visit))


async def prompts_of(visit: Visit, taken: Mapping[str, Any]) -> dict[str, tuple[Connector, Prompt]]:
    """The prompts of the connectors that this caller may use, by the names that they go by here.

    That is the prompt's own where the policy leaves one connector and nothing else is called so (`taken`), else
    `connector__name`.
    """
    permitted = await permitted_connectors(visit)
    found: dict[str, tuple[Connector, Prompt]] = {}
    for connector in permitted:
        for prompt in connector.prompts:
            if _permits(visit, connector, prompt.action):
                bare = len(permitted) == 1 and prompt.name not in taken
                name = prompt.name if bare else f"{connector.connector_id}__{prompt.name}"
                found[fitting(name, found, connector.connector_id, prompt.name)] = (connector, prompt)
    return found


async def find_prompt(visit: Visit, name: str, taken: Mapping[str, Any]) -> tuple[Connector, Prompt] | None:
    """The prompt of this name; None if there is none. Raises Forbidden for a connector that is denied."""
    found = (await prompts_of(visit, taken)).get(name)
    if found is None and "__" in name:
        try:
            await visit.connector(name.partition("__")[0])
        except ConnectorNotFound:
            return None
    return found


def prompt_definition(connector: Connector, prompt: Prompt, name: str) -> dict[str, Any]:
    """The MCP Prompt."""
    return {
        "name": name,
        "title": prompt.title or f"{connector.name}: {prompt.name}",
        "description": prompt.description,
        "arguments": [
            {
                "name": one.name,
                **({"title": one.title} if one.title else {}),
                "description": one.description,
                "required": one.required,
            }
            for one in prompt.arguments
        ],
        **icons_of(connector, prompt.icons),
    }


async def make_prompt(visit: Visit, connector: Connector, prompt: Prompt, arguments: Any) -> dict[str, Any]:
    """`{"description", "messages"}`. Raises InvalidRequest, which names the argument; what `run` raises."""
    properties = {one.name: {"type": "string", "maxLength": _LONGEST_ARGUMENT} for one in prompt.arguments}
    required = [one.name for one in prompt.arguments if one.required]
    schema = {"type": "object", "additionalProperties": False, "required": required, "properties": properties}
    check(
        compile_schema({"type": "object", "properties": {"arguments": schema}}), {"arguments": arguments}, "arguments"
    )
    if prompt.action is None:
        messages = [_filled(message, arguments, "messages") for message in prompt.messages]
        return {"description": prompt.description, "messages": messages}
    asked = {"connectorId": connector.connector_id, "actionId": prompt.action, "parameters": arguments}
    outcome = await run(visit, asked, "prompt")
    assert isinstance(outcome.native, dict)
    return {"description": prompt.description, **outcome.native}


async def resources_of(visit: Visit, *, templates: bool) -> Iterator[tuple[Connector, Resource]]:
    """The resources, or the templates, of the connectors that this caller may use."""
    permitted = await permitted_connectors(visit)
    return (
        (connector, resource)
        for connector in permitted
        for resource in connector.resources
        if resource.is_template == templates and _permits(visit, connector, resource.action)
    )


def resource_definition(connector: Connector, resource: Resource) -> dict[str, Any]:
    """The MCP Resource or ResourceTemplate."""
    return {
        ("uriTemplate" if resource.is_template else "uri"): resource.uri,
        "name": resource.name,
        "title": resource.title or resource.name,
        "description": resource.description,
        "mimeType": _media_type(resource),
        **({"annotations": dict(resource.annotations)} if resource.annotations else {}),
        **icons_of(connector, resource.icons),
    }


async def read_published(visit: Visit, uri: str) -> list[dict[str, Any]] | None:
    """The contents of a resource; None where no connector that the caller may use publishes one at this address.

    Raises what `run` raises.
    """
    for connector, resource in await resources_of(visit, templates=False):
        if resource.uri == uri:
            return await _contents(visit, connector, resource, uri, {})
    for connector, resource in await resources_of(visit, templates=True):
        match = resource.pattern().fullmatch(uri)
        if match is not None:
            values = {
                name: unquote_to_bytes(value).decode(errors="replace")
                for name, value in zip(resource.variables, match.groups(), strict=True)
            }
            return await _contents(visit, connector, resource, uri, values)
    return None


async def _contents(
    visit: Visit, connector: Connector, resource: Resource, uri: str, values: Mapping[str, str]
) -> list[dict[str, Any]]:
    about = {"uri": uri, "mimeType": _media_type(resource)}
    if resource.text is not None:
        return [{**about, "text": _filled(resource.text, values, "text")}]
    if resource.blob is not None:
        return [{**about, "blob": resource.blob}]
    asked = {"connectorId": connector.connector_id, "actionId": resource.action, "parameters": dict(values)}
    outcome = await run(visit, asked, "resource")
    if isinstance(outcome.native, dict):
        contents: list[dict[str, Any]] = outcome.native["contents"]
        return contents
    said = outcome.response_data
    if outcome.is_file and "base64" in said:
        return [{"uri": uri, "mimeType": said["contentType"], "blob": said["base64"]}]
    if isinstance(said, str):
        return [{**about, "text": said}]
    return [{"uri": uri, "mimeType": "application/json", "text": orjson.dumps(said).decode()}]


def _permits(visit: Visit, connector: Connector, action_id: str | None) -> bool:
    return action_id is None or visit.permits(connector, connector.actions[action_id])


def _media_type(resource: Resource) -> str:
    if resource.mime_type:
        return resource.mime_type
    if resource.action is not None:
        return "application/json"
    return "text/plain" if resource.text is not None else "application/octet-stream"


def _filled(node: Any, values: Mapping[str, str], name: str) -> Any:
    """The node with `{{argument}}` replaced in its texts, once: a value that holds braces stays as it is."""
    if isinstance(node, Mapping):
        return {key: child if key in ("data", "blob") else _filled(child, values, key) for key, child in node.items()}
    if isinstance(node, list):
        return [_filled(child, values, name) for child in node]
    if not isinstance(node, str):
        return node
    filled = PLACEHOLDER.sub(lambda match: values.get(match[1], ""), node)
    if name == "uri" and filled != node and not _URI.fullmatch(filled):
        field = f"arguments.{PLACEHOLDER.findall(node)[0]}"
        raise InvalidRequest.of(field, "uri", f"{field} must make a URI")
    return filled
