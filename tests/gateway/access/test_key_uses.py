"""When a key was last used: noted at once, written seldom, and never in anybody's way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.access import uses
from gateway.access.keys import ApiKeys
from gateway.access.uses import KeyUses
from storage.opening import open_store
from storage.runner import StoreBusy
from storage.sqlite import SQLiteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    opened = open_store(tmp_path / "toolgate.db")
    yield opened
    await opened.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """A store that counts its writes, and may be busy."""

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.writes = 0
        self.busy = False

    async def write(self, job: object) -> object:
        self.writes += 1
        if self.busy:
            raise StoreBusy("busy")
        return await self.store.write(job)  # type: ignore[arg-type]  # whatever it was given


async def last_used(store: SQLiteStore) -> dict[str, str | None]:
    return {key["keyId"]: key.get("lastUsedAt") for key in await ApiKeys(store).list("default")}


async def test_a_use_is_written_once_a_minute_and_raises_no_generation(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uses, "WAITS", 0.01)
    keys = [await ApiKeys(store).create("default", "admin") for _ in range(3)]
    counted, clock = Counted(store), Clock()
    noted = KeyUses(counted, clock)  # type: ignore[arg-type]  # it only writes
    generation = store.generation()
    for _ in range(100):
        for key in keys[:2]:
            noted.note(key.key_id)
    assert counted.writes == 0
    await asyncio.sleep(0.1)
    assert counted.writes == 1
    first = await last_used(store)
    assert [first[key.key_id] is None for key in keys] == [False, False, True]
    clock.now = 59
    noted.note(keys[0].key_id)
    await asyncio.sleep(0.05)
    assert (counted.writes, await last_used(store)) == (1, first)
    clock.now = 60
    noted.note(keys[0].key_id)
    await asyncio.sleep(0.05)
    second = await last_used(store)
    assert counted.writes == 2
    assert (second[keys[0].key_id] or "") > (first[keys[0].key_id] or "")
    assert second[keys[1].key_id] == first[keys[1].key_id]
    await asyncio.sleep(0)
    assert store.generation() == generation


async def test_what_waits_is_written_when_it_closes(store: SQLiteStore) -> None:
    keys = ApiKeys(store)
    new = await keys.create("default", "admin")
    found = await keys.find(new.key)
    assert found is not None
    keys.used(found)
    await keys.close()
    assert (await last_used(store))[new.key_id]
    await keys.close()


async def test_a_key_that_is_gone_and_a_store_that_is_busy_hurt_nobody(store: SQLiteStore) -> None:
    counted = Counted(store)
    noted = KeyUses(counted)  # type: ignore[arg-type]  # it only writes
    noted.note("0" * 24)
    counted.busy = True
    await noted.close()
    assert counted.writes == 1
    counted.busy = False
    noted.note("1" * 24)
    await noted.close()
    assert await last_used(store) == {}


async def test_an_older_use_does_not_undo_a_later_one(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    new = await ApiKeys(store).create("default", "admin")
    for moment in ("2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"):
        with monkeypatch.context() as patched:
            patched.setattr(uses, "now", lambda moment=moment: moment)
            noted = KeyUses(store)
            noted.note(new.key_id)
            await noted.close()
    assert await last_used(store) == {new.key_id: "2026-01-02T00:00:00.000Z"}


async def test_the_memory_is_bounded(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "_MOST_REMEMBERED", 5)
    noted = KeyUses(store)
    for number in range(23):
        noted.note(f"{number:024}")
    assert len(noted._noted) <= 5
    await noted.close()
