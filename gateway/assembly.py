"""Makes the parts of the service from the settings. Loads no Connexion: the command line needs none."""

from gateway.access.accounts import Accounts
from gateway.access.identity import Identity
from gateway.access.jwt import JwtVerifier
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimiter
from gateway.access.states import States
from gateway.access.tokens import TokenIssuer
from gateway.access.users import Users
from gateway.backup.restoring import refuse_unfinished
from gateway.catalog.catalog import Catalog
from gateway.changes import Changes
from gateway.connectors import Connectors
from gateway.credentials.belonging import Belonging
from gateway.credentials.keeper import Keeper
from gateway.credentials.store import Credentials
from gateway.credentials.vault import Vault
from gateway.gate import Gate
from gateway.http.idempotency import Idempotency
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request
from gateway.secrets import RingFile, load_or_create
from gateway.servers import Servers
from gateway.settings import Settings
from storage.opening import open_store

DATABASE = "toolgate.db"


def build_gate(settings: Settings) -> Gate:
    """Open the store and make the parts.

    Raises StoreError, SecretsError or BackupError with a sentence for the operator.
    """
    refuse_unfinished(settings.data_dir)
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
    vault = Vault(secrets.ring, again=RingFile(settings.data_dir).again, sealing=store.sealing)
    return Gate(
        settings=settings,
        store=store,
        accounts=Accounts(store, keys),
        keys=keys,
        identity=Identity(keys, JwtVerifier(settings, fetch), Users(store)),
        limiter=RateLimiter(settings.rate_limit),
        servers=Servers(store, TokenIssuer(secrets.token_key), settings.public_url),
        catalog=catalog,
        connectors=Connectors(store, catalog, outbound, guard),
        belonging=Belonging(store, settings.data_dir, secrets),
        credentials=Credentials(store, vault),
        keeper=Keeper(store, vault),
        idempotency=Idempotency(store, vault),
        outbound=outbound,
        states=States(secrets.token_key),
        changes=Changes(store),
    )
