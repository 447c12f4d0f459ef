"""Makes the parts of the service from the settings. Loads no Connexion: the command line needs none."""

from typing import Any

from sqlalchemy import Connection, Row

from gateway.access.accounts import Accounts
from gateway.access.caller import Caller
from gateway.access.chain_key import audit_key
from gateway.access.cursors import Cursors
from gateway.access.identity import Identity
from gateway.access.jwks import FETCH_TIMEOUT, MAX_BYTES, Fetch
from gateway.access.keys import ApiKeys
from gateway.access.limits import RateLimits
from gateway.access.proofs import Proofs, of_settings
from gateway.access.states import States
from gateway.access.tokens import TokenIssuer
from gateway.access.trail import record
from gateway.access.under_way import UnderWay
from gateway.access.users import Users
from gateway.approvals import Approvals
from gateway.audit import AuditTrail
from gateway.backup.restoring import refuse_unfinished
from gateway.catalog.catalog import Catalog
from gateway.changes import Changes
from gateway.connectors import Connectors
from gateway.credentials.belonging import Belonging
from gateway.credentials.keeper import Keeper
from gateway.credentials.oauth.arrivals import Arrivals
from gateway.credentials.oauth.asking import Asking
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.flows import Flows
from gateway.credentials.oauth.leases import Leases
from gateway.credentials.oauth.proofs import Proofs as SignInProofs
from gateway.credentials.oauth.refresh import Refresher
from gateway.credentials.oauth.tokens import TokenClient
from gateway.credentials.store import Credentials
from gateway.credentials.vault import Vault
from gateway.errors import UpstreamError
from gateway.gate import Gate
from gateway.http.browsers import Browsers
from gateway.http.idempotency import Idempotency
from gateway.http.sign_in_pages import Pages
from gateway.issuers import Issuers
from gateway.outbound.guard import Guard
from gateway.outbound.late import LateClient
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
    sealing = audit_key(secrets.token_key)
    store = open_store(path, sealing)
    # One that began meanwhile found nobody here.
    refuse_unfinished(settings.data_dir)
    guard = Guard(settings.egress_allow)
    outbound = LateClient(guard)
    keys = ApiKeys(store)

    def fetch_for(account_id: str) -> Fetch:
        async def fetch(url: str) -> bytes:
            request = Request("GET", url, timeout=FETCH_TIMEOUT, max_bytes=MAX_BYTES, tenant=account_id)
            response = await outbound.send(request)
            if response.status != 200:
                raise UpstreamError(f"it answered {response.status}")
            return response.body

        return fetch

    catalog = Catalog(store)
    vault = Vault(secrets.ring, again=RingFile(settings.data_dir).again, sealing=store.sealing)
    own = of_settings(settings, fetch_for(""))
    issuers = Issuers(store, vault, fetch_for, settings, own)
    credentials, auth_configs, users = Credentials(store, vault), AuthConfigs(store, vault), Users(store)
    tokens = TokenClient(outbound)
    keeper = Keeper(store, vault)
    flows = Flows(
        store, vault, auth_configs, catalog, users, guard, SignInProofs(secrets.token_key), settings.public_url
    )
    return Gate(
        settings=settings,
        store=store,
        accounts=Accounts(store, keys),
        keys=keys,
        identity=Identity(keys, Proofs(own, issuers.find), users),
        issuers=issuers,
        limits=RateLimits(settings.rate_limit, settings.user_limit, settings.failure_limit),
        under_way=UnderWay(settings.max_calls_server, settings.max_calls_account),
        servers=Servers(store, TokenIssuer(secrets.token_key), settings.public_url),
        catalog=catalog,
        connectors=Connectors(store, catalog, outbound, guard),
        belonging=Belonging(store, settings.data_dir, secrets),
        credentials=credentials,
        keeper=keeper,
        auth_configs=auth_configs,
        flows=flows,
        arrivals=Arrivals(flows, tokens, outbound, credentials, keeper, _connected),
        refresher=Refresher(Leases(store, credentials), Asking(auth_configs, tokens, guard)),
        browsers=Browsers(settings.public_url),
        pages=Pages(settings.public_url),
        guard=guard,
        idempotency=Idempotency(store, vault),
        outbound=outbound,
        states=States(secrets.token_key),
        changes=Changes(store),
        approvals=Approvals(store, vault),
        audit=AuditTrail(store, path, sealing, Cursors(secrets.token_key)),
    )


def _connected(connection: Connection, row: Row[Any]) -> None:
    """A sign-in on record, as done by whoever asked for it."""
    caller = Caller(account_id=row.account_id, user_id=row.user_id, principal_id=row.user_id, door=row.door)
    record(connection, caller, "credential.connect", connector_id=row.connector_id)
