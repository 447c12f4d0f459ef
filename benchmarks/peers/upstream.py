"""A platform with 20 actions, or as many as wanted, on loopback: `python -m benchmarks.peers.upstream PORT`."""

import sys
from typing import Any

import orjson
import uvicorn

TOKEN = "upstream-token"
_PROOF = (b"authorization", f"Bearer {TOKEN}".encode())

_RESOURCES = ("file", "reminder", "team", "contact", "invoice", "ticket", "project", "comment", "report", "order")
_VERBS = {
    "list": ("get", "/{things}", "List {things}"),
    "create": ("post", "/{things}", "Create a {thing}"),
    "get": ("get", "/{things}/{{id}}", "Get a {thing} by its id"),
    "update": ("put", "/{things}/{{id}}", "Change a {thing}"),
    "delete": ("delete", "/{things}/{{id}}", "Remove a {thing}"),
}
_TEXT = {"type": "string"}
_MESSAGE = {
    "operationId": "postMessage",
    "summary": "Post a message",
    "parameters": [{"name": "channel", "in": "path", "required": True, "schema": _TEXT}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["text"], "properties": {"text": _TEXT}}}
        },
    },
    "responses": {"200": {"description": "The message"}},
}


def document(size: int) -> dict[str, Any]:
    """An OpenAPI document with `size` operations; the first is `postMessage`."""
    paths: dict[str, Any] = {"/channels/{channel}/messages": {"post": _MESSAGE}}
    for number in range(size - 1):
        kind, verb = divmod(number, len(_VERBS))
        thing = f"{_RESOURCES[kind % len(_RESOURCES)]}{kind // len(_RESOURCES) or ''}"
        name, (method, path, summary) = list(_VERBS.items())[verb]
        paths.setdefault(path.format(things=f"{thing}s"), {})[method] = _operation(name, thing, method, summary)
    return {"openapi": "3.0.3", "info": {"title": "Messages", "version": "1"}, "paths": paths}


def _operation(name: str, thing: str, method: str, summary: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name + thing.capitalize() + ("s" if name == "list" else ""),
        "summary": summary.format(thing=thing, things=f"{thing}s"),
        "responses": {"200": {"description": "Done"}},
    }
    if name == "list":
        limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
        operation["parameters"] = [
            {"name": "limit", "in": "query", "description": "How many at most", "schema": limit},
            {"name": "after", "in": "query", "description": "The id after which to go on", "schema": _TEXT},
        ]
    if name in ("get", "update", "delete"):
        operation["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _TEXT}]
    if method in ("post", "put"):
        properties = {
            "name": {"type": "string", "maxLength": 200, "description": f"What the {thing} is called"},
            "note": {"type": "string", "description": "Whatever else is to be known"},
            "priority": {"type": "string", "enum": ["low", "normal", "high"]},
        }
        schema = {"type": "object", "required": ["name"], "properties": properties}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


DOCUMENT = document(20)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """A bare ASGI application: what it costs is not measured, but takes from the machine what is measured."""
    if scope["type"] != "http":
        return
    body = orjson.loads((await receive())["body"] or b"{}")
    proved = _PROOF in scope["headers"]
    channel = scope["path"].split("/")[2:3]
    answer = orjson.dumps(
        {
            "ok": proved,
            "channel": channel[0] if channel else None,
            "message": {"id": "1732380000.000100", "type": "message", "user": "U0123456789", **body},
            "permalink": "https://messages.example.com/archives/C0123456789/p1732380000000100",
        }
    )
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200 if proved else 401, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    uvicorn.run(
        app, port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none", lifespan="off",
        access_log=False, log_level="warning",
    )  # fmt: skip
