"""The official MCP Python client, given nothing but a token URL: the whole way through two running Toolgates.

The platform that is connected is a second Toolgate, registered from the document that it serves itself.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp
import mcp_types
import pytest
from mcp.client.streamable_http import streamable_http_client

from support.service import API_KEY, Service, serving

TOOLS = [
    "list_connectors_alloy",
    "get_connector_resources_alloy",
    "get_action_details_alloy",
    "execute_action_alloy",
    "create_credential_alloy",
    "get_credentials_alloy",
    "get_credential_metadata_alloy",
    "discover_action_path_alloy",
]
OTHER_KEY = "upstream-key-0123456789abcdef"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("gate")) as running:
        yield running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The other Toolgate: the platform that assistants are led to."""
    with serving(tmp_path_factory.mktemp("platform"), TOOLGATE_API_KEY=OTHER_KEY) as running:
        running.key = OTHER_KEY
        yield running


def opened(url: str, mode: str) -> mcp.Client:
    return mcp.Client(streamable_http_client(url), mode=mode)


async def call(client: mcp.Client, tool: str, **arguments: Any) -> tuple[Any, bool]:
    """The tool's JSON, and whether it says that it failed."""
    result = await client.call_tool(tool, arguments)
    return json.loads(result.content[0].text), bool(result.is_error)


def server(gate: Service, name: str, **fields: Any) -> dict[str, Any]:
    made = gate.client().post("/api/servers", json={"name": name, **fields})
    assert made.status_code == 201, made.text
    return made.json()


MODES = ["auto", "legacy"]


@pytest.mark.parametrize("mode", MODES)
async def test_the_eight_tools(gate: Service, mode: str) -> None:
    made = server(gate, f"eight {mode}")
    async with opened(made["accessUrl"], mode) as client:
        assert client.protocol_version == {"auto": "2026-07-28", "legacy": "2025-11-25"}[mode]
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        assert all(tool.description and tool.input_schema["type"] == "object" for tool in tools)
        listed, _ = await call(client, "list_connectors_alloy", category="communication")
        ids = {connector["id"] for connector in listed["connectors"]}
        assert "slack" in ids
        assert "notion" not in ids
        resources, _ = await call(client, "get_connector_resources_alloy", connectorId="slack")
        actions = [action["id"] for resource in resources["resources"] for action in resource["actions"]]
        assert "chat_postMessage" in actions
        details, _ = await call(client, "get_action_details_alloy", connectorId="slack", actionId="chat_postMessage")
        assert details["action"]["httpMethod"] == "post"
        assert "channel" in details["action"]["requestBody"]["required"]
        found, _ = await call(client, "discover_action_path_alloy", goal="post a message into a slack channel")
        assert found["actions"][0]["actionId"] == "chat_postMessage"


@pytest.mark.parametrize("mode", MODES)
async def test_resources_and_prompts(gate: Service, mode: str) -> None:
    restrictions = {
        "connectors": {"mode": "allowlist", "allowedIds": ["slack", "notion"]},
        "actions": {"blockedActions": ["chat_postMessage"]},
    }
    made = server(gate, f"content {mode}", customInstructions="Ask first.", restrictions=restrictions)
    async with opened(made["accessUrl"], mode) as client:
        resources = {resource.name: resource for resource in (await client.list_resources()).resources}
        assert set(resources) == {"connectors", "instructions", "policy", "activity", "notion", "slack"}
        assert resources["slack"].title == "Slack"
        templates = (await client.list_resource_templates()).resource_templates
        assert [template.name for template in templates] == ["connector", "action"]

        async def read(uri: str) -> Any:
            return json.loads((await client.read_resource(uri)).contents[0].text)

        said = (await client.read_resource(resources["instructions"].uri)).contents[0]
        assert (said.text, said.mime_type) == ("Ask first.", "text/markdown")
        for resource in resources.values():
            assert (await client.read_resource(resource.uri)).contents
        listed = await read(resources["connectors"].uri)
        assert [connector["id"] for connector in listed["connectors"]] == ["notion", "slack"]
        slack = await read(listed["connectors"][1]["uri"])
        actions = {action["id"]: action["uri"] for part in slack["resources"] for action in part["actions"]}
        assert "chat_postMessage" not in actions
        assert (await read(actions["chat_update"]))["inputSchema"]["type"] == "object"
        denied = ("toolgate://connectors/github", "toolgate://connectors/slack/actions/chat_postMessage")
        for uri, message in zip(denied, ("Connector not allowed", "Action not allowed"), strict=True):
            with pytest.raises(mcp.MCPError, match=message):
                await client.read_resource(uri)
        with pytest.raises(mcp.MCPError, match="Resource not found") as caught:
            await client.read_resource("toolgate://connectors/slack/actions/nope")
        assert caught.value.error.code == {"auto": -32602, "legacy": -32002}[mode]

        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert list(prompts) == ["connect-a-platform", "explain-denial", "find-actions", "start"]
        assert [(one.name, one.required) for one in prompts["connect-a-platform"].arguments] == [("connector", True)]
        given = {
            "connect-a-platform": {"connector": "slack"},
            "explain-denial": {"connector": "slack", "action": "chat_postMessage"},
            "find-actions": {"goal": "update a message in a channel"},
            "start": {},
        }
        texts = {}
        for name, arguments in given.items():
            messages = (await client.get_prompt(name, arguments)).messages
            texts[name] = "\n".join(message.content.text for message in messages)
        assert '"authenticationType": "bearer"' in texts["connect-a-platform"]
        assert "Action not allowed (rule: listed in actions.blockedActions)" in texts["explain-denial"]
        assert "chat_update" in texts["find-actions"]
        assert "chat_postMessage" not in texts["find-actions"]
        assert "`notion`, `slack`" in texts["start"]
        with pytest.raises(mcp.MCPError, match=r"arguments\.connector is required"):
            await client.get_prompt("connect-a-platform", {})

        reference = mcp_types.PromptReference(name="explain-denial")
        found = await client.complete(reference, {"name": "connector", "value": "s"})
        assert found.completion.values == ["slack"]
        action = {"name": "action", "value": "chat_"}
        found = await client.complete(reference, action, context_arguments={"connector": "slack"})
        assert "chat_update" in found.completion.values
        assert "chat_postMessage" not in found.completion.values


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["cli", "rest", "url"])
async def test_the_loop_closes_on_ourselves(
    gate: Service, platform: Service, tmp_path: Path, mode: str, way: str
) -> None:
    connector = f"other-{way}-{mode}"
    register(gate, platform, tmp_path, connector, way)
    made = server(gate, f"loop {way} {mode}")
    async with opened(made["accessUrl"], mode) as client:
        metadata, _ = await call(client, "get_credential_metadata_alloy", connectorId=connector)
        assert [entry["authenticationType"] for entry in metadata["metadata"]] == ["bearer"]
        missing, failed = await call(
            client, "execute_action_alloy", connectorId=connector, actionId="list-servers", parameters={}
        )
        assert (failed, missing["error"]["code"]) == (True, "CREDENTIAL_NOT_FOUND")
        stored, failed = await call(
            client,
            "create_credential_alloy",
            connectorId=connector,
            authenticationType="bearer",
            fields={"token": OTHER_KEY},
        )
        assert not failed, stored
        kept, _ = await call(client, "get_credentials_alloy", connectorId=connector)
        assert [entry["credentialId"] for entry in kept["credentials"]] == [stored["credentialId"]]
        assert OTHER_KEY not in json.dumps(kept)

        written, failed = await call(
            client,
            "execute_action_alloy",
            connectorId=connector,
            actionId="create-server",
            parameters={"name": f"made through {way} {mode}", "tokenExpiresInDays": 3},
        )
        assert not failed, written
        server_id = written["responseData"]["serverId"]
        read, failed = await call(
            client,
            "execute_action_alloy",
            connectorId=connector,
            actionId="get-server",
            parameters={"pathParams": {"serverId": server_id}},
        )
        assert not failed, read
        assert (read["status"], read["responseData"]["name"]) == ("completed", f"made through {way} {mode}")
        assert platform.client().get(f"/api/servers/{server_id}").json() == read["responseData"]

        wrong, failed = await call(
            client, "execute_action_alloy", connectorId=connector, actionId="create-server", parameters={"name": 5}
        )
        assert (failed, wrong["error"]["code"]) == (True, "INVALID_REQUEST")
        gone, failed = await call(
            client,
            "execute_action_alloy",
            connectorId=connector,
            actionId="get-server",
            parameters={"serverId": "nobody-a1b2c3d4"},
        )
        assert (failed, gone["error"]["code"], gone["error"]["details"]["status"]) == (True, "UPSTREAM_ERROR", 404)


def register(gate: Service, platform: Service, tmp_path: Path, connector: str, way: str) -> None:
    """Make the platform a connector of the gate, from the document that the platform serves."""
    if way == "cli":
        document = tmp_path / "other.json"
        document.write_bytes(platform.client().get("/openapi.json").content)
        said = gate.run("connectors", "add", str(document), "--id", connector, "--base-url", platform.url).stdout
        assert f"Added connector '{connector}'" in said
        return
    body = {"id": connector, "auth": {"type": "bearer"}}
    if way == "url":
        body["url"] = f"{platform.url}/openapi.json"
    else:
        body["document"] = platform.client().get("/openapi.json").json()
        body["baseUrl"] = platform.url
    added = gate.client().post("/connectors", json=body)
    assert added.status_code == 201, added.text
    assert added.json()["baseUrl"] == platform.url


@pytest.mark.parametrize("mode", MODES)
async def test_restrictions_count_from_the_next_call_on(gate: Service, mode: str) -> None:
    made = server(gate, f"narrow {mode}")
    path = f"/api/servers/{made['serverId']}"
    async with opened(made["accessUrl"], mode) as client:
        before, _ = await call(client, "list_connectors_alloy")
        assert {"slack", "github"} <= {connector["id"] for connector in before["connectors"]}
        narrowed = {
            "connectors": {"mode": "allowlist", "allowedIds": ["slack"]},
            "actions": {"mode": "blocklist", "blockedActions": ["chat_postMessage"]},
        }
        assert gate.client().put(path, json={"restrictions": narrowed}).status_code == 200

        seen, _ = await call(client, "list_connectors_alloy")
        assert [connector["id"] for connector in seen["connectors"]] == ["slack"]
        resources, _ = await call(client, "get_connector_resources_alloy", connectorId="slack")
        ids = {action["id"] for resource in resources["resources"] for action in resource["actions"]}
        assert "chat_update" in ids
        assert "chat_postMessage" not in ids
        found, _ = await call(client, "discover_action_path_alloy", goal="post a message to a channel", limit=50)
        assert found["actions"]
        assert all(action["connectorId"] == "slack" for action in found["actions"])
        named = {action["actionId"] for action in found["actions"]}
        named |= {source for action in found["actions"] for need in action["needs"] for source in need["from"]}
        named |= {step["actionId"] for step in found["path"]}
        assert "chat_postMessage" not in named

        action = {"connectorId": "slack", "actionId": "chat_postMessage"}
        for tool, arguments in (
            ("get_action_details_alloy", action),
            ("execute_action_alloy", {**action, "parameters": {"channel": "C1", "text": "x"}}),
        ):
            said, failed = await call(client, tool, **arguments)
            assert (failed, said["error"]["code"], said["error"]["message"]) == (
                True,
                "FORBIDDEN",
                "Action not allowed",
            )
        for tool, arguments in (
            ("get_connector_resources_alloy", {}),
            ("get_action_details_alloy", {"actionId": "createIssue"}),
            ("execute_action_alloy", {"actionId": "createIssue", "parameters": {}}),
            ("create_credential_alloy", {"authenticationType": "bearer", "fields": {"token": "x"}}),
            ("get_credentials_alloy", {}),
            ("get_credential_metadata_alloy", {}),
        ):
            for connector in ("github", "no-such-connector"):
                said, failed = await call(client, tool, connectorId=connector, **arguments)
                assert (failed, said["error"]["message"]) == (True, "Connector not allowed"), tool
        said, failed = await call(client, "discover_action_path_alloy", goal="open an issue", connectors=["github"])
        assert (failed, said["error"]["message"]) == (True, "Connector not allowed")

        assert gate.client().put(path, json={"restrictions": {}}).status_code == 200
        after, _ = await call(client, "list_connectors_alloy")
        assert after == before


async def test_a_connector_is_seen_and_gone_at_once(gate: Service, platform: Service, tmp_path: Path) -> None:
    made = server(gate, "at once")
    async with opened(made["accessUrl"], "auto") as client:
        unknown, failed = await call(client, "get_connector_resources_alloy", connectorId="fleeting")
        assert (failed, unknown["error"]["code"]) == (True, "CONNECTOR_NOT_FOUND")
        register(gate, platform, tmp_path, "fleeting", "cli")
        there, failed = await call(client, "get_connector_resources_alloy", connectorId="fleeting")
        assert not failed
        assert there["count"] > 10
        gate.run("connectors", "remove", "fleeting")
        _, failed = await call(client, "get_connector_resources_alloy", connectorId="fleeting")
        assert failed


@pytest.mark.parametrize("mode", MODES)
async def test_many_clients_at_once_see_their_own_servers(gate: Service, mode: str) -> None:
    platforms = ["slack", "github", "notion", "hubspot"]
    servers = [
        server(gate, f"at once {mode} {number}", restrictions={"connectors": {"allowedIds": [connector]}})
        for number, connector in enumerate(platforms * 4)
    ]

    async def use(url: str) -> set[str]:
        async with opened(url, mode) as client:
            answers = await asyncio.gather(*(call(client, "list_connectors_alloy") for _ in range(8)))
        return {connector["id"] for answer, _ in answers for connector in answer["connectors"]}

    seen = await asyncio.gather(*(use(made["accessUrl"]) for made in servers))
    assert seen == [{connector} for connector in platforms * 4]


@pytest.mark.parametrize("mode", MODES)
async def test_a_deleted_server_answers_401(gate: Service, mode: str) -> None:
    made = server(gate, f"short-lived {mode}")
    async with opened(made["accessUrl"], mode) as client:
        assert (await client.list_tools()).tools
        assert gate.client().delete(f"/api/servers/{made['serverId']}").status_code == 200
        with pytest.raises(mcp.MCPError):
            await client.call_tool("list_connectors_alloy", {})
    answer = gate.client(Authorization="").post(
        made["accessUrl"], json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    )
    assert answer.status_code == 401
    assert API_KEY not in gate.log()
    assert made["accessToken"] not in gate.log()
