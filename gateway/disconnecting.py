"""Credentials removed for good: here first, and then at their platforms, as far as those can make a token void."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from sqlalchemy import Row

from gateway.access.caller import Caller
from gateway.access.trail import record
from gateway.catalog.catalog import Catalog
from gateway.catalog.model import Connector
from gateway.credentials.keeper import Keeper
from gateway.credentials.oauth.refresh import KINDS, Refresher
from gateway.credentials.store import Credentials
from gateway.credentials.vault import VaultError
from storage.runner import Store, StoreError

DELETE = "credential.delete"
REVOKE = "credential.revoke"
# Seconds, for all tokens of a user who is removed.
_ALL = 10.0

log = logging.getLogger(__name__)


class Parts(Protocol):
    """What of gateway.gate.Gate is needed here; the gate stands above."""

    @property
    def store(self) -> Store: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def keeper(self) -> Keeper: ...
    @property
    def refresher(self) -> Refresher: ...


async def disconnect(
    parts: Parts, caller: Caller, user_id: str, credential_id: str, connector_id: str | None = None
) -> dict[str, Any]:
    """Remove a user's credential: `{"success": true, "revocation"?}`, the latter of OAuth alone.

    What the platform says to it, or does not, takes nothing back. Raises NotFound.
    """
    row = await parts.keeper.delete(
        caller.account_id,
        user_id,
        credential_id,
        connector_id,
        also=lambda connection, of: record(connection, caller, DELETE, connector_id=of),
    )
    if row.authentication_type not in KINDS:
        return {"success": True}
    return {"success": True, "revocation": await _revoked(parts, caller, row)}


async def revoke_all(parts: Parts, caller: Caller, rows: Iterable[Row[Any]]) -> None:
    """Make the tokens of credentials void that are gone with their user, within ten seconds. Never raises."""
    tasks = [asyncio.create_task(_revoked(parts, caller, row)) for row in rows]
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=_ALL)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
        log.warning("%d tokens of a user who was removed are not revoked: their platforms took too long", len(late))


async def _revoked(parts: Parts, caller: Caller, row: Row[Any]) -> str:
    try:
        secret = parts.credentials.opened(row)
    except VaultError as error:
        log.warning("the token of a credential that was removed is not revoked: %s", error.internal)
        return "failed"
    connector: Connector | None = await parts.catalog.get(caller.account_id, row.connector_id)
    if connector is None:
        return "unsupported"
    outcome = await parts.refresher.revoke(caller.account_id, connector, secret)
    said = "ok" if outcome == "revoked" else outcome
    try:
        await parts.store.write(
            lambda connection: record(
                connection,
                caller,
                REVOKE,
                connector_id=row.connector_id,
                subject=row.credential_id,
                outcome=said,
            )
        )
    except StoreError as error:
        log.error("a revocation is not on record: %s", error)
    return outcome
