"""The store as its callers see it: reads, the generation, foreign keys, closing."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, text, update
from sqlalchemy.exc import IntegrityError
from store_samples import ACCOUNT, NOW, OWNER, SERVER, USER, add_owner, add_server, driver_of, server_ids

from storage import audit, sqlite, tables
from storage.opening import open_store
from storage.runner import StoreError
from storage.sqlite import SQLiteStore

SETTINGS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "secure_delete": 1}


def run_elsewhere(path: Path, sql: str) -> None:
    """Run `sql` in another process."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
    subprocess.run([sys.executable, "-c", code, path, sql], check=True, timeout=30)


async def test_a_read_sees_the_write_that_returned(store: SQLiteStore) -> None:
    for number in range(20):
        server_id = await store.write(add_server(f"s{number:02}"))
        row = await store.one(SERVER, {"server_id": server_id})
        assert row is not None
        assert row.name == server_id
    assert await server_ids(store) == [f"s{number:02}" for number in range(20)]
    assert await store.one(SERVER, {"server_id": "missing"}) is None


async def test_a_read_sees_what_another_process_wrote(store: SQLiteStore, path: Path) -> None:
    await store.write(add_server("s1"))
    assert await server_ids(store) == ["s1"]
    run_elsewhere(path, "UPDATE servers SET server_id = 's2'")
    assert await server_ids(store) == ["s2"]


async def test_a_read_cannot_write(store: SQLiteStore) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store.all(delete(tables.users).returning(tables.users.c.user_id))
    assert (await store.one(text("SELECT count(*) FROM users"))) == (1,)


async def test_a_read_that_fails_names_the_database(store: SQLiteStore, path: Path) -> None:
    with pytest.raises(StoreError, match="no such table") as caught:
        await store.one(text("SELECT * FROM nowhere"))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", SETTINGS)
async def test_every_connection_is_set_up(store: SQLiteStore, name: str) -> None:
    def read(connection: Connection) -> object:
        return driver_of(connection).execute(f"PRAGMA {name}").fetchone()[0]

    assert await store.one(text(f"PRAGMA {name}")) == (SETTINGS[name],)
    assert await store.write(read) == SETTINGS[name]


async def test_foreign_keys_hold(store: SQLiteStore) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await store.write(add_server("s1", user_id="nobody"))
    await store.write(add_server("s2"))
    await store.write(lambda connection: connection.execute(delete(tables.accounts)).rowcount)
    assert await server_ids(store) == []


def _connector_row() -> dict[str, object]:
    row = {"account_id": ACCOUNT, "connector_id": "k1", "name": "n", "document": b"d", "version": 1}
    return {**row, "created_at": NOW, "updated_at": NOW}


def _credential_row() -> dict[str, object]:
    common = {"credential_id": "c1", "connector_id": "k", "authentication_type": "bearer", "name": "n"}
    sealed = {"sealed": b"x", "sealed_by": "k1", "suspended": False}
    return {**OWNER, **common, **sealed, "created_at": NOW, "updated_at": NOW}


ROWS: dict[Table, tuple[dict[str, object], str]] = {
    tables.accounts: ({"account_id": "acc_2", "name": "Other", "created_at": NOW}, "name"),
    tables.users: ({"account_id": ACCOUNT, "user_id": "ben", "created_at": NOW}, "created_at"),
    tables.api_keys: (
        {**OWNER, "key_id": "k1", "key_hash": b"h", "prefix": "p", "scopes": "use", "created_at": NOW},
        "scopes",
    ),
    tables.connectors: (_connector_row(), "name"),
    tables.credentials: (_credential_row(), "name"),
}


def _changes(table: Table) -> list[Callable[[Connection], object]]:
    """Insert one row, change it, delete it."""
    row, column = ROWS[table]
    same = [table.c[name] == value for name, value in row.items() if name != column]
    return [
        lambda connection: connection.execute(insert(table), row).rowcount,
        lambda connection: connection.execute(update(table).where(*same).values({column: "new"})).rowcount,
        lambda connection: connection.execute(delete(table).where(*same)).rowcount,
    ]


@pytest.mark.parametrize("table", [tables.accounts, tables.users, tables.api_keys, tables.connectors], ids=str)
async def test_the_generation_changes_with_the_configuration(store: SQLiteStore, table: Table) -> None:
    seen = [store.generation()]
    for change in _changes(table):
        assert await store.write(change) == 1
        seen.append(store.generation())
    assert seen == sorted(set(seen))


async def test_the_generation_changes_with_servers(store: SQLiteStore) -> None:
    seen = [store.generation()]
    await store.write(add_server("s1"))
    seen.append(store.generation())
    await store.write(lambda connection: connection.execute(update(tables.servers).values(version=2)).rowcount)
    seen.append(store.generation())
    # The server goes with its owner: a cascade counts as well.
    before = store.generation()
    await store.write(lambda connection: connection.execute(delete(tables.users)).rowcount)
    assert store.generation() >= before + 2
    assert seen == sorted(set(seen))


async def test_the_generation_ignores_what_is_no_configuration(store: SQLiteStore) -> None:
    before = store.generation()
    for change in _changes(tables.credentials):
        assert await store.write(change) == 1
    row = {**OWNER, "at": NOW, "door": "cli", "event": "server.create"}
    await store.write(lambda connection: audit.record(connection, **row))
    assert store.generation() == before


async def test_the_generation_changes_with_another_process(store: SQLiteStore, path: Path) -> None:
    before = store.generation()
    run_elsewhere(path, "UPDATE accounts SET name = 'New'")
    await asyncio.sleep(0)
    assert store.generation() > before


async def test_the_generation_is_read_once_per_turn_of_the_loop(store: SQLiteStore, path: Path) -> None:
    """Whatever is caused after a change comes after the end of the turn in which the number was read before it."""
    seen: list[int] = []

    def change_and_cause() -> None:
        seen.append(store.generation())
        run_elsewhere(path, "UPDATE accounts SET name = 'New'")
        asyncio.get_running_loop().call_soon(lambda: seen.append(store.generation()))

    asyncio.get_running_loop().call_soon(change_and_cause)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(seen) == 2
    assert seen[1] > seen[0]


class _BrokenOff(BaseException):
    """Ends a loop in the middle of a turn, as KeyboardInterrupt does."""


def test_a_loop_that_breaks_off_leaves_no_old_generation(path: Path) -> None:
    store = open_store(path)
    asyncio.run(store.write(add_owner))
    seen: list[int] = []

    async def read(leave: bool) -> None:
        seen.append(store.generation())
        if leave:
            raise _BrokenOff

    with pytest.raises(_BrokenOff):
        asyncio.run(read(leave=True))
    run_elsewhere(path, "UPDATE accounts SET name = 'New'")
    # Outside of every loop it is read each time.
    seen.append(store.generation())
    run_elsewhere(path, "UPDATE accounts SET name = 'Newer'")
    seen.append(store.generation())
    asyncio.run(read(leave=False))
    assert seen[0] < seen[1] < seen[2] == seen[3]
    asyncio.run(store.close())


async def test_the_generation_ignores_what_was_undone(store: SQLiteStore) -> None:
    await store.write(add_server("s1"))
    before = store.generation()

    def fail(connection: Connection) -> None:
        add_server("s2")(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(fail)
    assert store.generation() == before


def test_several_event_loops_use_it_one_after_another(path: Path) -> None:
    store = open_store(path)
    asyncio.run(store.write(add_owner))
    for number in range(3):
        asyncio.run(store.write(add_server(f"s{number}")))
    assert asyncio.run(server_ids(store)) == ["s0", "s1", "s2"]
    asyncio.run(store.close())


async def test_after_close_every_use_is_refused(store: SQLiteStore, path: Path) -> None:
    await store.write(add_server("s1"))
    await asyncio.gather(store.close(), store.close())
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.one(SERVER, {"server_id": USER})
    with pytest.raises(StoreError, match="closed"):
        await server_ids(store)
    with pytest.raises(StoreError, match="closed"):
        await store.write(add_server("s2"))
    with pytest.raises(StoreError, match="closed"):
        store.generation()
    # The log was taken over into the file: nothing but the file has to be copied or moved.
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_close_takes_the_log_over_even_if_others_have_the_file_open(store: SQLiteStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM servers").fetchall()
        await store.write(add_server("s1"))
        await store.close()
        alone = path.with_name("alone.db")
        shutil.copyfile(path, alone)
        with closing(sqlite3.connect(alone)) as copy:
            assert copy.execute("SELECT server_id FROM servers").fetchall() == [("s1",)]


async def test_a_store_that_never_wrote_can_be_closed(path: Path) -> None:
    await open_store(path).close()


class _InMemory:
    """sqlite3, but that every connection is to a database in memory: like some file systems, it has no such log."""

    def __getattr__(self, name: str) -> object:
        return getattr(sqlite3, name)

    def connect(self, _: str, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(":memory:", **{**options, "uri": False})


async def test_a_missing_write_ahead_log_is_named_and_does_not_stop_the_writer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(path)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "sqlite3", _InMemory())
        with pytest.raises(StoreError, match="does not support write-ahead logs"):
            SQLiteStore(path)
        with pytest.raises(StoreError, match="does not support write-ahead logs"):
            await store.write(add_owner)
    await store.write(add_owner)
    await store.close()


async def test_a_generation_that_cannot_be_read_names_the_database(store: SQLiteStore, path: Path) -> None:
    await store.write(lambda connection: connection.exec_driver_sql("DROP TABLE generation").rowcount)
    with pytest.raises(StoreError, match="no such table: generation") as caught:
        store.generation()
    assert str(path) in str(caught.value)


def test_a_missing_file_is_not_made(path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        SQLiteStore(path)
    assert not path.exists()
