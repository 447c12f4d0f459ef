"""Toolgate, and an MCP client at it, for the tests of this folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mcp
from mcp.client.streamable_http import streamable_http_client

from support.service import Service, serving


@contextmanager
def toolgate(folder: Path) -> Iterator[Service]:
    with serving(folder) as service:
        yield service


def register(service: Service, connector_id: str, **body: Any) -> dict[str, Any]:
    """The connector of a document that its own server gives out."""
    made = service.client().post("/connectors", json={"id": connector_id, **body}, timeout=60)
    assert made.status_code == 201, made.text
    return made.json()


def store(service: Service, connector_id: str, kind: str, **data: str) -> None:
    body = {"userId": "me", "authenticationType": kind, "data": data}
    made = service.client().post(f"/connectors/{connector_id}/credentials", json=body)
    assert made.status_code == 200, made.text


def server(service: Service, name: str, connector_id: str, **fields: Any) -> str:
    """The token URL of a server with nothing but this connector."""
    restrictions = {"connectors": {"mode": "allowlist", "allowedIds": [connector_id]}}
    made = service.client().post("/api/servers", json={"name": name, "restrictions": restrictions, **fields})
    assert made.status_code == 201, made.text
    return str(made.json()["accessUrl"])


def client(url: str) -> mcp.Client:
    return mcp.Client(streamable_http_client(url))


async def tool(session: mcp.Client, name: str, **arguments: Any) -> Any:
    """The tool's JSON; fails where the tool says that it failed."""
    result = await session.call_tool(name, arguments)
    assert not result.is_error, result.content[0].text
    return json.loads(result.content[0].text)


async def execute(session: mcp.Client, connector_id: str, action_id: str, /, **parameters: Any) -> Any:
    """What the platform answered to an action."""
    answer = await tool(
        session, "execute_action_alloy", connectorId=connector_id, actionId=action_id, parameters=parameters
    )
    return answer["responseData"]


async def actions(session: mcp.Client, connector_id: str) -> dict[tuple[str, str], str]:
    """Every action: (method in upper case, path) -> its id."""
    found: dict[tuple[str, str], str] = {}
    more: dict[str, Any] = {}
    while True:
        page = await tool(session, "get_connector_resources_alloy", connectorId=connector_id, limit=200, **more)
        for resource in page["resources"]:
            for action in resource["actions"]:
                found[(action["httpMethod"].upper(), action["path"])] = action["id"]
        if "nextCursor" not in page:
            return found
        more = {"cursor": page["nextCursor"]}
