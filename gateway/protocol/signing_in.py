"""What an MCP client is told of where to sign in: protected resource metadata (RFC 9728) and the challenges to it.

Whoever asks has proved nothing, so the answer must not tell which servers there are. A server of an account with an
issuer of its own is told apart, because a client could not sign in otherwise; every other id, whether there is such a
server or not, gets what the default account's servers get: the same document, or the same 404.
"""

import re
from typing import Any

from gateway.access.caller import DEFAULT_ACCOUNT
from gateway.errors import InsufficientScope, NotFound, Unauthorized
from gateway.gate import Gate
from gateway.issuers import SignIn

WELL_KNOWN = "/.well-known/oauth-protected-resource/mcp/"
_SERVER_ID = re.compile(r"[a-z0-9-]{1,128}\Z")


def resource_of(gate: Gate, server_id: str) -> str:
    """The URL of a server, as clients know it and as `aud` has to say it."""
    return f"{gate.settings.public_url}/mcp/{server_id}"


async def metadata(gate: Gate, server_id: str) -> dict[str, Any]:
    """The document `ProtectedResource` of the contract. Raises NotFound, the same for all ids."""
    sign_in = await _sign_in(gate, server_id)
    if not sign_in.issuers:
        raise NotFound("There is nothing to sign in to at this path")
    return {
        "resource": resource_of(gate, server_id),
        "authorization_servers": list(sign_in.issuers),
        "bearer_methods_supported": ["header"],
        # Not the server's name, which is nobody's to know yet.
        "resource_name": "Toolgate",
        **({"scopes_supported": list(sign_in.scopes)} if sign_in.scopes else {}),
    }


async def add_challenge(gate: Gate, server_id: str, error: Unauthorized | InsufficientScope) -> None:
    """Say in the error where the client can sign in, if it can."""
    sign_in = await _sign_in(gate, server_id)
    if sign_in.issuers:
        scope = {"scope": " ".join(sign_in.scopes)} if sign_in.scopes else {}
        error.challenge = {"resource_metadata": f"{gate.settings.public_url}{WELL_KNOWN}{server_id}", **scope}


async def _sign_in(gate: Gate, server_id: str) -> SignIn:
    # What is no id of a server is not put into a header or a document either.
    if not _SERVER_ID.match(server_id):
        return SignIn((), ())
    server = await gate.servers.find_for(server_id, lambda found: found.account_id != DEFAULT_ACCOUNT)
    if server is not None:
        own = await gate.issuers.sign_in(server.account_id)
        if own.issuers:
            return own
    return await gate.issuers.sign_in(DEFAULT_ACCOUNT)
