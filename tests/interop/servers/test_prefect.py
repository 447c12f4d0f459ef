"""Prefect: OpenAPI 3.1 of 187 operations, no host in the document, no credential."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.service import Service

from . import driving, peers

# FastAPI from 0.140 on does not start Prefect 3.8.
REQUIREMENTS = ("prefect==3.8.8", "fastapi<0.140")


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("prefect")
    command = [str(peers.python("prefect", *REQUIREMENTS) / "prefect"), "server", "start", "--port"]
    port = peers.free_port()
    settings = {"PREFECT_HOME": str(home / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    with peers.running([*command, str(port)], "/api/health", home / "log", port, **settings) as url:
        yield url


@pytest.fixture(scope="module")
def gate(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with driving.toolgate(tmp_path_factory.mktemp("gate")) as service:
        driving.register(
            service, "prefect", url=f"{prefect}/openapi.json", baseUrl=f"{prefect}/api", auth={"type": "none"}
        )
        yield service


async def test_every_operation_is_an_action(gate: Service) -> None:
    async with driving.client(driving.server(gate, "all of Prefect", "prefect")) as session:
        found = await driving.actions(session, "prefect")
        assert len(found) == gate.client().get("/connectors/prefect").json()["actions"] > 180
        for action_id in found.values():
            details = await driving.tool(session, "get_action_details_alloy", connectorId="prefect", actionId=action_id)
            assert details["action"]["id"] == action_id


async def test_a_flow_lives_through_the_gate(gate: Service) -> None:
    async with driving.client(driving.server(gate, "flows", "prefect")) as session:
        ids = await driving.actions(session, "prefect")

        async def do(method: str, path: str, /, **parameters: Any) -> Any:
            return await driving.execute(session, "prefect", ids[(method, path)], **parameters)

        assert await do("GET", "/health") is True
        made = await do("POST", "/flows/", name="from-an-assistant", tags=["mcp", "a,b"])
        assert made["name"] == "from-an-assistant"
        flow = made["id"]
        read = await do("GET", "/flows/{id}", id=flow)
        assert read["tags"] == ["mcp", "a,b"]
        assert await do("POST", "/flows/count", flows={"name": {"any_": ["from-an-assistant"]}}) == 1
        assert await do("POST", "/flows/count", flows={"name": {"any_": ["another"]}}) == 0
        filtered = await do("POST", "/flows/filter", flows={"tags": {"all_": ["mcp"]}}, limit=5, sort="NAME_ASC")
        assert [entry["id"] for entry in filtered] == [flow]
        await do("PATCH", "/flows/{id}", id=flow, tags=["changed"])
        assert (await do("GET", "/flows/{id}", id=flow))["tags"] == ["changed"]
        await do("DELETE", "/flows/{id}", id=flow)
        assert await do("POST", "/flows/count", flows={"name": {"any_": ["from-an-assistant"]}}) == 0


async def test_variables_with_any_value(gate: Service) -> None:
    async with driving.client(driving.server(gate, "variables", "prefect")) as session:
        ids = await driving.actions(session, "prefect")
        value = {"nested": [1, 2.5, None, "ü"], "empty": {}}
        made = await driving.execute(session, "prefect", ids[("POST", "/variables/")], name="settings", value=value)
        assert made["value"] == value
        read = await driving.execute(session, "prefect", ids[("GET", "/variables/name/{name}")], name="settings")
        assert (read["id"], read["value"]) == (made["id"], value)


async def test_prefect_says_what_is_wrong_where_we_cannot_know(gate: Service) -> None:
    async with driving.client(driving.server(gate, "refusals", "prefect")) as session:
        ids = await driving.actions(session, "prefect")
        missing = await session.call_tool(
            "execute_action_alloy",
            {
                "connectorId": "prefect",
                "actionId": ids[("GET", "/flows/{id}")],
                "parameters": {"id": "123e4567-e89b-42d3-a456-426614174000"},
            },
        )
        assert missing.is_error
        assert "404" in missing.content[0].text
        assert "UPSTREAM_ERROR" in missing.content[0].text


async def test_direct_mode_has_a_tool_for_each(gate: Service) -> None:
    async with driving.client(driving.server(gate, "direct", "prefect", mode="direct")) as session:
        tools, cursor = [], None
        while True:
            page = await session.list_tools(cursor=cursor) if cursor else await session.list_tools()
            tools += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        names = [tool.name for tool in tools]
        assert len(names) == len(set(names)) > 180
        result = await session.call_tool("create_variable_variables__post", {"name": "direct", "value": 1})
        assert not result.is_error, result.content[0].text
