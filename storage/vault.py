"""Statements about the vault: which key seals now, and the rows that others have sealed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, Update, and_, bindparam, func, insert, select, tuple_, update

from storage.tables import vault

STATE = select(vault.c.key_name, vault.c.proof)
_KEY_NAME = select(vault.c.key_name)
_INSERT = insert(vault)
_UPDATE = update(vault).values(key_name=bindparam("key_name_"), proof=bindparam("proof_"))


def key_name(connection: Connection) -> str | None:
    """The name of the key that seals, as of the transaction of a write job; None where none is named."""
    row = connection.execute(_KEY_NAME).first()
    return None if row is None else str(row[0])


def name_key(connection: Connection, name: str, proof: bytes) -> None:
    """Let the key `name` seal from this transaction on, in every process. Part of a write job."""
    if connection.execute(_UPDATE, {"key_name_": name, "proof_": proof}).rowcount == 0:
        connection.execute(_INSERT, {"id": 1, "key_name": name, "proof": proof})


def by_key(table: Table) -> Select[Any]:
    """How many rows each key has sealed: `(sealed_by, rows)`."""
    sealed = table.c.sealed.is_not(None)
    return select(table.c.sealed_by, func.count().label("rows")).where(sealed).group_by(table.c.sealed_by)


def page(table: Table, *, after: bool) -> Select[Any]:
    """Rows that another key than `key_` has sealed, in the order of their primary key; with `after`, those behind the
    row whose primary key is in `after_0`, `after_1` and so on. At most `limit_`.
    """
    key = tuple(table.primary_key.columns)
    conditions = [table.c.sealed.is_not(None), table.c.sealed_by != bindparam("key_")]
    if after:
        places = [bindparam(f"after_{place}", type_=column.type) for place, column in enumerate(key)]
        conditions.append(tuple_(*key) > tuple_(*places))
    return select(table).where(*conditions).order_by(*key).limit(bindparam("limit_"))


def seal_anew(table: Table) -> Update:
    """Put other sealed bytes in place of those in `before_`, in the row whose primary key is in `of_0` and so on.

    Nothing happens where somebody has meanwhile put others there. `updated_at` stays: what is sealed is the same.
    """
    key = [column == bindparam(f"of_{place}") for place, column in enumerate(table.primary_key.columns)]
    this = and_(*key, table.c.sealed == bindparam("before_"), table.c.sealed_by == bindparam("key_before_"))
    return update(table).where(this).values(sealed=bindparam("sealed_"), sealed_by=bindparam("sealed_by_"))


def key_of(table: Table, row: Row[Any]) -> Sequence[Any]:
    """The primary key of a row."""
    return [getattr(row, column.name) for column in table.primary_key.columns]
