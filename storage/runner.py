"""The one interface through which everything reads and writes; `storage.sqlite` and later engines implement it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Executable, Insert, Row

T = TypeVar("T")
Parameters = Mapping[str, Any]


class StoreError(Exception):
    """The store cannot be opened or used; the message is one sentence for the operator."""


class StoreBusy(StoreError):
    """Too many writes are waiting, or another process holds the database: try again."""


class StoreUnwritable(StoreError):
    """The disk is full, fails, or may not be written."""


class StoreUnsure(StoreError):
    """The database went away just when it was written: whether the write is in what comes back, nobody knows."""


@dataclass(frozen=True, slots=True)
class Insertion:
    """A job that inserts one row and returns nothing: the rows of several are inserted by one statement."""

    statement: Insert
    row: Parameters = field(repr=False)

    def goes_with(self, other: "Insertion") -> bool:
        """Whether one statement can insert both rows."""
        return self.statement is other.statement and self.row.keys() == other.row.keys()

    def __call__(self, connection: Connection) -> None:
        connection.execute(self.statement, dict(self.row))


class Store(Protocol):
    """Reads see every write whose `write` has returned, in whatever process it happened."""

    async def one(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """The first row of a SELECT, or None."""

    async def all(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """All rows of a SELECT."""

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in one transaction and return its value once it is durable.

        The job executes Core statements on the connection it is given, and nothing else: it may run beside others
        in one commit, in another thread. What it raises (for example IntegrityError) undoes its own writes only,
        and is raised here. Raises StoreBusy when the queue is full or the database stays locked, StoreUnwritable when
        there is no room for it, StoreError when the database is gone.
        """

    async def ready(self) -> None:
        """Raise StoreError where a write would fail now, as far as one can know without any cost to the usual case.

        For what cannot be undone and has to be put on record afterwards.
        """

    def generation(self) -> int:
        """A number that is different after each committed change of configuration, by any process.

        As of the present turn of the event loop: whatever comes after a change, in whatever process, sees its number.
        """

    def sealing(self) -> str | None:
        """The name of the vault key that seals now, by any process's word; None where none is named."""

    async def close(self) -> None:
        """Finish the writes that were accepted, then close. Later calls raise StoreError."""
