"""Whether a database and secrets belong together and are whole, asked before they are put anywhere."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Row, Table

from gateway.backup.problems import BackupError
from gateway.credentials.belonging import refusal
from gateway.credentials.sealed import SEALED
from gateway.credentials.vault import Vault, VaultError
from gateway.secrets import Secrets
from storage.opening import revision_of
from storage.runner import StoreError

_OF_EACH_KEY = 3


def check_database(path: Path) -> str:
    """The revision of the schema. Raises BackupError where the database is damaged or none of ours."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
            revision = revision_of(path, connection)
    except (sqlite3.Error, StoreError) as error:
        raise BackupError(f"The database in the backup cannot be used: {error}") from None
    if found != ["ok"] or revision is None:
        raise BackupError("The database in the backup is damaged.")
    return revision


def check_secrets(path: Path, secrets: Secrets) -> int:
    """How many sealed rows there are, of which some of each key were opened.

    Raises BackupError where none of a key that is there opens, or where the secrets are another database's. Rows of a
    key that is not there could not be opened before either.
    """
    vault, rows = Vault(secrets.ring), 0
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "vault" in tables and (state := connection.execute("SELECT key_name, proof FROM vault").fetchone()):
            why = refusal(secrets, state["key_name"], state["proof"])
            if why is not None:
                raise BackupError(f"The secrets do not belong to the database: {why}.")
        for sealed in SEALED:
            if sealed.table.name not in tables:
                continue
            for key_name, count in _keys(connection, sealed.table):
                rows += count
                sample = [*_rows(connection, sealed.table, key_name)]
                if vault.knows(key_name) and not any(_opens(vault, row, sealed.bound_to(row)) for row in sample):
                    raise BackupError(
                        f"The secrets do not belong to the database: {key_name} opens nothing in {sealed.table.name}."
                    )
    return rows


def _keys(connection: sqlite3.Connection, table: Table) -> list[tuple[str, int]]:
    # Names of our own tables: nothing to inject.
    counted = f"SELECT sealed_by, count(*) FROM {table.name} WHERE sealed IS NOT NULL GROUP BY 1"  # noqa: S608 (for that reason)
    return [(row[0], row[1]) for row in connection.execute(counted)]


def _rows(connection: sqlite3.Connection, table: Table, key_name: str) -> Iterator[Row[Any]]:
    some = f"SELECT * FROM {table.name} WHERE sealed_by = ? AND sealed IS NOT NULL LIMIT ?"  # noqa: S608 (as above)
    for row in connection.execute(some, (key_name, _OF_EACH_KEY)):
        # All that is asked of a row is its columns.
        yield cast("Row[Any]", SimpleNamespace(**dict(row)))


def _opens(vault: Vault, row: Row[Any], bound_to: tuple[str, ...]) -> bool:
    try:
        vault.open(row.sealed, row.sealed_by, bound_to)
    except VaultError:
        return False
    return True
