"""`toolgate vault start-over`: new secrets for a database whose own are lost. What they had sealed stays closed."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.access.chain_key import audit_key
from gateway.backup import archive
from gateway.backup.problems import BackupError
from gateway.backup.restoring import unused
from gateway.credentials.belonging import proof_of, refusal
from gateway.credentials.rotation import counts
from gateway.secrets import FILE, SecretsError, load, new_secrets, rewrite
from storage import vault as statements
from storage.opening import open_store
from storage.times import now


@dataclass(frozen=True, slots=True)
class StartedOver:
    """How many rows do not open any more, and where the file that was there is now."""

    closed: int
    aside: Path | None


async def start_over(data_dir: Path) -> StartedOver:
    """Make new secrets for the database in `data_dir`, which nobody may be using.

    Raises BackupError where there is none, where it is in use, or where its secrets are not lost at all.
    """
    database = data_dir / archive.DATABASE
    if not database.is_file():
        raise BackupError(f"There is no database in {data_dir}.")
    with unused(data_dir, whole=False):
        pass
    if _are_there(database, data_dir):
        raise BackupError("The secrets of this database are there: `toolgate vault rotate` makes another key.")
    new = new_secrets()
    store = open_store(database, audit_key(new.token_key))
    try:
        aside, path = None, data_dir / FILE
        if path.exists():
            aside = data_dir / f"{FILE}.before-{now()[:19].replace(':', '')}"
            path.rename(aside)
        rewrite(data_dir, new)
        name = new.ring.current
        proof = proof_of(new, name)
        await store.write(lambda connection: statements.name_key(connection, name, proof))
        return StartedOver(sum(sum(count.by_key.values()) for count in await counts(store)), aside)
    finally:
        await store.close()


def _are_there(database: Path, data_dir: Path) -> bool:
    try:
        held = load(data_dir)
    except SecretsError:
        return False
    try:
        with closing(sqlite3.connect(database)) as connection:
            row = connection.execute("SELECT key_name, proof FROM vault").fetchone()
    except sqlite3.Error:
        # An older schema, or no database at all: the next start will say it.
        row = None
    return row is None or refusal(held, *row) is None
