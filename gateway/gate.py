"""The assembled service: every part that a request may need, made once by gateway.app."""

from dataclasses import dataclass

from gateway.access.accounts import Accounts
from gateway.access.identity import Identity
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimits
from gateway.access.states import States
from gateway.access.under_way import UnderWay
from gateway.approvals import Approvals
from gateway.audit import AuditTrail
from gateway.catalog.catalog import Catalog
from gateway.changes import Changes
from gateway.connectors import Connectors
from gateway.credentials.belonging import Belonging
from gateway.credentials.keeper import Keeper
from gateway.credentials.oauth.arrivals import Arrivals
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.flows import Flows
from gateway.credentials.oauth.refresh import Refresher
from gateway.credentials.store import Credentials
from gateway.http.browsers import Browsers
from gateway.http.idempotency import Idempotency
from gateway.http.sign_in_pages import Pages
from gateway.issuers import Issuers
from gateway.outbound.guard import Guard
from gateway.outbound.late import LateClient
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
    issuers: Issuers
    limits: RateLimits
    under_way: UnderWay
    servers: Servers
    catalog: Catalog
    connectors: Connectors
    belonging: Belonging
    credentials: Credentials
    keeper: Keeper
    auth_configs: AuthConfigs
    flows: Flows
    arrivals: Arrivals
    refresher: Refresher
    browsers: Browsers
    pages: Pages
    guard: Guard
    idempotency: Idempotency
    outbound: LateClient
    states: States
    changes: Changes
    approvals: Approvals
    audit: AuditTrail

    async def begin(self) -> None:
        """To be awaited before anything else is done. Raises SecretsError where the secrets are another database's."""
        await self.belonging.check()

    def warm(self) -> None:
        """Make what commands make only where they need it: in a service, no request is to wait for it."""
        _ = self.catalog.shipped, self.outbound.client

    async def close(self) -> None:
        """Let the answers that were promised reach the disk, then close what is open."""
        # Before the way out is shut: a token that is being renewed must be asked for, and stored.
        await self.refresher.close()
        await self.outbound.close()
        await self.keys.close()
        await self.store.close()
