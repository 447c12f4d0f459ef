"""Accounts: each has users, keys, servers, connectors and credentials of its own, and sees nothing of another's.

The operator's is the default account; the others are made and removed by its keys and by the command line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER, Caller
from gateway.access.keys import ApiKeys, NewKey
from gateway.access.trail import record
from gateway.errors import Conflict, Forbidden, NotFound
from gateway.moments import new_id
from storage import identities
from storage.runner import Store

_ACCOUNT_ID = re.compile(r"[a-z0-9]{1,24}")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account with its first key, whose user is `user_id`."""

    account: Mapping[str, Any]
    user_id: str
    key: NewKey


class Accounts:
    """Every method raises Forbidden unless the caller is of the default account."""

    def __init__(self, store: Store, keys: ApiKeys) -> None:
        self._store = store
        self._keys = keys

    def permit(self, caller: Caller) -> None:
        """Raise Forbidden unless the caller may do anything here."""
        _permit(caller)

    async def page(self, caller: Caller, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
        """The accounts from `offset`, the oldest first, and how many there are in all."""
        _permit(caller)
        rows = await self._store.all(identities.ACCOUNTS, {"limit_": limit, "offset_": offset})
        total = await self._store.one(identities.COUNT_ACCOUNTS)
        return [_public(row) for row in rows], total[0] if total else 0

    async def create(self, caller: Caller, name: str) -> NewAccount:
        """A new account with a first user and their key, in one transaction."""
        _permit(caller)
        account_id = new_id()
        made: list[Row[Any]] = []

        def also(connection: Connection, _: str) -> None:
            values = {"account_id_": account_id, "name_": name, "disabled_": None}
            made.append(connection.execute(identities.UPDATE_ACCOUNT, values).one())
            record(connection, caller, "account.create", subject=account_id)

        key = await self._keys.create(account_id, FIRST_USER, also=also, new_account=True)
        return NewAccount(_public(made[0]), FIRST_USER, key)

    async def update(self, caller: Caller, account_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change `name` or `disabled`, what of them is named. Raises NotFound, Conflict (the default account)."""
        _permit(caller)
        values = {**_this(account_id), "name_": body.get("name"), "disabled_": body.get("disabled")}
        if body.get("disabled") and account_id == DEFAULT_ACCOUNT:
            raise Conflict("The operator's own account cannot be disabled", details={"accountId": account_id})

        def job(connection: Connection) -> Row[Any]:
            row = connection.execute(identities.UPDATE_ACCOUNT, values).first()
            if row is None:
                raise _not_found(account_id)
            record(connection, caller, "account.update", subject=account_id)
            return row

        return _public(await self._store.write(job))

    async def delete(self, caller: Caller, account_id: str) -> None:
        """Remove an account with everything that it has. Raises NotFound, Conflict (the default account)."""
        _permit(caller)
        this = _this(account_id)
        if account_id == DEFAULT_ACCOUNT:
            raise Conflict("The operator's own account cannot be deleted", details={"accountId": account_id})

        def job(connection: Connection) -> None:
            if connection.execute(identities.DELETE_ACCOUNT, this).first() is None:
                raise _not_found(account_id)
            record(connection, caller, "account.delete", subject=account_id)

        await self._store.write(job)


def _permit(caller: Caller) -> None:
    if caller.account_id != DEFAULT_ACCOUNT:
        raise Forbidden("Only the operator's own account may do this")


def _this(account_id: str) -> dict[str, str]:
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise _not_found(account_id)
    return {"account_id_": account_id}


def _public(row: Row[Any]) -> dict[str, Any]:
    """`{"accountId", "name", "disabled", "createdAt"}`."""
    return {"accountId": row.account_id, "name": row.name, "disabled": row.disabled, "createdAt": row.created_at}


def _not_found(account_id: str) -> NotFound:
    return NotFound("Account not found", details={"accountId": account_id[:200]})
