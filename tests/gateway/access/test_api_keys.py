"""API keys: their form, and their life in a store that two processes share."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from gateway.access import keys
from gateway.access.keys import ApiKey, ApiKeys, hash_key, new_key, prefix_of, well_formed
from gateway.errors import Conflict, InvalidRequest, NotFound
from storage import tables
from storage.opening import open_store
from storage.sqlite import SQLiteStore

ANY_TEXT = st.text(st.characters(exclude_categories=[])) | st.text()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = open_store(tmp_path / "toolgate.db")
    yield opened
    await opened.close()


@pytest.fixture
def api_keys(store: SQLiteStore) -> ApiKeys:
    return ApiKeys(store)


async def count(store: SQLiteStore, table: Any) -> int:
    row = await store.one(select(func.count()).select_from(table))
    assert row is not None
    return int(row[0])


# --- the form


def test_new_keys_differ_and_are_well_formed() -> None:
    made = {new_key() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"tg_[A-Za-z0-9_-]{43}", key) and well_formed(key) for key in made)


def test_a_key_is_stored_as_its_sha256() -> None:
    assert hash_key("k" * 16) == hashlib.sha256(b"k" * 16).digest()


@pytest.mark.parametrize(("length", "shown"), [(46, 9), (512, 9), (16, 3), (32, 6)])
def test_a_prefix_gives_little_away(length: int, shown: int) -> None:
    key = "tg_" + "x" * (length - 3)
    assert prefix_of(key) == key[:shown]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 16, True),
        ("A_b-9" * 4, True),
        ("a" * 512, True),
        ("a" * 15, False),
        ("a" * 513, False),
        ("a" * 16 + "\n", False),
        ("eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", False),
        ("ключ" * 8, False),
        ("é" * 20, False),
        ("", False),
    ],
)
def test_well_formed(text: str, expected: bool) -> None:
    assert well_formed(text) is expected


# --- the life


async def test_a_new_key_is_found_with_its_user_and_scopes(api_keys: ApiKeys, store: SQLiteStore) -> None:
    both = await api_keys.create("default", "admin")
    use = await api_keys.create("default", "admin", ["use"])
    assert await api_keys.find(both.key) == ApiKey(both.key_id, "default", "admin", frozenset({"manage", "use"}))
    assert await api_keys.find(use.key) == ApiKey(use.key_id, "default", "admin", frozenset({"use"}))
    assert re.fullmatch("[0-9a-f]{24}", both.key_id)
    assert await count(store, tables.users) == 1


async def test_the_key_itself_is_in_no_row_and_no_repr(api_keys: ApiKeys, store: SQLiteStore) -> None:
    new = await api_keys.create("default", "admin")
    row = await store.one(select(tables.api_keys))
    assert row is not None
    assert row.key_hash == hash_key(new.key)
    assert new.key[9:] not in repr(row) + repr(new) + repr(vars(api_keys))
    await api_keys.find(new.key)
    assert new.key[9:] not in repr(vars(api_keys))


async def test_the_operators_own_key(api_keys: ApiKeys) -> None:
    new = await api_keys.create("default", "admin", key="chosen-by-the-operator")
    assert new.key == "chosen-by-the-operator"
    assert await api_keys.find("chosen-by-the-operator") is not None
    assert (await api_keys.list("default"))[0]["prefix"] == "chos"


async def test_a_key_is_never_given_twice_even_after_its_revocation(api_keys: ApiKeys) -> None:
    new = await api_keys.create("default", "admin", key="chosen-by-the-operator")
    with pytest.raises(Conflict):
        await api_keys.create("default", "ann", key="chosen-by-the-operator")
    await api_keys.revoke("default", new.key_id)
    with pytest.raises(Conflict) as caught:
        await api_keys.create("default", "ann", key="chosen-by-the-operator")
    assert "chosen-by" not in str(caught.value.body())


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"user_id": ""}, "userId"),
        ({"user_id": "me"}, "userId"),
        ({"user_id": "a\0"}, "userId"),
        ({"user_id": "ann", "scopes": []}, "scopes"),
        ({"user_id": "ann", "scopes": ["use", "admin"]}, "scopes"),
        ({"user_id": "ann", "key": "too-short"}, "key"),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_nothing(
    api_keys: ApiKeys, store: SQLiteStore, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await api_keys.create("default", **arguments)
    assert caught.value.details["field"] == field
    assert await count(store, tables.users) == 0


async def test_list_shows_the_accounts_own(api_keys: ApiKeys) -> None:
    first = await api_keys.create("default", "admin")
    second = await api_keys.create("default", "ann", ["use"])
    await api_keys.create("other", "bob", new_account=True)
    await api_keys.revoke("default", second.key_id)
    listed = await api_keys.list("default")
    assert {entry["keyId"] for entry in listed} == {first.key_id, second.key_id}
    kept = next(entry for entry in listed if entry["keyId"] == first.key_id)
    gone = next(entry for entry in listed if entry["keyId"] == second.key_id)
    assert kept == {
        "keyId": first.key_id,
        "prefix": first.key[:9],
        "userId": "admin",
        "scopes": ["manage", "use"],
        "createdAt": kept["createdAt"],
    }
    assert gone["scopes"] == ["use"]
    assert gone["revokedAt"] >= gone["createdAt"]


async def test_a_revoked_key_is_found_no_more(api_keys: ApiKeys) -> None:
    new = await api_keys.create("default", "admin")
    other = await api_keys.create("default", "admin")
    assert await api_keys.find(new.key) is not None
    await api_keys.revoke("default", new.key_id)
    assert await api_keys.find(new.key) is None
    assert await api_keys.find(other.key) is not None


async def test_the_first_revocation_counts(api_keys: ApiKeys) -> None:
    new = await api_keys.create("default", "admin")
    await api_keys.revoke("default", new.key_id)
    before = await api_keys.list("default")
    await asyncio.sleep(0.003)
    await api_keys.revoke("default", new.key_id)
    assert await api_keys.list("default") == before


async def test_another_accounts_key_cannot_be_revoked(api_keys: ApiKeys) -> None:
    new = await api_keys.create("default", "admin")
    for account_id, key_id in (("other", new.key_id), ("default", "0" * 24)):
        with pytest.raises(NotFound):
            await api_keys.revoke(account_id, key_id)
    assert await api_keys.find(new.key) is not None


async def test_another_process_revokes_at_once(api_keys: ApiKeys, tmp_path: Path) -> None:
    new = await api_keys.create("default", "admin")
    assert await api_keys.find(new.key) is not None
    elsewhere = open_store(tmp_path / "toolgate.db")
    try:
        await ApiKeys(elsewhere).revoke("default", new.key_id)
        assert await api_keys.find(new.key) is None
        added = await ApiKeys(elsewhere).create("default", "ann")
        assert await api_keys.find(added.key) is not None
    finally:
        await elsewhere.close()


async def test_an_unknown_key_is_found_once_it_is_made(api_keys: ApiKeys) -> None:
    assert await api_keys.find("chosen-by-the-operator") is None
    await api_keys.create("default", "admin", key="chosen-by-the-operator")
    assert await api_keys.find("chosen-by-the-operator") is not None


async def test_found_keys_are_not_asked_for_again(
    api_keys: ApiKeys, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = await api_keys.create("default", "admin")
    asked = []
    one = store.one

    async def counted(*arguments: Any) -> Any:
        asked.append(arguments)
        return await one(*arguments)

    monkeypatch.setattr(store, "one", counted)
    for _ in range(3):
        assert await api_keys.find(new.key) is not None
        assert await api_keys.find("x" * 40) is None
    assert len(asked) == 2


async def test_what_was_read_before_a_change_is_not_kept(
    api_keys: ApiKeys, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request reads a key, waits, and meanwhile the key is revoked and another request notices."""
    new = await api_keys.create("default", "admin")
    one = store.one
    read, revoked = asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any) -> Any:
        row = await one(*arguments)
        read.set()
        await revoked.wait()
        return row

    monkeypatch.setattr(store, "one", slow)
    early = asyncio.create_task(api_keys.find(new.key))
    await read.wait()
    monkeypatch.setattr(store, "one", one)
    await api_keys.revoke("default", new.key_id)
    assert await api_keys.find("x" * 40) is None
    revoked.set()
    assert await early is not None
    assert await api_keys.find(new.key) is None


async def test_the_cache_is_bounded(api_keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_CACHED", 3)
    new = await api_keys.create("default", "admin")
    for guess in range(10):
        assert await api_keys.find(f"guess-number-{guess:08}") is None
    assert await api_keys.find(new.key) is not None
    assert len(api_keys._cache) == 3


@given(ANY_TEXT)
def test_any_text_may_be_presented(text: str) -> None:
    class Untouched:
        def generation(self) -> int:
            raise AssertionError("asked the store about what cannot be a key")

    if not well_formed(text):
        assert asyncio.run(ApiKeys(Untouched()).find(text)) is None  # type: ignore[arg-type]  # only what is asked


async def test_the_audit_row_and_the_change_stand_or_fall_together(api_keys: ApiKeys, store: SQLiteStore) -> None:
    new = await api_keys.create("default", "admin")

    def fails(connection: Connection, key_id: str) -> None:
        raise RuntimeError("no room for the audit row")

    with pytest.raises(RuntimeError):
        await api_keys.create("default", "ann", also=fails)
    with pytest.raises(RuntimeError):
        await api_keys.revoke("default", new.key_id, also=fails)
    assert await count(store, tables.users) == 1
    assert await api_keys.find(new.key) is not None

    def notes(connection: Connection, key_id: str) -> None:
        connection.execute(tables.accounts.insert(), {"account_id": "noted", "name": "", "created_at": ""})

    await api_keys.revoke("default", new.key_id, also=notes)
    assert await count(store, tables.accounts) == 2
