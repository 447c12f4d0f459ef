from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_samples import add_owner

from storage.opening import open_store
from storage.sqlite import SQLiteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "toolgate.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore]:
    """A new store with one account and one user."""
    store = open_store(path)
    await store.write(add_owner)
    yield store
    await store.close()
