"""Opening the SQLite file of a data directory: make it if need be, bring its schema up to date, hand out the store."""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from storage.runner import StoreBusy, StoreError
from storage.sqlite import BUSY_TIMEOUT, SQLiteStore, explain, make_engine

MIGRATIONS = Path(__file__).parent / "migrations"

# How many seconds to wait for another process that opens, or migrates, the same file.
PATIENCE = 60.0


def open_store(path: Path, audit_key: bytes = b"") -> SQLiteStore:
    """The store on the file `path`, readable by its owner alone and with the schema that this code expects.

    `audit_key` seals the audit rows (storage.chain): the installation's own, without which a store is for tests only.

    A file that is missing is made, in a folder that exists. An older schema is migrated, after a copy of the file
    as it was has been put beside it as `<file>.before-<revision>`. Several processes may do this at once.
    Raises StoreError with one sentence when there is no such folder, when the file is no database of ours or of a
    newer version, or when it cannot be used; StoreBusy when another process holds it for longer than PATIENCE.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if not path.parent.is_dir():
                raise StoreError(f"The database {path} cannot be opened: there is no folder {path.parent}.")
            _create(path)
            return _open(path, audit_key)
        except StoreBusy:
            # Some locks are refused without waiting, whatever the busy timeout: that of the change to WAL is one.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        except OSError as error:
            raise StoreError(f"The database {path} cannot be opened: {error.strerror}.") from error


def _create(path: Path) -> None:
    # An existing file is not even opened: closing it again would drop the locks this process holds on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _open(path: Path, audit_key: bytes) -> SQLiteStore:
    try:
        # It stays open to the end: the last connection to close would empty the log, and the store would start anew.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT)) as probe:
            revision = revision_of(path, probe)
            path.chmod(0o600)
            if revision != _revisions()[-1]:
                _migrate(path, probe, audit_key)
            return SQLiteStore(path, audit_key=audit_key)
    except (sqlite3.Error, SQLAlchemyError) as error:
        raise explain(path, error) from error


def _revisions() -> list[str]:
    """The revisions this code knows, oldest first: the numbers that the names of the migrations begin with."""
    return sorted(file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision_of(path: Path, connection: sqlite3.Connection) -> str | None:
    """The revision of the file, or None if it is empty; read without Alembic, which most starts do not need."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    row = (
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if "alembic_version" in tables
        else None
    )
    if row is None:
        raise StoreError(f"The file {path} is a database of another program.")
    if row[0] not in _revisions():
        raise StoreError(f"The database {path} has schema {row[0]}, which only a newer version of Toolgate can know.")
    return str(row[0])


def _migrate(path: Path, probe: sqlite3.Connection, audit_key: bytes) -> None:
    with make_engine(path, BUSY_TIMEOUT).connect() as connection:
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        # A migration may have to rebuild a table, and dropping the old one would delete what refers to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        # From here on other processes wait. One may have migrated since we looked, so look again.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        revision = revision_of(path, driver)
        if revision == _revisions()[-1]:
            return
        if revision is not None:
            _copy(probe, path.with_name(f"{path.name}.before-{revision}"))
        try:
            _upgrade(connection, audit_key)
        except Exception as error:
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise StoreError(f"The database {path} cannot be migrated, and is as it was: {reason}.") from error
        broken = driver.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise StoreError(f"The database {path} cannot be migrated: a row of {broken[0]} refers to nothing.")
        connection.exec_driver_sql("COMMIT")


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy what is committed; under the name `target` only once the copy is whole, sound and on the disk.

    Raises StoreError, and then nothing is left of it.
    """
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        _create(partial)
        with closing(sqlite3.connect(partial)) as copy:
            source.backup(copy)
            found = [row[0] for row in copy.execute("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise StoreError(f"The database is damaged, and is not upgraded: {found[0]}.")
        _flush(partial)
        partial.replace(target)
        if os.name != "nt":
            _flush(target.parent)
    except (OSError, sqlite3.Error) as error:
        if isinstance(busy := explain(target, error), StoreBusy):
            raise busy from error
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise StoreError(
            f"The database cannot be copied to {target} before its upgrade, and is as it was: {reason}."
        ) from error
    finally:
        for left in (partial, partial.with_name(f"{partial.name}-journal")):
            left.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _upgrade(connection: Connection, audit_key: bytes) -> None:
    from alembic import command  # noqa: PLC0415 - costs time and memory that only a migration should
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection, "audit_key": audit_key})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
