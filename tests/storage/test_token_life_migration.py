"""0006 makes the table of credentials anew: nothing may be lost on the way."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from store_samples import ACCOUNT, NOW, USER

from storage import opening
from storage.opening import open_store

_ROW = (f"{1:024x}", ACCOUNT, USER, "slack", "bearer", "Mine", b"sealed", "k1", 1, NOW, NOW)
_COLUMNS = (
    "credential_id, account_id, user_id, connector_id, authentication_type, name, sealed, sealed_by, suspended, "
    "created_at, updated_at"
)


def _add(connection: Connection) -> None:
    connection.execute(
        text("INSERT INTO accounts (account_id, name, created_at) VALUES (:a, 'Acme', :n)"), {"a": ACCOUNT, "n": NOW}
    )
    connection.execute(
        text("INSERT INTO users (account_id, user_id, created_at) VALUES (:a, :u, :n)"),
        {"a": ACCOUNT, "u": USER, "n": NOW},
    )


async def test_credentials_of_before_are_kept_and_none_is_dead(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    shutil.copytree(opening.MIGRATIONS, before, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (before / "versions").glob("[0-9]*.py"):
        if file.name.partition("_")[0] > "0005":
            file.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(opening, "MIGRATIONS", before)
        old = open_store(path)
        await old.write(_add)
        await old.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"INSERT INTO credentials ({_COLUMNS}) VALUES ({', '.join('?' * 11)})", _ROW)
        connection.commit()

    await open_store(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        assert connection.execute(f"SELECT {_COLUMNS} FROM credentials").fetchall() == [_ROW]
        more = "auth_config_id, expires_at, dead, version, lease, lease_until"
        assert connection.execute(f"SELECT {more} FROM credentials").fetchall() == [(None, None, 0, 0, None, None)]
        connection.execute("DELETE FROM users")
        assert connection.execute("SELECT * FROM credentials").fetchall() == []
