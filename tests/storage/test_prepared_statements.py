"""Statements that only the driver runs answer as SQLAlchemy's own execution does."""

from typing import Any

import pytest
from sqlalchemy import Connection, Executable, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound, StatementError
from store_samples import ACCOUNT, NOW, OWNER, SERVER, USER, add_server, driver_of, server_row

from storage import tables
from storage.prepared import Prepared
from storage.sqlite import SQLiteStore

SERVERS = tables.servers
BY_IDS = select(SERVERS.c.server_id).where(SERVERS.c.server_id.in_(bindparam("ids", expanding=True)))

CASES: dict[str, tuple[Executable, dict[str, Any] | None]] = {
    "no parameters": (select(SERVERS).order_by(SERVERS.c.server_id), None),
    "a parameter": (SERVER, {"server_id": "s1"}),
    "a parameter too many": (SERVER, {"server_id": "s1", "other": 1}),
    "a constant": (select(SERVERS.c.name).where(SERVERS.c.server_id == "s1").limit(1), {}),
    "an expanding list": (BY_IDS, {"ids": ["s1", "s2"]}),
    "an expression": (select(func.count(), SERVERS.c.is_public).group_by(SERVERS.c.is_public), None),
    "text": (text("SELECT count(*) AS number FROM servers WHERE name = :name"), {"name": "s1"}),
    "returning": (insert(SERVERS).returning(*SERVERS.c), server_row("s3", is_public=True)),
    "an update by its parameters": (
        update(SERVERS).where(SERVERS.c.server_id == bindparam("id_")).returning(SERVERS.c.name, SERVERS.c.is_public),
        {"id_": "s2", "name": "new", "is_public": True},
    ),
    "a deletion": (delete(SERVERS).where(SERVERS.c.server_id == bindparam("id_")).returning(SERVERS), {"id_": "s1"}),
}


def ordinary(connection: Connection) -> Connection:
    """The connection that the job's is made of."""
    assert isinstance(connection, Prepared)
    return connection._connection


def rows_of(connection: Connection, statement: Executable, parameters: dict[str, Any] | None) -> Any:
    found = connection.execute(statement, parameters).all()
    return [tuple(row) for row in found], [dict(row._mapping) for row in found], [type(row[0]) for row in found]


@pytest.mark.parametrize("name", CASES)
async def test_rows_are_those_of_sqlalchemy(store: SQLiteStore, name: str) -> None:
    statement, parameters = CASES[name]
    await store.write(add_server("s1"))
    await store.write(add_server("s2", is_public=True))

    def both(connection: Connection) -> tuple[Any, Any]:
        driver_of(connection).execute("SAVEPOINT before")
        expected = rows_of(ordinary(connection), statement, parameters)
        driver_of(connection).execute("ROLLBACK TO before")
        return rows_of(connection, statement, parameters), expected

    found, expected = await store.write(both)
    assert found == expected
    assert found[0]


async def test_the_types_of_values_are_kept(store: SQLiteStore) -> None:
    await store.write(add_server("s1", is_public=True))
    row = await store.one(SERVER, {"server_id": "s1"})
    assert row is not None
    assert row.is_public is True
    assert row.token_nonce == bytes(16)
    assert row.restrictions is None
    assert row.version == 1


async def test_a_job_hears_how_many_rows_there_are(store: SQLiteStore) -> None:
    everything = select(SERVERS.c.server_id)

    def job(connection: Connection) -> None:
        with pytest.raises(NoResultFound):
            connection.execute(everything).one()
        assert connection.execute(everything).first() is None
        assert connection.execute(everything).scalar() is None
        for server_id in ("s1", "s2"):
            add_server(server_id)(connection)
        with pytest.raises(MultipleResultsFound):
            connection.execute(everything).one()
        assert connection.execute(select(func.count()).select_from(SERVERS)).scalar_one() == 2
        assert connection.execute(everything.order_by(SERVERS.c.server_id)).scalars().all() == ["s1", "s2"]
        assert [row.server_id for row in connection.execute(everything)] == ["s1", "s2"]
        assert connection.execute(update(SERVERS).values(version=7)).rowcount == 2

    await store.write(job)


async def test_a_parameter_that_is_missing_is_an_error(store: SQLiteStore) -> None:
    with pytest.raises(StatementError, match="server_id"):
        await store.one(SERVER, {})


async def test_many_rows_at_once_are_written(store: SQLiteStore) -> None:
    rows = [server_row("s1"), server_row("s2")]
    await store.write(lambda connection: connection.execute(insert(SERVERS), rows).rowcount)
    assert len(await store.all(select(SERVERS.c.server_id))) == 2


async def test_an_exception_does_not_repeat_the_values(store: SQLiteStore) -> None:
    row = {**OWNER, "key_id": "k", "key_hash": b"h", "prefix": "p", "scopes": "a secret", "created_at": NOW}

    def twice(connection: Connection) -> None:
        for _ in range(2):
            connection.execute(insert(tables.api_keys), row)

    with pytest.raises(IntegrityError, match="UNIQUE") as caught:
        await store.write(twice)
    assert "a secret" not in str(caught.value)


async def test_one_statement_with_other_parameters_is_another(store: SQLiteStore) -> None:
    statement = insert(tables.users)
    await store.write(
        lambda connection: connection.execute(statement, {**OWNER, "user_id": "b", "created_at": NOW}).rowcount
    )
    named = {**OWNER, "user_id": "c", "created_at": NOW, "username": "carl"}
    await store.write(lambda connection: connection.execute(statement, named).rowcount)
    users = select(tables.users.c.username).where(tables.users.c.account_id == ACCOUNT).order_by(tables.users.c.user_id)
    assert [row.username for row in await store.all(users)] == [None, None, "carl"]
    assert USER == "ana"
