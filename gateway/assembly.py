"""Makes the parts of the service from the settings. Loads no Connexion: the command line needs none."""

from gateway.access.accounts import Accounts
from gateway.access.identity import Identity
from gateway.access.jwks import FETCH_TIMEOUT, MAX_BYTES
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimiter
from gateway.access.proofs import Proofs, of_settings
from gateway.access.states import States
from gateway.access.tokens import TokenIssuer
from gateway.access.users import Users
from gateway.catalog.catalog import Catalog
from gateway.changes import Changes
from gateway.connectors import Connectors
from gateway.credentials.keeper import Keeper
from gateway.credentials.store import Credentials
from gateway.credentials.vault import Vault
from gateway.errors import UpstreamError
from gateway.gate import Gate
from gateway.http.idempotency import Idempotency
from gateway.issuers import Issuers
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request
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
        response = await outbound.send(Request(method="GET", url=url, timeout=FETCH_TIMEOUT, max_bytes=MAX_BYTES))
        if response.status != 200:
            raise UpstreamError(f"it answered {response.status}")
        return response.body

    catalog = Catalog(store)
    vault = Vault(secrets.ring)
    own = of_settings(settings, fetch)
    issuers = Issuers(store, vault, fetch, settings, own)
    return Gate(
        settings=settings,
        store=store,
        accounts=Accounts(store, keys),
        keys=keys,
        identity=Identity(keys, Proofs(own, issuers.find), Users(store)),
        issuers=issuers,
        limiter=RateLimiter(settings.rate_limit),
        servers=Servers(store, TokenIssuer(secrets.token_key), settings.public_url),
        catalog=catalog,
        connectors=Connectors(store, catalog, outbound, guard),
        credentials=Credentials(store, vault),
        keeper=Keeper(store, vault),
        idempotency=Idempotency(store, vault),
        outbound=outbound,
        states=States(secrets.token_key),
        changes=Changes(store),
    )
