"""0003 rebuilds the tables that everything refers to: nothing may be lost on the way."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import ACCOUNT, USER, add_owner, add_server

from storage import opening
from storage.opening import open_store


async def test_what_was_there_is_kept(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tmp_path / "before"
    shutil.copytree(opening.MIGRATIONS, before, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (before / "versions").glob("[0-9]*.py"):
        if not file.name.startswith("0001_"):
            file.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(opening, "MIGRATIONS", before)
        old = open_store(path)
        await old.write(add_owner)
        await old.write(add_server("s1"))
        generation = old.generation()
        await old.close()

    store = open_store(path)
    assert store.generation() >= generation
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        people = connection.execute("SELECT account_id, user_id, username, full_name, disabled FROM users").fetchall()
        assert people == [(ACCOUNT, USER, None, None, 0)]
        assert connection.execute("SELECT account_id, name, disabled FROM accounts").fetchall() == [
            (ACCOUNT, "Acme", 0)
        ]
        assert connection.execute("SELECT server_id FROM servers").fetchall() == [("s1",)]
        connection.execute("DELETE FROM users")
        assert connection.execute("SELECT server_id FROM servers").fetchall() == []
        (after,) = connection.execute("SELECT value FROM generation").fetchone()
        assert after > generation
