"""A database that is not where it was opened any more: nothing is written into what nobody will find."""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from store_samples import add_owner, add_server, server_ids

from storage.opening import open_store
from storage.runner import StoreError, StoreUnsure, StoreUnwritable
from storage.sqlite import SQLiteStore

GONE = "not the one that was opened"


def move(path: Path) -> Callable[[], object]:
    aside = path.with_name("aside")
    path.rename(aside)
    return lambda: aside.rename(path)


def move_folder(path: Path) -> Callable[[], object]:
    aside = path.parent.with_name(f"{path.parent.name}-aside")
    path.parent.rename(aside)
    return lambda: aside.rename(path.parent)


def move_log(path: Path) -> Callable[[], object]:
    return move(path.resolve().with_name("toolgate.db-wal"))


def move_index(path: Path) -> Callable[[], object]:
    return move(path.resolve().with_name("toolgate.db-shm"))


def replace_by_copy(path: Path) -> Callable[[], object]:
    back = move(path)
    shutil.copyfile(path.with_name("aside"), path)
    return back


def replace_by_garbage(path: Path) -> Callable[[], object]:
    back = move(path)
    path.write_bytes(b"this is no database" * 1000)
    return back


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # A folder of its own, so that it can be moved.
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "toolgate.db"


@pytest.fixture(params=["fresh", "settled", "linked"])
def opened(request: pytest.FixtureRequest, path: Path) -> SQLiteStore:
    """A store in a folder that was changed a moment ago; in one that was not, for long; and behind a link."""
    if request.param == "linked":
        elsewhere = path.parent.parent / "elsewhere"
        elsewhere.mkdir()
        asyncio.run(open_store(elsewhere / path.name).close())
        path.symlink_to(elsewhere / path.name)
    store = open_store(path)
    if request.param == "settled":
        os.utime(path.parent, ns=(0, 0))
    return store


@pytest.mark.parametrize(
    "take_away",
    [move, move_folder, move_log, move_index, replace_by_copy, replace_by_garbage],
    ids=lambda f: f.__name__,
)
async def test_nothing_is_answered_while_it_is_away_and_all_goes_on_when_it_is_back(
    path: Path, opened: SQLiteStore, take_away: Callable[[Path], Callable[[], object]]
) -> None:
    store = opened
    await store.write(add_owner)
    await store.write(add_server("before"))
    put_back = take_away(path)
    for number in range(3):
        with pytest.raises(StoreError, match=GONE):
            await store.write(add_server(f"away{number}"))
    time.sleep(0.3)  # noqa: ASYNC251 - longer than a reader believes what it saw
    with pytest.raises(StoreError, match=GONE):
        await server_ids(store)
    with pytest.raises(StoreError, match=GONE):
        store.generation()
    with pytest.raises(StoreError, match=GONE):
        await store.ready()
    put_back()
    assert await server_ids(store) == ["before"]
    await store.write(add_server("after"))
    await store.ready()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT server_id FROM servers").fetchall() == [("after",), ("before",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_file_that_goes_away_during_the_commit_is_not_answered_as_written(path: Path) -> None:
    store = open_store(path)
    await store.write(add_owner)
    put_back: list[Callable[[], object]] = []

    def job(connection: Connection) -> None:
        add_server("torn")(connection)
        put_back.append(move(path))

    with pytest.raises(StoreUnsure, match=GONE):
        await store.write(job)
    put_back[0]()
    # It was committed, into the file that came back; whoever asked was told that nobody knows.
    assert await server_ids(store) == ["torn"]
    await store.close()


async def test_a_writer_looks_at_the_files_again_only_where_the_folder_has_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(path)
    await store.write(add_owner)
    os.utime(path.parent, ns=(0, 0))
    await store.write(add_server("first"))
    looks: list[str] = []
    look = os.stat
    monkeypatch.setattr(os, "stat", lambda name: (looks.append(Path(name).name), look(name))[1])
    await store.write(add_server("second"))
    assert looks == ["data", "data"]
    (path.parent / "something").touch()
    looks.clear()
    await store.write(add_server("third"))
    assert looks == ["data", "toolgate.db", "toolgate.db-wal", "toolgate.db-shm"] * 2
    monkeypatch.undo()
    await store.close()


async def test_a_reader_looks_only_now_and_then(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(path)
    looks: list[object] = []
    look = os.stat
    monkeypatch.setattr(os, "stat", lambda name: (looks.append(name), look(name))[1])
    for _ in range(1000):
        store.generation()
    assert 3 <= len(looks) <= 6
    monkeypatch.undo()
    await store.close()


async def test_ready_tries_only_after_a_failure(store: SQLiteStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        await store.ready()
        assert connection.execute("PRAGMA data_version").fetchone() == before

    def fill_up(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        add_server("big", description="x" * 200_000)(connection)

    with pytest.raises(StoreUnwritable):
        await store.write(fill_up)
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("PRAGMA data_version").fetchone()
        await store.ready()
        assert connection.execute("PRAGMA data_version").fetchone() != before
