"""The migrations and the tables say the same."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.dialects import sqlite
from store_samples import NOW, OWNER, server_row

from storage import audit, opening, tables
from storage.opening import MIGRATIONS, open_store
from storage.sqlite import SQLiteStore, make_engine

MADE = "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND tbl_name != 'alembic_version'"


@pytest.fixture
def migrated(store: SQLiteStore, path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def _statements(rows: list[tuple[str, str | None]]) -> dict[str, str]:
    return {name: re.sub(r"\s+", " ", sql or "").replace(" ,", ",") for name, sql in rows}


async def test_alembic_sees_no_difference(store: SQLiteStore, path: Path) -> None:
    with make_engine(path).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


async def test_every_table_and_index_is_made_as_the_tables_would_make_it(migrated: sqlite3.Connection) -> None:
    """Alembic does not compare checks, names of constraints or what happens on delete; the statements do."""
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as connection:
        expected = _statements([(name, sql) for name, sql in connection.exec_driver_sql(MADE)])
    engine.dispose()
    assert len(expected) > len(tables.metadata.tables)
    assert _statements(migrated.execute(MADE).fetchall()) == expected


async def test_triggers_watch_the_configuration_and_nothing_else(migrated: sqlite3.Connection) -> None:
    made = migrated.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    watched = sorted((change, table) for table, sql in made for change in re.findall(r" AFTER (\w+) ON ", sql))
    changes = ("DELETE", "INSERT", "UPDATE")
    assert watched == sorted((change, table.name) for table in tables.CONFIGURATION for change in changes)


async def test_the_generation_is_one_row(migrated: sqlite3.Connection) -> None:
    assert migrated.execute("SELECT count(*), min(id) FROM generation").fetchone() == (1, 1)
    with pytest.raises(sqlite3.IntegrityError, match="ck_generation_one_row"):
        migrated.execute("INSERT INTO generation (id, value) VALUES (2, 1)")


async def test_a_file_is_named_after_its_revision(migrated: sqlite3.Connection) -> None:
    """`open_store` takes the revisions from the names, to spare itself Alembic."""
    script = ScriptDirectory(str(MIGRATIONS))
    chain = [revision.revision for revision in script.walk_revisions()][::-1]
    names = sorted(file.name for file in (MIGRATIONS / "versions").glob("*.py"))
    assert [name.partition("_")[0] for name in names] == chain
    assert migrated.execute("SELECT version_num FROM alembic_version").fetchall() == [(chain[-1],)]


def only(revision: str, folder: Path) -> Path:
    """The migrations as they were when `revision` was the last one."""
    later = [
        file.name for file in (MIGRATIONS / "versions").glob("[0-9]*.py") if file.name.partition("_")[0] > revision
    ]
    return Path(shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__", *later)))


async def test_servers_of_before_are_kept_and_not_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "old.db"
    monkeypatch.setattr(opening, "MIGRATIONS", only("0001", tmp_path / "then"))
    await open_store(path).close()
    row = {**server_row("s1", restrictions='{"users": {}}', token_expires_at=7, version=3), **OWNER}
    columns = ", ".join(row)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO accounts VALUES (?, 'Acme', ?)", (OWNER["account_id"], NOW))
        connection.execute("INSERT INTO users VALUES (?, ?, ?)", (*OWNER.values(), NOW))
        connection.execute(f"INSERT INTO servers ({columns}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        connection.commit()
    monkeypatch.undo()
    await open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        kept = dict(connection.execute("SELECT * FROM servers").fetchone())
    assert kept.items() >= {**row, "paused": 0}.items()


async def test_credentials_of_before_are_kept_and_none_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    monkeypatch.setattr(opening, "MIGRATIONS", only("0004", tmp_path / "then"))
    await open_store(path).close()
    row = {
        "credential_id": "c1",
        **OWNER,
        "connector_id": "slack",
        "authentication_type": "bearer",
        "name": "Mine",
        "sealed": b"\0sealed",
        "sealed_by": "k1",
        "suspended": 1,
        "created_at": NOW,
        "updated_at": NOW,
    }
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO accounts (account_id, name, created_at) VALUES (?, 'Acme', ?)", (OWNER["account_id"], NOW)
        )
        connection.execute(
            "INSERT INTO users (account_id, user_id, created_at) VALUES (?, ?, ?)", (*OWNER.values(), NOW)
        )
        for number in range(2):
            values = {**row, "credential_id": f"c{number}"}
            marks = ", ".join("?" * len(values))
            connection.execute(
                f"INSERT INTO credentials ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
            )
        connection.commit()
    monkeypatch.undo()
    await open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        kept = [dict(one) for one in connection.execute("SELECT * FROM credentials ORDER BY credential_id")]
        assert len(kept) == 2
        for number, one in enumerate(kept):
            assert one.items() >= {**row, "credential_id": f"c{number}", "is_default": 0}.items()
        connection.execute("UPDATE credentials SET is_default = 1 WHERE credential_id = 'c0'")
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute("UPDATE credentials SET is_default = 1 WHERE credential_id = 'c1'")


async def test_an_index_serves_the_activity_of_a_server(store: SQLiteStore, path: Path) -> None:
    """However many rows the account has, only those of the server are looked at, and none is sorted."""
    parameters = dict.fromkeys(audit.SERVER_PAGE.compile().params)
    for statement in (audit.SERVER_PAGE, audit.SERVER_COUNT):
        sql = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
        with closing(sqlite3.connect(path)) as connection:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        assert len(plan) == 1
        assert "ix_audit_account_id_server_id_at (account_id=? AND server_id=?)" in plan[0]
