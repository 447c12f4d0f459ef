"""Builds the Connexion application from the spec."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
from connexion import AsyncApp
from connexion.exceptions import ResolverError
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.main import API
from connexion.resolver import Resolution, Resolver

from gateway.contract import as_served, handler_name, load_document
from gateway.errors import InsufficientScope, Unauthorized
from gateway.gate import Gate
from gateway.http.compiling import CompiledOperations
from gateway.http.cors import Cors
from gateway.http.docs_page import docs_page
from gateway.http.doors import Doors
from gateway.http.edge import Edge
from gateway.http.entry import Entry
from gateway.http.operation import Environment
from gateway.http.routing import FastRouting
from gateway.http.specification import CheckedSpecification
from gateway.http.streams import Places
from gateway.protocol.doors import TokenDoor
from gateway.protocol.signing_in import add_challenge, resource_of


class SpecResolver(Resolver):  # type: ignore[misc]  # Connexion has no type information
    """`update-server` under the tag `Server Management` is `handlers.server_management.update_server`.

    operationIds keep their hyphens: links, docs and generated clients use them. Raises RuntimeError, so that the
    service does not start, where a handler is missing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._resolved: dict[str, Resolution] = {}

    def resolve(self, operation: Any) -> Resolution:
        operation_id = operation.operation_id
        if operation_id not in self._resolved:
            name = ".".join(("handlers", *handler_name(operation._operation["tags"][0], operation_id)))
            try:
                function = self.resolve_function_from_operation_id(name)
            except ResolverError as error:
                raise RuntimeError(f"The spec has {operation_id!r}, but {name} is missing: {error}") from error
            self._resolved[operation_id] = Resolution(function, operation_id)
        return self._resolved[operation_id]


def create_app(gate: Gate) -> AsyncApp:
    """The ASGI application. Its lifespan closes the gate."""
    settings = gate.settings
    gate.warm()

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        days = settings.audit_retention_days
        retention = asyncio.create_task(gate.audit.retain(days)) if days else None
        try:
            yield
        finally:
            if retention is not None:
                retention.cancel()
            await asyncio.shield(gate.close())

    async def bearer(headers: Any, _: Any) -> Entry:
        return Entry(await gate.identity.bearer(headers))

    async def resource(headers: Any, path: Any) -> Entry:
        server_id = path["serverId"]
        try:
            return Entry(await gate.identity.bearer(headers, resource_of(gate, server_id)))
        except (Unauthorized, InsufficientScope) as error:
            await add_challenge(gate, server_id, error)
            raise

    token_door = TokenDoor(gate.servers, gate.identity)

    async def token(headers: Any, path: Any) -> Entry:
        entry = await token_door(headers, path)
        await gate.identity.refuse_disabled(entry.caller)
        return entry

    document = load_document()
    doors = Doors(settings.public_url, settings.allowed_hosts, (*settings.allowed_origins, *settings.cors_origins))
    cors = Cors(settings.cors_origins)
    environment = Environment(
        authenticators={"bearer": bearer, "resource": resource, "token": token},
        limits=gate.limits,
        idempotency=gate.idempotency,
        doors=doors,
        places=Places(settings.max_streams),
        arguments={
            "gate": gate,
            "document": orjson.dumps(as_served(document, settings)),
            "page": docs_page(document["info"]["title"], settings.public_url),
        },
    )
    # Connexion's own stack, with what gateway/http replaces and why; LifespanMiddleware must stay, or nothing closes.
    app = AsyncApp(
        "gateway",
        lifespan=lifespan,
        middlewares=[
            partial(
                Edge,
                max_concurrency=settings.max_concurrency,
                log_requests=settings.access_log,
                cors=cors,
                https=settings.public_url.startswith("https:"),
            ),
            partial(FastRouting, cors=cors, doors=doors),
            partial(CompiledOperations, environment=environment),
            LifespanMiddleware,
        ],
    )
    # What `app.add_api` does, but for how it checks the document.
    api = API(CheckedSpecification(document), base_path=None, resolver=SpecResolver(), pythonic_params=False)
    app.middleware.apis.append(api)
    return app
