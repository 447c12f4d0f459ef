"""What of everything that is sealed still opens: asked by `toolgate check`."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from gateway.credentials.sealed import SEALED, Sealed
from gateway.credentials.vault import Vault, VaultError
from gateway.secrets import KeyRing
from storage import vault as statements
from storage.runner import Store

_AT_ONCE = 500


@dataclass(slots=True)
class Inspected:
    """How many sealed rows there are, and those that do not open, each as its table and its key."""

    rows: int = 0
    closed: list[str] = field(default_factory=list)


async def inspect(store: Store, ring: KeyRing) -> Inspected:
    """Try to open every sealed row."""
    vault, found = Vault(ring), Inspected()
    for sealed in SEALED:
        async for row in _rows(store, sealed):
            found.rows += 1
            try:
                vault.open(row.sealed, row.sealed_by, sealed.bound_to(row))
            except VaultError:
                found.closed.append(name_of(sealed, row))
    return found


def name_of(sealed: Sealed, row: Row[Any]) -> str:
    """A row as an operator may be told of it: `credentials 507f1f77bcf86cd799439011`."""
    key = statements.key_of(sealed.table, row)
    return " ".join([sealed.table.name, *(value.hex() if isinstance(value, bytes) else str(value) for value in key)])


async def _rows(store: Store, sealed: Sealed) -> AsyncIterator[Row[Any]]:
    after: dict[str, Any] = {}
    pages = {more: statements.page(sealed.table, after=more) for more in (False, True)}
    # No key has an empty name: these are all rows.
    while found := await store.all(pages[bool(after)], {"key_": "", "limit_": _AT_ONCE, **after}):
        for row in found:
            yield row
        after = {f"after_{place}": value for place, value in enumerate(statements.key_of(sealed.table, found[-1]))}
