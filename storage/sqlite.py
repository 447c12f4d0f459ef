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

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from storage.chain import Chain
from storage.prepared import Prepared
from storage.presence import Presence
from storage.runner import Parameters, StoreBusy, StoreError, StoreUnwritable
from storage.writer import Writer

T = TypeVar("T")

# The least that has a page written: whoever caches looks anew, no more. SQLite would not write what stays the same.
_TRIAL = text("UPDATE generation SET value = value + 1")

BUSY_TIMEOUT = 5.0
WAITING = 4096

# The primary codes of what keeps a healthy database from being written: a full disk, a failing or a read-only one.
_UNWRITABLE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)


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
        # What is removed is overwritten, however SQLite was built: a key that was rotated away must not lie about.
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def make_engine(path: Path, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """SQLAlchemy over `connect`: no pool, and whoever needs a transaction says BEGIN and COMMIT."""
    return create_engine(
        "sqlite://",
        creator=lambda: connect(path, busy_timeout),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        # What was to be stored is not for the log, where an unexpected error is written as it says itself.
        hide_parameters=True,
    )


def explain(path: Path, error: BaseException) -> StoreError:
    """What `error`, raised by SQLite or SQLAlchemy, means to the operator.

    StoreBusy for a lock, StoreUnwritable where the disk is full or fails, else StoreError.
    """
    if isinstance(error, StoreError):
        return type(error)(*error.args)
    cause = error.orig if isinstance(error, DBAPIError) else error
    # The low byte is the primary code; the rest says more than is needed here.
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"Another process holds the database {path}: try again.")
    if code in _UNWRITABLE:
        return StoreUnwritable(f"The database {path} cannot be written, its disk may be full: {cause}.")
    return StoreError(f"The database {path} cannot be used: {cause}.")


class SQLiteStore:
    """`storage.runner.Store` on the file `path`, whose schema is up to date (see `storage.opening.open_store`).

    `waiting` is how many writes may stand in the queue, `busy_timeout` how many seconds a write waits for another
    process, `audit_key` seals the audit rows. One event loop uses it at a time; several may, one after another.
    Raises StoreError if it cannot open.
    """

    def __init__(
        self, path: Path, *, waiting: int = WAITING, busy_timeout: float = BUSY_TIMEOUT, audit_key: bytes = b""
    ) -> None:
        self._path = path
        self._closed = False
        self._closing = threading.Lock()
        # The generation, and the event loop in whose present turn it was read.
        self._generation = 0
        self._turn: asyncio.AbstractEventLoop | None = None
        self._presence = Presence(path)
        # Whether the last write failed: then `ready` tries.
        self._failing = False
        engine = make_engine(path, busy_timeout)
        try:
            with ExitStack() as opened:
                self._reader = opened.enter_context(engine.connect())
                # A read that turns out to write would do so beside the writer, unseen by its callers.
                self._reader.exec_driver_sql("PRAGMA query_only = ON")
                self._counter = opened.enter_context(closing(connect(path, busy_timeout)))
                # The first read makes the log and its index, which stay until the last connection is closed.
                self._counter.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self._presence.begin()
                self._opened = opened.pop_all()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise explain(path, error) from error
        driver = cast("sqlite3.Connection", self._reader.connection.driver_connection)
        self._reading = Prepared(self._reader, driver)
        self._writer = Writer(
            engine.connect,
            lambda error: explain(path, error),
            waiting=waiting,
            check=self._presence.check,
            chain=Chain(audit_key),
        )

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
        of an OperationalError) or in the commit, and then nothing is kept either: unless it was moved away during the
        commit, and then nobody can say.
        """
        self._check_closed()
        outcome = await self._writer.submit(job)
        value: T = outcome[0]
        raised = outcome[1]
        if raised is None:
            self._failing = False
            return value
        # Not IntegrityError and its like, which speak of the values.
        if isinstance(raised, OperationalError | InternalError) or type(raised) is DatabaseError:
            self._failing = True
            raise explain(self._path, raised) from raised
        self._failing = isinstance(raised, StoreError)
        raise raised

    async def ready(self) -> None:
        """Raise StoreError where a write would fail now, as far as one can know. Free while writes succeed."""
        self._check_open()
        if self._failing:
            await self.write(_try_it)

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
        self._check_closed()
        self._presence.check_now_and_then()

    def _check_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed.")


def _try_it(connection: Connection) -> None:
    connection.execute(_TRIAL)
