"""Credentials in the store: whose they are, which is chosen, and that none is ever readable at rest."""

import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from gateway.credentials.model import Secret
from gateway.credentials.store import (
    Credentials,
    confirm_for_connector,
    delete_for_connector,
    suspend_for_connector,
)
from gateway.credentials.vault import Vault, VaultError
from gateway.errors import CredentialNotFound, Forbidden, InvalidRequest, NotFound
from gateway.secrets import KeyRing
from storage import tables
from storage.identities import ensure_user
from storage.opening import open_store
from storage.sqlite import SQLiteStore
from storage.times import now

RING = KeyRing({"k1": b"k" * 32})
TOKEN = "xoxb-very-secret"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = open_store(tmp_path / "toolgate.db")

    def make_users(connection: Connection) -> None:
        for account_id, user_id in (("default", "ann"), ("default", "bob"), ("other", "ann")):
            ensure_user(connection, account_id, user_id, now(), new_account=True)

    await opened.write(make_users)
    yield opened
    await opened.close()


@pytest.fixture
def credentials(store: SQLiteStore) -> Credentials:
    return Credentials(store, Vault(RING))


Add = Callable[..., Any]


@pytest.fixture
def add(credentials: Credentials) -> Add:
    async def add(account: str = "default", user: str = "ann", connector: str = "slack", name: str = "Mine") -> str:
        data = {"token": TOKEN, "subdomain": "acme"}
        return await credentials.create(account, user, connector, "bearer", name, data)

    return add


async def test_what_is_stored_is_chosen_and_opens(credentials: Credentials, add: Add) -> None:
    credential_id = await add()
    assert re.fullmatch("[0-9a-f]{24}", credential_id)
    expected = (credential_id, Secret("bearer", {"token": TOKEN, "subdomain": "acme"}, credential_id))
    assert await credentials.choose("default", "ann", "slack", None) == expected
    assert await credentials.choose("default", "ann", "slack", credential_id) == expected


async def test_a_secret_is_in_no_row_and_no_repr(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    await add()
    _, secret = await credentials.choose("default", "ann", "slack", None)
    row = await store.one(select(tables.credentials))
    assert row is not None
    assert TOKEN not in repr(secret) + repr(vars(credentials))
    assert TOKEN.encode() not in row.sealed
    assert TOKEN not in repr(row)
    assert row.sealed_by == "k1"


async def test_list_has_the_documented_shape(credentials: Credentials, add: Add) -> None:
    first = await add(name="Slack of Ann")
    second = await add(name="Another")
    await add(connector="notion")
    await add(user="bob")
    await add(account="other")
    listed = await credentials.list("default", "ann", "slack")
    assert {entry["credentialId"] for entry in listed} == {first, second}
    entry = next(entry for entry in listed if entry["credentialId"] == first)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["createdAt"])
    assert entry == {
        "credentialId": first,
        "name": "Slack of Ann",
        "type": "slack-bearer",
        "createdAt": entry["createdAt"],
        "updatedAt": entry["createdAt"],
    }
    assert await credentials.list("default", "nobody", "slack") == []


async def test_a_list_holds_a_thousand_at_most(
    credentials: Credentials, add: Add, monkeypatch: pytest.MonkeyPatch, store: SQLiteStore
) -> None:
    await add()
    row = await store.one(select(tables.credentials))
    assert row is not None
    copies = [{**row._mapping, "credential_id": f"{number:024x}"} for number in range(1001)]
    await store.write(lambda connection: connection.execute(tables.credentials.insert(), copies) and None)
    assert len(await credentials.list("default", "ann", "slack")) == 1000


@pytest.mark.parametrize(
    ("account", "user", "connector"),
    [("other", "ann", "slack"), ("default", "bob", "slack"), ("default", "ann", "notion")],
)
async def test_anothers_credential_reads_as_none(
    credentials: Credentials, add: Add, account: str, user: str, connector: str
) -> None:
    credential_id = await add()
    for asked in (credential_id, None):
        with pytest.raises(CredentialNotFound) as caught:
            await credentials.choose(account, user, connector, asked)
        assert caught.value.message == "Credential not found"
        assert caught.value.details == {"connectorId": connector}
    # Nor does a credential of one's own open the way to it.
    await add(account, user, connector)
    with pytest.raises(CredentialNotFound):
        await credentials.choose(account, user, connector, credential_id)


@pytest.mark.parametrize(
    "text", ["", "cred_abc123", "0" * 24, "A" * 24, "0" * 24 + "\n", "\0", "\ud800" * 24, "' OR 1=1"]
)
async def test_any_text_may_be_asked_for(credentials: Credentials, add: Add, text: str) -> None:
    await add()
    with pytest.raises(CredentialNotFound):
        await credentials.choose("default", "ann", "slack", text)


async def test_several_are_named_to_choose_from(credentials: Credentials, add: Add) -> None:
    ids = {await add(name=f"Number {number}"): f"Number {number}" for number in range(2)}
    with pytest.raises(InvalidRequest) as caught:
        await credentials.choose("default", "ann", "slack", None)
    assert type(caught.value) is InvalidRequest
    assert all(f"{credential_id} ({name})" in caught.value.message for credential_id, name in ids.items())
    assert caught.value.details["field"] == "credentialId"
    assert {entry["credentialId"]: entry["name"] for entry in caught.value.details["credentials"]} == ids
    for credential_id in ids:
        assert (await credentials.choose("default", "ann", "slack", credential_id))[0] == credential_id


@pytest.mark.parametrize(("count", "end"), [(10, "(Mine)"), (11, "(Mine), ...")])
async def test_of_very_many_the_message_names_ten(credentials: Credentials, add: Add, count: int, end: str) -> None:
    for _ in range(count):
        await add()
    with pytest.raises(InvalidRequest) as caught:
        await credentials.choose("default", "ann", "slack", None)
    assert caught.value.message.count("(Mine)") == 10
    assert caught.value.message.endswith(f"{end}; or make one of them the default")
    assert len(caught.value.details["credentials"]) == count


async def test_what_a_credential_is_bound_to_is_fixed(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    """In this order and no other: credentials that are stored open with nothing else."""
    credential_id = await add()
    row = await store.one(select(tables.credentials))
    assert row is not None
    bound_to = ("credential", "default", "ann", "slack", credential_id)
    assert json.loads(Vault(RING).open(row.sealed, "k1", bound_to)) == {"token": TOKEN, "subdomain": "acme"}


async def test_a_user_there_is_not(credentials: Credentials, add: Add) -> None:
    with pytest.raises(NotFound, match="User not found"):
        await add(user="nobody")


async def test_a_row_that_was_moved_does_not_open(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    """Who can write to the database still cannot make one user's credential another's."""
    credential_id = await add()
    moved = update(tables.credentials).values(user_id="bob")
    await store.write(lambda connection: connection.execute(moved) and None)
    with pytest.raises(VaultError) as caught:
        await credentials.choose("default", "bob", "slack", None)
    assert credential_id in str(caught.value)
    assert credential_id not in caught.value.message


async def test_without_its_key_it_does_not_open(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    await add()
    with pytest.raises(VaultError, match="k1"):
        await Credentials(store, Vault(KeyRing({"k2": b"k" * 32}))).choose("default", "ann", "slack", None)


async def test_suspended_until_confirmed(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    mine = await add()
    await add(user="bob")
    elsewhere = [await add(connector="notion"), await add(account="other")]
    assert await store.write(lambda connection: suspend_for_connector(connection, "default", "slack")) == 2
    assert await store.write(lambda connection: suspend_for_connector(connection, "default", "slack")) == 0
    for asked in (mine, None):
        with pytest.raises(Forbidden, match="suspended"):
            await credentials.choose("default", "ann", "slack", asked)
    (listed,) = await credentials.list("default", "ann", "slack")
    assert listed["suspended"] is True
    assert (await credentials.choose("default", "ann", "notion", None))[0] == elsewhere[0]
    assert (await credentials.choose("other", "ann", "slack", None))[0] == elsewhere[1]

    assert await store.write(lambda connection: confirm_for_connector(connection, "default", "slack")) == 2
    assert await store.write(lambda connection: confirm_for_connector(connection, "default", "slack")) == 0
    assert (await credentials.choose("default", "ann", "slack", None))[0] == mine
    (listed,) = await credentials.list("default", "ann", "slack")
    assert "suspended" not in listed


async def test_a_new_credential_takes_the_place_of_a_suspended_one(
    credentials: Credentials, add: Add, store: SQLiteStore
) -> None:
    before = await add()
    await store.write(lambda connection: suspend_for_connector(connection, "default", "slack"))
    after = await add()
    assert (await credentials.choose("default", "ann", "slack", None))[0] == after
    with pytest.raises(Forbidden):
        await credentials.choose("default", "ann", "slack", before)


async def test_delete_takes_the_connectors_and_no_other(credentials: Credentials, add: Add, store: SQLiteStore) -> None:
    await add()
    await add(user="bob")
    await add(connector="notion")
    await add(account="other")
    assert await store.write(lambda connection: delete_for_connector(connection, "default", "slack")) == 2
    with pytest.raises(CredentialNotFound):
        await credentials.choose("default", "ann", "slack", None)
    await credentials.choose("default", "ann", "notion", None)
    await credentials.choose("other", "ann", "slack", None)


async def test_jobs_stand_or_fall_with_their_transaction(
    credentials: Credentials, add: Add, store: SQLiteStore
) -> None:
    mine = await add()

    def job(connection: Connection) -> None:
        suspend_for_connector(connection, "default", "slack")
        delete_for_connector(connection, "default", "slack")
        raise RuntimeError("the connector could not be replaced")

    with pytest.raises(RuntimeError):
        await store.write(job)

    def fails(connection: Connection) -> None:
        raise RuntimeError("no room for the audit row")

    with pytest.raises(RuntimeError):
        await credentials.create("default", "ann", "slack", "bearer", "Second", {"token": TOKEN}, also=fails)
    assert (await credentials.choose("default", "ann", "slack", None))[0] == mine
