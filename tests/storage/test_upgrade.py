"""An upgrade: copied first, refused where that cannot be, and whole or undone however it is interrupted."""

import contextlib
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import NOW, OWNER
from test_migrations import only

from storage import opening
from storage.opening import open_store
from storage.runner import StoreError

ROOT = Path(__file__).parents[2]
OLD = "0004"
NEWEST = opening._revisions()[-1]
ROWS = 3000
OPEN = """
import asyncio, resource, sys
from pathlib import Path
from storage.opening import open_store
from storage.runner import StoreError
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
try:
    asyncio.run(open_store(Path(sys.argv[1])).close())
except StoreError as error:
    print(f"refused: {error}")
"""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database of an older version, of some megabytes."""
    path = tmp_path / "data" / "toolgate.db"
    path.parent.mkdir()
    with monkeypatch.context() as then:
        then.setattr(opening, "MIGRATIONS", only(OLD, tmp_path / "then"))
        with contextlib.suppress(RuntimeError):
            open_store(path)._finish()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO accounts (account_id, name, created_at) VALUES (?, 'Acme', ?)", (OWNER["account_id"], NOW)
        )
        connection.execute(
            "INSERT INTO users (account_id, user_id, created_at) VALUES (?, ?, ?)", (*OWNER.values(), NOW)
        )
        connection.executemany(
            "INSERT INTO credentials VALUES (?, ?, ?, 'slack', 'bearer', 'Mine', ?, 'k1', 0, ?, ?)",
            [(f"c{number}", *OWNER.values(), random.randbytes(1000), NOW, NOW) for number in range(ROWS)],
        )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def started(path: Path, limit: int = 0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(path), str(limit)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ask(path: Path, statement: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def rows(path: Path) -> object:
    return ask(path, "SELECT credential_id, sealed FROM credentials ORDER BY 1")


def test_the_copy_is_whole_and_private(old: Path) -> None:
    before = rows(old)
    output, errors = started(old).communicate(timeout=60)
    assert (output, errors) == ("", "")
    copy = old.with_name(f"{old.name}.before-{OLD}")
    assert ask(copy, "SELECT version_num FROM alembic_version") == [(OLD,)]
    assert ask(old, "SELECT version_num FROM alembic_version") == [(NEWEST,)]
    assert rows(copy) == rows(old) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in old.parent.iterdir()) == [old.name, copy.name]


@pytest.mark.parametrize("limit", [200_000, 1_000_000])
def test_a_disk_that_is_full_refuses_the_upgrade(old: Path, limit: int) -> None:
    before = old.read_bytes()
    output, errors = started(old, limit).communicate(timeout=60)
    assert errors == ""
    assert output.startswith(f"refused: The database cannot be copied to {old}.before-{OLD} before its upgrade")
    assert output.count("\n") == 1
    assert old.read_bytes() == before
    assert [path.name for path in old.parent.iterdir()] == [old.name]
    started(old).communicate(timeout=60)
    assert ask(old, "SELECT version_num FROM alembic_version") == [(NEWEST,)]


def test_a_damaged_database_is_not_upgraded(old: Path) -> None:
    content = bytearray(old.read_bytes())
    for page in range(40, 60):
        content[page * 4096 : page * 4096 + 100] = random.randbytes(100)
    old.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        open_store(old)
    assert ask(old, "SELECT version_num FROM alembic_version") == [(OLD,)]
    assert not list(old.parent.glob("*.partial*"))


def test_an_upgrade_that_is_killed_heals(old: Path) -> None:
    before = rows(old)
    seen = []
    for _ in range(8):
        process = started(old)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0, 0.6))
        process.kill()
        process.communicate()
        ((revision,),) = ask(old, "SELECT version_num FROM alembic_version")  # type: ignore[misc]  # rows of one column
        seen.append(revision)
        assert revision in (OLD, NEWEST)
        assert rows(old) == before
    print(seen)
    output, errors = started(old).communicate(timeout=60)
    assert (output, errors) == ("", "")
    assert ask(old, "SELECT version_num FROM alembic_version") == [(NEWEST,)]
    assert rows(old) == before
    assert not list(old.parent.glob("*.partial*"))
    copy = old.with_name(f"{old.name}.before-{OLD}")
    if copy.exists():
        assert rows(copy) == before
