"""The two doors to an MCP endpoint: who comes in by the token in the URL, and which server a key or JWT opens."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from gateway.access.caller import USE, Caller, header_value
from gateway.access.identity import USER_ID, USER_TOKEN, Headers, Identity, text_of
from gateway.access.policy import permits_user_by_name
from gateway.errors import Forbidden, InvalidRequest, NotFound, Unauthorized
from gateway.gate import Gate
from gateway.http.entry import Entry
from gateway.http.streams import Stream
from gateway.servers import Server, Servers
from gateway.tools.visit import Visit


class TokenDoor:
    """Authenticates `/mcp/{serverId}/{accessToken}`."""

    def __init__(self, servers: Servers, identity: Identity) -> None:
        self._servers = servers
        self._identity = identity

    async def __call__(self, headers: Headers, path: Mapping[str, str]) -> Entry:
        """The caller and the server. Unknown, wrong, expired, rotated and deleted all read the same: Unauthorized."""
        servers, token = self._servers, path["accessToken"]
        server = await servers.find_for(path["serverId"], lambda found: servers.token_is_valid(found, token))
        if server is None:
            raise Unauthorized
        return Entry(await self._user(server, headers), server)

    async def _user(self, server: Server, headers: Headers) -> Caller:
        owner = _owner_of(server.account_id, server.user_id, server.server_id)
        user_token = text_of(headers, USER_TOKEN)
        named = text_of(headers, USER_ID)
        if user_token is not None:
            account_id, user_id = await self._identity.proved_user(user_token, server.public["url"])
            if server.account_id != account_id:
                raise Unauthorized
        elif named is not None and server.is_public and permits_user_by_name(server.policy, named):
            user_id = named
            await self._identity.users.ensure(server.account_id, user_id)
        else:
            return owner
        return replace(owner, user_id=user_id, header=header_value(user_id))


@lru_cache(maxsize=4096)
def _owner_of(account_id: str, user_id: str, server_id: str) -> Caller:
    """The same for each request on one token URL, so that it is made once."""
    return Caller(
        account_id=account_id,
        user_id=user_id,
        principal_id=user_id,
        door="token",
        scopes=frozenset({USE}),
        rate_key=f"server:{server_id}",
        header=header_value(user_id),
    )


def refuse_paused(server: Server) -> None:
    """Raise Forbidden where nobody may use the server now. Asked once it is proved that the caller may know of it."""
    if server.paused:
        raise Forbidden("Server is paused", details={"serverId": server.server_id})


async def server_for(gate: Gate, caller: Caller, server_id: str, headers: Headers) -> Server:
    """The server that this caller may use on `/mcp/{serverId}`: their own, a public one, or one that names them.

    Raises NotFound for any other, as if it were not there, InvalidRequest where `x-mcp-server-id` says another id, and
    Forbidden where the server is paused, or its owner disabled.
    """
    repeated = text_of(headers, b"x-mcp-server-id")
    if repeated not in (None, server_id):
        raise InvalidRequest.of("x-mcp-server-id", "equal", "x-mcp-server-id differs from the server id in the path")
    server = await gate.servers.find_for(server_id, lambda found: _may_use(caller, found))
    if server is None:
        raise NotFound("Server not found", details={"serverId": server_id[:128]})
    refuse_paused(server)
    await _refuse_ownerless(gate, server)
    return server


def _may_use(caller: Caller, server: Server) -> bool:
    owns = server.user_id in (caller.user_id, caller.principal_id)
    lets_in = owns or server.is_public or permits_user_by_name(server.policy, caller.user_id)
    return server.account_id == caller.account_id and lets_in


async def _refuse_ownerless(gate: Gate, server: Server) -> None:
    """Raise Forbidden where the server's owner is disabled: their token URL opens nothing then, and what they have made
    public or shared serves nobody either. It is theirs to answer for, and they are not there.
    """
    try:
        await gate.identity.users.refuse_disabled(server.account_id, server.user_id)
    except Forbidden:
        raise Forbidden("The server's owner is disabled", details={"serverId": server.server_id}) from None


async def revisit(visit: Visit, headers: Headers, stream: Stream) -> Visit:
    """The same visit as it would begin now. Raises what would refuse it: the token, the key, the server, a pause, the
    restrictions on users."""
    # A proved user who is not there is made, but whom an operator has just removed, no open answer may bring back.
    if not await visit.gate.identity.users.exists(visit.caller.account_id, visit.caller.user_id):
        raise Unauthorized
    entry: Entry = await stream.again()
    server = entry.server
    if server is None:
        server = await server_for(visit.gate, entry.caller, visit.server.server_id, headers)
    refuse_paused(server)
    anew = replace(visit, caller=entry.caller, server=server)
    anew.require_permitted_user()
    return anew
