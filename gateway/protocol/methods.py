"""What each MCP method answers. Results are encoded JSON; what is the same for everybody is encoded once."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

import orjson

from gateway.errors import InvalidRequest
from gateway.http.errors import to_toolgate_error
from gateway.protocol.envelope import INVALID_PARAMS, RESOURCE_NOT_FOUND, ProtocolError
from gateway.protocol.revisions import LEGACY, MODERN, is_legacy, negotiate
from gateway.tools import direct
from gateway.tools.pages import page
from gateway.tools.registry import TOOLS
from gateway.tools.visit import Visit

_IMPLEMENTATION = {"name": "toolgate", "version": version("toolgate")}
_CAPABILITIES: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}
# Lists depend on the caller, so nobody between may share them; they may be kept this long.
_CACHE = {"ttlMs": 60_000, "cacheScope": "private"}
_STAMP = {"_meta": {"io.modelcontextprotocol/serverInfo": _IMPLEMENTATION}}

Method = Callable[[Visit, dict[str, Any], str], Awaitable[bytes]]


def _encode(revision: str, body: Mapping[str, Any], *, cached: bool = False) -> bytes:
    """A result as its revision wants it: modern ones say that they are complete, who made them, how long they keep."""
    if is_legacy(revision):
        return orjson.dumps(body)
    return orjson.dumps({"resultType": "complete", **body, **(_CACHE if cached else {}), **_STAMP})


async def initialize(visit: Visit, params: dict[str, Any], _: str) -> bytes:
    revision = negotiate(params.get("protocolVersion"))
    information = dict(_IMPLEMENTATION)
    if revision >= "2025-06-18":
        information["title"] = visit.server.name
    return orjson.dumps(
        {
            "protocolVersion": revision,
            "capabilities": _CAPABILITIES,
            "serverInfo": information,
            **_instructions(visit),
        }
    )


async def discover(visit: Visit, _: dict[str, Any], revision: str) -> bytes:
    body = {
        "supportedVersions": [*MODERN, *reversed(LEGACY)],
        "capabilities": _CAPABILITIES,
        **_instructions(visit),
    }
    return _encode(revision, body, cached=True)


async def ping(_visit: Visit, _: dict[str, Any], revision: str) -> bytes:
    return _encode(revision, {})


async def list_tools(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    if visit.server.mode == "direct":
        return await _list_actions(visit, params, revision)
    _refuse_cursor(params)
    return _TOOL_LISTS[revision]


async def _list_actions(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    offered = (await direct.offer(visit)).actions
    cursor = params.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: cursor must be a string")
    try:
        names, following = page(list(offered), {} if cursor is None else {"cursor": cursor})
    except InvalidRequest as error:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {error.message}") from None
    tools = [_of_revision(direct.definition(*offered[name], name), revision) for name in names]
    body = {"tools": tools, **({"nextCursor": following} if following else {})}
    # Restrictions count from the next call on, so that nobody may keep this list.
    return _encode(revision, {**body, **({} if is_legacy(revision) else {"ttlMs": 0, "cacheScope": "private"})})


async def call_tool(visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    """A tool that refuses or fails answers with `isError` and the documented error body: the model can read it."""
    name, arguments = params.get("name"), params.get("arguments")
    try:
        found = await _run_tool(visit, name, {} if arguments is None else arguments) if isinstance(name, str) else None
        body, failed = found, False
    except Exception as error:  # noqa: BLE001 (a tool call always has an answer; to_toolgate_error logs what it hides)
        body, failed = to_toolgate_error(error).body(), True
    if body is None:
        raise ProtocolError(INVALID_PARAMS, "Unknown tool", data={"name": str(name)[:128]})
    text = {"type": "text", "text": orjson.dumps(body).decode()}
    return _encode(revision, {"content": [text], "isError": True} if failed else {"content": [text]})


async def _run_tool(visit: Visit, name: str, arguments: Any) -> dict[str, Any] | None:
    """The tool's JSON object; None where there is no tool of this name. Raises ToolgateError."""
    if visit.server.mode == "direct":
        return await direct.call(visit, name, arguments)
    tool = TOOLS.get(name)
    return None if tool is None else await tool.call(visit, arguments)


async def list_resources(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    _refuse_cursor(params)
    return _encode(revision, {"resources": []}, cached=True)


async def list_resource_templates(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    _refuse_cursor(params)
    return _encode(revision, {"resourceTemplates": []}, cached=True)


async def read_resource(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    uri = params.get("uri")
    if not isinstance(uri, str):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: uri must be a string")
    code = RESOURCE_NOT_FOUND if is_legacy(revision) else INVALID_PARAMS
    raise ProtocolError(code, "Resource not found", data={"uri": uri[:2048]})


async def list_prompts(_visit: Visit, params: dict[str, Any], revision: str) -> bytes:
    _refuse_cursor(params)
    return _encode(revision, {"prompts": []}, cached=True)


async def get_prompt(_visit: Visit, params: dict[str, Any], _: str) -> bytes:
    raise ProtocolError(INVALID_PARAMS, "Unknown prompt", data={"name": str(params.get("name"))[:128]})


_BOTH: dict[str, Method] = {
    "tools/list": list_tools,
    "tools/call": call_tool,
    "resources/list": list_resources,
    "resources/templates/list": list_resource_templates,
    "resources/read": read_resource,
    "prompts/list": list_prompts,
    "prompts/get": get_prompt,
}
LEGACY_METHODS: Mapping[str, Method] = {**_BOTH, "initialize": initialize, "ping": ping}
MODERN_METHODS: Mapping[str, Method] = {**_BOTH, "server/discover": discover}


def _instructions(visit: Visit) -> dict[str, str]:
    said = visit.server.custom_instructions
    return {"instructions": said} if said else {}


def _refuse_cursor(params: Mapping[str, Any]) -> None:
    """These lists have one page, so that no cursor was ever given out."""
    if params.get("cursor") is not None:
        raise ProtocolError(INVALID_PARAMS, "Invalid params: cursor is not one that an earlier answer gave")


def _tool_list(revision: str) -> bytes:
    tools = [_of_revision(tool.definition, revision) for tool in TOOLS.values()]
    return _encode(revision, {"tools": tools}, cached=True)


def _of_revision(definition: Mapping[str, Any], revision: str) -> dict[str, Any]:
    """A tool without the fields that are newer than the caller's revision."""
    dropped = {"title"} if revision < "2025-06-18" else set()
    dropped |= {"annotations"} if revision < "2025-03-26" else set()
    return {name: value for name, value in definition.items() if name not in dropped}


_TOOL_LISTS = {revision: _tool_list(revision) for revision in (*LEGACY, *MODERN)}
