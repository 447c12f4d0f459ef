"""MCP Protocol: the endpoint by token URL, the one by API key or JWT, and where to sign in for the latter."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.access.caller import Caller
from gateway.access.identity import text_of
from gateway.gate import Gate
from gateway.http.answers import Answer
from gateway.http.streams import Stream
from gateway.protocol.dispatch import answer
from gateway.protocol.doors import refuse_paused, server_for
from gateway.protocol.signing_in import metadata
from gateway.servers import Server
from gateway.tools.visit import Visit

_Headers = Mapping[bytes, bytes]
_RawHeaders = Sequence[tuple[bytes, bytes]]


async def execute_mcp_token(
    *,
    gate: Gate,
    caller: Caller,
    server: Server,
    headers: _Headers,
    raw_headers: _RawHeaders,
    body: bytes,
    stream: Stream,
) -> Answer:
    refuse_paused(server)
    return await answer(_visit(gate, caller, server, headers), headers, raw_headers, body, stream)


async def execute_mcp_api(
    *,
    gate: Gate,
    caller: Caller,
    server_id: str,
    headers: _Headers,
    raw_headers: _RawHeaders,
    body: bytes,
    stream: Stream,
) -> Answer:
    server = await server_for(gate, caller, server_id, headers)
    return await answer(_visit(gate, caller, server, headers), headers, raw_headers, body, stream)


async def get_protected_resource(*, gate: Gate, server_id: str) -> dict[str, Any]:
    return await metadata(gate, server_id)


def _visit(gate: Gate, caller: Caller, server: Server, headers: _Headers) -> Visit:
    return Visit(
        gate=gate,
        caller=caller,
        server=server,
        credential_id=text_of(headers, b"x-credential-id"),
        redirect_uri=text_of(headers, b"x-redirect-uri"),
    )
