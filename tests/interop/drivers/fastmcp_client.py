"""FastMCP's client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import httpx2
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from lines import Session, drive, watch


def watched(**options: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(event_hooks={"response": [watch]}, **options)


@asynccontextmanager
async def opened(step: dict[str, Any]) -> AsyncIterator[tuple[Session, dict[str, Any]]]:
    transport = StreamableHttpTransport(step["url"], headers=step.get("headers"), httpx_client_factory=watched)
    async with Client(transport, mode=step["mode"], timeout=20) as client:
        methods = {
            "tools/list": client.list_tools_mcp,
            "tools/call": client.call_tool_mcp,
            "resources/list": client.list_resources_mcp,
            "resources/templates/list": client.list_resource_templates_mcp,
            "resources/read": client.read_resource_mcp,
            "prompts/list": client.list_prompts_mcp,
            "prompts/get": client.get_prompt_mcp,
        }

        async def session(method: str, parameters: dict[str, Any]) -> Any:
            return await methods[method](**parameters)

        yield (
            session,
            {
                "client": f"fastmcp {version('fastmcp')}",
                "revision": client.protocol_version,
                "server": client.server_info.name if client.server_info else None,
                "instructions": client.instructions,
            },
        )


drive(opened)
