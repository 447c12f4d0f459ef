"""A platform with OAuth 2.0 as a connector of a running service, and what becomes of its tokens."""

import asyncio
import sqlite3
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.assembly import build_gate
from gateway.settings import Settings
from support.oauth_platform import CLIENT_ID, CLIENT_SECRET, OAuthPlatform
from support.service import Service


@dataclass
class Ledger:
    """A platform as a connector of a service."""

    service: Service
    platform: OAuthPlatform
    connector: str
    auth_config_id: str = ""
    # Of the credential that was connected last.
    last: str = "0" * 24
    account: str = "default"

    @classmethod
    def add(cls, service: Service, platform: OAuthPlatform, register: bool = True, **document: Any) -> "Ledger":
        connector = f"ledger-{uuid.uuid4().hex[:8]}"
        made = service.client().post("/connectors", json={"id": connector, "document": platform.document(**document)})
        assert made.status_code == 201, made.text
        ledger = cls(service, platform, connector)
        if register:
            body = {"connectorId": connector, "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}
            stored = service.client().post("/auth-configs", json=body)
            assert stored.status_code == 201, stored.text
            ledger.auth_config_id = stored.json()["authConfigId"]
        return ledger

    def connect(self, expires_in: int | None = -1, user: str = "admin", **data: str) -> str:
        """Store what a sign-in gives, from another process's point of view."""

        async def store() -> str:
            gate = build_gate(Settings(data_dir=self.service.data_dir))
            try:
                return await gate.credentials.create(
                    self.account,
                    user,
                    self.connector,
                    "oauth2",
                    "Mine",
                    {**self.platform.grant(), **data},
                    auth_config_id=self.auth_config_id,
                    expires_at=None if expires_in is None else int(time.time()) + expires_in,
                )
            finally:
                await gate.close()

        self.last = asyncio.run(store())
        return self.last

    def execute(self, action: str = "listItems", client: httpx.Client | None = None, **body: Any) -> httpx.Response:
        client = client or self.service.client()
        return client.post(
            f"/connectors/{self.connector}/actions/{action}/execute", json={"credentialId": self.last, **body}
        )

    def listed(self) -> list[dict[str, Any]]:
        found = self.service.client().get(f"/connectors/{self.connector}/credentials").json()["credentials"]
        assert isinstance(found, list)
        return found

    def delete(self, credential_id: str) -> Any:
        answer = self.service.client().delete(f"/connectors/{self.connector}/credentials/{credential_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def recorded(self, event: str, what: str = "outcome") -> list[str]:
        """The outcomes of the events of this connector, or another column of them."""
        with closing(sqlite3.connect(self.service.data_dir / "toolgate.db")) as database:
            query = f"SELECT {what} FROM audit WHERE connector_id = ? AND event = ? ORDER BY audit_id"
            return [row[0] for row in database.execute(query, (self.connector, event))]
