"""FastMCP's `from_openapi`, as its documentation shows it: `python fastmcp_app.py DOCUMENT.json` in its environment."""

import json
import os
import sys
from pathlib import Path

import httpx2
import uvicorn
from fastmcp import FastMCP

PAGE = 200

if __name__ == "__main__":
    client = httpx2.AsyncClient(
        base_url=os.environ["BENCHMARK_UPSTREAM"],
        headers={"Authorization": f"Bearer {os.environ['BENCHMARK_TOKEN']}"},
        limits=httpx2.Limits(max_connections=64),
    )
    document = json.loads(Path(sys.argv[1]).read_text())
    server = FastMCP.from_openapi(document, client=client, name="benchmark", list_page_size=PAGE)
    uvicorn.run(
        server.http_app(path="/mcp", json_response=True, stateless_http=True),
        port=int(os.environ["BENCHMARK_PORT"]), loop="uvloop", http="httptools", ws="none",
        access_log=False, log_level="warning",
    )  # fmt: skip
