"""What renews tokens, put together as gateway.assembly does, for one user of one connector."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update

from gateway.catalog.loader import load
from gateway.catalog.model import Connector
from gateway.credentials.keeper import Keeper
from gateway.credentials.model import Secret
from gateway.credentials.oauth.asking import Asking
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.leases import Leases
from gateway.credentials.oauth.refresh import Refresher
from gateway.credentials.oauth.tokens import TokenClient
from gateway.credentials.store import Credentials
from gateway.credentials.vault import Vault
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.secrets import KeyRing
from storage.identities import ensure_user
from storage.opening import open_store
from storage.sqlite import SQLiteStore
from storage.tables import credentials as table
from storage.times import now
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform

LEASE = 3


@dataclass
class Process:
    """What one process has of its own; several share the file."""

    store: SQLiteStore
    outbound: OutboundClient
    refresher: Refresher
    credentials: Credentials
    keeper: Keeper
    leases: Leases

    @classmethod
    def of(cls, path: Path) -> "Process":
        store, vault, guard = open_store(path), Vault(KeyRing({"k1": b"k" * 32})), Guard(("127.0.0.0/8",))
        outbound = OutboundClient(guard)
        credentials, configs = Credentials(store, vault), AuthConfigs(store, vault)
        leases = Leases(store, credentials, seconds=LEASE)
        refresher = Refresher(leases, Asking(configs, TokenClient(outbound), guard))
        return cls(store, outbound, refresher, credentials, Keeper(store, vault), leases)

    async def close(self) -> None:
        await self.refresher.close()
        await self.outbound.close()
        await self.store.close()


@dataclass
class Bench:
    path: Path
    platform: OAuthPlatform
    connector: Connector
    processes: list[Process]
    auth_config_id: str
    noted: list[str] = field(default_factory=list)

    @classmethod
    async def make(cls, path: Path, platform: OAuthPlatform) -> "Bench":
        process = Process.of(path)
        await process.store.write(lambda connection: ensure_user(connection, "default", "ann", now(), new_account=True))
        connector = load(platform.document(), connector_id="ledger")
        configs = AuthConfigs(process.store, Vault(KeyRing({"k1": b"k" * 32})))
        values = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
        row = await configs.create("default", connector, values, also=lambda *_: None)
        return cls(path, platform, connector, [process], row.auth_config_id)

    @property
    def first(self) -> Process:
        return self.processes[0]

    def another(self) -> Process:
        self.processes.append(Process.of(self.path))
        return self.processes[-1]

    async def close(self) -> None:
        for process in self.processes:
            await process.close()

    async def connect(self, expires_in: int | None = -1, kind: str = "oauth2", **data: str) -> Secret:
        """A stored credential whose token ends in so many seconds."""
        credential_id = await self.first.credentials.create(
            "default",
            "ann",
            "ledger",
            kind,
            "Mine",
            {**(self.platform.grant() if kind == "oauth2" else {}), **data},
            auth_config_id=self.auth_config_id if kind == "oauth2" else None,
            expires_at=None if expires_in is None else int(time.time()) + expires_in,
        )
        return await self.stored(credential_id)

    async def stored(self, credential_id: str) -> Secret:
        standing = await self.first.leases.read("default", credential_id)
        assert standing is not None
        return standing.secret

    async def row(self, credential_id: str) -> Any:
        return await self.first.store.one(select(table).where(table.c.credential_id == credential_id))

    async def set(self, credential_id: str, **values: Any) -> None:
        def job(connection: Connection) -> None:
            connection.execute(update(table).where(table.c.credential_id == credential_id).values(**values))

        await self.first.store.write(job)

    async def fresh(self, secret: Secret, process: Process | None = None, seconds: float = 10.0) -> Secret:
        return await (process or self.first).refresher.fresh(
            "default", "ann", self.connector, secret, seconds, self._note
        )

    async def after_refusal(self, secret: Secret, process: Process | None = None) -> Secret | None:
        return await (process or self.first).refresher.after_refusal(
            "default", "ann", self.connector, secret, 10.0, self._note
        )

    def _note(self, _connection: Connection, outcome: str) -> None:
        self.noted.append(outcome)
