"""Isolation as a matrix over MCP: every identity at every server, by both endpoints and in both eras.

Whoever is not let in is told the same as where there is no such server. Whoever is, asks every method, tool, prompt and
resource about connectors and credentials of everybody: another's read as if they were not there.
"""

from collections.abc import Iterator

import pytest

from gateway.content.prompts import PROMPTS
from gateway.content.resources import TEMPLATES
from gateway.protocol.methods import LEGACY_METHODS, MODERN_METHODS
from gateway.tools.registry import TOOLS
from support.isolation.callers import callers, nobody
from support.isolation.entrances import Entrance, by_token, insiders, insiders_by_token, plain, stranger
from support.isolation.gate import Gate, told
from support.isolation.messages import LEGACY, MESSAGES, MODERN
from support.isolation.things import ACCOUNTS
from support.isolation.trying import Tried
from support.isolation.world import World


def test_every_tool_prompt_resource_and_method_is_asked_for() -> None:
    def named(method: str, key: str) -> set[str]:
        return {message.params[key] for message in MESSAGES if message.method == method}

    assert set(TOOLS) <= named("tools/call", "name")
    assert set(PROMPTS) <= named("prompts/get", "name")
    completed = {message.params["ref"].get("uri") for message in MESSAGES if message.method == "completion/complete"}
    assert {template["uriTemplate"] for template in TEMPLATES.values()} <= {
        uri.format(connector="") for uri in completed if uri is not None
    }
    for era, methods in ((LEGACY, LEGACY_METHODS), (MODERN, MODERN_METHODS)):
        assert set(methods) == {message.method for message in MESSAGES if message.era in (None, era)}


def matrix(world: World, entrances: Iterator[Entrance], inside: Iterator[Entrance], name: str) -> None:
    tried = Tried()
    for entrance in entrances:
        Gate(world, entrance, tried).enter()
    for entrance in inside:
        Gate(world, entrance, tried).converse()
    told(tried, name)


class TestPlainDoors:
    @pytest.mark.parametrize("account", ACCOUNTS)
    def test_matrix(self, world: World, account: str) -> None:
        everybody = [*callers(world, account), stranger(world, account)]
        matrix(world, plain(world, everybody), insiders(world, everybody), f"/mcp/{{serverId}} {account}")

    def test_nobody(self, world: World) -> None:
        matrix(world, plain(world, nobody()), insiders(world, nobody()), "/mcp/{serverId} -")


class TestTokenUrls:
    @pytest.mark.parametrize("account", ACCOUNTS)
    def test_matrix(self, world: World, account: str) -> None:
        name = f"/mcp/{{serverId}}/{{accessToken}} {account}"
        matrix(world, by_token(world, account), insiders_by_token(world, account), name)
