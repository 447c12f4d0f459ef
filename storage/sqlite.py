"""The store on one SQLite file: reads run inline on the event loop, writes go through `storage.writer`.

WAL lets both happen at once. A read on a kept connection takes tens of microseconds, less than handing it to a
thread would; a write waits for the disk, and must not make the event loop wait with it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, Executable, Row, create_engine
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from storage.prepared import Prepared
from storage.runner import Parameters, StoreBusy, StoreError
from storage.writer import Writer

T = TypeVar("T")

BUSY_TIMEOUT = 5.0
WAITING = 4096


def connect(path: Path, busy_timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """A connection to an existing file with the settings that every connection of ours has, in autocommit.

    `busy_timeout` is in seconds. It may be used in any thread, in one at a time. Raises sqlite3.Error, and
    StoreError where the file system cannot do WAL.
    """
    # mode=rw: a database that went away must not come back as an empty file.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"The database {path} cannot be used: its file system does not support write-ahead logs.")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def make_engine(path: Path, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """SQLAlchemy over `connect`: no pool, and whoever needs a transaction says BEGIN and COMMIT."""
    return create_engine(
        "sqlite://", creator=lambda: connect(path, busy_timeout), poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )


def explain(path: Path, error: BaseException) -> StoreError:
    """What `error`, raised by SQLite or SQLAlchemy, means to the operator: StoreBusy for a lock, else StoreError."""
    if isinstance(error, StoreError):
        return type(error)(*error.args)
    cause = error.orig if isinstance(error, DBAPIError) else error
    # The low byte is the primary code; the rest says more than is needed here.
    if getattr(cause, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"Another process holds the database {path}: try again.")
    return StoreError(f"The database {path} cannot be used: {cause}.")


class SQLiteStore:
    """`storage.runner.Store` on the file `path`, whose schema is up to date (see `storage.opening.open_store`).

    `waiting` is how many writes may stand in the queue, `busy_timeout` how many seconds a write waits for another
    process. One event loop uses it at a time; several may, one after another. Raises StoreError if it cannot open.
    """

    def __init__(self, path: Path, *, waiting: int = WAITING, busy_timeout: float = BUSY_TIMEOUT) -> None:
        self._path = path
        self._closed = False
        self._closing = threading.Lock()
        # The generation, and the event loop in whose present turn it was read.
        self._generation = 0
        self._turn: asyncio.AbstractEventLoop | None = None
        engine = make_engine(path, busy_timeout)
        try:
            with ExitStack() as opened:
                self._reader = opened.enter_context(engine.connect())
                # A read that turns out to write would do so beside the writer, unseen by its callers.
                self._reader.exec_driver_sql("PRAGMA query_only = ON")
                self._counter = opened.enter_context(closing(connect(path, busy_timeout)))
                self._opened = opened.pop_all()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise explain(path, error) from error
        driver = cast("sqlite3.Connection", self._reader.connection.driver_connection)
        self._reading = Prepared(self._reader, driver)
        self._writer = Writer(engine.connect, lambda error: explain(path, error), waiting=waiting)

    async def one(self, statement: Executable, parameters: Parameters | None = None) -> Row[Any] | None:
        """The first row of a SELECT, or None. Raises StoreError when the database cannot be read."""
        self._check_open()
        try:
            return self._reading.execute(statement, parameters).first()
        except DatabaseError as error:
            raise explain(self._path, error) from error

    async def all(self, statement: Executable, parameters: Parameters | None = None) -> Sequence[Row[Any]]:
        """All rows of a SELECT. Raises StoreError when the database cannot be read."""
        self._check_open()
        try:
            return self._reading.execute(statement, parameters).all()
        except DatabaseError as error:
            raise explain(self._path, error) from error

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Run `job` in the writer's thread and return its value once it is on the disk.

        Results that the job has not read are closed when it returns: it returns rows, not results. An accepted job
        runs even if the caller is cancelled. Raises what the job raises, of which nothing is kept then; StoreBusy
        when the queue is full or the database stays locked; StoreError when the database fails, in the job (instead
        of an OperationalError) or in the commit, and then nothing is kept either.
        """
        self._check_open()
        outcome = await self._writer.submit(job)
        value: T = outcome[0]
        raised = outcome[1]
        if raised is None:
            return value
        if isinstance(raised, OperationalError):
            raise explain(self._path, raised) from raised
        raise raised

    def generation(self) -> int:
        """A number that grows with each committed change of configuration, by any process.

        It is read once per turn of the event loop, which runs what it is given in turn: so it forgets the number
        before it comes to anything that was caused, in whatever process, after the reading.
        """
        self._check_open()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._read_generation()
        if self._turn is not loop:
            self._generation = self._read_generation()
            self._turn = loop
            loop.call_soon(self._end_turn)
        return self._generation

    def _end_turn(self) -> None:
        self._turn = None

    def _read_generation(self) -> int:
        try:
            (value,) = self._counter.execute("SELECT value FROM generation").fetchone()
        except sqlite3.Error as error:
            raise explain(self._path, error) from error
        return int(value)

    def sealing(self) -> str | None:
        """The name of the vault key that seals now (`storage.vault`), or None. Raises StoreError."""
        self._check_open()
        try:
            row = self._counter.execute("SELECT key_name FROM vault").fetchone()
        except sqlite3.Error as error:
            raise explain(self._path, error) from error
        return None if row is None else str(row[0])

    async def close(self) -> None:
        """Finish the writes that were accepted, then close. Idempotent; later calls raise StoreError."""
        self._closed = True
        # In a thread: the loop has to run on, so that those whose writes are being finished hear of it.
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        with self._closing:
            self._writer.stop()
            # Not TRUNCATE, which waits for other processes; the last of them to close empties the log.
            with suppress(sqlite3.Error):
                self._counter.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._opened.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The store is closed.")
