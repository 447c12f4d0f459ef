"""The assembled service: every part that a request may need, made once by gateway.app."""

from dataclasses import dataclass

from gateway.access.accounts import Accounts
from gateway.access.identity import Identity
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimiter
from gateway.access.states import States
from gateway.audit import AuditTrail
from gateway.catalog.catalog import Catalog
from gateway.changes import Changes
from gateway.connectors import Connectors
from gateway.credentials.keeper import Keeper
from gateway.credentials.store import Credentials
from gateway.http.idempotency import Idempotency
from gateway.outbound.client import OutboundClient
from gateway.servers import Servers
from gateway.settings import Settings
from storage.runner import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Held by the application and given to each handler; holds no state of its own."""

    settings: Settings
    store: Store
    accounts: Accounts
    keys: ApiKeys
    identity: Identity
    limiter: RateLimiter
    servers: Servers
    catalog: Catalog
    connectors: Connectors
    credentials: Credentials
    keeper: Keeper
    idempotency: Idempotency
    outbound: OutboundClient
    states: States
    changes: Changes
    audit: AuditTrail

    async def close(self) -> None:
        """Let the answers that were promised reach the disk, then close what is open."""
        await self.outbound.close()
        await self.store.close()
