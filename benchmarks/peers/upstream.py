"""A platform with one action, on loopback: `python -m benchmarks.peers.upstream PORT`."""

import sys
from typing import Any

import orjson
import uvicorn

TOKEN = "upstream-token"
_PROOF = (b"authorization", f"Bearer {TOKEN}".encode())

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Messages", "version": "1"},
    "paths": {
        "/channels/{channel}/messages": {
            "post": {
                "operationId": "postMessage",
                "summary": "Post a message",
                "parameters": [{"name": "channel", "in": "path", "required": True, "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["text"],
                                "properties": {"text": {"type": "string"}},
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "The message"}},
            }
        }
    },
}


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
