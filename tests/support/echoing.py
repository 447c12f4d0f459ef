"""A platform that says everything back that it is told, in answers, errors and redirects: on purpose, or by mistake."""

import asyncio
import json
from contextlib import AbstractContextManager
from typing import Any

from support.loopback import on_loopback

SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
}
ECHOES = ("/echo", "/refuse", "/redirect", "/break", "/text")


class Echoing:
    def __init__(self, url: str) -> None:
        self.url = url
        # Handed out beside the echo: secrets of the platform's own are not ours to know.
        self.landed: list[str] = []

    def document(self, scheme: str, base_url: str | None = None) -> dict[str, Any]:
        """Its OpenAPI document, with one of SCHEMES."""
        answers = {"200": {"description": "ok"}}
        text = {"schema": {"type": "object"}}
        body = {"content": {"application/json": text}}
        query = {"name": "q", "in": "query", "schema": {"type": "string"}}
        number = {"name": "count", "in": "query", "schema": {"type": "integer"}}

        def operation(name: str, method: str) -> dict[str, Any]:
            more = {"requestBody": body} if method == "post" else {}
            return {"operationId": f"{method}-{name}", "parameters": [query, number], "responses": answers, **more}

        paths = {
            path: {method: operation(path[1:], method) for method in ("get", "post", "delete")}
            for path in (*ECHOES, "/slow")
        }
        return {
            "openapi": "3.0.3",
            "info": {"title": f"Echo {scheme}", "version": "1"},
            "servers": [{"url": base_url or self.url}],
            "components": {"securitySchemes": {"key": SCHEMES[scheme]}},
            "security": [{"key": []}],
            "paths": paths,
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = scope["query_string"].decode()
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        said = {"path": scope["path"], "query": query, "headers": headers, "body": body.decode("utf-8", "replace")}
        status, kind, extra = 200, b"application/json", []
        path = scope["path"].rstrip("/")
        if path == "/slow":
            await asyncio.sleep(20)
        elif path == "/refuse":
            status = 422
        elif path == "/break":
            status, extra = 500, [(b"x-debug", json.dumps(headers).encode())]
        elif path == "/redirect":
            status = 302
            extra = [(b"location", f"/landing?{query}&again={headers.get('authorization', '')}".encode())]
        elif path == "/text":
            kind = b"text/plain"
        elif path == "/landing":
            self.landed.append(query)
        encoded = json.dumps(said).encode()
        head = [(b"content-type", kind), (b"content-length", b"%d" % len(encoded)), *extra]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": encoded})


def echoing() -> AbstractContextManager[Echoing]:
    return on_loopback(Echoing)
