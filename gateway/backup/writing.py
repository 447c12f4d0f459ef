"""`toolgate backup`: the database as of one moment, with the secrets that open it, in one file."""

import os
import secrets as random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from gateway.backup import archive
from gateway.backup.checking import check_database, check_secrets
from gateway.backup.problems import BackupError
from gateway.secrets import KeyRing, Secrets, as_text, load, sync_directory
from storage.times import now

_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the file: its size in bytes, and how many sealed rows it holds."""

    size: int
    sealed: int


def backup(data_dir: Path, target: Path, passphrase: str | None, *, replace: bool) -> Written:
    """Write the installation in `data_dir` to the file `target`, beside whatever uses it.

    The file appears whole, on the disk and for its owner's eyes, or not at all. Raises BackupError, SecretsError, and
    OSError where there is no room.
    """
    database = data_dir / archive.DATABASE
    if not database.is_file():
        raise BackupError(f"There is no database in {data_dir}.")
    if target.exists() and not replace:
        raise BackupError(f"{target} is there already: give another name, or --force to replace it.")
    if not target.parent.is_dir():
        raise BackupError(f"There is no folder {target.parent}.")
    work = Path(tempfile.mkdtemp(prefix=".toolgate-backup-", dir=target.parent))
    try:
        before = load(data_dir)
        copied = work / archive.DATABASE
        _copy(database, copied)
        held = _together(load(data_dir), before)
        schema = check_database(copied)
        sealed = check_secrets(copied, held)
        _put(work / archive.SECRETS, as_text(held))
        partial = work / f"{random.token_hex(8)}.partial"
        about = {"toolgate": version("toolgate"), "schema": schema, "createdAt": now()}
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            archive.write(file, work, about, passphrase)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        partial.replace(target)
        sync_directory(target.parent)
        return Written(size, sealed)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy(database: Path, copied: Path) -> None:
    _put(copied, b"")
    try:
        uri = f"{database.absolute().as_uri()}?mode=rw"
        with (
            closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as source,
            closing(sqlite3.connect(copied, isolation_level=None)) as copy,
        ):
            # In one step: one moment, and no writer waits for it.
            source.backup(copy)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"The database {database} cannot be copied: {error}.") from None


def _together(after: Secrets, before: Secrets) -> Secrets:
    """The keys of before and after the copy: a rotation may have come or gone meanwhile."""
    keys = {name: key for held in (after, before) for name in held.ring.names if (key := held.ring.get(name))}
    return Secrets(after.token_key, KeyRing(keys))


def _put(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
