"""Is the audit trail as it was written? Reads all of it, in one snapshot, beside a running service.

The first row that is not as it was decides: what comes after it hangs on it.
"""

import hmac
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from storage.chain import BROKEN, FIELDS, READ_HEAD, Head, makes, seal_of_head, seal_of_row
from storage.sqlite import connect, explain

_EVENT = FIELDS.index("event")
_WIDTH = len(FIELDS)
# Names that are written in storage.chain: nothing to inject.
_ROWS = f"SELECT {', '.join(FIELDS)}, hash, seal FROM audit ORDER BY audit_id"  # noqa: S608 (of names above)


class Broken(NamedTuple):
    """The first thing that is wrong. `row`: its number in the chain; `why`: changed, missing, reordered or inserted."""

    row: int
    why: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found. `rows`: how many were read and in order; `expected`: whether the hash that was asked for is
    there, None where none was asked for.
    """

    rows: int
    head: Head
    broken: Broken | None
    expected: bool | None


def verify(path: Path, key: bytes, expect: bytes | None = None) -> Report:
    """Read the whole chain. Raises StoreError where the database cannot be read."""
    try:
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA query_only = ON")
            # One snapshot: what the service writes meanwhile is no part of it.
            connection.execute("BEGIN")
            try:
                return _Reading(connection, key, expect).report()
            except sqlite3.OperationalError:
                # Text that is no UTF-8 was never ours: read so that it can be seen which row has it.
                connection.text_factory = lambda text: text.decode(errors="surrogateescape")
                return _Reading(connection, key, expect).report()
    except sqlite3.Error as error:
        raise explain(path, error) from error


class _Reading:
    def __init__(self, connection: sqlite3.Connection, key: bytes, expect: bytes | None) -> None:
        self._connection = connection
        self._key = key
        self._expect = expect
        self._rows = 0
        self._seen = False
        row = connection.execute(READ_HEAD).fetchone()
        self._head = Head(*row[:4]) if row is not None else Head()
        self._sealed = row is not None and hmac.compare_digest(row[4], seal_of_head(key, self._head))

    def report(self) -> Report:
        broken, last_id, last_hash = None, self._head.cut_id, self._head.cut_hash
        for row in self._connection.execute(_ROWS):
            broken = self._judge(last_id, last_hash, row)
            if broken is not None:
                break
            last_id, last_hash = row[0], row[_WIDTH]
            self._rows += 1
            if last_hash == self._expect:
                self._seen = True
        broken = broken or self._at_the_end(last_id, last_hash)
        expected = None if self._expect is None else self._seen or self._expect == self._head.cut_hash
        head = self._head._replace(last_id=last_id, last_hash=last_hash)
        return Report(rows=self._rows, head=head, broken=broken, expected=expected)

    def _judge(self, last_id: int, last_hash: bytes, row: tuple[Any, ...]) -> Broken | None:
        """What is wrong with this row, behind that one."""
        stored = row[_WIDTH]
        if (
            row[0] != last_id + 1
            or not makes(last_hash, row[:_WIDTH], stored)
            or row[_WIDTH + 1] != seal_of_row(self._key, stored)
        ):
            return self._broken(last_id, last_hash, row)
        if row[_EVENT] == BROKEN:
            sentence = "this row says that the chain was not as Toolgate had left it: rows before it may be missing"
            return Broken(row[0], "missing", f"{sentence} or changed, or the secrets were others")
        return None

    def _broken(self, last_id: int, last_hash: bytes, row: tuple[Any, ...]) -> Broken:
        due, stored = last_id + 1, row[_WIDTH]
        if not isinstance(stored, bytes) or row[_WIDTH + 1] != seal_of_row(self._key, stored):
            return Broken(row[0], "inserted", "it was not written by this installation, or its hash was changed")
        elsewhere = self._elsewhere(due, last_hash)
        if elsewhere is not None:
            return Broken(due, "reordered", f"what belongs here stands as row {elsewhere}")
        if row[0] > due:
            return Broken(due, "missing", f"rows {due} to {row[0] - 1} are not there")
        if row[0] < due:
            return Broken(row[0], "inserted", "it stands before the beginning of the chain")
        return Broken(due, "changed", "what it says is not what was written")

    def _elsewhere(self, due: int, last_hash: bytes) -> int | None:
        """The number under which the row now stands that was written as the row `due`."""
        for row in self._connection.execute(_ROWS):
            if row[0] != due and makes(last_hash, (due, *row[1:_WIDTH]), row[_WIDTH]):
                return int(row[0])
        return None

    def _at_the_end(self, last_id: int, last_hash: bytes) -> Broken | None:
        head = self._head
        if not self._sealed:
            return Broken(last_id, "changed", "what is noted of the beginning and the end of the chain was changed")
        if last_id < head.last_id:
            return Broken(last_id + 1, "missing", f"the chain ends before it, and went on to row {head.last_id}")
        if (last_id, last_hash) != (head.last_id, head.last_hash):
            return Broken(last_id, "inserted", f"the chain ended with row {head.last_id}")
        return None
