"""What each MCP method answers. Results are encoded JSON; what is the same for everybody is encoded once."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

import orjson

from gateway.content.completion import complete
from gateway.content.prompts import PROMPTS, get_prompt, list_prompts
from gateway.content.published import publishes
from gateway.content.resources import TEMPLATES, list_resources, list_templates, read_resource
from gateway.errors import InvalidRequest
from gateway.http.errors import to_toolgate_error
from gateway.protocol.envelope import MISSING_CAPABILITY, ProtocolError
from gateway.protocol.exchanges import LEVELS
from gateway.protocol.lists import Lists
from gateway.protocol.revisions import LEGACY, MODERN, is_legacy, negotiate
from gateway.protocol.shaping import of_revision, prompt_result, tool_result
from gateway.tools import direct
from gateway.tools.asking import InputRequired, MissingCapability, answered, question
from gateway.tools.offering import UnknownTool, call_tool, list_tools
from gateway.tools.registry import TOOLS
from gateway.tools.results import ToolResult
from gateway.tools.visit import Visit

_IMPLEMENTATION = {"name": "toolgate", "version": version("toolgate")}
# Lists depend on the caller, so nobody between may share them; they may be kept this long.
_CACHE = {"ttlMs": 60_000, "cacheScope": "private"}
# Restrictions count from the next call on, so that nobody may keep what depends on them.
_FRESH = {"ttlMs": 0, "cacheScope": "private"}
STAMP = {"_meta": {"io.modelcontextprotocol/serverInfo": _IMPLEMENTATION}}

Method = Callable[[Visit, dict[str, Any], str], Awaitable[bytes]]
_LISTS = Lists()
_List = Callable[[Visit, str | None], Awaitable[dict[str, Any]]]


def _encode(revision: str, body: Mapping[str, Any], cache: Mapping[str, Any] | None = None) -> bytes:
    """A result as its revision wants it: modern ones say that they are complete, who made them, how long they keep."""
    if is_legacy(revision):
        return orjson.dumps(body)
    return orjson.dumps({"resultType": "complete", **body, **(cache or {}), **STAMP})


async def _initialize(visit: Visit, params: dict[str, Any], _: str) -> bytes:
    revision = negotiate(params.get("protocolVersion"))
    information = dict(_IMPLEMENTATION)
    if revision >= "2025-06-18":
        information["title"] = visit.server.name
    return orjson.dumps(
        {
            "protocolVersion": revision,
            "capabilities": _capabilities(revision),
            "serverInfo": information,
            **await _instructions(visit),
        }
    )


async def _discover(visit: Visit, _: dict[str, Any], revision: str) -> bytes:
    body = {
        "supportedVersions": [*MODERN, *reversed(LEGACY)],
        "capabilities": _capabilities(revision),
        **await _instructions(visit),
    }
    return _encode(revision, body, _CACHE)


async def _ping(_visit: Visit, _: dict[str, Any], revision: str) -> bytes:
    return _encode(revision, {})


async def _set_level(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    """Taken and not kept: there is no session. What is logged on a request's own stream is at `info` or above."""
    if _text(params, "level") not in LEVELS:
        raise InvalidRequest.of("level", "enum", f"level must be one of {', '.join(LEVELS)}")
    return _encode(revision, {})


async def _subscribe(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    """Taken and not kept, as the level is: `resources.subscribe` is not declared, and a change could not be told."""
    _text(params, "uri")
    return _encode(revision, {})


async def _call_tool(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    """A tool that refuses or fails answers with `isError` and the documented error body: the model can read it."""
    name, arguments = _text(params, "name"), _arguments(params)

    async def call(here: Visit) -> dict[str, Any]:
        try:
            result = await call_tool(here, name, arguments)
        except UnknownTool:
            raise
        except InputRequired as needed:
            if here.exchange.may_ask:
                raise
            result = ToolResult(body=needed.body(), is_error=True)
        except Exception as error:  # noqa: BLE001 (a tool call always has an answer; to_toolgate_error logs what it hides)
            result = ToolResult(body=to_toolgate_error(error).body(), is_error=True)
        return tool_result(result, revision)

    return await _in_rounds(visit, "tools/call", name, arguments, revision, call)


async def _read_resource(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    uri = _text(params, "uri")

    async def read(here: Visit) -> dict[str, Any]:
        return await read_resource(here, uri)

    return await _in_rounds(visit, "resources/read", uri, {}, revision, read, _FRESH)


async def _get_prompt(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    name, arguments = _text(params, "name"), _arguments(params)

    async def get(here: Visit) -> dict[str, Any]:
        return prompt_result(await get_prompt(here, name, arguments), revision)

    return await _in_rounds(visit, "prompts/get", name, arguments, revision, get)


async def _in_rounds(
    visit: Visit,
    method: str,
    name: str,
    arguments: Any,
    revision: str,
    answer: Callable[[Visit], Awaitable[dict[str, Any]]],
    cache: Mapping[str, Any] | None = None,
) -> bytes:
    """The result, or what has to be asked of the user first: the client then sends the same request with the answers.

    Raises ProtocolError(MISSING_CAPABILITY) where the client cannot ask that.
    """
    here = answered(visit, method, name, arguments)
    try:
        return _encode(revision, await answer(here), cache)
    except InputRequired as needed:
        if not visit.exchange.may_ask:
            raise
        try:
            asked = question(visit, needed, method, name, arguments)
        except MissingCapability as missing:
            raise ProtocolError(
                MISSING_CAPABILITY, str(missing), data={"requiredCapabilities": missing.required}
            ) from None
        return _encode(revision, {"resultType": "input_required", **asked})


async def _complete(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    return _encode(revision, await complete(visit, params))


async def _list_tools(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    if visit.server.mode != "direct" and params.get("cursor") is None:
        return _TOOLS[revision]
    return await _listed(list_tools, visit, params, revision)


async def _list_resources(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    return await _listed(list_resources, visit, params, revision)


async def _list_templates(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    if params.get("cursor") is None and not await publishes(visit):
        return _TEMPLATES[revision]
    return await _listed(list_templates, visit, params, revision)


async def _list_prompts(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    if params.get("cursor") is None and not await publishes(visit):
        return _PROMPTS[revision]
    return await _listed(list_prompts, visit, params, revision)


async def _listed(listing: _List, visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    cursor = None if params.get("cursor") is None else _text(params, "cursor")
    catalogue = await visit.gate.catalog.all(visit.caller.account_id)
    server = visit.server
    key = (listing.__name__, server.server_id, server.version, visit.caller.user_id, revision, cursor)
    kept = _LISTS.get(key, catalogue)
    if kept is not None:
        return kept
    body = await listing(visit, cursor)
    shown = {
        name: [of_revision(entry, revision) for entry in value] if isinstance(value, list) else value
        for name, value in body.items()
    }
    encoded = _encode(revision, shown, _FRESH)
    _LISTS.put(key, catalogue, encoded)
    return encoded


_BOTH: dict[str, Method] = {
    "tools/list": _list_tools,
    "tools/call": _call_tool,
    "resources/list": _list_resources,
    "resources/templates/list": _list_templates,
    "resources/read": _read_resource,
    "prompts/list": _list_prompts,
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
}
LEGACY_METHODS: Mapping[str, Method] = {
    **_BOTH,
    "initialize": _initialize,
    "ping": _ping,
    "logging/setLevel": _set_level,
    "resources/subscribe": _subscribe,
    "resources/unsubscribe": _subscribe,
}
MODERN_METHODS: Mapping[str, Method] = {**_BOTH, "server/discover": _discover}


def _capabilities(revision: str) -> dict[str, Any]:
    # Only where `subscriptions/listen` can tell of a change is it said that somebody will.
    lists: dict[str, Any] = {} if is_legacy(revision) else {"listChanged": True}
    offered: dict[str, Any] = {"tools": lists, "resources": lists, "prompts": lists, "logging": {}}
    return offered if revision < "2025-03-26" else {**offered, "completions": {}}


async def _instructions(visit: Visit) -> dict[str, str]:
    """What the server's owner says, and where there are more tools than one can look through, how to find one."""
    said = [visit.server.custom_instructions]
    if visit.server.mode == "direct":
        said.append((await direct.offer(visit)).notice)
    whole = "\n\n".join(part for part in said if part)
    return {"instructions": whole} if whole else {}


def _arguments(params: Mapping[str, Any]) -> Any:
    given = params.get("arguments")
    return {} if given is None else given


def _text(params: Mapping[str, Any], name: str) -> str:
    """A parameter that must be there and be text. Raises InvalidRequest."""
    value = params.get(name)
    if not isinstance(value, str):
        rule = "required" if value is None else "type"
        raise InvalidRequest.of(name, rule, f"{name} {'is required' if value is None else 'must be of type string'}")
    return value


def _encoded_once(name: str, definitions: list[Mapping[str, Any]]) -> dict[str, bytes]:
    """Revision -> a list that is the same for everybody."""
    return {
        revision: _encode(revision, {name: [of_revision(entry, revision) for entry in definitions]}, _CACHE)
        for revision in (*LEGACY, *MODERN)
    }


_TOOLS = _encoded_once("tools", [tool.definition for tool in TOOLS.values()])
_TEMPLATES = _encoded_once("resourceTemplates", list(TEMPLATES.values()))
_PROMPTS = _encoded_once("prompts", [PROMPTS[name].definition for name in sorted(PROMPTS)])
