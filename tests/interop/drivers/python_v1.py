"""The official Python client of the 1.x line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import httpx
from lines import Session, drive, watch
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


@asynccontextmanager
async def opened(step: dict[str, Any]) -> AsyncIterator[tuple[Session, dict[str, Any]]]:
    async with (
        httpx.AsyncClient(headers=step.get("headers"), timeout=20, event_hooks={"response": [watch]}) as http,
        streamable_http_client(step["url"], http_client=http) as (reading, writing, _),
        ClientSession(reading, writing, read_timeout_seconds=timedelta(seconds=20)) as client,
    ):
        begun = await client.initialize()
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
                "revision": begun.protocolVersion,
                "server": begun.serverInfo.name,
                "instructions": begun.instructions,
            },
        )


drive(opened)
