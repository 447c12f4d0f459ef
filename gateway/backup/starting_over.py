"""`toolgate vault start-over`: new secrets for a database whose own are lost. What they had sealed stays closed."""

from dataclasses import dataclass
from pathlib import Path

from gateway.backup import archive
from gateway.backup.problems import BackupError
from gateway.backup.restoring import unused
from gateway.credentials.belonging import proof_of, refusal
from gateway.credentials.rotation import counts
from gateway.secrets import FILE, SecretsError, load, new_secrets, rewrite
from storage import vault as statements
from storage.opening import open_store
from storage.runner import Store
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
    store = open_store(database)
    try:
        if await _are_there(store, data_dir):
            raise BackupError("The secrets of this database are there: `toolgate vault rotate` makes another key.")
        aside, path = None, data_dir / FILE
        if path.exists():
            aside = data_dir / f"{FILE}.before-{now()[:19].replace(':', '')}"
            path.rename(aside)
        new = new_secrets()
        rewrite(data_dir, new)
        name = new.ring.current
        proof = proof_of(new, name)
        await store.write(lambda connection: statements.name_key(connection, name, proof))
        return StartedOver(sum(sum(count.by_key.values()) for count in await counts(store)), aside)
    finally:
        await store.close()


async def _are_there(store: Store, data_dir: Path) -> bool:
    row = await store.one(statements.STATE)
    if row is None:
        # Nobody can tell whose they are, and a start will: so they count, if they can be read.
        return (data_dir / FILE).exists()
    try:
        return refusal(load(data_dir), row.key_name, row.proof) is None
    except SecretsError:
        return False
