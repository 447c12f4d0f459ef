"""Builds the service: the parts from the settings, and the Connexion application from the spec."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
import yaml
from connexion import AsyncApp
from connexion.exceptions import ResolverError
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.resolver import Resolution, Resolver

import spec
from gateway.access.identity import Identity
from gateway.access.jwt import JwtVerifier
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimiter
from gateway.access.tokens import TokenIssuer
from gateway.access.users import Users
from gateway.catalog.catalog import Catalog
from gateway.connectors import Connectors
from gateway.credentials.store import Credentials
from gateway.credentials.vault import Vault
from gateway.gate import Gate
from gateway.http.doors import Doors
from gateway.http.edge import Edge
from gateway.http.operation import CompiledOperations, Entry, Environment
from gateway.http.routing import FastRouting
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request
from gateway.protocol.doors import TokenDoor
from gateway.secrets import load_or_create
from gateway.servers import Servers
from gateway.settings import Settings
from storage.opening import open_store

DATABASE = "toolgate.db"


def build_gate(settings: Settings) -> Gate:
    """Open the store and make the parts. Raises StoreError or SecretsError with a sentence for the operator."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / DATABASE
    secrets = load_or_create(settings.data_dir, fresh=not path.exists())
    store = open_store(path)
    guard = Guard(settings.egress_allow)
    outbound = OutboundClient(guard)
    keys = ApiKeys(store)

    async def fetch(url: str) -> bytes:
        response = await outbound.send(Request(method="GET", url=url, headers={}, body=None, timeout=10.0))
        return response.body

    catalog = Catalog(store)
    return Gate(
        settings=settings,
        store=store,
        keys=keys,
        identity=Identity(keys, JwtVerifier(settings, fetch), Users(store)),
        limiter=RateLimiter(settings.rate_limit),
        servers=Servers(store, TokenIssuer(secrets.token_key), settings.public_url),
        catalog=catalog,
        connectors=Connectors(store, catalog, outbound, guard),
        credentials=Credentials(store, Vault(secrets.ring)),
        outbound=outbound,
    )


def load_document() -> dict[str, Any]:
    """The contract as it stands in spec/openapi.yaml."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = yaml.load(spec.read("openapi.yaml"), loader)  # noqa: S506 (both are safe loaders)
    return document


def served_document(settings: Settings) -> dict[str, Any]:
    """The contract with this service's own address in `servers`."""
    return {**load_document(), "servers": [{"url": settings.public_url, "description": "This service"}]}


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
            module = operation._operation["tags"][0].lower().replace(" ", "_")
            name = f"handlers.{module}.{operation_id.replace('-', '_')}"
            try:
                function = self.resolve_function_from_operation_id(name)
            except ResolverError as error:
                raise RuntimeError(f"The spec has {operation_id!r}, but {name} is missing: {error}") from error
            self._resolved[operation_id] = Resolution(function, operation_id)
        return self._resolved[operation_id]


def create_app(gate: Gate) -> AsyncApp:
    """The ASGI application. Its lifespan closes the gate."""
    settings = gate.settings

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.shield(gate.close())

    async def bearer(headers: Any, _: Any) -> Entry:
        return Entry(await gate.identity.bearer(headers))

    environment = Environment(
        authenticators={"bearer": bearer, "token": TokenDoor(gate.servers, gate.identity)},
        limiter=gate.limiter,
        doors=Doors(settings.public_url, settings.allowed_hosts, settings.allowed_origins),
        arguments={"gate": gate, "document": orjson.dumps(served_document(settings))},
    )
    # Connexion's own stack, with what gateway/http replaces and why; LifespanMiddleware must stay, or nothing closes.
    app = AsyncApp(
        "gateway",
        lifespan=lifespan,
        middlewares=[
            partial(Edge, max_concurrency=settings.max_concurrency, log_requests=settings.access_log),
            FastRouting,
            partial(CompiledOperations, environment=environment),
            LifespanMiddleware,
        ],
    )
    app.add_api(load_document(), resolver=SpecResolver())
    return app
