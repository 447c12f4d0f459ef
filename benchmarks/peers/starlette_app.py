"""The floor: bare Starlette, which validates nothing, and a proxy that one would write by hand."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.peers import TOOL_LIST, TOOL_LISTS, UPSTREAM, open_parts, serve
from benchmarks.peers.upstream import TOKEN
from gateway.access.caller import Caller
from gateway.errors import NotFound
from gateway.moments import new_id
from storage import audit
from storage.times import now

parts = open_parts()


class Json(Response):
    media_type = "application/json"


async def authenticate(request: Request) -> Caller:
    _, _, key = request.headers.get("authorization", "").partition(" ")
    caller = await parts.caller(key)
    if caller is None:
        raise HTTPException(401)
    return caller


async def get_server(request: Request) -> Response:
    caller = await authenticate(request)
    try:
        server = await parts.servers.get(caller, request.path_params["server_id"])
    except NotFound:
        raise HTTPException(404) from None
    return Json(server.encoded, headers={"x-alloy-userid": caller.user_id})


async def update_server(request: Request) -> Response:
    caller = await authenticate(request)
    body = orjson.loads(await request.body())
    try:
        server = await parts.servers.update(caller, request.path_params["server_id"], body)
    except NotFound:
        raise HTTPException(404) from None
    return Json(server.encoded, headers={"x-alloy-userid": caller.user_id})


async def list_tools(request: Request) -> Response:
    """The bytes that Toolgate answers: no token, no message that is read."""
    await request.body()
    return Json(TOOL_LIST)


async def list_tools_of(request: Request) -> Response:
    """The same, of one of several lists."""
    return Json(TOOL_LISTS[request.path_params["name"]])


async def call_tool(request: Request) -> Response:
    """The arguments sent on as the upstream wants them, its answer as Toolgate hands it back."""
    return Json(await _call(request, orjson.loads(await request.body())))


async def call_tool_and_record(request: Request) -> Response:
    """The same, and as durable as Toolgate: what was done is on the disk before the answer goes out."""
    answer = await _call(request, orjson.loads(await request.body()))
    row = audit.insertion(
        at=now(),
        account_id="default",
        user_id="admin",
        door="token",
        event="action.execute",
        connector_id="messages",
        action_id="postMessage",
        upstream_status=200,
        duration_ms=1,
    )
    await parts.store.write(row)
    return Json(answer)


async def _call(request: Request, message: Any) -> bytes:
    arguments = message["params"]["arguments"]["parameters"]
    session: aiohttp.ClientSession = request.app.state.session
    url = f"{UPSTREAM}/channels/{quote(arguments['channel'], safe='')}/messages"
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with session.post(url, data=orjson.dumps({"text": arguments["text"]}), headers=headers) as answer:
        said: Any = orjson.loads(await answer.read())
    body = {"executionId": new_id(), "status": "completed", "responseData": said}
    encoded = orjson.dumps(body)
    text = {"type": "text", "text": encoded.decode()}
    result = {"content": [text], "structuredContent": orjson.Fragment(encoded)}
    return orjson.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})


@contextlib.asynccontextmanager
async def lifespan(running: Starlette) -> AsyncIterator[None]:
    """The client has the settings of `gateway.outbound.client`, without its guard, retries and breaker."""
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=64, ttl_dns_cache=10)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": "proxy", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=30, connect=10),
        auto_decompress=False,
    ) as running.state.session:
        yield


app = Starlette(
    routes=[
        Route("/api/servers/{server_id}", get_server, methods=["GET"]),
        Route("/api/servers/{server_id}", update_server, methods=["PUT"]),
        Route("/tools/list", list_tools, methods=["POST"]),
        Route("/tools/list/{name}", list_tools_of, methods=["POST"]),
        Route("/tools/call", call_tool, methods=["POST"]),
        Route("/tools/call-and-record", call_tool_and_record, methods=["POST"]),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    serve(app)
