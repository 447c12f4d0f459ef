"""The official SDK's low-level server, with the tools that Toolgate offers: `python sdk_app.py TOOLS.json` in its own
environment. A call is sent on as a proxy written by hand would, with the HTTP client that Toolgate has too.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import mcp_types as types
import orjson
import uvicorn
from mcp.server.lowlevel import Server

UPSTREAM, TOKEN = os.environ["BENCHMARK_UPSTREAM"], os.environ["BENCHMARK_TOKEN"]
PAGE = 200
TOOLS = [types.Tool.model_validate(tool) for tool in json.loads(Path(sys.argv[1]).read_text())]
session: aiohttp.ClientSession | None = None


async def list_tools(_context: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    start = int(params.cursor) if params is not None and params.cursor else 0
    end = start + PAGE
    return types.ListToolsResult(tools=TOOLS[start:end], next_cursor=str(end) if end < len(TOOLS) else None)


async def call_tool(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    given = params.arguments or {}
    arguments = given.get("parameters", given)
    url = f"{UPSTREAM}/channels/{quote(arguments['channel'], safe='')}/messages"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with client().post(url, data=orjson.dumps({"text": arguments["text"]}), headers=headers) as answer:
        said = await answer.read()
    return types.CallToolResult(content=[types.TextContent(type="text", text=said.decode())])


def client() -> aiohttp.ClientSession:
    global session  # it belongs to the event loop of the first call
    if session is None:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=64, ttl_dns_cache=10),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=30, connect=10),
        )
    return session


if __name__ == "__main__":
    server = Server("benchmark", on_list_tools=list_tools, on_call_tool=call_tool)
    uvicorn.run(
        server.streamable_http_app(json_response=True, stateless_http=True),
        port=int(os.environ["BENCHMARK_PORT"]), loop="uvloop", http="httptools", ws="none",
        access_log=False, log_level="warning",
    )  # fmt: skip
