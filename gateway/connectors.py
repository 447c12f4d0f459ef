"""An account's own connectors: added, replaced, removed. REST and CLI come here; gateway.catalog reads."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.access.caller import Caller
from gateway.access.restrictions import decoded
from gateway.access.trail import record
from gateway.access.users import ensure_caller
from gateway.catalog.catalog import Catalog, packed
from gateway.catalog.changes import Changes, changes, gone
from gateway.catalog.documents.pointers import join
from gateway.catalog.documents.problems import DocumentError
from gateway.catalog.documents.reading import MAX_BYTES, parse
from gateway.catalog.documents.versions import is_swagger
from gateway.catalog.loader import load
from gateway.catalog.model import Connector
from gateway.credentials.oauth.configs import delete_configs_of_connector
from gateway.credentials.oauth.provider import provider_of
from gateway.credentials.store import (
    confirm_for_connector,
    count_suspended,
    delete_for_connector,
    suspend_for_connector,
)
from gateway.errors import Conflict, ConnectorNotFound, InvalidRequest, ToolgateError
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request, Sender
from storage import connectors as statements
from storage import servers
from storage.runner import Store
from storage.times import now

# As in the spec (CreateConnector, id).
CONNECTOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
MAX_DOCUMENT = MAX_BYTES
_FETCH_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks a connector to be. One of `document` and `url` is given."""

    name: str | None = None
    # A parsed document, or its text.
    document: Mapping[str, Any] | str | bytes | None = None
    url: str | None = None
    # Where the document lay, for a relative server in it; a file's name serves to tell people.
    source: str | None = None
    base_url: str | None = None
    # {"type": "bearer" | "basic" | "apiKey" | "none", "header"?}
    auth: Mapping[str, str] | None = None


class Dangling(NamedTuple):
    """A server whose restrictions name actions that are gone, as they stand there."""

    server_id: str
    name: str
    ids: tuple[str, ...]


class Replaced(NamedTuple):
    """What became of a connector that was replaced. `suspended`: how many of its credentials are, by now."""

    connector: Connector
    suspended: int
    changes: Changes
    dangling: tuple[Dangling, ...]


class Connectors:
    """Writes connectors. Shipped ids are reserved."""

    def __init__(self, store: Store, catalog: Catalog, client: Sender, guard: Guard) -> None:
        self._store = store
        self._catalog = catalog
        self._client = client
        self._guard = guard
        # One document at a time, so that what reading them takes at its most is bounded.
        self._reading = asyncio.Semaphore(1)

    async def get(self, account_id: str, connector_id: str) -> Connector:
        """The connector. Raises ConnectorNotFound."""
        connector = await self._catalog.get(account_id, connector_id)
        if connector is None:
            raise _not_found(connector_id)
        return connector

    async def add(self, caller: Caller, connector_id: str, wanted: Wanted) -> Connector:
        """Store a new connector. Raises Conflict (the id is taken) or InvalidRequest (the document)."""
        self._refuse_shipped(connector_id)
        if await self._catalog.get(caller.account_id, connector_id) is not None:
            raise _taken(connector_id)
        connector, row = await self._prepare(caller.account_id, connector_id, wanted)
        moment = now()

        def job(connection: Connection) -> None:
            ensure_caller(connection, caller)
            connection.execute(
                statements.INSERT,
                {
                    "account_id": caller.account_id,
                    "connector_id": connector_id,
                    **row,
                    "created_at": moment,
                    "updated_at": moment,
                },
            )
            record(connection, caller, "connector.create", connector_id=connector_id, at=moment)

        try:
            async with self._catalog.arriving(caller.account_id, connector):
                await self._store.write(job)
        except IntegrityError:
            raise _taken(connector_id) from None
        return connector

    async def replace(self, caller: Caller, connector_id: str, wanted: Wanted, *, keep_credentials: bool) -> Replaced:
        """Put another document in the place of one; the old one serves until the new one is stored.

        All of its credentials are suspended where its origin or the way it authenticates has changed, until
        `keep_credentials` confirms that they may go there.
        Raises ConnectorNotFound, Conflict (a shipped id) or InvalidRequest (the document).
        """
        self._refuse_shipped(connector_id)
        before = await self.get(caller.account_id, connector_id)
        connector, row = await self._prepare(caller.account_id, connector_id, wanted)
        moved = _destination(before) != _destination(connector)
        moment = now()
        this = {"account_id_": caller.account_id, "connector_id_": connector_id}

        def job(connection: Connection) -> int:
            values = {**this, "now_": moment, **{f"{name}_": value for name, value in row.items()}}
            if connection.execute(statements.UPDATE, values).first() is None:
                raise _not_found(connector_id)
            record(connection, caller, "connector.replace", connector_id=connector_id, at=moment)
            if keep_credentials:
                confirm_for_connector(connection, caller.account_id, connector_id)
            elif moved:
                suspend_for_connector(connection, caller.account_id, connector_id)
            return count_suspended(connection, caller.account_id, connector_id)

        async with self._catalog.arriving(caller.account_id, connector):
            suspended = await self._store.write(job)
        found = await asyncio.to_thread(changes, before, connector)
        dangling = await self._dangling(caller.account_id, connector_id, gone(before, connector))
        return Replaced(connector, suspended, found, dangling)

    async def _dangling(self, account_id: str, connector_id: str, names: frozenset[str]) -> tuple[Dangling, ...]:
        """The account's servers whose restrictions name one of these actions, which their connector has no more."""
        if not names:
            return ()
        others = [each for each in await self._catalog.all(account_id) if each.connector_id != connector_id]
        # A bare name may be meant for another connector that has it.
        bare = {name for name in names if not any(each.find(name) for each in others)}
        spelled = bare | {f"{connector_id}:{name}" for name in names}
        found: list[Dangling] = []
        for row in await self._store.all(servers.OF_ACCOUNT, {"account_id_": account_id}):
            section = decoded(row.restrictions).get("actions", {})
            listed = [*(section.get("allowedActions") or ()), *(section.get("blockedActions") or ())]
            if ids := tuple(dict.fromkeys(name for name in listed if name in spelled)):
                found.append(Dangling(row.server_id, row.name, ids))
        return tuple(found)

    async def remove(self, caller: Caller, connector_id: str) -> int:
        """Remove a connector and its credentials; returns how many those were. Raises ConnectorNotFound, Conflict."""
        self._refuse_shipped(connector_id)
        this = {"account_id_": caller.account_id, "connector_id_": connector_id}

        def job(connection: Connection) -> int:
            if connection.execute(statements.DELETE, this).first() is None:
                raise _not_found(connector_id)
            record(connection, caller, "connector.delete", connector_id=connector_id)
            delete_configs_of_connector(connection, caller.account_id, connector_id)
            return delete_for_connector(connection, caller.account_id, connector_id)

        return await self._store.write(job)

    def _refuse_shipped(self, connector_id: str) -> None:
        if connector_id in self._catalog.shipped:
            raise Conflict(
                f"{connector_id} is a shipped connector; choose another id", details={"field": "id", "rule": "reserved"}
            )

    async def _prepare(self, account_id: str, connector_id: str, wanted: Wanted) -> tuple[Connector, dict[str, Any]]:
        given = wanted.document
        if given is None:
            given = await self._fetch(account_id, wanted.url or "")
        source = wanted.url or wanted.source
        # Any other number than before, also where a connector of this id was removed meanwhile.
        version = secrets.randbelow(2**31)
        async with self._reading:
            document = given if isinstance(given, Mapping) else await asyncio.to_thread(parse, given)
            # The text is as large as it was, and no longer needed.
            del given
            connector = await asyncio.to_thread(
                load,
                dict(document),
                connector_id=connector_id,
                name=wanted.name,
                base_url=wanted.base_url,
                auth=dict(wanted.auth) if wanted.auth else None,
                source_url=wanted.url,
                version=version,
            )
            self._check_addresses(connector, document, wanted)
            return connector, {
                "name": connector.name,
                "document": await asyncio.to_thread(packed, document),
                "source": source,
                "base_url": wanted.base_url,
                "auth": orjson.dumps(wanted.auth).decode() if wanted.auth else None,
                "version": version,
            }

    def _check_addresses(self, connector: Connector, document: Mapping[str, Any], wanted: Wanted) -> None:
        """Refuse what could never be called. Raises InvalidRequest that names the place."""
        if refusal := self._guard.refuse_url(connector.base_url):
            if wanted.base_url is not None:
                raise InvalidRequest.of("baseUrl", "address", f"baseUrl cannot be called: {refusal}")
            place = "#/host" if is_swagger(document) else "#/servers/0/url"
            raise DocumentError(place, "address", f"this server cannot be called: {refusal}")
        refusals: dict[str, str | None] = {}
        for action in connector.actions.values():
            if action.server is None:
                continue
            if action.server not in refusals:
                refusals[action.server] = self._guard.refuse_url(action.server)
            if refusal := refusals[action.server]:
                place = join("#/paths", action.path, action.method.lower())
                raise DocumentError(place, "address", f"the server of this operation cannot be called: {refusal}")

    async def _fetch(self, account_id: str, url: str) -> bytes:
        if refusal := self._guard.refuse_url(url):
            raise InvalidRequest.of("url", "address", f"url cannot be called: {refusal}")
        request = Request(
            method="GET",
            url=url,
            headers={"Accept": "application/json, application/yaml;q=0.9, */*;q=0.5"},
            body=None,
            timeout=_FETCH_SECONDS,
            max_bytes=MAX_DOCUMENT,
            tenant=account_id,
        )
        try:
            response = await self._client.send(request)
        except ToolgateError as error:
            raise InvalidRequest.of("url", "reachable", f"url could not be fetched: {error.message}") from None
        if response.status != 200:
            raise InvalidRequest.of("url", "reachable", f"url could not be fetched: it answered {response.status}")
        return response.body


def _destination(connector: Connector) -> tuple[Any, ...]:
    """Where a credential goes, and how: what must not change under it."""
    places = {action.server for action in connector.actions.values()}
    ways = {(way.type, way.location, way.name) for way in connector.authentication}
    provider = provider_of(connector)
    # Where refresh tokens and clients' secrets go, and where calls go with what came for them.
    sign_in = None if provider is None else (provider.endpoints, provider.base_url, provider.instance_url_field)
    return connector.base_url, places, ways, sign_in


def _taken(connector_id: str) -> Conflict:
    return Conflict(f"{connector_id} is taken by a connector", details={"field": "id", "rule": "unique"})


def _not_found(connector_id: str) -> ConnectorNotFound:
    return ConnectorNotFound("Connector not found", details={"connectorId": connector_id[:64]})
