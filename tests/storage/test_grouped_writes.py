"""The writer: many jobs to a commit, each answerable for itself alone."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError
from store_samples import (
    ACCOUNT,
    NOW,
    USER,
    Gate,
    add_owner,
    add_server,
    driver_of,
    gate,
    server_ids,
    server_row,
)

from storage import audit, tables
from storage.chain import Chain
from storage.opening import open_store
from storage.runner import Insertion, StoreBusy, StoreError, StoreUnwritable
from storage.sqlite import SQLiteStore, connect, explain, make_engine
from storage.writer import BATCH, Writer

Job = Callable[[Connection], object]


async def _reached(held: Gate) -> None:
    assert await asyncio.to_thread(held.reached.wait, 20)


async def _together(store: SQLiteStore, jobs: list[Job]) -> list[Any]:
    """Run the jobs in one batch; what each returned or raised."""
    with gate() as held:
        first = asyncio.create_task(store.write(held))
        await _reached(held)
        tasks = [asyncio.create_task(store.write(job)) for job in jobs]
        await asyncio.sleep(0)
        held.open()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_jobs_that_wait_together_share_one_commit(store: SQLiteStore) -> None:
    statements: list[str] = []
    trace: Job = lambda connection: driver_of(connection).set_trace_callback(statements.append)  # noqa: E731
    await _together(store, [trace, *(add_server(f"s{number}") for number in range(BATCH - 2))])
    assert statements.count("COMMIT") == 1
    await _together(store, [add_server(f"t{number}") for number in range(BATCH + 1)])
    # The gate's own, a full batch, and the one that did not fit in.
    assert statements.count("COMMIT") == 1 + 3


async def test_a_constraint_error_undoes_its_own_job_only(store: SQLiteStore) -> None:
    def two_rows(connection: Connection) -> None:
        connection.execute(insert(tables.servers), server_row("undone"))
        connection.execute(insert(tables.servers), server_row("s03"))

    jobs: list[Job] = [add_server(f"s{number:02}") for number in range(50)]
    jobs.insert(25, two_rows)
    outcomes = await _together(store, jobs)
    assert isinstance(outcomes.pop(25), IntegrityError)
    assert outcomes == [f"s{number:02}" for number in range(50)]
    assert await server_ids(store) == outcomes


@pytest.mark.parametrize("seed", range(5))
async def test_what_returned_is_kept_and_what_raised_is_not(store: SQLiteStore, seed: int) -> None:
    chance = random.Random(seed)

    def make(server_id: str, fails: bool) -> Job:
        def job(connection: Connection) -> str:
            add_server(server_id)(connection)
            if fails:
                raise ValueError(server_id)
            return server_id

        return job

    jobs = [make(f"s{chance.randrange(80):02}", chance.random() < 0.3) for _ in range(200)]
    outcomes = await _together(store, jobs)
    kept = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert {type(outcome) for outcome in outcomes} == {str, ValueError, IntegrityError}
    assert await server_ids(store) == sorted(kept)


async def test_a_lone_job_does_not_wait_for_company(store: SQLiteStore, path: Path) -> None:
    statement = "UPDATE accounts SET name = 'x'"

    async def through_store() -> None:
        await store.write(lambda connection: connection.exec_driver_sql(statement).rowcount)

    async def directly() -> None:
        direct.execute(statement)

    direct = connect(path)
    try:
        slower = await _fastest(through_store) - await _fastest(directly)
    finally:
        direct.close()
    assert slower < 0.003


async def _fastest(action: Callable[[], Awaitable[None]]) -> float:
    times = []
    for _ in range(30):
        start = time.perf_counter()
        await action()
        times.append(time.perf_counter() - start)
    return min(times)


@asynccontextmanager
async def opened(path: Path, **options: Any) -> AsyncIterator[SQLiteStore]:
    """A store with limits of its own."""
    first = open_store(path)
    await first.write(add_owner)
    await first.close()
    store = SQLiteStore(path, **options)
    try:
        yield store
    finally:
        await store.close()


async def test_a_full_queue_refuses_at_once(path: Path) -> None:
    async with opened(path, waiting=3) as store:
        with gate() as held:
            first = asyncio.create_task(store.write(held))
            await _reached(held)
            waiting = [asyncio.create_task(store.write(add_server(f"s{number}"))) for number in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(StoreBusy, match="Too many writes"):
                await store.write(add_server("refused"))
            held.open()
            await asyncio.gather(first, *waiting)
        await store.write(add_server("s3"))
        assert await server_ids(store) == ["s0", "s1", "s2", "s3"]


async def test_the_queue_takes_4096(store: SQLiteStore) -> None:
    with gate() as held:
        first = asyncio.create_task(store.write(held))
        await _reached(held)
        waiting = [asyncio.create_task(store.write(lambda _: None)) for _ in range(4096)]
        await asyncio.sleep(0)
        with pytest.raises(StoreBusy):
            await store.write(lambda _: None)
        held.open()
        await asyncio.gather(first, *waiting)


def audit_row(event: str, user_id: str = USER) -> Insertion:
    return audit.insertion(at=NOW, account_id=ACCOUNT, user_id=user_id, door="cli", event=event)


async def events(store: SQLiteStore) -> list[str]:
    rows = await store.all(select(tables.audit.c.event).order_by(tables.audit.c.audit_id))
    return [row.event for row in rows]


async def test_rows_that_wait_together_are_inserted_together(store: SQLiteStore) -> None:
    statements: list[str] = []
    trace: Job = lambda connection: driver_of(connection).set_trace_callback(statements.append)  # noqa: E731
    names = [f"e{number:03}" for number in range(100)]
    jobs: list[Job] = [audit_row(name) for name in names]
    assert await _together(store, [trace, *jobs]) == [None] * 101
    assert await events(store) == names
    # 64, 32 and 4.
    assert len({statement for statement in statements if statement.startswith("INSERT INTO audit (")}) == 3


async def test_rows_and_other_jobs_keep_their_order_and_their_answers(store: SQLiteStore) -> None:
    other = Insertion(insert(tables.users), {"account_id": ACCOUNT, "user_id": "ben", "created_at": NOW})
    again = Insertion(insert(tables.users), {"account_id": ACCOUNT, "user_id": "ben", "created_at": NOW})
    jobs: list[Job] = [audit_row("a"), audit_row("b"), add_server("s1"), other, again, audit_row("c")]
    outcomes = await _together(store, jobs)
    assert isinstance(outcomes.pop(4), IntegrityError)
    assert outcomes == [None, None, "s1", None, None]
    assert await events(store) == ["a", "b", "c"]


async def test_a_row_that_cannot_be_inserted_undoes_no_other(store: SQLiteStore) -> None:
    broken = Insertion(audit_row("x").statement, {**audit_row("x").row, "event": None})
    jobs: list[Job] = [*(audit_row(f"e{number}") for number in range(5)), broken, audit_row("e5")]
    outcomes = await _together(store, jobs)
    assert isinstance(outcomes.pop(5), IntegrityError)
    assert outcomes == [None] * 6
    assert await events(store) == [f"e{number}" for number in range(6)]


async def test_a_full_disk_fails_a_row_and_undoes_no_other(store: SQLiteStore) -> None:
    def fill(connection: Connection) -> None:
        driver_of(connection).execute("PRAGMA max_page_count = 1")

    big = audit_row("x" * 200_000)
    outcomes = await _together(store, [audit_row("a"), fill, big])
    assert isinstance(outcomes[2], StoreError)
    assert "database or disk is full" in str(outcomes[2])
    kept = await events(store)
    assert kept == (["a"] if outcomes[0] is None else [])


async def test_a_cancelled_caller_leaves_its_job_and_its_neighbours_alone(store: SQLiteStore) -> None:
    with gate() as held:
        first = asyncio.create_task(store.write(held))
        await _reached(held)
        tasks = [asyncio.create_task(store.write(add_server(f"s{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        held.open()
        async with asyncio.timeout(10):
            assert await asyncio.gather(first, tasks[0], tasks[2]) == [None, "s0", "s2"]
    assert await server_ids(store) == ["s0", "s1", "s2"]


def test_a_loop_that_ended_early_leaves_the_writer_alive(path: Path) -> None:
    store = open_store(path)
    asyncio.run(store.write(add_owner))
    with gate() as held:

        async def leave() -> None:
            task = asyncio.create_task(store.write(held))
            await _reached(held)
            task.cancel()

        asyncio.run(leave())
    assert asyncio.run(asyncio.wait_for(store.write(add_server("s1")), 10)) == "s1"
    asyncio.run(store.close())


async def test_close_finishes_what_was_accepted(path: Path) -> None:
    store = open_store(path)
    await store.write(add_owner)
    count = BATCH + 10
    with gate() as held:
        first = asyncio.create_task(store.write(held))
        await _reached(held)
        waiting = [asyncio.create_task(store.write(add_server(f"s{number:03}"))) for number in range(count)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        with pytest.raises(StoreError, match="closed"):
            await store.write(add_server("late"))
        held.open()
        await closing
        assert first.done()
        assert [task.result() for task in waiting] == [f"s{number:03}" for number in range(count)]
    reopened = open_store(path)
    assert len(await server_ids(reopened)) == count
    await reopened.close()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.close()
"""


@contextmanager
def locked_elsewhere(path: Path) -> Iterator[None]:
    """While another process holds the write lock."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("\n", timeout=20)


async def test_a_lock_held_elsewhere_is_busy_for_all_who_wait(path: Path) -> None:
    async with opened(path, busy_timeout=0.5) as store:
        with locked_elsewhere(path):
            start = time.monotonic()
            jobs = [store.write(add_server(f"s{number}")) for number in range(8 * BATCH)]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            elapsed = time.monotonic() - start
            assert {type(outcome) for outcome in outcomes} == {StoreBusy}
            assert str(path) in str(outcomes[0])
            # One wait for all of them, or two if the first job went ahead alone; not one for each batch.
            assert 0.4 < elapsed < 3
            assert await server_ids(store) == []
        await store.write(add_server("after"))
        assert await server_ids(store) == ["after"]


async def test_a_lock_that_is_released_in_time_is_waited_for(store: SQLiteStore, path: Path) -> None:
    with locked_elsewhere(path):
        task = asyncio.create_task(store.write(add_server("s1")))
        await asyncio.sleep(0.3)
        assert not task.done()
    assert await task == "s1"


async def test_a_failed_commit_fails_all_and_keeps_nothing(store: SQLiteStore) -> None:
    def orphan(connection: Connection) -> None:
        # Puts the check off to the COMMIT, which is then what fails.
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        add_server("orphan", user_id="nobody")(connection)

    outcomes = await _together(store, [add_server("s1"), orphan, add_server("s2")])
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
    assert len(set(map(id, outcomes))) == 3
    assert "FOREIGN KEY constraint failed" in str(outcomes[0])
    assert await server_ids(store) == []
    await store.write(add_server("after"))
    assert await server_ids(store) == ["after"]


def _fill_disk(add: Job) -> Job:
    def job(connection: Connection) -> None:
        driver_of(connection).execute("PRAGMA max_page_count = 1")
        add(connection)

    return job


async def test_a_full_disk_that_ends_the_transaction_fails_all(store: SQLiteStore) -> None:
    # Into a table without triggers and references: SQLite can undo that only as a whole.
    statement = "INSERT INTO alembic_version VALUES (?)"
    big: Job = lambda connection: connection.exec_driver_sql(statement, ("x" * 200_000,)).rowcount  # noqa: E731
    outcomes = await _together(store, [add_server("s1"), _fill_disk(big), add_server("s2")])
    assert [type(outcome) for outcome in outcomes] == [StoreUnwritable] * 3
    assert "database or disk is full" in str(outcomes[0])
    assert await server_ids(store) == []
    await store.write(add_server("after"))
    assert await server_ids(store) == ["after"]


async def test_a_full_disk_that_undoes_one_statement_fails_its_job(store: SQLiteStore) -> None:
    big = add_server("big", description="x" * 200_000)
    outcomes = await _together(store, [add_server("s1"), _fill_disk(big), add_server("s2")])
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == ["s1", StoreUnwritable, "s2"]
    assert "database or disk is full" in str(outcomes[1])
    assert await server_ids(store) == ["s1", "s2"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_job_cannot_end_the_transaction_of_others(store: SQLiteStore, end: str) -> None:
    def job(connection: Connection) -> None:
        add_server("s1")(connection)
        getattr(connection, end)()

    with pytest.raises(StoreError):
        await store.write(job)
    await store.write(add_server("after"))
    assert "after" in await server_ids(store)


async def test_a_result_left_unread_keeps_nobody_from_committing(store: SQLiteStore) -> None:
    held = []

    def leave_unread(connection: Connection) -> None:
        statement = insert(tables.servers).returning(tables.servers.c.server_id)
        held.append(connection.execute(statement, server_row("unread")))

    def leave_unread_and_fail(connection: Connection) -> None:
        statement = insert(tables.servers).returning(tables.servers.c.server_id)
        held.append(connection.execute(statement, server_row("undone")))
        raise ValueError("no")

    outcomes = await _together(store, [add_server("s1"), leave_unread, leave_unread_and_fail, add_server("s2")])
    assert outcomes[:2] == ["s1", None]
    assert isinstance(outcomes[2], ValueError)
    assert outcomes[3] == "s2"
    assert await server_ids(store) == ["s1", "s2", "unread"]


async def test_exceptions_that_futures_dislike_arrive_too(store: SQLiteStore) -> None:
    def stop(connection: Connection) -> None:
        add_server("undone")(connection)
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(store.write(stop), 5)

    def interrupt(connection: Connection) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(store.write(interrupt), 5)
    await store.write(add_server("after"))
    assert await server_ids(store) == ["after"]


async def test_a_stopped_writer_accepts_nothing(path: Path) -> None:
    writer = Writer(make_engine(path).connect, lambda error: explain(path, error), waiting=1, chain=Chain(b""))
    writer.stop()
    with pytest.raises(StoreError, match="closed"):
        writer.submit(lambda _: None)


async def test_writes_are_answered_after_the_commit(store: SQLiteStore, path: Path) -> None:
    """Seen from another connection: at the moment of an answer, the row is there."""
    other = sqlite3.connect(path)

    async def write(server_id: str) -> None:
        await store.write(add_server(server_id))
        assert other.execute("SELECT count(*) FROM servers WHERE server_id = ?", [server_id]).fetchone() == (1,)

    try:
        await asyncio.gather(*(write(f"s{number}") for number in range(300)))
    finally:
        other.close()
    assert await store.one(text("SELECT count(*) FROM servers")) == (300,)
