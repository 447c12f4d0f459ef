"""Gradio: a document made of a page's functions, files in lists, and results that come as server-sent events."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.service import Service

from . import driving, peers

REQUIREMENTS = ("gradio==6.31.0",)
PAGE = """
import sys

import gradio

def repeat(text, times):
    return text * int(times), {"länge": len(text)}

with gradio.Blocks() as page:
    given = [gradio.Textbox(label="text"), gradio.Number(label="times")]
    gradio.Button().click(repeat, given, [gradio.Textbox(), gradio.JSON()], api_name="repeat")

page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), allowed_paths=[])
"""


@pytest.fixture(scope="module")
def gradio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("gradio")
    (home / "page.py").write_text(PAGE)
    port = peers.free_port()
    command = [str(peers.python("gradio", *REQUIREMENTS) / "python"), str(home / "page.py"), str(port)]
    settings = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "GRADIO_TEMP_DIR": str(home / "files")}
    with peers.running(command, "/gradio_api/openapi.json", home / "log", port, **settings) as url:
        yield url


@pytest.fixture(scope="module")
def gate(gradio: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with driving.toolgate(tmp_path_factory.mktemp("gate")) as service:
        made = driving.register(service, "gradio", url=f"{gradio}/gradio_api/openapi.json")
        # The document names no server: the address it came from is one.
        assert made["baseUrl"] == gradio
        yield service


async def test_a_function_is_called_and_its_events_are_read(gate: Service) -> None:
    async with driving.client(driving.server(gate, "functions", "gradio")) as session:
        ids = await driving.actions(session, "gradio")
        call = next(action for (method, path), action in ids.items() if method == "POST" and path.endswith("/repeat"))
        read = ids[("GET", "/gradio_api/call/repeat/{event_id}")]
        begun = await driving.execute(session, "gradio", call, text="gö", times=3)
        events = await driving.execute(session, "gradio", read, event_id=begun["event_id"])
        assert events.startswith("event: complete\n")
        assert "g\\u00f6" * 3 in events or "gö" * 3 in events
        missing = await session.call_tool(
            "execute_action_alloy", {"connectorId": "gradio", "actionId": call, "parameters": {"times": "three"}}
        )
        assert missing.is_error
        assert "parameters.times" in missing.content[0].text


async def test_files_arrive_whole(gate: Service) -> None:
    async with driving.client(driving.server(gate, "files", "gradio")) as session:
        ids = await driving.actions(session, "gradio")
        first: Any = {"base64": "Z3LDvMOfZQAB", "filename": "grüße 1.bin", "contentType": "application/octet-stream"}
        second = {"base64": "Mg==", "filename": "2.txt"}
        upload = ids[("POST", "/gradio_api/upload")]
        paths = await driving.execute(session, "gradio", upload, files=[first, second])
    assert paths[1].endswith("/2.txt")
    assert [content(path) for path in paths] == ["grüße".encode() + b"\x00\x01", b"2"]


def content(path: str) -> bytes:
    """What Gradio has stored."""
    return Path(path).read_bytes()


async def test_direct_mode(gate: Service) -> None:
    async with driving.client(driving.server(gate, "direct", "gradio", mode="direct")) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert len(tools) == 3
        assert set(tools["repeat"].input_schema["properties"]) == {"text", "times"}
        begun = await session.call_tool("repeat", {"text": "a", "times": 2})
        assert not begun.is_error, begun.content[0].text
