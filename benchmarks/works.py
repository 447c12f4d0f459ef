"""The four works: their requests as bytes, and what a right answer is."""

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.upstream import DOCUMENT, TOKEN

KEY = "benchmark-key-0123456789"
# The proxy that also keeps the audit row that Toolgate keeps; one process does both.
RECORDING = "starlette, recording"
_CONNECTOR = "messages"
_UPDATE = {
    "name": "Production Server",
    "description": "Only messages and Slack, and nothing that archives",
    "restrictions": {
        "connectors": {"mode": "allowlist", "allowedIds": ["slack", _CONNECTOR]},
        "actions": {"mode": "blocklist", "blockedActions": ["slack:conversations_archive"]},
    },
}
MCP_HEADERS = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-11-25",
    "user-agent": "benchmark",
}
_BEARER = {"authorization": f"Bearer {KEY}", "accept": "application/json", "user-agent": "benchmark"}
ARGUMENTS = {"channel": "general", "text": "The report is ready: 128 orders, 3 of them open."}


@dataclass(frozen=True, slots=True)
class Work:
    """One request. `paths` has one for each way of doing it, named after its server; `same` says what must agree.

    A name is that of a server, or of a server and a way: `starlette, recording`.
    """

    name: str
    method: str
    paths: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    same: Callable[[bytes], Any]

    def encoded(self, server: str) -> bytes:
        """The request as it goes over the wire."""
        headers = {"host": "127.0.0.1", **self.headers, **({"content-length": len(self.body)} if self.body else {})}
        lines = [f"{self.method} {self.paths[server]} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def works(server: Mapping[str, Any]) -> list[Work]:
    """All works on a server that `prepare` made."""
    rest, token_path = f"/api/servers/{server['serverId']}", "/mcp/" + server["accessUrl"].partition("/mcp/")[2]
    everywhere = dict.fromkeys(("toolgate", "fastapi", "starlette"), rest)
    update_headers = {**_BEARER, "content-type": "application/json"}
    call = {
        "name": "execute_action_alloy",
        "arguments": {"connectorId": _CONNECTOR, "actionId": "postMessage", "parameters": ARGUMENTS},
    }
    return [
        Work("get-server", "GET", everywhere, _BEARER, b"", _without_time),
        Work("update-server", "PUT", everywhere, update_headers, _json(_UPDATE), _without_time),
        Work(
            "tools/list",
            "POST",
            {"toolgate": token_path, "starlette": "/tools/list"},
            MCP_HEADERS,
            message("tools/list", {}),
            lambda answer: answer,
        ),
        Work(
            "tools/call",
            "POST",
            {"toolgate": token_path, "starlette": "/tools/call", RECORDING: "/tools/call-and-record"},
            MCP_HEADERS,
            message("tools/call", call),
            _response_data,
        ),
    ]


def prepare(port: int, upstream: str) -> dict[str, Any]:
    """Make a server, a connector to the upstream and a credential for it; the server, as it was answered."""
    made: dict[str, Any] = post(port, "/api/servers", _UPDATE)
    post(
        port,
        "/connectors",
        {"id": _CONNECTOR, "name": "Messages", "document": DOCUMENT, "baseUrl": upstream, "auth": {"type": "bearer"}},
    )
    credential = {"userId": "me", "authenticationType": "bearer", "data": {"token": TOKEN}}
    post(port, f"/connectors/{_CONNECTOR}/credentials", credential)
    return made


def ask(port: int, work: Work, server: str) -> bytes:
    """One answer. SystemExit unless it is 200."""
    return exchange(port, work.method, work.paths[server], work.headers, work.body)


def post(port: int, path: str, body: Any) -> Any:
    """What Toolgate answers to a JSON body, as a value."""
    return json.loads(exchange(port, "POST", path, {**_BEARER, "content-type": "application/json"}, _json(body)))


def exchange(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The body of one answer. SystemExit unless it is 200 or 201."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, dict(headers))
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status not in (200, 201):
        raise SystemExit(f"{method} {path} was answered {answer.status}: {said.decode(errors='replace')}")
    return said


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def message(method: str, params: Any) -> bytes:
    """A JSON-RPC request."""
    return _json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def _without_time(answer: bytes) -> Any:
    return {name: value for name, value in json.loads(answer).items() if name != "updatedAt"}


def _response_data(answer: bytes) -> Any:
    """The result without the id of the execution, which is new each time. The upstream must have said `ok`."""
    message = json.loads(answer)
    (content,) = message["result"].pop("content")
    text = json.loads(content.pop("text"))
    text.pop("executionId")
    message["result"]["structuredContent"].pop("executionId")
    if not text["responseData"]["ok"]:
        raise SystemExit(f"the upstream refused: {answer.decode()}")
    return message, content, text
