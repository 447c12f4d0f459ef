"""The audit trail as a chain: each row holds a hash over itself and the row before, and a seal over that hash.

    hash = SHA-256(hash of the row before + JSON array of the row's FIELDS)      anybody can check it
    seal = HMAC-SHA256(key, label + hash), its first 16 bytes                    only who has the key can make it

The JSON is that of RFC 8785: UTF-8, no spaces. One row of `audit_chain` says, under a seal of its own, where the chain
begins (what retention has cut off) and where it ends, so that rows cannot be taken from its end unseen. docs/audit.md
says what all this promises and what it cannot. `storage.verification` checks it.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import insert

from storage.tables import audit
from storage.times import now

# What a hash is made over, in this order.
FIELDS = (
    "audit_id",
    "at",
    "account_id",
    "user_id",
    "principal_id",
    "door",
    "key_id",
    "event",
    "subject",
    "server_id",
    "connector_id",
    "action_id",
    "outcome",
    "upstream_status",
    "duration_ms",
    "request_id",
    "arguments",
)
# Stands for the hash of the row before the first one.
GENESIS = bytes(32)
SEAL_BYTES = 16
# The event of the row that is put where the end of the chain was not as we had left it.
BROKEN = "audit.broken"
# Whose row that is: nobody asked for it.
OPERATOR_ACCOUNT, OPERATOR, SERVICE = "default", "admin", "service"

INSERT = insert(audit)
READ_HEAD = "SELECT cut_id, cut_hash, last_id, last_hash, seal FROM audit_chain"

_ROW_LABEL = b"toolgate audit row v1"
_HEAD_LABEL = b"toolgate audit chain v1"
_values = itemgetter(*FIELDS)
_WRITE_HEAD = (
    "INSERT INTO audit_chain (id, cut_id, cut_hash, last_id, last_hash, seal) VALUES (1, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET cut_id = excluded.cut_id, cut_hash = excluded.cut_hash, "
    "last_id = excluded.last_id, last_hash = excluded.last_hash, seal = excluded.seal"
)
_LAST_ROW = "SELECT audit_id, hash FROM audit ORDER BY audit_id DESC LIMIT 1"
# The rows up to one, with their hashes. Names that are written above: nothing to inject.
_ROWS_UP_TO = f"SELECT {', '.join(FIELDS)}, hash FROM audit WHERE audit_id <= ? ORDER BY audit_id"  # noqa: S608 (of names above)
_COLUMNS = (*FIELDS, "hash", "seal")
# Names that are written above: nothing to inject.
_WRITE_ROW = f"INSERT INTO audit ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 (of names above)


class Head(NamedTuple):
    """Where the chain begins and ends: the last row that retention has removed (0 and GENESIS: none), and the last."""

    cut_id: int = 0
    cut_hash: bytes = GENESIS
    last_id: int = 0
    last_hash: bytes = GENESIS


def digest(before: bytes, values: Sequence[Any]) -> bytes:
    """The hash of a row with these values of FIELDS, after a row with the hash `before`: 32 bytes."""
    return hashlib.sha256(before + orjson.dumps(values)).digest()


def makes(before: bytes, values: Sequence[Any], stored: Any) -> bool:
    """Whether a row with these values has the hash `stored`. Takes whatever somebody may have put into a row."""
    # No column of ours holds a fraction, and JSON has no infinity: it would read like NULL.
    if float in map(type, values):
        return False
    try:
        return bool(digest(before, values) == stored)
    except TypeError:
        return False


def seal_of_row(key: bytes, row_hash: bytes) -> bytes:
    """What proves that the row was written by who has the key: 16 bytes."""
    return hmac.digest(key, _ROW_LABEL + row_hash, "sha256")[:SEAL_BYTES]


def seal_of_head(key: bytes, head: Head) -> bytes:
    """The same of the one row of `audit_chain`; 32 bytes."""
    values = (head.cut_id, head.cut_hash.hex(), head.last_id, head.last_hash.hex())
    return hmac.digest(key, _HEAD_LABEL + orjson.dumps(values), "sha256")


class Chain:
    """The end of the chain in the hands of one writer: read once in a transaction, written once before its end.

    `key` is the installation's audit key. Between `begin` and `finish` the writer holds the database's only write lock.
    """

    __slots__ = ("_changed", "_committed", "_driver", "_head", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._driver: sqlite3.Connection | None = None
        self._head: Head | None = None
        self._changed = False
        # The last row that this writer knows to be on disk: the chain cannot end before it.
        self._committed = 0

    def begin(self, driver: sqlite3.Connection) -> None:
        """A transaction has begun on this connection."""
        self._driver, self._head, self._changed = driver, None, False

    def mark(self) -> tuple[Head | None, bool]:
        """The present state, to come back to if what follows is undone."""
        return self._head, self._changed

    def reset(self, mark: tuple[Head | None, bool]) -> None:
        """What happened since `mark` was undone in the database."""
        self._head, self._changed = mark

    def link(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows (without `audit_id`, `hash` and `seal`) as they are to be inserted, in this order."""
        head = self.head()
        last_id, last_hash = head.last_id, head.last_hash
        linked = []
        for row in rows:
            last_id += 1
            values = {**row, "audit_id": last_id}
            last_hash = values["hash"] = digest(last_hash, _values(values))
            values["seal"] = seal_of_row(self._key, last_hash)
            linked.append(values)
        self._head = head._replace(last_id=last_id, last_hash=last_hash)
        self._changed = True
        return linked

    def head(self) -> Head:
        """Where the chain begins and ends now."""
        if self._head is None:
            self._head = self._load()
        return self._head

    def is_whole(self, last_id: int) -> bool:
        """Whether the rows from the beginning to this one are as they were written.

        Their hashes alone tell: the beginning is sealed, and the row after them holds the hash of the last one.
        """
        assert self._driver is not None
        head = self.head()
        before_id, before = head.cut_id, head.cut_hash
        try:
            for row in self._driver.execute(_ROWS_UP_TO, (last_id,)):
                if row[0] != before_id + 1 or not makes(before, row[:-1], row[-1]):
                    return False
                before_id, before = row[0], row[-1]
        except sqlite3.OperationalError:
            # Text that is no UTF-8 was never ours.
            return False
        return before_id == last_id

    def cut(self, cut_id: int, cut_hash: bytes) -> None:
        """From now on the chain begins after this row, so that it and those before it can be removed."""
        head = self.head()._replace(cut_id=cut_id, cut_hash=cut_hash)
        self._head, self._changed = head, True
        # Now, for the rows are removed in this transaction, and a trigger asks.
        self._write(head)

    def finish(self) -> None:
        """Write down where the chain ends now; the transaction is about to be committed."""
        if self._changed and self._head is not None:
            self._write(self._head)

    def committed(self) -> None:
        """The transaction is on disk."""
        if self._changed and self._head is not None:
            self._committed = self._head.last_id

    def _load(self) -> Head:
        assert self._driver is not None
        row = self._driver.execute(READ_HEAD).fetchone()
        head = Head(*row[:4]) if row is not None else Head()
        if row is None or not hmac.compare_digest(row[4], seal_of_head(self._key, head)):
            return self._mend(head)
        return head if head.last_id >= self._committed else self._mend(head)

    def _mend(self, head: Head) -> Head:
        """Go on after the last row that is there, but not as if nothing had happened: a row says so for good.

        Somebody has changed the end of the chain, put an older state of it back, or lost the secrets. To refuse every
        write would let them stop the service as well.
        """
        assert self._driver is not None
        last = self._driver.execute(_LAST_ROW).fetchone()
        last_id, last_hash = last or (head.cut_id, head.cut_hash)
        values: dict[str, Any] = {
            **dict.fromkeys(FIELDS),
            "audit_id": last_id + 1,
            "at": now(),
            "account_id": OPERATOR_ACCOUNT,
            "user_id": OPERATOR,
            "principal_id": OPERATOR,
            "door": SERVICE,
            "event": BROKEN,
            "outcome": "ok",
        }
        row_hash = digest(last_hash, _values(values))
        self._driver.execute(_WRITE_ROW, (*_values(values), row_hash, seal_of_row(self._key, row_hash)))
        mended = head._replace(last_id=last_id + 1, last_hash=row_hash)
        self._write(mended)
        return mended

    def _write(self, head: Head) -> None:
        assert self._driver is not None
        self._driver.execute(_WRITE_HEAD, (*head, seal_of_head(self._key, head)))
