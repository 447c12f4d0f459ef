"""The door for callers that speak no MCP: the same servers, the same refusals, plain JSON."""

from gateway.access.caller import Caller
from gateway.access.identity import Headers, text_of
from gateway.gate import Gate
from gateway.protocol.doors import server_for
from gateway.tools.visit import Visit


async def visit_of(gate: Gate, caller: Caller, server_id: str, headers: Headers) -> Visit:
    """Who calls at which server, by the rules of `/mcp/{serverId}`.

    Raises NotFound for a server that this caller may not use, and Forbidden for a user whom its restrictions deny.
    """
    # `x-mcp-server-id` belongs to the MCP endpoints: here the path alone says which server is meant.
    server = await server_for(gate, caller, server_id, {})
    visit = Visit(
        gate=gate,
        caller=caller,
        server=server,
        credential_id=text_of(headers, b"x-credential-id"),
        redirect_uri=text_of(headers, b"x-redirect-uri"),
    )
    visit.require_permitted_user()
    return visit
