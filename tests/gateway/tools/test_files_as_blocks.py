"""Files that platforms answer with: each as the block of its kind over MCP, as JSON over REST."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from support.mcp_platform import McpPlatform, speaking
from support.service import Service

BYTES = bytes(range(256))
ENCODED = base64.b64encode(BYTES).decode()


@pytest.fixture(scope="module")
def platform() -> Iterator[McpPlatform]:
    with speaking(
        picture=lambda _: (b"image/png", BYTES),
        sound=lambda _: (b"audio/mpeg", BYTES),
        archive=lambda _: (b"application/zip", BYTES),
        large=lambda _: (b"image/png", b"\x00" * 1_100_000),
        words=lambda _: (b"text/plain", b"hello"),
        drawing=lambda _: (b"image/svg+xml", b"<svg/>"),
        thing=lambda _: {"id": 1},
    ) as started:
        yield started


class Files:
    def __init__(self, service: Service, connector: str, mode: str) -> None:
        self.http = service.client()
        body = {
            "name": f"files {uuid.uuid4().hex}",
            "mode": mode,
            "restrictions": {"connectors": {"allowedIds": [connector]}},
        }
        self.server = self.http.post("/api/servers", json=body).json()
        self.connector = connector
        self.is_direct = mode == "direct"

    def named(self, action: str) -> tuple[str, dict[str, Any]]:
        if self.is_direct:
            return action, {}
        return "execute_action_alloy", {"connectorId": self.connector, "actionId": action, "parameters": {}}

    def call(self, action: str, revision: str = "2025-11-25") -> dict[str, Any]:
        name, arguments = self.named(action)
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
        headers = {"MCP-Protocol-Version": revision}
        answer = httpx.post(self.server["accessUrl"], json=message, headers=headers, trust_env=False)
        found: dict[str, Any] = answer.json()["result"]
        return found

    def rest(self, action: str) -> Any:
        name, arguments = self.named(action)
        path = f"/api/servers/{self.server['serverId']}/tools/{name}"
        answer = self.http.post(path, json={"arguments": arguments})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture(scope="module", params=["direct", "connectivity"])
def files(request: pytest.FixtureRequest, service: Service, platform: McpPlatform) -> Iterator[Files]:
    connector_id = f"files-{uuid.uuid4().hex[:8]}"
    document = platform.document()
    for path in document["paths"].values():
        del path["post"]["x-mcp-result"]
    client = service.client()
    added = client.post("/connectors", json={"id": connector_id, "document": document})
    assert added.status_code == 201, added.text
    yield Files(service, connector_id, request.param)
    client.delete(f"/connectors/{connector_id}")


@pytest.mark.parametrize(
    ("action", "kind", "mime"), [("picture", "image", "image/png"), ("sound", "audio", "audio/mpeg")]
)
def test_pictures_and_sounds(files: Files, action: str, kind: str, mime: str) -> None:
    text, block = files.call(action)["content"]
    assert block == {"type": kind, "data": ENCODED, "mimeType": mime}
    described = json.loads(text["text"])["responseData"]
    assert (described["contentType"], described["size"]) == (mime, 256)
    assert "base64" not in described


def test_other_files_are_resources(files: Files) -> None:
    result = files.call("archive")
    said = json.loads(result["content"][0]["text"])
    assert result["content"][1] == {
        "type": "resource",
        "resource": {
            "uri": f"toolgate://executions/{said['executionId']}",
            "mimeType": "application/zip",
            "blob": ENCODED,
        },
    }
    assert result["structuredContent"] == said


def test_sounds_before_there_were_any(files: Files) -> None:
    block = files.call("sound", "2024-11-05")["content"][1]
    assert (block["type"], block["resource"]["blob"]) == ("resource", ENCODED)


def test_what_is_no_file_is_json(files: Files) -> None:
    for action, expected in (("words", "hello"), ("drawing", "<svg/>"), ("thing", {"id": 1})):
        (text,) = files.call(action)["content"]
        assert json.loads(text["text"])["responseData"] == expected


def test_what_is_too_large_is_only_described(files: Files) -> None:
    (text,) = files.call("large")["content"]
    assert json.loads(text["text"])["responseData"] == {
        "contentType": "image/png",
        "size": 1_100_000,
        "truncated": True,
    }


def test_over_rest_the_bytes_stand_in_the_json(files: Files) -> None:
    described = {"contentType": "image/png", "size": 256, "base64": ENCODED}
    assert files.rest("picture")["responseData"] == described
