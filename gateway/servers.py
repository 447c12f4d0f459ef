"""The life of a server: created, found, listed, updated, deleted. Found ones are kept in memory until they change."""

import re
import secrets
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import ME, Caller
from gateway.access.policy import Policy, compile_policy
from gateway.access.tokens import TokenIssuer, new_nonce
from gateway.errors import Conflict, NotFound
from gateway.moments import epoch
from storage import audit, identities
from storage import servers as statements
from storage.runner import Store
from storage.times import now

_SECTIONS = ("connectors", "actions", "users")
_SERVER_ID = re.compile(r"[a-z0-9-]{1,128}")
_SUFFIX = string.ascii_lowercase + string.digits
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
    policy: Policy
    token_nonce: bytes
    # Seconds since 1970; None: never.
    token_expires_at: int | None
    version: int
    # The schema `Server` of the contract, as an object and as bytes.
    public: Mapping[str, Any]
    encoded: bytes


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

    async def get(self, caller: Caller, server_id: str) -> Server:
        """The caller's server. Raises NotFound."""
        server = await self.find(server_id)
        if server is None or (server.account_id, server.user_id) != (caller.account_id, caller.user_id):
            raise _not_found(server_id)
        return server

    async def page(self, caller: Caller, limit: int, offset: int) -> tuple[list[Mapping[str, Any]], int]:
        """The caller's servers from `offset`, the oldest first, and how many there are in all."""
        mine = {"account_id_": caller.account_id, "user_id_": caller.user_id}
        rows = await self._store.all(statements.PAGE, {**mine, "limit_": limit, "offset_": offset})
        total = await self._store.one(statements.COUNT, mine)
        return [self._from_row(row).public for row in rows], total[0] if total else 0

    async def create(self, caller: Caller, body: Mapping[str, Any]) -> tuple[Server, str]:
        """A new server of the caller and its token. `body` is a valid `CreateServer`.

        Raises Conflict where the caller has a server of this name.
        """
        restrictions = _stored(body.get("restrictions"), caller)
        compile_policy(restrictions)
        moment = now()
        days = body.get("tokenExpiresInDays")
        values = {
            "account_id": caller.account_id,
            "user_id": caller.user_id,
            "server_id": _new_server_id(body["name"]),
            "name": body["name"],
            "name_key": name_key(body["name"]),
            "description": body.get("description", ""),
            "custom_instructions": body.get("customInstructions", ""),
            "is_public": body.get("isPublic", False),
            "mode": body.get("mode", "connectivity"),
            "restrictions": _encoded(restrictions),
            "token_nonce": new_nonce(),
            "token_expires_at": None if days is None else epoch() + int(days) * _SECONDS_A_DAY,
            "version": 1,
            "created_at": moment,
            "updated_at": moment,
        }

        def job(connection: Connection) -> Row[Any]:
            identities.ensure_user(connection, caller.account_id, caller.user_id, moment)
            row = connection.execute(statements.INSERT, values).one()
            _record(connection, caller, "server.create", row.server_id, moment)
            return row

        server = self._from_row(await self._write(job))
        return server, self._tokens.issue(server.server_id, server.token_nonce)

    async def update(self, caller: Caller, server_id: str, body: Mapping[str, Any]) -> Server:
        """Change what the body names; `restrictions`, when named, replace all that were there before.

        Raises NotFound, and Conflict where another server of the caller has the name.
        """
        restrictions = _stored(body.get("restrictions"), caller)
        compile_policy(restrictions)
        moment = now()
        name = body.get("name")
        values = {
            "server_id_": server_id,
            "account_id_": caller.account_id,
            "user_id_": caller.user_id,
            "name_": name,
            "name_key_": None if name is None else name_key(name),
            "description_": body.get("description"),
            "custom_instructions_": body.get("customInstructions"),
            "is_public_": body.get("isPublic"),
            "mode_": body.get("mode"),
            "restrict_": int("restrictions" in body),
            "restrictions_": _encoded(restrictions),
            "now_": moment,
        }

        def job(connection: Connection) -> Row[Any]:
            row = connection.execute(statements.UPDATE, values).first()
            if row is None:
                raise _not_found(server_id)
            _record(connection, caller, "server.update", server_id, moment)
            return row

        return self._from_row(await self._write(job))

    async def delete(self, caller: Caller, server_id: str) -> None:
        """Remove the server for good. Raises NotFound."""
        this = {"server_id_": server_id, "account_id_": caller.account_id, "user_id_": caller.user_id}

        def job(connection: Connection) -> None:
            if connection.execute(statements.DELETE, this).first() is None:
                raise _not_found(server_id)
            _record(connection, caller, "server.delete", server_id, now())

        await self._write(job)
        self._remembered.pop(server_id, None)

    def token_is_valid(self, server: Server, token: str) -> bool:
        """Whether this is the server's present token and has not expired. Constant time in the token."""
        expired = server.token_expires_at is not None and server.token_expires_at <= epoch()
        return self._tokens.matches(token, server.server_id, server.token_nonce) and not expired

    async def _write(self, job: Any) -> Any:
        try:
            return await self._store.write(job)
        except IntegrityError:
            raise Conflict(
                "name is taken by another of your servers", details={"field": "name", "rule": "unique"}
            ) from None

    def _from_row(self, row: Row[Any]) -> Server:
        restrictions = orjson.loads(row.restrictions) if row.restrictions else {}
        policy = compile_policy(restrictions)
        url = f"{self._public_url}/mcp/{row.server_id}"
        public = {
            "serverId": row.server_id,
            "name": row.name,
            "description": row.description,
            "url": url,
            "accessUrl": f"{url}/{self._tokens.issue(row.server_id, row.token_nonce)}",
            "restrictions": restrictions,
            "hasRestrictions": policy.restricts_anything,
            "customInstructions": row.custom_instructions,
            "isPublic": row.is_public,
            "mode": row.mode,
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
            token_nonce=row.token_nonce,
            token_expires_at=row.token_expires_at,
            version=row.version,
            public=public,
            encoded=orjson.dumps(public),
        )


def name_key(name: str) -> str:
    """What "unique per user" compares: NFKC and casefolded, so that Ⓐ, A and a are one name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def slug(name: str) -> str:
    """The ASCII letters and digits of a name, joined by hyphens; `server` where it has none."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "server"


def _new_server_id(name: str) -> str:
    return f"{slug(name)}-{''.join(secrets.choice(_SUFFIX) for _ in range(8))}"


def _stored(restrictions: Mapping[str, Any] | None, caller: Caller) -> dict[str, Any] | None:
    """Restrictions as they are kept: without sections that are null, which the documented answer does not know, and
    with the caller's id for `me`, which must not mean somebody else when another reads it."""
    if restrictions is None:
        return None
    kept = {name: dict(restrictions[name]) for name in _SECTIONS if restrictions.get(name) is not None}
    users = kept.get("users", {})
    for name in ("allowedIds", "blockedIds"):
        if name in users:
            users[name] = [caller.user_id if user_id == ME else user_id for user_id in users[name]]
    return kept


def _encoded(restrictions: Mapping[str, Any] | None) -> str | None:
    return orjson.dumps(restrictions).decode() if restrictions else None


def _not_found(server_id: str) -> NotFound:
    return NotFound("Server not found", details={"serverId": server_id[:128]})


def _record(connection: Connection, caller: Caller, event: str, server_id: str, moment: str) -> None:
    audit.record(
        connection,
        at=moment,
        account_id=caller.account_id,
        user_id=caller.user_id,
        door=caller.door,
        event=event,
        server_id=server_id,
    )
