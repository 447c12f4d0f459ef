"""Calls that wait for a yes: asked for, given or refused by the server's owner, and spent by the one call they are for.

A row is about one user, one server and one call, by its hash, and counts for ten minutes. It is spent in the database
before the call is sent: of two calls that come at once one finds it, and what a crash interrupts is spent all the same.
What a person confirms at the client that called is kept here too, so that the same word does not count twice.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import Caller
from gateway.access.trail import record
from gateway.credentials.sealed import bound_approval
from gateway.credentials.vault import Vault
from gateway.errors import ApprovalRequired, Conflict, Forbidden, NotFound
from gateway.moments import epoch, new_id
from storage import approvals as statements
from storage.runner import Store
from storage.times import now, of_epoch

LIFETIME = 600
MOST_PENDING_OF_USER = 20
MOST_PENDING_OF_SERVER = 200
# Whatever is no id of ours is not asked for: the text may hold what a database cannot.
_ID = re.compile(r"[0-9a-f]{24}")
# How much longer than it counts a client's word is remembered.
_REMEMBERED = 3600

Decision = Literal["approve", "deny"]
# To which state a decision leads, and from which.
_DECISIONS: Mapping[str, tuple[str, list[str]]] = {
    "approve": ("approved", ["pending"]),
    "deny": ("denied", ["pending", "approved"]),
}
_EVENTS = {"approve": "approval.give", "deny": "approval.deny"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a destructive action. `digest` is SHA-256 of everything that makes it this call and no other."""

    server_id: str
    connector_id: str
    action_id: str
    digest: bytes
    # What the owner reads: `{"arguments", "argumentsShortened", "credentialId"?}`.
    shown: Mapping[str, Any] = field(repr=False)


class Approvals:
    """Every method is about one server; whether the caller may act there has been decided before."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def require(self, caller: Caller, call: Call) -> None:
        """Spend the approval that the owner has given for this very call.

        Raises ApprovalRequired where there is none yet, also where too many calls wait for the owner already, and
        Forbidden where the owner has refused this one.
        """

        def ask(connection: Connection) -> dict[str, Any]:
            return self._row(connection, caller, call, asked_of="owner", status="pending")

        found = await self._store.write(lambda connection: _spend_or_ask(connection, caller, call, ask))
        if found is None:
            raise ApprovalRequired(
                f"Too many calls wait for an approval (at most {MOST_PENDING_OF_USER} of a user and "
                f"{MOST_PENDING_OF_SERVER} at a server); try again when some are decided or over",
                details={"serverId": call.server_id},
            )
        about = {
            "approvalId": found.approval_id,
            "serverId": call.server_id,
            "connectorId": call.connector_id,
            "actionId": call.action_id,
            "expiresAt": of_epoch(found.expires_at),
        }
        if found.status == "denied":
            raise Forbidden("The server's owner has refused this call", details=about)
        if found.status == "pending":
            raise ApprovalRequired(
                "Nothing was done: this server's owner must approve the call first, with POST "
                f"/api/servers/{call.server_id}/approvals/{found.approval_id} or `toolgate approvals give "
                f"{found.approval_id}`; then send the same call once more",
                details=about,
            )

    async def note_question(self, caller: Caller, call: Call, approval_id: str) -> None:
        """Put on record that whoever sits at the client is asked."""
        await self._store.write(lambda connection: _record(connection, caller, "approval.ask", call, approval_id))

    async def settle(self, caller: Caller, call: Call, approval_id: str, *, confirmed: bool) -> None:
        """Take the word of whoever sits at the client: once, whatever it is. Raises Conflict for a second time."""
        status = "used" if confirmed else "denied"

        def job(connection: Connection) -> None:
            _purge(connection)
            row = self._row(connection, caller, call, asked_of="client", status=status, approval_id=approval_id)
            connection.execute(statements.INSERT, {**row, "decided_at": now(), "decided_by": caller.user_id})
            for event in ("approval.give", "approval.use") if confirmed else ("approval.deny",):
                _record(connection, caller, event, call, approval_id)

        try:
            await self._store.write(job)
        except IntegrityError:
            raise Conflict(
                "This confirmation has been used; send the call again without it, to be asked once more"
            ) from None

    async def page(
        self, account_id: str, server_id: str, status: str | None, limit: int, offset: int
    ) -> tuple[list[dict[str, Any]], int]:
        """What is not over yet, the newest first, without arguments: `ApprovalSummary` of the contract."""
        wanted = {"account_id_": account_id, "server_id_": server_id, "status_": status, "now_": epoch()}
        rows = await self._store.all(statements.PAGE, {**wanted, "limit_": limit, "offset_": offset})
        total = await self._store.one(statements.COUNT, wanted)
        return [_public(row) for row in rows], total[0] if total else 0

    async def of_account(self, account_id: str) -> list[dict[str, Any]]:
        """The same of every server of an account. For the operator."""
        wanted = {"account_id_": account_id, "now_": epoch()}
        return [_public(row) for row in await self._store.all(statements.OF_ACCOUNT, wanted)]

    async def get(self, account_id: str, server_id: str, approval_id: str) -> dict[str, Any]:
        """The same of one, with `arguments`: `Approval` of the contract. Raises NotFound, VaultError."""
        row = None
        if _ID.fullmatch(approval_id):
            row = await self._store.one(statements.ONE, _this(account_id, server_id, approval_id))
        if row is None:
            raise _not_found(approval_id)
        return self._whole(row)

    async def decide(self, caller: Caller, server_id: str, approval_id: str, decision: Decision) -> dict[str, Any]:
        """Give or refuse an approval, for the server's owner. What is so already stays as it is.

        An approval that was given can be taken back as long as it is not spent. Raises NotFound, and Conflict where it
        was refused or spent.
        """
        if not _ID.fullmatch(approval_id):
            raise _not_found(approval_id)
        status, sources = _DECISIONS[decision]
        this = _this(caller.account_id, server_id, approval_id)

        def job(connection: Connection) -> Row[Any]:
            moment = now()
            changed = {"status_": status, "from_": sources, "at_": moment, "by_": caller.user_id}
            row = connection.execute(statements.DECIDE, {**this, **changed}).first()
            if row is not None:
                about = {"server_id": server_id, "connector_id": row.connector_id, "action_id": row.action_id}
                record(connection, caller, _EVENTS[decision], **about, subject=approval_id, at=moment)
                return row
            row = connection.execute(statements.ONE, this).first()
            if row is None:
                raise _not_found(approval_id)
            if row.status != status or row.asked_of != "owner":
                raise Conflict(
                    f"The approval is {row.status} already", details={"approvalId": approval_id, "status": row.status}
                )
            return row

        return self._whole(await self._store.write(job))

    def _whole(self, row: Row[Any]) -> dict[str, Any]:
        return {**_public(row), **orjson.loads(self._vault.open(row.sealed, row.sealed_by, bound_approval(row)))}

    def _row(
        self,
        connection: Connection,
        caller: Caller,
        call: Call,
        *,
        asked_of: str,
        status: str,
        approval_id: str | None = None,
    ) -> dict[str, Any]:
        values: dict[str, Any] = {
            "approval_id": approval_id or new_id(),
            "account_id": caller.account_id,
            "server_id": call.server_id,
            "user_id": caller.user_id,
            "connector_id": call.connector_id,
            "action_id": call.action_id,
            "argument_hash": call.digest,
            "asked_of": asked_of,
            "status": status,
            "created_at": now(),
            "expires_at": epoch() + LIFETIME,
        }
        bound_to = bound_approval(SimpleNamespace(**values))
        sealed, sealed_by = self._vault.seal(orjson.dumps(dict(call.shown)), bound_to, connection)
        return {**values, "sealed": sealed, "sealed_by": sealed_by}


def _spend_or_ask(
    connection: Connection, caller: Caller, call: Call, ask: Callable[[Connection], Mapping[str, Any]]
) -> Row[Any] | None:
    """Part of a write job. The row that was spent, the one that the call must wait for or is refused by, or None where
    no more may wait."""
    moment = epoch()
    server = {"account_id_": caller.account_id, "server_id_": call.server_id, "now_": moment}
    same = {**server, "user_id_": caller.user_id, "argument_hash_": call.digest}
    _purge(connection)
    spent = connection.execute(statements.USE, same).first()
    if spent is not None:
        _record(connection, caller, "approval.use", call, spent.approval_id)
        return spent
    waiting = connection.execute(statements.OPEN, same).first()
    if waiting is not None:
        return waiting
    of_user = connection.execute(statements.PENDING_OF_USER, {**server, "user_id_": caller.user_id}).scalar_one()
    of_server = connection.execute(statements.PENDING_OF_SERVER, server).scalar_one()
    if of_user >= MOST_PENDING_OF_USER or of_server >= MOST_PENDING_OF_SERVER:
        return None
    values = ask(connection)
    _record(connection, caller, "approval.ask", call, values["approval_id"])
    asked: Row[Any] = connection.execute(statements.INSERT, values).one()
    return asked


def _purge(connection: Connection) -> None:
    moment = epoch()
    connection.execute(statements.PURGE, {"now_": moment, "before_": moment - _REMEMBERED})


def _record(connection: Connection, caller: Caller, event: str, call: Call, approval_id: str) -> None:
    record(
        connection,
        caller,
        event,
        server_id=call.server_id,
        connector_id=call.connector_id,
        action_id=call.action_id,
        subject=approval_id,
    )


def _public(row: Row[Any]) -> dict[str, Any]:
    decided = {} if row.decided_at is None else {"decidedAt": row.decided_at, "decidedBy": row.decided_by}
    return {
        "approvalId": row.approval_id,
        "serverId": row.server_id,
        "userId": row.user_id,
        "connectorId": row.connector_id,
        "actionId": row.action_id,
        "status": row.status,
        "askedOf": row.asked_of,
        "createdAt": row.created_at,
        "expiresAt": of_epoch(row.expires_at),
        **decided,
    }


def _this(account_id: str, server_id: str, approval_id: str) -> dict[str, Any]:
    return {"account_id_": account_id, "server_id_": server_id, "approval_id_": approval_id, "now_": epoch()}


def _not_found(approval_id: str) -> NotFound:
    return NotFound("Approval not found", details={"approvalId": approval_id[:24]})
