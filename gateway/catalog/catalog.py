"""The connectors that an account has: the shipped ones and its own, loaded once and kept until they change."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Row

import spec
from gateway.catalog.indexing import Indexing
from gateway.catalog.loader import load, load_shipped
from gateway.catalog.model import Connector
from gateway.large_json import loads
from storage import connectors as statements
from storage.runner import Store

if TYPE_CHECKING:
    from gateway.catalog.search import ActionIndex

_MOST_ACCOUNTS = 1000


class _Shelf:
    """The connectors of one account as of one generation of the store."""

    def __init__(self) -> None:
        self.generation = -1
        self.own: dict[str, Connector] = {}
        self.all: tuple[Connector, ...] = ()
        self.by_id: dict[str, Connector] = {}
        self.indexing = Indexing()
        # What this process is storing just now.
        self.arriving: dict[str, Connector] = {}
        self.refreshing = asyncio.Lock()


class Catalog:
    """Reads connectors. What another process adds, replaces or removes is seen at the next call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._shelves: dict[str, _Shelf] = {}

    @cached_property
    def shipped(self) -> Mapping[str, Connector]:
        """The connectors in the box, by id. To read them takes a quarter of a second, which a service does at start."""
        return {connector_id: load_shipped(connector_id) for connector_id in spec.connector_names()}

    async def get(self, account_id: str, connector_id: str) -> Connector | None:
        """The connector of this id, ids being case-sensitive; None if the account has none."""
        # A shipped id is nobody's own, so that nothing has to be read for it.
        return self.shipped.get(connector_id) or (await self._current(account_id)).by_id.get(connector_id)

    async def all(self, account_id: str) -> tuple[Connector, ...]:
        """Every connector of the account, by id."""
        return (await self._current(account_id)).all

    async def index(self, account_id: str) -> "ActionIndex":
        """The search index over the account's actions, built in a thread when first asked for after a change.

        While a large one is built, the one of before: its actions are looked up again in `get` or `all`.
        """
        shelf = await self._current(account_id)
        return await shelf.indexing.of(shelf.all)

    @contextlib.asynccontextmanager
    async def arriving(self, account_id: str, connector: Connector) -> AsyncIterator[None]:
        """While a connector is being stored: once it is, this one is kept, so that its document is not read again."""
        shelf = await self._current(account_id)
        shelf.arriving[connector.connector_id] = connector
        try:
            yield
            await self._current(account_id)
        finally:
            if shelf.arriving.get(connector.connector_id) is connector:
                del shelf.arriving[connector.connector_id]

    async def _current(self, account_id: str) -> _Shelf:
        shelf = self._shelves.get(account_id)
        if shelf is not None and shelf.generation == self._store.generation():
            return shelf
        if shelf is None:
            if len(self._shelves) >= _MOST_ACCOUNTS:
                self._shelves.clear()
            shelf = self._shelves[account_id] = _Shelf()
        async with shelf.refreshing:
            generation = self._store.generation()
            # Whoever waited finds that it is done: a large document is read once, not by each of them.
            if shelf.generation != generation:
                await self._refresh(shelf, account_id, generation)
        return shelf

    async def _refresh(self, shelf: _Shelf, account_id: str, generation: int) -> None:
        mine = {"account_id_": account_id}
        versions = {row.connector_id: row.version for row in await self._store.all(statements.VERSIONS, mine)}
        own: dict[str, Connector] = {}
        for connector_id, version in versions.items():
            for known in (shelf.own.get(connector_id), shelf.arriving.get(connector_id)):
                if known is not None and known.version == version:
                    own[connector_id] = known
            if connector_id not in own:
                row = await self._store.one(statements.BY_ID, {**mine, "connector_id_": connector_id})
                if row is not None:
                    # A document may have a thousand operations: other requests go on meanwhile.
                    own[connector_id] = await asyncio.to_thread(_from_row, row)
        # By identity: documents are not compared.
        same = own.keys() == shelf.own.keys() and all(each is shelf.own[name] for name, each in own.items())
        if not same or not shelf.all:
            shelf.own = own
            shelf.by_id = {**self.shipped, **own}
            shelf.all = tuple(shelf.by_id[connector_id] for connector_id in sorted(shelf.by_id))
        shelf.generation = generation


def packed(document: Mapping[str, Any]) -> bytes:
    """A document as it is stored."""
    return zlib.compress(orjson.dumps(document), 6)


def _from_row(row: Row[Any]) -> Connector:
    return load(
        loads(zlib.decompress(row.document)),
        connector_id=row.connector_id,
        name=row.name,
        base_url=row.base_url,
        auth=orjson.loads(row.auth) if row.auth else None,
        source_url=row.source if (row.source or "").startswith("http") else None,
        version=row.version,
    )
