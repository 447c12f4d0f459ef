"""The audit trail for those who read it and keep it: asked by account, verified, exported, cut at its old end."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Row

from gateway.access.caller import MANAGE, ME, SERVICE, Caller
from gateway.access.cursors import Cursors
from gateway.access.trail import record
from gateway.activity import moment
from gateway.errors import Forbidden, NotFound
from storage import audit as statements
from storage import identities
from storage.export import Exported, exported
from storage.runner import Store, StoreError
from storage.verification import Report, verify

PRUNE = "audit.prune"
# Places (moment, number of the row) that stand before and behind every other.
_BEGINNING: tuple[str, int] = ("", 0)
_END: tuple[str, int] = ("a", 0)
# How many rows one query may look at, and one request. Others wait while one runs: this many take some milliseconds.
LOOKED_AT = 5_000
_LOOKS = 20
# How many rows are removed in one transaction.
PRUNED_TOGETHER = 500
_AN_HOUR = 3_600

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows; None: whichever. `since` and `until` are RFC 3339 date-times, the second one exclusive."""

    user_id: str | None = None
    event: str | None = None
    server_id: str | None = None
    connector_id: str | None = None
    action_id: str | None = None
    outcome: str | None = None
    request_id: str | None = None
    since: str | None = None
    until: str | None = None


class AuditTrail:
    """Of the database at `path`, whose rows are sealed with `key`."""

    def __init__(self, store: Store, path: Path, key: bytes, cursors: Cursors) -> None:
        self._store = store
        self._path = path
        self._key = key
        self._cursors = cursors

    async def page(
        self, caller: Caller, wanted: Wanted, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The newest `limit` rows that are wanted, or the next ones after `cursor`, and the next cursor.

        An API key that may manage sees the account's rows; who else, their own. One request looks at 100,000 rows at
        most: a page may have fewer rows than there are, even none, and still a cursor to go on with.
        Raises InvalidRequest for a moment or a cursor that is none, and Forbidden for another user's rows.
        """
        user_id = caller.user_id if wanted.user_id == ME else wanted.user_id
        if caller.door != "api_key" or MANAGE not in caller.scopes:
            if user_id not in (None, caller.user_id):
                raise Forbidden("Only an API key with the scope 'manage' sees what other users did")
            user_id = caller.user_id
        since, until = moment("since", wanted.since), moment("until", wanted.until)
        filters = {
            "request_id_": wanted.request_id,
            "user_id_": user_id,
            "server_id_": wanted.server_id,
            "event_": wanted.event,
            "connector_id_": wanted.connector_id,
            "action_id_": wanted.action_id,
            "outcome_": wanted.outcome,
        }
        before = _END if until is None else (until, 0)
        if cursor is not None:
            at, number = self._cursors.open(cursor, caller.account_id)
            before = min(before, (at, number))
        found, going_on = await self._search(caller.account_id, filters, (since or "", 0), before, limit)
        following = None if going_on is None else self._cursors.seal(going_on, caller.account_id)
        return [_public(row) for row in found], following

    async def _search(
        self,
        account_id: str,
        filters: Mapping[str, str | None],
        first: tuple[str, int],
        before: tuple[str, int],
        limit: int,
    ) -> tuple[list[Row[Any]], tuple[str, int] | None]:
        """The rows, and the place to go on before; None: that was all."""
        column = next(name for name in statements.LOOKED_UP_BY if name is None or filters[f"{name}_"] is not None)
        found: list[Row[Any]] = []
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(0)
            bounds = {
                "account_id_": account_id,
                "before_at_": before[0],
                "before_id_": before[1],
                "from_at_": first[0],
                "from_id_": first[1],
            }
            by = {} if column is None else {f"{column}_": filters[f"{column}_"]}
            reach = await self._store.one(statements.REACHES[column], {**bounds, **by, "looked_at_": LOOKED_AT - 1})
            if reach is not None:
                bounds |= {"from_at_": reach.at, "from_id_": reach.audit_id}
            wanted = {**bounds, **filters, "limit_": limit - len(found) + 1}
            found += await self._store.all(statements.PAGES[column], wanted)
            if len(found) > limit:
                last = found[limit - 1]
                return found[:limit], (last.at, last.audit_id)
            if reach is None:
                return found, None
            before = (reach.at, reach.audit_id)
        return found, before

    async def prune(self, caller: Caller, before: str) -> int:
        """Remove the rows at the beginning of the trail that are older than `before`; how many they were.

        Each batch is on record itself, with the number of the last row that it removed. `before` is a moment in the
        form of storage.times.
        """

        def job(connection: Connection) -> int:
            removed, last = statements.prune(connection, before, PRUNED_TOGETHER)
            if removed:
                record(connection, caller, PRUNE, subject=str(last))
            return removed

        total = 0
        while removed := await self._store.write(job):
            total += removed
            if removed < PRUNED_TOGETHER:
                break
            # Others' writes wait meanwhile: they come first.
            await asyncio.sleep(0.01)
        return total

    async def retain(self, days: int) -> None:
        """Remove what is older than so many days, now and every hour, until cancelled."""
        while True:
            try:
                if removed := await self.prune(SERVICE, days_ago(days)):
                    log.info("Removed %d audit rows that are older than %d days.", removed, days)
            except StoreError as error:
                log.warning("Old audit rows could not be removed now: %s", error)
            await asyncio.sleep(_AN_HOUR)

    def verify(self, expect: bytes | None = None) -> Report:
        """Read the whole chain; `expect` is a hash that must be in it. Blocks; raises StoreError."""
        return verify(self._path, self._key, expect)

    async def check_account(self, account_id: str) -> None:
        """Raise NotFound for an account that there is not, and that has left no rows either."""
        this = {"account_id_": account_id}
        for statement in (identities.ACCOUNT, statements.OF_ACCOUNT):
            # Text that a database cannot hold names nothing.
            if "\0" not in account_id and await self._store.one(statement, this) is not None:
                return
        raise NotFound("Account not found", details={"accountId": account_id[:200]})

    def export(self, account_id: str | None, since: str | None, until: str | None) -> Iterator[Exported]:
        """The rows in the order of the chain, of all accounts or one. Blocks; raises StoreError, InvalidRequest."""
        return exported(self._path, account_id, moment("since", since), moment("until", until))


def days_ago(days: int) -> str:
    """The moment so many days ago, in the form of storage.times."""
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _public(row: Row[Any]) -> dict[str, Any]:
    """An `AuditEntry` of the contract."""
    optional = {
        "principalId": row.principal_id,
        "keyId": row.key_id,
        "subject": row.subject,
        "serverId": row.server_id,
        "connectorId": row.connector_id,
        "actionId": row.action_id,
        "upstreamStatus": row.upstream_status,
        "durationMs": row.duration_ms,
        "requestId": row.request_id,
        "arguments": None if row.arguments is None else orjson.loads(row.arguments),
    }
    return {
        "at": row.at,
        "userId": row.user_id,
        "door": row.door,
        "event": row.event,
        "outcome": row.outcome,
        **{name: value for name, value in optional.items() if value is not None},
        "hash": row.hash.hex(),
    }
