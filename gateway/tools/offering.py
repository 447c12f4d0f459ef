"""The tools of a server as plain objects: listed and called. Every door says the same of them in its own form."""

from typing import Any

from gateway.errors import InvalidRequest, NotFound
from gateway.tools import direct
from gateway.tools.pages import DEFAULT_LIMIT, page
from gateway.tools.registry import TOOLS
from gateway.tools.results import ToolResult
from gateway.tools.visit import Visit


class UnknownTool(NotFound):
    """There is no tool of this name. A class of its own, because to MCP it is no tool's failure."""

    def __init__(self, name: str) -> None:
        super().__init__("Unknown tool", details={"name": name[:128]})


async def list_tools(visit: Visit, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """`{"tools": [MCP Tool], "nextCursor"?}`. Raises InvalidRequest for a cursor that was not given out."""
    offered = await direct.offer(visit) if visit.server.mode == "direct" else None
    names = list(TOOLS) if offered is None else [*offered.beside, *offered.actions]
    shown, following = page(names, {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor})
    return {
        "tools": [TOOLS[name].definition if offered is None else direct.shown(offered, name) for name in shown],
        **({"nextCursor": following} if following else {}),
    }


async def call_tool(visit: Visit, name: str, arguments: Any) -> ToolResult:
    """The tool's answer. Raises UnknownTool, and any ToolgateError that the tool raises."""
    if visit.server.mode == "direct":
        if not isinstance(arguments, dict):
            raise InvalidRequest.of("arguments", "type", "arguments must be of type object")
        answer = await direct.call(visit, name, arguments)
        if answer is None:
            raise UnknownTool(name)
        return answer
    tool = TOOLS.get(name)
    if tool is None:
        raise UnknownTool(name)
    return await tool.call(visit, arguments)
