"""The life of a server, from its creation to its end. Servers that were found are kept in memory until they change."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any

import orjson
from sqlalchemy import Connection, Executable, Row
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import Caller
from gateway.access.policy import Policy, compile_policy
from gateway.access.restrictions import decoded, encoded, kept
from gateway.access.tokens import TokenIssuer, new_nonce
from gateway.access.trail import record
from gateway.access.users import ensure_caller
from gateway.errors import Conflict, NotFound, PreconditionFailed
from gateway.moments import epoch
from gateway.names import name_key, new_server_id
from gateway.versions import Tags, named, tag
from storage import servers as statements
from storage.runner import Store
from storage.times import now

_SERVER_ID = re.compile(r"[a-z0-9-]{1,128}")
_MOST_REMEMBERED = 10_000
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server as it stands, with its restrictions compiled and its documented JSON ready to send."""

    server_id: str
    account_id: str
    user_id: str
    name: str
    custom_instructions: str
    is_public: bool
    mode: str
    # With the flag `readOnly` in it.
    policy: Policy
    # Whether a destructive action wants a yes first.
    confirm_destructive: bool
    # Of its token URL; made once, because that costs more than all other checks of a call.
    token: bytes = field(repr=False)
    # Seconds since 1970; None: never.
    token_expires_at: int | None
    version: int
    # Names this state of this server and no other: in quotes, its ETag.
    tag: str
    paused: bool
    # The schema `Server` of the contract, as an object and as bytes.
    public: Mapping[str, Any]
    encoded: bytes

    @property
    def safety(self) -> dict[str, Any]:
        """The schema `Safety` of the contract."""
        return {
            "serverId": self.server_id,
            "readOnly": self.policy.read_only,
            "confirmDestructive": self.confirm_destructive,
        }


class Servers:
    """Everything that is done to servers. A server of another user or account is NotFound, as if it were not there."""

    def __init__(self, store: Store, tokens: TokenIssuer, public_url: str) -> None:
        self._store = store
        self._tokens = tokens
        self._public_url = public_url
        # Server and the generation of the store at which it was last known to be current.
        self._remembered: dict[str, tuple[Server, int]] = {}

    async def find(self, server_id: str) -> Server | None:
        """The server of any account, as the store has it now; None if there is none. For the MCP doors."""
        generation = self._store.generation()
        held = self._remembered.get(server_id)
        if held is not None and held[1] == generation:
            return held[0]
        if not _SERVER_ID.fullmatch(server_id):
            return None
        row = await self._store.one(statements.BY_ID, {"server_id_": server_id})
        if row is None:
            self._remembered.pop(server_id, None)
            return None
        # Something was configured meanwhile; most likely not this one, so that what was compiled still serves.
        server = held[0] if held is not None and held[0].version == row.version else self._from_row(row)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[server_id] = (server, generation)
        return server

    async def find_for(self, server_id: str, may_know: Callable[[Server], bool]) -> Server | None:
        """The server, if whoever asks may know of it; None for what is another's as for what is not there.

        Both after the same statements: what is remembered would be refused sooner, and so tell that it is there.
        """
        held = self._remembered.get(server_id)
        server = await self.find(server_id)
        if server is None or may_know(server):
            return server
        if held is not None and self._remembered.get(server_id) is held:
            await self._store.one(statements.BY_ID, {"server_id_": server_id})
        return None

    async def get(self, caller: Caller, server_id: str) -> Server:
        """The caller's server. Raises NotFound."""
        whose = (caller.account_id, caller.user_id)
        server = await self.find_for(server_id, lambda server: (server.account_id, server.user_id) == whose)
        if server is None:
            raise _not_found(server_id)
        return server

    async def page(
        self, caller: Caller, limit: int, offset: int, part: str | None = None
    ) -> tuple[list[Mapping[str, Any]], int]:
        """The caller's servers from `offset`, the oldest first, and how many there are in all.

        With `part`, only those whose name contains it, whatever the case.
        """
        wanted: dict[str, Any] = {"account_id_": caller.account_id, "user_id_": caller.user_id}
        page, count = statements.PAGE, statements.COUNT
        if part is not None:
            wanted["part_"] = statements.containing(name_key(part))
            page, count = statements.PAGE_NAMED, statements.COUNT_NAMED
        rows = await self._store.all(page, {**wanted, "limit_": limit, "offset_": offset})
        total = await self._store.one(count, wanted)
        return [self._from_row(row).public for row in rows], total[0] if total else 0

    async def of_account(self, account_id: str) -> list[Server]:
        """Every server of the account, the oldest first. For the operator."""
        return [
            self._from_row(row) for row in await self._store.all(statements.OF_ACCOUNT, {"account_id_": account_id})
        ]

    async def create(self, caller: Caller, body: Mapping[str, Any]) -> tuple[Server, str]:
        """A new server of the caller and its token. `body` is a valid `CreateServer`.

        Raises Conflict where the caller has a server of this name.
        """
        restrictions = kept(body.get("restrictions"), caller.user_id)
        compile_policy(restrictions)
        moment = now()
        days = body.get("tokenExpiresInDays")
        values = {
            "account_id": caller.account_id,
            "user_id": caller.user_id,
            "server_id": new_server_id(body["name"]),
            "name": body["name"],
            "name_key": name_key(body["name"]),
            "description": body.get("description", ""),
            "custom_instructions": body.get("customInstructions", ""),
            "is_public": body.get("isPublic", False),
            "mode": body.get("mode", "connectivity"),
            "read_only": body.get("readOnly", False),
            "confirm_destructive": body.get("confirmDestructive", False),
            "restrictions": encoded(restrictions),
            "token_nonce": new_nonce(),
            "token_expires_at": None if days is None else epoch() + int(days) * _SECONDS_A_DAY,
            "version": 1,
            "paused": False,
            "created_at": moment,
            "updated_at": moment,
        }

        def job(connection: Connection) -> Row[Any]:
            ensure_caller(connection, caller)
            row = connection.execute(statements.INSERT, values).one()
            record(connection, caller, "server.create", server_id=row.server_id, at=moment)
            return row

        server = self._from_row(await self._write(job))
        return server, server.token.decode()

    async def update(self, caller: Caller, server_id: str, body: Mapping[str, Any], tags: Tags = None) -> Server:
        """Change what the body names; `restrictions`, when named, replace all that were there before.

        Raises NotFound, PreconditionFailed where `tags` are given and none is the server's present one, and Conflict
        where another server of the caller has the name.
        """
        restrictions = kept(body.get("restrictions"), caller.user_id)
        compile_policy(restrictions)
        moment = now()
        name = body.get("name")
        values = {
            "name_": name,
            "name_key_": None if name is None else name_key(name),
            "description_": body.get("description"),
            "custom_instructions_": body.get("customInstructions"),
            "is_public_": body.get("isPublic"),
            "mode_": body.get("mode"),
            "restrict_": int("restrictions" in body),
            "restrictions_": encoded(restrictions),
            "now_": moment,
        }

        pair = (statements.UPDATE, statements.UPDATE_EXPECTED)
        return self._from_row(await self._change(caller, server_id, "server.update", pair, values, tags))

    async def make_safe(self, caller: Caller, server_id: str, body: Mapping[str, Any], tags: Tags = None) -> Server:
        """Set the flags `readOnly` and `confirmDestructive` that the body names. Raises as `update` does."""
        values = {
            "read_only_": body.get("readOnly"),
            "confirm_destructive_": body.get("confirmDestructive"),
            "now_": now(),
        }
        pair = (statements.SAFETY, statements.SAFETY_EXPECTED)
        return self._from_row(await self._change(caller, server_id, "server.safety", pair, values, tags))

    async def rotate_token(
        self, caller: Caller, server_id: str, body: Mapping[str, Any], tags: Tags = None
    ) -> tuple[Server, str]:
        """Give the server another token, which is returned; the one before opens nothing from now on.

        `body` may say `tokenExpiresInDays`, None being never; else the expiry stays. Raises as `update` does.
        """
        days = body.get("tokenExpiresInDays")
        values = {
            "nonce_": new_nonce(),
            "expire_": int("tokenExpiresInDays" in body),
            "expires_at_": None if days is None else epoch() + int(days) * _SECONDS_A_DAY,
            "now_": now(),
        }
        pair = (statements.ROTATE, statements.ROTATE_EXPECTED)
        row = await self._change(caller, server_id, "server.rotate-token", pair, values, tags)
        return self._from_row(row), self._tokens.issue(server_id, row.token_nonce)

    async def pause(self, caller: Caller, server_id: str, paused: bool) -> Server:
        """Let the server answer nobody, or everybody again. What is so already stays as it is. Raises NotFound."""
        this = _this(caller, server_id)

        def job(connection: Connection) -> Row[Any]:
            moment = now()
            row = connection.execute(statements.PAUSE, {**this, "paused_": paused, "now_": moment}).first()
            if row is not None:
                record(
                    connection, caller, "server.pause" if paused else "server.resume", server_id=server_id, at=moment
                )
            else:
                row = connection.execute(statements.MINE, this).first()
            if row is None:
                raise _not_found(server_id)
            return row

        return self._from_row(await self._write(job))

    async def delete(self, caller: Caller, server_id: str, tags: Tags = None) -> None:
        """Remove the server for good. Raises NotFound, and PreconditionFailed as `update` does."""
        pair = (statements.DELETE, statements.DELETE_EXPECTED)
        await self._change(caller, server_id, "server.delete", pair, {}, tags)
        self._remembered.pop(server_id, None)

    def token_is_valid(self, server: Server, token: str) -> bool:
        """Whether this is the server's present token and has not expired. Constant time in the token."""
        expired = server.token_expires_at is not None and server.token_expires_at <= epoch()
        return compare_digest(token.encode("utf-8", "surrogatepass"), server.token) and not expired

    async def _change(
        self,
        caller: Caller,
        server_id: str,
        event: str,
        pair: tuple[Executable, Executable],
        values: Mapping[str, Any],
        tags: Tags,
    ) -> Row[Any]:
        """Run one statement on the caller's server: the first of the pair, or with tags the second, which asks for
        their versions itself, so that of two writers with the same tag one finds no row."""
        this = _this(caller, server_id)
        asked = {**this, **values}
        statement = pair[0]
        if tags is not None:
            statement = pair[1]
            asked["versions_"] = named(self._url(server_id), tags)

        def job(connection: Connection) -> Row[Any]:
            row = connection.execute(statement, asked).first()
            if row is None:
                if tags is None or connection.execute(statements.MINE, this).first() is None:
                    raise _not_found(server_id)
                raise PreconditionFailed(
                    "The server is not in the state that If-Match names", details={"field": "If-Match", "rule": "match"}
                )
            record(connection, caller, event, server_id=server_id, at=values.get("now_"))
            return row

        return await self._write(job)

    def _url(self, server_id: str) -> str:
        return f"{self._public_url}/mcp/{server_id}"

    async def _write(self, job: Callable[[Connection], Row[Any]]) -> Row[Any]:
        try:
            return await self._store.write(job)
        except IntegrityError:
            raise Conflict(
                "name is taken by another of your servers", details={"field": "name", "rule": "unique"}
            ) from None

    def _from_row(self, row: Row[Any]) -> Server:
        restrictions = decoded(row.restrictions)
        policy = compile_policy(restrictions, read_only=row.read_only)
        url = self._url(row.server_id)
        token = self._tokens.issue(row.server_id, row.token_nonce)
        public = {
            "serverId": row.server_id,
            "name": row.name,
            "description": row.description,
            "url": url,
            "accessUrl": f"{url}/{token}",
            "restrictions": restrictions,
            "hasRestrictions": policy.restricts_anything,
            "customInstructions": row.custom_instructions,
            "isPublic": row.is_public,
            "mode": row.mode,
            "paused": row.paused,
            "createdAt": row.created_at,
            "updatedAt": row.updated_at,
        }
        return Server(
            server_id=row.server_id,
            account_id=row.account_id,
            user_id=row.user_id,
            name=row.name,
            custom_instructions=row.custom_instructions,
            is_public=row.is_public,
            mode=row.mode,
            policy=policy,
            confirm_destructive=row.confirm_destructive,
            token=token.encode(),
            token_expires_at=row.token_expires_at,
            version=row.version,
            tag=tag(url, row.version),
            paused=row.paused,
            public=public,
            encoded=orjson.dumps(public),
        )


def _this(caller: Caller, server_id: str) -> dict[str, Any]:
    return {"server_id_": server_id, "account_id_": caller.account_id, "user_id_": caller.user_id}


def _not_found(server_id: str) -> NotFound:
    return NotFound("Server not found", details={"serverId": server_id[:128]})
