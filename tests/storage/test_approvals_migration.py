"""0009 rebuilds the servers: nothing may be lost, and a change of one still tells who has cached it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import add_owner, add_server

from storage import opening
from storage.opening import open_store


async def test_servers_keep_what_they_had_and_are_not_safer(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    shutil.copytree(opening.MIGRATIONS, before, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (before / "versions").glob("[0-9]*.py"):
        if file.name >= "0009":
            file.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(opening, "MIGRATIONS", before)
        old = open_store(path)
        await old.write(add_owner)
        await old.close()
    with closing(sqlite3.connect(path)) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(servers)")]
        assert "read_only" not in names
        values = {"token_nonce": b"n" * 16, "paused": 1, "version": 7, "is_public": 1, "mode": "direct"}
        account, user = connection.execute("SELECT account_id, user_id FROM users").fetchone()
        values |= {"account_id": account, "user_id": user}
        row = [values.get(name, None if name == "token_expires_at" else f"a {name}") for name in names]
        marks = ", ".join("?" * len(names))
        connection.execute(f"INSERT INTO servers ({', '.join(names)}) VALUES ({marks})", row)
        connection.commit()

    store = open_store(path)
    generation = store.generation()
    await store.write(add_server("another"))
    assert store.generation() > generation
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(f"SELECT {', '.join(names)} FROM servers WHERE version = 7").fetchone()
        assert list(found) == row
        flags = connection.execute("SELECT DISTINCT read_only, confirm_destructive FROM servers").fetchall()
        assert flags == [(0, 0)]
