"""Who calls on a token URL: the server's owner, or whom a header proves or the server's restrictions name."""

from dataclasses import replace

from gateway.access.caller import DEFAULT_ACCOUNT, USE, Caller, header_value
from gateway.access.identity import USER_ID, USER_TOKEN, Headers, Identity, text_of
from gateway.access.policy import permits_user_by_name
from gateway.errors import Unauthorized
from gateway.servers import Server, Servers


class TokenDoor:
    """Checks `/mcp/{serverId}/{accessToken}`."""

    def __init__(self, servers: Servers, identity: Identity) -> None:
        self._servers = servers
        self._identity = identity

    async def enter(self, server_id: str, token: str, headers: Headers) -> tuple[Caller, Server]:
        """The caller and the server. Unknown, wrong, expired, rotated and deleted all read the same: Unauthorized."""
        server = await self._servers.find(server_id)
        if server is None or not self._servers.token_is_valid(server, token):
            raise Unauthorized
        return await self._user(server, headers), server

    async def _user(self, server: Server, headers: Headers) -> Caller:
        owner = Caller(
            account_id=server.account_id,
            user_id=server.user_id,
            principal_id=server.user_id,
            door="token",
            scopes=frozenset({USE}),
            rate_key=f"server:{server.server_id}",
            header=header_value(server.user_id),
        )
        user_token = text_of(headers, USER_TOKEN)
        named = text_of(headers, USER_ID)
        if user_token is not None:
            user_id = await self._identity.proved_user(user_token)
            # Until an account has JWT issuers of its own, a JWT proves a user of the default account and of no other.
            if server.account_id != DEFAULT_ACCOUNT:
                raise Unauthorized
        elif named is not None and server.is_public and permits_user_by_name(server.policy, named):
            user_id = named
            await self._identity.users.ensure(server.account_id, user_id)
        else:
            return owner
        return replace(owner, user_id=user_id, header=header_value(user_id))
