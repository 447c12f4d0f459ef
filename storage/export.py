"""The audit trail as it stands, row by row in the order of the chain, for whoever keeps a copy of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from storage.chain import FIELDS, READ_HEAD
from storage.sqlite import connect, explain

# Names that are written in storage.chain: nothing to inject.
_ROWS = f"SELECT {', '.join(FIELDS)}, hash, seal FROM audit ORDER BY audit_id"  # noqa: S608 (of names above)
_AT, _ACCOUNT = FIELDS.index("at"), FIELDS.index("account_id")
_WIDTH = len(FIELDS)


class Exported(NamedTuple):
    """One row: the values of storage.chain.FIELDS, its hash and seal, and the hash of the row before it."""

    values: tuple[Any, ...]
    previous_hash: bytes
    hash: bytes
    seal: bytes


def exported(path: Path, account_id: str | None, since: str | None, until: str | None) -> Iterator[Exported]:
    """The rows of one account, or of all, from `since` until before `until`. Raises StoreError.

    In one snapshot, beside a running service, and one row at a time.
    """
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            head = connection.execute(READ_HEAD).fetchone()
            previous: bytes = head[1] if head is not None else bytes(32)
            for row in connection.execute(_ROWS):
                values = row[:_WIDTH]
                if (
                    account_id in (None, values[_ACCOUNT])
                    and (since is None or values[_AT] >= since)
                    and (until is None or values[_AT] < until)
                ):
                    yield Exported(values, previous, row[_WIDTH], row[_WIDTH + 1])
                previous = row[_WIDTH]
    except sqlite3.Error as error:
        raise explain(path, error) from error
