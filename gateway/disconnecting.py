"""Credentials removed for good: here first, and then at their platforms, as far as those can make a token void."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Row

from gateway.access.caller import Caller
from gateway.access.trail import record
from gateway.catalog.catalog import Catalog
from gateway.catalog.model import Connector
from gateway.credentials.keeper import Keeper
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.refresh import KINDS, Refresher
from gateway.credentials.store import Credentials
from gateway.credentials.vault import VaultError
from gateway.errors import ToolgateError
from storage.runner import Store, StoreError

DELETE = "credential.delete"
REVOKE = "credential.revoke"
# Seconds, for all tokens of a user, a connector or an account that is removed.
_ALL = 10.0

log = logging.getLogger(__name__)


class Connectors(Protocol):
    """What of gateway.connectors.Connectors is needed here; it stands beside this room."""

    async def get(self, account_id: str, connector_id: str) -> Connector: ...
    async def remove(self, caller: Caller, connector_id: str) -> int: ...


class Accounts(Protocol):
    """The same of gateway.access.accounts.Accounts."""

    def permit(self, caller: Caller) -> None: ...
    async def delete(self, caller: Caller, account_id: str) -> None: ...


class Parts(Protocol):
    """What of gateway.gate.Gate is needed here; the gate stands above."""

    @property
    def store(self) -> Store: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def connectors(self) -> Connectors: ...
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


async def remove_connector(parts: Parts, caller: Caller, connector_id: str) -> int:
    """Remove a connector of the account's own, its auth configs, and its credentials; returns how many those were.

    Their tokens are made void at the platform, of 100 of them, within ten seconds; what it says takes nothing back.
    Raises ConnectorNotFound, Conflict (a shipped id).
    """
    connector = await parts.connectors.get(caller.account_id, connector_id)
    rows = await parts.keeper.fetched_at(caller.account_id, connector_id)
    # Opened now: by then they are gone, and the connector with them.
    left = [await _leftover(parts, connector, row) for row in rows]
    removed = await parts.connectors.remove(caller, connector_id)
    await _all(_revoked(parts, caller, row, known) for row, known in zip(rows, left, strict=True))
    return removed


async def remove_account(parts: Parts, caller: Caller, account_id: str) -> None:
    """Remove an account with everything that it has; what becomes of its tokens is as for a connector.

    Raises Forbidden, NotFound, Conflict (the default account).
    """
    parts.accounts.permit(caller)
    # The caller's own is the default account, which stays.
    rows = await parts.keeper.fetched_in(account_id) if account_id != caller.account_id else []
    left = []
    for row in rows:
        connector = await parts.catalog.get(account_id, row.connector_id)
        left.append(None if connector is None else await _leftover(parts, connector, row))
    await parts.accounts.delete(caller, account_id)
    await _all(_revoked(parts, caller, row, known) for row, known in zip(rows, left, strict=True))


async def revoke_all(parts: Parts, caller: Caller, rows: Iterable[Row[Any]]) -> None:
    """Make the tokens of credentials void that are gone with their user, within ten seconds. Never raises."""
    await _all(_revoked(parts, caller, row) for row in rows)


class _Leftover(NamedTuple):
    """What a token was got with, of a connector that is gone. No registration: it did not open."""

    connector: Connector
    registration: Registration | None


async def _leftover(parts: Parts, connector: Connector, row: Row[Any]) -> _Leftover:
    try:
        secret = parts.credentials.opened(row)
        return _Leftover(connector, await parts.refresher.registration(row.account_id, connector, secret))
    except ToolgateError as error:
        log.warning("what the token of a credential was got with does not open: %s", error.internal or error.message)
        return _Leftover(connector, None)


async def _all(revocations: Iterable[Coroutine[Any, Any, str]]) -> None:
    tasks = [asyncio.create_task(revocation) for revocation in revocations]
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=_ALL)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
        log.warning("%d tokens of what was removed are not revoked: their platforms took too long", len(late))


async def _revoked(parts: Parts, caller: Caller, row: Row[Any], known: _Leftover | None = None) -> str:
    """Make a token void and put on record what came of it: `revoked`, `failed` or `unsupported`. Never raises."""
    outcome = await _outcome(parts, row, known)
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


async def _outcome(parts: Parts, row: Row[Any], known: _Leftover | None) -> str:
    if row.suspended:
        # The connector leads elsewhere by now, and nobody has confirmed that this may go there.
        return "failed"
    try:
        secret = parts.credentials.opened(row)
    except VaultError as error:
        log.warning("the token of a credential that was removed is not revoked: %s", error.internal)
        return "failed"
    connector = known.connector if known else await parts.catalog.get(row.account_id, row.connector_id)
    if connector is None:
        return "unsupported"
    registration = known.registration if known else None
    return await parts.refresher.revoke(row.account_id, connector, secret, registration)
