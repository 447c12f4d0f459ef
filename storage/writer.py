"""Grouped commits: one thread runs the writes of all callers, many to a transaction.

With `synchronous=FULL` the price of a write is the flush to disk. While one flush lasts, the next writes gather in
the queue and share the flush that follows, so durability costs one flush per batch instead of one per caller.
"""

import asyncio
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeAlias, cast

from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError

from storage.chain import INSERT, Chain
from storage.prepared import Prepared
from storage.runner import Insertion, StoreBusy, StoreError, StoreUnsure

BATCH = 256
_MOST_ROWS = 64

Outcome: TypeAlias = tuple[Any, BaseException | None]
"""What a job returned, and what it raised: the second decides. A pair can be set on a future whatever was raised."""


class _Waiting(NamedTuple):
    job: Callable[[Connection], Any]
    future: asyncio.Future[Outcome]
    context: Context


class Writer:
    """A bounded queue and the thread that empties it.

    `connect` opens a connection in AUTOCOMMIT, for the thread begins and ends the transactions itself; it is called
    in the thread, again after each failure. `explain` turns the failure of a whole batch into what its callers get.
    `waiting` bounds the jobs that stand in the queue. `check` raises where what is written would be lost: it is asked
    before each batch, and again before the batch is answered. `chain` links the audit rows among what is written. A job
    runs in the context (contextvars) of its caller, so that its audit row can name their request.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        explain: Callable[[BaseException], StoreError],
        *,
        waiting: int,
        chain: Chain,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect = connect
        self._check = check
        self._explain = explain
        self._waiting = waiting
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stopped = False
        self._thread: threading.Thread | None = None
        # The rest belongs to the thread.
        self._chain = chain
        self._connection: Connection | None = None
        self._cursors: list[sqlite3.Cursor] = []

    def submit(self, job: Callable[[Connection], Any]) -> asyncio.Future[Outcome]:
        """Accept `job`; the future, of the running loop, is resolved once the job is durable or undone.

        An accepted job runs even if its caller is cancelled: what it records has often happened already.
        Raises StoreBusy when the queue is full, StoreError after `stop`.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        # Under the lock, so that no job can land behind the mark that stops the thread.
        with self._lock:
            if self._stopped:
                raise StoreError("The store is closed.")
            if self._queue.qsize() >= self._waiting:
                raise StoreBusy(f"Too many writes are waiting ({self._waiting}): try again.")
            self._queue.put(_Waiting(job, future, copy_context()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
        return future

    def stop(self) -> None:
        """Block until the accepted jobs are done and the thread has closed its connection. Idempotent."""
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._serve():
            pass
        self._disconnect()

    def _serve(self) -> bool:
        """One batch; False when there will be no more. A function of its own, so that an idle thread holds no rows."""
        first = self._queue.get()
        if first is None:
            return False
        batch = self._gather([first], BATCH)
        try:
            outcomes = self._commit(batch)
        except BaseException as error:  # noqa: BLE001 - the thread has to outlive whatever broke the batch
            # Closing undoes what was begun, and the next batch starts from a connection in a known state.
            self._disconnect()
            if isinstance(self._explain(error), StoreBusy):
                # Who came during the wait would each wait as long again, batch after batch: they hear it now.
                self._gather(batch, BATCH + self._waiting)
            outcomes = [(None, self._blame(error)) for _ in batch]
        _answer(batch, outcomes)
        return True

    def _gather(self, batch: list[_Waiting], limit: int) -> list[_Waiting]:
        """Add those who are already waiting; never wait for more."""
        while len(batch) < limit and not self._queue.empty():
            entry = self._queue.get()
            if entry is None:
                self._queue.put(None)
                break
            batch.append(entry)
        return batch

    def _commit(self, batch: list[_Waiting]) -> list[Outcome]:
        self._check()
        if self._connection is None:
            self._connection = self._connect()
            event.listen(self._connection, "after_cursor_execute", self._remember)
            # Once more, so that it was this database to which we have connected.
            self._check()
        driver = cast("sqlite3.Connection", self._connection.connection.driver_connection)
        # Not DEFERRED: the upgrade of a read lock fails at once, without waiting for busy_timeout.
        driver.execute("BEGIN IMMEDIATE")
        self._chain.begin(driver)
        connection = Prepared(self._connection, driver, self._chain)
        jobs = [entry.job for entry in batch]
        outcomes: list[Outcome] = []
        while (done := len(outcomes)) < len(jobs):
            rows = _rows_together(jobs, done)
            if rows:
                outcomes += self._insert(rows, connection, driver)
            else:
                connection.subject = None
                outcomes.append(self._attempt(batch[done], cast(Connection, connection), driver))
        self._chain.finish()
        driver.execute("COMMIT")
        self._chain.committed()
        try:
            self._check()
        except StoreError as error:
            raise StoreUnsure(str(error)) from error
        return outcomes

    def _insert(self, rows: list[Insertion], connection: Prepared, driver: sqlite3.Connection) -> list[Outcome]:
        """The outcomes of these rows, or of the first so many. A statement undoes itself: it needs no savepoint."""
        # Powers of two: so that there are few statements to prepare.
        rows = rows[: 1 << (len(rows).bit_length() - 1)]
        statement, values = rows[0].statement, [job.row for job in rows]
        mark = self._chain.mark()
        try:
            connection.insert(statement, self._chain.link(values) if statement is INSERT else values)
        except Exception as error:
            if not driver.in_transaction:
                raise
            self._chain.reset(mark)
            if len(rows) == 1:
                return [(None, error)]
            return [outcome for job in rows for outcome in self._insert([job], connection, driver)]
        return [(None, None)] * len(rows)

    def _attempt(self, entry: _Waiting, connection: Connection, driver: sqlite3.Connection) -> Outcome:
        driver.execute("SAVEPOINT job")
        mark = self._chain.mark()
        value, raised = None, None
        try:
            value = entry.context.run(entry.job, connection)
        except BaseException as error:
            # A full disk, for one, ends the whole transaction: then there is nothing left to save for the others.
            if not driver.in_transaction:
                raise
            raised = error
        finally:
            # A RETURNING that was not read to its end would keep this savepoint and the COMMIT from ending.
            for cursor in self._cursors:
                cursor.close()
            self._cursors.clear()
        if raised is not None:
            driver.execute("ROLLBACK TO job")
            self._chain.reset(mark)
        driver.execute("RELEASE job")
        return value, raised

    def _remember(self, _connection: Connection, cursor: sqlite3.Cursor, *_: object) -> None:
        self._cursors.append(cursor)

    def _blame(self, error: BaseException) -> StoreError:
        """One exception for each caller: a shared one would gather the tracebacks of all."""
        failure = self._explain(error)
        failure.__cause__ = error
        return failure

    def _disconnect(self) -> None:
        if self._connection is not None:
            # Invalidated first: an orderly close would roll back, which may fail for the reason we are here.
            with suppress(SQLAlchemyError, sqlite3.Error):
                self._connection.invalidate()
            with suppress(SQLAlchemyError, sqlite3.Error):
                self._connection.close()
            self._connection = None


def _rows_together(jobs: list[Callable[[Connection], Any]], start: int) -> list[Insertion]:
    """The rows, from `start` on, that one statement can insert; none where the job there is something else."""
    rows: list[Insertion] = []
    for job in jobs[start : start + _MOST_ROWS]:
        if not isinstance(job, Insertion) or (rows and not rows[0].goes_with(job)):
            break
        rows.append(job)
    return rows


def _answer(batch: list[_Waiting], outcomes: list[Outcome]) -> None:
    """Wake the callers, one call per event loop: each such call costs a system call."""
    answers: defaultdict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Outcome]]] = defaultdict(list)
    for entry, outcome in zip(batch, outcomes, strict=True):
        answers[entry.future.get_loop()].append((entry.future, outcome))
    for loop, pairs in answers.items():
        # A closed loop has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: list[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
    for future, outcome in pairs:
        if not future.done():
            future.set_result(outcome)
