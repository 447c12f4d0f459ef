"""The search index is swapped in the background: nobody waits long for it, and what is new is found in time."""

import asyncio
import threading
from typing import Any

import pytest

from gateway.catalog import indexing
from gateway.catalog.indexing import Indexing
from gateway.catalog.loader import load_shipped

OLD, NEW = (load_shipped("slack"),), (load_shipped("slack"), load_shipped("notion"))


def found(index: Any, goal: str) -> set[str]:
    return {hit.action.connector_id for hit in index.search(goal, limit=50, permitted=lambda _: True)}


async def test_what_is_quickly_built_is_waited_for() -> None:
    built = Indexing()
    assert found(await built.of(OLD), "create a page in notion") <= {"slack"}
    assert "notion" in found(await built.of(NEW), "create a page in notion")
    assert await built.of(NEW) is await built.of(NEW)


async def test_the_one_of_before_serves_while_a_large_one_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built = Indexing()
    before = await built.of(OLD)
    go = threading.Event()
    build = indexing._build_index

    def slowly(connectors: Any) -> Any:
        assert go.wait(30)
        return build(connectors)

    monkeypatch.setattr(indexing, "_build_index", slowly)
    monkeypatch.setattr(indexing, "_PATIENCE", 0.01)
    assert await built.of(NEW) is before
    # However many ask, one is built.
    assert set(await asyncio.gather(*(built.of(NEW) for _ in range(5)))) == {before}
    go.set()
    monkeypatch.setattr(indexing, "_PATIENCE", 30)
    assert "notion" in found(await built.of(NEW), "create a page in notion")


async def test_an_index_that_cannot_be_built_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    built = Indexing()
    build = indexing._build_index

    def never(connectors: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(indexing, "_build_index", never)
    with pytest.raises(MemoryError):
        await built.of(OLD)
    monkeypatch.setattr(indexing, "_build_index", build)
    assert await built.of(OLD)
