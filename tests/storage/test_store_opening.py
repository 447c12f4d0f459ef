"""Opening: new files, older ones, newer ones, files that are none of ours, and several processes at once."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import add_server, server_ids

from storage import opening
from storage.opening import open_store
from storage.runner import StoreBusy, StoreError
from storage.sqlite import SQLiteStore

ROOT = Path(__file__).parents[2]

# The last migration that there really is.
LAST = opening._revisions()[-1]
NEXT = f"""
from alembic import op
import sqlalchemy as sa

revision = "9000"
down_revision = "{LAST}"

def upgrade():
    op.add_column("servers", sa.Column("colour", sa.Text))
    op.execute("UPDATE servers SET colour = 'blue'")
"""


def _mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def _publish(file: Path) -> None:
    file.chmod(0o644)


def _names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(file.name for file in folder.glob(pattern))


def _ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(sql).fetchall()
        connection.commit()
        return rows


def _sentence(error: pytest.ExceptionInfo[StoreError], path: Path) -> str:
    """What the operator reads: one line, one full stop at its end, and the file by name."""
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert str(path) in message
    return message


async def test_a_new_file_is_private(store: SQLiteStore, path: Path) -> None:
    await store.write(add_server("s1"))
    assert {file.name: _mode(file) for file in path.parent.iterdir()} == {
        path.name: 0o600,
        f"{path.name}-shm": 0o600,
        f"{path.name}-wal": 0o600,
    }


async def test_a_file_that_others_could_read_becomes_private(store: SQLiteStore, path: Path) -> None:
    await store.close()
    _publish(path)
    await open_store(path).close()
    assert _mode(path) == 0o600


async def test_a_name_with_special_characters(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=ro#%41.db"
    await open_store(path).close()
    assert _names(tmp_path) == [path.name]


IMPORTS = """
import asyncio, sys
from pathlib import Path
from storage.opening import open_store
asyncio.run(open_store(Path(sys.argv[1])).close())
print("alembic" in sys.modules)
"""


def test_alembic_is_imported_only_to_migrate(path: Path) -> None:
    command = [sys.executable, "-c", IMPORTS, str(path)]
    answers = [subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    assert answers == ["True\n", "False\n"]


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Pretend that the code knows one migration more."""

    def add(text: str) -> None:
        folder = tmp_path / "50% of migrations"
        shutil.copytree(opening.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "9000_next.py").write_text(text)
        monkeypatch.setattr(opening, "MIGRATIONS", folder)

    return add


async def test_an_older_file_is_copied_then_migrated(
    store: SQLiteStore, path: Path, migrations: Callable[[str], None]
) -> None:
    await store.write(add_server("s1"))
    await store.close()
    copy = path.with_name(f"{path.name}.before-{LAST}")
    # Left by an attempt that failed, and by one that was killed while it copied.
    copy.write_text("old")
    path.with_name(f"{path.name}.before-{LAST}.partial").write_text("half")
    migrations(NEXT)

    migrated = open_store(path)
    assert await server_ids(migrated) == ["s1"]
    await migrated.close()
    assert _ask(path, "SELECT server_id, colour FROM servers") == [("s1", "blue")]
    assert _ask(path, "SELECT version_num FROM alembic_version") == [("9000",)]
    assert _ask(copy, "SELECT version_num FROM alembic_version") == [(LAST,)]
    assert "colour" not in str(_ask(copy, "SELECT sql FROM sqlite_master WHERE name = 'servers'"))
    assert _ask(copy, "SELECT server_id FROM servers") == [("s1",)]
    assert _mode(copy) == 0o600
    assert _names(path.parent, "*.db*") == [path.name, copy.name]


async def test_a_new_file_is_not_copied(path: Path, migrations: Callable[[str], None]) -> None:
    migrations(NEXT)
    await open_store(path).close()
    assert _names(path.parent, "*.db*") == [path.name]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("raise ValueError('not today')", "not today"),
        ("op.execute('SELECT * FROM nowhere')", "no such table: nowhere"),
        ("op.execute(\"INSERT INTO users VALUES ('nobody', 'u', 'now')\")", "a row of users refers to nothing"),
    ],
)
async def test_a_migration_that_fails_leaves_the_file_as_it_was(
    store: SQLiteStore, path: Path, migrations: Callable[[str], None], last: str, reason: str
) -> None:
    await store.write(add_server("s1"))
    await store.close()
    before = _ask(path, "SELECT * FROM sqlite_master")
    migrations(f"{NEXT}\n    {last}\n")
    with pytest.raises(StoreError, match=reason) as error:
        open_store(path)
    _sentence(error, path)
    assert _ask(path, "SELECT * FROM sqlite_master") == before
    assert _ask(path, "SELECT version_num FROM alembic_version") == [(LAST,)]


async def test_a_migration_may_rebuild_a_table(
    store: SQLiteStore, path: Path, migrations: Callable[[str], None]
) -> None:
    """Dropping the old `users` must not take the servers of its rows along."""
    await store.write(add_server("s1"))
    await store.close()
    migrations(NEXT + "    with op.batch_alter_table('users') as users:\n        users.drop_column('created_at')\n")
    await open_store(path).close()
    assert _ask(path, "SELECT server_id FROM servers") == [("s1",)]


async def test_a_newer_file_is_refused(store: SQLiteStore, path: Path) -> None:
    await store.close()
    _ask(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999, which only a newer version") as error:
        open_store(path)
    _sentence(error, path)


@pytest.mark.parametrize("table", ["notes (text)", "alembic_version (version_num)"])
def test_the_database_of_another_program_is_left_alone(path: Path, table: str) -> None:
    _ask(path, f"CREATE TABLE {table}")
    _publish(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="of another program") as error:
        open_store(path)
    _sentence(error, path)
    assert path.read_bytes() == before
    assert _mode(path) == 0o644


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match="file is not a database") as error:
        open_store(path)
    _sentence(error, path)
    assert path.read_text() == "Dear diary, " * 100


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open") as error:
        open_store(tmp_path)
    _sentence(error, tmp_path)


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "toolgate.db"
    with pytest.raises(StoreError, match="there is no folder") as error:
        open_store(path)
    _sentence(error, path)
    assert not path.parent.exists()


def test_a_folder_that_takes_no_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening.os, "open", refuse)
    with pytest.raises(StoreError, match="Permission denied") as error:
        open_store(path)
    _sentence(error, path)


OPEN = """
import asyncio, sys
from pathlib import Path
from storage.opening import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(Path(sys.argv[1]))
print(store.generation())
asyncio.run(store.close())
"""


@pytest.mark.parametrize("round_", range(3))
def test_four_processes_open_a_new_file_at_once(path: Path, round_: int) -> None:
    command = [sys.executable, "-W", "error", "-c", OPEN, str(path)]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert answers == [("1\n", "")] * 4
    assert _ask(path, "SELECT version_num FROM alembic_version") == [(LAST,)]
    assert _names(path.parent) == [path.name]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.05)
    monkeypatch.setattr(opening, "PATIENCE", 0.2)


@pytest.mark.usefixtures("impatient")
def test_a_new_file_that_stays_locked_is_busy(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy) as error:
            open_store(path)
        _sentence(error, path)


async def test_a_lock_is_waited_for_beyond_the_busy_timeout(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        # A read in rollback-journal mode: the file can be read, but not changed to WAL.
        other.execute("CREATE TEMP TABLE t (x)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master").fetchall()
        release = threading.Timer(0.4, other.execute, ["ROLLBACK"])
        release.start()
        store = open_store(path)
        assert release.finished.is_set()
        release.join()
    await store.close()
