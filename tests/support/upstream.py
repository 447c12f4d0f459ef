"""A platform nobody shipped: a real HTTP server on loopback that says what it received."""

import asyncio
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from support.loopback import on_loopback


@dataclass
class Upstream:
    url: str
    # (method, raw path with query, headers, body) of each request, in order.
    received: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def document(self, **x_connector: Any) -> dict[str, Any]:
        """The OpenAPI document of this platform."""
        path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        body = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["title"],
                        "additionalProperties": False,
                        "properties": {"title": {"type": "string", "maxLength": 50}, "done": {"type": "boolean"}},
                    }
                }
            },
        }
        count = {"name": "count", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 500}}

        def operation(name: str, **fields: Any) -> dict[str, Any]:
            return {"operationId": name, "summary": name, "responses": {"200": {"description": "ok"}}, **fields}

        return {
            "openapi": "3.0.3",
            "info": {"title": "Tasks", "version": "1", "description": "To-do lists."},
            "servers": [{"url": self.url}],
            "x-connector": {"category": ["productivity"], **x_connector},
            "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
            "security": [{"key": []}],
            "paths": {
                "/tasks": {
                    "get": operation("listTasks", parameters=[count], tags=["tasks"]),
                    "post": operation("tasks/create", requestBody=body, tags=["tasks"]),
                },
                "/tasks/{id}": {
                    "get": operation("getTask", parameters=[path], tags=["tasks"]),
                    "delete": operation("deleteTask", parameters=[path], tags=["tasks"]),
                },
                "/slow": {"get": operation("slow", tags=["odd"])},
                "/status/{id}": {"get": operation("status", parameters=[path], tags=["odd"])},
            },
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        target = scope["raw_path"].decode() + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.received.append((scope["method"], target, headers, body))
        status, answer = await self._answer(scope, body)
        encoded = json.dumps(answer).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(encoded))]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": encoded})

    async def _answer(self, scope: dict[str, Any], body: bytes) -> tuple[int, Any]:
        path, query = scope["path"], dict(pair.split("=") for pair in scope["query_string"].decode().split("&") if pair)
        if path == "/slow":
            await asyncio.sleep(5)
        if path.startswith("/status/"):
            return int(path.rsplit("/", 1)[1]), {"why": "because"}
        if path == "/tasks" and scope["method"] == "GET":
            return 200, [{"id": number, "title": f"task {number}"} for number in range(int(query.get("count", 3)))]
        return 200, {"method": scope["method"], "path": path, "body": json.loads(body) if body else None}


def running(port: int | None = None) -> AbstractContextManager[Upstream]:
    """On any free port, unless one is given."""
    return on_loopback(Upstream, port)
