"""`toolgate restore`: a backup, checked whole in a folder of its own, and then put in place.

What is being put in place is told by a file, `restore-unfinished`, from before the first change until after the last:
nothing starts on a data directory that has it.
"""

import contextlib
import os
import secrets as random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.backup import archive
from gateway.backup.checking import check_database, check_secrets
from gateway.backup.problems import BackupError
from gateway.secrets import SecretsError, load, sync_directory
from storage.times import now

UNFINISHED = "restore-unfinished"
_STAGED, _ASIDE = ".restoring-", "before-restore-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored. `aside` is where the old is now, if there was any; `servers` how many have a token URL."""

    manifest: archive.Manifest
    sealed: int
    servers: int
    aside: Path | None


def refuse_unfinished(data_dir: Path) -> None:
    """Raises BackupError where a restore into this data directory did not come to its end."""
    if (data_dir / UNFINISHED).exists():
        raise BackupError(f"A restore into {data_dir} is not finished: run `toolgate restore FILE --force` again.")


def restore(source: Path, data_dir: Path, passphrase: str | None, *, force: bool, rotate_tokens: bool) -> Restored:
    """Put the backup `source` into `data_dir`; with `force` what is there is set aside in a folder of it.

    Until everything has been checked, nothing in `data_dir` is changed. Raises BackupError, and OSError where there is
    no room or the file cannot be read.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _old(data_dir) and not force:
        raise BackupError(f"{data_dir} is not empty: give another --data-dir, or --force to set aside what is there.")
    with unused(data_dir, whole=False):
        pass
    staged = data_dir / f"{_STAGED}{random.token_hex(8)}"
    staged.mkdir(mode=0o700)
    try:
        with source.open("rb") as file:
            manifest = archive.read(file, staged, passphrase, room=shutil.disk_usage(data_dir).free)
        sealed, servers = _check(staged, manifest, rotate_tokens=rotate_tokens)
        return Restored(manifest, sealed, servers, _put_in_place(data_dir, staged))
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _check(staged: Path, manifest: archive.Manifest, *, rotate_tokens: bool) -> tuple[int, int]:
    database = staged / archive.DATABASE
    if check_database(database) != manifest.schema:
        raise BackupError("The database in the backup has another schema than its manifest says.")
    try:
        sealed = check_secrets(database, load(staged))
    except SecretsError:
        raise BackupError("The secrets in the backup are damaged.") from None
    with closing(sqlite3.connect(database)) as connection:
        (servers,) = connection.execute("SELECT count(*) FROM servers").fetchone()
        if rotate_tokens:
            connection.execute("UPDATE servers SET token_nonce = randomblob(16), version = version + 1")
            connection.commit()
    return sealed, int(servers)


def _put_in_place(data_dir: Path, staged: Path) -> Path | None:
    for name in (archive.DATABASE, archive.SECRETS):
        _sync(staged / name)
    with unused(data_dir, whole=True):
        _mark(data_dir)
        aside = None
        if old := _old(data_dir):
            aside = data_dir / f"{_ASIDE}{now()[:19].replace(':', '')}-{random.token_hex(2)}"
            aside.mkdir(mode=0o700)
            for path in old:
                path.rename(aside / path.name)
            sync_directory(aside)
        for name in (archive.DATABASE, archive.SECRETS):
            (staged / name).rename(data_dir / name)
        sync_directory(data_dir)
    (data_dir / UNFINISHED).unlink()
    sync_directory(data_dir)
    return aside


def _old(data_dir: Path) -> list[Path]:
    """What belongs to the installation that is there; not what restores have set aside, or left."""
    ours = (_STAGED, _ASIDE, UNFINISHED)
    # What a fresh file system begins with is nobody's.
    return sorted(path for path in data_dir.iterdir() if not path.name.startswith((*ours, "lost+found")))


@contextlib.contextmanager
def unused(data_dir: Path, *, whole: bool) -> Iterator[None]:
    """Nobody else has the database open, and nobody can open it meanwhile; with `whole`, it is one file without a log
    beside it. Raises BackupError.
    """
    path = data_dir / archive.DATABASE
    if not path.is_file():
        yield
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
        try:
            # Every process that has it open holds a lock that this cannot be had beside.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            if whole:
                connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise BackupError(f"A service or a command is using {data_dir}: stop it first.") from None
            raise BackupError(f"The database in {data_dir} cannot be looked at: {error}.") from None
        except sqlite3.DatabaseError:
            # What is no database is used by nobody.
            connection.close()
        if os.name == "nt":
            # Open files cannot be moved there.
            connection.close()
        yield


def _mark(data_dir: Path) -> None:
    path = data_dir / UNFINISHED
    with path.open("w") as file:
        file.write("A restore into this folder is not finished.\n")
        file.flush()
        os.fsync(file.fileno())
    sync_directory(data_dir)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
