"""The migrations and the tables say the same."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from storage import tables
from storage.opening import MIGRATIONS
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
