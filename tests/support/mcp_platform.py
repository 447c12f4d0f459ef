"""A platform that speaks MCP's results: a real HTTP server on loopback, its operations given by the test."""

import inspect
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from support.loopback import on_loopback

# A JSON value; bytes with their content type; or a list of events, each of which may be awaited for.
Reply = Callable[[dict[str, Any]], Any]


@dataclass
class McpPlatform:
    """`operations` by name: what `POST /name` answers to its JSON body."""

    url: str
    operations: dict[str, Reply] = field(default_factory=dict)
    # (operation, body, headers) of each request, in order.
    received: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def last(self, name: str) -> dict[str, Any]:
        """The body of the newest request of an operation."""
        return next(body for operation, body, _ in reversed(self.received) if operation == name)

    def document(self, *, secured: bool = False, **x_connector: Any) -> dict[str, Any]:
        arguments = {"type": "object", "properties": {"say": {"type": "string"}}}
        security = (
            {
                "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
                "security": [{"key": []}],
            }
            if secured
            else {}
        )
        return {
            "openapi": "3.0.3",
            "info": {"title": "Speaker", "version": "1"},
            "servers": [{"url": self.url}],
            "x-connector": x_connector,
            **security,
            "paths": {
                f"/{name}": {
                    "post": {
                        "operationId": name,
                        "summary": name,
                        "x-mcp-result": True,
                        "requestBody": {"content": {"application/json": {"schema": {**arguments}}}},
                        "responses": {"200": {"description": "ok"}},
                    }
                }
                for name in self.operations
            },
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        name, headers = scope["path"][1:], {key.decode(): value.decode() for key, value in scope["headers"]}
        asked = json.loads(body) if body else {}
        self.received.append((name, asked, headers))
        reply = self.operations[name](asked)
        events: Any = reply if isinstance(reply, list) else None
        kind, data = b"application/json", b""
        if events is not None:
            kind = b"text/event-stream"
        elif isinstance(reply, tuple):
            kind, data = reply
        else:
            data = json.dumps(reply).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        for event in events or ():
            said = await event() if inspect.iscoroutinefunction(event) else event
            line = said if isinstance(said, bytes) else b"data: " + json.dumps(said).encode() + b"\n\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": data})


def speaking(**operations: Reply) -> AbstractContextManager[McpPlatform]:
    return on_loopback(lambda url: McpPlatform(url, operations))
