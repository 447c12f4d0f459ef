"""The eight tools of spec/tools.yaml with their functions and compiled validators."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.contract import part
from gateway.tools import catalogue, credentials, discovery, execution
from gateway.tools.results import ToolResult
from gateway.tools.visit import Visit
from gateway.validation import Validator, check, compile_schema

Run = Callable[[Visit, dict[str, Any]], Awaitable[dict[str, Any] | ToolResult]]

_MODULES = (catalogue, execution, credentials, discovery)
_SUFFIX = "_alloy"


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its definition as the spec states it, and what runs it."""

    definition: Mapping[str, Any]
    validator: Validator
    function: Run

    async def call(self, visit: Visit, arguments: Any) -> ToolResult:
        """The tool's answer. Raises ToolgateError; InvalidRequest names the argument and the rule."""
        check(self.validator, arguments, "arguments")
        found = await self.function(visit, arguments)
        return found if isinstance(found, ToolResult) else ToolResult(body=found)


def _load() -> dict[str, Tool]:
    tools = {}
    for definition in part("tools.yaml"):
        name = definition["name"]
        function = next(
            found for module in _MODULES if (found := getattr(module, name.removesuffix(_SUFFIX), None)) is not None
        )
        tools[name] = Tool(definition, compile_schema(definition["inputSchema"]), function)
    return tools


TOOLS: Mapping[str, Tool] = _load()
