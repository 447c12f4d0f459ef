"""Rows and jobs that the tests of the store share."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from storage import tables
from storage.sqlite import SQLiteStore

NOW = "2026-11-23T16:40:00.123Z"
ACCOUNT, USER = "acc_1", "ana"
OWNER = {"account_id": ACCOUNT, "user_id": USER}

SERVER = select(tables.servers).where(tables.servers.c.server_id == bindparam("server_id"))
SERVER_IDS = select(tables.servers.c.server_id).order_by(tables.servers.c.server_id)


def add_owner(connection: Connection) -> None:
    """The account and the user whom the other rows refer to."""
    connection.execute(insert(tables.accounts), {"account_id": ACCOUNT, "name": "Acme", "created_at": NOW})
    connection.execute(insert(tables.users), {**OWNER, "created_at": NOW})


def server_row(server_id: str, **changes: Any) -> dict[str, Any]:
    return {
        **OWNER,
        "server_id": server_id,
        "name": server_id,
        "name_key": server_id,
        "description": "",
        "custom_instructions": "",
        "is_public": False,
        "mode": "connectivity",
        "token_nonce": bytes(16),
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }


def add_server(server_id: str, **changes: Any) -> Callable[[Connection], str]:
    """A job that inserts one server and returns its id."""

    def job(connection: Connection) -> str:
        connection.execute(insert(tables.servers), server_row(server_id, **changes))
        return server_id

    return job


async def server_ids(store: SQLiteStore) -> list[str]:
    return [row.server_id for row in await store.all(SERVER_IDS)]


def driver_of(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


class Gate:
    """A job that keeps the writer's thread busy until `open` is called, so that what follows gathers in the queue."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._released = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self.reached.set()
        assert self._released.wait(20)

    def open(self) -> None:
        self._released.set()


@contextmanager
def gate() -> Iterator[Gate]:
    """A gate that is open at the latest when the test ends, or closing the store would wait for it."""
    made = Gate()
    try:
        yield made
    finally:
        made.open()
