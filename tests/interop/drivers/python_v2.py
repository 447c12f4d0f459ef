"""The official Python client, 2.x: over HTTP, or over the stdio of a bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import httpx2
import mcp
from lines import Session, drive, watch
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


@asynccontextmanager
async def opened(step: dict[str, Any]) -> AsyncIterator[tuple[Session, dict[str, Any]]]:
    async with httpx2.AsyncClient(headers=step.get("headers"), timeout=20, event_hooks={"response": [watch]}) as http:
        if "command" in step:
            program, *arguments = step["command"]
            server: Any = StdioServerParameters(command=program, args=arguments, env=step.get("environment"))
        else:
            server = streamable_http_client(step["url"], http_client=http)
        async with mcp.Client(server, mode=step["mode"], read_timeout_seconds=20) as client:
            methods = {
                "tools/list": client.list_tools,
                "tools/call": client.call_tool,
                "resources/list": client.list_resources,
                "resources/templates/list": client.list_resource_templates,
                "resources/read": client.read_resource,
                "prompts/list": client.list_prompts,
                "prompts/get": client.get_prompt,
            }

            async def session(method: str, parameters: dict[str, Any]) -> Any:
                return await methods[method](**parameters)

            yield (
                session,
                {
                    "client": f"mcp {version('mcp')}",
                    "revision": client.protocol_version,
                    "server": client.server_info.name,
                    "instructions": client.instructions,
                },
            )


drive(opened)
